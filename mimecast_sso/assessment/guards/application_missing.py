"""Guard `application-missing`: Entra still has the application and the service principal that this stack recorded.

The engine writes to a recorded object without looking whether it exists, so a run after a deletion fails half-way. One
that refreshes first forgets what was recorded, and creates another: with a certificate that Mimecast does not trust,
and without the identifier while the deleted application, or one of somebody else, has it.
A program cannot tell that its run refreshes; the command that starts it can. It asks this guard first (`on_refresh`),
and refreshes the state alone where another application is to be created (`may_be_recreated`).
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment import restoring
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.assessment.record import RecordedApplication
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown
from providers.entra.applications import DeletedApplication, DeletedPrincipal, Holder

_GUARD = "application-missing"
_GRAPH = "Microsoft Graph"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to write to what was deleted."""
    if assessment.desired.destroys or assessment.desired.adopts_successor:
        return
    recorded, other = _missing(assessment), restoring.successor(assessment)
    principal = assessment.snapshot.deleted_principal.value
    if other is not None and assessment.settings.application.adopt != other.client_id.lower():
        yield _other_application(assessment, other)
    elif recorded is not None:
        yield _application(assessment, recorded)
    elif principal is not None and not restoring.keeps_successor(assessment):
        yield _principal(assessment, principal)
    elif restoring.is_refused(assessment):
        yield _not_owned(assessment)


def on_refresh(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse the same, unless a refresh solves it."""
    if not may_be_recreated(assessment):
        yield from find(assessment)


def may_be_recreated(assessment: Assessment) -> bool:
    """Whether the recorded application is gone, and a run that refreshes can create another one."""
    recorded = _missing(assessment)
    if recorded is None or restoring.successor(assessment) is not None:
        return False
    found = restoring.deleted_application(assessment)
    return not (found and found.reserves)


def _missing(assessment: Assessment) -> RecordedApplication | None:
    """The recorded application, if Entra has none with its client id any more."""
    snapshot, recorded = assessment.snapshot, assessment.desired.record.application
    live = (snapshot.own, snapshot.application)
    if recorded is None or assessment.desired.destroys or not all(each.is_known for each in live):
        return None
    if any(each.value and each.value.client_id.lower() == recorded.client_id.lower() for each in live):
        return None
    gone = snapshot.own_is_gone or restoring.deleted_application(assessment) is not None
    return recorded if gone else None


def _and_reserves(found: DeletedApplication | None) -> str:
    return " and still has the identifier" if found is not None and found.reserves else ""


def _application(assessment: Assessment, recorded: RecordedApplication) -> GuardFinding:
    found = restoring.deleted_application(assessment)
    shown_name = quoted(found.display_name if found else recorded.display_name)
    name = f"application {shown_name} (client id {recorded.client_id})"
    problem = "no longer exists in Entra" if found is None else "was deleted in Entra"
    return GuardFinding(
        _GUARD,
        f"{name}, which this stack deployed, {problem}{_and_reserves(found)}",
        known=(
            Statement(f"deleted {shown(found.deleted_at)}", How.LIVE, _GRAPH)
            if found
            else Statement(f"no application has client id {recorded.client_id}", How.LIVE, _GRAPH),
        ),
        remedy=_remedy(assessment, found),
        final=True,
    )


def _remedy(assessment: Assessment, found: DeletedApplication | None) -> str:
    refresh = f"{assessment.command('up')} --refresh"
    if found is None:
        return (
            "create another one, with another certificate, and save the console form from the new run sheet: "
            f"{refresh}"
        )
    item, request = f"directory/deletedItems/{found.object_id}", assessment.snapshot.cloud.graph_request
    commands = restoring.command(assessment) or request("POST", f"{item}/restore")
    restore = f"restore it by {found.until:%Y-%m-%d}: {commands}"
    if found.reserves:
        return (
            f"{restore}. To create another one instead, delete it permanently ({request('DELETE', item)}), then "
            f"{refresh}"
        )
    return (
        f"{restore}. To create another one instead, with another certificate, only {refresh}, and save the console "
        "form from the new run sheet"
    )


def _principal(assessment: Assessment, deleted: DeletedPrincipal) -> GuardFinding:
    again = "" if assessment.snapshot.own.value is None else ", and somebody created another"
    item = f"directory/deletedItems/{deleted.object_id}"
    return GuardFinding(
        _GUARD,
        f"service principal {deleted.object_id}, which this stack deployed, was deleted in Entra{again}. It has the "
        "signing certificate that Mimecast trusts",
        known=(Statement(f"deleted {shown(deleted.deleted_at)}", How.LIVE, _GRAPH),),
        remedy=f"restore it by {deleted.until:%Y-%m-%d}: {restoring.command(assessment)}. To create another one "
        f"instead, delete it permanently ({assessment.snapshot.cloud.graph_request('DELETE', item)}), then "
        f"{assessment.command('up')} --refresh",
        final=True,
    )


def _other_application(assessment: Assessment, other: Holder) -> GuardFinding:
    return GuardFinding(
        _GUARD,
        "the application that this stack deployed no longer exists, and another one has its identifier: "
        f"{quoted(other.name)} (client id {other.client_id})",
        known=(Statement(f"client id {other.client_id}, created {other.created}", How.LIVE, _GRAPH),),
        remedy=f"adopt it (mimecast-sso:application: {{adopt: {other.client_id}}}, then {assessment.command('up')} "
        "--refresh), or remove the identifier from it",
        final=True,
    )


def _not_owned(assessment: Assessment) -> GuardFinding:
    return GuardFinding(
        _GUARD,
        "the service principal that this stack deployed was deleted, and somebody created another, which the "
        "deploying principal does not own and so cannot change with Application.ReadWrite.OwnedBy",
        known=(Statement("its owners", How.LIVE, _GRAPH),),
        remedy=f"make it an owner, and deploy: {restoring.command(assessment)}",
        final=True,
    )
