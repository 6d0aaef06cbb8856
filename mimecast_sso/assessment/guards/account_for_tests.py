"""Guard `test-account`: the test account is created by this stack and belongs to no person."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings.account_for_tests import AccountForTests
from mimecast_sso.text.foreign import quoted

_GUARD = "test-account"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse an address that somebody has in Entra or at Mimecast; the stack's own account is not in the snapshot."""
    desired = assessment.settings.account_for_tests
    if desired is None or assessment.snapshot.record.value is None:
        return
    yield from _in_entra(assessment, desired)
    yield from _at_mimecast(assessment, desired)


def _at_mimecast(assessment: Assessment, desired: AccountForTests) -> Iterator[GuardFinding]:
    """Refuse a person's address. An earlier test account leaves its address behind, with its name."""
    snapshot = assessment.snapshot
    live = (snapshot.addresses.value or {}).get(desired.address)
    own = bool(snapshot.directory.unrecorded_account) or desired.address in snapshot.recorded.addresses
    if live is None or live.name == desired.display_name or own:
        return
    rename = (
        "; or, if an earlier test account left it behind, set mimecast-sso:testAccount.displayName: "
        f"{quoted(live.name)}"
    )
    yield GuardFinding(
        _GUARD,
        f"mimecast-sso:testAccount.address is {desired.address}, but Mimecast already has this address "
        f"({quoted(live.name)}). Whoever signs in with it would be sent to Entra, where the test account has another "
        "password",
        (desired.address,),
        remedy=f"choose an unused address{rename if live.name else ''}",
        final=True,
    )


def _in_entra(assessment: Assessment, desired: AccountForTests) -> Iterator[GuardFinding]:
    """Refuse a person's account.

    An account that a run of this stack created and could not record is known by its marker, and is imported.
    """
    snapshot = assessment.snapshot
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
        remedy="choose an unused address. An account that a run of this stack created and could not record "
        "is imported, if the state still has its password and nobody changed its employee id or user principal name; "
        f"otherwise delete it first: az ad user delete --id {person.object_id}",
        final=True,
    )
