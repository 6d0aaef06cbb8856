"""Output to terminals, to streams that are not in UTF-8 or whose reader has gone, and arguments in other encodings."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from typing import TextIO, cast


class _Unread:
    """A stream that ignores a closed pipe, so that it does not interrupt a deployment."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        """Discard all further output, including the buffer."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def write_to_anything() -> None:
    """Prepare standard output and error for any encoding and a closed pipe.

    Characters that the encoding lacks are written as escapes. After ``| head`` closed the pipe, the rest is dropped:
    the command continues, and its exit code is still valid.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, cast(TextIO, _Unread(stream)))


_NARROWEST = 40


def width() -> int | None:
    """The columns of the terminal that standard output is; ``None`` for a pipe or a file, which nobody wraps.

    Also ``None`` for a terminal so narrow that wrapped text is harder to read than long lines.
    """
    if not sys.stdout.isatty():
        return None
    columns = shutil.get_terminal_size().columns
    return columns if columns >= _NARROWEST else None


def wrapped(line: str, columns: int, hanging: str = "  ") -> list[str]:
    """A line cut between words, so that it fits; a word that is longer, such as an address, stays in one piece."""
    return textwrap.wrap(
        line, columns, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    ) or [""]


def argument(text: str) -> str:
    """An argument of the command line, read as UTF-8 in a locale without an encoding, such as C."""
    if text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text):
        return text
    return os.fsencode(text).decode("utf-8", errors="backslashreplace")
