"""Values that commands wrote for a stack on the sandbox.

On real tenants a command writes into the stack file. A rehearsal must not change a tracked file, so its values are
stored in the sandbox's folder and override the stack file, in commands and in the program, whoever starts the engine.
A value is dropped when the stack file changes in that place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings.errors import ConfigurationError
from mimecast_sso.settings.values import as_text
from mimecast_sso.text.files import parse_json

_Place = tuple[str, ...]
_PROFILE = "authenticationProfile"
_ATTESTED = ("confirmed", "evidence", "history")
_PLACES: tuple[_Place, ...] = (
    *((_PROFILE, key) for key in _ATTESTED),
    *((_PROFILE, "second", key) for key in _ATTESTED),
    *((key,) for key in ("rollOut", "certificates")),
    *((key,) for key in ("application", "assign", "addresses", "directorySynchronisation", "drift")),
)
"""The keys that commands write; each value is replaced as a whole."""

_DAMAGED = (
    "{} cannot be read. It holds the values that commands wrote for a stack on the sandbox. Delete it, and confirm the "
    "console work again."
)


@dataclass(frozen=True, slots=True)
class Written:
    """The file of written values; a missing file is empty.

    Values are those of a stack's configuration, by key without namespace. No method changes its arguments.
    """

    file: Path

    @classmethod
    def on_sandbox(cls, stack: str, environment: Mapping[str, str]) -> Written | None:
        """The file of a stack in a sandbox's environment; None on real tenants."""
        home = environment.get("SANDBOX_HOME")
        if not home or "SANDBOX_INSTANCE" not in environment:
            return None
        return cls(Path(home) / "stacks" / f"Pulumi.{stack}.written.json")

    def over(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """The configuration with the written values. Raises ConfigurationError for a damaged file."""
        merged = deepcopy(dict(values))
        for place, configured, written in self._read():
            if _plain(_at(values, place)) == configured:
                _put(merged, place, written)
        return merged

    def text(self, configured: Mapping[str, JSON], desired: Mapping[str, JSON]) -> str:
        """The content of the file with which ``over(configured)`` has the desired values for the written keys."""
        entries = [
            {"place": place, "configured": before, "written": _storable(_at(desired, place))}
            for place in _PLACES
            if (before := _plain(_at(configured, place))) != _plain(_at(desired, place))
        ]
        return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"

    def _read(self) -> Iterator[tuple[_Place, JSON, JSON]]:
        try:
            entries = parse_json(self.file.read_text(encoding="utf-8"))
            yield from [(tuple(each["place"]), each["configured"], each["written"]) for each in entries]
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError):
            raise ConfigurationError([_DAMAGED.format(self.file)]) from None


def _at(values: JSON, place: _Place) -> JSON:
    for key in place:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _put(values: dict[str, JSON], place: _Place, value: JSON) -> None:
    *parents, last = place
    for key in parents:
        inner = values.get(key)
        values[key] = values = inner if isinstance(inner, dict) else {}
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value


def _plain(value: JSON) -> JSON:
    """A value in a form that is equal whether read from YAML, JSON or the engine."""
    return _each_leaf(value, lambda leaf: leaf if isinstance(leaf, bool) else as_text(leaf))


def _storable(value: JSON) -> JSON:
    """A value for JSON: times become text."""
    return _each_leaf(value, lambda leaf: leaf if isinstance(leaf, bool | int | float) else as_text(leaf))


def _each_leaf(value: JSON, change: Callable[[JSON], JSON]) -> JSON:
    if isinstance(value, Mapping):
        return {str(key): _each_leaf(entry, change) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_each_leaf(entry, change) for entry in value]
    return None if value is None else change(value)
