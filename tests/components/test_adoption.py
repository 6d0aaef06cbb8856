"""Previews of applications created by hand: no finding without differences, and every flaw by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mimecast_sso.assessment.adoption import AdoptionFinding, DesiredApplication, Effect
from mimecast_sso.assessment.live_application import CannotBeTakenOver, adopt, check, present
from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.provenance import How, Known
from mimecast_sso.settings import Ownership, Settings, from_values
from providers.entra import applications
from providers.entra.graph import GraphClient
from providers.mimecast.errors import MimecastError
from sandbox import credentials
from sandbox.stack_seed import document
from tests.support.hand_made import (
    END,
    FLAWS,
    GROUP,
    IDENTIFIER,
    MAIL,
    NAME,
    PEOPLE,
    UPN_CLAIMS,
    Flaw,
    Tenant,
    bare,
    clean,
    remove,
)
from tests.support.projects import ROOT
from tests.support.sandboxes import started

Trial = tuple[Tenant, GraphClient]


READING = ["Application.Read.All", "User.Read.All", "GroupMember.Read.All"]
COLLECTIONS = ("applications", "servicePrincipals", "policies", "assignments", "users", "groups")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    seed = document("sandbox", ROOT / "stacks")
    with started(tmp_path_factory.mktemp("world"), seed) as running, running.entered():
        yield clean(running.graph(), running.control), GraphClient(running.env)


@pytest.fixture
def trial(made: Trial) -> Iterator[Trial]:
    """The clean application; whatever a test does to the directory is undone afterwards."""
    control = made[0].control
    before = {name: _by_id(control.documents(f"entra.{name}")) for name in COLLECTIONS}
    yield made
    for name, documents in before.items():
        now = _by_id(control.documents(f"entra.{name}"))
        for identifier in now.keys() - documents.keys():
            control.delete(f"entra.{name}", identifier)
        for identifier, item in documents.items():
            if now.get(identifier) != item:
                control.put(f"entra.{name}", identifier, item)


def _by_id(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in documents}


def desired(tenant: Tenant, **changes: object) -> DesiredApplication:
    people = {tenant.user(person): person for person in PEOPLE} | {tenant.group(GROUP): GROUP}
    values: dict[str, object] = {
        "display_name": NAME,
        "identifier": IDENTIFIER,
        "reply_urls": [REGIONS["eu"].reply_url],
        "sign_on_url": REGIONS["eu"].sign_on_url,
        "assignment_required": True,
        "hide": False,
        "owners": {},
        "deployer": credentials.DEPLOYER_OBJECT_ID,
        "notification_emails": [MAIL],
        "claims": Ownership.MANAGE,
        "assign": Ownership.MANAGE,
        "people": people,
        "generations": settings().certificates.generations,
    }
    return DesiredApplication(**{**values, **changes})  # type: ignore[arg-type]


def settings(**changes: object) -> Settings:
    values = {
        "region": "eu",
        "accountCode": "CUK25A118",
        "certificates": {"generations": [{"label": "2026", "endDate": END}], "active": "2026"},
    }
    return from_values({**values, **changes})


def found(trial: Trial, **changes: object) -> list[AdoptionFinding]:
    tenant, graph = trial
    return adopt(
        graph, applications.read(graph, tenant.client_id), desired(tenant, **changes), CLOUDS["public"]
    )[1]


def test_nothing_differs_and_nothing_is_written(trial: Trial) -> None:
    tenant, graph = trial
    goal = desired(tenant)
    after = len(tenant.control.journal(host="graph.microsoft.com"))
    adoption, findings = adopt(graph, applications.read(graph, tenant.client_id), goal, CLOUDS["public"])
    assert findings == []
    assert adoption.identifier(IDENTIFIER) is not None
    assert adoption.certificate(goal.generations[0]) is not None
    assert {entry["method"] for entry in tenant.control.journal()[after:]} == {"GET", "POST"}, (
        "a token is a POST"
    )
    assert not [
        entry
        for entry in tenant.control.journal(host="graph.microsoft.com")[after:]
        if entry["method"] != "GET"
    ]


@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_every_planted_flaw_is_named(trial: Trial, flaw: Flaw) -> None:
    tenant, _ = trial
    flaw.plant(tenant)
    if flaw.refused:
        with pytest.raises(CannotBeTakenOver) as refused:
            found(trial)
        text = str(refused.value)
    else:
        findings = found(trial)
        text = "\n".join(map(str, findings))
        assert any(finding.effect is Effect.CHANGES for finding in findings) is flaw.changes, text
        if flaw.words:
            assert len(findings) <= len(flaw.words) + 1, f"nothing else is found:\n{text}"
        else:
            assert findings == []
    assert [word for word in flaw.words if word not in text] == [], text


def test_manual_settings_are_not_changed(trial: Trial) -> None:
    tenant, _ = trial
    for flaw in FLAWS:
        if flaw.name in ("UPN claim", "group not assigned"):
            flaw.plant(tenant)
    findings = found(trial, claims=Ownership.VERIFY, assign=Ownership.VERIFY)
    assert {finding.effect for finding in findings} == {Effect.STAYS}
    assert len(findings) == 2


def test_sign_ins_from_my_apps_need_another_default_and_no_sign_on_url(trial: Trial) -> None:
    tile = REGIONS["eu"].idp_initiated_reply_url
    findings = found(trial, sign_on_url="", reply_urls=[tile, REGIONS["eu"].reply_url])
    text = "\n".join(map(str, findings))
    assert f"default reply URL: none becomes {tile}" in text
    assert "becomes none" in text
    assert len(findings) == 3, text


def test_an_unmanaged_policy_may_exist_if_claims_are_manual(trial: Trial) -> None:
    tenant, _ = trial
    next(flaw for flaw in FLAWS if flaw.name == "claims policy of another").plant(tenant)
    assert found(trial, claims=Ownership.VERIFY) == []


def test_an_unknown_application_is_named(trial: Trial) -> None:
    _, graph = trial
    nobody = "6c000000-0000-4000-8000-000000000001"
    with pytest.raises(CannotBeTakenOver, match=nobody):
        present(graph, read(graph, settings()), nobody)


def test_verify_mode_names_differences_and_needs_no_write_permission(trial: Trial) -> None:
    tenant, _ = trial
    checked = settings(
        application={"claims": "verify"}, assign={"mode": "verify", "users": list(PEOPLE), "groups": [GROUP]}
    )

    def said() -> list[tuple[str, bool]]:
        snapshot = read(GraphClient(_environment(tenant)), checked)
        return [(str(statement), statement.warns) for statement in check(checked, snapshot)]

    tenant.control.set("entra.deployer_roles", [*READING, "Policy.Read.All"])
    try:
        fine = said()
        tenant.plant("entra.policies", _policy(tenant), definition=[UPN_CLAIMS])
        tenant.control.delete("entra.assignments", tenant.control.documents("entra.assignments")[0]["id"])
        differs = said()
        tenant.control.set("entra.deployer_roles", READING)
        claims_unread, _ = said()
        tenant.control.set("entra.deployer_roles", ["Application.Read.All", "Policy.Read.All"])
        _, people_unread = said()
    finally:
        tenant.control.set("entra.deployer_roles", None)
    assert [warns for _, warns in fine] == [False, False], fine
    assert all(warns for _, warns in differs)
    assert "user.userprincipalname" in differs[0][0]
    assert "not assigned: ada@example.com" in differs[1][0]
    text, warns = claims_unread
    assert warns
    assert text.endswith(
        "the claims policy could not be read (unknown: the permission Policy.Read.All is missing)"
    )
    text, warns = people_unread
    assert warns
    assert "the assignments could not be compared (unknown:" in text


def test_verify_mode_without_an_application_is_unknown(trial: Trial) -> None:
    tenant, graph = trial
    remove(tenant)
    bare(tenant.graph, tenant.control)
    checked = settings(application={"claims": "verify"})
    (said,) = check(checked, read(graph, checked))
    assert said.warns
    assert str(said).endswith("(unknown: until the next run)")
    assert list(check(settings(), read(graph, settings()))) == [], "nothing is said where nothing is verified"


def read(graph: GraphClient, desired: Settings) -> Snapshot:
    """Entra's side only; Mimecast is out of reach."""
    scope = Scope(desired, CLOUDS["public"], Known(Record(), How.RECORDED, "the stack"))
    return take(scope, graph, MimecastError("out of reach"))


def _policy(tenant: Tenant) -> str:
    principal = tenant.control.get("entra.servicePrincipals", tenant.principal["id"])
    assert principal is not None
    return str(principal["_claimsMappingPolicies"][0])


def _environment(tenant: Tenant) -> dict[str, str]:
    return {
        "ARM_TENANT_ID": credentials.TENANT_ID,
        "ARM_CLIENT_ID": credentials.DEPLOYER_CLIENT_ID,
        "ARM_CLIENT_SECRET": credentials.DEPLOYER_CLIENT_SECRET,
    }
