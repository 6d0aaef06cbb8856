"""What a change touches: stack files, CSV files, code, or nothing of the deployment.

Stack files and CSV files are data: they are read, and nothing of them runs. Everything that is not known to be beside
the deployment counts as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mimecast_sso.operations.project import Project
from mimecast_sso.operations.review.repository import Blob, Repository, readable
from mimecast_sso.settings import ConfigurationError, read_values

_STACK_FILE = re.compile(r"Pulumi\.(?P<stack>.+)\.yaml", re.DOTALL)
_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
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
_BESIDE_SUFFIXES = frozenset({".csv", ".tsv", ".md"})
_TABLES = frozenset({".csv", ".tsv", ".txt"})
"""A text may also be code's, such as requirements.txt: it is read for a stack, and its change counts as one of code."""


@dataclass(frozen=True, slots=True)
class Data:
    """The stack files of a commit, and their CSV files, written out below a folder of their own.

    Attributes:
        root: What CSV files are relative to, as in the project.
        folder: The folder with the stack files.
        stacks: The names of the stacks that have a file.
        problems: Why a stack file, or the CSV file that it names, was not written out, by stack.
    """

    root: Path
    folder: Path
    stacks: frozenset[str]
    problems: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    """The path of the CSV file that a stack names, by stack."""

    def file(self, stack: str) -> Path:
        """The file of a stack."""
        return self.folder / f"Pulumi.{stack}.yaml"


@dataclass(frozen=True, slots=True)
class Scope:
    """A change, and what it touches.

    Attributes:
        base: Commit that is changed; ``head``: commit that changes it.
        start: Commit from which the head departs.
        stacks: Names of the touched stacks: of all, where code changed.
        code: Paths of the changed code.
        behind: Stacks whose files the base changed as well since then.
    """

    base: str
    head: str
    start: str
    stacks: tuple[str, ...]
    code: tuple[str, ...]
    behind: frozenset[str] = frozenset()


def is_stack_name(name: str) -> bool:
    """Whether Pulumi allows the name."""
    return _STACK_NAME.fullmatch(name) is not None


def write_out(repository: Repository, project: Project, commit: str, root: Path) -> Data:
    """Writes the data of a commit below ``root``, which is an empty folder."""
    folder = _folder(project)
    listed = repository.files(commit, folder)
    blobs = {
        found["stack"]: blob
        for path, blob in listed.items()
        if (found := _STACK_FILE.fullmatch(PurePosixPath(path).name))
    }
    blobs = readable(repository, blobs)
    to = root / folder
    to.mkdir(parents=True, exist_ok=True)
    problems = {stack: f"its stack file {blob.problem}" for stack, blob in blobs.items() if blob.problem}
    for stack, content in repository.contents(blobs).items():
        if is_stack_name(stack):
            (to / f"Pulumi.{stack}.yaml").write_bytes(content)
        else:
            problems[stack] = "it is not a name that Pulumi allows for a stack"
    data = Data(root, to, frozenset(blobs), problems)
    tables = dict(_tables(data))
    return Data(root, to, data.stacks, problems | _write_tables(repository, commit, root, tables), tables)


def _tables(data: Data) -> Iterator[tuple[str, str]]:
    """The CSV file that each stack names, where it lies in the project: what does not is refused when it is read."""
    for stack in data.stacks - data.problems.keys():
        try:
            section = read_values(data.file(stack)).get("addresses")
        except ConfigurationError:
            continue  # The review of the stack says what is wrong.
        named = section.get("csv") if isinstance(section, dict) else None
        if not isinstance(named, str):
            continue
        path = PurePosixPath(named)
        inside = not path.is_absolute() and ".." not in path.parts
        if inside and named.isprintable() and path.suffix.lower() in _TABLES:
            yield stack, str(path)


def _write_tables(
    repository: Repository, commit: str, root: Path, tables: Mapping[str, str]
) -> dict[str, str]:
    found: dict[str, Blob] = {}
    for path in dict.fromkeys(tables.values()):
        blob = repository.file(commit, path)
        if blob is not None:
            found[path] = blob
    found = readable(repository, found)
    for path, content in repository.contents(found).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return {
        stack: f"the file that addresses.csv names {found[path].problem}"
        for stack, path in tables.items()
        if path in found and found[path].problem
    }


def find(
    repository: Repository, project: Project, before: Data, after: Data, commits: tuple[str, str]
) -> Scope:
    """What a change touches. ``before`` and ``after`` are the data of its start and of its head."""
    base, head = commits
    start = repository.merge_base(base, head)
    named: dict[str, set[str]] = {}
    for data in (before, after):
        for stack, path in data.tables.items():
            named.setdefault(path, set()).add(stack)
    everything = before.stacks | after.stacks
    stacks, code = _touched(repository.changed(start, head), _folder(project), named)
    others, _ = _touched(repository.changed(start, base), _folder(project), named)
    touched = everything if code else stacks & everything
    return Scope(base, head, start, tuple(sorted(touched)), tuple(sorted(code)), frozenset(others & stacks))


def changed_code(repository: Repository, project: Project, commit: str) -> list[str]:
    """The code of the working tree that differs from a commit's."""
    _, code = _touched(repository.changed(commit), _folder(project), {})
    return sorted(code)


def _touched(paths: list[str], folder: str, tables: Mapping[str, set[str]]) -> tuple[set[str], set[str]]:
    """The stacks whose data is among the paths, and the code."""
    stacks: set[str] = set()
    code: set[str] = set()
    for path in paths:
        stack = _stack_of(path, folder)
        if stack is not None:
            stacks.add(stack)
            continue
        stacks |= tables.get(path, set())
        if not _is_beside(path, folder):
            code.add(path)
    return stacks, code


def _stack_of(path: str, folder: str) -> str | None:
    where = PurePosixPath(path)
    found = _STACK_FILE.fullmatch(where.name)
    return found["stack"] if found and str(where.parent) == (folder or ".") else None


def _is_beside(path: str, folder: str) -> bool:
    """Whether a file is certainly no part of the deployment."""
    where = PurePosixPath(path)
    name, top = where.name, where.parts[0]
    if top in _BESIDE_FOLDERS or name in _BESIDE_FILES or where.suffix.lower() in _BESIDE_SUFFIXES:
        return True
    # What stack files have in common counts once it is written into them.
    shared = name.startswith("_") and where.suffix == ".yaml"
    return bool(folder) and str(where.parent) == folder and (name == "schema.json" or shared)


def _folder(project: Project) -> str:
    relative = project.stack_files.relative_to(project.root).as_posix()
    return "" if relative == "." else relative
