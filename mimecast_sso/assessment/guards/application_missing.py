"""Guard `application-missing`: the application that this stack recorded is not in Entra's recycle bin.

The engine writes to a recorded application without looking whether it exists, so such a run fails half-way. One that
refreshes first creates another application, and fails as well: the deleted one still has the identifier.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown

_GUARD = "application-missing"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to write to an application that was deleted."""
    snapshot, recorded = assessment.snapshot, assessment.desired.record.application
    live = (snapshot.own, snapshot.application)
    if recorded is None or assessment.desired.destroys or not all(each.is_known for each in live):
        return
    if any(each.value and each.value.client_id.lower() == recorded.client_id.lower() for each in live):
        return
    found = next(
        (each for each in snapshot.deleted.value or () if each.client_id == recorded.client_id), None
    )
    if found is None:
        return
    item, request = f"directory/deletedItems/{found.object_id}", snapshot.cloud.graph_request
    yield GuardFinding(
        _GUARD,
        f"application {quoted(found.display_name)} (client id {recorded.client_id}), which this stack "
        "deployed, was deleted in Entra and still has the identifier",
        known=(Statement(f"deleted {shown(found.deleted_at)}", How.LIVE, "Microsoft Graph"),),
        remedy=f"restore it by {found.until:%Y-%m-%d} ({request('POST', f'{item}/restore')}), and its service "
        "principal if that was deleted, too. To create another one instead, delete it permanently "
        f"({request('DELETE', item)}), then {assessment.command('up')} --refresh",
        final=True,
    )
