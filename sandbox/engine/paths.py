"""Property paths such as `tags.owner`, `rules[0].port` or `["a.b"].*`, and operations on them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.engine.values import SIGNATURE, Properties, Secret, copied, equal

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
    (?P<dot>\.)?
    (?: \[ (?: (?P<index>\d+) | (?P<quoted>"(?:[^"\\]|\\.)*") | (?P<star>\*) ) \] | (?P<name>[^.\[\]"]+) )
    """,
    re.VERBOSE,
)
_BARE = re.compile(r"[A-Za-z0-9_]*")


def parse(text: str) -> Path:
    """Parse a property path; ValueError if it is not one."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (match["dot"] and not parts) or (match["name"] and parts and not match["dot"]):
            raise ValueError(f"{text!r} is not a property path (at character {position + 1})")
        if match["index"]:
            parts.append(int(match["index"]))
        elif match["quoted"]:
            parts.append(json.loads(match["quoted"]))
        else:
            parts.append(match["star"] or match["name"])
        position = match.end()
    return tuple(parts)


def render(path: Sequence[str | int]) -> str:
    """The text of a path; keys with characters other than letters, digits and `_` are in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE.fullmatch(part):
            text += ("." if text else "") + part
        else:
            text += "[" + json.dumps(part, ensure_ascii=False) + "]"
    return text


def covers(path: Path, other: Path) -> bool:
    """Whether `path` equals `other` or is a prefix of it; `*` stands for any one part."""
    return len(path) <= len(other) and all(
        part in ("*", there) for part, there in zip(path, other, strict=False)
    )


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[Path, str]:
    """Paths that differ, with `add`, `delete` or `update`. Null counts as absent."""
    found: dict[Path, str] = {}
    _compare_maps((), old, new, found)
    return found


def _compare_maps(
    prefix: Path, old: Mapping[str, Any], new: Mapping[str, Any], found: dict[Path, str]
) -> None:
    for key in [*old, *(key for key in new if key not in old)]:
        _compare((*prefix, key), old.get(key), new.get(key), found)


def _compare(path: Path, old: Any, new: Any, found: dict[Path, str]) -> None:
    if equal(old, new):
        return
    if old is None or new is None:
        found[path] = "add" if old is None else "delete"
    elif isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in old and SIGNATURE not in new:
        _compare_maps(path, old, new, found)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index >= len(old) or index >= len(new):
                found[(*path, index)] = "add" if index >= len(old) else "delete"
            else:
                _compare((*path, index), old[index], new[index], found)
    else:
        found[path] = "update"


def copy(value: Any) -> Any:
    """A copy of the containers, so that `reset` can work in place."""
    if isinstance(value, Secret):
        return Secret(copy(value.value))
    return copied(copy, value)


def reset(path: Path, old: Any, new: Any, *, secret: bool = False) -> bool:
    """Reset the value at `path` in `new` to that in `old`: set, restored or removed.

    Never creates missing parents, and never adds or removes list elements [case ignore_changes].

    Returns:
        False when the path cannot be followed.
    """
    while isinstance(old, Secret):
        old, secret = old.value, True
    while isinstance(new, Secret):
        new, secret = new.value, False
    head, rest = path[0], path[1:]
    if head == "*":
        return _reset_all(rest, old, new, secret)
    if isinstance(head, int):
        return _reset_element(head, rest, old, new, secret)
    if not rest:
        return _reset_key(head, old, new, secret)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return not isinstance(old, dict) and not isinstance(new, dict)
    if head not in new:
        return head not in old
    return reset(rest, old.get(head), new[head], secret=secret)


def _reset_key(key: str, old: Any, new: Any, secret: bool) -> bool:
    if isinstance(old, dict) and key in old:
        if not isinstance(new, dict):
            return False
        new[key] = Secret(old[key]) if secret else old[key]
    elif isinstance(new, dict):
        new.pop(key, None)
    return True


def _reset_element(index: int, rest: Path, old: Any, new: Any, secret: bool) -> bool:
    if not isinstance(old, list) or not isinstance(new, list):
        return not isinstance(old, list) and not isinstance(new, list)
    if index >= len(old) or index >= len(new):
        return not rest and index >= len(old) and index >= len(new)
    if rest:
        return reset(rest, old[index], new[index], secret=secret)
    new[index] = Secret(old[index]) if secret else old[index]
    return True


def _reset_all(rest: Path, old: Any, new: Any, secret: bool) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        if rest:
            return all(key in new and reset(rest, old[key], new[key], secret=secret) for key in old)
        new.clear()
        new.update({key: Secret(value) if secret else value for key, value in old.items()})
        return True
    if isinstance(old, list) and isinstance(new, list):
        done = [_reset_element(i, rest, old, new, secret) for i in range(min(len(old), len(new)))]
        return all(done) and len(old) == len(new)
    return not rest and isinstance(new, dict | list)


def get(path: Path, value: Any) -> Any:
    """The value at a path; KeyError if there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError) as error:
            raise KeyError(render(path)) from error
    return value


def assign(path: Path, root: Properties, value: Any) -> None:
    """Set the value at a path, creating maps and lists on the way.

    Raises:
        ValueError: A list would get a gap, or a part of the path is neither a map nor a list.
    """
    target: Any = root
    for part, following in zip(path, [*path[1:], None], strict=True):
        fresh: Any = value if following is None else ([] if isinstance(following, int) else {})
        if isinstance(part, int):
            if not isinstance(target, list) or part > len(target):
                raise ValueError(f"{render(path)}: index {part} is out of range for this list")
            if part == len(target):
                target.append(fresh)
        elif not isinstance(target, dict):
            raise ValueError(f"{render(path)}: {part!r} is not inside a map")  # noqa: TRY004
        else:
            target.setdefault(part, fresh)
        if following is None:
            target[part] = value
        elif not isinstance(target[part], dict | list):
            target[part] = fresh
        target = target[part]
