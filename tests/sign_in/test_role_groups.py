"""Roles become groups of the Hub; a provider cannot name a group like ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from traitlets.config import Config

from hub_ext.config import HubExt
from hub_ext.errors import SettingsError
from hub_ext.model import Person, SiteRole
from hub_ext.settings import Settings
from hub_ext.sign_in.role_groups import custom_scopes, held_scopes, hub_groups, hub_roles

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ADA = Person("per-1", "demo", "ada", "ada", "Ada", 20000, NOW, roles=(SiteRole.CURATOR,))
SETTINGS = Settings(Path("/none"), role_groups=(("it-staff", SiteRole.OPERATOR),))


def test_roles_of_the_store_and_of_the_provider_are_told_apart() -> None:
    groups = hub_groups(ADA, ["it-staff", "lab"], SETTINGS)
    assert groups == ["hub-ext:curator", "hub-ext:given:operator", "it-staff", "lab"]


def test_a_group_of_the_provider_named_like_ours_is_left_out() -> None:
    nobody = replace(ADA, roles=())
    assert hub_groups(nobody, ["hub-ext:steward", "hub-ext:given:auditor", "lab"], SETTINGS) == ["lab"]


@pytest.mark.parametrize("person", [None, replace(ADA, ended=NOW)])
def test_who_is_not_known_or_ended_has_no_role(person: Person | None) -> None:
    assert hub_groups(person, ["it-staff"], SETTINGS) == ["it-staff"]


def test_each_group_carries_the_scopes_of_its_role_and_no_other() -> None:
    scopes = {role["groups"][0]: frozenset(role["scopes"]) for role in hub_roles()}
    assert len(scopes) == 2 * len(SiteRole)
    for role in SiteRole:
        assert held_scopes(scopes[f"hub-ext:{role}"]) == ({role}, frozenset())
        assert held_scopes(scopes[f"hub-ext:given:{role}"]) == ({role}, {role})
    assert frozenset().union(*scopes.values()) == set(custom_scopes())


def test_no_role_of_ours_opens_a_server() -> None:
    assert all(scope.startswith("custom:hub-ext:") for role in hub_roles() for scope in role["scopes"])


def test_the_setting_names_roles_and_groups() -> None:
    config = Config({"HubExt": {"state_dir": "/none", "role_groups": {"operator": ["it-staff", "ops"]}}})
    given = (("it-staff", SiteRole.OPERATOR), ("ops", SiteRole.OPERATOR))
    assert HubExt(config=config).settings().role_groups == given


@pytest.mark.parametrize(
    "setting",
    [
        {"admin": ["it-staff"]},
        {"operator": ["it-staff"], "steward": ["it-staff"]},
        {"operator": ["hub-ext:steward"]},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(setting: dict[str, list[str]]) -> None:
    config = Config({"HubExt": {"state_dir": "/none", "role_groups": setting}})
    with pytest.raises(SettingsError, match="role_groups"):
        HubExt(config=config).settings()
