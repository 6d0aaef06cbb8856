"""Earlier reports, as JSON files in one folder, which today's report is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.reports.model import Level, Report, Section
from mimecast_sso.text.files import parse_json

DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """An earlier report: its time, and the level of each stack."""

    at: datetime
    levels: Mapping[str, Level]

    def level(self, stack: str) -> Level | None:
        """The level of a stack in it; ``None`` if the report does not have the stack."""
        return self.levels.get(stack)


@dataclass(frozen=True, slots=True)
class Tile:
    """The number of stacks with a level today, and in the last earlier report (``None``: no report)."""

    level: Level
    now: int
    before: int | None


def read(folder: Path, now: datetime) -> tuple[Day, ...]:
    """The reports of the last `DAYS` days in a folder, the oldest first; other files are ignored."""
    found = [day for file in folder.glob("*.json") if (day := _day(file)) is not None]
    recent = (day for day in found if now - timedelta(days=DAYS) <= day.at < now)
    return tuple(sorted(recent, key=lambda day: day.at))


def keep(folder: Path, report: Report) -> Path:
    """Write a report into the folder. Raises OSError."""
    file = folder / f"{report.command.replace(' ', '-')}-{report.at.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"
    write_text(file, json.dumps(report.document(), indent=1, ensure_ascii=False) + "\n")
    return file


def kept(folder: Path, report: Report) -> tuple[Day, ...]:
    """The earlier reports; this one is saved with them. Raises OperationError if the folder cannot be used."""
    days = read(folder, report.at)
    try:
        keep(folder, report)
    except OSError as error:
        raise OperationError(
            f"The report cannot be saved in {folder}: {error.strerror}. Name another folder with --history."
        ) from None
    return days


def first_day(stack: str, level: Level, days: Sequence[Day]) -> datetime | None:
    """Since when every earlier report that had the stack showed it on this level; None where the last one did not."""
    first = None
    for day in reversed([each for each in days if each.level(stack) is not None]):
        if day.level(stack) is not level:
            break
        first = day.at
    return first


def since(section: Section, days: Sequence[Day]) -> str:
    """How long a stack has been as it is, for its summary; "" where it is fine, or no earlier report had it.

    Of what could not be read, when it last could be.
    """
    known = [day for day in days if day.level(section.stack) is not None]
    level = section.level
    if not known or level is Level.FINE:
        return ""
    if level is Level.UNKNOWN:
        read_ = [day.at for day in known if day.level(section.stack) is not Level.UNKNOWN]
        return f"last read {read_[-1]:%Y-%m-%d}" if read_ else f"not read since {known[0].at:%Y-%m-%d}"
    first = first_day(section.stack, level, known)
    return f"since {first:%Y-%m-%d}" if first else f"new since {known[-1].at:%Y-%m-%d}"


def trend(report: Report, days: Sequence[Day]) -> tuple[Tile, ...]:
    """A tile for each level, with the figure of the last earlier report."""
    last = days[-1] if days else None
    levels = [section.level for section in report.sections]
    return tuple(
        Tile(level, levels.count(level), list(last.levels.values()).count(level) if last else None)
        for level in (Level.URGENT, Level.LOOK, Level.UNKNOWN, Level.FINE)
    )


def _day(file: Path) -> Day | None:
    try:
        document = parse_json(file.read_text(encoding="utf-8"))
        at = datetime.fromisoformat(document["at"])
        levels = {str(each["stack"]): Level(each["level"]) for each in document["stacks"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Day(at, levels)
