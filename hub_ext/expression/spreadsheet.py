"""Values in files that people open in spreadsheets."""

from __future__ import annotations

from typing import Any


def cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
