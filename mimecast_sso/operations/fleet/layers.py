"""Layers of stack files: common values in ``stacks/_base.yaml``, and a file per tag and per stack.

Later layers win: ``_base.yaml``, ``_<tag>.yaml`` for each tag of the stack in its order, ``_<stack>.yaml``. Maps are
merged key by key; everything else is replaced, and ``null`` takes back what an earlier layer sets. The result is
written into the stack files themselves, so that a plain ``pulumi up``, every command and every review see the same
file. A key that no layer has is kept. Values that commands write are taken from a layer only if the stack file has
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.fleet.selection import Listed
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
        if isinstance(found, list):
            return tuple(each for each in found if isinstance(each, str) and _NAME.fullmatch(each))
    return tuple(each for each in listed.tags if _NAME.fullmatch(each))


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
    return config


def _is_secret(key: str, value: JSON, *, shared: bool) -> bool:
    """Whether a layer may not set it: a secret in plain text, or of a shared layer an encrypted one."""
    if key.removeprefix(f"{NAMESPACE}:") in SECRET_KEYS and not is_encrypted(value):
        return True
    return shared and is_encrypted(value)


def _rendered(file: Path, layers: list[Path], own: Path) -> Rendered:
    selected: dict[str, JSON] = {}
    for layer in layers:
        _lay_over(selected, _read(layer, shared=layer != own), _BETWEEN_LAYERS)
    document = load_stack_file(file)
    config = document["config"]
    changed = tuple(
        key
        for key, value in selected.items()
        if _lay(config, key, value, (key.removeprefix(f"{NAMESPACE}:"),))
    )
    if not changed:
        return Rendered(file, read_text(file), ())
    text = stack_file_text(document, file)
    try:
        from_values(values_of(text, file))
    except ConfigurationError as error:
        names = ", ".join(layer.name for layer in layers)
        raise OperationError(
            f"With {names}, {file.name} would not be a valid configuration: {error} Nothing was written."
        ) from None
    return Rendered(file, text, changed)


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
    target[key] = _without_nulls(value)
    return True


def _without_nulls(value: JSON) -> JSON:
    """A copy without the nulls of a map to merge: there was nothing for them to take back."""
    if not _is_map(value):
        return deepcopy(value)
    return {key: _without_nulls(each) for key, each in value.items() if each is not None}


def _is_map(value: JSON) -> bool:
    """Whether it is a map to merge; an encrypted value is a single value."""
    return isinstance(value, Mapping) and set(value) != {"secure"}
