"""Terminals, logs and command lines that are not in UTF-8, or that nobody reads any longer."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO, cast


class _Unread:
    """A stream that goes on once its reader has gone: a closed pipe must not end a deployment half-way."""

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
        """Sends what follows to nowhere; what is in the buffer goes there too."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def write_to_anything() -> None:
    """Prepare standard output and error for whatever is at their end.

    What their encoding lacks is written as an escape. After ``| head`` has closed the pipe, the rest is dropped: the
    work goes on, and the exit code says how it ended.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, cast(TextIO, _Unread(stream)))


def argument(text: str) -> str:
    """An argument of the command line; in a locale without an encoding, such as C, people still type UTF-8."""
    if text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text):
        return text
    return os.fsencode(text).decode("utf-8", errors="backslashreplace")
