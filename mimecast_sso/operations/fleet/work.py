"""What a run over many stacks has finished, a file each: from these a run that was interrupted goes on.

One run at a time uses a folder: two would take each other's rows for their own.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.reports.model import Section
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.times import utc_text, utc_time

_LOCK = "lock"
_RUN = "run.json"
_ROW = "row.{}.json"
BEFORE = "before.{}.json"
OUTCOME = "outcome.{}.json"
PRINTED = "printed.{}.txt"
ERRORS = "errors.{}.txt"
HELD = "held.json"
_OF_A_RUN = (_ROW, BEFORE, OUTCOME, PRINTED, ERRORS, HELD)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder while inside. The system lets go of it whenever this process ends.

    Raises:
        OperationError: Another run uses it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise _unusable(folder, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OperationError(
                f"Another run uses {folder} (process {file.read().strip() or 'unknown'}). Wait until it ends, or name "
                "another folder with --work."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of one check.

    Attributes:
        at: When the run began, which is the time of its report.
        terms: What else was said of the run when it began, as JSON.
    """

    folder: Path
    at: datetime
    terms: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, at: datetime, **terms: Any) -> Work:
        """An empty folder: what an earlier run left is removed. Raises OperationError where it cannot be written."""
        try:
            (folder / _RUN).unlink(missing_ok=True)  # First: without it nothing here can be resumed.
            for file in (each for name in _OF_A_RUN for each in folder.glob(name.format("*"))):
                file.unlink()
            write_text(folder / _RUN, json.dumps({"at": utc_text(at), **terms}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unusable(folder, error) from None
        return cls(folder, at, terms)

    @classmethod
    def resume(cls, folder: Path) -> Work:
        """That of a run that was interrupted, or is to ask again what it could not read.

        Raises:
            OperationError: There is none.
        """
        try:
            terms = parse_json((folder / _RUN).read_text(encoding="utf-8"))
            at = utc_time(str(terms.pop("at")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise OperationError(
                f"There is no run to resume in {folder}. Leave --resume out, or name its folder with --work."
            ) from None
        return cls(folder, at, terms)

    def finished(self, stacks: Iterable[str]) -> dict[str, Section]:
        """The sections of those stacks that were read; whoever could not be read is asked again."""
        found = {stack: self.row(stack) for stack in stacks}
        return {stack: section for stack, section in found.items() if section and section.exit != Exit.ERROR}

    def keep(self, section: Section) -> None:
        """Writes the section of a stack, whole or not at all. Raises OperationError where it cannot be written."""
        self.write(_ROW, section.stack, section.document())

    def row(self, stack: str) -> Section | None:
        """What was kept of a stack, whatever its exit code."""
        try:
            return Section.of(self.read(_ROW, stack) or {})
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, stack: str, document: Mapping[str, Any]) -> None:
        """Writes a file of a stack, whole or not at all. Raises OperationError where it cannot be written."""
        try:
            write_text(self.folder / name.format(stack), json.dumps(document, ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unusable(self.folder, error) from None

    def read(self, name: str, stack: str) -> dict[str, Any] | None:
        """A file of a stack; nothing where there is none that can be read."""
        try:
            document: Any = parse_json((self.folder / name.format(stack)).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None


def _unusable(folder: Path, error: OSError) -> OperationError:
    return OperationError(f"{folder}, which keeps what is finished, cannot be written: {error.strerror}.")
