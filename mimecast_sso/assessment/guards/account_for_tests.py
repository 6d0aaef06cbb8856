"""Guard `test-account`: the test account is created by this stack and belongs to no person."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement

_GUARD = "test-account"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse an address that exists in Entra; the stack's own test account is not in the snapshot."""
    wanted, snapshot = assessment.settings.account_for_tests, assessment.snapshot
    if wanted is None or snapshot.record.value is None:
        return
    names = snapshot.by_name_id
    person = names["upn"].get(wanted.address) or names["mail"].get(wanted.address)
    if person is None:
        return
    yield GuardFinding(
        _GUARD,
        f"mimecast-sso:testAccount.address is {wanted.address}, but Entra already has an account with this address "
        f'("{person.display_name}"), which this stack did not create. It would be changed, and deleted with the stack',
        known=(Statement(f"object id {person.object_id}", How.LIVE, "Microsoft Graph"),),
        remedy="choose an address that nobody has. If an earlier run created the account and could not record it, "
        "delete it in Entra first",
        final=True,
    )
