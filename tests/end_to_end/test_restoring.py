"""A service principal or application that others delete, or create again, is restored by the command that drift prints.

It is pasted whole, by somebody who may change every application; it may be interrupted between any two of its commands.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
import requests

from mimecast_sso.assessment.sign_in import Result, Way
from sandbox.credentials import DEPLOYER_OBJECT_ID
from tests.end_to_end.test_drift_ways_out import account_of, is_quiet, ways_out
from tests.support.hand_made import GRAPH
from tests.support.projects import ENGINES
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import ADA, World

pytestmark = pytest.mark.xdist_group("planted-drift")  # They share a deployment.

REFUSED = 4


def signs_in(world: World) -> bool:
    return all(world.walk((ADA,))[ADA, way].result is Result.ENTRA for way in Way)


def delete(administrator: requests.Session, path: str) -> None:
    assert administrator.delete(f"{GRAPH}/{path}", timeout=30).status_code == 204


def create_principal(session: requests.Session, client_id: str, *owners: str) -> str:
    bound = {"owners@odata.bind": [f"{GRAPH}/directoryObjects/{each}" for each in owners]} if owners else {}
    made = session.post(f"{GRAPH}/servicePrincipals", json={"appId": client_id, **bound}, timeout=30)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def commands_of(world: World, finding: str) -> list[str]:
    """The commands of ``restore``, one by one."""
    (found,) = (each for name, each in ways_out(world).items() if name.startswith(finding))
    return found["restore"].split(" && ")


def paste(world: World, command: str) -> None:
    program, *words = shlex.split(command)
    if program == "mimecast-sso":
        done = world.made.program(*words, "--yes")
        assert done.code == 0, done.text
        return
    assert (program, words[0]) == ("az", "rest")
    given = dict(zip(words[1::2], words[2::2], strict=True))
    assert given["--url"].startswith(GRAPH)
    body: Any = json.loads(given["--body"]) if "--body" in given else None
    administrator = world.made.running.portal(ADA)
    response = administrator.request(given["--method"], given["--url"], json=body, timeout=30)
    assert response.ok, response.text


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, saved_tutorial: SavedProject) -> World:
    return World(replace(saved_tutorial.restore(), engine=request.param))


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "created again"])
def test_a_deleted_service_principal_returns_with_the_certificate_that_mimecast_trusts(
    world: World, again: bool
) -> None:
    principal, certificate = world.principal, world.principal["preferredTokenSigningKeyThumbprint"]
    administrator = world.made.running.portal(ADA)
    delete(administrator, f"servicePrincipals/{principal['id']}")
    if again:
        create_principal(administrator, principal["appId"])
    assert not signs_in(world)
    before = world.made.in_force()
    for words in (("up", "--yes"), ("up", "--yes", "--refresh"), ("preview",)):
        refused = world.made.sso(*words)
        assert refused.code == REFUSED, refused.text
        assert "Refused by guard application-missing" in refused.text
    finding = "service-principal/id/changed" if again else "service-principal/missing/"
    steps = commands_of(world, finding)
    assert len(steps) == 2 + again
    for done, step in enumerate(steps):
        # Whoever was interrupted asks drift again: it prints what is left.
        left = " && ".join(steps[done:])
        offered = ways_out(world)
        assert left in {each.get("restore") for each in offered.values()}, offered
        paste(world, step)
    assert signs_in(world)
    assert world.principal["id"] == principal["id"]
    assert world.principal["preferredTokenSigningKeyThumbprint"] == certificate
    assert world.made.in_force() == before
    is_quiet(world)


@pytest.mark.parametrize("owned", [False, True], ids=["somebody else's", "the deploying principal's"])
def test_a_service_principal_that_cannot_be_restored_is_taken_over(world: World, owned: bool) -> None:
    principal = world.principal
    administrator = world.made.running.portal(ADA)
    delete(administrator, f"servicePrincipals/{principal['id']}")
    delete(administrator, f"directory/deletedItems/{principal['id']}")
    creator = world.made.running.graph() if owned else administrator
    created = create_principal(creator, principal["appId"], *([DEPLOYER_OBJECT_ID] if owned else []))
    (policy,) = principal["_claimsMappingPolicies"]
    if owned:  # With some of what it needs.
        path = f"{GRAPH}/servicePrincipals/{created}"
        reference = {"@odata.id": f"{GRAPH}/policies/claimsMappingPolicies/{policy}"}
        role = next(
            each["id"] for each in world.application["appRoles"] if "User" in each["allowedMemberTypes"]
        )
        assigned = {"principalId": account_of(world, ADA)["id"], "resourceId": created, "appRoleId": role}
        for name, body in (("claimsMappingPolicies/$ref", reference), ("appRoleAssignedTo", assigned)):
            done = creator.post(f"{path}/{name}", json=body, timeout=30)
            assert done.ok, done.text
    if not owned:
        refused = world.made.sso("up", "--yes", "--refresh")
        assert refused.code == REFUSED, refused.text
        assert "make it an owner" in refused.text
    for step in commands_of(world, "service-principal/id/changed"):
        paste(world, step)
    assert world.principal["id"] == created
    is_quiet(world)
    # Its certificate is another one.
    assert world.save_console()
    assert world.confirm()
    assert world.up().code == 0
    world.later()
    assert signs_in(world)


def test_a_deleted_application_returns_with_its_service_principal(world: World) -> None:
    principal, application = world.principal, world.application
    administrator = world.made.running.portal(ADA)
    for path in (f"servicePrincipals/{principal['id']}", f"applications/{application['id']}"):
        delete(administrator, path)
    refused = world.made.sso("up", "--yes", "--refresh")
    assert refused.code == REFUSED, refused.text
    steps = commands_of(world, "application/missing/")
    assert len(steps) == 3
    assert " && ".join(steps) in " ".join(refused.text.split())
    for step in steps:
        paste(world, step)
    assert signs_in(world)
    is_quiet(world)


def test_an_application_that_replaced_the_recorded_one_is_adopted(world: World) -> None:
    principal, application = world.principal, world.application
    administrator = world.made.running.portal(ADA)
    for kind, found in (("servicePrincipals", principal), ("applications", application)):
        delete(administrator, f"{kind}/{found['id']}")
        delete(administrator, f"directory/deletedItems/{found['id']}")
    made = world.made.running.instantiate("By hand", "Mimecast Personal Portal")
    saml = {"preferredSingleSignOnMode": "saml"}
    path = f"{GRAPH}/servicePrincipals/{made['servicePrincipal']['id']}"
    assert administrator.patch(path, json=saml, timeout=30).ok
    named = {"identifierUris": application["identifierUris"]}
    path = f"{GRAPH}/applications/{made['application']['id']}"
    assert administrator.patch(path, json=named, timeout=30).ok
    refused = world.made.sso("up", "--yes", "--refresh")
    assert refused.code == REFUSED, refused.text
    assert f"{{adopt: {made['application']['appId']}}}" in refused.text
    (kept,) = (each["keep it"] for each in ways_out(world).values() if "keep it" in each)
    program, *words = shlex.split(kept)
    assert program == "mimecast-sso"
    said = world.made.program(*words)
    assert said.code == 0, said.text
    plain = world.made.sso("up", "--yes")
    assert plain.code == REFUSED, plain.text
    paste(world, "mimecast-sso up --stack sandbox --refresh")
    assert world.application["appId"] == made["application"]["appId"]
    is_quiet(world)
