"""What a run over many stacks has finished, a file each: from these a run that was interrupted goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.reports.model import Section
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.times import utc_text, utc_time

_RUN = "run.json"
_ROW = "row.{}.json"


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of one check.

    Attributes:
        at: When the run began, which is the time of its report.
    """

    folder: Path
    at: datetime

    @classmethod
    def begin(cls, folder: Path, at: datetime) -> Work:
        """An empty folder: what an earlier run left is removed. Raises OperationError where it cannot be written."""
        try:
            for file in folder.glob(_ROW.format("*")):
                file.unlink()
            write_text(folder / _RUN, json.dumps({"at": utc_text(at)}) + "\n")
        except OSError as error:
            raise _unusable(folder, error) from None
        return cls(folder, at)

    @classmethod
    def resume(cls, folder: Path) -> Work:
        """That of a run that was interrupted, or is to ask again what it could not read.

        Raises:
            OperationError: There is none.
        """
        try:
            at = utc_time(str(parse_json((folder / _RUN).read_text(encoding="utf-8"))["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise OperationError(
                f"There is no run to resume in {folder}. Leave --resume out, or name its folder with --work."
            ) from None
        return cls(folder, at)

    def finished(self, stacks: Iterable[str]) -> dict[str, Section]:
        """The sections of those stacks that were read; whoever could not be read is asked again."""
        found = {stack: self._read(stack) for stack in stacks}
        return {stack: section for stack, section in found.items() if section and section.exit != Exit.ERROR}

    def keep(self, section: Section) -> None:
        """Writes the section of a stack, whole or not at all. Raises OperationError where it cannot be written."""
        try:
            write_text(self._file(section.stack), json.dumps(section.document(), ensure_ascii=False) + "\n")
        except OSError as error:
            raise _unusable(self.folder, error) from None

    def _read(self, stack: str) -> Section | None:
        try:
            document: Any = parse_json(self._file(stack).read_text(encoding="utf-8"))
            return Section.of(document)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _file(self, stack: str) -> Path:
        return self.folder / _ROW.format(stack)


def _unusable(folder: Path, error: OSError) -> OperationError:
    return OperationError(f"{folder}, which keeps what is finished, cannot be written: {error.strerror}.")
