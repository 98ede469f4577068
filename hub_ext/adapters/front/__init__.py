"""nginx as the one door: its configuration, the list of headers that pass, and the pages it answers with itself."""

from hub_ext.adapters.front.configuration import HEADERS_FILE, FrontSettings, TlsFiles, configuration, headers
from hub_ext.adapters.front.pages import pages

__all__ = ["HEADERS_FILE", "FrontSettings", "TlsFiles", "configuration", "headers", "pages"]
