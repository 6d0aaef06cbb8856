"""The scope of a change: stack files, CSV files, code, or nothing that is deployed.

The module ``files`` decides the role of a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations.change.files import FileKind, classify, stack_folder, stack_of
from mimecast_sso.operations.change.repository import Blob, Repository, readable
from mimecast_sso.operations.project import Project
from mimecast_sso.settings import ConfigurationError, read_values

_TABLES = frozenset({".csv", ".tsv", ".txt"})
"""A text file may also belong to the code, such as requirements.txt; then its change counts as a change of code."""
_ANOTHER_NAME = "does not end in .csv, .tsv or .txt, and a review reads no other files as data; rename it"


@dataclass(frozen=True, slots=True)
class Data:
    """The stack files of a commit, and their CSV files, written out below a folder of their own.

    Attributes:
        root: The folder that CSV files are relative to, as in the project.
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
class ChangeScope:
    """A change and its scope.

    Attributes:
        base: Commit before the change; ``head``: commit with the change.
        start: Merge base of the two.
        stacks: Names of the affected stacks; all of them if code changed.
        code: Paths of the changed code.
        behind: Stacks whose files the base changed as well since the merge base.
        beside: Paths of changes outside the deployment, such as the sandbox; a rehearsal runs some of them.
    """

    base: str
    head: str
    start: str
    stacks: tuple[str, ...]
    code: tuple[str, ...]
    behind: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()


def write_out(repository: Repository, project: Project, commit: str, root: Path) -> Data:
    """Write the data of a commit into ``root``, an empty folder."""
    folder = stack_folder(project)
    listed = repository.files(commit, folder)
    blobs = {
        stack: blob
        for path, blob in listed.items()
        if path.endswith(".yaml") and (stack := stack_of(PurePosixPath(path).name))
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
    """The CSV file that each stack names, if it is inside the project; others are refused when they are read."""
    for stack in data.stacks - data.problems.keys():
        try:
            section = read_values(data.file(stack)).get("addresses")
        except ConfigurationError:
            continue  # The review of the stack reports the problem.
        named = section.get("csv") if isinstance(section, dict) else None
        if not isinstance(named, str):
            continue
        path = PurePosixPath(named)
        inside = not path.is_absolute() and ".." not in path.parts
        if inside and named.isprintable():
            yield stack, str(path)


def _write_tables(
    repository: Repository, commit: str, root: Path, tables: Mapping[str, str]
) -> dict[str, str]:
    found: dict[str, Blob] = {}
    for path in dict.fromkeys(tables.values()):
        blob = repository.file(commit, path)
        if blob is not None:
            # Not read as data, but its change is one of the stacks that name it.
            other = PurePosixPath(path).suffix.lower() not in _TABLES
            found[path] = replace(blob, problem=blob.problem or _ANOTHER_NAME) if other else blob
    found = readable(repository, found)
    for path, content in repository.contents(found).items():
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        except OSError as error:  # A commit may hold names that no file system takes.
            found[path] = Blob(found[path].object_id, f"cannot be read here: {error.strerror}")
    return {
        stack: f"the file that addresses.csv names {found[path].problem}"
        for stack, path in tables.items()
        if path in found and found[path].problem
    }


def find(
    repository: Repository, project: Project, before: Data, after: Data, commits: tuple[str, str]
) -> ChangeScope:
    """The scope of a change. ``before`` and ``after`` are the data at its merge base and at its head."""
    base, head = commits
    start = repository.merge_base(base, head)
    named: dict[str, set[str]] = {}
    for data in (before, after):
        for stack, path in data.tables.items():
            named.setdefault(path, set()).add(stack)
    everything = before.stacks | after.stacks
    stacks, code, beside = _touched(repository.changed(start, head), stack_folder(project), named)
    others, _, _ = _touched(repository.changed(start, base), stack_folder(project), named)
    touched = everything if code else stacks & everything
    return ChangeScope(
        base,
        head,
        start,
        stacks=tuple(sorted(touched)),
        code=tuple(sorted(code)),
        behind=frozenset(others & stacks),
        beside=tuple(sorted(beside)),
    )


def changed_code(repository: Repository, project: Project, commit: str) -> list[str]:
    """Paths of code that differ between the working tree and a commit."""
    _, code, _ = _touched(repository.changed(commit), stack_folder(project), {})
    return sorted(code)


def _touched(
    paths: list[str], folder: str, tables: Mapping[str, set[str]]
) -> tuple[set[str], set[str], set[str]]:
    """Among the paths: the stacks whose data changed, the code, and what is outside the deployment."""
    stacks: set[str] = set()
    code: set[str] = set()
    beside: set[str] = set()
    for file in (classify(path, folder) for path in paths):
        if file.stack:
            stacks.add(file.stack)
            continue
        stacks |= tables.get(file.path, set())
        if file.kind is FileKind.CODE:
            code.add(file.path)
        elif file.kind is FileKind.BESIDE:
            beside.add(file.path)
    return stacks, code, beside
