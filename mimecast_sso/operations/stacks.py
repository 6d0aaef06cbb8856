"""Where a stack's configuration is read and written.

A stack that is deployed on the sandbox works on a copy of its file, in the sandbox's folder: what a rehearsal
confirms must not end in a tracked file. The copy follows the tracked file on every run and keeps for itself only
what commands wrote into it: confirmation and evidence, and the roll-out and the certificates until the tracked file
has others.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.project import find_project
from mimecast_sso.settings import (
    NAMESPACE,
    Certificates,
    Confirmed,
    Evidence,
    Lane,
    RollOut,
    Settings,
    from_file,
    read_values,
    yaml_problem,
)
from mimecast_sso.text.files import UnreadableTextError, read_text

SANDBOX_STACK = "sandbox"
_PROFILE = f"{NAMESPACE}:authenticationProfile"
_ROLL_OUT = f"{NAMESPACE}:rollOut"
_CERTIFICATES = f"{NAMESPACE}:certificates"
_WRITTEN = {_ROLL_OUT: "roll-out", _CERTIFICATES: "certificates"}
_SALT = "encryptionsalt"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a stack's roll-out groups are, and how to get there."""

    account_code: str
    region: str
    group: str
    second_group: str
    """That of the second profile; most stacks have none."""
    client_id: str = ""
    """Of the Mimecast API application, where the stack file names it; the secret is never read from there."""


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
        write_text(self.tracked, before)
        if salt:
            document = _load(self.file)
            document[_SALT] = salt
            _save(self.file, document)

    def settings(self) -> Settings:
        """The validated configuration; secrets stay encrypted. Raises ConfigurationError."""
        return from_file(self.file)

    def confirm(self, confirmed: Confirmed, lane: Lane = Lane.FIRST) -> None:
        """Writes the attestation into the stack's file, keeping its comments and earlier attestations. Atomic."""
        document = _load(self.file)
        profile = _attested(document, lane)
        if earlier := profile.get("confirmed"):
            profile.setdefault("history", []).append(earlier)
        profile["confirmed"] = confirmed.model_dump()
        profile.pop("evidence", None)  # It is about what was confirmed before.
        _save(self.file, document)

    def record(self, evidence: Evidence, lane: Lane = Lane.FIRST) -> None:
        """Writes what was seen after the confirmation into the stack's file, keeping its comments. Atomic."""
        document = _load(self.file)
        _attested(document, lane)["evidence"] = evidence.document()
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
        self._keep(_ROLL_OUT, document)
        _save(self.file, document)

    def set_certificates(self, wanted: Certificates) -> None:
        """Writes generations, the active one and the rest of a rotation into the stack's file. Atomic.

        Comments stay, those of generations that stay included.
        """
        document = _load(self.file)
        section = document["config"].setdefault(_CERTIFICATES, {})
        _rewrite(section, _dumped(wanted), _dumped(wanted, exclude_defaults=True))
        self._keep(_CERTIFICATES, document)
        _save(self.file, document)

    def _keep(self, key: str, document: Any) -> None:
        """Before the copy is written: else a death between the two would take the change back."""
        if self.on_sandbox:
            kept = {"tracked": _plain(_load(self.tracked), key), "written": _plain(document, key)}
            write_text(_kept(self.file, key), json.dumps(kept))

    def target(self) -> Target:
        """Account, region, group and client id alone, so that a fault anywhere else in the file stops no roll-back."""
        values = read_values(self.file)
        section = values.get("rollOut")
        group = section.get("group") if isinstance(section, dict) else None
        for key in ("region", "accountCode"):
            if not isinstance(values.get(key), str):
                raise OperationError(f"The stack file {self.file} has no {NAMESPACE}:{key}.")
        second = section.get("secondGroup") if isinstance(section, dict) else None
        roll_out = RollOut(group=str(group or RollOut().group), secondGroup=str(second) if second else None)
        return Target(
            values["accountCode"],
            values["region"],
            roll_out.group_of(Lane.FIRST),
            roll_out.group_of(Lane.SECOND),
            str(values.get("mimecastClientId") or ""),
        )


def open_stack(name: str) -> Stack:
    """The stack of that name. Raises OperationError when it has no file, or needs a sandbox that does not run."""
    project = find_project()
    root, tracked = project.root, project.stack_file(name)
    if not tracked.is_file():
        shown = tracked.relative_to(root)
        known = ", ".join(project.stacks()) or "none"
        raise OperationError(f"There is no stack file {shown}. Stacks: {known}.")
    environment = dict(os.environ)
    if name == SANDBOX_STACK and "SANDBOX_INSTANCE" not in environment:
        environment |= _sandbox_environment(root)
    if "SANDBOX_INSTANCE" not in environment:
        return Stack(name, root, tracked, environment)
    copy = Path(environment["SANDBOX_HOME"]) / "stacks" / tracked.name
    _follow(tracked, copy)
    return Stack(name, root, copy, environment)


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
        for lane, attested in ((Lane.FIRST, written), (Lane.SECOND, written.get(Lane.SECOND.value) or {})):
            for key in ("confirmed", "evidence", "history"):
                if attested.get(key):
                    _attested(document, lane).setdefault(key, attested[key])
    for key in _WRITTEN:
        _follow_written(document, copy, key)
    _save(copy, document)


def _follow_written(document: Any, copy: Path, key: str) -> None:
    """What a command wrote stays until the tracked file says something else."""
    kept = _kept(copy, key)
    if not kept.is_file():
        return
    record = json.loads(kept.read_text(encoding="utf-8"))
    if record["tracked"] == _plain(document, key):
        document["config"][key] = record["written"]
    else:
        kept.unlink()


def _kept(copy: Path, key: str) -> Path:
    return copy.with_suffix(f".{_WRITTEN[key]}.json")


def _plain(document: Any, key: str) -> Any:
    return json.loads(json.dumps(document["config"].get(key)))


def _attested(document: Any, lane: Lane) -> Any:
    """The part of the file that holds what is known of a lane's profile."""
    profile = document["config"].setdefault(_PROFILE, {})
    return profile.setdefault(Lane.SECOND.value, {}) if lane is Lane.SECOND else profile


def _dumped(model: Certificates, *, exclude_defaults: bool = False) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=exclude_defaults)


def _rewrite(section: Any, wanted: Mapping[str, Any], needed: Mapping[str, Any]) -> None:
    """Makes a map of the file hold these values, touching no more than differs: comments hang on what stays.

    ``needed`` are those of the ``wanted`` values that are no defaults; a default stands there only if it did before.
    """
    for key in [key for key in section if key not in wanted]:
        del section[key]
    for key in [key for key in wanted if key in section or key in needed]:
        present, value = section.get(key), wanted[key]
        if isinstance(present, dict) and isinstance(value, dict):
            _rewrite(present, value, needed.get(key, {}))
        elif isinstance(present, list) and isinstance(value, list):
            _rewrite_list(present, value, needed.get(key, []))
        elif _plain_value(present) != value:
            section[key] = needed.get(key, value)


def _rewrite_list(present: Any, wanted: list[Any], needed: list[Any]) -> None:
    """The same for a list of maps that are told apart by thumbprint or label."""
    identities = [_identity(value) for value in wanted]
    for index in reversed(range(len(present))):
        if _identity(present[index]) not in identities:
            del present[index]
    for index, identity in enumerate(identities):
        if index < len(present) and _identity(present[index]) == identity:
            _rewrite(present[index], wanted[index], needed[index])
        else:
            present.insert(index, needed[index])


def _identity(entry: Mapping[str, Any]) -> str:
    return str(entry.get("thumbprint") or entry.get("label"))


def _plain_value(value: Any) -> Any:
    return str(value) if value is not None and not isinstance(value, (bool, int, float)) else value


def _yaml() -> YAML:
    yaml = YAML()  # Round trip: comments and order stay.
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _load(path: Path) -> Any:
    try:
        document = _yaml().load(read_text(path))
    except UnreadableTextError as error:
        raise OperationError(f"The stack file {path} {error.why}.") from None
    except YAMLError as error:
        raise OperationError(f"The stack file {path} is not valid YAML{yaml_problem(error)}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise OperationError(f"The stack file {path} has no config: section.")
    return document


def _save(path: Path, document: Any) -> None:
    text = io.StringIO()
    _yaml().dump(document, text)
    write_text(path, text.getvalue())
