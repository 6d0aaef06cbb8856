"""Flags of the Pulumi CLI that omit parts of a run: never those that people's sign-in depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoints import kept, restored, state_of
from tests.support.projects import Ended, Project

pytestmark = pytest.mark.cli  # It has these flags, and the embedded engine does not.

(CHECKPOINT,) = (each for each in kept() if str(each) == "0.1.0/sandbox")
FRANCES = "frances@example.com"
MEMBERSHIPS = "urn:pulumi:sandbox::mimecast-sso::**GroupMembership::*"


def test_a_forced_replacement_of_the_members_leaves_them_in_the_group(tmp_path: Path) -> None:
    with restored(CHECKPOINT, tmp_path, "pulumi") as made:
        before = {each["who"] for each in made.control.documents("mimecast.members")}
        words = ("up", "--yes", "--skip-preview", "--stack", "sandbox")
        ended = made.sandbox("run", "--", "pulumi", *words, "--replace", MEMBERSHIPS)
        assert ended.code == 0, ended.text
        assert "replaced" in ended.text
        assert before
        assert {each["who"] for each in made.control.documents("mimecast.members")} == before


def test_people_are_not_added_without_the_application_that_they_sign_in_to(tmp_path: Path) -> None:
    with restored(CHECKPOINT, tmp_path, "pulumi") as made:
        application, out = made.configuration("application"), made.configuration("rollOut")
        made.configure(rollOut=out | {"who": "pilot", "pilot": ["ada@example.com"]})
        assert _up(made).code == 0
        made.configure(
            application=application | {"identifier": "https://other.example.com/CUK25A118"}, rollOut=out
        )
        words = ("up", "--yes", "--skip-preview", "--stack", "sandbox")
        before = state_of(made)["checkpoint"]["latest"]["resources"]
        ended = made.sandbox("run", "--", "pulumi", *words, "--target", MEMBERSHIPS)
        assert ended.code != 0
        assert "Refused by guard partial-run: nobody is added to the roll-out group" in ended.text
        after = state_of(made)["checkpoint"]["latest"]["resources"]
        assert {
            each["urn"].split("::")[-1]: each.get("inputs") for each in after if "Membership" in each["type"]
        } == {
            each["urn"].split("::")[-1]: each.get("inputs") for each in before if "Membership" in each["type"]
        }


@pytest.mark.parametrize(
    ("left_out", "because"),
    [
        ("**AppRoleAssignment**", "the list of assigned users and groups must be deployed first"),
        ("**AddressBook**", "the list of addresses must have frances@example.com first"),
    ],
)
def test_nobody_is_added_without_an_assignment_or_an_address(
    tmp_path: Path, left_out: str, because: str
) -> None:
    with restored(CHECKPOINT, tmp_path, "pulumi") as made:
        assert _up(made).code == 0  # It writes the resources' present names.
        made.control.seed(
            {"users": [{"mail": FRANCES, "userPrincipalName": FRANCES, "displayName": "Frances"}]}
        )
        book, assign = made.configuration("addresses"), made.configuration("assign")
        book["list"].append({"address": FRANCES, "name": "Frances Example"})
        assign["users"].append(FRANCES)
        made.configure(addresses=book, assign=assign)
        ended = _up(made, "--exclude", left_out)
        assert ended.code != 0, ended.text
        assert f"Refused by guard partial-run: nobody is added to the roll-out group, because {because}" in (
            ended.text
        )
        assert FRANCES not in {each["who"] for each in made.control.documents("mimecast.members")}
        ended = _up(made)
        assert ended.code == 0, ended.text
        assert FRANCES in {each["who"] for each in made.control.documents("mimecast.members")}


def test_no_assignment_is_removed_while_people_still_need_one(tmp_path: Path) -> None:
    with restored(CHECKPOINT, tmp_path, "pulumi") as made:
        assert _up(made).code == 0
        before = made.control.documents("entra.assignments")
        application, assign = made.configuration("application"), made.configuration("assign")
        made.configure(
            application=application | {"assignmentRequired": False}, assign=assign | {"groups": []}
        )
        ended = _up(made, "--exclude", "**ServicePrincipal::**")
        assert ended.code != 0, ended.text
        assert (
            "Refused by guard partial-run: no assignment is removed, because appRoleAssignmentRequired of the service "
            "principal is True in this run but must be False first" in ended.text
        )
        assert made.control.documents("entra.assignments") == before


def test_a_partial_run_that_adds_and_removes_nobody_is_not_refused(tmp_path: Path) -> None:
    with restored(CHECKPOINT, tmp_path, "pulumi") as made:
        application = made.configuration("application")
        made.configure(application=application | {"assignmentRequired": False})
        ended = _up(made, "--exclude", "**ServicePrincipal::**")
        assert ended.code == 0, ended.text


def _up(made: Project, *flags: str) -> Ended:
    return made.sandbox("run", "--", "pulumi", "up", "--yes", "--skip-preview", "--stack", "sandbox", *flags)
