"""The Pulumi project of a command: folder, name, stack files. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from mimecast_sso.facts.stack_names import STACK_NAME_CHARACTERS
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.text import foreign

_FILE = "Pulumi.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    """A Pulumi project.

    Attributes:
        root: The folder with Pulumi.yaml.
        name: Its name, which is in every URN and in the path of a stack's state.
        stack_files: The folder of its stack files.
    """

    root: Path
    name: str
    stack_files: Path

    def stack_file(self, stack: str) -> Path:
        """The file of a stack, which may not exist."""
        return self.stack_files / f"Pulumi.{stack}.yaml"

    def stacks(self) -> list[str]:
        """The names of the stacks that have a file."""
        found = (path.name for path in self.stack_files.glob("Pulumi.*.yaml"))
        names = (name.removeprefix("Pulumi.").removesuffix(".yaml") for name in found)
        # The folder may also have a stack's settings for Pulumi Deployments.
        return sorted(name for name in names if not name.endswith(".deploy"))


def misnamed(file: Path) -> str:
    """The problem with a file that is named like a stack file, for a name that no stack can have."""
    return (
        f"{foreign.one_line(str(file))} is not the file of a stack: a stack name consists of {STACK_NAME_CHARACTERS}, "
        "100 at most. Rename or remove it."
    )


def find_project() -> Project:
    """The project of the working folder or one above it, else the one that contains this code.

    Raises:
        OperationError: There is none, or its Pulumi.yaml cannot be read.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / _FILE).is_file():
            return _read(folder)
    raise OperationError(
        f"There is no {_FILE} in {here} or above it. Run this in a clone of the project, or in a project "
        "that pulumi new created."
    )


def _read(root: Path) -> Project:
    try:
        document = yaml.safe_load((root / _FILE).read_text(encoding="utf-8"))
        name, folder = str(document["name"]), str(document.get("stackConfigDir") or "")
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, AttributeError):
        raise OperationError(f"{root / _FILE} cannot be read as a Pulumi project: it needs a name.") from None
    return Project(root, name, root / folder)
