"""A username that passes to another person brings nothing of theirs.

The Hub knows people by username only: its user, with sign-ins, tokens and running servers, is the same row
for whoever has the name now. The provider says who that is.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.orm import new_token

from hub_ext.flows import launch
from hub_ext.flows.site import Site
from hub_ext.sign_in import Identity


class StillTheirs(Exception):
    """A server of the former holder of the username could not be stopped yet."""


async def hand_over(
    site: Site, authenticator: Any, handler: Any, username: str, identity: Identity, person_id: str
) -> None:
    """Ends what another person left at the Hub under this username: servers, sign-ins and tokens.

    Nothing where the one who signs in now is the one who did before. Raises StillTheirs, and StoreError.
    """
    user = handler.find_user(username)
    if user is None:
        return
    for name, spawner in list(user.spawners.items()):
        if not spawner.active:
            continue
        if await launch.holder(site, getattr(spawner, "launch_id", "")) in (None, person_id):
            continue
        if not spawner.pending:
            await handler.stop_single_user(user, name)
        if spawner.active:
            raise StillTheirs(f"the server {name!r} of somebody who had this username still runs")
    if authenticator.identity(username, await user.get_auth_state()) != identity:
        _end_sign_ins(user)


def _end_sign_ins(user: Any) -> None:
    """Cookies and tokens of this user hold no more. Servers that run have none."""
    for token in list(user.orm_user.api_tokens):
        user.db.delete(token)
    for code in list(user.orm_user.oauth_codes):
        user.db.delete(code)
    user.orm_user.cookie_id = new_token()
    user.db.commit()
