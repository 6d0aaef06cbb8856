"""Output to streams that are not in UTF-8 or whose reader has gone, and arguments in other encodings."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO, cast


class _Unread:
    """A stream that ignores a closed pipe or terminal, so that it does not interrupt a deployment."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # A closed terminal does not say any more that it is one; EIO of a file is a failing disk.
        self._gone = (errno.EPIPE, errno.EIO) if stream.isatty() else (errno.EPIPE,)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Discard all further output, including the buffer. Raises the error if somebody may still read it."""
        if error.errno not in self._gone:
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def write_to_anything() -> None:
    """Prepare standard output and error for any encoding, a closed pipe and a closed terminal.

    Characters that the encoding lacks are written as escapes. After ``| head`` closed the pipe, the rest is dropped:
    the command continues, and its exit code is still valid.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, cast(TextIO, _Unread(stream)))


def argument(text: str) -> str:
    """An argument of the command line, read as UTF-8 in a locale without an encoding, such as C."""
    if text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text):
        return text
    return os.fsencode(text).decode("utf-8", errors="backslashreplace")
