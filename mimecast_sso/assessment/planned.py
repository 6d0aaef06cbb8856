"""The changes of a run: the recorded deployment compared with the desired one. Pure.

No engine or provider is needed: names are people's terms, not those of resources. What the engine
plans beyond this is without effect on a tenant (outputs, the code of a provider).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.record import BookEntry, Record, RecordedProfile
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.profile_form import FIELDS
from mimecast_sso.settings import AddressSource, Ownership, ProfileSlot
from mimecast_sso.text.names import domain_of
from mimecast_sso.text.wording import count
from providers.entra.claims import claims_definition, same_meaning
from providers.mimecast.domains import DomainState


class Action(StrEnum):
    """The action on an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Planned:
    """One object that a run would write.

    Attributes:
        object: The kind of object, in people's terms.
        name: Its name, if there can be several. May be a person's address.
        properties: Changed properties → recorded and desired values. Of a set, only removed and added values.
    """

    action: Action
    object: str
    name: str = ""
    properties: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] | None = None

    @property
    def text(self) -> str:
        """The change in words, without values, which may be people's addresses."""
        changed = ", ".join(
            _in_words(name, before, after) for name, (before, after) in (self.properties or {}).items()
        )
        return f"{self.action} {self.object}{f': {changed}' if changed else ''}"

    def document(self) -> dict[str, JSON]:
        """As JSON, values included."""
        properties = {
            name: {"recorded": sorted(before), "desired": sorted(after)}
            for name, (before, after) in (self.properties or {}).items()
        }
        return {
            "action": str(self.action),
            "object": self.object,
            "name": self.name,
            "properties": properties,
        }


NONE = "\u2013"
"""A dash for an empty table cell."""
OWNERS = "owners"
"""The property that depends on who runs: the deploying principal keeps its own ownership."""
_SETS = frozenset({"members", "addresses", "reply URLs", OWNERS, "notification addresses"})
_ACCOUNT = "test account"
_SLOTS = {ProfileSlot.FIRST: "", ProfileSlot.SECOND: "second "}


def more_and_less(more: int, less: int) -> str:
    """The numbers of added and removed ones, in parentheses."""
    return f"(+{more:,}, \u2212{less:,})"


def _in_words(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> str:
    return f"{name} {more_and_less(len(after), len(before))}" if name in _SETS else name


def planned(assessment: Assessment) -> tuple[Planned, ...]:
    """The changes of deploying the configuration; none if the deployment is as configured."""
    return (
        *_application(assessment),
        *_assignments(assessment),
        *_account_for_tests(assessment),
        *_certificates(assessment),
        *_domains(assessment),
        *_integration(assessment),
        *_addresses(assessment),
        *(each for slot in ProfileSlot for each in _slot(assessment, slot)),
    )


def summary(changes: Iterable[Planned]) -> str:
    """The number of each kind: ``2 creates, 1 update``; a dash for none."""
    actions = [each.action for each in changes]
    return ", ".join(count(actions.count(each), each) for each in Action if each in actions) or NONE


# -- Forms ----------------------------------------------------------------------------------------------------------


def _texts(value: JSON) -> tuple[str, ...]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(sorted(map(str, value)))
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return () if value in (None, "") else (str(value),)


def _differences(
    pairs: Mapping[str, tuple[object, object]],
) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The properties that differ, each with recorded and desired values."""
    found = {}
    for name, (recorded, desired) in pairs.items():
        before, after = _texts(recorded), _texts(desired)
        if name in _SETS:
            before, after = _missing_from(after, before), _missing_from(before, after)
        if before != after:
            found[name] = (before, after)
    return found


def _missing_from(others: Sequence[str], texts: Sequence[str]) -> tuple[str, ...]:
    known = set(others)
    return tuple(each for each in texts if each not in known)


def _update(object_: str, pairs: Mapping[str, tuple[object, object]], name: str = "") -> Iterator[Planned]:
    differences = _differences(pairs)
    if differences:
        yield Planned(Action.UPDATE, object_, name, differences)


def _account_for_tests(assessment: Assessment) -> Iterator[Planned]:
    recorded, configured = assessment.desired.record.account_for_tests, assessment.settings.account_for_tests
    if recorded is None and configured is not None:
        yield Planned(Action.CREATE, _ACCOUNT, configured.address)
    elif recorded is not None and configured is None:
        yield Planned(Action.DELETE, _ACCOUNT, recorded.address)
    elif recorded is not None and configured is not None:
        yield from _update(_ACCOUNT, {"address": (recorded.address, configured.address)}, configured.address)


def _each(object_: str, recorded: Mapping[str, str], desired: Mapping[str, str]) -> Iterator[Planned]:
    """Objects by key, each with its name: added and removed ones."""
    for key in sorted(desired.keys() - recorded.keys()):
        yield Planned(Action.CREATE, object_, desired[key])
    for key in sorted(recorded.keys() - desired.keys()):
        yield Planned(Action.DELETE, object_, recorded[key])


# -- Entra ----------------------------------------------------------------------------------------------------------


def _application(assessment: Assessment) -> Iterator[Planned]:
    desired, record, settings = assessment.desired, assessment.desired.record, assessment.settings
    if record.application is None or desired.replaces_application:
        # Adopting writes as well: missing parts of the live application.
        yield Planned(Action.CREATE, "application", settings.application.display_name)
    else:
        yield from _update("application", dict(_properties(assessment)))
        yield from _principal(assessment)
    if settings.application.claims is Ownership.MANAGE:
        if record.policy is None:
            yield Planned(Action.CREATE, "claims policy")
        elif not (record.policy.assigned and same_meaning(record.policy.definition, claims_definition())):
            yield Planned(Action.UPDATE, "claims policy")


def _properties(assessment: Assessment) -> Iterator[tuple[str, tuple[object, object]]]:
    desired, record, settings = assessment.desired, assessment.desired.record, assessment.settings
    application = record.application
    yield "display name", (application.display_name if application else "", settings.application.display_name)
    yield "identifier", (record.identifiers, (settings.identifier,))
    yield "reply URLs", (record.reply_urls, desired.reply_urls)
    yield "default reply URL", (record.default_reply_url, desired.default_reply_url)
    owners = frozenset(assessment.snapshot.directory.owners)
    if owners:  # Without configured owners, existing ones are kept.
        live = desired.application
        # The deploying principal is not declared where it owns the application without that.
        there = {each for each in record.deployers if live is not None and live.registration.owned_by(each)}
        leaving = record.owners - owners - {assessment.snapshot.deployer}
        yield OWNERS, (leaving, owners - record.owners - there)


def _principal(assessment: Assessment) -> Iterator[Planned]:
    desired, configured = assessment.desired, assessment.settings.application
    recorded = desired.record.principal
    if recorded is None:
        yield Planned(Action.CREATE, "service principal")
        return
    pairs = {
        "enabled": (recorded.enabled, True),
        "assignment required": (recorded.assignment_required, configured.assignment_required),
        "sign-on URL": (recorded.sign_on_url, desired.sign_on_url),
        "hidden in My Apps": (recorded.hidden, configured.hide),
        "notification addresses": (recorded.notification_emails, configured.notification_emails),
    }
    yield from _update("service principal", pairs)


def _assignments(assessment: Assessment) -> Iterator[Planned]:
    if assessment.settings.assign.mode is not Ownership.MANAGE:
        return
    directory = assessment.snapshot.directory
    names = {each.object_id: each.address for each in directory.accounts.values()}
    names |= {each.object_id: each.address for each in directory.users}
    names |= {each.object_id: each.name for each in directory.groups}
    record, configured = assessment.desired.record, assessment.desired.principals
    kept = {key for key in record.assignments if key in record.deletable_assignments or key in configured}
    recorded = {each: names.get(each, each) for each in kept}
    yield from _each("assignment", recorded, {each: names.get(each, each) for each in configured})


def _certificates(assessment: Assessment) -> Iterator[Planned]:
    desired, record, configured = (
        assessment.desired,
        assessment.desired.record,
        assessment.settings.certificates,
    )
    for generation in configured.generations:
        if generation.label not in record.thumbprints or desired.replaces_certificate(generation.label):
            yield Planned(Action.CREATE, "signing certificate", generation.label)
    active = desired.thumbprint_of(configured.active)
    recorded = str(record.active.get("thumbprint") or "")
    if record.active and active != recorded:
        yield Planned(
            Action.UPDATE,
            "active signing certificate",
            "",
            {"certificate": ((recorded,), (active or "new",))},
        )
    elif record.active:
        opens = desired.opens(configured.active_generation.profile)
        yield from _update(
            "active signing certificate",
            {"trusted by Mimecast": (record.active.get("replace") is True, opens)},
        )
    gone = {str(each.get("thumbprint")) for each in record.all_outputs_of(types.RETIRED_SIGNING_CERTIFICATE)}
    for each in configured.retired:
        if each.thumbprint not in gone:
            yield Planned(Action.DELETE, "signing certificate", each.thumbprint)


# -- Mimecast -------------------------------------------------------------------------------------------------------


def _domains(assessment: Assessment) -> Iterator[Planned]:
    recorded = {
        str(each.get("domain")): each for each in assessment.desired.record.all_outputs_of(types.DOMAIN)
    }
    desired = {each.name: each for each in assessment.settings.domains}
    yield from _each("domain", {each: each for each in recorded}, {each: each for each in desired})
    for name in sorted(recorded.keys() & desired.keys()):
        pairs = {
            "mode": (recorded[name].get("mode"), desired[name].mode.value),
            "inbound type": (recorded[name].get("inboundType"), desired[name].inbound_type.value),
        }
        yield from _update("domain", pairs, name)


def _integration(assessment: Assessment) -> Iterator[Planned]:
    object_ = "directory integration"
    recorded, configured = (
        assessment.desired.record.integration,
        assessment.settings.directory_synchronisation,
    )
    if recorded is None and configured is not None:
        yield Planned(Action.CREATE, object_, configured.description)
    elif recorded is not None and configured is None:
        yield Planned(Action.DELETE, object_, recorded.description)
    elif recorded is not None and configured is not None:
        keys = sorted(recorded.properties.keys() | configured.properties.keys())
        pairs = {key: (recorded.properties.get(key), configured.properties.get(key)) for key in keys}
        pairs["description"] = (recorded.description, configured.description)
        pairs["mode"] = (recorded.mode, configured.mode.value)
        yield from _update(object_, pairs, configured.description)


def _addresses(assessment: Assessment) -> Iterator[Planned]:
    recorded = assessment.desired.record.book
    check_only = assessment.settings.addresses.source is AddressSource.SYNCHRONISED
    after = {each.address: _entry_of(each.name, each.password_version) for each in assessment.addresses}
    after = {
        address: "" if check_only else entry
        for address, entry in after.items()
        if _ready(assessment, address)
    }
    if recorded is None:
        yield Planned(Action.CREATE, "address book", "", _differences({"addresses": ((), tuple(after))}))
        return
    before = {address: _entry(entry) for address, entry in recorded.entries.items()}
    both = before.keys() & after.keys()
    pairs = {
        "addresses": (tuple(before), tuple(after)),
        "names and passwords": (
            [f"{each}: {before[each]}" for each in both if before[each] != after[each]],
            [f"{each}: {after[each]}" for each in both if before[each] != after[each]],
        ),
        "removal": (recorded.on_removal, assessment.settings.addresses.on_removal.value),
        "adopted": (recorded.adopted, assessment.settings.addresses.adopt),
        "check only": (recorded.check_only, check_only),
    }
    yield from _update("address book", pairs)


def _entry(recorded: BookEntry) -> str:
    return _entry_of(recorded.get("name"), recorded.get("passwordVersion"))


def _entry_of(name: object, version: object) -> str:
    return " ".join(str(each) for each in (name, version) if each)


def _ready(assessment: Assessment, address: str) -> bool:
    """Whether an address's domain is verified, or not managed by this stack; otherwise the address is on hold."""
    name = domain_of(address)
    mine = {each.name for each in assessment.settings.domains}
    status = (assessment.snapshot.domains.value or {}).get(name)
    return name not in mine or status is None or status.state is DomainState.INTERNAL


def _slot(assessment: Assessment, slot: ProfileSlot) -> Iterator[Planned]:
    desired, record = assessment.desired, assessment.desired.record
    if slot not in assessment.settings.certificates.slots:
        if slot in record.groups:
            yield Planned(Action.DELETE, f"{_SLOTS[slot]}roll-out group", record.groups[slot].name)
        return
    name = assessment.settings.roll_out.group_of(slot)
    group = record.groups.get(slot)
    if group is None:
        yield Planned(Action.CREATE, f"{_SLOTS[slot]}roll-out group", name)
    else:
        yield from _update(f"{_SLOTS[slot]}roll-out group", {"name": (group.name, name)})
    yield from _membership(desired, record, slot)
    yield from _profile(desired, record.profiles.get(slot), slot)


def _membership(desired: Desired, record: Record, slot: ProfileSlot) -> Iterator[Planned]:
    certificates = desired.settings.certificates
    opens = desired.opens(slot)
    if slot in certificates.populated:
        members, hold = desired.members, not opens
    else:
        # People who are to leave stay until the profile that they move to is known to be set.
        leave = desired.opens(certificates.active_generation.profile)
        members, hold = () if leave else desired.members, True
    recorded = record.memberships.get(slot)
    object_ = f"members of the {_SLOTS[slot]}roll-out group"
    if recorded is None:
        yield Planned(Action.CREATE, object_, "", _differences({"members": ((), members)}))
        return
    yield from _update(object_, {"members": (recorded.members, members), "held back": (recorded.hold, hold)})


_CERTIFICATE_LABEL = next(each.label for each in FIELDS if each.key == "certificate")
# The others follow from Entra during the run.
_OWN_FIELDS = [each for each in FIELDS if each.key not in ("certificate", "metadataUrl")]


def _profile(desired: Desired, recorded: RecordedProfile | None, slot: ProfileSlot) -> Iterator[Planned]:
    object_ = f"{_SLOTS[slot]}authentication profile"
    form = desired.eventual_form(slot)
    if recorded is None:
        yield Planned(Action.CREATE, object_)
        return
    if form is None:
        return
    confirmed = desired.settings.authentication_profile.confirmed_of(slot)
    pairs: dict[str, tuple[object, object]] = {
        each.label: (recorded.form.get(each.key), form.values.get(each.key)) for each in _OWN_FIELDS
    }
    pairs |= {
        "certificate": (recorded.thumbprint, form.thumbprint),
        "attestation": (_flat(recorded.confirmed), _flat(confirmed.document() if confirmed else None)),
        "evidence": (_flat(recorded.evidence), _flat(desired.evidence(slot))),
    }
    yield from _update(object_, pairs)


def _flat(document: Mapping[str, JSON] | None) -> list[str]:
    return sorted(f"{key}: {value}" for key, value in (document or {}).items())


# -- Console --------------------------------------------------------------------------------------------------------


def console_work(desired: Desired) -> dict[ProfileSlot, tuple[str, ...]]:
    """The console fields that a person has to set after the run, by profile slot; all of a new form.

    Leaves out a slot whose form is attested or that waits for a certificate. No field at all: the form is as attested,
    but evidence or its age requires confirming it again.
    """
    found = {}
    for slot in desired.settings.certificates.slots:
        form = desired.eventual_form(slot)
        idle = form is None or not (form.thumbprint or form.values["monitorMetadataUrl"])
        if form is None or idle or desired.opens(slot):
            continue
        held = desired.console.held(slot).value
        before = held.values if held else {}
        fields = [each.label for each in _OWN_FIELDS if before.get(each.key) != form.values.get(each.key)]
        if form.thumbprint and (held is None or held.thumbprint != form.thumbprint):
            fields.append(_CERTIFICATE_LABEL)
        found[slot] = tuple(fields)
    return found
