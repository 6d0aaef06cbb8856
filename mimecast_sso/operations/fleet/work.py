"""Finished rows of a run over many stacks, one file each, from which an interrupted run continues.

Only one run at a time uses a folder: two would mix their rows.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mimecast_sso.facts.json_types import JSON
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
    """Lock the folder against other runs. The lock ends with this process.

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
        at: Start of the run, which is the time of its report.
        terms: The conditions of the run, as JSON.
    """

    folder: Path
    at: datetime
    terms: Mapping[str, JSON] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, at: datetime, **terms: object) -> Work:
        """An empty folder: files of an earlier run are removed. Raises OperationError if it cannot be written."""
        try:
            (folder / _RUN).unlink(missing_ok=True)  # Written first: without it nothing can be resumed.
            for file in (each for name in _OF_A_RUN for each in folder.glob(name.format("*"))):
                file.unlink()
            write_text(folder / _RUN, json.dumps({"at": utc_text(at), **terms}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unusable(folder, error) from None
        return cls(folder, at, terms)

    @classmethod
    def resume(cls, folder: Path) -> Work:
        """The folder of an interrupted run, or of one that is to retry failed readings.

        Raises:
            OperationError: There is none.
        """
        try:
            terms = parse_json((folder / _RUN).read_text(encoding="utf-8"))
            at = utc_time(str(terms.pop("at")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise OperationError(
                f"There is no run to resume in {folder}. Leave out --resume or --continue, or name its folder "
                "with --work."
            ) from None
        return cls(folder, at, terms)

    def finished(self, files: Mapping[str, Path]) -> dict[str, Section]:
        """The sections of stacks that could be read; the others are retried, and those whose file changed since."""
        found = {stack: self.row(stack) for stack, file in files.items() if not self._older(stack, file)}
        return {stack: section for stack, section in found.items() if section and section.exit != Exit.ERROR}

    def _older(self, stack: str, file: Path) -> bool:
        """Whether a row was written before the file was, or does not exist."""
        with suppress(OSError):
            written = (self.folder / _ROW.format(stack)).stat().st_mtime_ns
            return file.is_file() and file.stat().st_mtime_ns > written
        return True

    def keep(self, section: Section) -> None:
        """Write the section of a stack atomically. Raises OperationError if it cannot be written."""
        self.write(_ROW, section.stack, section.document())

    def row(self, stack: str) -> Section | None:
        """The stored section of a stack, whatever its exit code."""
        try:
            return Section.of(self.read(_ROW, stack) or {})
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, stack: str, document: Mapping[str, object]) -> None:
        """Write a file of a stack atomically. Raises OperationError if it cannot be written."""
        try:
            write_text(self.folder / name.format(stack), json.dumps(document, ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unusable(self.folder, error) from None

    def read(self, name: str, stack: str) -> dict[str, JSON] | None:
        """A file of a stack; None if it cannot be read."""
        try:
            document: JSON = parse_json((self.folder / name.format(stack)).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None


def _unusable(folder: Path, error: OSError) -> OperationError:
    return OperationError(
        f"Folder {folder} of the run cannot be written: {error.strerror}. Name another one with --work."
    )
