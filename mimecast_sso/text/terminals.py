"""Output to streams that are not in UTF-8 or whose reader has gone, and arguments in other encodings."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Final, TextIO, cast

READ_BY_PROGRAMS: Final = {"PYTHONIOENCODING": "utf-8"}
"""For the environment of children whose output this project, the Pulumi CLI or gRPC's plugins read. The encoding that a
person chose for a terminal is not theirs: a plugin that prints its port in UTF-16 cannot be started."""


class _Unread:
    """A stream that a closed pipe or terminal or a full disk does not stop, so that it does not interrupt a deployment.

    Attributes:
        lost: Why text was lost, unless nobody reads it; "" if none was.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # A closed terminal does not say any more that it is one; EIO of a file is a failing disk.
        self._gone = (errno.EPIPE, errno.EIO) if stream.isatty() else (errno.EPIPE,)
        self.lost = ""

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
        """Discard all further output, including the buffer."""
        if error.errno not in self._gone:
            self.lost = error.strerror or type(error).__name__
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def write_to_anything() -> None:
    """Prepare standard output and error for any encoding, a closed pipe or terminal, and a full disk.

    Characters that the encoding lacks are written as escapes. After ``| head`` closed the pipe, or the disk is full,
    the rest is dropped: the command continues. See `code_of_output`.
    """
    _open_closed()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, cast(TextIO, _Unread(stream)))


def _open_closed() -> None:
    """Open the standard streams that the caller closed, as ``>&-`` does: the next file would take their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest free number, which is this one.
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 (never closed)
            setattr(sys, name, stream)


def code_of_output(code: int) -> int:
    """The exit code of a command whose own is ``code``: not 0 if output was lost, which is then reported."""
    sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", "")
    if not lost:
        return code
    print(
        f"Standard output could not be written: {lost}. Its text is incomplete; the command ended with {code}.",
        file=sys.stderr,
    )
    return code or 1


def argument(text: str) -> str:
    """An argument of the command line, read as UTF-8 in a locale without an encoding, such as C."""
    if text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text):
        return text
    return os.fsencode(text).decode("utf-8", errors="backslashreplace")
