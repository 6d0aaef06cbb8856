"""The exit codes of this project's commands. The engine keeps the Pulumi CLI's."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a command, for the script that called it."""

    FINE = 0
    ERROR = 1
    CHANGES = 2
    """A change or drift was found."""
    PARTLY = 3
    """Partly done: some of it failed."""
    REFUSED = 4
    """A guard refused."""
    PREFLIGHT = 5
    USAGE = 64


_WORST_FIRST = (Exit.ERROR, Exit.REFUSED, Exit.PREFLIGHT, Exit.PARTLY, Exit.CHANGES, Exit.USAGE, Exit.FINE)


def worst(codes: Iterable[int | None]) -> Exit:
    """The exit code for several stacks: a stack that could not be read is worse than one with a problem."""
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), Exit.FINE)


def badness(code: Exit) -> int:
    """0 for the worst."""
    return _WORST_FIRST.index(code)


class OperationError(Exception):
    """A command cannot continue; the text says why and what to do."""

    def __init__(self, message: str, code: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.code = code
