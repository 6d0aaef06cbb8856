"""``$search``: words in names and descriptions, prefixes of other strings.

Source: Microsoft Graph's "Use the $search query parameter", on collections of directory objects: ``"property:text"``
clauses in quotes, joined by ``AND`` and ``OR``; names and descriptions are split into words at spaces, changes of case,
digits and symbols. Assumed: a search word matches as the prefix of a word of the value.
"""

from __future__ import annotations

import re

from sandbox.entra.odata import Document, Kind, Query, invalid, not_simulated, unsupported
from sandbox.entra.odata_filter import Predicate

_CLAUSE = re.compile(r'\s*"(?P<name>\w+):(?P<text>(?:[^"\\]|\\.)*)"\s*')
_JOINT = re.compile(r"(AND|OR)\b")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TOKENIZED = {"displayName", "description"}


def predicate(kind: Kind, query: Query) -> Predicate:
    """The condition of the request's ``$search``; without one, everything passes.

    Raises:
        QueryError: malformed, without the required header, or not simulated.
    """
    text = query.options.get("$search")
    if text is None:
        return lambda _: True
    if not query.is_eventual:
        raise unsupported(
            "Request with $search query parameter only works through MSGraph with a special request header:"
            " 'ConsistencyLevel: eventual'"
        )
    alternatives = _alternatives(kind, text)
    return lambda document: any(all(clause(document) for clause in each) for each in alternatives)


def _alternatives(kind: Kind, text: str) -> list[list[Predicate]]:
    """The clauses as alternatives: ``AND`` binds more tightly than ``OR``."""
    found: list[list[Predicate]] = [[]]
    position, joint = 0, "AND"
    while True:
        match = _CLAUSE.match(text, position)
        if match is None:
            if "(" in text or re.match(r'\s*"[^:"]*"', text[position:]):
                raise not_simulated(f"$search={text}")
            raise invalid(f"Syntax error: character is not valid at position {position} in '{text}'.")
        if joint == "OR":
            found.append([])
        found[-1].append(_clause(kind, match["name"], re.sub(r"\\(.)", r"\1", match["text"])))
        position = match.end()
        if position == len(text):
            return found
        joined = _JOINT.match(text, position)
        if joined is None:
            raise invalid(f"Syntax error: character is not valid at position {position} in '{text}'.")
        joint, position = joined[1], joined.end()


def _clause(kind: Kind, name: str, text: str) -> Predicate:
    if name not in kind.properties:  # Graph may have it.
        raise not_simulated(f"$search on the property {name}")
    requested = _words(text)

    def holds(document: Document) -> bool:
        value = document.get(name)
        if value is not None and not isinstance(value, str):
            raise not_simulated(f"$search on the property {name}")
        if name not in _TOKENIZED:
            return (value or "").casefold().startswith(text.casefold())
        words = _words(value or "")
        return all(any(word.startswith(each) for word in words) for each in requested)

    return holds


def _words(text: str) -> list[str]:
    return [word.casefold() for part in _HUMP.split(text) for word in _WORD.findall(part)]
