"""The whole tutorial, with the commands that people type, on every engine of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployments import Deployments, claimed, due
from tests.support.projects import ENGINES, Project, project

ADA = "ada@example.com"


@pytest.fixture(params=ENGINES)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project on which nothing was deployed yet."""
    with project(tmp_path, request.param) as made:
        yield made


@pytest.fixture(params=ENGINES)
def deployed(request: pytest.FixtureRequest, deployments: Deployments, tmp_path: Path) -> Iterator[Project]:
    """The first deployment is done, and console work is due."""
    with deployments.project(tmp_path, due, request.param) as made:
        yield made


def roll_out_members(made: Project) -> set[str]:
    groups = {group["number"]: group["description"] for group in made.control.documents("mimecast.groups")}
    return {
        member["who"]
        for member in made.control.documents("mimecast.members")
        if groups[member["group"]] == "Personal Portal single sign-on"
    }


def test_the_tutorial_from_nothing_to_a_sign_in_and_back(fresh: Project) -> None:
    tracked = fresh.stack_file.read_text()

    first = fresh.up()
    assert first.code == 0, first.text
    assert "Console work is due" in first.text
    assert ".sandbox/run-sheet/sandbox.html" in first.text
    assert roll_out_members(fresh) == set()
    before = fresh.sandbox("login", ADA)
    assert before.code == 1
    assert "password" in before.text

    fresh.do_the_console_work()
    second = fresh.up()
    assert second.code == 0, second.text
    assert "Console work is due" not in second.text
    assert '"claimed"' in second.text
    assert not (fresh.home / "run-sheet/sandbox.html").exists()
    assert roll_out_members(fresh) == {ADA, "alan@example.com", "grace@example.com"}
    assert fresh.stack_file.read_text() == tracked, "a confirmation on the sandbox changed the tracked file"

    signed_in = fresh.sandbox("login", ADA)
    assert (signed_in.code, signed_in.text.strip().lower()) == (
        0,
        f"signed in to the mimecast personal portal as {ADA}",
    )

    again = fresh.sso("preview")
    assert again.code == 0, again.text
    assert "unchanged" in again.text
    drift = fresh.sso("drift")
    assert drift.code == 0, drift.text

    before_down = fresh.control.journal()[-1]["number"]
    down = fresh.sso("down", "--yes")
    assert down.code == 0, down.text
    assert "Guard allow-destroy is overridden until 2099-12-31: the sandbox is thrown away" in down.text
    calls = [(entry["method"], entry["path"]) for entry in fresh.control.journal(after=before_down)]
    left = calls.index(("POST", "/api/directory/remove-group-member"))
    assert not [call for call in calls[:left] if call[0] in {"DELETE", "PATCH"}], (
        "Entra went before people did"
    )
    assert not [
        application
        for application in fresh.control.documents("entra.applications")
        if application["displayName"] == "Mimecast Personal Portal"
    ]
    assert roll_out_members(fresh) == set()
    after = fresh.sandbox("login", ADA)
    assert after.code == 1


def test_drift_on_both_sides_is_named_and_corrected(deployed: Project) -> None:
    user = deployed.control.get("mimecast.users", ADA)
    assert user is not None
    deployed.control.put("mimecast.users", ADA, user | {"name": "Somebody Else"})
    assignment = deployed.control.documents("entra.assignments")[0]
    deployed.control.delete("entra.assignments", assignment["id"])

    found = deployed.sso("drift")
    assert found.code == 2, found.text
    assert "2 differences" in found.text
    assert f"Address name {ADA} changed" in found.text
    assert "Assignment " in found.text
    for part in (
        "recorded   Ada Example",
        "live       Somebody Else",
        "desired    Ada Example",
        "no longer exists",
    ):
        assert part in found.text
    assert deployed.sso("drift").text == found.text, "a drift check changed something"

    refreshed = deployed.sandbox("run", "--", *_refresh(deployed))
    assert refreshed.code == 0, refreshed.text
    assert deployed.up().code == 0
    healed = deployed.sso("drift")
    assert healed.code == 0, healed.text


def _refresh(made: Project) -> list[str]:
    engine = [str(made.folder / ".venv/bin/python"), "-m", "sandbox.engine"]
    if made.engine == "pulumi":
        engine = [shutil.which("pulumi") or "pulumi"]
    return [*engine, "refresh", "--yes", "--stack", "sandbox"]


@pytest.mark.cli
@pytest.mark.parametrize(("maker", "heir"), [("embedded", "pulumi"), ("pulumi", "embedded")])
def test_each_engine_continues_a_stack_of_the_other(
    deployments: Deployments, tmp_path: Path, maker: str, heir: str
) -> None:
    with deployments.project(tmp_path, claimed, maker) as made:
        preview = made.sso("preview", engine=heir)
        assert preview.code == 0, preview.text
        assert made.sso("drift", engine=heir).code == 0
        down = made.sso("down", "--yes", engine=heir)
        assert down.code == 0, down.text


def test_a_stale_run_sheet_is_not_confirmed(deployed: Project) -> None:
    words = (
        "--by",
        "a@example.com",
        "--evidence",
        "x",
        "--fingerprint",
        "v1:00000000000000000000000000000000",
    )
    for by, evidence in (("NAME", "CHG-1"), (ADA, "<text>"), (ADA, " ")):
        copied = deployed.sso("confirm", "--by", by, "--evidence", evidence)
        assert (copied.code, "is a placeholder" in copied.text) == (4, True), copied.text
    forged = deployed.sso("confirm", "--by", "ada\n::error::x", "--evidence", "CHG-1")
    assert (forged.code, "--by holds control characters" in forged.text) == (1, True), forged.text
    refused = deployed.sso("confirm", *words)
    assert refused.code == 4, refused.text
    assert "out of date" in refused.text
