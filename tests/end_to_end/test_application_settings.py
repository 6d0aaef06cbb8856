"""The effect of the application section in Entra: owners, tile, assignment, and manual settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.facts.regions import REGIONS
from sandbox import credentials
from sandbox.entra.tokens import LEAST_ROLES
from tests.support.projects import ENGINES_AT_LENGTH, Project, project

LEAST = ["Application.ReadWrite.OwnedBy", "Application.Read.All", "Policy.Read.All", "User.Read.All"]
"""Enough where claims and assignments are left to a person, and no group is assigned."""
WITHOUT_OWNING = [role for role in LEAST_ROLES if not role.endswith("OwnedBy")]
DEPLOYER = credentials.DEPLOYER_OBJECT_ID
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
            "My Apps hides it",
            "refuses sign-ins that start at the tile.",
            "every account of the tenant",
            "(unknown: until the next run)",
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
        assert "application.claims is verify, and differs (read live): the NameID is Entra's default" in text
        assert "not assigned: ada@example.com" in text


def owners(made: Project, collection: str) -> set[str]:
    """Who owns the stack's application object, or its service principal: user principal names, or object ids."""
    (application,) = made.control.documents("entra.applications")
    names = {user["id"]: user["userPrincipalName"] for user in made.control.documents("entra.users")}
    (document,) = (
        item for item in made.control.documents(collection) if item["appId"] == application["appId"]
    )
    return {names.get(owner, owner) for owner in document["_owners"]}


def written_owners(made: Project, after: int) -> list[str]:
    """Whose ownership of the application object was written."""
    return [
        entry["method"]
        for entry in made.control.journal(host="graph.microsoft.com")[after:]
        if entry["method"] != "GET" and "/applications/" in entry["path"] and "/owners/" in entry["path"]
    ]


@pytest.mark.parametrize("engine", ENGINES_AT_LENGTH)
def test_owners_of_both_objects_and_the_gallery_entry_that_is_kept(tmp_path: Path, engine: str) -> None:
    with project(tmp_path, engine) as made:
        made.configure(application={"owners": ["alan@example.com"]})
        assert made.up().code == 0
        both = {DEPLOYER, "alan@example.com"}
        assert owners(made, "entra.applications") == owners(made, "entra.servicePrincipals") == both

        (application,) = made.control.documents("entra.applications")
        ada = next(
            user["id"]
            for user in made.control.documents("entra.users")
            if "ada@" in user["userPrincipalName"]
        )
        made.control.put(
            "entra.applications",
            application["id"],
            application | {"_owners": [*application["_owners"], ada]},
        )
        # Ada was made an owner by hand, and the deploying principal is one by instantiating: neither is made one again.
        made.configure(application={"owners": ["ada@example.com", DEPLOYER]})
        before = len(made.control.journal(host="graph.microsoft.com"))
        changed = made.up()
        assert changed.code == 0, changed.text
        assert "1 imported" in changed.text, changed.text
        assert written_owners(made, before) == ["DELETE"], "Alan's"
        both = {DEPLOYER, "ada@example.com"}
        assert owners(made, "entra.applications") == owners(made, "entra.servicePrincipals") == both
        # Another gallery entry is another application: planned only where guard allow-destroy is overridden.
        stated = {"owners": ["ada@example.com", DEPLOYER], "template": "Mimecast"}
        overrides = yaml.safe_load(made.stack_file.read_text())["config"]["mimecast-sso:guards"]
        made.configure(application=stated, guards=None)
        kept = made.sso("preview")
        assert kept.code == 0, kept.text
        entry = made.control.documents("entra.applications")[0]["applicationTemplateId"]
        said = " ".join(kept.text.split())
        for part in (
            "An application keeps its entry",
            "the 0 people in the roll-out",
            f"Set template: {entry}",
        ):
            assert part in said, kept.text
        made.configure(application={"owners": stated["owners"]}, guards=overrides)
        before = len(made.control.journal(host="graph.microsoft.com"))
        gone = made.sso("down", "--yes")
        assert gone.code == 0, gone.text
        assert made.control.documents("entra.applications") == []
        assert written_owners(made, before) == [], "they go with the application"


@pytest.mark.soak
def test_a_deploying_principal_that_is_no_owner_is_named_and_becomes_one(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        made.control.set("entra.owner_on_instantiate", False)
        made.control.set("entra.deployer_roles", ["Application.ReadWrite.All", *WITHOUT_OWNING])
        first = made.up()
        assert first.code == 0, first.text
        assert f"principal {DEPLOYER} is not an owner of the application object" in first.text
        made.configure(application={"owners": [DEPLOYER]})
        second = made.up()
        assert second.code == 0, second.text
        assert "is not an owner" not in second.text
        assert owners(made, "entra.applications") == {DEPLOYER}
        # Left out of the configuration, it stays an owner: the identity that runs is never removed.
        made.configure(application={})
        third = made.sso("preview")
        assert third.code == 0, third.text
        # Guard allow-destroy is overridden on the sandbox: there, another gallery entry means another application.
        made.configure(application={"template": "Mimecast"})
        fourth = made.sso("preview")
        assert "to replace" in fourth.text, fourth.text


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
