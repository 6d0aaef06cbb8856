"""Leave the stack's test account out of the snapshot: forecast and guards consider people only. Pure.

The drift comparison leaves it out as well. Nobody loses sign-in when it is deleted with its key or with the
stack. Only an account that the state records as created by this stack is left out, so that no person's account can be
taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.people import EntraGroup
from mimecast_sso.assessment.record import Record, RecordedAccount, Resource
from mimecast_sso.assessment.snapshot import Directory, LiveGroup, Snapshot
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.json_types import JSON
from providers.entra.applications import LiveApplication


def without(snapshot: Snapshot) -> Snapshot:
    """The snapshot as if the test account that is recorded in it did not exist."""
    account = snapshot.recorded.account_for_tests
    if account is None:
        return snapshot
    return replace(
        snapshot,
        application=snapshot.application.map(lambda live: _unassigned(live, account)),
        own=snapshot.own.map(lambda live: _unassigned(live, account)),
        directory=_directory(snapshot.directory, account),
        access=snapshot.access.map(
            lambda sample: (
                _not_evaluated(sample, account)
                if account.object_id in snapshot.directory.accounts
                else sample
            )
        ),
        addresses=snapshot.addresses.map(
            lambda found: {name: each for name, each in found.items() if name != account.address}
        ),
        groups={
            slot: known.map(lambda group: _group(group, account)) for slot, known in snapshot.groups.items()
        },
        record=snapshot.record.map(lambda record: _record(record, account)),
    )


def _unassigned(live: LiveApplication, account: RecordedAccount) -> LiveApplication:
    return replace(
        live, assigned=tuple(each for each in live.assigned if each.principal_id != account.object_id)
    )


def _directory(directory: Directory, account: RecordedAccount) -> Directory:
    return replace(
        directory,
        groups=tuple(_members(group, account) for group in directory.groups),
        assigned_groups={key: _members(each, account) for key, each in directory.assigned_groups.items()},
        accounts={key: each for key, each in directory.accounts.items() if key != account.object_id},
    )


def _members(group: EntraGroup, account: RecordedAccount) -> EntraGroup:
    return replace(
        group, members=tuple(each for each in group.members if each.object_id != account.object_id)
    )


def _not_evaluated(sample: AccessSample, account: RecordedAccount) -> AccessSample:
    evaluated = tuple(each for each in sample.evaluated if each != account.object_id)
    return replace(
        sample,
        evaluated=evaluated,
        concerned=max(sample.concerned - 1, len(evaluated)),
        blocked={who: policy for who, policy in sample.blocked.items() if who != account.object_id},
        applying={who: policies for who, policies in sample.applying.items() if who != account.object_id},
    )


def _group(group: LiveGroup, account: RecordedAccount) -> LiveGroup:
    mine = {account.address}
    return replace(group, members=group.members - mine, left=group.left - mine, joined=group.joined - mine)


@dataclass(frozen=True, slots=True)
class _Changed:
    urn: str
    type: str
    outputs: Mapping[str, JSON]


def _record(record: Record, account: RecordedAccount) -> Record:
    return replace(record, resources=tuple(_resources(record, account)))


def _resources(record: Record, account: RecordedAccount) -> Iterator[Resource]:
    lists = {
        types.GROUP_MEMBERSHIP: ("members",),
        types.ADDRESS_BOOK: ("addresses", "created"),
    }
    for each in record.resources:
        outputs = each.outputs
        if outputs.get("principalObjectId") == account.object_id:
            continue
        kept = {name: _kept(outputs[name], account) for name in lists.get(each.type, ()) if outputs.get(name)}
        yield _Changed(each.urn, each.type, {**outputs, **kept})


def _kept(addresses: JSON, account: RecordedAccount) -> JSON:
    if isinstance(addresses, Mapping):
        return {name: each for name, each in addresses.items() if name != account.address}
    return [each for each in addresses if each != account.address]
