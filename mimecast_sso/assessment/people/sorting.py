"""Sort people by what their account means for a sign-in that matches by mail address."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.assessment.people.directory import EntraGroup, Person
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count


class Kind(StrEnum):
    """The kind of a person's account; one may be of several kinds."""

    MEMBER = "member"
    GUEST = "guest"
    NO_MAIL = "no mail"
    OTHER_NAME = "mail differs from UPN"
    DISABLED = "disabled"
    SHARED_MAILBOX = "shared mailbox"
    NOT_IN_MIMECAST = "not in Mimecast"
    UNREADABLE = "unknown"


_NOUNS = (Kind.MEMBER, Kind.GUEST, Kind.SHARED_MAILBOX)
_AFTER_A_NUMBER = {
    Kind.NO_MAIL: "without mail",
    Kind.OTHER_NAME: "with a mail address that differs from the UPN",
}

_MEANS = {
    Kind.GUEST: "they sign in with their home tenant's account, and Mimecast matches the mail address of the guest",
    Kind.NO_MAIL: "Mimecast cannot match their sign-in",
    Kind.OTHER_NAME: "they type the user principal name at Entra and the mail address at Mimecast, which matches them",
    Kind.DISABLED: "Entra blocks their sign-in",
    Kind.SHARED_MAILBOX: "nobody signs in with the account of a shared, room or equipment mailbox",
    Kind.NOT_IN_MIMECAST: "Mimecast has no address that matches their sign-in",
    Kind.UNREADABLE: "the credentials may not read their accounts (User.Read.All)",
}
_SOURCE = "Microsoft Graph"
_WARNS = frozenset({Kind.NO_MAIL, Kind.DISABLED, Kind.SHARED_MAILBOX, Kind.NOT_IN_MIMECAST, Kind.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Sorted:
    """Everybody who is assigned, each once, and by kind."""

    everybody: tuple[Person, ...]
    kinds: dict[Kind, tuple[Person, ...]]

    def of(self, kind: Kind) -> tuple[Person, ...]:
        """The people of a kind."""
        return self.kinds.get(kind, ())


def sort(people: Sequence[Person], at_mimecast: Collection[str] | None) -> Sorted:
    """Sort people; ``at_mimecast`` are the addresses at Mimecast, now or after the run (``None``: unknown)."""
    kinds: dict[Kind, list[Person]] = {}
    for person in people:
        for kind in _kinds(person, at_mimecast):
            kinds.setdefault(kind, []).append(person)
    return Sorted(tuple(people), {kind: tuple(kinds[kind]) for kind in Kind if kind in kinds})


def _kinds(person: Person, at_mimecast: Collection[str] | None) -> Iterator[Kind]:
    if person.user_principal_name is None or person.enabled is None or person.guest is None:
        yield Kind.UNREADABLE
    if person.guest is not None:
        yield Kind.GUEST if person.guest else Kind.MEMBER
    if person.shared_mailbox:
        yield Kind.SHARED_MAILBOX
    elif person.enabled is False:
        yield Kind.DISABLED
    if person.user_principal_name is None:
        return
    if not person.mail:
        yield Kind.NO_MAIL
        return
    if person.mail.lower() != person.user_principal_name.lower():
        yield Kind.OTHER_NAME
    if at_mimecast is not None and person.mail.lower() not in at_mimecast:
        yield Kind.NOT_IN_MIMECAST


def statements(found: Sorted, groups: Sequence[EntraGroup], *, mimecast_read: bool) -> Iterator[Statement]:
    """The summary with counts, the people by kind, and the groups that are not expanded."""
    yield Statement(_summary(found, groups, mimecast_read=mimecast_read), How.LIVE, _SOURCE)
    for kind, means in _MEANS.items():
        if found.of(kind):
            names = [_name(person, kind) for person in found.of(kind)]
            yield Statement(
                # Not capitalize(), which would write mimecast.
                f"{kind[0].upper()}{kind[1:]} ({len(names)}): {enumerate_some(names)}: {means}",
                How.LIVE,
                _SOURCE,
                Verdict.WARNS if kind in _WARNS else Verdict.NOTE,
            )
    for group in groups:
        if group.nested:
            nested = count(len(group.nested), "nested group")
            yield Statement(
                f"Group {quoted(group.name)} holds {nested}, whose members are not assigned: "
                f"{enumerate_some(group.nested)}. Entra does not expand nested groups for app assignment; "
                "assign them by name",
                How.LIVE,
                _SOURCE,
                Verdict.WARNS,
            )


def _summary(found: Sorted, groups: Sequence[EntraGroup], *, mimecast_read: bool) -> str:
    counts = [_counted(kind, len(found.of(kind))) for kind in Kind if found.of(kind)]
    if found.everybody and not mimecast_read:
        counts.append(f"{Kind.NOT_IN_MIMECAST} unknown")
    unseen = [person for person in found.of(Kind.DISABLED) if person.shared_mailbox is None]
    if unseen:
        counts.append(f"{Kind.SHARED_MAILBOX} unknown of {len(unseen)} disabled (MailboxSettings.Read)")
    parts = [f"{len(group.members)} through {quoted(group.name)}" for group in groups]
    sizes = f" ({', '.join(parts)})" if parts else ""
    kinds = f": {', '.join(counts)}" if counts else ""
    return f"mimecast-sso:assign covers {count(len(found.everybody), 'person')}{sizes}{kinds}"


def _counted(kind: Kind, number: int) -> str:
    return count(number, kind) if kind in _NOUNS else f"{number} {_AFTER_A_NUMBER.get(kind, kind)}"


def _name(person: Person, kind: Kind) -> str:
    return f"{person.mail} ({person.user_principal_name})" if kind is Kind.OTHER_NAME else person.address
