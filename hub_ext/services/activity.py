"""Where notebook servers tell the Hub what their kernels do, and where the culler reads it.

The Hub keeps one time of last activity per server, which cannot tell a kernel that has been busy for a
week from a person who types, and moves with every request that passes the proxy, those of a tab that nobody
looks at included. Our images therefore report their kernels, and when they were last used, once a minute with
the server's own token. Reports are kept in the Hub's memory only: after a restart they are unknown until the
next report, and unknown is never idle.

A server can say what it likes about its own kernels. The worst it gains is not to be culled, as with a cell
that keeps it busy; the end of a right does not ask it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import has_scope, needs_scope
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from tornado import web

MOST_BYTES = 64 * 1024


class KernelReport(BaseModel):
    """One kernel of a report."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=64)
    state: str = Field(max_length=32)
    busy_since: AwareDatetime | None = None
    last_activity: AwareDatetime | None = None


class ServerReport(BaseModel):
    """What a server says once a minute."""

    model_config = ConfigDict(extra="forbid")

    server: str = Field(max_length=64)
    kernels: list[KernelReport] = Field(max_length=256)
    terminals: int = Field(ge=0, le=10_000)
    last_activity: AwareDatetime | None = None  # None: images made before it was told


_reports: dict[str, dict[str, Any]] = {}


class ReportHandler(APIHandler):
    """POST by a notebook server, with its own token."""

    @needs_scope("users:activity")
    def post(self, user_name: str) -> None:
        """Keep the report under the launch that the server belongs to."""
        if len(self.request.body) > MOST_BYTES:
            raise web.HTTPError(413)
        try:
            report = ServerReport.model_validate_json(self.request.body)
        except ValidationError as error:
            raise web.HTTPError(400, "not a report of kernels") from error
        user = self.find_user(user_name)
        spawner = user and user.spawners.get(report.server)
        launch_id = getattr(spawner, "launch_id", "")
        if not spawner or not spawner.active or not launch_id:
            raise web.HTTPError(404)
        # `users:activity` is for all servers of a person; a server of one project says nothing of another's.
        if not has_scope(f"access:servers!server={user.name}/{spawner.name}", self.parsed_scopes, db=self.db):
            raise web.HTTPError(404)
        facts = report.model_dump(mode="json", exclude={"server"})
        _reports[launch_id] = {**facts, "reported": datetime.now(UTC).isoformat()}
        self.set_status(204)


class KernelsHandler(APIHandler):
    """GET by the culler: every report in one answer."""

    @needs_scope("admin:server_state")
    def get(self) -> None:
        """The newest report of each running launch, by launch id; ended ones are forgotten."""
        # What people do is activity: whoever reads only which launches run has no use for it.
        if not has_scope("read:users:activity", self.parsed_scopes, db=self.db):
            raise web.HTTPError(403)
        running = {
            getattr(spawner, "launch_id", "")
            for user in self.users.values()
            for spawner in user.spawners.values()
            if spawner.active
        }
        for launch_id in set(_reports) - running:
            del _reports[launch_id]
        self.write(json.dumps(_reports))


# The Hub calls extra_handlers deprecated in favour of services. A service would need a second port open to
# the notebooks, which reach the Hub's port and nothing else.
HANDLERS = [
    (r"/api/hub-ext/kernels/([^/]+)", ReportHandler),
    (r"/api/hub-ext/kernels", KernelsHandler),
]
