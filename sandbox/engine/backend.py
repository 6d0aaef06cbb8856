"""State files in the layout of the Pulumi CLI's `file://` backend, and its locks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mimecast_sso.text.machine_user import user_name
from sandbox.engine.config import Project
from sandbox.engine.errors import EngineError, NoSuchStackError, NotSupportedError
from sandbox.engine.values import Repeated


def timestamp() -> str:
    """The current time, in the state file's format."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


ORGANIZATION = "organization"
"""The only organization of a `file://` backend."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_NAME_LIMIT = 100


class Backend:
    """A `file://` backend as seen from one project: `project`, or the one named `seen_from`."""

    def __init__(
        self, url: str, project: Project, seen_from: str = "", repeated: Repeated | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "file":
            raise NotSupportedError(f"the backend {url!r} (only file:// is)")
        self.url = url
        self.project = project
        try:
            self.root = Path(unquote(parts.netloc + parts.path)).expanduser() / ".pulumi"
        except RuntimeError:
            raise EngineError(f"the backend {url} has no folder: this user has no home folder") from None
        self._project_name = seen_from or project.name
        self._repeated = repeated or Repeated()

    def find(self, reference: str) -> tuple[Backend, str]:
        """The backend as seen from a stack's project, and the stack's name.

        Args:
            reference: `stack`, `organization/stack` or `organization/project/stack`; the stack need not exist.

        Raises:
            EngineError: It is not a valid reference.
        """
        if not reference:
            raise EngineError("stack name must not be empty")
        *owner, name = reference.split("/")
        if len(owner) > 2 or not name:  # noqa: PLR2004 (organization, project)
            raise EngineError("a stack name may not be empty")
        if owner and owner[0] != ORGANIZATION:
            raise EngineError(f"organization name must be '{ORGANIZATION}'")
        if len(name) > _NAME_LIMIT:
            raise EngineError(f"a stack name cannot exceed {_NAME_LIMIT} characters")
        if bad := _NOT_IN_NAMES.search(name):
            raise EngineError(
                "a stack name may only contain alphanumeric, hyphens, underscores, or periods: "
                f"invalid character {bad[0]!r} at position {bad.start()}"
            )
        project = (owner[1] if len(owner) > 1 else "") or self.project.name
        if len(project) > _NAME_LIMIT or _NOT_IN_NAMES.search(project):
            raise EngineError(
                "project names may only contain alphanumerics, hyphens, underscores, and periods"
            )
        return Backend(self.url, self.project, project, self._repeated), name

    def _stacks(self) -> Path:
        return self.root / "stacks" / self._project_name

    def state_file(self, stack: str) -> Path:
        """The checkpoint of a stack."""
        return self._stacks() / f"{stack}.json"

    def stacks(self) -> list[str]:
        """Names of the project's stacks."""
        return sorted(path.stem for path in self._stacks().glob("*.json"))

    def exists(self, stack: str) -> bool:
        """Whether the stack exists."""
        for suffix in (".gz", ".zst"):
            if Path(f"{self.state_file(stack)}{suffix}").exists():
                raise NotSupportedError(f"a compressed state ({self.state_file(stack).name}{suffix})")
        return self.state_file(stack).exists()

    def read(self, stack: str) -> dict[str, Any]:
        """The checkpoint document.

        Raises:
            NoSuchStackError: The stack does not exist.
            EngineError: The file is not a checkpoint. It is not changed, and the message names the backup.
        """
        if not self.exists(stack):
            raise NoSuchStackError(f"no stack named '{stack}' found")
        path = self.state_file(stack)
        try:
            document = json.loads(path.read_text(encoding="utf-8"), object_hook=self._repeated)
        except ValueError as error:
            raise EngineError(self.damaged(stack, str(error))) from error
        if not isinstance(document, dict) or not isinstance(document.get("checkpoint"), dict):
            raise EngineError(self.damaged(stack, "it is not a Pulumi checkpoint"))
        return document

    def damaged(self, stack: str, reason: str) -> str:
        """The message about a state file that cannot be used."""
        path, backup = self.state_file(stack), self.backup_file(stack)
        way = (
            f"backup: {backup}, the state before the last write; to continue: cp {backup} {path}, then refresh"
            if backup.exists()
            else "it has no backup; to continue, restore one of your own"
        )
        cause = " ".join(reason.split())
        return f"the state of stack '{stack}' cannot be used: {cause}; file: {path}, unchanged; {way}"

    def backup_file(self, stack: str) -> Path:
        """The state before the last write."""
        return Path(f"{self.state_file(stack)}.bak")

    def write(self, stack: str, text: str, *, durable: bool = True) -> None:
        """Replace the checkpoint atomically and keep the previous one as backup; `durable` syncs it to disk.

        Raises:
            EngineError: It cannot be written. The file is unchanged.
        """
        path = self.state_file(stack)
        temporary = Path(f"{path}.{uuid.uuid4().hex}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if path.exists():
                self._keep(path, self.backup_file(stack), Path(f"{temporary}.bak"))
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise EngineError(
                f"the state cannot be written: {error}; file: {path}, which holds the state before this run; to "
                "continue: free space there, then refresh, which finds the changes made since"
            ) from error

    @staticmethod
    def _keep(path: Path, backup: Path, spare: Path) -> None:
        try:
            os.link(path, spare)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, spare)
        spare.replace(backup)

    def create(self, stack: str, text: str) -> None:
        """Create a stack."""
        meta = self.root / "meta.yaml"
        if not meta.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            meta.write_text("version: 1\n", encoding="utf-8")
        self.write(stack, text)

    def remove(self, stack: str) -> None:
        """Remove a stack's state; its backup stays."""
        self.state_file(stack).replace(self.backup_file(stack))

    # -- locks --------------------------------------------------------------------------------------

    def _locks(self, stack: str) -> Path:
        return self.root / "locks" / ORGANIZATION / self._project_name / stack

    def _held(self, stack: str) -> list[Path]:
        return sorted(self._locks(stack).glob("*.json"))

    def _refuse(self, stack: str, own: Path | None = None) -> None:
        """Raise EngineError, which names the holders, if the stack is locked by another process."""
        locks = [path for path in self._held(stack) if path != own]
        if locks:
            holders = "; ".join(f"file://{path}: {_holder(path)}" for path in locks)
            raise EngineError(
                f"the stack is currently locked by {len(locks)} lock(s): {holders}; wait until they end, or remove the "
                f"lock of a run that has died: python -m sandbox.engine cancel --yes --stack {stack} (or pulumi cancel)"
            )

    @contextmanager
    def lock(self, stack: str) -> Iterator[Callable[[], None]]:
        """Hold the stack's lock; EngineError names another holder. Yields a function that releases it early."""
        self._refuse(stack)
        own = self._locks(stack) / f"{uuid.uuid4()}.json"
        own.parent.mkdir(parents=True, exist_ok=True)
        holder = {
            "pid": os.getpid(),
            "username": user_name(),
            "hostname": socket.gethostname(),
            "timestamp": timestamp(),
        }
        temporary = own.with_suffix(".tmp")

        def unlock() -> None:
            own.unlink(missing_ok=True)

        try:
            temporary.write_text(json.dumps(holder), encoding="utf-8")
            temporary.replace(own)
            self._refuse(stack, own)  # if two processes locked it at once, both release it
            yield unlock
        finally:
            unlock()

    def cancel(self, stack: str) -> None:
        """Remove every lock of the stack."""
        for path in self._held(stack):
            path.unlink(missing_ok=True)


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        who = f"{holder['username']}@{holder['hostname']} (pid {holder['pid']})"
        died = ", which no longer runs" if _has_died(holder["hostname"], int(holder["pid"])) else ""
        return f"created by {who} at {holder['timestamp']}{died}"
    except (OSError, ValueError, KeyError, TypeError):
        return "unreadable"


def _has_died(host: str, pid: int) -> bool:
    """Whether a process of this machine is known to have ended."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # It runs, as another user.
    return False


class Selection:
    """The selected stack of a project, stored where the Pulumi CLI stores it."""

    def __init__(self, home: Path, backend: Backend) -> None:
        project = backend.project
        digest = hashlib.sha1(str(project.path).encode(), usedforsecurity=False).hexdigest()
        self._path = home / "workspaces" / f"{project.name}-{digest}-workspace.json"
        self._backend = backend

    def _document(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def get(self) -> str | None:
        """Name of the selected stack."""
        reference = (self._document().get("stacks") or {}).get(self._backend.url)
        return str(reference).rsplit("/", 1)[-1] if reference else None

    def set(self, stack: str) -> None:
        """Select a stack."""
        document = self._document()
        reference = f"{ORGANIZATION}/{self._backend.project.name}/{stack}"
        document["stacks"] = {**(document.get("stacks") or {}), self._backend.url: reference}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(document), encoding="utf-8")
