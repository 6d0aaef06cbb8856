"""Finding the people of the configuration in Entra: users by address, groups by name, with their direct members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import pulumi

from providers.entra import people
from providers.entra.errors import GraphError, Refused
from providers.entra.people import Graph, User

_MOST_MAILBOXES_ASKED = 20
_SHARED = frozenset({"shared", "room", "equipment"})


@dataclass(frozen=True, slots=True)
class Person:
    """A user whom the configuration names, or a direct member of a group that it names.

    ``address`` is the configured address, and for a group's member the mail address; ``mail`` is the live one (may
    be ""). ``None`` stands for what the credentials may not read.
    """

    address: str
    object_id: str
    display_name: str
    mail: str
    user_principal_name: str | None
    enabled: bool | None
    guest: bool | None = None
    shared_mailbox: bool | None = None
    """Asked of disabled accounts only: a shared mailbox's account belongs disabled, and asking costs a call each."""


@dataclass(frozen=True, slots=True)
class EntraGroup:
    """A configured group: its direct members, and the groups in it, whose members Entra does not assign."""

    name: str
    object_id: str
    members: tuple[Person, ...] = ()
    nested: tuple[str, ...] = ()
    others: int = 0
    """Devices, contacts and service principals."""


def find_users(graph: Graph, addresses: Sequence[str]) -> list[Person]:
    """The users with these mail addresses or user principal names. Raises RunError naming all that are unknown."""
    try:
        found = {user.mail.lower(): user for user in people.users_with(graph, "mail", addresses)}
        rest = [address for address in addresses if address not in found]
        by_name = people.users_with(graph, "userPrincipalName", rest) if rest else []
    except GraphError as error:
        raise pulumi.RunError(
            f"The users of mimecast-sso:assign.users could not be looked up in Entra: {error}"
        ) from None
    found |= {(user.user_principal_name or "").lower(): user for user in by_name}
    unknown = [address for address in addresses if address not in found]
    if unknown:
        raise pulumi.RunError(
            f"mimecast-sso:assign.users names {len(unknown)} of {len(addresses)} users that Entra does not know, "
            f"neither by mail address nor by user principal name: {', '.join(unknown)}. "
            "Correct the addresses, or create the users first."
        )
    return _with_mailboxes(graph, [_person(found[address], address) for address in addresses])


def find_groups(graph: Graph, names: Sequence[str]) -> list[EntraGroup]:
    """The security groups with these display names, with their direct members.

    Raises RunError naming each one that is unknown or ambiguous.
    """
    groups, problems = [], []
    for name in names:
        try:
            ids = people.security_groups(graph, name)
            if len(ids) == 1:
                groups.append(_group(graph, name, ids[0]))
                continue
            problems.append(_group_problem(name, len(ids)))
        except GraphError as error:
            problems.append(f'mimecast-sso:assign.groups: "{name}" could not be looked up in Entra: {error}')
    if problems:
        raise pulumi.RunError("\n".join(problems))
    return groups


def find_by_mail(graph: Graph, addresses: Sequence[str]) -> list[Person]:
    """The users with these mail addresses, whoever they are. Raises GraphError."""
    return [_person(user) for user in people.users_with(graph, "mail", addresses)]


def ids_in_groups(graph: Graph, group_ids: Iterable[str]) -> set[str]:
    """The object ids of the direct members of these groups. Raises GraphError."""
    return {user.object_id for group in group_ids for user in people.members(graph, group).users}


def assigned(users: Iterable[Person], groups: Iterable[EntraGroup]) -> list[Person]:
    """Everybody who gets the application: the users and the groups' direct members, each once, in that order."""
    everybody = chain(users, *(group.members for group in groups))
    return list({person.object_id: person for person in reversed(list(everybody))}.values())[::-1]


def _group(graph: Graph, name: str, object_id: str) -> EntraGroup:
    found = people.members(graph, object_id)
    members = _with_mailboxes(graph, [_person(user) for user in found.users])
    return EntraGroup(name, object_id, tuple(members), found.nested_groups, found.others)


def _group_problem(name: str, found: int) -> str:
    if found:
        return (
            f'mimecast-sso:assign.groups names "{name}", and Entra has more than one security group of that name. '
            "Rename one of them; a group is found by its name."
        )
    return (
        f'mimecast-sso:assign.groups names "{name}", and Entra has no security group of that name. '
        "Correct the name, or create the group first."
    )


def _person(user: User, address: str = "") -> Person:
    return Person(
        address=address or (user.mail or user.user_principal_name or user.object_id).lower(),
        object_id=user.object_id,
        display_name=user.display_name,
        mail=user.mail,
        user_principal_name=user.user_principal_name,
        enabled=user.enabled,
        guest=user.guest,
    )


def _with_mailboxes(graph: Graph, found: list[Person]) -> list[Person]:
    """Says of disabled accounts whether they belong to a shared mailbox, where the permission to see it is there."""
    disabled = [person for person in found if person.enabled is False and person.mail][:_MOST_MAILBOXES_ASKED]
    seen: dict[str, bool] = {}
    for person in disabled:
        try:
            seen[person.object_id] = people.mailbox_purpose(graph, person.object_id) in _SHARED
        except Refused:
            break  # The permission is missing, so all the others would be refused as well.
        except GraphError:
            continue
    return [replace(person, shared_mailbox=seen.get(person.object_id)) for person in found]
