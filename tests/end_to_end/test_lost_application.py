"""An application that was created but not recorded: found again, and never created twice."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.projects import Project, project
from tests.support.saved import SavedProject

POLICY = "ClaimsMappingPolicyAssignment"


def applications(made: Project) -> list[dict[str, Any]]:
    return [
        application
        for application in made.control.documents("entra.applications")
        if application["displayName"] == "Mimecast Personal Portal"
    ]


def test_an_instantiation_whose_response_was_lost(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        made.control.faults(
            {
                "host": "graph.microsoft.com",
                "method": "POST",
                "path": ".*/instantiate",
                "drop": True,
                "after_commit": True,
                "times": 1,
            }
        )
        lost = made.up()
        assert lost.code in (1, 3), lost.text
        (orphan,) = applications(made)

        for verb in (["up", "--yes"], ["preview"]):
            refused = made.sso(*verb)
            assert refused.code == 4, refused.text
            assert orphan["appId"] in refused.text
            assert "Refused by guard second-stack" in refused.text
        assert applications(made) == [orphan]

        assert f"{{adopt: {orphan['appId']}}}" in refused.text
        made.configure(application={"displayName": "Mimecast Personal Portal", "adopt": orphan["appId"]})
        again = made.up()
        assert again.code == 0, again.text
        (adopted,) = applications(made)
        assert adopted["appId"] == orphan["appId"]
        assert adopted["identifierUris"] == ["https://eu-api.mimecast.com/sso/CUK25A118"]


def test_a_stack_that_was_destroyed_is_deployed_again(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        first = made.up()
        assert first.code == 0, first.text
        down = made.sso("down", "--yes")
        assert down.code == 0, down.text
        deleted = made.control.documents("entra.deletedApplications")
        # The identifier is removed before the application is deleted, so it is free for the next one.
        assert [application["identifierUris"] for application in deleted] == [[]]
        assert len(made.control.documents("entra.deletedServicePrincipals")) == 1
        again = made.up()
        assert again.code == 0, again.text
        (application,) = applications(made)
        assert application["appId"] != deleted[0]["appId"]


@pytest.mark.soak
def test_another_stack_of_the_same_name_is_no_orphan(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        assert made.up().code == 0
        (own,) = applications(made)
        other = own | {
            "id": "0ther000-0000-4000-8000-000000000001",
            "appId": "0ther000-0000-4000-8000-000000000002",
        }
        other["identifierUris"] = ["https://eu-api.mimecast.com/sso/CUK00A001"]
        made.control.put("entra.applications", other["id"], other)
        assert made.sso("down", "--yes").code == 0
        assert made.up().code == 0


def test_an_identifier_that_a_deleted_application_keeps(tmp_path: Path) -> None:
    """Nobody could see it before the run: the failure says what to do, preflight and the next run say which it is."""
    unreadable = {
        "host": "graph.microsoft.com",
        "path": ".*/directory/deletedItems/.*",
        "status": 403,
        "body": {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}},
        "times": 20,
    }
    with project(tmp_path, "embedded") as made:
        session, graph = made.running.graph(), "https://graph.microsoft.com/v1.0"
        both = made.running.instantiate("Portal of last year")
        deleted = both["application"]
        principal = f"{graph}/servicePrincipals/{both['servicePrincipal']['id']}"
        path = f"{graph}/applications/{deleted['id']}"
        identifiers = ["https://eu-api.mimecast.com/sso/CUK25A118"]
        saml = {"preferredSingleSignOnMode": "saml"}
        session.patch(principal, json=saml, timeout=30).raise_for_status()
        session.patch(path, json={"identifierUris": identifiers}, timeout=30).raise_for_status()
        for each in (principal, path):
            session.delete(each, timeout=30).raise_for_status()

        made.control.faults(unreadable)
        failed = made.up()
        assert failed.code == 3, failed.text
        made.control.faults()
        said = f"error: Identifier {identifiers[0]} of the application was not created: another application has this"
        assert said in failed.text
        assert "Find that application with mimecast-sso preflight --stack sandbox" in failed.text

        checked = made.sso("preflight")
        assert checked.code == 5, checked.text
        assert f'"Portal of last year" (client id {deleted["appId"]}), deleted' in checked.text
        refused = made.sso("up", "--yes")
        assert refused.code == 4, refused.text
        assert "Refused by guard second-stack: the identifier" in refused.text
        purge = f"{graph}/directory/deletedItems/{deleted['id']}"
        assert f"az rest --method DELETE --url {purge}" in refused.text
        assert "an unhandled error occurred" not in refused.text

        session.delete(purge, timeout=30).raise_for_status()
        again = made.up()
        assert again.code == 0, again.text
        (own,) = applications(made)
        assert own["identifierUris"] == identifiers


@pytest.mark.xdist_group("planted-drift")
@pytest.mark.parametrize(
    "name",
    [
        "applicationIdentifierUri:ApplicationIdentifierUri::mimecast-personal-portal-identifier",
        "applicationRedirectUris:ApplicationRedirectUris::mimecast-personal-portal-reply-urls",
        f"servicePrincipal{POLICY}:ServicePrincipal{POLICY}::mimecast-personal-portal-claims",
    ],
)
def test_a_part_that_exists_and_is_not_recorded_is_imported(saved_tutorial: SavedProject, name: str) -> None:
    """As after a lost response; Entra refuses to create it once more, in every later run."""
    made = saved_tutorial.restore()
    kinds = "mimecast-sso:index:PersonalPortalSso$mimecast-sso:entra:GalleryApplication$azuread:index"
    urn = f"urn:pulumi:sandbox::mimecast-sso::{kinds}/{name}"
    words = ("state", "delete", urn, "--stack", "sandbox", "--yes", "--force", "--target-dependents")
    deleted = made.sandbox("run", "--", sys.executable, "-m", "sandbox.engine", *words)
    assert deleted.code == 0, deleted.text
    up = made.up()
    assert up.code == 0, up.text
    assert " imported" in up.text
    assert made.sso("preview").code == 0
