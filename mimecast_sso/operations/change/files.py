"""Which files of a change are data, which are code, and which do not belong to the deployment.

Stack files and CSV files of addresses are data: they are read and never run. Everything that is not known to
be data or outside the deployment counts as code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from mimecast_sso.operations.project import Project

_STACK_FILE = re.compile(r"Pulumi\.(?P<stack>.+?)\.(?:yaml|written\.json)", re.DOTALL)
_BESIDE_FOLDERS = frozenset(
    {"docs", "tests", "examples", "sandbox", "tools", ".ci", ".github", ".gitlab", ".azuredevops", ".vscode"}
)
_BESIDE_FILES = frozenset(
    {
        ".editorconfig",
        ".gitattributes",
        ".gitignore",
        ".gitlab-ci.yml",
        "CODEOWNERS",
        "LICENSE",
        "Makefile",
        "NOTICE",
        "azure-pipelines.yml",
    }
)
_TABLES = frozenset({".csv", ".tsv"})
_DOCUMENTATION = frozenset({".md"})


class FileKind(StrEnum):
    """The role of a file in the deployment."""

    STACK = "stack"
    """The file of a stack, or a file that commands wrote for it."""
    TABLE = "table"
    """CSV files of addresses, which stack files name."""
    DOCUMENTATION = "documentation"
    """Read by no program, wherever it is."""
    BESIDE = "beside"
    """No part of the deployment, but some of it runs: tests, workflows, the sandbox."""
    CODE = "code"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a change.

    Attributes:
        path: Relative to the project.
        stack: The stack whose file it is; "" for any other file. Pulumi may not allow the name.
    """

    path: str
    kind: FileKind
    stack: str = ""


def classify(path: str, folder: str) -> File:
    """Return the role of a file.

    Args:
        path: Relative to the project, with slashes.
        folder: The folder of the stack files, relative to the project; "" for the project itself.
    """
    where = PurePosixPath(path)
    suffix = where.suffix.lower()
    stack = stack_of(where.name) if str(where.parent) == (folder or ".") else ""
    if stack:
        return File(path, FileKind.STACK, stack)
    if suffix in _TABLES:
        return File(path, FileKind.TABLE)
    if suffix in _DOCUMENTATION:
        return File(path, FileKind.DOCUMENTATION)
    return File(path, FileKind.BESIDE if _is_beside(where, folder) else FileKind.CODE)


def stack_of(name: str) -> str:
    """The stack whose file has this name; "" for any other file."""
    found = _STACK_FILE.fullmatch(name)
    return found["stack"] if found else ""


def stack_folder(project: Project) -> str:
    """The folder of the stack files, relative to the project; "" for the project itself."""
    relative = project.stack_files.relative_to(project.root).as_posix()
    return "" if relative == "." else relative


def _is_beside(where: PurePosixPath, folder: str) -> bool:
    if where.parts[0] in _BESIDE_FOLDERS or where.name in _BESIDE_FILES:
        return True
    # The layers of stack files take effect once they are rendered into them.
    shared = where.name.startswith("_") and where.suffix == ".yaml"
    return bool(folder) and str(where.parent) == folder and (where.name == "schema.json" or shared)
