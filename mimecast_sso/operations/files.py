"""Atomic writes: a reader, or a crash in between, sees the old content or the new one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none.
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def changed_by_one(path: Path) -> Iterator[None]:
    """Have other commands wait that change a file of the same folder, so that none writes what it read before this.

    The lock is on the folder, because each write replaces the file. Where the file system has no locks, nobody waits.
    """
    if fcntl is None:
        yield
        return
    folder = Path(os.path.realpath(path)).parent
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def write_text(path: Path, content: str) -> None:
    """Write a file atomically, creating its folder if needed; a file that has the content is not written.

    An existing file keeps its mode and, as far as permitted, its owner. If the path is a symbolic link, the file
    that it points to is written. A device or pipe, such as ``/dev/null``, is written to, not replaced. Raises OSError.
    """
    path = Path(os.path.realpath(path))
    exists = path.is_file()
    if not exists and path.exists():
        path.write_text(content, encoding="utf-8")
        return
    if exists and path.read_bytes() == content.encode():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(_written(path, content))
    try:
        if exists:
            _like(path, fresh)
        else:
            fresh.chmod(0o666 & ~_umask())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _written(path: Path, content: str) -> str:
    """The name of a new file next to the path, flushed to the disk."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    return file.name


def _like(path: Path, fresh: Path) -> None:
    shutil.copymode(path, fresh)
    status = path.stat()
    with contextlib.suppress(
        PermissionError
    ):  # Only root may change the owner; the group may be another one of this user's.
        os.chown(fresh, status.st_uid, status.st_gid)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
