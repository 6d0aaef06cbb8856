"""Statements and how they are known: the only form in which this project reports about a tenant.

`Known` has a value, `Statement` a sentence; both have the kind and the source of the knowledge. `lines` renders a table
for a terminal, `entries` one line at a time, `documents` JSON. Unknown is never shown as fine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from mimecast_sso.text import foreign
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.paragraphs import paragraph

T = TypeVar("T")
U = TypeVar("U")

_ENTRY = len("UNKNOWN")
"""Column width of verdicts while later ones are unknown."""


class How(StrEnum):
    """The kind of knowledge."""

    LIVE = "read live"
    SEEN = "seen"
    """Seen in traffic: a sign-in that was walked or captured."""
    ATTESTED = "attested"
    CONFIGURED = "stack file"
    RECORDED = "last deployment"
    DOCUMENTED = "documented"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """The meaning of a statement for its reader; capitals call for action."""

    FINE = "fine"
    NOTE = "note"
    """Information, neither required nor wrong."""
    OPEN = "open"
    """The evidence neither confirms nor contradicts it."""
    WARNS = "warns"
    WAITING = "waiting"
    """Waiting for work that is due, or for people to sign in."""
    NOT_CONFIGURED = "not configured"
    NOT_POSSIBLE = "not possible"
    """Cannot be checked here; the text says why, and what would make it possible."""
    UNKNOWN = "UNKNOWN"
    """Should have been read, but was not."""
    MISSING = "MISSING"
    DIFFERS = "DIFFERS"
    FAILS = "FAILS"


BAD = frozenset({Verdict.MISSING, Verdict.DIFFERS, Verdict.FAILS})
"""Verdicts that change the exit code of a check."""

_MOST_UNCHECKED = 6
"""Subjects that the closing line of a table names."""
UNCHECKED = frozenset({Verdict.NOT_POSSIBLE, Verdict.UNKNOWN})
"""Verdicts that a check lists again at its end."""


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A value and how it is known.

    Attributes:
        value: Meaningless where ``how`` is unknown.
        how: The kind of knowledge.
        source: Where it was read, who attested it and when, or why it is unknown.
    """

    value: T | None
    how: How
    source: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the value is known."""
        return self.how is not How.UNKNOWN

    def words(self, write: Callable[[T], str] = str) -> str:
        """For a terminal: ``3 (read live: Mimecast)``, or ``unknown (why)``.

        Args:
            write: Renders the value.
        """
        if not self.is_known:
            return f"unknown ({_line(self.source)})" if self.source else "unknown"
        return f"{'none' if self.value is None else write(self.value)} ({_basis(self.how, self.source)})"

    def map(self, change: Callable[[T], U]) -> Known[U]:
        """A derived value with the same knowledge; unknown stays unknown."""
        if not self.is_known or self.value is None:
            return Known(None, self.how, self.source)
        return Known(change(self.value), self.how, self.source)

    def states(self, text: str, verdict: Verdict = Verdict.NOTE, subject: str = "") -> Statement:
        """A statement based on this value; if the value is unknown, so is the verdict."""
        return Statement(text, self.how, self.source, verdict if self.is_known else Verdict.UNKNOWN, subject)


def live(value: T, source: str = "") -> Known[T]:
    """A value that was just read."""
    return Known(value, How.LIVE, source)


def unknown(source: object) -> Known[T]:
    """An unknown value, with the reason: an exception or a text, shown on one line."""
    return Known(None, How.UNKNOWN, " ".join(str(source).split()))


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence, how it is known, and what it means.

    Attributes:
        text: Without its full stop.
        how: The kind of knowledge.
        source: Where it was read, who attested it and when, or why it is unknown.
        verdict: Its meaning for the reader.
        subject: Its subject, for tables.

    Raises:
        ValueError: An unknown statement has the verdict fine.
    """

    text: str
    how: How = How.LIVE
    source: str = ""
    verdict: Verdict = Verdict.NOTE
    subject: str = ""

    def __post_init__(self) -> None:
        if self.how is How.UNKNOWN and self.verdict is Verdict.FINE:
            raise ValueError(f"What is unknown is not fine: {self.subject} {self.text}")

    @property
    def basis(self) -> str:
        """The kind and source of the knowledge, in words."""
        return _basis(self.how, self.source)

    @property
    def warns(self) -> bool:
        """Whether a log shows it as a warning."""
        return self.verdict in BAD or self.verdict in (Verdict.WARNS, Verdict.UNKNOWN)

    def __str__(self) -> str:
        return f"{_line(self.text)} ({self.basis})"

    @property
    def brief(self) -> str:
        """For the log of a run: with the source, unless it was just read live."""
        return _line(self.text) if self.how is How.LIVE else str(self)

    def document(self) -> dict[str, str]:
        """As JSON: ``subject``, ``verdict``, ``text``, ``how``, ``source``, without empty ones."""
        values = {
            "subject": _line(self.subject),
            "verdict": str(self.verdict),
            "text": _line(self.text),
            "how": str(self.how),
            "source": _line(self.source),
        }
        return {key: value for key, value in values.items() if value}


def lines(statements: Sequence[Statement], width: int | None = None) -> Iterator[str]:
    """A table: verdict, subject, text and kind of knowledge, one line each, with aligned columns.

    Args:
        statements: What is printed.
        width: Columns of a terminal; a table that does not fit in them becomes a list of wrapped entries.
    """
    rows = list(_table(statements))
    if width is None or all(len(each) <= width for each in rows):
        yield from rows
    else:
        yield from entries(statements, width, indent="")


def _table(statements: Sequence[Statement]) -> Iterator[str]:
    verdicts = max((len(each.verdict) for each in statements), default=0)
    subjects = max((len(each.subject) for each in statements), default=0)
    for each in statements:
        head = f"{each.verdict:<{verdicts}}  {each.subject:<{subjects}}  "
        yield f"{head}{_line(each.text.removeprefix(f'{each.subject} '))} [{each.basis}]"


def entries(
    statements: Iterable[Statement], width: int | None = None, *, indent: str = "  "
) -> Iterator[str]:
    """One line each, as soon as it is available, for commands that show progress; wrapped at a ``width``."""
    for each in statements:
        # A sentence that begins with its subject, such as "Conditional Access was evaluated", does not need it twice.
        named = each.subject and not each.text.startswith(f"{each.subject} ")
        subject = f"{_line(each.subject)}: " if named else ""
        verdict = f"{indent}{each.verdict:<{_ENTRY}}  "
        text = f"{subject}{_line(each.text)} [{each.basis}]"
        if width is None:
            yield f"{verdict}{text}"
        else:
            yield from paragraph(text, verdict, " " * len(verdict), width=width).split("\n")


def not_checked(statements: Iterable[Statement]) -> Iterator[str]:
    """The closing line of a table: what was not checked, in short; nothing if everything was.

    Subjects with the same beginning (``console: members``) are counted together, and only the first few are named: the
    table has each, with its reason.
    """
    named = dict.fromkeys(
        foreign.name(each.subject or each.text) for each in statements if each.verdict in UNCHECKED
    )
    kinds = Counter(name.partition(": ")[0] for name in named)
    whole = dict.fromkeys(
        name if kinds[kind] == 1 else f"{kind} ({kinds[kind]})"
        for name, kind in ((name, name.partition(": ")[0]) for name in named)
    )
    if whole:
        yield f"Not checked: {enumerate_some(list(whole), _MOST_UNCHECKED)}."


def documents(statements: Iterable[Statement]) -> list[Mapping[str, str]]:
    """The same statements as JSON."""
    return [each.document() for each in statements]


def _basis(how: How, source: str) -> str:
    return f"{how}: {_line(source)}" if source else str(how)


def _line(text: str) -> str:
    return foreign.one_line(text)
