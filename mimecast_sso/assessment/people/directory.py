"""The people of the configuration in Entra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import lower_case
from providers.entra import people
from providers.entra.errors import GraphError, Refused
from providers.entra.people import User
from providers.entra.protocols import GraphReads

_MOST_MAILBOXES_ASKED = 20
_SHARED = frozenset({"shared", "room", "equipment"})


@dataclass(frozen=True, slots=True)
class Person:
    """A configured user, or a direct member of a configured group.

    ``address`` is the configured address, and for a group's member the mail address; ``mail`` is the live one (may
    be ""). ``None``: the credentials may not read it.
    """

    address: str
    object_id: str
    display_name: str
    mail: str
    user_principal_name: str | None
    enabled: bool | None
    guest: bool | None = None
    shared_mailbox: bool | None = None
    """Read for disabled accounts only: a shared mailbox's account is normally disabled, and each read is a call."""
    blocked: bool | None = None
    """Whether Conditional Access blocks them; ``None`` where it was not evaluated."""

    @property
    def is_readable(self) -> bool:
        """Whether the credentials may read the account's properties, so that an empty mail address is none."""
        return self.user_principal_name is not None

    @property
    def names(self) -> frozenset[str]:
        """Mail address and user principal name in lower case, as far as they are known."""
        return frozenset(lower_case(each) for each in (self.mail, self.user_principal_name) if each)


@dataclass(frozen=True, slots=True)
class EntraGroup:
    """A configured group: its direct members, and nested groups, whose members Entra does not assign."""

    name: str
    object_id: str
    members: tuple[Person, ...] = ()
    nested: tuple[str, ...] = ()
    others: int = 0
    """Devices, contacts and service principals."""


def assigned(users: Iterable[Person], groups: Iterable[EntraGroup]) -> list[Person]:
    """Everybody who is assigned: the users, then the groups' direct members, each once."""
    everybody = chain(users, *(group.members for group in groups))
    return list({person.object_id: person for person in reversed(list(everybody))}.values())[::-1]


def group_problem(name: str, found: int) -> str:
    """The problem with a configured group of which Entra has ``found``."""
    if found:
        return (
            f"mimecast-sso:assign.groups names {quoted(name)}, but Entra has more than one security group "
            "with that name. Rename all but one; groups are found by name."
        )
    return (
        f"mimecast-sso:assign.groups names {quoted(name)}, but Entra has no security group with that name. "
        "Correct the name, or create the group first."
    )


def person_of(user: User, address: str = "") -> Person:
    """A Graph user as a person, by the configured address if there is one."""
    return Person(
        address=address or lower_case(user.mail or user.user_principal_name or user.object_id),
        object_id=user.object_id,
        display_name=user.display_name,
        mail=user.mail,
        user_principal_name=user.user_principal_name,
        enabled=user.enabled,
        guest=user.guest,
    )


def with_mailboxes(graph: GraphReads, found: Iterable[Person]) -> dict[str, Person]:
    """Add to disabled accounts whether they belong to a shared mailbox, by object id, if that may be read."""
    people_ = {person.object_id: person for person in found}
    disabled = [person for person in people_.values() if person.enabled is False and person.mail]
    for person in disabled[:_MOST_MAILBOXES_ASKED]:
        try:
            shared = people.mailbox_purpose(graph, person.object_id) in _SHARED
        except Refused:
            break  # The permission is missing, so all the others would be refused as well.
        except GraphError:
            continue
        people_[person.object_id] = replace(person, shared_mailbox=shared)
    return people_
