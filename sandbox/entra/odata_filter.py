"""``$filter``: parses text into a condition on objects.

Operators, and which of them need the advanced query parameters, are those of Microsoft Graph's "Advanced query
capabilities on Microsoft Entra ID objects". Strings are compared case-insensitively; ``in`` takes at most 15.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.entra.odata import Kind, Query, QueryError, invalid, not_simulated, unsupported

Predicate = Callable[[Any], bool]

_MOST_LISTED = 15
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<guid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
    r"|(?P<number>-?\d+(?!\w))"
    r"|(?P<name>[$A-Za-z_][\w.]*)"
    r"|(?P<mark>[(),/:]))"
)
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}
_COMPARISONS = {"eq", "ne", "in", *_ORDERS}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
}
_WITH_ENDSWITH = {"mail", "otherMails", "proxyAddresses", "userPrincipalName"}
_BASIC = {"eq", "in", *_ORDERS}
_COUNT = "$count"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def predicate(kind: Kind, query: Query) -> Predicate:
    """The condition of the request's ``$filter``; without one, everything passes.

    Raises:
        QueryError: malformed; unsupported by Graph, or only without the advanced query parameters; or not simulated.
    """
    text = query.options.get("$filter")
    if text is None:
        return lambda _: True
    parser = _Parser(kind, text)
    condition = parser.whole()
    if parser.advanced is None or query.is_advanced:
        return condition
    if kind.related:
        raise unsupported("The specified filter to the reference property query is currently not supported.")
    raise _unsupported_clause(kind, parser.advanced)


def named(kind: Kind, query: Query) -> tuple[str, tuple[str, ...]] | None:
    """The property and strings of the request's ``$filter``, if that is a single comparison by ``eq`` or ``in``.

    Raises:
        QueryError: as `predicate`.
    """
    text = query.options.get("$filter")
    if text is None:
        return None
    parser = _Parser(kind, text)
    parser.whole()
    return parser.named if parser.clauses == 1 else None


class _Parser:
    """A recursive descent parser for one filter; ``advanced`` is a property whose clause needs the advanced parameters.

    ``named`` holds the property and strings of the last comparison by ``eq`` or ``in``, and ``clauses`` the number of
    comparisons, functions and negations.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        self._kind = kind
        self._text = text
        self._tokens = _tokens(text)
        self._position = 0
        self._variable: str | None = None
        self._collection = ""
        self.advanced: str | None = None
        self.named: tuple[str, tuple[str, ...]] | None = None
        self.clauses = 0

    def whole(self) -> Predicate:
        """The condition of the whole text."""
        condition = self._alternatives()
        if self._position < len(self._tokens):
            raise self._syntax()
        return condition

    def _alternatives(self) -> Predicate:
        parts = [self._conjunction()]
        while self._word("or"):
            self._beyond_basic("or")
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda subject: any(part(subject) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._negation()]
        while self._word("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda subject: all(part(subject) for part in parts)

    def _negation(self) -> Predicate:
        if not self._word("not"):
            return self._clause()
        self._beyond_basic("not")
        self.clauses += 1
        before = self._position
        condition = self._negation()
        names = [token.text for token in self._tokens[before : self._position] if token.kind == "name"]
        self.advanced = self.advanced or names[0]
        return lambda subject: not condition(subject)

    def _clause(self) -> Predicate:
        if self._mark("("):
            self._beyond_basic("parentheses")
            condition = self._alternatives()
            self._expect(")")
            return condition
        self.clauses += 1
        name = self._name()
        if self._mark("("):
            return self._function(name.casefold())
        path = self._path(name)
        if path[-1].casefold() in {"any", "all"} and self._mark("("):
            return self._lambda(path[:-1], path[-1].casefold())
        return self._comparison(path)

    def _function(self, name: str) -> Predicate:
        if name not in _FUNCTIONS:
            raise not_simulated(f"the function {name} in a $filter")
        self._beyond_basic(name)
        path = self._path(self._name())
        self._expect(",")
        requested = self._literal()
        self._expect(")")
        if not isinstance(requested, str):
            raise self._syntax()
        read = self._reader(path, name)
        holds = _FUNCTIONS[name]
        return lambda subject: holds(_text(read(subject)), requested.casefold())

    def _lambda(self, path: list[str], quantifier: str) -> Predicate:
        if quantifier == "all" or self._variable is not None:
            raise not_simulated(f"{quantifier} here in a $filter")
        read = self._reader(path, "any")
        if self._mark(")"):
            raise not_simulated("any without a condition in a $filter")
        self._variable, self._collection = self._name(), path[0]
        self._expect(":")
        condition = self._alternatives()
        self._expect(")")
        self._variable = None

        def holds(subject: Any) -> bool:
            items = read(subject)
            if items is not None and not isinstance(items, list):
                raise _incompatible()
            return any(condition(item) for item in items or ())

        return holds

    def _comparison(self, path: list[str]) -> Predicate:
        word = self._name().casefold()
        if word not in _COMPARISONS:
            raise self._syntax()
        if word == "in":
            return self._listed(path)
        requested = self._literal()
        if path[-1] == _COUNT:
            return self._size(path[:-1], word, requested)
        read = self._reader(path, word)
        if requested is None and self._kind.is_directory:
            self.advanced = self.advanced or path[0]
        if word in _ORDERS:
            if not isinstance(requested, datetime):
                raise not_simulated(f"{word} with anything but a time in a $filter")
            return lambda subject: _follows(read(subject), requested, _ORDERS[word])
        if word == "eq":
            self._name_texts(path, [requested])
        return lambda subject: _equal(read(subject), requested) == (word == "eq")

    def _name_texts(self, path: list[str], requested: list[Any]) -> None:
        if len(path) == 1 and all(isinstance(each, str) for each in requested):
            self.named = (path[0], tuple(requested))

    def _listed(self, path: list[str]) -> Predicate:
        self._expect("(")
        requested = [self._literal()]
        while self._mark(","):
            requested.append(self._literal())
        self._expect(")")
        if len(requested) > _MOST_LISTED:
            raise unsupported(
                f"Too many child clauses specified in search filter expression: {len(requested)}."
            )
        read = self._reader(path, "in")
        self._name_texts(path, requested)

        def holds(subject: Any) -> bool:
            value = read(subject)
            return any(_equal(value, each) for each in requested)

        return holds

    def _size(self, path: list[str], word: str, requested: Any) -> Predicate:
        if word not in {"eq", "ne"} or not isinstance(requested, int) or isinstance(requested, bool):
            raise self._syntax()
        read = self._reader(path, word)
        self.advanced = self.advanced or path[0]
        return lambda subject: (len(read(subject) or ()) == requested) == (word == "eq")

    # What Graph, or the emulator, supports

    def _beyond_basic(self, what: str) -> None:
        if not self._kind.is_directory:
            raise not_simulated(f"{what} in a $filter on this collection")

    def _reader(self, path: list[str], word: str) -> Callable[[Any], Any]:
        """A function that reads the value at a path; checks that Graph supports the operator on it."""
        if self._variable is not None:
            if path[0] != self._variable:
                raise invalid(f"Invalid filter clause: Could not find a property named '{path[0]}'.")
            self._check(self._collection, word)
            return lambda item: _at(item, path[1:])
        self._check(path[0], word)
        return lambda document: _at(document, path)

    def _check(self, name: str, word: str) -> None:
        kind = self._kind
        if not kind.is_directory:
            if word not in _BASIC | {"any"}:
                raise not_simulated(f"{word} in a $filter on this collection")
            return
        if name not in kind.properties:  # Graph may have it.
            raise not_simulated(f"the property {name} in a $filter")
        if name not in kind.filterable | kind.filterable_advanced or word in {"gt", "lt"}:
            raise not_simulated(f"{word} on the property {name} in a $filter")
        if word == "endswith" and name not in _WITH_ENDSWITH:
            raise _unsupported_clause(kind, name)
        if word in {"ne", "endswith"} or name in kind.filterable_advanced:
            self.advanced = self.advanced or name

    # Tokens

    def _path(self, first: str) -> list[str]:
        names = [first]
        while self._mark("/"):
            names.append(self._name())
        return names

    def _literal(self) -> Any:
        token = self._next()
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "guid":
            return token.text
        if token.kind == "number":
            return int(token.text)
        if token.kind == "moment":
            try:
                return datetime.fromisoformat(token.text)
            except ValueError as error:
                raise self._syntax() from error
        if token.text.casefold() in _WORDS:
            return _WORDS[token.text.casefold()]
        raise self._syntax()

    def _name(self) -> str:
        token = self._next()
        if token.kind != "name":
            raise self._syntax()
        return token.text

    def _next(self) -> _Token:
        if self._position == len(self._tokens):
            raise self._syntax()
        self._position += 1
        return self._tokens[self._position - 1]

    def _word(self, word: str) -> bool:
        return self._take(lambda token: token.kind == "name" and token.text.casefold() == word)

    def _mark(self, mark: str) -> bool:
        return self._take(lambda token: token.kind == "mark" and token.text == mark)

    def _take(self, fits: Callable[[_Token], bool]) -> bool:
        if self._position < len(self._tokens) and fits(self._tokens[self._position]):
            self._position += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._syntax()

    def _syntax(self) -> QueryError:
        return _syntax_error(self._text)


def _tokens(text: str) -> list[_Token]:
    found, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _syntax_error(text)
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _syntax_error(text: str) -> QueryError:
    return invalid(f"Invalid filter clause: Syntax error in '{text}'.")


def _unsupported_clause(kind: Kind, name: str) -> QueryError:
    return unsupported(
        f"Unsupported or invalid query filter clause specified for property '{name}' of resource '{kind.resource}'."
    )


def _incompatible() -> QueryError:
    return invalid("Invalid filter clause: A binary operator with incompatible types was detected.")


def _at(subject: Any, path: list[str]) -> Any:
    """The value at a path.

    Raises:
        QueryError: the property does not exist.
    """
    for name in path:
        if subject is None:
            return None
        if not isinstance(subject, dict) or name not in subject:
            raise invalid(f"Invalid filter clause: Could not find a property named '{name}'.")
        subject = subject[name]
    return subject


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise _incompatible()
    return (value or "").casefold()


def _equal(value: Any, requested: Any) -> bool:
    if value is None or requested is None:
        return value is None and requested is None
    if isinstance(value, (list, dict)):
        raise _incompatible()
    if isinstance(requested, datetime):
        return _follows(value, requested, operator.eq)
    if type(value) is not type(requested):
        raise _incompatible()
    return bool(value.casefold() == requested.casefold() if isinstance(value, str) else value == requested)


def _follows(value: Any, requested: datetime, holds: Callable[[Any, Any], bool]) -> bool:
    if value is None:
        return False
    try:
        return holds(datetime.fromisoformat(value), requested)
    except (TypeError, ValueError) as error:
        raise _incompatible() from error
