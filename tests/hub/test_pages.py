"""Every page in two languages, in that of whoever asks."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from types import SimpleNamespace

import pytest
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH

from hub_ext.expression.languages import accepted_language
from hub_ext.hub import failures, form, pages, progress
from hub_ext.hub.french import FRENCH

# The Hub's own words, which reach our templates as values.
OF_THE_HUB = {
    "Invalid username or password",
    "Login form invalid or expired. Try again.",
    "Forbidden",
    "Not Found",
    "No access to resources or resources not found",
    "Bad Request",
    "Internal Server Error",
    "Service Unavailable",
}


def texts_in_templates() -> set[str]:
    found = set()
    for template in pages.TEMPLATES.glob("*.html"):
        for quoted in re.finditer(r"""\b_\(\s*(?:"([^"]*)"|'([^']*)')""", template.read_text()):
            found.add(quoted[1] or quoted[2])
    return found


def texts_in_code() -> set[str]:
    found = {text for _, text in progress._SHOWN.values()}
    found |= set(failures.CAUSES.values()) | {text for _, text in failures._CLASSES}
    found |= {failures.OTHERWISE, failures.TELL, form.DEPRECATED, form.GRANTED, form.GONE}
    for source in pages.TEMPLATES.parent.glob("*.py"):
        found |= set(re.findall(r"""\btranslated\(\s*"([^"]*)",""", source.read_text()))
    return found


def test_every_text_has_its_french() -> None:
    used = texts_in_templates() | texts_in_code() | OF_THE_HUB
    assert len(used) > 50
    assert used - set(FRENCH) == set()
    assert set(FRENCH) - used == set()


def test_the_french_keeps_what_is_filled_in() -> None:
    for english, french in FRENCH.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", french)), english


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("en-GB,en;q=0.5,fr;q=0.9", "en"),
        ("de, fr;q=0.3, en;q=0.2", "fr"),
        ("de", ""),
        ("", ""),
        ("fr;q=0, en;q=0.1", "en"),
        ("fr;q=nan.5.5", ""),
        ("a" * 10**6, ""),
    ],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert accepted_language(header) == language


def request(header: str = "", cookie: str = "") -> SimpleNamespace:
    return SimpleNamespace(headers={"Accept-Language": header}, cookies=SimpleCookie(cookie))


def test_a_choice_on_the_page_goes_first() -> None:
    assert pages.request_language(request("en", "hub-ext-language=fr")) == "fr"
    assert pages.request_language(request("en", "hub-ext-language=xx")) == "en"
    assert pages.request_language(request("de"), otherwise="fr") == "fr"
    assert pages.request_language(None, otherwise="fr") == "fr"


class Handler:
    """The one thing of a handler that the Hub hands to templates, for a reader of French."""

    request = request("fr")

    def static_url(self, path: str, **_: object) -> str:
        return f"/static/{path}"


def rendered(template: str, **shown: object) -> str:
    """As the Hub makes its environment."""
    stock = f"{DATA_FILES_PATH}/templates"
    environment = Environment(
        loader=ChoiceLoader(
            [
                PrefixLoader({"templates": FileSystemLoader([stock])}, "/"),
                FileSystemLoader([str(pages.TEMPLATES), stock]),
            ]
        ),
        autoescape=True,
        extensions=[pages.TwoLanguages],
    )
    return environment.get_template(template).render(
        static_url=Handler().static_url, base_url="/hub/", **shown
    )


def test_templates_know_the_request_and_escape() -> None:
    page = rendered("login.html", username="<script>", login_error="<b>")
    assert "Mot de passe" in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page
    assert 'lang = "fr"' in page


@pytest.mark.parametrize(
    ("message", "heading"),
    [
        ("alice is already running", "Ce serveur a déjà été démarré"),
        ("alice:second is pending spawn", "Ce serveur a déjà été démarré"),
        ("alice is pending stop", "Votre serveur s’arrête"),
        ("_xsrf argument missing", "400 · Requête incorrecte"),
    ],
)
def test_a_second_start_is_explained(message: str, heading: str) -> None:
    page = rendered("error.html", status_code=400, status_message="Bad Request", message=message)
    assert re.findall("<h1>(.*)</h1>", page) == [heading]
