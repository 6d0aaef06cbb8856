"""The query options of Microsoft Graph, as far as its callers here use them: $filter, $select, $top, paging."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Document = dict[str, Any]
Predicate = Callable[[Document], bool]

_OPTIONS = {"$filter", "$select", "$top", "$skiptoken"}

_TEXT = r"'(?P<text>(?:[^']|'')*)'"
_EQUALS = re.compile(rf"(?P<name>\w+) eq (?:{_TEXT}|(?P<word>true|false|null))")
_COMPARES = re.compile(r"(?P<name>\w+) (?P<operator>ge|gt|le|lt) (?P<moment>\d{4}-\d\d-\d\dT[\d:.]+Z)")
_IN = re.compile(r"(?P<name>\w+) in \((?P<texts>'(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*)\)")
_LISTED = re.compile(r"'((?:[^']|'')*)'")
_MOST_LISTED = 15
_ANY = re.compile(rf"(?P<name>\w+)/any\((?P<variable>\w+):\s*(?P=variable)(?:/(?P<part>\w+))? eq {_TEXT}\)")
_AND = re.compile(r"\s+and\s+")
_OPERATORS = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


class UnsupportedQueryError(Exception):
    """A query option that Graph, or this emulator, does not support; the message says which."""


def check_options(query: Mapping[str, str]) -> None:
    """Refuse query options that would otherwise be silently ignored.

    Raises:
        UnsupportedQueryError
    """
    unknown = [name for name in query if name.startswith("$") and name not in _OPTIONS]
    if unknown:
        raise UnsupportedQueryError(f"The query option '{unknown[0]}' is not supported.")


def predicate(text: str | None) -> Predicate:
    """The meaning of a ``$filter``: equalities, lists (``in``) and orders of times, joined by ``and``.

    Texts are compared without case. A list has 15 texts at most, as Graph's has.

    Raises:
        UnsupportedQueryError: anything else.
    """
    conditions: list[Predicate] = []
    rest = text or ""
    while rest:
        match = _ANY.match(rest) or _EQUALS.match(rest) or _IN.match(rest) or _COMPARES.match(rest)
        if match is None:
            raise UnsupportedQueryError("Unsupported or invalid query filter clause specified.")
        conditions.append(_condition(match))
        rest = rest[match.end() :]
        joined = _AND.match(rest)
        if rest and (joined is None or joined.end() == len(rest)):
            raise UnsupportedQueryError("Unsupported or invalid query filter clause specified.")
        rest = rest[joined.end() :] if joined else ""
    return lambda document: all(condition(document) for condition in conditions)


def select(document: Document, names: str | None) -> Document:
    """The properties that ``$select`` names (null where the object has none), or all; its type in any case."""
    if not names:
        return document
    annotations = {name: value for name, value in document.items() if name.startswith("@")}
    return annotations | {name: document.get(name) for name in names.split(",")}


def _condition(match: re.Match[str]) -> Predicate:
    name = match["name"]
    if match.re is _IN:
        return _listed(name, [text.replace("''", "'").casefold() for text in _LISTED.findall(match["texts"])])
    if match.re is _COMPARES:
        holds, moment = _OPERATORS[match["operator"]], datetime.fromisoformat(match["moment"])
        return lambda document: bool(holds(datetime.fromisoformat(_property(document, name)), moment))
    if match["text"] is None:
        wanted = _WORDS[match["word"]]
        return lambda document: _property(document, name) == wanted
    text = match["text"].replace("''", "'").casefold()
    if match.re is _ANY:
        part = match["part"]
        return lambda document: any(
            str(_property(item, part) if part else item).casefold() == text
            for item in _property(document, name) or []
        )
    return lambda document: str(_property(document, name) or "").casefold() == text


def _listed(name: str, texts: list[str]) -> Predicate:
    if len(texts) > _MOST_LISTED:
        raise UnsupportedQueryError(
            f"Too many child clauses specified in search filter expression: {len(texts)}."
        )
    return lambda document: str(_property(document, name) or "").casefold() in texts


def _property(document: Document, name: str) -> Any:
    if name not in document:
        raise UnsupportedQueryError(f"Invalid filter clause: the type has no property '{name}'.")
    return document[name]
