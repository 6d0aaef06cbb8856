"""Reads files that people write for a stack, with the product's own error messages."""

from __future__ import annotations

import codecs
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
