"""The two commits of a change, read with git as data: nothing of them is checked out, imported or run.

The one place that calls git.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.text import foreign

_PLAIN, _EXECUTABLE, _SYMBOLIC_LINK, _ABSENT = "100644", "100755", "120000", "000000"
_REGULAR = frozenset({_PLAIN, _EXECUTABLE})
_LARGEST = 10_000_000
"""Bytes of a stack file or a CSV file that are read."""
_SAFE = ("-c", "core.quotePath=off", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "mimecast-sso"), ("EMAIL", "mimecast-sso@localhost"), ("DATE", "@1 +0000"))
}
"""Author and time of commits that no branch points to: the same files give the same commit."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a commit. ``problem`` says why it cannot be read; "" if it can."""

    object_id: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in a tree."""

    mode: str
    object_id: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that a commit adds, changes or deletes.

    Attributes:
        path: Relative to the repository, not to the project.
        mode: git's mode of the new file; zeros if it is deleted.
        object_id: Object id of its content.
    """

    path: str
    mode: str
    object_id: str

    @property
    def is_plain(self) -> bool:
        """Whether it is deleted, or a file that is neither a link nor executable."""
        return self.mode in (_PLAIN, _ABSENT)

    @property
    def index_entry(self) -> str:
        """A line of what ``git update-index --index-info`` reads."""
        return f"{self.mode.replace(_ABSENT, '0')} {self.object_id}\t{self.path}\0"


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository of a project. Paths are relative to the project's folder; changes outside it are ignored."""

    root: Path

    def commit(self, ref: str) -> str:
        """The id of the commit that a ref names. Raises OperationError."""
        try:
            found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except OperationError:
            raise OperationError(
                f"{foreign.name(ref)} is not a commit of this repository. Fetch it first: git fetch origin, with the "
                "whole history (actions/checkout: fetch-depth: 0)."
            ) from None
        return found.decode().strip()

    def merge_base(self, base: str, head: str) -> str:
        """The merge base of base and head. Raises OperationError if they have no commit in common."""
        try:
            return self._git("merge-base", base, head).decode().strip()
        except OperationError:
            raise OperationError(
                f"{base[:7]} and {head[:7]} have no commit in common, so the change is unknown. Fetch the whole "
                "history (actions/checkout: fetch-depth: 0)."
            ) from None

    def changed(self, base: str, head: str | None = None) -> list[str]:
        """The paths that differ between two commits; without ``head``, between a commit and the working tree."""
        words = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--relative"]
        return _paths(self._git(*words, base, *([head] if head else []), "--"))

    def changes(self, base: str, head: str) -> list[FileChange]:
        """The files that differ between two commits, also those outside the project's folder."""
        fields = self._git("diff-tree", "-r", "-z", "--raw", "--no-renames", base, head).split(b"\0")
        pairs = zip(fields[0::2], fields[1::2], strict=False)
        return [FileChange(_text(path), *_mode_and_id(_text(meta))) for meta, path in pairs]

    def prefix(self) -> str:
        """The project's folder in the repository, with a trailing slash; "" if it is the repository's root."""
        return _text(self._git("rev-parse", "--show-prefix")).removesuffix("\n")

    def commit_with(self, base: str, changes: Iterable[FileChange], message: str) -> str:
        """Create a commit of ``base`` with these changes, and return its id. No branch points to it."""
        entries = "".join(each.index_entry for each in changes)
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            self._git("read-tree", base, environment=index)
            self._git("update-index", "-z", "--index-info", environment=index, given=_bytes(entries))
            tree = self._git("write-tree", environment=index).decode().strip()
        created = self._git("commit-tree", tree, "-p", base, "-m", message, environment=_IDENTITY)
        return created.decode().strip()

    def files(self, commit: str, folder: str) -> dict[str, Blob]:
        """The files directly in a folder, by path."""
        prefix = f"{folder}/" if folder else "./"
        found = {}
        for entry in self._git("ls-tree", "-z", commit, "--", prefix).split(b"\0"):
            if entry:
                meta, _, path = _text(entry).partition("\t")
                found[path.removeprefix("./")] = _blob(*meta.split())
        return found

    def file(self, commit: str, path: str) -> Blob | None:
        """A file by its path; ``None`` if the commit does not have it."""
        for entry in self._git("ls-tree", "-z", commit, "--", path).split(b"\0"):
            if entry:
                meta, _, found = _text(entry).partition("\t")
                if found == path:
                    return _blob(*meta.split())
        return None

    def contents(self, blobs: Mapping[str, Blob]) -> dict[str, bytes]:
        """The content of the readable files by path, with one call of git."""
        desired = {path: blob for path, blob in blobs.items() if not blob.problem}
        asked = "".join(f"{each.object_id}\n" for each in desired.values()).encode()
        return dict(zip(desired, _batch(self._git("cat-file", "--batch", given=asked)), strict=True))

    def sizes(self, blobs: Iterable[Blob]) -> list[int]:
        """The size of each in bytes."""
        asked = "".join(f"{each.object_id}\n" for each in blobs).encode()
        lines = self._git("cat-file", "--batch-check=%(objectsize)", given=asked).decode().split()
        return list(map(int, lines))

    def write_tree(self, commit: str, folder: Path) -> None:
        """Write the project's files at a commit into a folder, byte for byte.

        ``git archive`` would apply the commit's own attributes: leave files out, or change their content. What is
        rehearsed would then differ from what is deployed. Running anything in the folder runs code of that commit.

        Raises:
            OperationError: A file points outside the folder, or cannot be written.
        """
        files, links = self._tree(commit)
        try:
            for path, content in self.contents(
                {path: Blob(each.object_id) for path, each in files.items()}
            ).items():
                _write(folder, path, content, executable=files[path].mode == _EXECUTABLE)
            # Links come last, so that no file is written through one.
            targets = self.contents({path: Blob(each.object_id) for path, each in links.items()})
            for path, target in targets.items():
                _link(folder, path, _text(target))
        except OSError as error:
            raise OperationError(
                f"The files of {commit[:7]} cannot be written out: {foreign.name(str(error))}"
            ) from None

    def _tree(self, commit: str) -> tuple[dict[str, _Entry], dict[str, _Entry]]:
        """The project's regular files at a commit, and its links. Submodules are left out: git does not fetch them."""
        files, links = {}, {}
        for entry in self._git("ls-tree", "-r", "-z", commit).split(b"\0"):
            meta, _, path = _text(entry).partition("\t")
            mode, _, object_id = meta.split() if meta else ("", "", "")
            if mode in _REGULAR:
                files[path] = _Entry(mode, object_id)
            elif mode == _SYMBOLIC_LINK:
                links[path] = _Entry(mode, object_id)
        return files, links

    def _git(self, *words: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        surroundings = os.environ | {
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            **(environment or {}),
        }
        try:
            done = subprocess.run(
                ["git", *_SAFE, *words],
                cwd=self.root,
                env=surroundings,
                input=given,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise OperationError("git is not on the PATH. Install it; changes are read with git.") from None
        if done.returncode:
            said = foreign.one_line(done.stderr.decode("utf-8", "replace"))
            raise OperationError(f"git {words[0]} failed: {said or 'no message'}")
        return done.stdout


def _inside(folder: Path, path: str) -> Path:
    """A path below a folder. Raises OSError for one that leads out of it: a commit may have those as well."""
    if any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise OSError(f"{foreign.name(path)} points outside the folder")
    return folder / path


def _write(folder: Path, path: str, content: bytes, *, executable: bool) -> None:
    file = _inside(folder, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o755 if executable else 0o644)


def _link(folder: Path, path: str, target: str) -> None:
    link = _inside(folder, path)
    link.parent.mkdir(parents=True, exist_ok=True)
    whole = folder.resolve()
    if target.startswith("/") or not (link.parent / target).resolve().is_relative_to(whole):
        raise OSError(f"the link {foreign.name(path)} points outside the folder")
    link.symlink_to(target)


def _text(said: bytes) -> str:
    return said.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _mode_and_id(meta: str) -> tuple[str, str]:
    """The entry of the new file in a line of ``git diff-tree --raw``."""
    _, mode, _, object_id, _ = meta.split()
    return mode, object_id


def _paths(listed: bytes) -> list[str]:
    return [_text(each) for each in listed.split(b"\0") if each]


def _blob(mode: str, kind: str, object_id: str) -> Blob:
    if kind == "blob" and mode in _REGULAR:
        return Blob(object_id)
    return Blob(object_id, "is a link, not a file" if mode == _SYMBOLIC_LINK else "is not a file")


def _batch(output: bytes) -> Iterator[bytes]:
    """The contents in the output of ``git cat-file --batch``: a line with the size, the content, a line break."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        size = int(output[at:end].rsplit(b" ", 1)[1])
        yield output[end + 1 : end + 1 + size]
        at = end + size + 2


def readable(repository: Repository, blobs: Mapping[str, Blob]) -> dict[str, Blob]:
    """The blobs, with a problem for each that is too large for a stack file."""
    good = {path: blob for path, blob in blobs.items() if not blob.problem}
    sizes = dict(zip(good, repository.sizes(good.values()), strict=True))
    return {
        path: Blob(blob.object_id, f"is larger than {_LARGEST // 1_000_000} MB")
        if sizes.get(path, 0) > _LARGEST
        else blob
        for path, blob in blobs.items()
    }
