"""The demo's own sign-in provider: OpenID Connect beside the Hub, as an institution has it.

The program is deploy/oidc/provider.mjs. Its file, mode 600, says:
`issuer`, `client` (OpenID Connect's client metadata), `accounts` by username (`sub`, `name`, `email`,
`groups`, `password`), `seconds` (lifetimes of `access_token`, `id_token`, `refresh_token`) and
`claims_in_id_token`.
"""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hub_ext.cli.setup.children import Child
from hub_ext.cli.setup.children import start as start_child
from hub_ext.cli.setup.choices import free_ports
from hub_ext.cli.setup.layout import CHECKOUT, Layout, kept_secret, write_file, write_private
from hub_ext.errors import SettingsError
from hub_ext.flows import demo

CLIENT_ID = "hub-ext"
SECONDS = {"access_token": 300, "id_token": 300, "refresh_token": 30 * 86_400}
# offline_access: work that runs overnight outlives the browser's session at the provider.
SCOPES = ("openid", "profile", "email", "groups", "offline_access")
_READY_SECONDS = 20

_SETTINGS = """\
# Written by `hub-ext run --oidc`: changes made here are lost.
c = get_config()  # noqa: F821
c.HubExt.sign_in = "oauth"
"""


def choose(layout: Layout) -> None:
    """From now on people of this instance sign in through a provider of its own.

    Raises SettingsError where they signed in another way before.
    """
    if layout.provider_file.exists():
        return
    if layout.settings_file.exists():
        raise SettingsError(
            f"The instance at {layout.state} has another sign-in already: its people would be others.",
            advice="Name another folder: HUB_EXT_STATE=.state/oidc.",
        )
    layout.make()
    port = free_ports(zlib.crc32(str(layout.state).encode()), 1)[0]
    held = {"issuer": f"http://127.0.0.1:{port}", "client": {"client_secret": secrets.token_hex(32)}}
    write_private(layout.provider_file, json.dumps(held, indent=1) + "\n")


def issuer(layout: Layout) -> str:
    """The issuer of the instance's own provider; "" where it has none."""
    return str(_held(layout)["issuer"]) if layout.provider_file.exists() else ""


def write_settings(layout: Layout, url: str) -> None:
    """What the Hub behind `url` must know of the provider; nothing where the instance has none."""
    if not layout.provider_file.exists():
        return
    held = _held(layout)
    write_private(layout.secrets / "oauth-client-secret", held["client"]["client_secret"])
    kept_secret(layout.secrets / "auth-state-key")
    lines = [f"c.CuratedOAuthenticator.{name} = {value!r}\n" for name, value in _traits(held, url).items()]
    write_file(layout.provider_settings_file, "".join([_SETTINGS, *lines]))


def demo_accounts(passwords: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The demo's people as accounts of the provider."""
    return {
        somebody.username: {
            "sub": somebody.username,
            "name": somebody.display_name,
            "email": f"{somebody.username}@hospital.example",
            "groups": ["staff"],
            "password": passwords[somebody.username],
        }
        for somebody in demo.PEOPLE
    }


def start(layout: Layout, url: str, accounts: Mapping[str, Any], **other: Any) -> Child:
    """The provider, ready; `other` replaces what its file says besides. Raises ChildFailed."""
    held = _held(layout)
    held["client"] |= {
        "client_id": CLIENT_ID,
        "redirect_uris": [f"{url}/hub/oauth_callback"],
        "post_logout_redirect_uris": [f"{url}/hub/login"],
    }
    held |= {"accounts": accounts, "seconds": SECONDS, "claims_in_id_token": False} | other
    write_private(layout.provider_file, json.dumps(held, indent=1) + "\n")
    program = CHECKOUT / "deploy" / "oidc" / "provider.mjs"
    child = start_child(
        "The sign-in provider",
        [
            str(layout.node / "node"),
            str(program),
            str(layout.node / "node_modules"),
            str(layout.provider_file),
        ],
        layout.logs / "provider.log",
        environment={"PATH": os.environ["PATH"]},
    )
    try:
        child.wait_ready(lambda: _answers(held["issuer"]), _READY_SECONDS)
    except BaseException:
        child.stop()
        raise
    return child


def _traits(held: Mapping[str, Any], url: str) -> dict[str, Any]:
    where = held["issuer"]
    return {
        "issuer": where,
        "login_service": "the demo’s provider",
        "client_id": CLIENT_ID,
        "authorize_url": f"{where}/auth",
        "token_url": f"{where}/token",
        "userdata_url": f"{where}/me",
        "jwks_url": f"{where}/jwks",
        "scope": list(SCOPES),
        "username_claim": "preferred_username",
        "auth_state_groups_key": "oauth_user.groups",
        "oauth_callback_url": f"{url}/hub/oauth_callback",
        "logout_redirect_url": f"{where}/session/end?client_id={CLIENT_ID}"
        f"&post_logout_redirect_uri={quote(f'{url}/hub/login', safe='')}",
    }


def _held(layout: Layout) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(layout.provider_file.read_text(encoding="utf-8"))
    return held


def _answers(where: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{where}/.well-known/openid-configuration", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
