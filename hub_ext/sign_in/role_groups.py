"""The site's roles at the Hub: groups that carry them, and the scopes that the groups' roles give.

A role is held in our store, or vouched for by a group of the sign-in provider. The Hub gives scopes to
groups, so each role has two groups of its own, one for each origin. Nobody else may name a group like ours:
what a provider calls so is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from hub_ext.model import Person, SiteRole
from hub_ext.settings import ROLE_GROUP_PREFIX, Settings

SCOPES = {
    SiteRole.CURATOR: "custom:hub-ext:curate",
    SiteRole.STEWARD: "custom:hub-ext:steward",
    SiteRole.OPERATOR: "custom:hub-ext:operate",
    SiteRole.AUDITOR: "custom:hub-ext:audit",
}
# Says beside the scope itself that the provider, not our store, gave the role.
GIVEN_SCOPES = {role: scope.replace("hub-ext:", "hub-ext:given:") for role, scope in SCOPES.items()}
DESCRIPTIONS = {
    SiteRole.CURATOR: "Look after the catalogue of images",
    SiteRole.STEWARD: "Look after datasets, projects and grants",
    SiteRole.OPERATOR: "Look after sessions and GPUs; opens nobody's server",
    SiteRole.AUDITOR: "Read everything, change nothing",
}
ALL_SCOPES = (*SCOPES.values(), *GIVEN_SCOPES.values())


def without_ours(groups: Iterable[str]) -> frozenset[str]:
    """The groups that the provider may speak of."""
    return frozenset(group for group in groups if not group.startswith(ROLE_GROUP_PREFIX))


def group_of(role: SiteRole, *, given: bool = False) -> str:
    """The Hub's group of those who hold the role from our store, or are given it by the provider."""
    return f"{ROLE_GROUP_PREFIX}{'given:' if given else ''}{role}"


def hub_groups(person: Person | None, groups: Iterable[str], settings: Settings) -> list[str]:
    """All groups of the Hub of a person whom the provider puts into `groups`."""
    theirs = without_ours(groups)
    if person is None or person.ended:
        return sorted(theirs)
    held = {group_of(role) for role in person.roles}
    given = {group_of(role, given=True) for group, role in settings.role_groups if group in theirs}
    return sorted(theirs | held | given)


def hub_roles() -> list[dict[str, Any]]:
    """For `c.JupyterHub.load_roles`: what each of our groups may at the Hub."""
    return [
        {
            "name": f"hub-ext-{'given-' if given else ''}{role}",
            "description": DESCRIPTIONS[role],
            "scopes": [SCOPES[role], *([GIVEN_SCOPES[role]] if given else [])],
            "groups": [group_of(role, given=given)],
        }
        for role in SiteRole
        for given in (False, True)
    ]


def custom_scopes() -> dict[str, dict[str, str]]:
    """For `c.JupyterHub.custom_scopes`. No scope implies another."""
    own = {SCOPES[role]: {"description": DESCRIPTIONS[role]} for role in SiteRole}
    given = {
        GIVEN_SCOPES[role]: {"description": f"{DESCRIPTIONS[role]}, by a group of the sign-in provider"}
        for role in SiteRole
    }
    return own | given


def held_scopes(scopes: Collection[str]) -> tuple[frozenset[SiteRole], frozenset[SiteRole]]:
    """The roles that these scopes carry, and those of them for which the provider vouches."""
    return (
        frozenset(role for role, scope in SCOPES.items() if scope in scopes),
        frozenset(role for role, scope in GIVEN_SCOPES.items() if scope in scopes),
    )
