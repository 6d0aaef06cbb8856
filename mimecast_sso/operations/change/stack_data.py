"""A pull request's stack files on the code of its base: what a live preview may run.

A preview executes the program. So with an identity that reads the tenants, only reviewed code runs: the base's, in a
commit of its own that takes the head's stack files as data.
"""

from __future__ import annotations

from dataclasses import dataclass

from mimecast_sso.operations.change.files import FileKind, classify, is_stack_name, stack_folder
from mimecast_sso.operations.change.repository import FileChange, Repository
from mimecast_sso.operations.project import Project


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from a pull request. Paths are relative to the repository.

    Attributes:
        commit: The base's code with the head's stack files.
        stack_files: Those that the pull request changes, and tables of addresses.
        others: What else it changes, and was not taken.
    """

    commit: str
    stack_files: tuple[str, ...]
    others: tuple[str, ...]


def take(project: Project, base: str, head: str) -> Taken:
    """Makes the commit, which no branch names. Raises OperationError where git refuses."""
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
    """What a changed file is. Data is a regular file of the project: a link could lead anywhere."""
    if not change.path.startswith(prefix):
        return FileKind.CODE
    file = classify(change.path.removeprefix(prefix), folder)
    if file.kind is FileKind.DOCUMENTATION:
        return file.kind
    return file.kind if change.is_plain and (not file.stack or is_stack_name(file.stack)) else FileKind.CODE
