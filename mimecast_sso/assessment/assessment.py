"""One assessment of a stack: what was read, what the configuration asks for, and the sign-in forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from mimecast_sso.assessment import account_for_tests
from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.effects import effects_of
from mimecast_sso.assessment.forecast import SignInForecast, forecast
from mimecast_sso.assessment.people import Person, assigned
from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.settings import Address, AddressSource, ProfileSlot, Removal, Settings
from mimecast_sso.text.names import domain_of
from providers.entra.protocols import GraphReads
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that is known before a run.

    Attributes:
        stack: Name of the stack, for the commands in messages.
        addresses: The addresses of the configured source, in normal form.
        left_out: A statement for each assigned person whose address or name cannot be used.
        whole: The snapshot as read: with the test account in it, which ``snapshot`` leaves out, and with groups that
            do not exist, of which the members are unknown there.
    """

    settings: Settings
    snapshot: Snapshot
    desired: Desired
    forecast: SignInForecast
    addresses: tuple[Address, ...] = ()
    left_out: tuple[Statement, ...] = ()
    stack: str = ""
    whole: Snapshot = field(kw_only=True)

    def command(self, words: str) -> str:
        """A command for this stack, such as ``mimecast-sso roll-out back --stack prod-eu``."""
        return f"mimecast-sso {words} --stack {self.stack or 'STACK'}"

    @property
    def assigned(self) -> list[Person]:
        """The configured users and the direct members of the configured groups, each once."""
        return assigned(self.snapshot.directory.users, self.snapshot.directory.groups)


def assess(
    settings: Settings,
    record: Known[Record],
    *,
    stack: str = "",
    cloud: Cloud,
    graph: GraphReads,
    mimecast: MimecastClient | MimecastError,
    root: Path,
    destroys: bool = False,
    log_since: datetime | None = None,
) -> Assessment:
    """Read both tenants and forecast what a run of the configuration does to people's sign-in.

    Args:
        settings: The configuration.
        record: What the last deployment recorded.
        stack: Name of the stack, for the commands that are printed.
        cloud: The Entra cloud.
        graph: Microsoft Graph.
        mimecast: The client of the account, or why there is none.
        root: The project's folder, to which CSV files are relative.
        destroys: Whether the run deletes everything that is recorded.
        log_since: Since when Mimecast's audit log is wanted, in the snapshot.

    Raises:
        ConfigurationError: A CSV file cannot be used.
        GraphError: Entra cannot be read at all.
    """
    written = written_addresses(settings, root)
    snapshot = read(
        settings, record, written, cloud=cloud, graph=graph, mimecast=mimecast, log_since=log_since
    )
    return of(settings, snapshot, written, stack=stack, destroys=destroys)


def read(
    settings: Settings,
    record: Known[Record],
    written: Sequence[Address],
    *,
    cloud: Cloud,
    graph: GraphReads,
    mimecast: MimecastClient | MimecastError,
    log_since: datetime | None = None,
) -> Snapshot:
    """The snapshot that the assessment of a configuration needs; ``written`` are the addresses that it lists.

    Raises:
        GraphError: Entra cannot be read at all.
    """
    named = {address.address for address in written} | set(settings.roll_out.pilot)
    if settings.account_for_tests is not None:
        named.add(settings.account_for_tests.address)
    known = record.value or Record()
    for recorded in known.memberships.values():
        named |= {member for member in recorded.members if not member.startswith("@")}
    if known.book is not None and settings.addresses.on_removal is Removal.DISABLE:
        named |= known.book.addresses
    return take(Scope(settings, cloud, record, named, log_since=log_since), graph, mimecast)


def of(
    settings: Settings,
    snapshot: Snapshot,
    written: Sequence[Address],
    *,
    stack: str = "",
    destroys: bool = False,
) -> Assessment:
    """The assessment of a snapshot; ``written`` are the addresses that the configuration lists."""
    whole, snapshot = snapshot, _without_what_is_unknown(settings, snapshot)
    addresses, left_out = _addresses(settings, snapshot, written)
    desired = _desired(settings, snapshot, addresses, destroys=destroys)
    return Assessment(
        settings,
        snapshot,
        desired,
        forecast(effects_of(desired), stack),
        addresses,
        left_out,
        stack=stack,
        whole=whole,
    )


def desired_of(settings: Settings, snapshot: Snapshot, written: Sequence[Address]) -> Desired:
    """The desired state that `of` would assess, without the forecast."""
    snapshot = _without_what_is_unknown(settings, snapshot)
    addresses, _ = _addresses(settings, snapshot, written)
    return _desired(settings, snapshot, addresses, destroys=False)


def _without_what_is_unknown(settings: Settings, snapshot: Snapshot) -> Snapshot:
    """The snapshot without the test account, and with the members of groups that are gone unknown."""
    confirmed = {slot: settings.authentication_profile.confirmed_of(slot) for slot in ProfileSlot}
    return account_for_tests.without(snapshot).with_gone_groups_unknown(
        {slot: each.at for slot, each in confirmed.items() if each is not None}
    )


def _addresses(
    settings: Settings, snapshot: Snapshot, written: Sequence[Address]
) -> tuple[tuple[Address, ...], tuple[Statement, ...]]:
    directory = snapshot.directory
    derived, left_out = _derived(settings, snapshot, assigned(directory.users, directory.groups))
    return (*written, *derived), left_out


def _desired(
    settings: Settings, snapshot: Snapshot, addresses: Sequence[Address], *, destroys: bool
) -> Desired:
    directory = snapshot.directory
    return Desired(
        settings=settings,
        snapshot=snapshot,
        addresses=tuple(each.address for each in addresses),
        members=tuple(settings.roll_out.members(each.address for each in addresses)),
        principals=frozenset(
            [*(user.object_id for user in directory.users), *(group.object_id for group in directory.groups)]
        ),
        destroys=destroys,
    )


def written_addresses(settings: Settings, root: Path) -> tuple[Address, ...]:
    """The addresses that the configuration lists. Raises ConfigurationError for a CSV file that cannot be used."""
    book = settings.addresses
    if book.source is AddressSource.CSV:
        return book.read_csv(root)
    return book.explicit


def _derived(
    settings: Settings, snapshot: Snapshot, everybody: Sequence[Person]
) -> tuple[tuple[Address, ...], tuple[Statement, ...]]:
    """The addresses of assigned people. With ``synchronised`` they are the same, and are only checked."""
    if settings.addresses.source in (AddressSource.EXPLICIT, AddressSource.CSV):
        return (), ()
    found: dict[str, Address] = {}
    left_out: list[Statement] = []
    for person in everybody:
        if person.mail and person.enabled:
            address, notes = _address_of(person)
            left_out += notes
            if address is not None and _is_elsewhere(address.address, settings, snapshot):
                left_out.append(_at_another_organization(person, address.address))
            elif address is not None:
                found.setdefault(address.address, address)
    return tuple(found.values()), tuple(left_out)


def _address_of(person: Person) -> tuple[Address | None, list[Statement]]:
    """A person's address, without a name that cannot be used: nobody loses a sign-in over a display name."""
    try:
        return Address(address=person.mail, name=person.display_name or None), []
    except ValidationError as error:
        whys = {
            str(each["loc"][0]): str(each.get("ctx", {}).get("error", "is malformed"))
            for each in error.errors()
        }
    if "address" in whys:
        return None, [_note(f"{person.address} is left out: the mail address in Entra {whys['address']}")]
    unnamed = f"{person.address} gets no name at Mimecast: the display name in Entra {whys['name']}"
    return Address(address=person.mail), [_note(unnamed)]


def _note(text: str) -> Statement:
    return Statement(text, How.LIVE, "Microsoft Graph", Verdict.WARNS)


def _is_elsewhere(address: str, settings: Settings, snapshot: Snapshot) -> bool:
    """Whether an address's domain is neither the account's nor configured; False if that is unknown."""
    if snapshot.domains.value is None:
        return False
    own = {*snapshot.domains.value, *(domain.name for domain in settings.domains)}
    return domain_of(address) not in own


def _at_another_organization(person: Person, address: str) -> Statement:
    kind = "guest" if person.guest else "assigned person"
    text = (
        f"{address} is left out: the mail address of this {kind} is at {domain_of(address)}, which is not a domain of "
        "the Mimecast account, so they have no Personal Portal there"
    )
    return Statement(text, How.LIVE, "Microsoft Graph, Mimecast", Verdict.WARNS)


def people_at_mimecast(assessment: Assessment) -> Iterator[str]:
    """Addresses that exist at Mimecast, or will after the run."""
    yield from assessment.snapshot.addresses.value or ()
    if assessment.settings.addresses.source is not AddressSource.SYNCHRONISED:
        yield from assessment.desired.addresses
