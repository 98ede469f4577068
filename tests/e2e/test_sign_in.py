"""Sign-in through a real OpenID Connect provider: ways in and out, what changes there, and its failures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import launches, persons
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.flows import people
from hub_ext.model import Launch, LaunchState, StopReason, Verb
from hub_ext.settings import RegistrySettings
from tests.support.console import ConsoleVisitor, program
from tests.support.hub import Visitor, wait_for
from tests.support.oidc_hub import ACCESS_SECONDS, GRACE_SECONDS, HEARD_SECONDS, PASSWORD, OidcHub, running
from tests.support.provider_wire import Forgery
from tests.support.scenario import STEWARD

GOOD = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
FORGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
# One look of the Hub at the person, and what it takes to end a server.
ENDED_SECONDS = HEARD_SECONDS + ACCESS_SECONDS + 25


@pytest.fixture(scope="module")
def door(
    docker: EngineFacts,
    registry: RegistrySettings,
    stubs: dict[str, str],
    kept_state: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OidcHub]:
    with running(tmp_path_factory.mktemp("oidc"), kept_state, docker, registry, stubs) as hub:
        yield hub


@pytest.fixture(autouse=True)
def mended(door: OidcHub) -> Iterator[None]:
    """What a test does to the wire ends with it."""
    yield
    door.wire.down, door.wire.forge = False, None


def last_launch(door: OidcHub, username: str) -> Launch | None:
    """From the store: the Hub is not asked, so that no request of the person brings the provider's word."""
    with door.site.store.reading() as tx:
        person = persons.find_sign_in(tx, door.issuer, username)
        assert person is not None
        return launches.last_of(tx, person.id, "")


def state(door: OidcHub, username: str) -> LaunchState | None:
    launch = last_launch(door, username)
    return launch and launch.state


def started(door: OidcHub, username: str) -> Visitor:
    """Somebody whose server runs."""
    visitor = door.visitor(username)
    answer = visitor.api("POST", "server", GOOD)
    assert answer.status_code in (201, 202), answer.text
    visitor.wait_ready()
    return visitor


# --- in and out ---


def test_a_person_comes_in_and_leaves_in_a_browser(door: OidcHub, page: Page) -> None:
    page.goto(f"{door.url}/hub/login")
    page.get_by_role("button", name="Sign in with the demo’s provider").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("not it")
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong username or password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").click()
    expect(page).to_have_url(f"{door.url}/hub/spawn")
    page.get_by_role("link", name="Sign out").or_(page.get_by_role("button", name="Sign out")).first.click()
    # The provider asks whether to end its own session too.
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page).to_have_url(f"{door.url}/hub/login")
    page.goto(f"{door.url}/hub/home")
    page.get_by_role("button", name="Sign in with the demo’s provider").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_person_is_known_by_issuer_and_subject(door: OidcHub) -> None:
    """A renamed account is the same person; whoever gets the old name is another one."""
    zoe = people.add_person(door.site, STEWARD, issuer=door.issuer, subject="s-zoe", username="zoe")
    door.account("zoe", sub="s-other")
    answer = door.try_sign_in("zoe")[1]
    assert answer.status_code == 403, "while its owner has the name"
    assert "not registered here" in answer.text
    assert "pas ou plus inscrit" in answer.text
    door.account("zoe-durand", sub="s-zoe")
    door.visitor("zoe-durand")
    door.visitor("zoe")
    with door.site.store.reading() as tx:
        assert persons.get(tx, zoe.id).username == "zoe-durand"
        other = persons.find_sign_in(tx, door.issuer, "s-other")
    assert other is not None
    assert other.id != zoe.id


@pytest.mark.parametrize("path", ["?code=made-up&state=made-up", "?error=access_denied", ""])
def test_a_way_back_that_did_not_begin_here_is_refused(door: OidcHub, page: Page, path: str) -> None:
    page.set_extra_http_headers({"Accept-Language": "fr"})
    answer = page.goto(f"{door.url}/hub/oauth_callback{path}")
    assert answer is not None
    assert answer.status == 400
    expect(page.get_by_role("heading").first).to_be_visible()


# --- what the provider's administrator changes ---


def test_a_group_gained_and_lost_gives_and_takes_a_role(door: OidcHub) -> None:
    door.account("carol", groups=["staff"])
    carol = ConsoleVisitor(door.visitor("carol"))
    wait_for(lambda: carol.page().status_code == 200, 30)
    assert program(carol).call("GET", "me").json()["roles"] == []
    door.account("carol", groups=["staff", "image-makers"])
    wait_for(lambda: _roles(door, "carol") == ["curator"], 15)
    door.account("carol", groups=["staff"])
    wait_for(lambda: _roles(door, "carol") == [], 15)


def _roles(door: OidcHub, username: str) -> Any:
    """What somebody may who signs in to the console anew."""
    visitor = ConsoleVisitor(door.visitor(username))
    visitor.page()
    return program(visitor).call("GET", "me").json()["roles"]


def test_a_membership_waits_for_its_group(door: OidcHub) -> None:
    door.account("dora", groups=["staff"])
    dora = door.visitor("dora")
    refused = dora.api("POST", "server", GOOD)
    assert refused.status_code == 409, refused.text
    door.account("dora", groups=["staff", "lab"])
    time.sleep(HEARD_SECONDS)
    assert dora.api("POST", "server", GOOD).status_code in (201, 202)
    dora.wait_ready()
    dora.stop()


def test_groups_left_out_are_unknown_and_end_nothing(door: OidcHub) -> None:
    door.account("emil", groups=["lab"])
    emil = started(door, "emil")
    door.account("emil", groups=None)
    asked = len(door.wire.asked)
    wait_for(lambda: door.wire.asked[asked:].count("/me") > 3, 30)
    assert state(door, "emil") is LaunchState.RUNNING
    emil.stop()
    refused = emil.api("POST", "server", GOOD)
    assert refused.status_code == 409
    assert "sign-in" in refused.text


def test_who_leaves_a_group_is_ended_where_a_membership_asks_for_it(door: OidcHub) -> None:
    """Nobody asks the Hub for anything; the record says which word of the provider it was."""
    door.account("emil", groups=["lab"])
    emil = started(door, "emil")
    door.account("emil", groups=["staff"])
    wait_for(lambda: state(door, "emil") is LaunchState.ENDED, ENDED_SECONDS)
    launch = last_launch(door, "emil")
    assert launch is not None
    assert launch.stop_reason == StopReason.RIGHT_ENDED
    (left,) = (one for one in door.scenario.record(launch.person_id) if one.verb is Verb.PERSON_LEFT_GROUP)
    (stopping,) = (one for one in door.scenario.record(launch.id) if one.verb is Verb.LAUNCH_STOPPING)
    assert [(one["code"], one["event"]) for one in stopping.facts["cause"]] == [
        ("group-missing", left.sequence)
    ]
    assert emil.api("POST", "server", GOOD).status_code == 409


def test_who_is_blocked_is_ended_without_a_request(door: OidcHub) -> None:
    """Nobody asks the Hub for anything: it asks by itself."""
    ada = started(door, "ada")
    door.account("bob", groups=[])
    started(door, "bob")
    door.block("ada")
    try:
        wait_for(lambda: state(door, "ada") is LaunchState.ENDED, ENDED_SECONDS)
        launch = last_launch(door, "ada")
        assert launch is not None
        assert launch.stop_reason == StopReason.RIGHT_ENDED
        assert "launch.stopping" in door.scenario.verbs(launch.id)
        assert state(door, "bob") is LaunchState.RUNNING, "others are not touched"
        refused = ada.api("POST", "server", GOOD)
        assert refused.status_code in (401, 403), refused.text
    finally:
        door.account("ada")
        door.visitor("bob").stop()


# --- failures ---


def test_a_provider_that_is_down_ends_nothing_and_starts_end_with_the_grace(door: OidcHub) -> None:
    door.account("ada")
    ada = started(door, "ada")
    bob = door.visitor("bob")
    door.wire.down = True
    answer = bob.api("POST", "server", GOOD)
    assert answer.status_code in (201, 202), "within the grace"
    bob.wait_ready()
    bob.stop()
    time.sleep(GRACE_SECONDS + 1)
    refused = bob.api("POST", "server", GOOD)
    assert refused.status_code == 409, refused.text
    assert "sign-in" in refused.text
    assert state(door, "ada") is LaunchState.RUNNING
    assert door.try_sign_in("bob")[1].status_code == 503
    door.wire.down = False
    wait_for(lambda: bob.api("POST", "server", GOOD).status_code in (201, 202), 15)
    bob.wait_ready()
    bob.stop()
    assert state(door, "ada") is LaunchState.RUNNING, "its refresh tokens are still good"
    ada.stop()


def test_new_keys_of_the_provider_are_taken_up(door: OidcHub) -> None:
    ada = started(door, "ada")
    door.rotate_keys()
    door.visitor("bob")
    asked = len(door.wire.asked)
    wait_for(lambda: door.wire.asked[asked:].count("/token") > 1, 30)  # her refresh, after his sign-in
    assert state(door, "ada") is LaunchState.RUNNING
    ada.stop()


def forged(**changes: Any) -> Forgery:
    """An ID token with other claims, signed by somebody else under the provider's key id."""

    def forge(tokens: dict[str, Any]) -> None:
        header = jwt.get_unverified_header(tokens["id_token"])
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        tokens["id_token"] = jwt.encode(
            claims | changes, FORGER, algorithm="RS256", headers={"kid": header["kid"]}
        )

    return forge


def unsigned(tokens: dict[str, Any]) -> None:
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    tokens["id_token"] = jwt.encode(claims, None, algorithm="none")


def of_before(door: OidcHub) -> Forgery:
    """A token of the provider's own, made for somebody else."""
    seen: list[str] = []
    door.wire.forge = lambda tokens: seen.append(tokens["id_token"])
    door.visitor("bob")

    def forge(tokens: dict[str, Any]) -> None:
        tokens["id_token"] = seen[0]

    return forge


@pytest.mark.parametrize("kind", ["forged", "unsigned", "somebody else's", "left out"])
def test_a_wrong_id_token_opens_nothing(door: OidcHub, kind: str) -> None:
    forgeries = {
        "forged": forged(),
        "unsigned": unsigned,
        "somebody else's": of_before(door),
        "left out": lambda tokens: tokens.pop("id_token"),
    }
    door.wire.forge = forgeries[kind]
    session, answer = door.try_sign_in("carol", language="fr")
    assert answer.status_code == 403, answer.text
    assert "La connexion ne fonctionne pas" in answer.text
    assert "/hub/login" in session.get(f"{door.url}/hub/home", timeout=30).url
    door.wire.forge = None
    assert door.try_sign_in("carol")[1].status_code == 200


def test_a_wrong_id_token_ends_nothing(door: OidcHub) -> None:
    """Its refresh token is kept all the same: the old one is used up."""
    ada = started(door, "ada")
    door.wire.forge = forged()
    asked = len(door.wire.asked)
    wait_for(lambda: door.wire.asked[asked:].count("/token") > 1, 30)
    door.wire.forge = None
    time.sleep(ACCESS_SECONDS + HEARD_SECONDS)
    assert state(door, "ada") is LaunchState.RUNNING
    ada.stop()
