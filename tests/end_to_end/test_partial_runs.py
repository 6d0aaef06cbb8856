"""Flags of the Pulumi CLI that omit parts of a run: never those that people's sign-in depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoints import kept, restored, state_of

pytestmark = pytest.mark.cli  # It has these flags, and the embedded engine does not.

(CHECKPOINT,) = (each for each in kept() if str(each) == "0.1.0/sandbox")
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
        application = made.configuration("application")
        made.configure(application=application | {"identifier": "https://other.example.com/CUK25A118"})
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
