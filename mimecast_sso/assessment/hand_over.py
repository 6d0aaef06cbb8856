"""The snapshot of a preview, handed by the program to the command that started it.

Both need it: the program plans from it, and the command says whom that plan is about. If the command read both tenants
itself, that would take twice as long, and might tell of other tenants than those that the plan is for. So the command
names a file in a folder of its own, and the program writes what it has read. The program never reads that file, nor
does anything else in it depend on whether one is named.

A snapshot holds no secret (`mimecast_sso.assessment.snapshot`), but people's addresses, as the events of the engine in
the same folder do. What is read back is data: classes of this project, and of the standard library's the few that they
are made of.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mimecast_sso.assessment.snapshot import Snapshot

FILE: Final = "MIMECAST_SSO_SNAPSHOT"
"""The variable that names the file."""
_OWN = ("mimecast_sso.", "providers.")
_OTHERS = frozenset(
    {
        ("builtins", "frozenset"),
        ("builtins", "set"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
    }
)

_log = logging.getLogger(__name__)


def write(snapshot: Snapshot, environment: Mapping[str, str]) -> None:
    """Writes the snapshot where a command named a file; without it that command reads both tenants itself."""
    named = environment.get(FILE)
    if not named:
        return
    try:
        with open(named, "xb", opener=_private) as file:
            pickle.dump(snapshot, file)
    except (OSError, TypeError, AttributeError, pickle.PicklingError) as error:
        _log.warning("the snapshot could not be handed over: %s", type(error).__name__)


def read(file: Path) -> Snapshot | None:
    """The snapshot in a file; None where there is none, or anything else."""
    try:
        with file.open("rb") as content:
            found = _Reader(content).load()
    except (OSError, EOFError, ValueError, TypeError, AttributeError, ImportError, pickle.UnpicklingError):
        return None
    return found if isinstance(found, Snapshot) else None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Raises UnpicklingError for what no snapshot is made of."""
        own = module.startswith(_OWN) and name.isidentifier()
        if own or (module, name) in _OTHERS:
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a snapshot")
