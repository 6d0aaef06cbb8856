"""``mimecast-sso verify`` on a whole deployment: everything is fine, and each possible problem is named."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.operations.verify.run import Verification
from mimecast_sso.provenance import How, Verdict, lines, not_checked
from mimecast_sso.settings import ProfileSlot
from providers.entra.signing_certificates import retire, subject
from sandbox.entra.conditional_access import POLICIES
from sandbox.entra.tokens import LEAST_ROLES
from tests.support.interrupted import BEFORE_RETIRING, Interrupted
from tests.support.projects import ENGINES_AT_LENGTH, Ended, Project, project
from tests.support.rotations import rotate

pytestmark = pytest.mark.xdist_group("verifying")  # They share a deployment.

GRAPH = "https://graph.microsoft.com/v1.0"

ADA, GRACE = "ada@example.com", "grace@example.com"
SWITCHES = ("clock.offset_seconds", "entra.premium", "entra.deployer_roles")
FROM_MIMECAST = "sign-in from Mimecast (SP-initiated)"
FROM_MY_APPS = "sign-in from My Apps (the tile)"
OTHERS = "certificates: external changes"


@pytest.fixture(scope="module", params=ENGINES_AT_LENGTH)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("project"), request.param) as fresh:
        fresh.control.set("entra.deployer_roles", list(LEAST_ROLES))
        assert fresh.up().code == 0
        fresh.do_the_console_work()
        assert fresh.up().code == 0
        fresh.control.set("entra.deployer_roles", None)
        yield fresh


@pytest.fixture(autouse=True)
def switches(made: Project) -> Iterator[None]:
    yield
    for name in SWITCHES:
        made.control.set(name, None)


def results(ended: Ended) -> dict[str, str]:
    """Result by check, without the time in the name of those that have one."""
    rows = (re.split(r" {2,}", line, maxsplit=2) for line in ended.text.splitlines())
    return {re.sub(r" since .*", "", row[1]): row[0] for row in rows if len(row) == 3}


def saml_principals(made: Project) -> list[dict[str, Any]]:
    documents = made.control.documents("entra.servicePrincipals")
    return [each for each in documents if each["preferredSingleSignOnMode"] == "saml"]


def test_a_good_deployment_is_fine_in_every_line(made: Project) -> None:
    verified = made.sso("verify", "--person", ADA)
    assert verified.code == 0, verified.text
    found = results(verified)
    assert (found.pop("people"), found.pop("Conditional Access")) == ("note", "note")
    assert "3 people sign in through Entra" in verified.text
    assert set(found.values()) == {"fine"}, verified.text
    both = {FROM_MIMECAST, FROM_MY_APPS}
    assert {"metadata: signature", "metadata: certificate", "Mimecast: certificate", *both} <= set(found)
    assert f"1 proved ({ADA}), 2 without a sign-in yet" in verified.text
    assert "attested: claimed: confirmed by administrator@example.com at " in verified.text
    document = json.loads(made.sso("verify", "--person", ADA, "--format", "json").text)
    assert (document["command"], document["stack"], document["exit"]) == ("verify", "sandbox", 0)
    assert {each["verdict"] for each in document["statements"]} == {"fine", "note"}
    assert all(each["how"] != "unknown" for each in document["statements"])
    assert all(line.endswith("]") for line in verified.text.splitlines()), "each says how it knows"


def test_a_log_that_is_not_available_in_this_tenant_is_reported_as_unchecked(made: Project) -> None:
    made.control.set("entra.premium", False)
    unlicensed = made.sso("verify")
    assert (unlicensed.code, results(unlicensed)["sign-ins"]) == (0, "not possible"), unlicensed.text
    assert "P1 licence" in unlicensed.text
    assert re.search(r"^Not checked: sign-ins since .*\.$", unlicensed.text, re.MULTILINE)
    roles = ["Application.Read.All", "User.Read.All"]
    made.control.set("entra.deployer_roles", roles)
    unpermitted = made.sso("verify")
    assert "AuditLog.Read.All is missing" in unpermitted.text
    assert results(unpermitted)[OTHERS] == "not possible"
    assert "AuditLog.Read.All and Directory.Read.All are both needed" in unpermitted.text


def test_whoever_conditional_access_blocks_is_named_and_what_it_does_is_unknown_without_permission(
    made: Project,
) -> None:
    block = {"displayName": "Block Ada", "applications": ["All"], "users": [ADA], "grantControls": ["block"]}
    made.control.seed({"conditionalAccess": [block]})
    verified = made.sso("verify")
    for policy in made.control.documents(POLICIES):
        made.control.delete(POLICIES, policy["id"])
    assert verified.code == 2, verified.text
    assert f"was evaluated for 3 of 3 people, and blocks 1: {ADA} (Block Ada)" in verified.text
    assert f"1 person cannot sign in now: {ADA}: a Conditional Access policy blocks" in verified.text
    made.control.set("entra.deployer_roles", [each for each in LEAST_ROLES if each != "Policy.Read.All"])
    unpermitted = made.sso("verify")
    assert "Whether Conditional Access blocks sign-ins [unknown: " in unpermitted.text, unpermitted.text


def test_a_certificate_near_its_expiry_fails(made: Project) -> None:
    end = datetime(2029, 11, 1, tzinfo=UTC)
    five_days_before = (end - datetime.now(UTC)).total_seconds() - 5 * 24 * 3600
    made.control.set("clock.offset_seconds", five_days_before)
    verified = made.sso("verify")
    assert (verified.code, results(verified)["certificate: expiry"]) == (2, "FAILS"), verified.text
    assert "expires in 5 days" in verified.text
    assert results(verified)["sign-ins"] == "fine", "both logs are read by their own clocks"


def test_a_certificate_that_mimecast_does_not_know_is_named_wherever_it_shows(made: Project) -> None:
    graph = made.running.graph()
    (principal,) = saml_principals(made)
    url, active = f"{GRAPH}/servicePrincipals/{principal['id']}", "preferredTokenSigningKeyThumbprint"
    new = graph.post(f"{url}/addTokenSigningCertificate", json={"displayName": "CN=Other"}, timeout=30).json()
    assert graph.patch(url, json={active: new["thumbprint"]}, timeout=30).ok
    verified = made.sso("verify", "--person", GRACE)
    assert graph.patch(url, json={active: principal[active]}, timeout=30).ok
    (live,) = saml_principals(made)
    keys = {name: principal[name] for name in ("keyCredentials", "passwordCredentials")}
    made.control.put("entra.servicePrincipals", live["id"], live | keys)

    found = results(verified)
    assert verified.code == 2, verified.text
    assert {what for what, result in found.items() if result == "FAILS"} == {
        "people",
        "Mimecast: certificate",
        FROM_MIMECAST,
        FROM_MY_APPS,
    }
    assert f"Entra signs with {new['thumbprint']}, but Mimecast has another certificate:" in verified.text
    assert "SignatureInvalid" in verified.text
    assert found["metadata: certificate"] == "fine"
    assert "1 too recent to tell" in verified.text, "Mimecast does not say whose response it refused"


def test_a_certificate_that_a_deployment_removed_unnoticed_is_named_by_every_command(made: Project) -> None:
    """Ada adds one in the portal after our last reading of the list, and before we write it."""
    running, (principal,) = made.running, saml_principals(made)
    url = f"{GRAPH}/servicePrincipals/{principal['id']}/addTokenSigningCertificate"
    portal, body = running.portal(ADA), {"displayName": "CN=Microsoft Azure Federated SSO Certificate"}
    old = running.graph().post(url, json={"displayName": subject("2020")}, timeout=30).json()["thumbprint"]
    configured = made.configuration("certificates") | {"retired": [{"label": "2020", "thumbprint": old}]}
    made.configure(certificates=configured)
    with running.entered():
        hers = {BEFORE_RETIRING: lambda: portal.post(url, json=body, timeout=30).raise_for_status()}
        left = retire(Interrupted(running.env, hers), principal["id"], old).left
    assert old not in left.thumbprints, "and nothing else was seen"

    verified = made.sso("verify", "--person", ADA)
    assert (verified.code, results(verified)[OTHERS]) == (2, "FAILS"), verified.text
    found = re.search(rf"{body['displayName']}, key (\S+), added by {ADA} at .*deployment at", verified.text)
    assert found, verified.text
    drift, rotation = made.sso("drift"), rotate(made, "next", "--start")
    assert (drift.code, rotation.code) == (2, 4), rotation.text
    for each in (drift, rotation):
        assert found[1] in each.text
        assert ADA in each.text
    assert "The rotation is stopped" in rotation.text

    made.configure(certificates=configured | {"settledLosses": [found[1]]})
    settled = made.sso("verify", "--person", ADA)
    assert results(settled)[OTHERS] == "fine", settled.text


def test_on_a_real_tenant_nobody_is_signed_in_by_a_password(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = made.running.env
    for name, value in here.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.folder)
    sandboxed = open_stack("sandbox")
    engine = Engine(sandboxed, "embedded")
    resources, settings = engine.resources(), sandboxed.settings()
    profile = in_state(resources).profiles.get(ProfileSlot.FIRST)
    assert profile is not None
    for name in here:
        if name.startswith("SANDBOX_"):
            monkeypatch.delenv(name)
    real = replace(sandboxed, environment=dict(os.environ))
    before = len(made.control.journal(host="login.microsoftonline.com", path="/login$"))

    statements = Verification(real, engine, settings, profile, resources, None, None, ADA).run()

    found = {each.subject: each for each in statements}
    assert exit_of(statements) == 0, list(lines(statements))
    for what in ("sign-in request", FROM_MIMECAST, FROM_MY_APPS):
        assert found[what].verdict is Verdict.NOT_POSSIBLE
        assert found[what].how is How.UNKNOWN
    assert found["metadata: signature"].verdict is Verdict.FINE
    assert list(not_checked(statements)) == [
        f"Not checked: sign-in request, {FROM_MIMECAST}, {FROM_MY_APPS}."
    ]
    assert len(made.control.journal(host="login.microsoftonline.com", path="/login$")) == before


def test_both_ways_in_are_walked_however_the_tile_starts(made: Project) -> None:
    made.configure(application={"displayName": "Mimecast Personal Portal", "signOn": "idp"})
    up = made.up()
    assert up.code == 0, up.text
    verified = made.sso("verify", "--person", ADA)
    found = results(verified)
    assert (verified.code, found[FROM_MY_APPS], found[FROM_MIMECAST]) == (0, "fine", "fine"), verified.text
    assert found["sign-in request: issuer"] == "fine", "Mimecast asks all the same"
