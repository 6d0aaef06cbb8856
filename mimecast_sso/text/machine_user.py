"""The machine's user, who may have neither a name nor a home folder: containers run with any user number."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path


def user_name() -> str:
    """The user's name; without one, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # Depends on the version of Python, and on the system.
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def pulumi_home(environment: Mapping[str, str]) -> Path:
    """The folder of the Pulumi CLI's plugins; without a home folder, one that does not exist."""
    return Path(environment.get("PULUMI_HOME") or default_pulumi_home())


def default_pulumi_home() -> Path:
    """The folder of the Pulumi CLI's plugins if ``PULUMI_HOME`` names no other."""
    return Path(os.path.expanduser("~")) / ".pulumi"  # noqa: PTH111  (Path.home raises for such a user)
