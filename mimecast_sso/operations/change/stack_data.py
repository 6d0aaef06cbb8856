"""A pull request's stack files on the code of its base, which a live preview may run.

A preview runs the program. An identity that reads the tenants may run reviewed code only: the base's code, in a
separate commit with the head's stack files as data.
"""

from __future__ import annotations

from dataclasses import dataclass

from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations.change.files import FileKind, classify, stack_folder
from mimecast_sso.operations.change.repository import FileChange, Repository
from mimecast_sso.operations.project import Project


@dataclass(frozen=True, slots=True)
class Taken:
    """The part of a pull request that was used. Paths are relative to the repository.

    Attributes:
        commit: The base's code with the head's stack files.
        stack_files: Changed stack files and CSV files of addresses.
        others: Other changed files, which were not used.
    """

    commit: str
    stack_files: tuple[str, ...]
    others: tuple[str, ...]


def take(project: Project, base: str, head: str) -> Taken:
    """Create the commit, which no branch points to. Raises OperationError if git refuses."""
    repository = Repository(project.root)
    ours, theirs = repository.commit(base), repository.commit(head)
    folder, prefix = stack_folder(project), repository.prefix()
    changes = repository.changes(repository.merge_base(ours, theirs), theirs)
    kinds = {each: _kind(each, folder, prefix) for each in changes}
    data = [each for each, kind in kinds.items() if kind in (FileKind.STACK, FileKind.TABLE)]
    others = (each.path for each, kind in kinds.items() if kind in (FileKind.BESIDE, FileKind.CODE))
    commit = repository.commit_with(ours, data, "The head's stack files on the base's code")
    return Taken(commit, tuple(each.path for each in data), tuple(others))


def _kind(change: FileChange, folder: str, prefix: str) -> FileKind:
    """The role of a changed file. Only a regular file of the project is data: a link could lead anywhere."""
    if not change.path.startswith(prefix):
        return FileKind.CODE
    file = classify(change.path.removeprefix(prefix), folder)
    if file.kind is FileKind.DOCUMENTATION:
        return file.kind
    return file.kind if change.is_plain and (not file.stack or is_stack_name(file.stack)) else FileKind.CODE
