"""Stacks deployed by an earlier release, stored as files; see ``tests/checkpoints``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sandbox.environment import state_folder
from sandbox.world import FILE_NAME
from tests.support.projects import ROOT, Project, unseeded

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
"""A folder per release, with a folder per checkpoint."""

_STACK_FILE = "Pulumi.sandbox.yaml"
_STATE = "checkpoint.json"
_WORLD = "world.json"
_OF_THE_MOMENT = {"entra.sessions", "mimecast.sessions", "mimecast.tokens"}
"""Collections left out of a stored world: short-lived tokens and sessions, which clients request again."""


class NotToBeKeptError(Exception):
    """A checkpoint names the machine on which it was created; the message names the place."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One folder: a deployed stack file, its state, and the world of its sandbox."""

    folder: Path

    def __str__(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def stack_file(self) -> str:
        """The stack file, with its confirmation."""
        return (self.folder / _STACK_FILE).read_text(encoding="utf-8")

    @property
    def state(self) -> dict[str, Any]:
        """The state in the ``file://`` backend's format."""
        state: dict[str, Any] = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
        return state

    @property
    def world(self) -> dict[str, Any]:
        """``time``: when the world was stored; ``documents``: by collection and key, in order of creation."""
        world: dict[str, Any] = json.loads((self.folder / _WORLD).read_text(encoding="utf-8"))
        return world


def kept() -> list[Checkpoint]:
    """Every checkpoint of every release."""
    return [Checkpoint(file.parent) for file in sorted(FOLDER.glob(f"*/*/{_STATE}"))]


def identities(state: dict[str, Any]) -> list[tuple[str, str]]:
    """Type and id of each of a state's resources, sorted; components have no id.

    Names are left out: a release may give a resource another one, and declares the former as its alias. Providers are
    left out: the name of a default provider changes with the version of its plugin, and stands for nothing outside the
    state.
    """
    return sorted(
        (resource["type"], resource.get("id", ""))
        for resource in state["checkpoint"]["latest"]["resources"]
        if not resource["type"].startswith("pulumi:providers:")
    )


def state_of(made: Project) -> dict[str, Any]:
    """The current state of the project's stack."""
    state: dict[str, Any] = json.loads(_state_file(made).read_text(encoding="utf-8"))
    return state


@contextmanager
def restored(checkpoint: Checkpoint, folder: Path, engine: str) -> Iterator[Project]:
    """The current code in ``folder``, with the checkpoint's stack file, state and world.

    In the sandbox it is the moment at which the world was kept. What a later sandbox keeps in another form than the one
    of that release is to be translated here: the files stay as they were made.
    """
    with unseeded(folder, engine) as made:
        made.stack_file.write_text(checkpoint.stack_file, encoding="utf-8")
        file = _state_file(made)
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(checkpoint.state), encoding="utf-8")
        (state_folder(made.home) / ".pulumi" / "meta.yaml").write_text("version: 1\n", encoding="utf-8")
        world = checkpoint.world
        for collection, documents in world["documents"].items():
            for key, document in documents.items():
                made.control.put(collection, key, document)
        ahead = datetime.fromisoformat(world["time"]) - datetime.now(UTC)
        made.control.set("clock.offset_seconds", ahead.total_seconds())
        yield made


def keep(made: Project, folder: Path) -> Checkpoint:
    """Write a checkpoint of the project's deployment.

    Raises:
        NotToBeKeptError: something of this machine stands in it.
    """
    world = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "documents": _world(made)}
    texts = {
        _STACK_FILE: _stack_file(made),
        _STATE: _readable(state_of(made)),
        _WORLD: _readable(world),
    }
    machine_specific = (str(made.folder), str(ROOT), f"{Path.home()}/", "127.0.0.1:", "file://")
    folder.mkdir(parents=True)
    for name, text in texts.items():
        for each in machine_specific:
            if each in text:
                raise NotToBeKeptError(f"{name} holds {each}")
        (folder / name).write_text(text, encoding="utf-8")
    return Checkpoint(folder)


def _stack_file(made: Project) -> str:
    """The stack file as on a real tenant: including what commands wrote."""
    document = yaml.safe_load(made.stack_file.read_text(encoding="utf-8"))
    document["config"] = {f"mimecast-sso:{key}": value for key, value in made.in_force().items()}
    return yaml.safe_dump(document, sort_keys=False, width=1000)


def _world(made: Project) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with closing(sqlite3.connect(made.home / FILE_NAME)) as database:
        rows = database.execute("SELECT collection, key, body FROM documents ORDER BY position")
        for collection, key, body in rows:
            if collection not in _OF_THE_MOMENT:
                found.setdefault(collection, {})[key] = json.loads(body)
    return dict(sorted(found.items()))


def _readable(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _state_file(made: Project) -> Path:
    return state_folder(made.home) / ".pulumi" / "stacks" / "mimecast-sso" / "sandbox.json"
