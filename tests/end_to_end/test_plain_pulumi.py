"""The engine started by hand, as ``pulumi up`` starts it: the same plan as under ``mimecast-sso``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployments import Deployments, claimed
from tests.support.environments import locked
from tests.support.projects import ENGINES, ROOT, Ended, Project

pytestmark = pytest.mark.xdist_group("plain-pulumi")


@pytest.fixture(scope="module", params=ENGINES)
def made(
    request: pytest.FixtureRequest, deployments: Deployments, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """What ``make up`` leaves: deployed, confirmed, deployed again."""
    with deployments.project(tmp_path_factory.mktemp("plain"), claimed, request.param) as made:
        yield made


def plain(made: Project, *words: str) -> Ended:
    """The engine's own command line, with nothing but what ``sandbox env`` prints."""
    engine = [sys.executable, "-m", "sandbox.engine"]
    if made.engine == "pulumi":
        engine = [shutil.which("pulumi") or "pulumi"]
    return made.sandbox("run", "--", *engine, *words, "--stack", "sandbox")


def test_it_knows_what_was_confirmed(made: Project) -> None:
    tracked = made.stack_file.read_text()
    ended = plain(made, "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert ended.code == 0, ended.text
    state = plain(made, "stack", "output", "authenticationProfile", "--json")
    assert '"state": "claimed"' in state.text.replace('":"', '": "')
    assert made.sso("preview").code == 0
    assert made.stack_file.read_text() == tracked


def test_it_does_not_add_rolled_back_people_again(made: Project) -> None:
    assert made.sso("roll-out back").code == 0
    assert made.control.documents("mimecast.members") == []
    ended = plain(made, "up", "--yes", "--skip-preview")
    assert ended.code == 0, ended.text
    assert made.control.documents("mimecast.members") == []


def test_the_program_needs_only_what_requirements_txt_pins(made: Project) -> None:
    """As after ``pulumi install`` in a clone: the project itself is not installed."""
    for name in ("components", "mimecast_sso", "providers"):
        (made.folder / name).symlink_to(ROOT / name)
    environment = made.folder / ".venv"
    environment.unlink()
    locked(environment, ROOT / "requirements.txt")
    try:
        ended = plain(made, "preview", "--refresh")
        assert ended.code == 0, ended.text
    finally:
        shutil.rmtree(environment)
        environment.symlink_to(Path(sys.prefix))
