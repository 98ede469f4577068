"""nginx as the one door: its configuration, the headers that pass, and the pages of its own."""

from hub_ext.adapters.front.configuration import HEADERS_FILE, FrontSettings, TlsFiles, headers_js, nginx_conf
from hub_ext.adapters.front.pages import page_files

__all__ = [
    "HEADERS_FILE",
    "FrontSettings",
    "TlsFiles",
    "headers_js",
    "nginx_conf",
    "page_files",
]
