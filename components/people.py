"""Finding the people of the configuration in Entra: users by address, groups by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import pulumi
import pulumi_azuread as azuread

from components.lookups import LookupFailed, ask, ask_or_stop


class Standing(StrEnum):
    """What a person's Entra account means for a sign-in that matches by mail address."""

    MEMBER = "can sign in"
    DISABLED = "account is disabled in Entra"
    NO_MAIL = "has no mail address, so Mimecast cannot match the sign-in"
    OTHER_MAIL = "mail address differs from the one configured"


@dataclass(frozen=True, slots=True)
class Person:
    """A configured user as Entra knows it. ``address`` is the configured one, ``mail`` the live one (may be "")."""

    address: str
    object_id: str
    display_name: str
    mail: str
    user_principal_name: str
    enabled: bool

    @property
    def standing(self) -> Standing:
        """How this person's sign-in will go."""
        if not self.enabled:
            return Standing.DISABLED
        if not self.mail:
            return Standing.NO_MAIL
        return Standing.MEMBER if self.mail.lower() == self.address else Standing.OTHER_MAIL


@dataclass(frozen=True, slots=True)
class EntraGroup:
    """A configured group as Entra knows it."""

    name: str
    object_id: str
    direct_members: int


def find_users(addresses: Sequence[str]) -> list[Person]:
    """The users with these mail addresses or user principal names. Raises RunError naming all that are unknown."""
    if not addresses:
        return []
    by_mail = _users(mails=list(addresses))
    found = {user.mail.lower(): user for user in by_mail if user.mail}
    rest = [address for address in addresses if address not in found]
    if rest:
        found |= {user.user_principal_name.lower(): user for user in _users(user_principal_names=rest)}
    unknown = [address for address in addresses if address not in found]
    if unknown:
        raise pulumi.RunError(
            f"mimecast-sso:assign.users names {len(unknown)} of {len(addresses)} users that Entra does not know, "
            f"neither by mail address nor by user principal name: {', '.join(unknown)}. "
            "Correct the addresses, or create the users first."
        )
    return [
        Person(
            address=address,
            object_id=found[address].object_id,
            display_name=found[address].display_name,
            mail=found[address].mail,
            user_principal_name=found[address].user_principal_name,
            enabled=found[address].account_enabled,
        )
        for address in addresses
    ]


def _users(
    mails: list[str] | None = None, user_principal_names: list[str] | None = None
) -> Iterable[azuread.outputs.GetUsersUserResult]:
    result = ask_or_stop(
        "The users of mimecast-sso:assign.users could not be looked up in Entra",
        lambda: azuread.get_users(
            mails=mails, user_principal_names=user_principal_names, ignore_missing=True
        ),
    )
    return result.users


def find_groups(names: Sequence[str]) -> list[EntraGroup]:
    """The security groups with these display names. Raises RunError naming each one that is unknown or ambiguous."""
    groups, problems = [], []
    for name in names:
        try:
            group = ask(partial(azuread.get_group, display_name=name, security_enabled=True))
        except LookupFailed as failure:
            problems.append(_group_problem(name, str(failure)))
            continue
        groups.append(EntraGroup(name, group.object_id, len(group.members)))
    if problems:
        raise pulumi.RunError("\n".join(problems))
    return groups


def _group_problem(name: str, text: str) -> str:
    if "More than one group" in text:
        return (
            f'mimecast-sso:assign.groups names "{name}", and Entra has more than one security group of that name. '
            "Rename one of them; a group is found by its name."
        )
    if "No group found" in text:
        return (
            f'mimecast-sso:assign.groups names "{name}", and Entra has no security group of that name. '
            "Correct the name, or create the group first."
        )
    return f'mimecast-sso:assign.groups: "{name}" could not be looked up in Entra: {text}'
