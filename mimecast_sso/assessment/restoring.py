"""Restore a recorded application or service principal that was deleted, or deleted and created again. Pure.

A service principal that is restored from the recycle bin keeps its signing certificate, which Mimecast trusts; a new
one needs a new certificate, and somebody who enters that in the console. So the deleted one comes first, unless people
sign in through another one already.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.facts.graph_permissions import OWNED, WRITE_ALL
from providers.entra.applications import DeletedApplication, Holder


def command(assessment: Assessment) -> str:
    """The commands that restore both, as one line for a shell; "" if both exist, or nothing can restore them."""
    return " && ".join(_steps(assessment))


def deleted_application(assessment: Assessment) -> DeletedApplication | None:
    """The recorded application, if it can be restored."""
    recorded = assessment.desired.record.application
    deleted = assessment.snapshot.deleted.value or ()
    return next((each for each in deleted if recorded and each.client_id == recorded.client_id), None)


def successor(assessment: Assessment) -> Holder | None:
    """Another application that has the identifier, if the recorded one no longer exists."""
    recorded, snapshot = assessment.desired.record.application, assessment.snapshot
    if recorded is None or not snapshot.own.is_known or snapshot.own.value is not None:
        return None
    if not recorded.client_id:
        return None  # It was not looked for, so it may exist.
    holders = {each.client_id: each for each in snapshot.holders.value or ()}
    return None if recorded.client_id in holders else next(iter(holders.values()), None)


def is_refused(assessment: Assessment) -> bool:
    """Whether Entra would refuse the deploying principal's writes to a service principal that somebody else created."""
    snapshot, live = assessment.snapshot, assessment.snapshot.own.value
    if not assessment.desired.lost_principal or live is None:
        return False
    owned_only = OWNED in snapshot.deployer_roles and not snapshot.deployer_roles & set(WRITE_ALL)
    return owned_only and all(each.object_id != snapshot.deployer for each in live.owners)


def keeps_successor(assessment: Assessment) -> bool:
    """Whether people sign in through a service principal that somebody created instead of the recorded one."""
    return assessment.snapshot.own.value is not None and bool(assessment.forecast.through_entra(Instant.NOW))


def _steps(assessment: Assessment) -> Iterator[str]:
    if not assessment.desired.lost_principal or successor(assessment) is not None:
        return
    snapshot, live = assessment.snapshot, assessment.snapshot.own.value
    request, application = snapshot.cloud.graph_request, deleted_application(assessment)
    if application is not None:
        yield request("POST", f"directory/deletedItems/{application.object_id}/restore")
    principal = None if keeps_successor(assessment) else snapshot.deleted_principal.value
    if principal is not None:
        if live is not None:
            yield request("DELETE", f"servicePrincipals/{live.principal_id}")
        yield request("POST", f"directory/deletedItems/{principal.object_id}/restore")
    elif live is not None and is_refused(assessment):
        owner = {
            "@odata.id": f"https://{snapshot.cloud.graph_host}/v1.0/directoryObjects/{snapshot.deployer}"
        }
        yield request("POST", f"servicePrincipals/{live.principal_id}/owners/$ref", owner)
    yield f"{assessment.command('up')} --refresh"
