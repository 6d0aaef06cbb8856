"""Paragraphs of terminal width, in which a command that people copy stays in one piece."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TextIO

WIDTH = 80
"""Columns of texts that are also written to files."""

_COMMAND = re.compile(
    # A long word is searched once, not from each of its characters.
    r"(?<![\w./])(?:[\w./]*(?:python -m|mimecast-sso) sandbox run -- )?"
    r"[\w./]*(?:mimecast-sso|python -m sandbox|pulumi)(?: [a-z][a-z-]*){1,3}"
    r"(?: -{1,2}\w[\w-]*(?: [^-\s][^\s,;)]*)?)+"
)
_NARROWEST = 40
_HELD = "\N{NO-BREAK SPACE}"
"""Stands for a blank where a line may not end."""


def paragraph(
    text: str, first: str = "", rest: str = "", *, width: int = WIDTH, most_lines: int | None = None
) -> str:
    """A text in lines; no word and no command is broken, so a long one exceeds the width.

    Args:
        text: One paragraph.
        first: Begins the first line.
        rest: Begins the other lines.
        width: The width in columns.
        most_lines: Lines after which the text is cut.
    """
    lines = textwrap.wrap(
        _COMMAND.sub(lambda found: found[0].replace(" ", _HELD), text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=most_lines,
        placeholder=" …",
    )
    return "\n".join(lines).replace(_HELD, " ")


def terminal_width(stream: TextIO | None = None) -> int | None:
    """The columns of the terminal that a stream is; ``None`` for a pipe or a file, in which nothing is wrapped.

    Also ``None`` for a terminal so narrow that wrapped text is harder to read than long lines.
    """
    if not (stream or sys.stdout).isatty():
        return None
    columns = shutil.get_terminal_size().columns
    return columns if columns >= _NARROWEST else None


def on_terminal(text: str, rest: str = "  ", stream: TextIO | None = None) -> str:
    """A text to print: wrapped on a terminal; unchanged in a pipe or a file, so that it can be searched.

    Args:
        text: One paragraph or several, one a line.
        rest: Begins the lines of a paragraph after its first.
        stream: Where it is printed; standard output by default.
    """
    width = terminal_width(stream)
    if width is None:
        return text
    return "\n".join(_at(each, rest, width) for each in text.split("\n"))


def _at(line: str, rest: str, width: int) -> str:
    margin = line[: len(line) - len(line.lstrip(" "))]
    return paragraph(line.lstrip(" "), margin, f"{margin}{rest}", width=width)
