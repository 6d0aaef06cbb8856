"""A state file can run no code that this project did not write."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.state import refuse_foreign, without_inputs
from sandbox.environment import state_folder
from tests.support.checkpoints import kept, restored
from tests.support.projects import Ended, Project

(CHECKPOINT,) = (each for each in kept() if str(each) == "0.1.0/sandbox")
GROUP = "mimecast-roll-out"
VERBS = [("preview",), ("drift",), ("up", "--yes"), ("down", "--yes")]


class Payload:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._mark,)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with restored(CHECKPOINT, tmp_path_factory.mktemp("state"), "embedded") as made:
        assert made.sso("preview").code == 0
        yield made


@pytest.fixture
def made(deployed: Project) -> Iterator[Project]:
    """The deployed stack; its state is as it was again afterwards."""
    file = state_file(deployed)
    before = file.read_text()
    yield deployed
    file.write_text(before)
    Path(f"{file}.bak").unlink(missing_ok=True)


def state_file(made: Project) -> Path:
    return state_folder(made.home) / ".pulumi" / "stacks" / "mimecast-sso" / "sandbox.json"


def edit(made: Project, change: Callable[[dict[str, Any]], None]) -> None:
    state = json.loads(state_file(made).read_text())
    change(state["checkpoint"]["latest"])
    state_file(made).write_text(json.dumps(state))


def engine(made: Project, *words: str) -> Ended:
    return made.sandbox("run", "--", sys.executable, "-m", "sandbox.engine", *words, "--stack", "sandbox")


def poison(mark: Path, *, part: str = "outputs") -> Callable[[dict[str, Any]], None]:
    held = base64.b64encode(pickle.dumps(Payload(mark))).decode()

    def change(latest: dict[str, Any]) -> None:
        group = next(each for each in latest["resources"] if each["urn"].endswith(f"mimecast:Group::{GROUP}"))
        group[part]["__provider"] = held

    return change


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_a_foreign_provider_is_refused_by_name_and_not_loaded(
    made: Project, tmp_path: Path, words: tuple[str, ...]
) -> None:
    mark = tmp_path / "loaded"
    edit(made, poison(mark))
    ended = made.sso(*words)
    assert ended.code == 4, ended.text
    assert GROUP in ended.text
    assert "holds a provider that is not this project's" in ended.text
    assert len(ended.text.strip().splitlines()) == 1
    assert not mark.exists()


@pytest.mark.parametrize("verb", ["preview", "refresh", "destroy"])
def test_the_embedded_engine_refuses_it_too(made: Project, tmp_path: Path, verb: str) -> None:
    mark = tmp_path / "loaded"
    edit(made, poison(mark, part="inputs"))
    ended = engine(made, verb, *([] if verb == "preview" else ["--yes"]))
    assert ended.code == 1, ended.text
    assert GROUP in ended.text
    assert not mark.exists()


def test_a_resource_that_the_project_does_not_have_is_refused(made: Project, tmp_path: Path) -> None:
    """Such as one that waits for its deletion, or whose creation was interrupted."""
    mark = tmp_path / "loaded"
    urn = "urn:pulumi:sandbox::mimecast-sso::pulumi-nodejs:dynamic:Resource::stray"
    stray = {"urn": urn, "type": "pulumi-nodejs:dynamic:Resource", "inputs": {"__provider": "code"}}
    edit(made, lambda latest: latest.update(pending_operations=[{"resource": stray, "type": "creating"}]))
    ended = made.sso("preview")
    assert ended.code == 4, ended.text
    assert "stray (pulumi-nodejs:dynamic:Resource)" in ended.text
    assert not mark.exists()


def provider(package: str, **inputs: Any) -> dict[str, Any]:
    """A provider in a state, under which the Pulumi CLI downloads and starts a plugin."""
    urn = f"urn:pulumi:sandbox::mimecast-sso::pulumi:providers:{package}::default"
    return {"urn": urn, "id": "1", "custom": True, "type": f"pulumi:providers:{package}", "inputs": inputs}


ELSEWHERE = "https://evil.example/plugins"


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        (provider("command"), "command"),
        (provider("azuread", pluginDownloadURL=ELSEWHERE), f"azuread (from {ELSEWHERE})"),
        (provider("azuread", __internal={"pluginDownloadURL": ELSEWHERE}), f"azuread (from {ELSEWHERE})"),
        (provider("pulumi", pluginDownloadURL=ELSEWHERE), f"pulumi (from {ELSEWHERE})"),
        (provider("..os"), "..os"),
    ],
    ids=["another package", "elsewhere", "elsewhere, as newer releases keep it", "built in", "no name"],
)
@pytest.mark.parametrize("pending", [False, True])
def test_a_plugin_that_the_program_does_not_use_is_refused(
    stray: dict[str, Any], said: str, pending: bool
) -> None:
    """Its next deletion would run a command, for example (package ``command``)."""
    deployment = {"pending_operations": [{"resource": stray}]} if pending else {"resources": [stray]}
    with pytest.raises(OperationError, match="does not use: ") as refused:
        refuse_foreign("prod-eu", without_inputs(deployment))  # As commands hold it.
    assert refused.value.code is Exit.REFUSED
    assert said in str(refused.value)


def test_the_plugins_of_the_program_are_its_own() -> None:
    used = [
        provider("pulumi"),
        provider("pulumi-python"),
        provider("azuread", version="6.11.1", __internal={}),
    ]
    refuse_foreign("prod-eu", {"resources": used, "pending_operations": None})


@pytest.mark.parametrize(
    ("content", "cause"),
    [("", "not valid JSON"), ('{"version": 3, "chec', "not valid JSON"), ("[]", "not a Pulumi state")],
    ids=["empty", "cut off", "something else"],
)
@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_a_damaged_state_is_one_line_with_its_backup(
    made: Project, words: tuple[str, ...], content: str, cause: str
) -> None:
    file = state_file(made)
    Path(f"{file}.bak").write_text(file.read_text())
    file.write_text(content)
    ended = made.sso(*words)
    assert ended.code == 1, ended.text
    (line,) = ended.text.strip().splitlines()
    for said in (str(file), cause, f"cp {file}.bak {file}"):
        assert said in line
    assert file.read_text() == content


@pytest.mark.parametrize("resources", [[], ["pulumi:pulumi:Stack"]])
def test_a_state_that_records_nothing_is_no_state_without_drift(made: Project, resources: list[str]) -> None:
    """Everything would match it, also the people who sign in through an application that it has lost."""

    def forget(state: dict[str, Any]) -> None:
        state["resources"] = [each for each in state["resources"] if each["type"] in resources]

    edit(made, forget)
    for form in ("text", "json"):
        ended = made.sso("drift", "--fast", "--format", form)
        assert ended.code == Exit.ERROR, ended.text
        assert "records nothing in Entra or at Mimecast, so nothing can be compared" in ended.text
        assert "No drift" not in ended.text


def test_a_roll_out_whose_state_cannot_be_read_is_not_fine(made: Project) -> None:
    state_file(made).write_text("{")
    status = made.sso("roll-out status")
    assert "profile          unknown (the stack's state cannot be read" in status.text
    assert status.code in (Exit.ERROR, Exit.CHANGES), status.text


@pytest.mark.parametrize("evidence", ["", " "])
def test_empty_evidence_is_no_read_back(made: Project, evidence: str) -> None:
    ended = made.sso("confirm", "--by", "ada@example.com", "--evidence", evidence)
    assert ended.code == Exit.REFUSED, ended.text
    assert "is a placeholder. Replace it with the evidence" in ended.text


def test_a_damaged_state_is_one_line_of_the_embedded_engine(made: Project) -> None:
    file = state_file(made)
    file.write_text("")
    ended = engine(made, "preview")
    assert ended.code == 1
    (line,) = ended.text.strip().splitlines()
    assert str(file) in line


def limited(made: Project, blocks: int, *words: str) -> Ended:
    """``mimecast-sso …`` while no file may grow beyond so many KiB, as on a disk that is full."""
    program = Path(sys.executable).with_name("mimecast-sso")
    command = f"ulimit -f {blocks}; ENGINE=embedded exec '{program}' {' '.join(words)} --stack sandbox"
    return made.sandbox("run", "--", "bash", "-c", command)


def test_a_state_that_cannot_be_written_is_unchanged(made: Project) -> None:
    before = state_file(made).read_text()
    group = made.configuration("rollOut")["group"]
    made.configure(rollOut={"group": group, "who": "pilot", "pilot": ["ada@example.com"]})
    ended = limited(made, 30, "up", "--yes")
    made.configure(rollOut={"group": group, "who": "all"})
    assert ended.code == 1, ended.text
    assert "Traceback" not in ended.text
    (line,) = (
        line for line in ended.text.splitlines() if line.startswith("error: the state cannot be written")
    )
    for said in ("File too large", str(state_file(made)), "then refresh"):
        assert said in line
    assert state_file(made).read_text() == before
    assert [each.name for each in state_file(made).parent.iterdir()] == ["sandbox.json"]


def test_a_truncated_event_log_is_not_taken_for_no_change(made: Project) -> None:
    ended = limited(made, 4, "preview")
    assert ended.code == 1, ended.text
    assert "Traceback" not in ended.text
    assert "its event log is incomplete, so what it did is unknown" in ended.text


def test_the_lock_of_a_dead_process_is_named_with_the_fix(made: Project) -> None:
    dead = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    locks = state_folder(made.home) / ".pulumi" / "locks" / "organization" / "mimecast-sso" / "sandbox"
    locks.mkdir(parents=True, exist_ok=True)
    holder = {
        "pid": int(dead),
        "username": "ada",
        "hostname": socket.gethostname(),
        "timestamp": "2026-01-01",
    }
    (locks / "left.json").write_text(json.dumps(holder))
    ended = made.sso("up", "--yes")
    assert ended.code == 1, ended.text
    (line,) = ended.text.strip().splitlines()
    for said in (str(locks / "left.json"), f"pid {dead}", "no longer runs", "cancel --yes --stack sandbox"):
        assert said in line
    assert engine(made, "cancel", "--yes").code == 0
    assert made.sso("up", "--yes").code == 0


def test_a_folder_that_cannot_be_written_is_one_line(made: Project) -> None:
    """As in a read-only checkout; a file in the folder's place stops a privileged user as well."""
    sheets = made.home / "run-sheet"
    shutil.rmtree(sheets, ignore_errors=True)
    sheets.write_text("")
    ended = made.sso("run-sheet")
    sheets.unlink()
    assert ended.code == 1, ended.text
    (line,) = ended.text.strip().splitlines()
    assert str(sheets) in line
