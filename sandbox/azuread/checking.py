"""Checks and converts a program's inputs against a table; the failures are those of the published plugin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.azuread.schema import Property, Shape, Table
from sandbox.azuread.wire import DEFAULTS, UNKNOWN, Properties, Value

# What Go's strconv.ParseBool takes.
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True)
class Place:
    """The location of a value, under the three names that messages use.

    `path` is the form in the program (`featureTags[0].hide`), `attribute` the one in validators' messages
    (`feature_tags.0.hide`), `upstream` the prefix in data sources' messages (`mails[0]`).
    """

    path: str = ""
    attribute: str = ""
    upstream: str = ""

    def into(self, name: str, upstream: str) -> Place:
        return Place(
            f"{self.path}.{name}" if self.path else name,
            f"{self.attribute}.{upstream}" if self.attribute else upstream,
            f"{self.upstream}.{upstream}" if self.upstream else upstream,
        )

    def element(self, index: int, *, named: bool) -> Place:
        """An element of a list. An element of a set, or of a list with at most one object, has no index."""
        bracket = f"[{index}]" if named else ""
        return Place(self.path + bracket, f"{self.attribute}.{index}", self.upstream + bracket)


@dataclass(frozen=True)
class Problem:
    place: Place
    summary: str
    detail: str = ""

    def for_resource(self, logical_name: str) -> str:
        text = f"{self.summary}. {self.detail}" if self.detail else self.summary
        return f"{text}. Examine values at '{logical_name}.{self.place.path}'."

    def for_function(self) -> str:
        text = f"{self.summary}: {self.detail}" if self.detail else self.summary
        return f"[{self.place.upstream}] {text}"


@dataclass
class Checked:
    """The converted inputs, `__defaults` included, and their problems."""

    inputs: Properties
    problems: list[Problem] = field(default_factory=list)


def check(table: Table, news: Properties, olds: Properties) -> Checked:
    """Check the inputs. `olds` are the last run's: a default that was filled in then keeps its value."""
    checked = Checked({})
    place = Place()
    choice = list(_choice(table, news, place))
    excused = table.exactly_one_of if choice else ()
    _check_fields(checked, checked.inputs, table.properties, news, place, excused=excused)
    _fill_defaults(checked.inputs, table, olds)
    checked.problems += [*_conflicts(table, checked.inputs, place), *choice]
    return checked


def _check_fields(
    checked: Checked,
    target: Properties,
    rows: tuple[Property, ...],
    news: Properties,
    place: Place,
    *,
    excused: tuple[str, ...] = (),
) -> None:
    """Check each property. Those that are `excused`, or that exclude each other, are not checked further."""
    by_name = {row.name: row for row in rows}
    stated = {key: value for key, value in news.items() if value is not None and key != DEFAULTS}
    for key, value in stated.items():
        row = by_name.get(key)
        if row is None:
            checked.problems.append(Problem(place.into(key, key), "Invalid or unknown key"))
            target[key] = value
        elif not row.input:
            checked.problems.append(_unconfigurable(row, place))
            target[key] = value
        else:
            conflicting = key in excused or any(name in stated for name in row.conflicts)
            valued = Checked({}) if conflicting else checked
            target[key] = _convert(valued, row, value, place.into(key, row.upstream_name))
    for row in rows:
        if row.required and row.name not in stated:
            checked.problems.append(_missing(row, place))
    target[DEFAULTS] = []


def _fill_defaults(inputs: Properties, table: Table, olds: Properties) -> None:
    for row in table.inputs:
        if row.default is not None and row.name not in inputs:
            kept = row.name in (olds.get(DEFAULTS) or ())
            inputs[row.name] = olds.get(row.name, row.default) if kept else row.default
            inputs[DEFAULTS].append(row.name)


def _conflicts(table: Table, inputs: Properties, place: Place) -> Iterator[Problem]:
    """Inputs that exclude each other; reported at both."""
    for row in table.inputs:
        others = [table.by_name[name].upstream_name for name in row.conflicts if inputs.get(name)]
        if inputs.get(row.name) and others:
            detail = f'"{row.upstream_name}": conflicts with {others[0]}'
            yield Problem(_at(row, place), "Conflicting configuration arguments", detail)


def _choice(table: Table, news: Properties, place: Place) -> Iterator[Problem]:
    """Exactly one of these inputs is required; reported at each of them."""
    choices = sorted(table.by_name[name].upstream_name for name in table.exactly_one_of)
    stated = sorted(
        table.by_name[name].upstream_name for name in table.exactly_one_of if news.get(name) is not None
    )
    if len(stated) == 1:
        return
    said = f"one of `{','.join(choices)}` must be specified"
    if stated:
        said = f"only one of `{','.join(choices)}` can be specified, but `{','.join(stated)}` were specified."
    for name in table.exactly_one_of:
        row = table.by_name[name]
        yield Problem(_at(row, place), "Invalid combination of arguments", f'"{row.upstream_name}": {said}')


def _at(row: Property, place: Place) -> Place:
    return place.into(row.name, row.upstream_name)


def _missing(row: Property, place: Place) -> Problem:
    detail = f'The argument "{row.upstream_name}" is required, but no definition was found.'
    return Problem(_at(row, place), "Missing required argument", detail)


def _unconfigurable(row: Property, place: Place) -> Problem:
    decided = "its value will be decided automatically based on the result of applying this configuration."
    detail = f'Can\'t configure a value for "{row.upstream_name}": {decided}'
    return Problem(_at(row, place), "Value for unconfigurable attribute", detail)


def _convert(checked: Checked, row: Property, value: Value, place: Place) -> Value:
    if value == UNKNOWN:
        return value
    if row.shape.many:
        items = value if isinstance(value, list) else [value]
        named = row.shape is not Shape.STRING_SET
        return [
            _convert_item(checked, row, item, place.element(i, named=named)) for i, item in enumerate(items)
        ]
    if row.shape is Shape.OBJECT:
        single = value[0] if isinstance(value, list) and len(value) == 1 else value
        return _convert_item(checked, row, single, place.element(0, named=False))
    return _convert_item(checked, row, value, place)


def _convert_item(checked: Checked, row: Property, value: Value, place: Place) -> Value:
    if value == UNKNOWN:
        return value
    if row.fields:
        if not isinstance(value, dict):
            detail = f"Expected object, got {_type_name(value)}"
            checked.problems.append(Problem(place, "Expected Object Type", detail))
            return value
        fields: Properties = {}
        _check_fields(checked, fields, row.fields, value, place)
        return fields
    if isinstance(value, (dict, list)):
        what = "map" if isinstance(value, dict) else "list"
        checked.problems.append(Problem(place, f"Attribute must be a single value, not a {what}"))
        return value
    return (
        _convert_boolean(checked, value, place)
        if row.shape is Shape.BOOLEAN
        else _text(checked, row, value, place)
    )


def _convert_boolean(checked: Checked, value: Value, place: Place) -> Value:
    if isinstance(value, bool):
        return value
    text = _as_text(value)
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    problem = f"cannot parse '' as bool: strconv.ParseBool: parsing \"{text}\": invalid syntax"
    checked.problems.append(Problem(place, problem))
    return value


def _text(checked: Checked, row: Property, value: Value, place: Place) -> str:
    text = _as_text(value)
    message = row.validate and row.validate(text, place.attribute)
    if message:
        checked.problems.append(Problem(place, message))
    return text


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _type_name(value: Value) -> str:
    return {str: "string", bool: "bool", list: "list"}.get(type(value), "number")
