"""The log of a command, for ``--log-file`` and ``-v``: engine runs, and calls with status and duration.

The engine, the program and its providers are separate processes, which are not logged here.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.text import foreign

_LOGGERS = ("mimecast_sso", "providers")
_SECRET_NAMES = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSPHRASE|KEY)$")
_SHORTEST = 4
"""Minimum length of a secret that is masked: a shorter one would match everywhere."""
_LOOKS_SECRET = re.compile(
    r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]+)?"  # a JSON web token
    r"|(?<=Bearer )\S+"
    r"|(?<=SAMLResponse=)\S+|(?<=SAMLRequest=)\S+"
    r"|[A-Za-z0-9+/_-]{200,}={0,2}"  # an assertion, a key, a certificate
    r"|://[^/@\s:]*:[^/@\s]+(?=@)"  # credentials in an address
)
_HIDDEN = "[redacted]"
_log = logging.getLogger(__name__)


def start(words: Sequence[str], file: Path | None, *, verbose: bool) -> None:
    """Start the log of a command, if there is a file or ``verbose``. Raises OperationError for the file."""
    if file is None and not verbose:
        return
    logging.raiseExceptions = False  # A full disk must not interrupt a deployment.
    form = Redacted(secrets(os.environ))
    shown = logging.StreamHandler(sys.stderr)
    # Without a log, Python prints warnings itself; that is kept.
    shown.setLevel(logging.DEBUG if verbose else logging.WARNING)
    handlers: list[logging.Handler] = [shown]
    if file is not None:
        handlers.append(_to(file))
    for handler in handlers:
        handler.setFormatter(form)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.handlers = handlers
    _log.info("mimecast-sso %s", " ".join(words))


def secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables with the name of a secret, the longest first."""
    found = {
        value for name, value in environment.items() if _SECRET_NAMES.search(name) and len(value) >= _SHORTEST
    }
    return tuple(sorted(found, key=len, reverse=True))


class Redacted(logging.Formatter):
    """One line per entry: time in UTC, level, text. Masks secrets and what looks like one."""

    converter = staticmethod(time.gmtime)

    def __init__(self, hidden: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._hidden = hidden

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for value in self._hidden:
            text = text.replace(value, _HIDDEN)
        return foreign.one_line(_LOOKS_SECRET.sub(_HIDDEN, text))


def _to(file: Path) -> logging.Handler:
    """Appends to a file that only its owner can read. Raises OperationError if it cannot be written."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        return logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OperationError(
            f"{file} cannot be written: {error.strerror}. Name another --log-file."
        ) from None
