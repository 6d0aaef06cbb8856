"""A pull request's stack files on the code of its base: what a live preview may run.

A preview executes the program. So with an identity that reads the tenants, only reviewed code runs: the base's, in a
commit of its own that takes the head's stack files as data.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.project import Project
from mimecast_sso.text import foreign

_REGULAR, _ABSENT = "100644", "000000"
_STACK_FILE = re.compile(r"Pulumi\.[A-Za-z0-9_.-]{1,100}\.(?:yaml|written\.json)")
_TABLE = re.compile(r"(?:[^/]+/)*[^/]+\.(?:csv|tsv)")
"""Addresses, which stack files name."""
_SAYS_NOTHING = re.compile(r"(?:.*/)?[^/]+\.md")
"""Files that no program reads."""
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "mimecast-sso"), ("EMAIL", "mimecast-sso@localhost"), ("DATE", "@1 +0000"))
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from a pull request.

    Attributes:
        commit: The base's code with the head's stack files.
        stack_files: Those that the pull request changes.
        others: What else it changes, and was not taken.
    """

    commit: str
    stack_files: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    path: str
    mode: str
    blob: str


def take(project: Project, base: str, head: str) -> Taken:
    """Makes the commit, which no branch names. Raises OperationError where git refuses."""
    folder = project.stack_files.relative_to(project.root).as_posix()
    changes = tuple(_changes(project.root, base, head))
    data = [each for each in changes if _is_data(each, folder)]
    others = (each.path for each in changes if each not in data and not _SAYS_NOTHING.fullmatch(each.path))
    with tempfile.TemporaryDirectory() as temporary:
        index = {"GIT_INDEX_FILE": str(Path(temporary) / "index")}
        _git(project.root, "read-tree", _commit(project.root, base), environment=index)
        entries = "".join(f"{each.mode.replace(_ABSENT, '0')} {each.blob}\t{each.path}\0" for each in data)
        _git(project.root, "update-index", "-z", "--index-info", environment=index, text=entries)
        tree = _git(project.root, "write-tree", environment=index).strip()
    message = ("-p", _commit(project.root, base), "-m", "The head's stack files on the base's code")
    commit = _git(project.root, "commit-tree", tree, *message, environment=_IDENTITY).strip()
    return Taken(commit, tuple(each.path for each in data), tuple(others))


def _is_data(change: _Change, folder: str) -> bool:
    """Whether it is a stack file or a table of addresses, and a regular file: a link could lead anywhere."""
    where, _, name = change.path.rpartition("/")
    is_stack_file = where == folder and bool(_STACK_FILE.fullmatch(name))
    return (is_stack_file or bool(_TABLE.fullmatch(change.path))) and change.mode in (_REGULAR, _ABSENT)


def _changes(root: Path, base: str, head: str) -> Iterator[_Change]:
    """What the head changes since it left the base."""
    theirs = _commit(root, head)
    ours = _git(root, "merge-base", _commit(root, base), theirs).strip()
    fields = _git(root, "diff-tree", "-r", "-z", "--raw", "--no-renames", ours, theirs).split("\0")
    for description, path in zip(fields[0::2], fields[1::2], strict=False):
        _, mode, _, blob, _ = description.split()
        yield _Change(path, mode, blob)


def _commit(root: Path, name: str) -> str:
    return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()


def _git(root: Path, *words: str, environment: Mapping[str, str] | None = None, text: str = "") -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=root,
        env=os.environ | (environment or {}),
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    if done.returncode:
        raise OperationError(
            f"git {words[0]} failed in {root}: {foreign.name(done.stderr) or 'no reason given'}. Both commits and what "
            "they have in common must be here: git fetch --unshallow"
        )
    return done.stdout
