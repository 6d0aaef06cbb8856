"""Layers of stack files: common values in ``stacks/_base.yaml``, and a file per tag and per stack.

Later layers win: ``_base.yaml``, ``_<tag>.yaml`` for each tag of the stack in its order, ``_<stack>.yaml``. Maps are
merged key by key; everything else is replaced, and ``null`` takes back what an earlier layer sets. The result is
written into the stack files themselves, so that a plain ``pulumi up``, every command and every review see the same
file. A key that no layer has is kept. Values that commands write are taken from a layer only if the stack file has
none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.scalarbool import ScalarBoolean

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.fleet.selection import Listed, tags_of
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.stacks import load_stack_file, stack_file_text
from mimecast_sso.settings import (
    NAMESPACE,
    SECRET_KEYS,
    ConfigurationError,
    from_values,
    is_encrypted,
    values_of,
)
from mimecast_sso.text import foreign
from mimecast_sso.text.files import read_text

_BASE = "base"
_TAGS = f"{NAMESPACE}:tags"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
"""The names of tags and stacks; anything else could lead out of the folder."""
_Place = tuple[str, ...]
_BETWEEN_LAYERS: _Place = ("",)
"""Values that layers always replace, because no command writes them."""
_COMMANDS_WRITE: frozenset[_Place] = frozenset(
    {
        ("rollOut", "who"),
        ("rollOut", "pilot"),
        ("rollOut", "share"),
        ("certificates",),
        ("authenticationProfile", "confirmed"),
        ("authenticationProfile", "evidence"),
        ("authenticationProfile", "history"),
        ("authenticationProfile", "second"),
    }
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A stack file as rendered from its layers.

    Attributes:
        changed: Keys of the layers that the file lacks or has with another value.
    """

    file: Path
    text: str
    changed: tuple[str, ...]


def render(project: Project, stacks: tuple[Listed, ...]) -> Iterator[Rendered]:
    """Render the stack files that have layers.

    Raises:
        OperationError: A file cannot be used, or the rendered file is not a valid configuration.
    """
    for listed in stacks:
        layers = [file for name in _names(project, listed) if (file := _layer(project, name)).is_file()]
        if layers:
            yield _rendered(project.stack_file(listed.name), layers, _layer(project, listed.name))


def unused(project: Project, stacks: tuple[Listed, ...]) -> tuple[str, ...]:
    """The names of layers that no stack has: of a tag or a stack that does not exist."""
    used = {_layer(project, name).name for listed in stacks for name in _names(project, listed)}
    return tuple(sorted({file.name for file in project.stack_files.glob("_*.yaml")} - used))


def _names(project: Project, listed: Listed) -> tuple[str, ...]:
    """The layers of a stack, the last of which wins, each once."""
    return tuple(dict.fromkeys((_BASE, *_tags(project, listed), listed.name)))


def _tags(project: Project, listed: Listed) -> tuple[str, ...]:
    """The tags that the rendered file will have: its own layer or the base may set them."""
    for name in (listed.name, _BASE):
        file = _layer(project, name)
        found = load_stack_file(file)["config"].get(_TAGS) if file.is_file() else None
        if found is not None:
            return tuple(filter(_NAME.fullmatch, tags_of(found)))
    return tuple(filter(_NAME.fullmatch, listed.tags))


def _layer(project: Project, name: str) -> Path:
    return project.stack_files / f"_{name}.yaml"


def _read(layer: Path, *, shared: bool) -> dict[str, JSON]:
    """The configuration in a layer. Raises OperationError for what a layer cannot set."""
    document = load_stack_file(layer)
    config: dict[str, JSON] = document["config"]
    beside = sorted(str(key) for key in document if key != "config")
    secrets = sorted(str(key) for key, value in config.items() if _is_secret(str(key), value, shared=shared))
    bare = sorted(str(key) for key in config if ":" not in str(key))
    problems = {
        "Only config: is merged; write the other sections into each stack file": beside,
        "A secret is encrypted for one stack; set it there (pulumi config set --secret)": secrets,
        f"Keys need a namespace, such as {NAMESPACE}:": bare,
        "Tags decide which layers a stack has; set them in its own file": [_TAGS]
        if shared and layer.stem != f"_{_BASE}" and _TAGS in config
        else [],
    }
    for why, keys in problems.items():
        if keys:
            raise OperationError(
                f"{layer.name} sets {foreign.one_line(', '.join(keys))}. {why}. Nothing was written."
            )
    try:
        values_of(read_text(layer), layer)
        return {key: _copied(value, nulls=True) for key, value in config.items()}
    except ConfigurationError as error:
        raise OperationError(f"{error} Nothing was written.") from None


def _is_secret(key: str, value: JSON, *, shared: bool) -> bool:
    """Whether a layer may not set it: a secret in plain text, or of a shared layer an encrypted one."""
    own = key.removeprefix(f"{NAMESPACE}:")
    inside = (_at(value, path.split(".")[1:]) for path in SECRET_KEYS if path.split(".")[0] == own)
    if any(each is not None and not is_encrypted(each) for each in inside):
        return True
    return shared and is_encrypted(value)


def _at(value: JSON, path: Sequence[str]) -> JSON:
    """The value at a path inside another one; None for none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _rendered(file: Path, layers: list[Path], own: Path) -> Rendered:
    selected: dict[str, JSON] = {}
    for layer in layers:
        _lay_over(selected, _read(layer, shared=layer != own), _BETWEEN_LAYERS)
    document = load_stack_file(file)
    config = document["config"]
    changed = tuple(
        key for key, value in selected.items() if _lay(_plain(config, key), key, value, _place(key))
    )
    if not changed:
        return Rendered(file, read_text(file), ())
    _separate(config, changed)
    for key in changed:
        _lay(config, key, selected[key], _place(key))
    text = stack_file_text(document, file)
    try:
        from_values(values_of(text, file))
    except ConfigurationError as error:
        names = ", ".join(layer.name for layer in layers)
        raise OperationError(
            f"With {names}, {file.name} would not be a valid configuration: {error} Nothing was written."
        ) from None
    return Rendered(file, text, changed)


def _place(key: str) -> _Place:
    return (key.removeprefix(f"{NAMESPACE}:"),)


def _plain(config: Mapping[str, JSON], key: str) -> dict[str, JSON]:
    """A copy of one key."""
    return {key: _copied(config[key], nulls=True)} if key in config else {}


def _lay_over(target: JSON, source: Mapping[str, JSON], place: _Place) -> bool:
    """Merge the source into the target; return whether anything changed."""
    changed = [_lay(target, key, value, (*place, key)) for key, value in source.items()]
    return any(changed)


def _lay(target: JSON, key: str, value: JSON, place: _Place) -> bool:
    present, kept = target.get(key), place in _COMMANDS_WRITE
    if value is None:
        return place[0] == "" and target.pop(key, None) is not None
    if _is_map(present) and _is_map(value) and not kept:
        return _lay_over(present, value, place)
    if present == value or (kept and present is not None):
        return False
    target[key] = _copied(value, nulls=not _is_map(value))
    return True


def _separate(config: JSON, changed: Sequence[str]) -> None:
    """Write out aliases and merge keys if a change is in one of their maps: it would change their other places too."""
    several = _repeated(config)
    if not any(several.intersection(_inside(config.get(key))) for key in changed):
        return
    for key, value in config.items():
        if several.intersection(_inside(value)):
            config[key] = _copied(value, nulls=True)


def _copied(value: JSON, *, nulls: bool) -> JSON:
    """A copy of its own, without anchors; without ``nulls``, where a map is merged that has nothing to take back."""
    if isinstance(value, Mapping):
        inside = ((key, each) for key, each in value.items() if nulls or each is not None)
        return {key: _copied(each, nulls=nulls or not _is_map(each)) for key, each in inside}
    if isinstance(value, list):
        return [_copied(each, nulls=True) for each in value]
    if getattr(value, "anchor", None) is None or value.anchor.value is None:
        return deepcopy(value)
    if isinstance(value, ScalarBoolean):
        return bool(value)
    return next((kind(value) for kind in (str, int, float) if isinstance(value, kind)), value)


def _repeated(document: JSON) -> frozenset[int]:
    """The ids of maps and lists that are in several places of a file."""
    return frozenset(each for each, number in Counter(_inside(document)).items() if number > 1)


def _inside(value: JSON) -> Iterator[int]:
    """The ids of the maps and lists in a value, itself included, once for each place; what is in them only once."""
    seen: set[int] = set()
    left = [value]
    while left:
        each = left.pop()
        if not isinstance(each, (Mapping, list)):
            continue
        yield id(each)
        if id(each) not in seen:
            seen.add(id(each))
            left += each.values() if isinstance(each, Mapping) else each
            left += getattr(each, "merge", ())


def _is_map(value: JSON) -> bool:
    """Whether it is a map to merge; an encrypted value is a single value."""
    return isinstance(value, Mapping) and set(value) != {"secure"}
