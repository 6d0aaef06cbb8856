"""Guard `account`: the live systems are the configured ones, and their identifiers do not change while in use.

Region and account code are in the identifier that Mimecast and Entra share. With the credentials of another account or
tenant, everything would be created a second time in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.wording import people
from providers.mimecast.accounts import AccountMismatch, check_account


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse if a live system is not the configured one, or a deployed value would change while people depend on it."""
    known = tuple(_known(assessment))
    elsewhere = [*_mimecast_differs(assessment), *_tenant_differs(assessment)]
    if elsewhere:
        yield GuardFinding(
            "account",
            "; ".join(elsewhere),
            known=known,
            remedy="use the credentials of the configured systems, or correct the keys",
            final=True,
        )
        return
    changes = list(_changes(assessment))
    snapshot = assessment.snapshot
    if changes and (snapshot.everybody or not snapshot.groups_known or _leaves_account(assessment)):
        yield GuardFinding(
            "account",
            f"{', '.join(changes)}; that replaces the identifier or the issuer, and people who sign in through Entra "
            f"could not do so until Mimecast is set up again ({_how_many(assessment)})",
            tuple(sorted(snapshot.everybody)),
            known=known,
            remedy=f"empty the roll-out group first ({assessment.command('roll-out back')}), or restore the previous "
            "values",
        )


def _mimecast_differs(assessment: Assessment) -> Iterator[str]:
    settings, live = assessment.settings, assessment.snapshot.account.value
    if live is None:
        return
    try:
        check_account(live, settings.account_code, settings.region)
    except AccountMismatch as mismatch:
        yield str(mismatch)


def _tenant_differs(assessment: Assessment) -> Iterator[str]:
    desired, live = assessment.settings.tenant_id, assessment.snapshot.tenant_id
    if desired and desired != live.lower():
        yield (
            f"The ARM_* credentials are for Entra tenant {live}, but mimecast-sso:tenantId is {desired}. "
            "Nothing was changed"
        )


def _changes(assessment: Assessment) -> Iterator[str]:
    record, settings = assessment.snapshot.recorded, assessment.settings
    for name, old, new in (
        ("region", record.region, settings.region),
        ("accountCode", record.account_code, settings.account_code),
        ("the Entra tenant (issuer)", record.issuer, assessment.snapshot.issuer),
    ):
        if old and old != new:
            yield f"{name} would change from {old} to {new}"


def _leaves_account(assessment: Assessment) -> bool:
    """Whether the roll-out group that was read is a different one from the deployed account's."""
    record, settings = assessment.snapshot.recorded, assessment.settings
    deployed = (record.account_code, record.region)
    return bool(record.account_code) and deployed != (settings.account_code, settings.region)


def _how_many(assessment: Assessment) -> str:
    if _leaves_account(assessment) or not assessment.snapshot.groups_known:
        return "the number is unknown, because the group of the deployed account was not read"
    return people(len(assessment.snapshot.everybody))


def _known(assessment: Assessment) -> Iterator[Statement]:
    snapshot, record = assessment.snapshot, assessment.snapshot.record
    live = snapshot.account
    found = (
        f"Mimecast account {live.value.code} in region {live.value.region}"
        if live.value
        else "the Mimecast account"
    )
    yield live.states(found)
    yield Statement(f"Entra tenant {snapshot.tenant_id}", How.LIVE, "it issued the token")
    deployed = record.value
    if deployed is not None and deployed.account_code:
        yield record.states(
            f"deployed: account {deployed.account_code}, region {deployed.region}, issuer {deployed.issuer}"
        )
    elif deployed is None:
        yield record.states("the last deployment")
    yield from sentences.groups(snapshot)
