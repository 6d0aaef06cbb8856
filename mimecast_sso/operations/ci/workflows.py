"""The workflow files of a CI service: written from the templates in this package, and recognised later.

The first line of a file is the command that wrote it, the second a digest of the rest. So an unchanged file
can be told from an edited one, whichever version wrote it.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mimecast_sso.facts.graph_permissions import GRAPH, PREVIEW_ROLES
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

PULUMI = "3.274.1"
"""The Pulumi CLI that workflows install: the one that the tests run on."""

_FILES: Mapping[Forge, Mapping[str, str]] = {
    Forge.GITHUB: {
        f".github/workflows/sso-{name}.yml": f"github/sso-{name}.yml.j2"
        for name in ("rehearsal", "preview", "deploy", "drift", "heartbeat")
    },
    Forge.GITLAB: {".gitlab/mimecast-sso.yml": "gitlab/mimecast-sso.yml.j2"},
    Forge.AZURE_DEVOPS: {
        f".azuredevops/sso-{name}.yml": f"azure_devops/sso-{name}.yml.j2"
        for name in ("rehearsal", "preview", "deploy", "drift", "heartbeat")
    },
}
_SET_UP = "{}/set-up.txt.j2"
_HEAD = re.compile(r"# (mimecast-sso ci init [^\n]*)\n# sha256 of what follows: ([0-9a-f]{64})\n")


class FileState(StrEnum):
    """The state of a workflow file."""

    CURRENT = "current"
    ABSENT = "absent"
    OTHER = "written by another version"
    CHANGED = "changed by hand"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow file: its path, its desired content, and its current content."""

    path: Path
    content: str
    state: FileState


@dataclass(frozen=True, slots=True)
class Choice:
    """The input of the files: the CI service, the stacks, and the branch to deploy."""

    forge: Forge
    stacks: tuple[str, ...]
    branch: str = "main"

    @property
    def command(self) -> str:
        """The command that writes the files."""
        options = [word for stack in self.stacks for word in ("--stack", stack)]
        options += ["--branch", self.branch] if self.branch != "main" else []
        return shlex.join(["mimecast-sso", "ci", "init", str(self.forge), *options])


def render(choice: Choice) -> Mapping[str, str]:
    """The content of each workflow file by its path in the repository."""
    return {
        path: _with_head(choice.command, _render(template, choice))
        for path, template in _FILES[choice.forge].items()
    }


def compare(root: Path, choice: Choice) -> tuple[Workflow, ...]:
    """The workflow files of this version, with the repository's current content. Raises OperationError."""
    return tuple(
        Workflow(root / path, content, _state(root / path, content))
        for path, content in render(choice).items()
    )


def chosen(root: Path, forge: Forge) -> Choice | None:
    """The input that the repository's files were written for, from their first line; None if none has it."""
    for path in _FILES[forge]:
        head = _HEAD.match(_read(root / path) or "")
        if head:
            words = shlex.split(head[1])
            values = list(pairwise(words))
            stacks = tuple(value for option, value in values if option == "--stack")
            branch = next((value for option, value in values if option == "--branch"), "main")
            return Choice(forge, stacks, branch)
    return None


def write(workflows: Iterable[Workflow], *, force: bool) -> tuple[Workflow, ...]:
    """Write the files that differ, all or none, and return them. Raises OperationError if one was changed by hand."""
    differing = [each for each in workflows if each.state is not FileState.CURRENT]
    changed = [str(each.path) for each in differing if each.state is FileState.CHANGED]
    if changed and not force:
        raise OperationError(
            f"Changed by hand: {', '.join(changed)}. Nothing was written. Keep your changes "
            "elsewhere and rerun with --force to overwrite them.",
            Exit.REFUSED,
        )
    for each in differing:
        write_text(each.path, each.content)
    return tuple(differing)


def set_up(choice: Choice) -> str:
    """The commands that create the identities, environments and checks."""
    return _render(_SET_UP.format(choice.forge.replace("-", "_")), choice)


def _state(path: Path, content: str) -> FileState:
    present = _read(path)
    if present is None:
        return FileState.ABSENT
    if present == content:
        return FileState.CURRENT
    head = _HEAD.match(present)
    if head is None or _digest(present[head.end() :]) != head[2]:
        return FileState.CHANGED
    return FileState.OTHER


def _read(path: Path) -> str | None:
    """The text of a file, or None if it does not exist. Raises OperationError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise OperationError(f"{path} cannot be read as text. Move it away and rerun.") from None


def _with_head(line: str, content: str) -> str:
    return f"# {line}\n# sha256 of what follows: {_digest(content)}\n{content}"


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _render(template: str, choice: Choice) -> str:
    return (
        _environment()
        .get_template(template)
        .render(stacks=choice.stacks, branch=choice.branch, pulumi=PULUMI, graph=GRAPH, roles=PREVIEW_ROLES)
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (only these commands need it)

    return Environment(
        loader=PackageLoader("mimecast_sso.operations.ci"),
        # CI services and shells use braces and brackets themselves. YAML is not HTML.
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  (stack names and the branch are checked before they come here)
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
