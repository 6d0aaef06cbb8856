"""The order in which many stacks are deployed: rings, each after the one before it. Pure.

A ring is a tag. By default the rings are the tags ``ring-0``, ``ring-1``, … in the order of their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.text import foreign
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count

REST = "*"
"""In an order: all stacks that are in no other ring."""
_NUMBERED = re.compile(r"ring-(\d{1,6})")
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Ring:
    """Stacks that are deployed together; ``name`` is their tag, or ``*``."""

    name: str
    stacks: tuple[Listed, ...]


def in_rings(
    selected: Sequence[Listed], order: Sequence[str], everything: Iterable[Listed]
) -> tuple[Ring, ...]:
    """The rings of these stacks, in order; rings without a stack are left out.

    Args:
        selected: The stacks to deploy.
        order: Tags, optionally with ``*``; empty: ``ring-0``, ``ring-1``, …
        everything: Every stack of the project, to detect a misspelt tag.

    Raises:
        OperationError: The ring of a stack is ambiguous, or no stack has a tag of the order.
    """
    _require_readable(selected)
    tags = {tag for each in everything for tag in each.tags}
    names = _checked(order, tags) if order else _numbered(tags)
    ring_of = {each.name: _ring_of(each, names) for each in selected}
    without_one = [name for name, ring in ring_of.items() if ring is None]
    if without_one:
        raise OperationError(_without_ring(without_one, names))
    rings = (Ring(name, tuple(each for each in selected if ring_of[each.name] == name)) for name in names)
    return tuple(each for each in rings if each.stacks)


def _require_readable(selected: Iterable[Listed]) -> None:
    problems: Mapping[str, str] = {each.name: each.problem for each in selected if each.problem}
    if problems:
        name, problem = next(iter(problems.items()))
        raise OperationError(
            f"{count(len(problems), 'stack file')} cannot be read, so the ring is unknown: {_named([*problems])}. "
            f"{foreign.one_line(problem)} Fix that, or leave the stack out: --select '!{foreign.name(name)}'"
        )


def _checked(order: Sequence[str], tags: Iterable[str]) -> tuple[str, ...]:
    missing = [each for each in order if each != REST and each not in tags]
    if missing:
        raise OperationError(f"--rings: no stack has the tag {foreign.one_line(missing[0])}.", Exit.USAGE)
    if len(set(order)) < len(order):
        raise OperationError("--rings: a ring is named twice.", Exit.USAGE)
    return tuple(order)


def _numbered(tags: Iterable[str]) -> tuple[str, ...]:
    found = {tag: int(match[1]) for tag in tags if (match := _NUMBERED.fullmatch(tag))}
    return tuple(sorted(found, key=lambda tag: (found[tag], tag)))


def _ring_of(stack: Listed, names: Sequence[str]) -> str | None:
    mine = [name for name in names if name in stack.tags]
    if len(mine) > 1:
        raise OperationError(
            f"Stack {stack.name} is in several rings: {_named(mine)}. Keep only one of these tags in mimecast-sso:tags."
        )
    return mine[0] if mine else REST if REST in names else None


def _without_ring(without_one: Sequence[str], names: Sequence[str]) -> str:
    rings = f"The rings are {_named(names)}." if names else "No stack has a tag such as ring-1."
    return (
        f"{count(len(without_one), 'stack')} without a ring: {_named(without_one)}. {rings} Add the tag to "
        f"mimecast-sso:tags, name the order with the rest at its end (--rings 'canary,early,{REST}'), or leave them "
        "out with --select."
    )


def _named(names: Sequence[str]) -> str:
    return enumerate_some(names, _MOST_NAMES)
