"""Property values and their differences as lines of text, laid out as the Pulumi CLI does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.engine.values import SIGNATURE, UNKNOWN, Secret, equal, has_unknowns

Paint = Callable[[str, str], str]  # the text, and the symbol ("+", "-", "~") that determines its colour


class ObjectDiff:
    """Formats values and differences; with `sames` also unchanged values."""

    def __init__(self, paint: Paint, *, show_secrets: bool = False, sames: bool = True) -> None:
        self._paint = paint
        self._show_secrets = show_secrets
        self._sames = sames

    def text(self, value: Any, indent: str = "") -> str:
        """One value; the lines after the first begin with `indent`."""
        if isinstance(value, Secret):
            return self.text(value.value, indent) if self._show_secrets else "[secret]"
        if value is UNKNOWN or (not isinstance(value, dict | list) and has_unknowns(value)):
            return "[unknown]"
        if isinstance(value, dict) and SIGNATURE in value:
            return str(value.get("urn"))
        inner = indent + "    "
        if isinstance(value, dict) and value:
            rows = [f"{inner}{label}{self.text(value[key], inner)}" for key, label in _labels(value)]
            return "{\n" + "\n".join(rows) + f"\n{indent}}}"
        if isinstance(value, list) and value:
            rows = [f"{inner}[{i}]: {self.text(item, inner)}" for i, item in enumerate(value)]
            return "[\n" + "\n".join(rows) + f"\n{indent}]"
        return json.dumps(value, ensure_ascii=False)

    def values(self, values: Mapping[str, Any], indent: str, width: int = 0) -> Iterator[str]:
        """One or more lines per key, with keys padded to at least `width`."""
        for key, label in _labels({key: value for key, value in values.items() if not _empty(value)}, width):
            yield f"{indent}{label}{self.text(values[key], indent)}"

    def changes(
        self, old: Mapping[str, Any], new: Mapping[str, Any], indent: str, width: int = 0
    ) -> Iterator[str]:
        """One or more lines per key, after a symbol two columns wide."""
        both = {**old, **new}
        shown = {
            key: value
            for key, value in both.items()
            if not (_empty(old.get(key)) and _empty(new.get(key)))
            and (self._sames or not equal(old.get(key), new.get(key)))
        }
        for key, label in _labels(shown, width):
            yield from self._change(label, old.get(key), new.get(key), indent)

    def _change(self, label: str, old: Any, new: Any, indent: str) -> Iterator[str]:
        inner = indent + "    "
        if equal(old, new) or (self._sames and isinstance(old, Secret) and isinstance(new, Secret)):
            yield f"{indent}  {label}{self.text(new, indent + '  ')}"
        elif _empty(old) or _empty(new):
            yield self._whole("+" if _empty(old) else "-", label, new if _empty(old) else old, indent)
        elif _is_object(old) and _is_object(new):
            yield self._paint(f"{indent}~ {label}{{", "~")
            yield from self.changes(old, new, inner)
            yield f"{indent}  }}"
        elif isinstance(old, list) and isinstance(new, list):
            yield self._paint(f"{indent}~ {label}[", "~")
            for index in range(max(len(old), len(new))):
                yield from self._element(index, old, new, inner)
            yield f"{indent}  ]"
        elif isinstance(old, dict | list) or isinstance(new, dict | list):
            yield self._whole("-", label, old, indent)
            yield self._whole("+", label, new, indent)
        else:
            yield self._paint(f"{indent}~ {label}{self.text(old)} => {self.text(new)}", "~")

    def _element(self, index: int, old: list[Any], new: list[Any], indent: str) -> Iterator[str]:
        label = f"[{index}]: "
        if index >= len(old) or index >= len(new):
            mark, value = ("+", new[index]) if index >= len(old) else ("-", old[index])
            yield self._whole(mark, label, value, indent)
        elif _is_object(old[index]) and _is_object(new[index]) and not equal(old[index], new[index]):
            yield self._paint(f"{indent}~ {label}{{", "~")
            yield from self.changes(old[index], new[index], indent + "        ")
            yield f"{indent}      }}"
        else:
            yield from self._change(label, old[index], new[index], indent)

    def _whole(self, mark: str, label: str, value: Any, indent: str) -> str:
        return self._paint(f"{indent}{mark} {label}{self.text(value, indent + '  ')}", mark)


def _labels(values: Mapping[str, Any], width: int = 0) -> Iterator[tuple[str, str]]:
    width = max([width, *map(len, values)])
    for key in sorted(values):
        yield key, f"{key:<{width}}: "


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and SIGNATURE not in value


def _empty(value: Any) -> bool:
    """Whether the value gets no line: nulls and empty containers."""
    return value is None or value in ({}, [])
