"""Layers of stack files: common values in ``stacks/_base.yaml``, and a file per tag and per stack.

Later layers win: ``_base.yaml``, ``_<tag>.yaml`` for each tag of the stack in its order, ``_<stack>.yaml``.
 Maps are merged key by key; everything else is replaced. The result is written into the
stack files themselves, so that a plain ``pulumi up``, every command and every review see the same file. A key that no
layer has is kept. Values that commands write are taken from a layer only if the stack file has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.stacks import load_stack_file, stack_file_text
from mimecast_sso.settings import NAMESPACE, ConfigurationError, from_values, values_of
from mimecast_sso.text.files import read_text

_BASE = "base"
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
        layers = [
            file for name in (_BASE, *listed.tags, listed.name) if (file := _layer(project, name)).is_file()
        ]
        if layers:
            yield _rendered(project.stack_file(listed.name), layers)


def _layer(project: Project, name: str) -> Path:
    return project.stack_files / f"_{name}.yaml"


def _rendered(file: Path, layers: list[Path]) -> Rendered:
    wanted: dict[str, Any] = {}
    for layer in layers:
        _lay_over(wanted, load_stack_file(layer)["config"], _BETWEEN_LAYERS)
    document = load_stack_file(file)
    config = document["config"]
    changed = tuple(
        key for key, value in wanted.items() if _lay(config, key, value, (key.removeprefix(f"{NAMESPACE}:"),))
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


def _lay_over(target: Any, source: Mapping[str, Any], place: _Place) -> bool:
    """Merge the source into the target; return whether anything changed."""
    changed = [_lay(target, key, value, (*place, key)) for key, value in source.items()]
    return any(changed)


def _lay(target: Any, key: str, value: Any, place: _Place) -> bool:
    present, kept = target.get(key), place in _COMMANDS_WRITE
    if _is_map(present) and _is_map(value) and not kept:
        return _lay_over(present, value, place)
    if present == value or (kept and present is not None):
        return False
    target[key] = deepcopy(value)
    return True


def _is_map(value: Any) -> bool:
    """Whether it is a map to merge; an encrypted value is a single value."""
    return isinstance(value, Mapping) and set(value) != {"secure"}
