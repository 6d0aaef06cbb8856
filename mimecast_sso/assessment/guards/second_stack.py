"""Guard `second-stack`: no two stacks manage the same application and roll-out group.

A stack that has recorded no application and adopts none would create a second one: for an identifier that another
application holds, or in addition to one that an earlier run created but could not record. The remedy never deletes an
application through which people may sign in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.assessment.record import RecordedApplication
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import either, people
from providers.entra.applications import DeletedApplication, Holder

_GUARD = "second-stack"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse a stack whose objects belong to another stack or were created outside of it."""
    record, application = assessment.snapshot.record, assessment.settings.application
    if record.value is None:
        return  # The record is unknown here; the engine knows the state and continues from it.
    recorded = record.value.application
    if recorded is not None and application.adopt and recorded.client_id.lower() != application.adopt:
        yield _another(assessment, recorded, application.adopt)
    if recorded is not None or application.adopt:
        if assessment.settings.identifier not in record.value.identifiers:
            # An application whose service principal is not recorded yet has no client id in the record.
            ids = (recorded.client_id, recorded.object_id) if recorded else ()
            yield from _elsewhere(
                assessment, {each.lower() for each in (*ids, application.adopt or "") if each}
            )
        return
    yield from _applications(assessment)


def _another(assessment: Assessment, recorded: RecordedApplication, adopt: str) -> GuardFinding:
    own = recorded.client_id or f"with object id {recorded.object_id}"
    if assessment.desired.adopts_successor:
        return GuardFinding(
            _GUARD,
            f"mimecast-sso:application.adopt is {adopt}, but this stack has recorded application {own}, which no "
            "longer exists",
            remedy=f"deploy with a refresh, which forgets it: {assessment.command('up')} --refresh",
            final=True,
        )
    return GuardFinding(
        _GUARD,
        f"mimecast-sso:application.adopt is {adopt}, but this stack already has application {own}; adopting another "
        "would delete that one",
        remedy="remove the key" + (f", or set adopt: {own}" if recorded.client_id else ""),
        final=True,
    )


def _elsewhere(assessment: Assessment, own: Set[str]) -> Iterator[GuardFinding]:
    """Refuse to add the identifier to this stack's own application while another one holds it.

    ``own`` has the ids of the own application, in lower case.
    """
    snapshot = assessment.snapshot
    holders = snapshot.holders.value
    if holders is None or any(map(own.__contains__, _ids(holders))):
        return
    deleted = [each for each in snapshot.deleted.value or () if own.isdisjoint(_ids([each]))]
    if holders:
        yield _held_elsewhere(assessment, holders[0])
    elif deleted:
        yield _in_recycle_bin(assessment, deleted[0])


def _ids(found: Iterable[Holder | DeletedApplication]) -> Iterator[str]:
    for each in found:
        yield from (each.client_id.lower(), each.object_id.lower())


def _held_elsewhere(assessment: Assessment, holder: Holder) -> GuardFinding:
    return GuardFinding(
        _GUARD,
        f"application {quoted(holder.name)} (client id {holder.client_id}) has the identifier "
        f"{assessment.settings.identifier}, so this stack cannot add it to its own application",
        tuple(sorted(assessment.snapshot.everybody)),
        known=(
            Statement(f"client id {holder.client_id}, created {holder.created}", How.LIVE, "Microsoft Graph"),
        ),
        remedy="if people sign in through that application, adopt it with a stack of its own; otherwise remove the "
        "identifier from it (Entra portal, Enterprise applications, Single sign-on) and rerun",
        final=True,
    )


def _applications(assessment: Assessment) -> Iterator[GuardFinding]:
    snapshot = assessment.snapshot
    for unread in (snapshot.holders, snapshot.namesakes):
        if not unread.is_known:
            yield _unread(assessment, unread.source)
            return
    holders = snapshot.holders.value or ()
    if holders:
        yield _held(assessment, holders)
        return
    deleted = snapshot.deleted.value or ()
    if deleted:
        yield _in_recycle_bin(assessment, deleted[0])
        return
    namesakes = snapshot.namesakes.value or ()
    if namesakes:
        yield _left_over(assessment, namesakes)


def _unread(assessment: Assessment, why: str) -> GuardFinding:
    return GuardFinding(
        _GUARD,
        f"whether Entra already has an application with identifier {_identifiers(assessment)}, or one that an "
        "earlier run created, is unknown; a second one would be created beside it",
        known=(Statement("the applications in Entra", How.UNKNOWN, why),),
        remedy="rerun once they can be read",
        final=True,
    )


def _identifiers(assessment: Assessment) -> str:
    """The configured identifier, or the one that Mimecast uses for account and region: `Snapshot.holders` has both."""
    return either(dict.fromkeys((assessment.settings.identifier, assessment.desired.endpoints.identifier)))


def _held(assessment: Assessment, holders: Sequence[Holder]) -> GuardFinding:
    first = holders[0]
    working = assessment.snapshot.everybody
    return GuardFinding(
        _GUARD,
        f"Entra already has an application with identifier {_identifiers(assessment)}: "
        f"{quoted(first.name)} (client id {first.client_id}), which this stack has not recorded. Another "
        "stack manages it, this stack's state was lost, or somebody created it by hand",
        tuple(sorted(working)),
        known=(
            Statement(f"client id {first.client_id}, created {first.created}", How.LIVE, "Microsoft Graph"),
        ),
        remedy="if another stack manages it, deploy that one; otherwise adopt it: mimecast-sso:application: "
        f"{{adopt: {first.client_id}}}"
        + (f". Do not delete it: {people(len(working))} may sign in through it" if working else ""),
        final=True,
    )


def _in_recycle_bin(assessment: Assessment, deleted: DeletedApplication) -> GuardFinding:
    item, request = f"directory/deletedItems/{deleted.object_id}", assessment.snapshot.cloud.graph_request
    own = assessment.snapshot.recorded.application
    restore = f"restore it ({request('POST', f'{item}/restore')}) and adopt {deleted.client_id}"
    purge = f"delete it permanently ({request('DELETE', item)})"
    return GuardFinding(
        _GUARD,
        f"the identifier {assessment.settings.identifier} belongs to the deleted application "
        f"{quoted(deleted.display_name)} (client id {deleted.client_id}), which can be restored until "
        f"{deleted.until:%Y-%m-%d}",
        known=(Statement(f"deleted {shown(deleted.deleted_at)}", How.LIVE, "Microsoft Graph"),),
        remedy=f"{purge}. To use it instead, run {assessment.command('down')} first, then {restore}"
        if own
        else f"{restore}, or {purge}",
        final=True,
    )


def _left_over(assessment: Assessment, namesakes: Sequence[Holder]) -> GuardFinding:
    name, first = assessment.settings.application.display_name, namesakes[0]
    return GuardFinding(
        _GUARD,
        f"Entra already has a gallery application {quoted(name)} without an identifier, and this stack "
        "has not recorded it. Most likely an earlier run created it and the response was lost",
        details=tuple(f"client id {each.client_id}, created {each.created}" for each in namesakes),
        remedy=f"adopt it: mimecast-sso:application: {{adopt: {first.client_id}}}. If it belongs to somebody else, "
        "choose another mimecast-sso:application.displayName",
        final=True,
    )
