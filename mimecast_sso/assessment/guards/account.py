"""Guard `account`: the live systems are the configured ones, and their values do not change under people.

Region and account code are in the identifier that Mimecast and Entra share. Another account's credentials, or
another tenant's, would have everything made a second time, somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards.situation import Situation
from mimecast_sso.provenance import How, Statement
from providers.mimecast.accounts import AccountMismatch, check_account


def find(situation: Situation) -> Finding:
    """Not met where a live system is another one, or a deployed value would change while people depend on it."""
    inputs = tuple(_inputs(situation))
    elsewhere = [*_mimecast_differs(situation), *_tenant_differs(situation)]
    if elsewhere:
        return Finding(
            "account",
            inputs,
            "; ".join(elsewhere),
            remedy="use the credentials of the configured systems, or correct the keys",
            final=True,
        )
    changes = list(_changes(situation))
    if changes and (situation.everybody or not situation.members.is_known or _leaves_account(situation)):
        return Finding(
            "account",
            inputs,
            f"{', '.join(changes)}; that replaces the identifier or the issuer, and whoever signs in through Entra "
            f"could not until Mimecast is set anew ({_how_many(situation)})",
            tuple(sorted(situation.everybody)),
            "take everybody out first (mimecast-sso roll-out back), or put the old values back",
        )
    return Finding("account", inputs)


def _mimecast_differs(situation: Situation) -> Iterator[str]:
    settings = situation.settings
    if situation.account.value is None:
        return
    try:
        check_account(situation.account.value, settings.account_code, settings.region)
    except AccountMismatch as mismatch:
        yield str(mismatch)


def _tenant_differs(situation: Situation) -> Iterator[str]:
    wanted = situation.settings.tenant_id
    if wanted and wanted != situation.tenant_id.lower():
        yield (
            f"The ARM_* credentials open Entra tenant {situation.tenant_id}, but mimecast-sso:tenantId is {wanted}. "
            "Nothing was changed"
        )


def _changes(situation: Situation) -> Iterator[str]:
    deployed, settings = situation.deployed.value, situation.settings
    if deployed is None:
        return
    issuer = situation.cloud.issuer(situation.tenant_id)
    for name, old, new in (
        ("region", deployed.region, settings.region),
        ("accountCode", deployed.account_code, settings.account_code),
        ("the Entra tenant (issuer)", deployed.issuer, issuer),
    ):
        if old and old != new:
            yield f"{name} would change from {old} to {new}"


def _leaves_account(situation: Situation) -> bool:
    """Whether the roll-out group that was read is not the one that people are in."""
    deployed, settings = situation.deployed.value, situation.settings
    return deployed is not None and (
        (deployed.account_code, deployed.region) != (settings.account_code, settings.region)
    )


def _how_many(situation: Situation) -> str:
    if _leaves_account(situation) or not situation.members.is_known:
        return "how many is unknown: the group of the account deployed to was not read"
    return f"{len(situation.everybody)} people"


def _inputs(situation: Situation) -> Iterator[Statement]:
    live = situation.account
    yield (
        Statement(f"Mimecast account {live.value.code} in region {live.value.region}", How.LIVE)
        if live.value
        else Statement("the Mimecast account", How.UNKNOWN, live.source)
    )
    yield Statement(f"Entra tenant {situation.tenant_id}", How.LIVE, "that issued the token")
    deployed = situation.deployed
    yield (
        Statement(
            f"deployed: account {deployed.value.account_code}, region {deployed.value.region}, issuer "
            f"{deployed.value.issuer}",
            How.RECORDED,
        )
        if deployed.value
        else Statement("what was deployed before", How.UNKNOWN, deployed.source)
    )
    yield situation.group_input()
