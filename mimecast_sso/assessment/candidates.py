"""Everybody who could be in the roll-out, and whether they could sign in as members of its group. Pure.

The sign-in forecast decides: its eventual verdicts, with every candidate as a desired member.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mimecast_sso.assessment.assessment import desired_of
from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.effects import effects_of
from mimecast_sso.assessment.forecast import Forecast, forecast
from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.assessment.snapshot import LiveGroup, Snapshot
from mimecast_sso.assessment.traits import TraitsReader, subjects
from mimecast_sso.assessment.unread import SnapshotPart, by_cause, parts
from mimecast_sso.facts.mimecast_addresses import is_of_a_domain
from mimecast_sso.facts.sign_in_reasons import REASONS
from mimecast_sso.provenance import How, Statement, Verdict, live
from mimecast_sso.settings import Address, Settings
from mimecast_sso.text.names import enumerate_some, is_among
from mimecast_sso.text.wording import count, people

_OF_INTEREST = frozenset(
    {
        SnapshotPart.APPLICATION,
        SnapshotPart.PEOPLE,
        SnapshotPart.DOMAINS,
        SnapshotPart.ADDRESSES,
        SnapshotPart.GROUPS,
        SnapshotPart.POLICIES,
        SnapshotPart.ASSIGNED_GROUPS,
    }
)

_BOTH = "Entra, Mimecast"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person.

    Attributes:
        assigned: Whether the person is assigned to the application now; ``None``: unknown.
        in_group: Whether the person is in a roll-out group now; ``None``: unknown.
        outcome: How a sign-in from Mimecast's page would end.
        tile: How a sign-in from My Apps would end.
    """

    forecast: Forecast
    assigned: bool | None
    in_group: bool | None
    outcome: Outcome
    tile: Outcome

    @property
    def would_sign_in(self) -> bool | None:
        """Whether the person would get in; ``None``: unknown."""
        return None if self.outcome.result is Result.UNKNOWN else self.outcome.signs_in


@dataclass(frozen=True)
class Candidates:
    """Everybody who is assigned, in a roll-out group or known at Mimecast, by address.

    Attributes:
        people: Everybody.
        left_out: Addresses that Mimecast created with its domains: they would hide the people whom Entra lacks.
    """

    desired: Desired
    people: tuple[Candidate, ...]
    left_out: frozenset[str] = frozenset()

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of both tenants."""
        return self.desired.snapshot

    @property
    def by_outcome(self) -> Mapping[Outcome, Sequence[Candidate]]:
        """People grouped by the outcome of their sign-in: those who would sign in first, then the largest groups."""
        found: dict[Outcome, list[Candidate]] = defaultdict(list)
        for person in self.people:
            found[person.outcome].append(person)
        order = sorted(found, key=lambda each: (not each.signs_in, -len(found[each]), str(each)))
        return {outcome: found[outcome] for outcome in order}


def candidates(settings: Settings, snapshot: Snapshot, written: Sequence[Address] = ()) -> Candidates:
    """Forecast everybody's sign-in as if they were in the roll-out group and the profile were set up.

    Args:
        settings: The configuration, taken as deployed.
        snapshot: Both tenants, with everybody at Mimecast.
        written: The addresses that the configuration lists.
    """
    desired = desired_of(settings, snapshot, written)
    # An unread group does not matter: everybody is taken to be in it.
    groups = {slot: known if known.is_known else live(LiveGroup()) for slot, known in snapshot.groups.items()}
    at_mimecast = {each.address for each in (snapshot.addresses.value or {}).values() if not each.alias}
    supposed = replace(
        desired,
        snapshot=replace(snapshot, groups=groups),
        members=tuple(sorted(at_mimecast.union(desired.addresses, desired.members))),
    )
    everybody = tuple(address for address, _ in subjects(effects_of(supposed)))
    found = forecast(effects_of(replace(supposed, members=everybody)))
    reader = TraitsReader(found.effects)
    left_out = frozenset(_of_domains(desired, found.people))
    those = (each for each in found.people if each.address not in left_out)
    return Candidates(desired, tuple(_candidate(each, reader, snapshot) for each in those), left_out)


def _of_domains(desired: Desired, people: Iterable[Forecast]) -> Iterator[str]:
    """The addresses that Mimecast created, and that neither an account, the configuration nor a group has."""
    live_ones = desired.snapshot.addresses.value or {}
    named = desired.snapshot.everybody.union(desired.addresses, desired.members)
    for person in people:
        found = live_ones.get(person.address)
        if (
            found is not None
            and is_of_a_domain(found.address, found.name)
            and person.account is None
            and person.address not in named
        ):
            yield person.address


def _candidate(person: Forecast, reader: TraitsReader, snapshot: Snapshot) -> Candidate:
    timeline = reader.effects.timeline
    traits = reader.of(person.address, person.account)
    case = reader.case(traits, timeline.now if timeline else None, None, traits.address[0])
    return Candidate(
        person,
        case.assigned,
        _in_group(person.address, snapshot),
        person.ways[Way.FROM_MIMECAST].eventually[0],
        person.ways[Way.FROM_MY_APPS].eventually[0],
    )


def _in_group(address: str, snapshot: Snapshot) -> bool | None:
    if is_among(address, snapshot.everybody):
        return True
    return False if snapshot.groups_known else None


# -- Sentences --------------------------------------------------------------------------------------------------------


def problem(outcome: Outcome) -> str:
    """The problem as a clause; "" if the person would sign in."""
    if outcome.result is Result.UNKNOWN:
        return str(outcome)
    if outcome.reason is None:
        return ""
    return REASONS[outcome.reason].problem


def way_out(outcome: Outcome, snapshot: Snapshot) -> str:
    """The remedy in the imperative; "" if the person would sign in."""
    if outcome.reason is not None:
        return REASONS[outcome.reason].fix
    causes = [each.source for each in unread(snapshot)]
    if outcome.result is not Result.UNKNOWN or not causes:
        return ""
    return f"fix this and rerun assess: {'; '.join(causes)}"


def statements(found: Candidates) -> Iterator[Statement]:
    """How many people would sign in, and how many would not, by reason."""
    for outcome, who in found.by_outcome.items():
        names = enumerate_some([each.forecast.name for each in who])
        if outcome.signs_in:
            how = "" if outcome.result is Result.ENTRA else ", with a password"
            yield Statement(f"{people(len(who))} would sign in{how}", How.LIVE, _BOTH, Verdict.FINE)
        elif outcome.result is Result.UNKNOWN:
            text = f"{people(len(who))}: {problem(outcome)}: {names}"
            yield Statement(text, How.UNKNOWN, str(outcome.missing), Verdict.UNKNOWN)
        else:
            fix = way_out(outcome, found.snapshot)
            text = f"{people(len(who))} would not sign in: {problem(outcome)}; {fix}: {names}"
            yield Statement(text, How.LIVE, _BOTH, Verdict.FAILS)


def not_counted(found: Candidates) -> Iterator[Statement]:
    """The addresses that are not counted."""
    if found.left_out:
        number = len(found.left_out)
        are, them = ("is", "it") if number == 1 else ("are", "them")
        text = (
            f"{count(number, 'address')} that Mimecast created with a domain (abuse@, postmaster@) {are} not counted: "
            f"nobody signs in with {them}"
        )
        yield Statement(text, How.LIVE, "Mimecast")


def tiles(found: Candidates) -> Iterator[Statement]:
    """People whose My Apps tile would fail although they could sign in from Mimecast's page, by reason."""
    failing: dict[Outcome, list[str]] = defaultdict(list)
    for person in found.people:
        if person.outcome.signs_in and not person.tile.signs_in:
            failing[person.tile].append(person.forecast.name)
    for outcome, names in sorted(failing.items(), key=lambda item: (-len(item[1]), str(item[0]))):
        text = f"{people(len(names))} could not use the tile in My Apps: {outcome}: {enumerate_some(names)}"
        yield Statement(text, How.LIVE, _BOTH, Verdict.WARNS)


def unread(snapshot: Snapshot) -> Iterator[Statement]:
    """What could not be read and why, grouped by cause."""
    return by_cause(parts(snapshot, _OF_INTEREST, snapshot.application.value))
