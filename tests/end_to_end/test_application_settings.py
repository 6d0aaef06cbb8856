"""What the application section does at Entra: owners, tile, assignment, and what is left to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.entra import HIDE_TAG
from facts.regions import REGIONS
from sandbox import credentials
from tests.support.projects import project

LEAST = ["Application.ReadWrite.OwnedBy", "Application.Read.All", "Policy.Read.All", "User.Read.All"]
"""Enough where claims and assignments are left to a person, and no group is assigned."""
CLIENT_ID = "6c000000-0000-4000-8000-000000000001"


def test_a_hidden_tile_started_by_entra_with_further_owners_and_nothing_assigned(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        made.configure(
            application={
                "signOn": "idp",
                "hide": True,
                "assignmentRequired": False,
                "owners": ["alan@example.com"],
                "claims": "verify",
            },
            assign={"mode": "verify", "users": ["ada@example.com"]},
            authenticationProfile={"allowSingleSignOn": False},
        )
        made.control.set("entra.deployer_roles", LEAST)
        first = made.up()
        assert first.code == 0, first.text
        for part in (
            "nobody sees it",
            "refuses the sign-ins that the tile starts",
            "every account of the tenant",
            "unknown until the next run",
        ):
            assert part in " ".join(first.text.split()), part
        (application,) = made.control.documents("entra.applications")
        (principal,) = (
            item
            for item in made.control.documents("entra.servicePrincipals")
            if item["appId"] == application["appId"]
        )
        owners = {made.control.get("entra.users", owner) is not None for owner in principal["_owners"]}
        assert credentials.DEPLOYER_OBJECT_ID in principal["_owners"]
        assert owners == {True, False}, "Alan and the deploying principal"
        assert principal["loginUrl"] is None
        assert HIDE_TAG in principal["tags"]
        assert not principal["appRoleAssignmentRequired"]
        assert set(application["web"]["redirectUris"]) == {
            REGIONS["eu"].idp_initiated_reply_url,
            REGIONS["eu"].reply_url,
        }
        assert principal["_claimsMappingPolicies"] == []
        assert made.control.documents("entra.assignments") == []
        again = made.sso("preview")
        assert again.code == 0, again.text
        text = " ".join(again.text.split())
        assert (
            "application.claims is verify, and differs (read live): the NameID is Entra's own value" in text
        )
        assert "not assigned: ada@example.com" in text


@pytest.mark.soak
def test_a_rehearsal_finds_the_application_that_the_stack_adopts(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        made.configure(application={"displayName": "Mail portal", "adopt": CLIENT_ID})
        assert made.sandbox("seed", "--stack", "sandbox").code == 0
        done = made.up()
        assert done.code == 0, done.text
        (application,) = made.control.documents("entra.applications")
        assert application["appId"] == CLIENT_ID
        made.configure(application={"displayName": "Mail portal"})
        without = made.sso("preview")
        assert "to replace" not in without.text
        assert "to create" not in without.text
