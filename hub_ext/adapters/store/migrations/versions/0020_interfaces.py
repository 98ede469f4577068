"""How the server of an image is started and reached; until now it was our images' own start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_READ = ["GET", "HEAD"]
_POLLS = [
    (_READ, r"api/?"),
    (_READ, r"api/(?:kernels|sessions|terminals|kernelspecs)(?:/[^/]+)?"),
    (_READ, r"api/kernels/[^/]+/channels"),
    (_READ, r"terminals/websocket/[^/]+"),
    (_READ, r"api/contents(?:/.*)?"),
    (_READ, r"api/(?:status|me|config/.*|metrics.*|events/subscribe)"),
    (_READ, r"kernelspecs/.*"),
    (_READ, r"lab/api/.*"),
    (["PUT"], r"lab/api/workspaces/.*"),
    (_READ, r"(?:static|lab/static|lab/extensions|nbextensions|custom)/.*"),
    (_READ, r"(?:favicon\.ico|manifest\.webmanifest|service-worker\.js|logo)"),
    (_READ, r"lsp/status"),
]
_UNTIL_NOW = {
    "kind": "jupyter",
    "command": ["/opt/hub-ext/start", "jupyter-lab"],
    "port": 8888,
    "prefix": "kept",
    "ready_path": "api",
    "polls": [{"methods": methods, "path": path} for methods, path in _POLLS],
    "secret": {"variable": "JUPYTER_TOKEN", "scheme": "token"},
}


def upgrade() -> None:
    op.drop_column("images", "interface")
    op.add_column("images", sa.Column("interface", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("images", sa.Column("allowed_env", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("launches", sa.Column("interface", sa.JSON(), nullable=False, server_default="{}"))
    for name in ("images", "launches"):
        table = sa.table(name, sa.column("interface", sa.JSON()))
        op.execute(sa.update(table).values(interface=_UNTIL_NOW))
