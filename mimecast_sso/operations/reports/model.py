"""The report of a command: the model that every renderer prints.

JSON is the model itself; its schema is ``schema.json`` next to this module. Versions: an added field keeps the
version, any other change raises it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from mimecast_sso.assessment.drift import Finding
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.text import foreign
from mimecast_sso.text.times import utc_text, utc_time

SCHEMA: Final = 1


class Level(StrEnum):
    """The urgency of an entry or a section, the most urgent first."""

    URGENT = "urgent"
    LOOK = "look"
    UNKNOWN = "unknown"
    INFO = "info"
    FINE = "fine"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(Level).index(self)


_LEVELS = {
    Verdict.FAILS: Level.URGENT,
    Verdict.DIFFERS: Level.LOOK,
    Verdict.MISSING: Level.LOOK,
    Verdict.WARNS: Level.LOOK,
    Verdict.WAITING: Level.LOOK,
    Verdict.UNKNOWN: Level.UNKNOWN,
    Verdict.NOT_POSSIBLE: Level.UNKNOWN,
    Verdict.FINE: Level.FINE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding.

    Attributes:
        id: Stable: the same finding has the same id in every run.
        values: Recorded, live and desired values by these names, each a list.
        actor: Who did it and when; "" if that does not apply.
        commands: Commands that restore it, keep it or prevent harm: a name and a complete command.
        possible: False if the check is impossible in this tenant or with this identity. That is the same in every run,
            so it does not make a section unreadable.
        path: The path to list in ``mimecast-sso:drift.expected`` to accept it for a while; "" if it cannot be accepted.
    """

    id: str
    level: Level
    text: str
    how: How
    source: str = ""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    actor: str = ""
    commands: Mapping[str, str] = field(default_factory=dict)
    possible: bool = True
    path: str = ""

    def document(self) -> dict[str, object]:
        """As JSON, without empty fields."""
        document = {
            "id": foreign.one_line(self.id),
            "level": str(self.level),
            "text": foreign.one_line(self.text),
            "how": str(self.how),
            "source": foreign.one_line(self.source),
            "values": {name: list(map(foreign.one_line, values)) for name, values in self.values.items()},
            "actor": foreign.one_line(self.actor),
            "path": foreign.one_line(self.path),
            "commands": dict(self.commands),
            "notPossible": not self.possible,
        }
        return {key: value for key, value in document.items() if value}

    @classmethod
    def of(cls, document: Mapping[str, JSON]) -> Entry:
        """From JSON. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            id=str(document["id"]),
            level=Level(document["level"]),
            text=str(document["text"]),
            how=How(document["how"]),
            source=str(document.get("source", "")),
            values={str(name): tuple(map(str, each)) for name, each in document.get("values", {}).items()},
            actor=str(document.get("actor", "")),
            commands={str(name): str(each) for name, each in document.get("commands", {}).items()},
            possible=not document.get("notPossible", False),
            path=str(document.get("path", "")),
        )


@dataclass(frozen=True, slots=True)
class Section:
    """The findings for one stack.

    Attributes:
        summary: A summary in one line.
        figures: Numbers for overviews: ``signIn`` of ``people``, ``certificateDays``, ``confirmationDays``.
        links: Pages to look at: a name and an address.
        plan: The digest of the deployment's plan; "" if the command has none.
        exit: In a report of several stacks, the exit code for this stack alone.
    """

    stack: str
    account: str = ""
    region: str = ""
    summary: str = ""
    entries: tuple[Entry, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)
    exit: int | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    plan: str = ""

    @property
    def level(self) -> Level:
        """The most urgent level of its entries; notes and impossible checks count as fine."""
        levels = (each.level for each in self.entries if each.possible)
        found = min(levels, key=lambda each: each.rank, default=Level.FINE)
        return Level.FINE if found is Level.INFO else found

    @property
    def not_possible(self) -> tuple[Entry, ...]:
        """The checks that are impossible in this tenant or with this identity."""
        return tuple(each for each in self.entries if not each.possible)

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "stack": self.stack,
            "account": self.account,
            "region": self.region,
            "level": str(self.level),
            "summary": foreign.one_line(self.summary),
            "figures": dict(self.figures),
            **({"links": dict(self.links)} if self.links else {}),
            "entries": [each.document() for each in self.entries],
            **({} if self.exit is None else {"exit": self.exit}),
            **({"plan": self.plan} if self.plan else {}),
        }

    @classmethod
    def of(cls, document: Mapping[str, JSON]) -> Section:
        """From JSON. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            stack=str(document["stack"]),
            account=str(document["account"]),
            region=str(document["region"]),
            summary=str(document["summary"]),
            entries=tuple(map(Entry.of, document["entries"])),
            figures={str(name): int(value) for name, value in document["figures"].items()},
            links={str(name): str(address) for name, address in document.get("links", {}).items()},
            exit=int(document["exit"]) if "exit" in document else None,
            plan=str(document.get("plan", "")),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one command, for one stack or many. ``exit`` is the command's exit code.

    ``expected`` names all stacks of a run if this report covers a share of them; merging then notices a missing one.
    """

    command: str
    at: datetime
    exit: int
    sections: tuple[Section, ...]
    expected: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "at": utc_text(self.at),
            "exit": self.exit,
            "stacks": [each.document() for each in self.sections],
            **({"expected": list(self.expected)} if self.expected else {}),
        }

    @classmethod
    def of(cls, document: Mapping[str, JSON]) -> Report:
        """From JSON. Raises KeyError, TypeError or ValueError for anything else."""
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']}")
        return cls(
            command=str(document["command"]),
            at=utc_time(str(document["at"])),
            exit=int(document["exit"]),
            sections=tuple(map(Section.of, document["stacks"])),
            expected=tuple(map(str, document.get("expected", ()))),
        )


def of_statements(command: str, statements: Iterable[Statement]) -> tuple[Entry, ...]:
    """Statements as entries; entries with the same subject get ids from their text."""
    return tuple(distinct(_of_statements(command, statements)))


def _of_statements(command: str, statements: Iterable[Statement]) -> Iterator[Entry]:
    given: set[str] = set()
    for each in statements:
        identifier = f"{command}/{slug(each.subject or each.text)}"
        if identifier in given:
            identifier = f"{identifier}/{slug(each.text)}"
        given.add(identifier)
        level = _LEVELS.get(each.verdict, Level.INFO)
        possible = each.verdict is not Verdict.NOT_POSSIBLE
        yield Entry(identifier, level, _sentence(each), each.how, each.source, possible=possible)


def distinct(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries with a number added to ids that would be given twice."""
    given: Counter[str] = Counter()
    for each in entries:
        given[each.id] += 1
        yield each if given[each.id] == 1 else replace(each, id=f"{each.id}/{given[each.id]}")


def of_finding(finding: Finding, ways_out: Mapping[str, str]) -> Entry:
    """A finding of a drift check as an entry; ``ways_out`` are its commands by name."""
    change = finding.change
    values = {"recorded": change.recorded, "live": change.live, "desired": change.desired}
    if (
        len(change.added) + len(change.removed) > 0
        and max(map(len, _sides(change.recorded, change.live))) > 1
    ):
        values |= {"added": change.added, "removed": change.removed}
    text = f"{finding.text[0].upper()}{finding.text[1:]}"
    return Entry(
        id=finding.id,
        level=Level(finding.severity),
        text=f"{text}. Expected: {finding.expected}" if finding.expected else text,
        how=finding.how,
        source=finding.source,
        values={name: value for name, value in values.items() if value is not None},
        actor=finding.actor.value or f"unknown ({finding.actor.source})",
        path=finding.path,
        commands=ways_out,
    )


def _sides(*sides: tuple[str, ...] | None) -> Iterable[tuple[str, ...]]:
    return (side or () for side in sides)


def _sentence(statement: Statement) -> str:
    return f"{statement.subject}: {statement.text}" if statement.subject else statement.text


_VARYING = re.compile(r"\S+@\S+|\band \d[\d,]* more\b|\d[\d:.,TZ-]*")
"""Addresses, times and numbers differ between runs of the same finding."""

_PLURAL: Final = {"person": "people", "is": "are", "signs": "sign", "needs": "need"}
_SINGULAR = re.compile(rf"\b(?:{'|'.join(_PLURAL)})\b")


def slug(text: str) -> str:
    """The part of an id that stands for a text: the same however many people it is about, and who they are."""
    words = _SINGULAR.sub(lambda found: _PLURAL[found[0]], _VARYING.sub("", text.lower()))
    return re.sub(r"[^a-z]+", "-", words).strip("-")[:60]
