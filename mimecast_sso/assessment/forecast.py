"""The sign-in forecast: who can sign in before, during and after a run, and why. Pure.

It covers four instants:

========== ===========================================================================================================
now        both sides as read; a change at Mimecast that is younger than 15 minutes may count or not
meanwhile  every state that Entra goes through during the run, with each value that may count at Mimecast then
afterwards both sides once everything counts
eventually the same once domains are verified, and console work that is due is done, attested and deployed
========== ===========================================================================================================

``otherwise`` is what would hold if nothing was deployed: only what a run makes worse than that is its doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import product

from mimecast_sso.assessment.effects import Effects
from mimecast_sso.assessment.people import Person
from mimecast_sso.assessment.sign_in import (
    AddressState,
    EntraState,
    Outcome,
    Profiles,
    Result,
    Slots,
    Way,
    judge,
)
from mimecast_sso.assessment.traits import Traits, TraitsReader, subjects
from mimecast_sso.facts.sign_in_reasons import Missing, Reason
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text.names import is_among


class Instant(StrEnum):
    """The time of a statement, as a clause."""

    NOW = "now"
    MEANWHILE = "while the change takes effect"
    AFTERWARDS = "afterwards"
    SAVED = "between Save in the console and the next deployment"
    EVENTUALLY = "once the console work is done"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The outcomes of a person's sign-ins from one start page: all that are possible at each instant.

    The first of each is the most likely one: from the values read, and from the configuration.
    """

    now: tuple[Outcome, ...]
    otherwise: tuple[Outcome, ...]
    meanwhile: tuple[Outcome, ...]
    afterwards: tuple[Outcome, ...]
    eventually: tuple[Outcome, ...]
    saved: tuple[Outcome, ...] = ()
    """After the outstanding console work is saved, within Mimecast's 15 minutes, before anything is deployed."""
    lost_if_inside: Outcome | None = None
    """The loss of a person whom a roll-out group may cover: the unread fact, and why they would be refused then."""

    def at(self, instant: Instant) -> tuple[Outcome, ...]:
        """The outcomes at an instant."""
        return {
            Instant.NOW: self.now,
            Instant.MEANWHILE: self.meanwhile,
            Instant.AFTERWARDS: self.afterwards,
            Instant.SAVED: self.saved,
            Instant.EVENTUALLY: self.eventually,
        }[instant]

    @property
    def through_entra(self) -> bool:
        """Whether the person signs in through Entra now; Mimecast may not act on a recent change yet."""
        return self.now[0].result is Result.ENTRA

    @property
    def has_something_to_lose(self) -> bool:
        """Whether the person would, or might, get in if nothing was deployed.

        A person who would be refused anyway loses nothing by a run, even while a recent change is not effective yet.
        """
        return self.otherwise[0].may_be_lost


@dataclass(frozen=True, slots=True)
class Loss:
    """A sign-in that works now and would fail."""

    way: Way
    instant: Instant
    outcome: Outcome
    joining: bool
    """Whether the person signs in with a password now, and the run would send them to Entra."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One person: the address at Mimecast, the account in Entra that signs in for it, and the verdicts by way."""

    address: str
    account: Person | None
    ways: Mapping[Way, Verdicts]
    in_group: bool = True
    """Whether a roll-out group lists the person now."""
    lost_as_recorded: tuple[Loss, ...] = ()
    """Losses if the application, which could not be read, is as the last deployment left it."""

    @property
    def from_mimecast(self) -> Verdicts:
        """The verdicts on sign-ins that start at Mimecast."""
        return self.ways[Way.FROM_MIMECAST]

    @property
    def name(self) -> str:
        """The address, with the user principal name if it differs."""
        upn = (self.account.user_principal_name if self.account else "") or ""
        return self.address if not upn or upn.lower() == self.address else f"{self.address} ({upn})"


@dataclass(frozen=True)
class SignInForecast:
    """Everybody who is in a roll-out group, will be, or is assigned."""

    effects: Effects
    people: tuple[Forecast, ...]
    stack: str = ""
    """Name of the stack, for the commands in sentences."""

    @cached_property
    def losses(self) -> Mapping[str, tuple[Loss, ...]]:
        """People who would lose a sign-in, by address."""
        found = {each.address: _losses(each) for each in self.people}
        return {address: losses for address, losses in found.items() if losses}

    @cached_property
    def broken(self) -> Mapping[str, Outcome]:
        """People who are sent to Entra now and do not, or might not, get in: reasons by address."""
        return {
            each.address: outcome
            for each in self.people
            for outcome in each.from_mimecast.now[:1]
            if outcome.fails and outcome.through_entra
        }

    @cached_property
    def broken_tiles(self) -> Mapping[str, Outcome]:
        """People of the roll-out who can sign in from Mimecast's page now, and not from My Apps: reasons by address.

        The tile signs nobody in who is under no profile that accepts the response; that is how a roll-out begins.
        """
        return {
            each.address: outcome
            for each in self.people
            for outcome in each.ways[Way.FROM_MY_APPS].now[:1]
            if outcome.fails
            and outcome.reason is not Reason.NOT_IN_GROUP
            and each.in_group
            and each.from_mimecast.now[0].signs_in
        }

    @cached_property
    def not_ready(self) -> Mapping[str, Outcome]:
        """People who will be sent to Entra later and would not get in, by address: reported, not refused."""
        found = {}
        for each in self.people:
            outcome = each.from_mimecast.eventually[0]
            in_group_now = any(now.through_entra for now in each.from_mimecast.now)
            if (
                outcome.fails
                and outcome.through_entra
                and not in_group_now
                and each.address not in self.losses
            ):
                found[each.address] = outcome
        return found

    @cached_property
    def stopped_by_save(self) -> Mapping[str, Outcome]:
        """People who get in now, but not between saving the console form and the next deployment, by address."""
        return {
            each.address: each.from_mimecast.saved[0]
            for each in self.people
            if each.from_mimecast.now[0].may_sign_in and each.from_mimecast.saved[0].fails
        }

    @cached_property
    def sent_by_save(self) -> tuple[str, ...]:
        """People who sign in with a password now, and through Entra once the console form is saved."""
        return self._to_entra_by_save(Result.PASSWORD)

    @cached_property
    def restored_by_save(self) -> tuple[str, ...]:
        """People who are refused now, and sign in through Entra once the console form is saved."""
        return self._to_entra_by_save(Result.REFUSED)

    def _to_entra_by_save(self, now: Result) -> tuple[str, ...]:
        return tuple(
            each.address
            for each in self.people
            if each.from_mimecast.now[0].result is now and each.from_mimecast.saved[0].result is Result.ENTRA
        )

    @cached_property
    def tiles_lost(self) -> tuple[str, ...]:
        """People who lose the My Apps tile but can still sign in from Mimecast's page."""
        return tuple(
            each.address
            for each in self.people
            if each.ways[Way.FROM_MY_APPS].now[0].result is Result.ENTRA
            and each.ways[Way.FROM_MY_APPS].afterwards[0].result is Result.NOT_OFFERED
            and each.address not in self.losses
        )

    def through_entra(self, instant: Instant) -> tuple[str, ...]:
        """People who sign in through Entra at an instant; some of those now maybe not yet (`unsettled`)."""
        return tuple(
            each.address for each in self.people if each.from_mimecast.at(instant)[0].result is Result.ENTRA
        )

    @cached_property
    def unsettled(self) -> tuple[str, ...]:
        """People who sign in through Entra now, but joined so recently that Mimecast may not act on it yet."""
        groups = [group for group in self.effects.members.values() if group is not None]
        joined = frozenset[str]().union(*(group.joined for group in groups))
        return tuple(each for each in self._perhaps_not() if is_among(each, joined))

    @cached_property
    def under_a_former_form(self) -> tuple[str, ...]:
        """Others who do, but may not be sent to Entra yet, because the form was confirmed so recently."""
        return tuple(each for each in self._perhaps_not() if each not in self.unsettled)

    def _perhaps_not(self) -> Iterator[str]:
        for each in self.people:
            verdicts = each.from_mimecast
            if verdicts.through_entra and any(outcome.result is not Result.ENTRA for outcome in verdicts.now):
                yield each.address

    @cached_property
    def joining(self) -> tuple[str, ...]:
        """People who sign in with a password now, and are sent to Entra by a run that does not refresh, too."""
        return tuple(address for address, then in self._newly_sent if then[0].is_sent)

    @cached_property
    def joining_in_vain(self) -> Mapping[str, Outcome]:
        """Of the people whom a run newly sends to Entra, those who do not, or may not, get in there, and why."""
        outcomes = {
            address: next(each for each in then if each.through_entra) for address, then in self._newly_sent
        }
        return {address: outcome for address, outcome in outcomes.items() if outcome.fails}

    @cached_property
    def joining_on_refresh(self) -> tuple[str, ...]:
        """People who are sent to Entra only by a run that refreshes: somebody else removed them from the group."""
        return tuple(address for address, then in self._newly_sent if not then[0].is_sent)

    @cached_property
    def restored(self) -> tuple[str, ...]:
        """People who are sent to Entra and refused now, and get in after the run."""
        return tuple(
            each.address
            for each in self.people
            if each.from_mimecast.now[0].is_sent
            and each.from_mimecast.now[0].result is Result.REFUSED
            and each.from_mimecast.afterwards[0].result is Result.ENTRA
        )

    @cached_property
    def restored_on_refresh(self) -> tuple[str, ...]:
        """People who sign in through Entra only after a run that refreshes, which undoes an external change."""
        # Whether an address of a domain that is registered exists afterwards depends on its proof, not on a refresh.
        unsure = self.effects.addresses_after.keys() - self.effects.desired.record.addresses
        afterwards = [(each.address, each.from_mimecast.afterwards) for each in self.people]
        return tuple(
            address
            for address, (kept, *undone) in afterwards
            if kept.result is not Result.ENTRA and any(each.result is Result.ENTRA for each in undone)
            if address not in unsure
        )

    @cached_property
    def _newly_sent(self) -> Sequence[tuple[str, tuple[Outcome, ...]]]:
        return [
            (each.address, each.from_mimecast.afterwards)
            for each in self.people
            if not any(now.is_sent for now in each.from_mimecast.now)
            and any(then.is_sent for then in each.from_mimecast.afterwards)
        ]

    def uses_a_password(self, address: str) -> bool:
        """Whether a person signs in with a password now."""
        person = self.person(address)
        return person is not None and person.from_mimecast.now[0].result is Result.PASSWORD

    def back_to_a_password(self, instant: Instant) -> tuple[str, ...]:
        """People who sign in through Entra now, and with a password (if they have one) at an instant."""
        return tuple(
            each.address
            for each in self.people
            if each.from_mimecast.through_entra
            and each.from_mimecast.at(instant)[0].result is Result.PASSWORD
            and each.address not in self.losses
        )

    def person(self, address: str) -> Forecast | None:
        """The person with an address."""
        return self._by_address.get(address)

    @cached_property
    def _by_address(self) -> Mapping[str, Forecast]:
        return {each.address: each for each in self.people}


# -- Losses ---------------------------------------------------------------------------------------------------------


def _losses(person: Forecast) -> tuple[Loss, ...]:
    found = tuple(loss for way, verdicts in person.ways.items() for loss in _of_way(way, verdicts))
    return found or tuple(
        replace(loss, outcome=replace(loss.outcome, result=Result.UNKNOWN, missing=Missing.APPLICATION))
        for loss in person.lost_as_recorded
    )


def _of_way(way: Way, verdicts: Verdicts) -> Iterator[Loss]:
    """Losses, at most one per way: the lasting one, else the one during the change, else the future one."""
    if not verdicts.has_something_to_lose:
        return
    before = {*verdicts.now, *verdicts.otherwise}
    would_sign_in = all(each.signs_in for each in verdicts.otherwise)
    lasting = [each for each in verdicts.afterwards if would_sign_in or each not in before]
    passing = [each for each in verdicts.meanwhile if each not in before]
    coming = verdicts.eventually if verdicts.through_entra else ()
    for instant, outcomes in (
        (Instant.AFTERWARDS, lasting),
        (Instant.MEANWHILE, passing if way is Way.FROM_MIMECAST else ()),
        (Instant.EVENTUALLY, coming),
    ):
        lost = next((each for each in outcomes if each.fails and not _intended(way, verdicts, each)), None)
        if lost is not None:
            joining = lost.through_entra and not any(each.is_sent for each in verdicts.now)
            yield Loss(way, instant, lost, joining)
            return
    if verdicts.lost_if_inside:
        yield Loss(way, Instant.MEANWHILE, verdicts.lost_if_inside, joining=False)


def _intended(way: Way, verdicts: Verdicts, outcome: Outcome) -> bool:
    """Whether the configuration asks for exactly this loss.

    The tile of somebody who leaves the roll-out fails, and they sign in with a password. An address that leaves the
    configuration with ``onRemoval: disable`` ends its password sign-in, which the run says by name.
    """
    if outcome.reason is Reason.NOT_IN_GROUP:
        return way is Way.FROM_MY_APPS
    return outcome.reason is Reason.ADDRESS_DISABLED and verdicts.now[0].result is Result.PASSWORD


# -- Everybody ------------------------------------------------------------------------------------------------------


def forecast(effects: Effects, stack: str = "") -> SignInForecast:
    """Forecast the sign-ins of everybody concerned; ``stack`` is named by commands in sentences."""
    reader = TraitsReader(effects)
    presumed = forecast(effects.as_recorded).losses if effects.as_recorded else {}
    known: dict[Traits, Mapping[Way, Verdicts]] = {}
    people = []
    for address, account in subjects(effects):
        traits = reader.of(address, account)
        if traits not in known:
            known[traits] = {way: _verdicts(way, reader, traits) for way in Way}
        inside, lost = bool(traits.places.listed), presumed.get(address, ())
        people.append(Forecast(address, account, known[traits], inside, lost))
    return SignInForecast(effects, tuple(people), stack)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The possible combinations: each state of Entra with each form, each set of slots, each state of the address."""

    states: Sequence[EntraState | None]
    profiles: Sequence[Profiles | None]
    slots: Sequence[Slots]
    addresses: Sequence[AddressState]

    def outcomes(self, way: Way, reader: TraitsReader, traits: Traits) -> Iterator[Outcome]:
        """The outcome of each combination."""
        endpoints = reader.effects.desired.endpoints
        for state, profiles, inside, address in product(
            self.states, self.profiles, self.slots, self.addresses
        ):
            yield judge(way, state, endpoints, profiles, reader.case(traits, state, inside, address))


def _verdicts(way: Way, reader: TraitsReader, traits: Traits) -> Verdicts:
    effects, timeline, places = reader.effects, reader.effects.timeline, traits.places
    early: Sequence[EntraState | None] = timeline.early if timeline else (None,)
    late: Sequence[Sequence[EntraState | None]] = timeline.late if timeline else ((None,), (None,))
    kept, undone = timeline.after if timeline else (None, None)
    profiles: Sequence[Profiles | None] = effects.profiles or (None,)
    before, then = traits.address
    settled = profiles[:1]
    verified = (AddressState.PRESENT,) if AddressState.PRESENT in then else then[:1]

    def all_of(*moments: _Moments) -> tuple[Outcome, ...]:
        return tuple(
            dict.fromkeys(each for moment in moments for each in moment.outcomes(way, reader, traits))
        )

    return Verdicts(
        now=all_of(_Moments(early[:1], profiles, places.now, (before,))),
        otherwise=all_of(_Moments(early[:1], settled, (places.listed,), (before,))),
        meanwhile=all_of(
            _Moments(early, profiles, places.now, (before,)),
            *(
                _Moments(states, profiles, slots, tuple(dict.fromkeys((before, *then))))
                for states, slots in zip(late, places.late, strict=True)
            ),
        ),
        # External changes are kept on both sides or undone on both; the combinations above follow that as well.
        afterwards=all_of(
            _Moments((kept,), settled, (places.kept,), then),
            _Moments((undone,), settled, (places.undone,), then),
        ),
        eventually=all_of(
            _Moments((effects.eventual_entra,), (effects.eventual_profiles,), (places.eventually,), verified)
        ),
        saved=all_of(_Moments(early[:1], (effects.eventual_profiles,), (places.listed,), (before,))),
        lost_if_inside=_lost_if_inside(reader, traits) if way is Way.FROM_MIMECAST else None,
    )


def _lost_if_inside(reader: TraitsReader, traits: Traits) -> Outcome | None:
    """The loss of somebody who may be in a roll-out group: they would be sent to Entra, and refused during the run."""
    effects, listed = reader.effects, traits.places.listed
    moved, timeline = effects.desired.snapshot.moved, effects.timeline
    if timeline is None or listed or (listed is not None and moved.is_known):
        return None
    missing = Missing.GROUP if listed is None else Missing.WHO_LEFT
    before, _ = traits.address

    def all_of(
        states: Sequence[EntraState], profiles: Sequence[Profiles], slot: ProfileSlot
    ) -> list[Outcome]:
        moment = _Moments(states, profiles, (frozenset({slot}),), (before,))
        return list(moment.outcomes(Way.FROM_MIMECAST, reader, traits))

    for slot in effects.members:
        (settled,) = all_of(timeline.early[:1], effects.profiles[:1], slot)
        now = all_of(timeline.early[:1], effects.profiles, slot)
        late = (each for states in timeline.late for each in all_of(states, effects.profiles, slot))
        lost = next((each for each in late if each.fails and each not in now), None)
        if lost is not None and settled.result is not Result.REFUSED:
            return Outcome(Result.UNKNOWN, lost.reason, missing)
    return None
