"""The shape of a JSON document: names of keys and types of values, and none of its values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mimecast_sso.facts.json_types import JSON

NOT_JSON = "not JSON"
NOTHING = "nothing"
_NULL = "null"
_TEXTS = frozenset({"text", "empty", "guid", "date-time"})
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*")
_MAYBE = "?"
_PAGING = frozenset({"@odata.nextLink", "next", "previous", "nextPage", "nextPageToken"})
"""Keys that only a response with a further page has, whatever the sandbox's pages had."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What values at one place look like.

    Attributes:
        kinds: ``null``, ``boolean``, ``integer``, ``number``, ``text``, ``empty`` (a text), ``guid``, ``date-time``,
            ``list``, ``object``; of a whole body also ``not JSON`` and ``nothing``.
        keys: Of objects.
        optional: Keys that some of the objects lack.
        items: Of lists; None where all of them were empty.
    """

    kinds: frozenset[str]
    keys: Mapping[str, Shape] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    items: Shape | None = None

    def document(self) -> object:
        """As JSON: ``"guid|null"``, or a map with ``kinds`` and ``keys`` or ``items``; ``name?`` is optional."""
        kinds = "|".join(sorted(self.kinds))
        found: dict[str, object] = {"kinds": kinds}
        if self.keys:
            found["keys"] = {
                name + _MAYBE * (name in self.optional): shape.document()
                for name, shape in sorted(self.keys.items())
            }
        if self.items is not None:
            found["items"] = self.items.document()
        return found if len(found) > 1 else kinds


def of_document(document: str | Mapping[str, JSON]) -> Shape:
    """The shape that `Shape.document` wrote."""
    if isinstance(document, str):
        return Shape(frozenset(document.split("|")))
    keys = document.get("keys", {})
    items = document.get("items")
    return Shape(
        frozenset(document["kinds"].split("|")),
        {name.removesuffix(_MAYBE): of_document(shape) for name, shape in keys.items()},
        frozenset(name.removesuffix(_MAYBE) for name in keys if name.endswith(_MAYBE)),
        None if items is None else of_document(items),
    )


def of(value: object) -> Shape:
    """The shape of a JSON value."""
    if isinstance(value, dict):
        keys = {str(name): of(each) for name, each in value.items()}
        return Shape(frozenset({"object"}), keys, frozenset(keys.keys() & _PAGING))
    if isinstance(value, list):
        return Shape(frozenset({"list"}), items=merged(map(of, value)))
    return Shape(frozenset({_kind(value)}))


def _kind(value: object) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return kind_of_text(str(value))


def kind_of_text(text: str) -> str:
    """``empty``, ``guid``, ``date-time`` or ``text``."""
    if not text:
        return "empty"
    if _GUID.fullmatch(text):
        return "guid"
    return "date-time" if _DATE_TIME.fullmatch(text) and _is_time(text) else "text"


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def merged(shapes: Iterable[Shape | None]) -> Shape | None:
    """What covers all of them; None for none."""
    found: Shape | None = None
    for shape in shapes:
        if shape is not None:
            found = shape if found is None else _both(found, shape)
    return found


def _both(one: Shape, other: Shape) -> Shape:
    keys = {
        name: shape
        for name in {*one.keys, *other.keys}
        if (shape := merged((one.keys.get(name), other.keys.get(name)))) is not None
    }
    optional = one.optional | other.optional
    if "object" in one.kinds & other.kinds:
        optional |= one.keys.keys() ^ other.keys.keys()
    return Shape(one.kinds | other.kinds, keys, optional, merged((one.items, other.items)))


# -- Comparing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one place of a document.

    Attributes:
        path: Such as ``value[].mail``, in the expectation's words.
        text: What differs; no text of the document.
        differs: False for what the sandbox's own documents do not settle.
        name: The key's name as the document has it, where the expectation has no such key: it may be a value.
    """

    path: str
    text: str
    differs: bool = True
    name: str = ""


def compare(expected: Shape, actual: Shape, revealed: frozenset[str], path: str = "") -> Iterator[Finding]:
    """What differs between a response and the expected one; keys that are not expected are named only if revealed."""
    yield from _kinds(expected, actual, path)
    if "object" in expected.kinds & actual.kinds:
        yield from _keys(expected, actual, revealed, path)
    if actual.items is not None:
        if expected.items is None:
            yield Finding(f"{path}[]", "not compared: the sandbox's list is always empty", differs=False)
        else:
            yield from compare(expected.items, actual.items, revealed, f"{path}[]")


def _kinds(expected: Shape, actual: Shape, path: str) -> Iterator[Finding]:
    others = sorted(kind for kind in actual.kinds if not _fits(kind, expected.kinds))
    if not others:
        return
    place, has = path or "the body", " or ".join(others)
    if expected.kinds == {_NULL}:
        yield Finding(place, f"not compared: {has}, and the sandbox's is always null", differs=False)
    else:
        yield Finding(place, f"{has}, the sandbox has {' or '.join(sorted(expected.kinds))}")


def _fits(kind: str, expected: frozenset[str]) -> bool:
    if kind in _TEXTS:
        return kind in expected or bool(expected & {"text", "empty"})
    return kind in expected or (kind == "integer" and "number" in expected)


def _keys(expected: Shape, actual: Shape, revealed: frozenset[str], path: str) -> Iterator[Finding]:
    for name, shape in expected.keys.items():
        place = _below(path, name)
        if name in actual.keys:
            yield from compare(shape, actual.keys[name], revealed, place)
        needed = name not in expected.optional
        if needed and name not in actual.keys:
            yield Finding(place, "missing")
        elif needed and name in actual.optional:
            yield Finding(place, "missing in some rows")
    for name in sorted(actual.keys.keys() - expected.keys.keys()):
        place = _below(path, _shown(name, revealed))
        yield Finding(place, f"{_words(actual.keys[name])}, which the sandbox does not have", name=name)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _words(shape: Shape) -> str:
    return " or ".join(sorted(shape.kinds))


UNLISTED = "(unlisted)"
"""Stands for a name that the expectation does not have."""


def _shown(name: str, revealed: frozenset[str]) -> str:
    return name if name in revealed else UNLISTED


def redacted(actual: Shape, expected: Shape | None, revealed: frozenset[str]) -> Shape:
    """The same shape with the names of the expectation only; all others are one key, `UNLISTED`."""
    known = expected.keys if expected is not None else {}
    keys: dict[str, Shape] = {}
    optional = set()
    for name, shape in actual.keys.items():
        shown = name if name in known else _shown(name, revealed)
        inner = redacted(shape, known.get(name), revealed)
        keys[shown] = merged((keys.get(shown), inner)) or inner
        if name in actual.optional or shown == UNLISTED:
            optional.add(shown)
    items = actual.items and redacted(
        actual.items, expected.items if expected is not None else None, revealed
    )
    return Shape(actual.kinds, keys, frozenset(optional), items)
