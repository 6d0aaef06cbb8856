"""Guard `test-account`: the test account is created by this stack and belongs to no person."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.foreign import quoted

_GUARD = "test-account"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse an address that exists in Entra; the stack's own test account is not in the snapshot.

    An account that a run of this stack created and could not record is known by its marker, and is imported.
    """
    desired, snapshot = assessment.settings.account_for_tests, assessment.snapshot
    if desired is None or snapshot.record.value is None:
        return
    names = snapshot.by_name_id
    person = names["upn"].get(desired.address) or names["mail"].get(desired.address)
    if person is None or person.object_id == snapshot.directory.unrecorded_account:
        return
    yield GuardFinding(
        _GUARD,
        f"mimecast-sso:testAccount.address is {desired.address}, but Entra already has an account with this address "
        f"({quoted(person.display_name)}), which this stack did not create. It would be changed, and "
        "deleted with the stack",
        known=(Statement(f"object id {person.object_id}", How.LIVE, "Microsoft Graph"),),
        remedy="choose an address that nobody has. An account that a run of this stack created and could not record "
        "is imported, if the state still has its password and nobody changed its employee id or user principal name; "
        f"otherwise delete it first: az ad user delete --id {person.object_id}",
        final=True,
    )
