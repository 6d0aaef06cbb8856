"""Guard `application-missing`: Entra still has the application that this stack recorded.

The engine writes to a recorded application without looking whether it exists, so such a run fails half-way. One that
refreshes first creates another application, and fails as well while the deleted one still has the identifier.
A program cannot tell that its run refreshes; the command that starts it can, and refreshes the state alone first
(`may_be_recreated`).
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.assessment.record import RecordedApplication
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown
from providers.entra.applications import DeletedApplication

_GUARD = "application-missing"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to write to an application that was deleted."""
    recorded = _missing(assessment)
    if recorded is None:
        return
    found = _in_recycle_bin(assessment, recorded)
    shown_name = quoted(found.display_name if found else recorded.display_name)
    name = f"application {shown_name} (client id {recorded.client_id})"
    problem = "no longer exists in Entra" if found is None else "was deleted in Entra"
    yield GuardFinding(
        _GUARD,
        f"{name}, which this stack deployed, {problem}{_and_reserves(found)}",
        known=(
            Statement(f"deleted {shown(found.deleted_at)}", How.LIVE, "Microsoft Graph")
            if found
            else Statement(f"no application has client id {recorded.client_id}", How.LIVE, "Microsoft Graph"),
        ),
        remedy=_remedy(assessment, found),
        final=True,
    )


def may_be_recreated(assessment: Assessment) -> bool:
    """Whether the recorded application is gone, and a run that refreshes can create another one."""
    recorded = _missing(assessment)
    found = _in_recycle_bin(assessment, recorded) if recorded else None
    return recorded is not None and not (found and found.reserves)


def _missing(assessment: Assessment) -> RecordedApplication | None:
    """The recorded application, if Entra has none with its client id any more."""
    snapshot, recorded = assessment.snapshot, assessment.desired.record.application
    live = (snapshot.own, snapshot.application)
    if recorded is None or assessment.desired.destroys or not all(each.is_known for each in live):
        return None
    if any(each.value and each.value.client_id.lower() == recorded.client_id.lower() for each in live):
        return None
    gone = snapshot.own_is_gone or _in_recycle_bin(assessment, recorded) is not None
    return recorded if gone else None


def _in_recycle_bin(assessment: Assessment, recorded: RecordedApplication) -> DeletedApplication | None:
    deleted = assessment.snapshot.deleted.value or ()
    return next((each for each in deleted if each.client_id == recorded.client_id), None)


def _and_reserves(found: DeletedApplication | None) -> str:
    return " and still has the identifier" if found is not None and found.reserves else ""


def _remedy(assessment: Assessment, found: DeletedApplication | None) -> str:
    refresh = f"{assessment.command('up')} --refresh"
    if found is None:
        return (
            "create another one, with another certificate, and save the console form from the new run sheet: "
            f"{refresh}"
        )
    item, request = f"directory/deletedItems/{found.object_id}", assessment.snapshot.cloud.graph_request
    restore = (
        f"restore it by {found.until:%Y-%m-%d} ({request('POST', f'{item}/restore')}), and its service principal if "
        "that was deleted, too"
    )
    if found.reserves:
        return (
            f"{restore}. To create another one instead, delete it permanently ({request('DELETE', item)}), then "
            f"{refresh}"
        )
    return (
        f"{restore}; then {refresh}, which gives it the identifier again. To create another one instead, with another "
        f"certificate, only {refresh}, and save the console form from the new run sheet"
    )
