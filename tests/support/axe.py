"""axe-core in a page: what keeps somebody with a keyboard or a screen reader from using it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path("node_modules/axe-core/axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def violations(page: Page, node: Path) -> list[str]:
    """One line for each thing that axe found; `node` is npm's folder of the tests."""
    page.evaluate((node / SCRIPT).read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]
