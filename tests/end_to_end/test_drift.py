"""Drift of a whole deployment: both ways find the same, including unmanaged objects, and every format can be parsed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from tests.support.deployments import Deployments, claimed
from tests.support.projects import ENGINES, Project

pytestmark = pytest.mark.xdist_group("drift")  # They share a deployment.

ADA, GRACE, LINUS = (f"{name}@example.com" for name in ("ada", "grace", "linus"))
GRAPH = "https://graph.microsoft.com/v1.0"
OTHER = "https://eu-api.mimecast.com/sso/COTHER"
NO_DRIFT = "No drift: the live state matches the record and the program."


@pytest.fixture(scope="module", params=ENGINES)
def made(
    request: pytest.FixtureRequest, deployments: Deployments, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with deployments.project(tmp_path_factory.mktemp("project"), claimed, request.param) as fresh:
        yield fresh


def only(made: Project, collection: str, **properties: Any) -> dict[str, Any]:
    (found,) = (each for each in made.control.documents(collection) if properties.items() <= each.items())
    return found


def change(made: Project, collection: str, document: dict[str, Any], **values: Any) -> None:
    made.control.put(collection, document["id"], document | values)


def report(made: Project) -> dict[str, Any]:
    (stack,) = json.loads(made.sso("drift", "--format", "json").text)["stacks"]
    found: dict[str, Any] = stack
    return found


def test_a_fresh_deployment_has_no_drift_either_way(made: Project) -> None:
    for words in ((), ("--fast",)):
        quiet = made.sso("drift", *words)
        assert quiet.code == 0, quiet.text
        assert NO_DRIFT in quiet.text
    assert report(made)["level"] == "fine"


def test_a_report_of_a_preview_that_failed_is_its_reason_alone(made: Project) -> None:
    """And not the stack's outputs, with names of people, as if they were removed."""
    made.control.faults({"host": "login.microsoftonline.com", "path": ".*", "status": 407, "times": 1000})
    try:
        ended = made.sso("preview", "--format", "json")
    finally:
        made.control.faults()
    assert ended.code == 1
    assert "Entra could not be read" in ended.text
    assert ADA not in ended.text
    assert "Outputs:" not in ended.text


def test_external_changes_are_named_alike_both_ways(made: Project) -> None:
    application = only(made, "entra.applications", displayName="Mimecast Personal Portal")
    principal = only(made, "entra.servicePrincipals", appId=application["appId"])
    ada, linus = (only(made, "entra.users", mail=who) for who in (ADA, "visitor@example.com"))
    graph = made.running.portal(ADA)
    owner = {"@odata.id": f"{GRAPH}/directoryObjects/{ada['id']}"}
    assert graph.post(f"{GRAPH}/applications/{application['id']}/owners/$ref", json=owner, timeout=30).ok
    evil = {"displayName": "CN=evil"}
    url = f"{GRAPH}/servicePrincipals/{principal['id']}/addTokenSigningCertificate"
    thumbprint = graph.post(url, json=evil, timeout=30).json()["thumbprint"]
    url = f"{GRAPH}/applications/{application['id']}/addPassword"
    password = graph.post(url, json={"passwordCredential": {"displayName": "x"}}, timeout=30).json()
    application = only(made, "entra.applications", id=application["id"])
    change(
        made,
        "entra.applications",
        application,
        identifierUris=[*application["identifierUris"], OTHER],
    )
    assignment = made.control.documents("entra.assignments")[0]
    unmanaged = assignment | {
        "id": "unmanaged",
        "principalId": linus["id"],
        "principalDisplayName": "Visitor",
        "principalType": "User",
    }
    made.control.put("entra.assignments", "unmanaged", unmanaged)
    change(
        made, "entra.servicePrincipals", only(made, "entra.servicePrincipals", id=principal["id"]), notes="x"
    )

    desired = {
        f"application/owner/unmanaged/{ada['id']}",
        f"service-principal/credential/unmanaged/{thumbprint}",
        f"application/credential/unmanaged/{password['keyId']}",
        f"application/identifier/unmanaged/{OTHER}",
        f"assignment/unmanaged/{linus['id']}",
        "service-principal/notes/changed",
    }
    found = report(made)
    ids = {each["id"] for each in found["entries"]}
    assert {each for each in ids if not each.startswith("drift/")} == desired
    assert found["level"] == "look"
    actors = {each["id"]: each.get("actor", "") for each in found["entries"]}
    assert actors[f"application/owner/unmanaged/{ada['id']}"].startswith(f"{ADA}, ")
    assert (
        "Add service principal credentials" in actors[f"service-principal/credential/unmanaged/{thumbprint}"]
    )
    by = actors[f"application/credential/unmanaged/{password['keyId']}"]
    assert by.startswith(f"{ADA}, ")
    assert "Certificates and secrets management" in by
    assert "not in the directory's audit log" in actors[f"assignment/unmanaged/{linus['id']}"]
    engine, fast = made.sso("drift"), made.sso("drift", "--fast")
    assert (engine.code, fast.code) == (2, 2)
    assert f"Drift: {len(desired)} differences" in engine.text
    assert engine.text == fast.text
    # Whoever deploys or verifies learns of it, too.
    names = (
        "owner ada@example.com",
        f"identifier {OTHER}",
        "assignment Visitor",
        'password "x"',
        '"CN=evil"',
    )
    for verb, words, code in (
        ("verify", (), 2),
        ("preview", (), 0),
        ("up", ("--yes",), 0),
        ("up", ("--yes", "--refresh"), 2),
    ):
        said = made.sso(verb, *words)
        assert said.code == code, said.text
        for name in names:
            assert name in said.text, f"{verb} {words}: {name}\n{said.text}"
    for words in (("verify",), ("up", "--yes", "--refresh")):
        assert (
            f"owner ada@example.com is not managed by this stack; added by: {ADA}, " in made.sso(*words).text
        )


def test_every_format_can_be_parsed(made: Project) -> None:
    change(
        made,
        "entra.servicePrincipals",
        only(made, "entra.servicePrincipals", preferredSingleSignOnMode="saml"),
        notes="y",
    )
    junit = Xml.fromstring(made.sso("drift", "--format", "junit").text)  # noqa: S314  (our own output)
    assert junit.tag == "testsuites"
    assert int(junit.find("testsuite").attrib["failures"]) > 0  # type: ignore[union-attr]
    sarif = json.loads(made.sso("drift", "--format", "sarif").text)
    assert {each["level"] for each in sarif["runs"][0]["results"]} >= {"warning", "none"}
    page = made.folder / "drift.html"
    assert (
        made.sso("drift", "--format", "html", "--out", str(page), "--history", str(made.folder / "days")).code
        == 2
    )
    assert "<h1>Drift of 1 stack</h1>" in page.read_text()
    assert "| **sandbox** |" in made.sso("drift", "--format", "markdown").text
    (kept,) = (made.folder / "days").glob("drift-*.json")
    assert json.loads(kept.read_text())["schema"] == 1


def test_drift_is_urgent_if_somebody_fails_and_expected_drift_is_quiet(made: Project) -> None:
    principal = only(made, "entra.servicePrincipals", preferredSingleSignOnMode="saml")
    change(made, "entra.servicePrincipals", principal, accountEnabled=False)
    levels = {each["id"]: each["level"] for each in report(made)["entries"]}
    assert levels["service-principal/accountEnabled/changed"] == "urgent"
    change(made, "entra.servicePrincipals", principal)
    expected = [{"path": "*", "reason": "a test", "until": "2099-12-31"}]
    made.configure(drift={"expected": expected})
    quiet = made.sso("drift", "--fast")
    made.configure(drift=None)
    assert quiet.code == 0, quiet.text


def test_somebody_whom_others_assigned_can_be_configured(made: Project) -> None:
    assign = made.configuration("assign")
    made.configure(assign=assign | {"users": [*assign["users"], "visitor@example.com"]})
    assignments = made.control.documents("entra.assignments")
    visitor = only(made, "entra.users", mail="visitor@example.com")["id"]
    if not any(each["principalId"] == visitor for each in assignments):
        own = assignments[0] | {"id": "unmanaged", "principalId": visitor, "principalType": "User"}
        made.control.put("entra.assignments", "unmanaged", own)
    up = made.up()
    assert up.code == 0, up.text
    assert made.sso("preview").code == 0
    assert f"assignment/unmanaged/{visitor}" not in {each["id"] for each in report(made)["entries"]}
