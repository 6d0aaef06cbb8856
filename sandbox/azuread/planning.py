"""Plans a resource from its current outputs: previews, differences, and inputs after a refresh.

The rules were measured on the published plugin: the inputs are merged into the *outputs* of the last run, and the
result is compared with those outputs. Nothing becomes unknown in an update.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from sandbox.azuread.schema import Property, Shape, Table
from sandbox.azuread.wire import DEFAULTS, UNKNOWN, Properties, Secret, Value, has_unknown


class Kind(Enum):
    """The kinds of difference, by their names in the protocol."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"
    UPDATE_REPLACE = "UPDATE_REPLACE"


@dataclass(frozen=True)
class Difference:
    """`detailed` maps property paths to kinds; `stables` are the inputs that force a replacement and did not change."""

    detailed: dict[str, Kind]
    changed: list[str]
    replaces: list[str]
    stables: list[str]


def plan_create(table: Table, inputs: Properties) -> Properties:
    """The outputs of a resource before it exists: its inputs, and unknown values for what the provider will fill in."""
    planned: Properties = {"id": UNKNOWN}
    for row in table.properties:
        value = _stated(row, inputs)
        if row.computed and value in (None, [], ""):
            value = UNKNOWN
        planned[row.name] = None if value == [] else value
    return planned


def plan_update(table: Table, olds: Properties, inputs: Properties) -> Properties:
    """The outputs after an update, as far as they are known beforehand."""
    planned: Properties = dict(olds)
    for row in table.properties:
        old = olds.get(row.name)
        if not row.input:
            # Only after a partially failed creation: the provider will fill in the list.
            lost = old is None and (row.shape.many or row.shape is Shape.STRING_MAP)
            planned[row.name] = UNKNOWN if lost else old
        else:
            planned[row.name] = _planned_input(row, old, inputs)
    return planned


def _planned_input(row: Property, old: Value, inputs: Properties) -> Value:
    value = _stated(row, inputs)
    if row.computed and _leaves_it_to_the_provider(row, value, inputs):
        return UNKNOWN if old is None and row.shape.many else old
    if row.fields:
        return _planned_objects(row, old, value)
    if not value and not old and value in (None, [], ""):
        return old
    if value is None and row.shape.many:
        return []
    return value


def _leaves_it_to_the_provider(row: Property, value: Value, inputs: Properties) -> bool:
    """Whether an input that the provider can fill in is unset. Empty values count as unset, but not an empty set."""
    if row.shape is Shape.STRING_SET:
        return inputs.get(row.name) is None
    return value in (None, [], "")


def _planned_objects(row: Property, old: Value, value: Value) -> Value:
    if value is None or value == UNKNOWN:
        nothing_lost = row.shape is Shape.OBJECT and isinstance(old, dict) and not any(old.values())
        return old if value is None and nothing_lost else value
    if row.shape is Shape.OBJECT:
        return _planned_object(row, old or {}, value)
    before = old if isinstance(old, list) else []
    padded = [*before, *({} for _ in value)]
    return [_planned_object(row, padded[index], item) for index, item in enumerate(value)]


def _planned_object(row: Property, old: Properties, value: Value) -> Value:
    if value == UNKNOWN:
        return value
    return {
        field.name: old.get(field.name) if value.get(field.name) is None and not old.get(field.name)
        else value.get(field.name)
        for field in row.fields
    }  # fmt: skip


def _stated(row: Property, inputs: Properties) -> Value:
    """An input in the form of an output: sets sorted, objects complete; a set with an unknown element is unknown."""
    value = inputs.get(row.name)
    if not row.input or value is None or value == UNKNOWN:
        return value if row.input else None
    if row.fields:
        complete = [
            item if item == UNKNOWN else {field.name: item.get(field.name) for field in row.fields}
            for item in (value if isinstance(value, list) else [value])
        ]
        return complete if row.shape.many else complete[0]
    if row.shape.many and has_unknown(value):
        return UNKNOWN
    return sorted(set(value)) if row.shape is Shape.STRING_SET else value


def difference(table: Table, olds: Properties, inputs: Properties, ignored: Sequence[str] = ()) -> Difference:
    """How an update to `inputs` changes `olds`, the outputs of the last run."""
    planned = plan_update(table, olds, inputs)
    detailed: dict[str, Kind] = {}
    changed, replaces = [], []
    for row in table.properties:
        if row.name in ignored:
            continue
        changes = dict(_changes(row, olds.get(row.name), planned[row.name], inputs))
        if not changes:
            continue
        changed.append(row.name)
        if row.replaces:
            replaces.append(row.name)
            changes = dict.fromkeys(changes, Kind.UPDATE_REPLACE)
        detailed |= changes
    return Difference(detailed, changed, replaces, [name for name in table.replacing if name not in replaces])


def _changes(row: Property, old: Value, new: Value, inputs: Properties) -> Iterator[tuple[str, Kind]]:
    if old == new:
        return
    if old in (None, []) or new in (None, []):
        if old not in (None, []) or new not in (None, []):
            yield row.name, Kind.ADD if old in (None, []) else Kind.DELETE
    elif new == UNKNOWN or not (row.shape.many or row.fields):
        yield row.name, Kind.UPDATE
    elif row.shape is Shape.STRING_SET:
        yield from _element_changes(row.name, *_set_edits(old, _unique(inputs[row.name])))
    elif row.shape is Shape.STRINGS:
        yield from _element_changes(row.name, *_list_edits(old, new))
    elif row.shape is Shape.OBJECT:
        yield from _field_changes(row, row.name, old, new)
    else:
        for index in range(max(len(old), len(new))):
            path = f"{row.name}[{index}]"
            if index >= len(old) or index >= len(new):
                yield path, Kind.ADD if index >= len(old) else Kind.DELETE
            else:
                yield from _field_changes(row, path, old[index], new[index])


def _field_changes(row: Property, path: str, old: Properties, new: Value) -> Iterator[tuple[str, Kind]]:
    if new == UNKNOWN:
        yield path, Kind.UPDATE
        return
    for field in row.fields:
        before, after = old.get(field.name), new.get(field.name)
        if before != after:
            kind = Kind.ADD if before is None else Kind.DELETE if after is None else Kind.UPDATE
            yield f"{path}.{field.name}", kind


def _element_changes(name: str, removed: set[int], added: set[int]) -> Iterator[tuple[str, Kind]]:
    """The differences of a list: removals at old indices, additions at new ones; both at one index are an update."""
    for index in sorted(removed | added):
        both = index in removed and index in added
        yield f"{name}[{index}]", Kind.UPDATE if both else Kind.ADD if index in added else Kind.DELETE


def _unique(values: list[Value]) -> list[Value]:
    return list(dict.fromkeys(values))


def _set_edits(old: list[Value], new: list[Value]) -> tuple[set[int], set[int]]:
    removed = {index for index, value in enumerate(old) if value not in new}
    return removed, {index for index, value in enumerate(new) if value not in old}


def _list_edits(old: list[Value], new: list[Value]) -> tuple[set[int], set[int]]:
    """The indices to remove and to add, keeping the longest common subsequence in place."""
    common = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            longest = max(common[i + 1][j], common[i][j + 1])
            common[i][j] = common[i + 1][j + 1] + 1 if old[i] == new[j] else longest
    i = j = 0
    removed: set[int] = set()
    added: set[int] = set()
    while i < len(old) and j < len(new):
        if common[i + 1][j] == common[i][j]:
            removed.add(i)
            i += 1
        elif common[i][j + 1] == common[i][j]:
            added.add(j)
            j += 1
        else:
            i, j = i + 1, j + 1
    return removed | set(range(i, len(old))), added | set(range(j, len(new)))


def half_made(table: Table, stated: Properties) -> Properties:
    """The outputs of a resource whose creation failed half-way: its inputs, everything else null."""
    outputs = dict(stated)
    for row in table.inputs:
        value = stated.get(row.name)
        if row.shape is Shape.STRING_SET and row.computed and value is None:
            outputs[row.name] = []
        elif row.shape is Shape.OBJECTS and value:
            outputs[row.name] = [
                {field.name: item[field.name] or field.shape.empty for field in row.fields} for item in value
            ]
    return outputs


def applied(table: Table, planned: Properties, live: Properties) -> Properties:
    """The outputs after a creation or an update: as read, but sets and nulls as planned.

    So a set that Graph changed on its own (tags after a change of `featureTags`, owners that no program set) shows up
    only after the next refresh.
    """
    outputs = outputs_of(table, planned, live)
    for row in table.inputs:
        value = planned.get(row.name)
        known_set = row.shape is Shape.STRING_SET and not has_unknown(value)
        unset = (row.shape.many or row.fields) and value is None and not outputs[row.name]
        if known_set or unset:
            outputs[row.name] = value
    return outputs


def outputs_of(table: Table, known: Properties, live: Properties) -> Properties:
    """Complete outputs: values read, in the table's form; values that Graph does not hold, as last known."""
    outputs: Properties = {"id": live["id"]}
    for row in table.properties:
        value = (
            live.get(row.name, row.shape.empty) if row.name in live or row.computed else known.get(row.name)
        )
        if row.shape is Shape.STRING_SET and isinstance(value, list):
            value = sorted(value)
        outputs[row.name] = row.shape.empty if value is None and row.name in live else value
    return outputs


def marked(table: Table, outputs: Properties) -> Properties:
    """The outputs with secrets marked."""
    return {
        key: Secret(value) if key in table.by_name and table.by_name[key].secret else value
        for key, value in outputs.items()
    }


def refreshed_inputs(old_inputs: Properties, outputs: Properties) -> Properties:
    """Live values for the keys that the program set, and no others. Lists are cut to their previous length."""
    return {
        key: old if key == DEFAULTS else _refreshed(old, outputs[key])
        for key, old in old_inputs.items()
        if key == DEFAULTS or outputs.get(key) is not None
    }


def _refreshed(old: Value, live: Value) -> Value:
    if isinstance(old, dict) and isinstance(live, dict):
        return refreshed_inputs(old, live)
    if isinstance(old, list) and isinstance(live, list):
        return [_refreshed(before, now) for before, now in zip(old, live, strict=False)]
    return live


def imported_inputs(table: Table, outputs: Properties) -> Properties:
    """The inputs that produce these outputs, without defaults, empty values and properties that exclude each other."""
    inputs: Properties = {DEFAULTS: []}
    for row in table.inputs:
        value = outputs.get(row.name)
        if value in (None, "", [], {}, False, row.default) or any(name in inputs for name in row.conflicts):
            continue
        if not row.fields:
            inputs[row.name] = value
        elif any(map(_says_something, value if row.shape.many else [value])):
            inputs[row.name] = _imported_objects(row, value)
    return inputs


def _says_something(item: Properties) -> bool:
    return any(item.values())


def _imported_objects(row: Property, value: Value) -> Value:
    items = [
        {field.name: item[field.name] for field in row.fields if item.get(field.name)} | {DEFAULTS: []}
        for item in (value if isinstance(value, list) else [value])
    ]
    return items if row.shape.many else items[0]
