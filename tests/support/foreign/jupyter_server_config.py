"""What such images say of every server; its command line says more."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.ip = "0.0.0.0"  # noqa: S104
c.ServerApp.open_browser = False
c.FileContentsManager.delete_to_trash = False
