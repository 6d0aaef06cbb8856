"""People sign in continuously while the signing certificate is rotated and commands are killed.

Under the sandbox's assumptions about what the vendor does not document (docs/fidelity.md): blue/green and metadata
lose no sign-in; with one profile people are refused within the announced gap, and only there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from sandbox.azuread.install import EXECUTABLE
from tests.azuread.conftest import published_command
from tests.support.projects import Project, project
from tests.support.rotations import (
    PEOPLE,
    WORKING,
    WRITTEN,
    complete,
    do_what_is_due_in_the_console,
    in_three_years,
    move_clock,
)
from tests.support.sign_ins import SignIns

Tally = Callable[[str, int, str], None]

SOAK_DAYS = 7
OBSERVED = {
    "by": "ada@example.com",
    "at": "2026-11-01T09:00:00Z",
    "evidence": "one rotation, followed within 20 minutes",
}
BLUE_GREEN: dict[str, Any] = {"source": "certificate", "certificates": {"rotation": "blue-green"}}
METADATA: dict[str, Any] = {
    "source": "metadata",
    "certificates": {"rotation": "metadata", "metadataObserved": OBSERVED},
}


@pytest.fixture
def azuread(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which azuread plugin serves: the published one, when it is on this machine, or the sandbox's stand-in."""
    if request.param == "published":
        published_command()
    else:
        folders = os.environ["PATH"].split(os.pathsep)
        shown = [folder for folder in folders if not Path(folder, EXECUTABLE).exists()]
        monkeypatch.setenv("PATH", os.pathsep.join(shown))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("PULUMI_HOME", raising=False)
    name: str = request.param
    return name


def deployed(made: Project, *, source: str = "certificate", **certificates: Any) -> None:
    """Deploys a first generation, with the console work done and everybody in the group."""
    first = {"label": "first", "endDate": in_three_years(made, 0)}
    made.configure(
        certificates={"generations": [first], "active": "first", **certificates},
        authenticationProfile={"source": source},
        # Without a wait between its steps a rotation is refused, for Mimecast takes fifteen minutes; the sandbox acts
        # at once.
        guards=[{"name": "certificate-mismatch", "reason": "no wait here", "until": "2099-12-31"}],
    )
    ended = made.up()
    assert ended.code == 0, ended.text
    do_what_is_due_in_the_console(made)
    ended = made.up()
    assert ended.code == 0, ended.text


def test_nobody_is_refused_while_people_move_from_one_profile_to_the_other(tmp_path: Path) -> None:
    with project(tmp_path, "embedded") as made:
        # The second generation is staged and its profile set from the start: that touches nobody.
        second = {"label": "second", "endDate": in_three_years(made, 1), "profile": "second"}
        first = {"label": "first", "endDate": in_three_years(made, 0)}
        deployed(made, generations=[first, second], rotation="blue-green", waitMinutes=0, soakDays=0)
        with SignIns(made.home, PEOPLE, threads=3, pause=0.2) as people:
            done = complete(made, "second", in_three_years(made, 1))
            tally = people.wait_for(300, within=60)
    assert done == ["overlap: 0", "activate: 0", "leave: 0", "retire: 0"]
    assert tally.refused == []


def rotate_while_people_sign_in(
    folder: Path, engine: str, tally: Tally, *, source: str, certificates: dict[str, Any], sign_ins: int
) -> None:
    """Whole rotations, one or more until there were enough sign-ins; each step is killed twice. Nobody is refused.

    At the vendor's times: a change of the console or of a group counts after 15 minutes, by the sandbox's clock.
    """
    with project(folder, engine) as made:
        deployed(made, source=source, waitMinutes=PROPAGATION_MINUTES, soakDays=SOAK_DAYS, **certificates)
        move_clock(made, timedelta(minutes=PROPAGATION_MINUTES))
        made.control.set("mimecast.propagation_seconds", PROPAGATION_MINUTES * 60)
        with SignIns(made.home, PEOPLE, threads=4) as people:

            def wait() -> None:
                with people.held():
                    move_clock(made, timedelta(days=SOAK_DAYS))

            def console(_: Project) -> None:
                do_what_is_due_in_the_console(made)
                with people.held():
                    move_clock(made, timedelta(minutes=PROPAGATION_MINUTES))

            rotations = 0
            while rotations == 0 or people.tally.ended < sign_ins:
                rotations += 1
                complete(
                    made,
                    f"rotation-{rotations}",
                    in_three_years(made, rotations),
                    deaths=(WRITTEN, WORKING),
                    wait=wait,
                    console=console,
                )
        ended = people.tally
    tally("rotation_signins", ended.ended, "sign-ins")
    tally("rotation_refused", len(ended.refused), "sign-ins")
    tally("rotations", rotations, "rotations")
    assert ended.refused == []


@pytest.mark.soak
@pytest.mark.parametrize("azuread", ["stand-in"], indirect=True)
@pytest.mark.parametrize(
    "mode", [pytest.param(BLUE_GREEN, id="blue-green"), pytest.param(METADATA, id="metadata")]
)
def test_five_thousand_sign_ins_during_rotations_that_are_killed_at_every_step(
    tmp_path: Path, tally: Tally, mode: dict[str, Any], azuread: str
) -> None:
    rotate_while_people_sign_in(tmp_path, "embedded", tally, **mode, sign_ins=5_000)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("engine", "azuread"),
    [
        pytest.param("pulumi", "stand-in", marks=pytest.mark.cli),
        pytest.param("pulumi", "published", marks=pytest.mark.cli),
        ("embedded", "published"),
    ],
    indirect=["azuread"],
)
def test_a_rotation_killed_at_every_step_with_the_cli_and_the_published_plugin(
    tmp_path: Path, tally: Tally, engine: str, azuread: str
) -> None:
    """A killed Pulumi CLI leaves its providers running: they end what they began, and nobody records it."""
    rotate_while_people_sign_in(tmp_path, engine, tally, **BLUE_GREEN, sign_ins=0)


@pytest.mark.soak
def test_with_one_profile_people_are_refused_only_inside_the_gap(tmp_path: Path, tally: Tally) -> None:
    gap: list[float] = []

    def console(made: Project) -> None:
        gap.append(time.monotonic())
        do_what_is_due_in_the_console(made)

    with project(tmp_path, "embedded") as made:
        deployed(made, rotation="single", waitMinutes=0, soakDays=0)
        with SignIns(made.home, PEOPLE, threads=4) as people:
            people.wait_for(100, within=60)
            complete(made, "second", in_three_years(made, 1), console=console)
            gap.append(time.monotonic())
            people.wait_for_more(100)
        ended = people.tally
    (begins, ends) = gap
    tally("rotation_single_signins", ended.ended, "sign-ins")
    tally("rotation_single_refused_in_gap", len(ended.refused), "sign-ins")
    outside = [each for each in ended.refused if each.ended < begins or each.started > ends]
    assert outside == []
    assert ended.refused, "the announced gap was none: then it is announced wrongly"
