"""The test account: created, assigned, provisioned, signed in, and deleted, while nobody loses sign-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.entra.objects import PASSWORDS, USERS
from sandbox.entra.tokens import DEFAULT_ROLES
from tests.support.deployments import Deployments, confirmed
from tests.support.projects import ENGINES_AT_LENGTH, Project

pytestmark = pytest.mark.xdist_group("account-for-tests")

ACCOUNT = "sso-test@example.com"
SOMEBODY = "somebody@example.com"
LOST = "sso-lost@example.com"


@pytest.fixture(scope="module", params=ENGINES_AT_LENGTH)
def made(
    request: pytest.FixtureRequest, deployments: Deployments, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with deployments.project(tmp_path_factory.mktemp("project"), confirmed, request.param) as fresh:
        fresh.control.set("entra.deployer_roles", [*DEFAULT_ROLES, "User.ReadWrite.All"])
        yield fresh


def in_entra(made: Project) -> list[dict[str, Any]]:
    return [each for each in made.control.documents(USERS) if each["userPrincipalName"] == ACCOUNT]


def members(made: Project) -> str:
    return made.sso("roll-out status").text


def test_from_creation_to_deletion(made: Project) -> None:
    """One story, in order: each step stands on the one before it."""
    people = len(made.control.documents(USERS))
    made.configure(testAccount={"address": ACCOUNT})
    preview = made.sso("preview")
    assert preview.code == 2, preview.text
    assert in_entra(made) == []

    up = made.up()
    assert up.code == 0, up.text
    assert f"{ACCOUNT} is the test account of this stack" in up.text
    (account,) = in_entra(made)
    assert account["mail"] == ACCOUNT
    password = made.control.get(PASSWORDS, account["id"])["password"]  # type: ignore[index]
    assert len(password) == 32

    again = made.up()
    assert again.code == 0, again.text
    unchanged = made.sso("preview", "--diff")
    assert unchanged.code == 0, unchanged.text
    assert made.control.get(PASSWORDS, account["id"]) == {"password": password}
    status = made.sso("roll-out status")
    assert (status.code, ACCOUNT in status.text) == (0, True), status.text
    drift = made.sso("drift", "--fast")
    assert drift.code == 0, drift.text
    refreshed = made.sso("drift")
    assert refreshed.code == 0, refreshed.text

    verified = made.sso("verify", "--format", "json")
    assert verified.code == 0, verified.text
    walked = [
        each for each in json.loads(verified.text)["statements"] if each["subject"].startswith("sign-in from")
    ]
    assert len(walked) == 2
    assert all(ACCOUNT in each["text"] for each in walked), walked

    for file in made.home.rglob("*"):
        if file.is_file() and file.stat().st_size < 5_000_000 and "stacks" in file.parts:
            assert password.encode() not in file.read_bytes(), file
    assert password not in up.text + again.text + verified.text + refreshed.text

    halted = made.sso("roll-out halt")
    assert halted.code == 0, halted.text
    assert ACCOUNT not in made.in_force()["rollOut"].get("pilot", [])
    assert made.up().code == 0
    assert ACCOUNT in members(made)

    made.configure(testAccount=None)
    gone = made.up()
    assert gone.code == 0, gone.text
    assert "Refused" not in gone.text
    assert in_entra(made) == []
    assert ACCOUNT not in members(made)
    assert len(made.control.documents(USERS)) == people


def test_an_account_whose_creation_got_no_response_is_imported(made: Project) -> None:
    """Entra has it, the state does not; its marker, which the state has, says whose it is."""
    made.configure(testAccount={"address": LOST})
    made.control.faults(
        {
            "host": r"graph\.microsoft\.com",
            "method": "POST",
            "path": "/v1.0/users",
            "kind": "drop-after",
            "times": 9,
        }
    )
    lost = made.up()
    made.control.faults()
    assert lost.code not in (0, 4), lost.text
    (account,) = [each for each in made.control.documents(USERS) if each["userPrincipalName"] == LOST]
    up = made.up()
    assert up.code == 0, up.text
    assert f"{LOST} was created by an earlier run of this stack" in up.text
    assert [each["id"] for each in made.control.documents(USERS) if each["userPrincipalName"] == LOST] == [
        account["id"]
    ]
    assert made.up().code == 0
    again = made.sso("preview")
    assert again.code == 0, again.text
    verified = made.sso("verify")
    assert verified.code == 0, verified.text

    made.configure(testAccount=None)
    assert made.up().code == 0
    assert not [each for each in made.control.documents(USERS) if each["userPrincipalName"] == LOST]


def test_an_address_that_somebody_has_is_refused(made: Project) -> None:
    somebody = {"displayName": "Somebody", "mail": SOMEBODY, "userPrincipalName": SOMEBODY}
    made.control.seed({"users": [somebody]})
    made.configure(testAccount={"address": SOMEBODY})
    refused = made.up()
    made.configure(testAccount=None)
    assert refused.code == 4, refused.text
    assert "Refused by guard test-account" in refused.text
    assert "Entra already has an account with this address" in refused.text


def test_it_is_deleted_with_the_stack(made: Project) -> None:
    made.configure(testAccount={"address": ACCOUNT})
    up = made.up()
    assert up.code == 0, up.text
    assert len(in_entra(made)) == 1
    down = made.sso("down", "--yes")
    assert down.code == 0, down.text
    assert in_entra(made) == []
