"""Where a stack's configuration is read and written.

A stack that is deployed on the sandbox works on a copy of its file, in the sandbox's folder: what a rehearsal
confirms must not end in a tracked file. The copy follows the tracked file on every run and keeps for itself only
what commands wrote into it: confirmation and evidence, and the roll-out until the tracked file has another one.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from components.settings import NAMESPACE, Confirmed, Evidence, RollOut, Settings, from_file, read_values
from operations.exit_codes import OperationError

PROJECT = "mimecast-sso"
SANDBOX_STACK = "sandbox"
_PROFILE = f"{NAMESPACE}:authenticationProfile"
_ROLL_OUT = f"{NAMESPACE}:rollOut"
_SALT = "encryptionsalt"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a stack's roll-out group is: the Mimecast account, its region, the group's name."""

    account_code: str
    region: str
    group: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack: its name, the file that holds its configuration, and the environment its engine runs in."""

    name: str
    root: Path
    file: Path
    environment: dict[str, str]

    @property
    def on_sandbox(self) -> bool:
        """Whether the stack is deployed on the sandbox, not on real tenants."""
        return "SANDBOX_INSTANCE" in self.environment

    @property
    def tracked(self) -> Path:
        """The file under version control, of which a stack on the sandbox works on a copy."""
        return self.root / "stacks" / self.file.name

    def take_back_salt(self, before: str) -> None:
        """Moves what ``stack init`` wrote into the tracked file (the salt of the stack's secrets) to the copy."""
        if self.tracked.read_text(encoding="utf-8") == before:
            return
        salt = _load(self.tracked).get(_SALT)
        _write(self.tracked, before)
        if salt:
            document = _load(self.file)
            document[_SALT] = salt
            _save(self.file, document)

    def settings(self) -> Settings:
        """The validated configuration; secrets stay encrypted. Raises ConfigurationError."""
        return from_file(self.file)

    def confirm(self, confirmed: Confirmed) -> None:
        """Writes the confirmation into the stack's file, keeping its comments. Atomic."""
        document = _load(self.file)
        profile = document["config"].setdefault(_PROFILE, {})
        profile["confirmed"] = confirmed.model_dump()
        profile.pop("evidence", None)  # It is about what was confirmed before.
        _save(self.file, document)

    def record(self, evidence: Evidence) -> None:
        """Writes what was seen after the confirmation into the stack's file, keeping its comments. Atomic."""
        document = _load(self.file)
        document["config"].setdefault(_PROFILE, {})["evidence"] = evidence.document()
        _save(self.file, document)

    def set_roll_out(self, wanted: RollOut) -> None:
        """Writes who is in the roll-out group into the stack's file, keeping its comments and the group. Atomic."""
        document = _load(self.file)
        section = document["config"].setdefault(_ROLL_OUT, {})
        values = {"who": wanted.who, "pilot": list(wanted.pilot), "share": wanted.share}
        for key, value in values.items():
            if value:
                section[key] = value
            else:
                section.pop(key, None)
        _save(self.file, document)
        if self.on_sandbox:
            kept = {"tracked": _plain_roll_out(_load(self.tracked)), "written": _plain_roll_out(document)}
            _kept_roll_out(self.file).write_text(json.dumps(kept), encoding="utf-8")

    def target(self) -> Target:
        """Account, region and group alone, so that a fault anywhere else in the file stops no roll-back."""
        values = read_values(self.file)
        section = values.get("rollOut")
        group = section.get("group") if isinstance(section, dict) else None
        for key in ("region", "accountCode"):
            if not isinstance(values.get(key), str):
                raise OperationError(f"The stack file {self.file} has no {NAMESPACE}:{key}.")
        return Target(values["accountCode"], values["region"], str(group or RollOut().group))


def open_stack(name: str) -> Stack:
    """The stack of that name. Raises OperationError when it has no file, or needs a sandbox that does not run."""
    root = project_root()
    tracked = root / "stacks" / f"Pulumi.{name}.yaml"
    if not tracked.is_file():
        known = ", ".join(sorted(path.name.split(".")[1] for path in tracked.parent.glob("Pulumi.*.yaml")))
        raise OperationError(f"There is no stack file stacks/Pulumi.{name}.yaml. Stacks: {known}.")
    environment = dict(os.environ)
    if name == SANDBOX_STACK and "SANDBOX_INSTANCE" not in environment:
        environment |= _sandbox_environment(root)
    if "SANDBOX_INSTANCE" not in environment:
        return Stack(name, root, tracked, environment)
    copy = Path(environment["SANDBOX_HOME"]) / "stacks" / tracked.name
    _follow(tracked, copy)
    return Stack(name, root, copy, environment)


def project_root() -> Path:
    """The folder with the project's Pulumi.yaml, from the working folder upwards, else this installation's."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "Pulumi.yaml"
        if file.is_file() and f"name: {PROJECT}\n" in file.read_text(encoding="utf-8"):
            return folder
    return Path(__file__).resolve().parent.parent


def _sandbox_environment(root: Path) -> dict[str, str]:
    # Nothing of the product imports the sandbox; its command is a fixed interface.
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "env", "--format", "json"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperationError(done.stderr.strip() or "The sandbox is not running. Start it: make up")
    values: dict[str, str] = json.loads(done.stdout)
    return values


def _follow(tracked: Path, copy: Path) -> None:
    document = _load(tracked)
    if copy.is_file():
        present = _load(copy)
        if _SALT in present:
            document.setdefault(_SALT, present[_SALT])
        written = present["config"].get(_PROFILE, {})
        for key in ("confirmed", "evidence"):
            if written.get(key):
                document["config"].setdefault(_PROFILE, {}).setdefault(key, written[key])
    kept = _kept_roll_out(copy)
    if kept.is_file():
        record = json.loads(kept.read_text(encoding="utf-8"))
        if record["tracked"] == _plain_roll_out(document):
            document["config"][_ROLL_OUT] = record["written"]
        else:
            kept.unlink()
    _save(copy, document)


def _kept_roll_out(copy: Path) -> Path:
    return copy.with_suffix(".roll-out.json")


def _plain_roll_out(document: Any) -> Any:
    return json.loads(json.dumps(document["config"].get(_ROLL_OUT)))


def _yaml() -> YAML:
    yaml = YAML()  # Round trip: comments, quotes and order stay.
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _load(path: Path) -> Any:
    document = _yaml().load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise OperationError(f"The stack file {path} has no config: section.")
    return document


def _save(path: Path, document: Any) -> None:
    text = io.StringIO()
    _yaml().dump(document, text)
    _write(path, text.getvalue())


def _write(path: Path, content: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(content)
    Path(file.name).replace(path)
