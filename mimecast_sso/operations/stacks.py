"""Stacks: where their configuration is read and written.

On real tenants commands write into the stack file. On the sandbox they must not: a rehearsal must not change a tracked
file. Its values are stored in the sandbox's folder (`mimecast_sso.settings.written`). The engine reads the tracked file
of stack ``sandbox``, and for every other stack a copy with throw-away secrets.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mimecast_sso.assessment.drift.keeping import Edit
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations.broker import TIMEOUT_SECONDS, with_credentials
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.files import changed_by_one, write_text
from mimecast_sso.operations.project import Project, find_project, misnamed
from mimecast_sso.settings import (
    NAMESPACE,
    Certificates,
    ConfigurationError,
    Confirmed,
    Evidence,
    ProfileSlot,
    RollOut,
    Settings,
    Written,
    from_values,
    read_values,
)
from mimecast_sso.settings.values import is_guid
from mimecast_sso.text import foreign
from mimecast_sso.text.files import UnreadableTextError, read_text
from mimecast_sso.text.terminals import READ_BY_PROGRAMS
from mimecast_sso.text.yaml_errors import yaml_problem
from providers.deadline import UNLIMITED, Deadline

SANDBOX_STACK = "sandbox"
_PREFIX = f"{NAMESPACE}:"
_PROFILE = f"{_PREFIX}authenticationProfile"
_ROLL_OUT = f"{_PREFIX}rollOut"
_CERTIFICATES = f"{_PREFIX}certificates"


@dataclass(frozen=True, slots=True)
class Target:
    """The roll-out groups of a stack, and the account they are in."""

    account_code: str
    region: str
    group: str
    second_group: str
    """The group of the second profile; most stacks have none."""
    client_id: str = ""
    """Id of the Mimecast API application if the stack file has it; the secret is never read from there."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack, and the environment that its engine runs in.

    Attributes:
        name: Its name.
        project: Its project.
        config_file: The configuration file of the engine.
        environment: The environment of the engine and of its tenants' clients, with this stack's credentials only.
        deadline: When requests to its tenants stop waiting.
    """

    name: str
    project: Project
    config_file: Path
    environment: dict[str, str] = field(repr=False)
    deadline: Deadline = UNLIMITED

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.project.root

    @property
    def on_sandbox(self) -> bool:
        """Whether the stack is deployed on the sandbox, not on real tenants."""
        return "SANDBOX_INSTANCE" in self.environment

    @property
    def file(self) -> Path:
        """The file that commands write: the stack file; on the sandbox, a separate one."""
        return self._written.file if self._written else self.config_file

    @property
    def outputs(self) -> Path:
        """The folder of run sheets; the sandbox has its own, so that a rehearsal is not mistaken for production."""
        return Path(self.environment["SANDBOX_HOME"]) if self.on_sandbox else self.root / "build"

    @property
    def undo_records(self) -> Path:
        """The folder of undo records of roll-backs: not in ``build``, which ``make clean`` removes."""
        return (self.outputs if self.on_sandbox else self.root / ".mimecast-sso") / "roll-out"

    @property
    def _written(self) -> Written | None:
        return Written.on_sandbox(self.name, self.environment)

    def values(self) -> dict[str, JSON]:
        """The keys of this project's namespace, unchecked; secrets read as ``[secret]``. Raises ConfigurationError."""
        values = read_values(self.config_file, self.project.stack_file(self.name))
        return self._written.over(values) if self._written else values

    def settings(self) -> Settings:
        """The validated configuration; secrets stay encrypted. Raises ConfigurationError."""
        return from_values(self.values())

    def confirm(
        self, confirmed: Confirmed, slot: ProfileSlot = ProfileSlot.FIRST, evidence: Evidence | None = None
    ) -> None:
        """Write the attestation into the stack file, keeping comments and earlier attestations. Atomic.

        ``evidence`` replaces earlier evidence, which is about the earlier attestation.
        """
        with self._edited() as config:
            profile = _attested(config, slot)
            if earlier := profile.get("confirmed"):
                profile.setdefault("history", []).append(earlier)
            profile["confirmed"] = confirmed.document()
            profile.pop("evidence", None)
            if evidence is not None:
                profile["evidence"] = evidence.document()

    def record(self, evidence: Evidence, slot: ProfileSlot = ProfileSlot.FIRST) -> None:
        """Write the evidence after the confirmation into the stack file, keeping its comments. Atomic."""
        with self._edited() as config:
            _attested(config, slot)["evidence"] = evidence.document()

    def set_roll_out(self, desired: RollOut) -> None:
        """Write the choice of the roll-out into the stack file, keeping comments and the group. Atomic."""
        with self._edited() as config:
            section = config.setdefault(_ROLL_OUT, {})
            values = {"who": desired.who, "pilot": list(desired.pilot), "share": desired.share}
            for key, value in values.items():
                if value:
                    section[key] = value
                else:
                    section.pop(key, None)

    def set_certificates(self, desired: Certificates) -> None:
        """Write the generations, the active one and the rest of a rotation into the stack file. Atomic.

        Keeps comments, including those of remaining generations.
        """
        with self._edited() as config:
            section = config.get(_CERTIFICATES)
            if not isinstance(section, dict):  # A date, which is what `pulumi new` writes.
                section = config[_CERTIFICATES] = {}
            _rewrite(section, _dumped(desired), _dumped(desired, exclude_defaults=True))

    def change(self, edit: Edit) -> None:
        """Write an edit into the stack file, keeping comments. Atomic.

        A section that the file does not have is written whole: its other values may come from another key (``pilot``).
        """
        with self._edited() as config:
            name = f"{_PREFIX}{edit.section}"
            section, value = config.get(name), edit.document[edit.key]
            if not isinstance(section, dict):
                config[name] = dict(edit.document)
            elif isinstance(section.get(edit.key), list) and isinstance(value, list):
                _merge_list(section[edit.key], value)
            else:
                section[edit.key] = value

    @contextmanager
    def _edited(self) -> Iterator[JSON]:
        """The ``config:`` map of the stack file, written when the block ends; one command at a time."""
        with changed_by_one(self.file):
            document = load_stack_file(self.config_file)
            config, written = document["config"], self._written
            if written is None:
                yield config
                _save(self.config_file, document)
                return
            before = _unprefixed(config)
            config.update({f"{_PREFIX}{key}": value for key, value in written.over(before).items()})
            yield config
            write_text(written.file, written.text(before, _unprefixed(config)))

    def target(self) -> Target:
        """Account, region, group and client id only: an error elsewhere in the file must not block a roll-back."""
        values = self.values()
        section = values.get("rollOut")
        group = section.get("group") if isinstance(section, dict) else None
        for key in ("region", "accountCode"):
            if not isinstance(values.get(key), str):
                raise OperationError(f"The stack file {self.config_file} has no {NAMESPACE}:{key}.")
        second = section.get("secondGroup") if isinstance(section, dict) else None
        roll_out = RollOut(group=str(group or RollOut().group), secondGroup=str(second) if second else None)
        return Target(
            values["accountCode"],
            values["region"],
            roll_out.group_of(ProfileSlot.FIRST),
            roll_out.group_of(ProfileSlot.SECOND),
            str(values.get("mimecastClientId") or ""),
        )


def open_stack(name: str) -> Stack:
    """The named stack. Raises OperationError if it has no file, or needs a sandbox that is not running."""
    return Stacks(find_project(), [name]).open(name)


class StackFileError(OperationError):
    """A stack has no usable file."""


class Stacks:
    """Several stacks of a project, each opened with its own environment.

    Raises:
        OperationError: Stack ``sandbox`` is among them, and the sandbox is not running.
    """

    def __init__(self, project: Project, names: Sequence[str]) -> None:
        self.project = project
        self._environment = _environment(project, sandbox=SANDBOX_STACK in names)
        self._rehearsed = self._rehearse([name for name in names if project.stack_file(name).is_file()])

    def open(self, name: str, deadline: Deadline = UNLIMITED) -> Stack:
        """One of them. Raises StackFileError, or CredentialsError if there are no credentials for it."""
        project = self.project
        file = project.stack_file(name)
        if file.is_file() and not is_stack_name(name):
            raise StackFileError(misnamed(file))
        if not file.is_file():
            known = foreign.one_line(", ".join(project.stacks())) or "none"
            missing = foreign.one_line(os.path.relpath(file, project.root))
            raise StackFileError(f"There is no stack file {missing}. Stacks: {known}.")
        found = self._rehearsed.get(name, {"file": str(file)})
        if "error" in found:
            raise StackFileError(found["error"])
        environment = with_credentials(
            self._environment, name, project.root, timeout=deadline.left(TIMEOUT_SECONDS)
        )
        return of_its_tenant(Stack(name, project, Path(found["file"]), environment, deadline))

    @property
    def _on_sandbox(self) -> bool:
        return "SANDBOX_INSTANCE" in self._environment

    def _rehearse(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """The stack files of rehearsals, or why there is none: on the sandbox, for every stack but ``sandbox``."""
        desired = [name for name in names if name != SANDBOX_STACK]
        if not desired or not self._on_sandbox:
            return {}
        printed = _sandbox(self.project, "stack-files", *desired, environment=self._environment)
        found: dict[str, dict[str, str]] = json.loads(printed)
        return found


def of_its_tenant(stack: Stack) -> Stack:
    """The environment with the stack file's tenant if it names none: one application may serve several tenants."""
    if stack.environment.get("ARM_TENANT_ID"):
        return stack
    try:
        tenant = str(stack.values().get("tenantId"))
    except ConfigurationError:
        return stack  # The reader of the settings reports the problem.
    return (
        replace(stack, environment=stack.environment | {"ARM_TENANT_ID": tenant})
        if is_guid(tenant)
        else stack
    )


def environment_of(project: Project, name: str) -> dict[str, str]:
    """The environment that reaches a stack's tenants.

    Raises OperationError if the sandbox is not running, CredentialsError if there are no credentials for the stack.
    """
    return with_credentials(_environment(project, sandbox=name == SANDBOX_STACK), name, project.root)


def _environment(project: Project, *, sandbox: bool) -> dict[str, str]:
    environment = dict(os.environ)
    if sandbox and "SANDBOX_INSTANCE" not in environment:
        environment |= json.loads(_sandbox(project, "env", "--format", "json", environment=environment))
    return environment


def _sandbox(project: Project, *words: str, environment: dict[str, str]) -> str:
    """The output of a command of the sandbox. Raises OperationError with its message if it fails."""
    # The product never imports the sandbox; its command is a fixed interface.
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *words],
        cwd=project.root,
        env=environment | READ_BY_PROGRAMS,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise OperationError(done.stderr.strip() or "The sandbox is not running. Start it: make up")
    return done.stdout


def _unprefixed(config: Mapping[str, JSON]) -> dict[str, JSON]:
    keys = (key for key in config if isinstance(key, str) and key.startswith(_PREFIX))
    return {key.removeprefix(_PREFIX): config[key] for key in keys}


def _attested(config: JSON, slot: ProfileSlot) -> JSON:
    """The part of the configuration with the attestation of a slot's profile."""
    profile = config.setdefault(_PROFILE, {})
    return profile.setdefault(ProfileSlot.SECOND.value, {}) if slot is ProfileSlot.SECOND else profile


def _dumped(model: Certificates, *, exclude_defaults: bool = False) -> dict[str, JSON]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=exclude_defaults)


def _rewrite(section: JSON, desired: Mapping[str, JSON], needed: Mapping[str, JSON]) -> None:
    """Set these values in a map of the file. Changes only what differs, because comments belong to entries.

    ``needed`` are the values of ``desired`` that are not defaults; a default is kept only if the file has it.
    """
    for key in [key for key in section if key not in desired]:
        del section[key]
    for key in [key for key in desired if key in section or key in needed]:
        present, value = section.get(key), desired[key]
        if isinstance(present, dict) and isinstance(value, dict):
            _rewrite(present, value, needed.get(key, {}))
        elif isinstance(present, list) and isinstance(value, list):
            _rewrite_list(present, value, needed.get(key, []))
        elif _plain_value(present) != value:
            section[key] = needed.get(key, value)


def _rewrite_list(present: JSON, desired: list[JSON], needed: list[JSON]) -> None:
    """Set the values of a list of maps, which are identified by thumbprint or label; see `_rewrite`."""
    identities = [_identity(value) for value in desired]
    for index in reversed(range(len(present))):
        if _identity(present[index]) not in identities:
            del present[index]
    for index, identity in enumerate(identities):
        if index < len(present) and _identity(present[index]) == identity:
            _rewrite(present[index], desired[index], needed[index])
        else:
            present.insert(index, needed[index])


def _identity(entry: JSON) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    return str(entry.get("thumbprint") or entry.get("label") or entry.get("address") or entry.get("path"))


def _merge_list(present: JSON, desired: Sequence[JSON]) -> None:
    """Bring a list of the file to the desired entries; only what differs is written."""
    identities = {_identity(each).lower(): each for each in desired}
    for index in reversed(range(len(present))):
        entry = identities.pop(_identity(present[index]).lower(), None)
        if entry is None:
            del present[index]
        elif isinstance(entry, Mapping):
            _rewrite(present[index], entry, entry)
    present.extend(identities.values())


def _plain_value(value: JSON) -> JSON:
    return str(value) if value is not None and not isinstance(value, (bool, int, float)) else value


def _yaml() -> YAML:
    yaml = YAML()  # Round trip: keeps comments and order.
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def load_stack_file(path: Path) -> JSON:
    """A stack file with its comments, for changes. Raises OperationError if it cannot be used."""
    try:
        document = _yaml().load(read_text(path))
    except UnreadableTextError as error:
        raise OperationError(f"The stack file {path} {error.why}.") from None
    except (YAMLError, ValueError) as error:
        raise OperationError(f"The stack file {path} is not valid YAML{yaml_problem(error)}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise OperationError(f"The stack file {path} has no config: section.")
    return document


def _save(path: Path, document: JSON) -> None:
    write_text(path, stack_file_text(document, path))


def stack_file_text(document: JSON, path: Path) -> str:
    """The content of a stack file that `load_stack_file` read from a path, with changes; it keeps its line ends."""
    written = io.StringIO()
    _yaml().dump(document, written)
    text = written.getvalue().replace("\r\n", "\n")
    of_windows = read_text(path).partition("\n")[0].endswith("\r")
    return text.replace("\n", "\r\n") if of_windows else text
