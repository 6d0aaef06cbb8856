"""Addresses from end to end: synchronised people are only checked, and previews report changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.projects import ENGINES_AT_LENGTH, Project, project

ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.com"
WRITES = "/api/user/(create-user|update-user|import-users)"


@pytest.fixture(params=ENGINES_AT_LENGTH)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path, request.param) as made:
        yield made


def test_previews_report_changes(fresh: Project) -> None:
    first = fresh.sso("preview").text
    assert "Registering example.com changes mail flow" in first
    assert "3 addresses are on hold until the domain is verified, then created" in first
    assert fresh.up().code == 0
    quiet = fresh.sso("preview").text
    assert "addresses are" not in quiet
    assert "changes mail flow" not in quiet

    fresh.configure(
        addresses={"list": [{"address": ADA, "name": "Ada Lovelace"}, {"address": "new@example.com"}]},
        addressPasswords=None,
    )
    text = fresh.sso("preview").text
    assert "1 address is created at Mimecast: new@example.com" in text
    assert '"Ada Example" becomes "Ada Lovelace"' in text
    assert "removed from the configuration, unchanged at Mimecast: " in text
    fresh.configure(addresses={"list": [{"address": ADA}], "onRemoval": "disable"}, addressPasswords=None)
    disabled = fresh.sso("preview").text
    assert "removed from the configuration, to be disabled, which ends sign-in: " in disabled
    fresh.configure(addresses={"list": [{"address": ADA}], "onRemoval": "refuse"}, addressPasswords=None)
    refused = fresh.sso("preview")
    assert "addresses.onRemoval is refuse, but" in refused.text
    assert refused.code != 0
    fresh.configure(addresses={"list": [{"address": ADA}]}, addressPasswords=None)

    fresh.control.faults({"path": "/api/domain/get-internal-domain", "status": 403})
    unread = fresh.sso("preview").text
    assert "Which domains and addresses would change (unknown: " in unread


@pytest.mark.soak
def test_synchronised_people_are_only_checked(fresh: Project) -> None:
    fresh.configure(addresses={"source": "synchronised"}, addressPasswords=None)
    assert fresh.sandbox("seed", "--stack", "sandbox").code == 0
    assert fresh.control.get("mimecast.users", ADA) is not None
    fresh.control.delete("mimecast.users", GRACE)
    first = fresh.up()
    assert first.code == 0, first.text
    assert "3 addresses are on hold until the domain is verified, then checked" in first.text
    assert "Not in Mimecast (3)" in first.text
    assert (
        f"2 of 3 addresses do not exist at Mimecast, so these people cannot sign in: {ALAN}, {GRACE}"
        in first.text
    )

    user = fresh.control.get("mimecast.users", ADA)
    assert user is not None
    for address in (ALAN, GRACE):
        fresh.control.put("mimecast.users", address, user | {"emailAddress": address})
    second = fresh.up()
    assert second.code == 0, second.text
    third = fresh.sso("preview")
    assert third.code == 0, third.text
    assert "do not exist at Mimecast" not in third.text
    assert fresh.sso("drift").code == 0
    fresh.control.delete("mimecast.users", GRACE)
    drifted = fresh.sso("drift")
    assert drifted.code == 2, drifted.text
    assert GRACE in drifted.text
    assert fresh.control.journal(path=WRITES) == []


def test_one_domain_in_two_stack_files_is_refused(fresh: Project) -> None:
    other = fresh.stack_file.with_name("Pulumi.second.yaml")
    other.write_text(fresh.stack_file.read_text())
    refused = fresh.sso("preview")
    assert refused.code == 1, refused.text
    assert "stacks/Pulumi.sandbox.yaml and in stacks/Pulumi.second.yaml" in refused.text


def test_addresses_are_those_of_assigned_people_and_of_groups_members(fresh: Project) -> None:
    fresh.configure(
        addresses={"source": "assigned"},
        assign={"users": [GRACE], "groups": ["Mimecast users"]},
        addressPasswords=None,
    )
    first = fresh.up()
    assert first.code == 0, first.text
    live = {user["emailAddress"] for user in fresh.control.documents("mimecast.users")}
    assert live >= {GRACE, ALAN}, "who is a member of the group has an address too"
    assert ADA not in live, "who is neither assigned nor a member has none"


def test_a_misspelt_pilot_is_named_at_the_first_preview(fresh: Project) -> None:
    roll_out = fresh.configuration("rollOut")
    fresh.configure(rollOut=roll_out | {"who": "pilot", "pilot": [ADA, "garce@example.com"]})
    preview = fresh.sso("preview")
    assert preview.code == 2, preview.text
    assert "could not sign in once it reaches them: garce@example.com: " in preview.text
