"""The control plane's token, readable only by the owner of the sandbox's home.

Other users of the machine and web pages in a browser can reach the loopback port too.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

TOKEN_FILE = "control.token"

_MODE = 0o600
_SHORTEST = 32
"""Characters of a token that nobody guesses."""


def ensure(home: Path) -> str:
    """The token of the sandbox in ``home``; created unless one exists that only its owner can read."""
    file = home / TOKEN_FILE
    # A full disk may have left an empty one, which everybody knows.
    if _is_private(file) and len(known := read(home)) >= _SHORTEST:
        return known
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    token = secrets.token_urlsafe(32)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE), "w") as opened:
        opened.write(token)
    part.replace(file)
    return token


def read(home: Path) -> str:
    """The token, for a client.

    Raises:
        OSError: it is missing, or belongs to another user.
    """
    return (home / TOKEN_FILE).read_text().strip()


def _is_private(file: Path) -> bool:
    try:
        found = file.stat(follow_symlinks=False)
    except OSError:
        return False
    is_own = stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()
    return is_own and stat.S_IMODE(found.st_mode) == _MODE and found.st_size > 0
