"""Help texts of which every option and every example can be copied."""

from __future__ import annotations

from collections.abc import Iterable

import click

_EXAMPLE = "Example: "
_HYPHEN = "\N{NON-BREAKING HYPHEN}"
"""Stands for a hyphen while text is wrapped: click also breaks lines inside ``--stop-after``."""


class HelpFormatter(click.HelpFormatter):
    """Breaks no word at its hyphens, and keeps each example on one line."""

    def write(self, string: str) -> None:
        super().write(string.replace(_HYPHEN, "-"))

    def write_text(self, text: str) -> None:
        super().write_text("\n\n".join(map(_held, text.split("\n\n"))))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(first, _held(second)) for first, second in rows], col_max, col_spacing)


def _held(paragraph: str) -> str:
    if paragraph.startswith(_EXAMPLE):
        return f"\b\n{' '.join(paragraph.split())}"  # click leaves such a paragraph as it is.
    return paragraph.replace("-", _HYPHEN)
