"""Rotations on the sandbox as people do them: commands, console work, and a sign-in after every step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import administrator
from sandbox.sign_in import RefusedError, sign_in
from tests.support.projects import Ended, Project, project
from tests.support.rotations import in_three_years

ADA = "ada@example.com"
GROUP = "Personal Portal single sign-on"
CERTIFICATES = {
    "generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}],
    "active": "2026",
    "waitMinutes": 0,
    "soakDays": 0,
}
OBSERVED = {"by": "ada@example.com", "at": "2026-11-01T09:00:00Z", "evidence": "the single rotation before"}


def rotate(made: Project, verb: str, *words: str) -> Ended:
    return made.sso(f"rotate {verb}", *words)


def make(made: Project, step: str, *words: str) -> None:
    """The next step, deployed, and nobody is refused afterwards."""
    done = rotate(made, "next", "--apply", "--yes", *words)
    assert done.code == 0, done.text
    assert f"Step ({step}): " in done.text
    signs_in(made)


def go_back(made: Project, step: str) -> None:
    done = rotate(made, "rollback", "--apply", "--yes")
    assert done.code == 0, done.text
    assert f"Step ({step}): " in done.text
    signs_in(made)


def signs_in(made: Project) -> None:
    assert sign_in(made.home, ADA).endswith(ADA)


def is_refused(made: Project) -> bool:
    try:
        sign_in(made.home, ADA)
    except RefusedError as refusal:
        return "could not be validated" in str(refusal)
    return False


def console_work(made: Project, profile: str = "first") -> None:
    sheet = "sandbox.html" if profile == "first" else "sandbox-second.html"
    assert list(administrator.fill(made.home, made.home / "run-sheet" / sheet))
    confirmed = made.sso("confirm", "--profile", profile, "--by", ADA, "--evidence", "a test")
    assert confirmed.code == 0, confirmed.text


def in_group(made: Project, name: str) -> set[str]:
    groups = {group["number"]: group["description"] for group in made.control.documents("mimecast.groups")}
    members = made.control.documents("mimecast.members")
    return {member["who"] for member in members if groups[member["group"]] == name}


def labels(made: Project) -> list[str]:
    (principal,) = (
        each for each in made.control.documents("entra.servicePrincipals") if each["keyCredentials"]
    )
    keys = principal["keyCredentials"]
    return [key["displayName"].rpartition(" ")[2] for key in keys if key["usage"] == "Verify"]


def deployed(made: Project, **changes: Any) -> Project:
    # Nothing waits here, and the forecast assumes Mimecast's fifteen minutes.
    no_wait = {"name": "certificate-mismatch", "reason": "no wait here", "until": "2099-12-31"}
    made.configure(certificates={**CERTIFICATES, **changes}, guards=[no_wait])
    assert made.up().code == 0
    made.do_the_console_work()
    assert made.up().code == 0
    signs_in(made)
    return made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path, "embedded") as made:
        yield made


@pytest.mark.soak
def test_blue_green_loses_no_sign_in(fresh: Project) -> None:
    never = rotate(fresh, "status")
    assert (never.code, "never deployed" in never.text) == (1, True), never.text
    made = deployed(fresh, rotation="blue-green")
    everybody = in_group(made, GROUP)
    tracked = made.stack_file.read_text()

    make(made, "stage", "--start", "--label", "2029")
    early = rotate(made, "next")
    assert (early.code, "second profile is due" in early.text) == (4, True), early.text
    assert "Then: mimecast-sso confirm --stack sandbox --profile second --by" in early.text
    console_work(made, "second")
    make(made, "deploy")

    make(made, "overlap")
    assert in_group(made, GROUP) == in_group(made, f"{GROUP} (second)") == everybody
    make(made, "activate")
    # What the sandbox assumes of a person in both groups, turned round: then the gap is there.
    made.control.set("mimecast.accepts_any_bound_profile", False)
    assert is_refused(made)
    made.control.set("mimecast.accepts_any_bound_profile", None)
    make(made, "leave")
    assert (in_group(made, GROUP), in_group(made, f"{GROUP} (second)")) == (set(), everybody)
    assert sorted(labels(made)) == ["2026", "2029"]
    make(made, "retire")
    assert labels(made) == ["2029"]

    rest = rotate(made, "status")
    assert rest.code == 0, rest.text
    for part in (
        "2029         soaked",
        "read live: Microsoft Graph at",
        "confirmed by ada@example.com at",
        "2026         retired",
    ):
        assert part in rest.text
    document = json.loads(rotate(made, "status", "--format", "json").text)
    assert (document["command"], document["exit"]) == ("rotate status", 0)
    subjects = [each["subject"] for each in document["statements"]]
    assert {"generation 2029", "generation 2026", f'group "{GROUP}"', "next step"} <= set(subjects)
    assert made.stack_file.read_text() == tracked, "a rehearsal changed the tracked file"
    still = made.up()
    assert (still.code, "unchanged" in still.text, "updated" in still.text) == (0, True, False), still.text


@pytest.mark.soak
def test_single_mode_has_the_gap_that_it_announces(fresh: Project) -> None:
    made = deployed(fresh)
    nothing = rotate(made, "next")
    assert (nothing.code, "Nothing is due" in nothing.text) == (0, True), nothing.text
    misspelt = rotate(made, "next", "--label", "no label!")
    assert (misspelt.code, "may contain letters, digits" in misspelt.text) == (64, True), misspelt.text
    make(made, "stage", "--start", "--label", "2029")
    announced = rotate(made, "next", "--apply", "--yes")
    assert "Expected gap: from up to 15 minutes after Save in the console" in announced.text
    signs_in(made)
    assert list(administrator.fill(made.home, made.home / "run-sheet/sandbox.html"))
    assert made.sandbox("login", ADA).code == 1, (
        "the console holds the new certificate, but Entra signs with the old"
    )
    console_work(made)
    make(made, "deploy")
    due = rotate(made, "status")
    assert (due.code, "Next step: retire: " in due.text) == (2, True), due.text
    make(made, "retire")
    assert labels(made) == ["2029"]
    assert rotate(made, "rollback").code == 4


@pytest.mark.soak
def test_metadata_mode_loses_no_sign_in(fresh: Project) -> None:
    fresh.configure(authenticationProfile={"source": "metadata"})
    made = deployed(
        fresh,
        rotation="metadata",
        metadataObserved=OBSERVED,
        generations=[{"label": "2026", "endDate": in_three_years(fresh, 0)}],
    )
    make(made, "stage", "--start", "--label", "2029", "--end-date", in_three_years(made, 1))
    write = {"method": "PATCH", "path": "/v1.0/servicePrincipals/.*", "status": 403, "times": 20}
    made.control.faults(write)
    failed = rotate(made, "next", "--apply", "--yes")
    assert (failed.code, "--refresh\nTo undo the step instead: " in failed.text) == (1, True), failed.text
    made.control.faults()
    make(made, "deploy")
    go_back(made, "reactivate")
    make(made, "activate")
    make(made, "retire")
    assert labels(made) == ["2029"]
    # A vendor that reads the metadata hourly has the gap that is called unknown.
    made.control.set("mimecast.metadata_interval_seconds", 3600)
    make(made, "stage", "--start", "--label", "2032", "--end-date", in_three_years(made, 2))
    assert rotate(made, "next", "--apply", "--yes").code == 0
    assert is_refused(made)
    assert made.sandbox("clock", "+1h").code == 0
    signs_in(made)
