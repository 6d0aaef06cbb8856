"""Guard `unprepared-people`: whoever is put behind single sign-on can get through it.

Mimecast matches a sign-in by mail address. So everybody who is added needs an address at Mimecast, an account in
Entra with just that mail address that may sign in, and (where the application asks for it) an assignment: direct, or
as a direct member of an assigned group, because Entra does not expand nested groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards.situation import Situation
from mimecast_sso.assessment.people import Person
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.names import domain_of, enumerate_some
from providers.mimecast.address_book import missing_from

_AT_MIMECAST = "not at Mimecast, and not made by this run"
_MIMECAST_UNKNOWN = "whether they are at Mimecast is unknown"
_NOT_ASSIGNED = "not assigned, neither themselves nor as direct members of an assigned group"
_UNKNOWN_TO_ENTRA = "no account of Entra has this mail address, so the sign-in cannot match"
_ENTRA_UNKNOWN = "whether Entra knows them is unknown"
_OTHER_MAIL = "their account has another mail address, which is what Mimecast would match"
_NO_MAIL = "their account has no mail address, so the sign-in cannot match"
_DISABLED = "the account is disabled"
_SHARED = "the account belongs to a shared mailbox"
_UNREADABLE = "whether the account may sign in is unknown (User.Read.All)"


def find(situation: Situation) -> Finding:
    """Not met where somebody who would be added cannot get in, or is not known to."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for address in situation.added:
        for reason in _reasons(situation, address):
            reasons[reason].append(address)
    inputs = tuple(_inputs(situation, reasons))
    if not reasons:
        return Finding("unprepared-people", inputs)
    affected = tuple(sorted({address for group in reasons.values() for address in group}))
    return Finding(
        "unprepared-people",
        inputs,
        f"{len(affected)} of {len(situation.added)} people who would have to sign in through Entra could not, or are "
        "not known to be able to",
        affected,
        "prepare them (assign them by name or through a group that holds them directly; give the Entra account the "
        "mail address of Mimecast), or leave them out of mimecast-sso:rollOut",
    )


def _reasons(situation: Situation, address: str) -> Iterator[str]:
    yield from _at_mimecast(situation, address)
    person = _by_mail(situation).get(address)
    if person is not None:
        yield from _account(person)
        return
    named = next((each for each in situation.assigned if each.address == address), None)
    if named is not None:
        yield _OTHER_MAIL if named.mail else _NO_MAIL
        return
    yield from _not_configured(situation, address)


def _by_mail(situation: Situation) -> Mapping[str, Person]:
    return {person.mail.lower(): person for person in situation.assigned if person.mail}


def _not_configured(situation: Situation, address: str) -> Iterator[str]:
    known = situation.strangers.value
    if not situation.strangers.is_known or known is None:
        yield _ENTRA_UNKNOWN
        return
    person = next((each for each in known.found if each.mail.lower() == address), None)
    if person is None:
        yield _UNKNOWN_TO_ENTRA
        return
    yield from _account(person)
    if situation.settings.application.assignment_required and person.object_id not in known.assigned:
        yield _NOT_ASSIGNED


def _account(person: Person) -> Iterator[str]:
    if person.shared_mailbox:
        yield _SHARED
    elif person.enabled is False:
        yield _DISABLED
    elif person.enabled is None:
        yield _UNREADABLE


def _at_mimecast(situation: Situation, address: str) -> Iterator[str]:
    live = situation.mimecast.value
    if not situation.mimecast.is_known or live is None:
        yield _MIMECAST_UNKNOWN
        return
    made = address in situation.own_addresses and live.is_internal(domain_of(address))
    if not made and missing_from(live.addresses, [address]):
        yield _AT_MIMECAST


def _inputs(situation: Situation, reasons: Mapping[str, list[str]]) -> Iterator[Statement]:
    unknown = {_MIMECAST_UNKNOWN: situation.mimecast.source, _ENTRA_UNKNOWN: situation.strangers.source}
    for reason, addresses in reasons.items():
        how = How.UNKNOWN if reason in {*unknown, _UNREADABLE} else How.LIVE
        yield Statement(f"{reason}: {enumerate_some(sorted(addresses))}", how, unknown.get(reason, ""))
    yield situation.group_input()
    yield Statement(f"{len(situation.assigned)} people are assigned by the configuration", How.LIVE, "Entra")
    yield from situation.confirmation_inputs()
