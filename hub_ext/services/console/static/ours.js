// The theme, as the Hub's own pages keep it; then small things that need the page to be there.
(function () {
  "use strict";
  var key = "jupyterhub-bs-theme";
  function preferred() {
    var dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    return localStorage.getItem(key) || (dark ? "dark" : "light");
  }
  function apply(theme) { document.documentElement.setAttribute("data-bs-theme", theme); }
  apply(preferred());

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-theme-toggle]").forEach(function (button) {
      button.addEventListener("click", function () {
        var theme = preferred() === "dark" ? "light" : "dark";
        localStorage.setItem(key, theme);
        apply(theme);
      });
    });
    // Whoever cannot see the page hears first why a form was not taken.
    var first = document.querySelector("[data-first]");
    if (first) { first.focus(); }
  });
  // What cannot be taken back asks once more.
  document.addEventListener("submit", function (event) {
    var asked = event.submitter && event.submitter.dataset.ask;
    if (asked && !window.confirm(asked)) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);
})();
