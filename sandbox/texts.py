"""Reads files that people write for a stack, with the product's own error messages."""

from __future__ import annotations

import codecs
import re
from pathlib import Path


class UnreadableTextError(ValueError):
    """A file that is missing, unreadable, or not text in UTF-8. The message names it and quotes nothing from it."""


def read(file: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        UnreadableTextError
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UnreadableTextError(f"{file} cannot be read: {error.strerror}") from None
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableTextError(f"{file} is not text in UTF-8 (line {line}); save it as UTF-8") from None


_QUOTING = re.compile(
    r"could not determine a constructor for the tag|found undefined (alias|tag handle)|found duplicate anchor"
)
"""Problems of which the libraries quote the text. A password that begins with ! or * is a tag or an alias to YAML."""


def where(error: Exception) -> str:
    """The position and reason of a YAML error, ``, line 2, column 3: …``, without any of the file's content."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    if problem:
        problem = problem.partition(" with value ")[0]  # Of a duplicate key: the value may be a secret.
        quoting = _QUOTING.match(problem)
        problem = f"{quoting[0]}; quote the value if it is text" if quoting else problem
    character = getattr(error, "character", None)
    if character is not None:  # Of the reader: a character as such, or as its number.
        number = character if isinstance(character, int) else ord(character)
        return f": YAML does not allow U+{number:04X}; delete it"
    return f"{place}: {problem or (str(error) if mark is None else 'not valid YAML')}"
