"""The exit codes of this project's own commands. The engine keeps the Pulumi CLI's."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command's end means to the script that called it."""

    FINE = 0
    ERROR = 1
    CHANGES = 2
    """A change or drift was found."""
    PARTLY = 3
    """Some of it was done, some failed."""
    REFUSED = 4
    """A guard refused."""
    PREFLIGHT = 5
    USAGE = 64


class OperationError(Exception):
    """A command cannot go on; the text says why and what to do."""

    def __init__(self, message: str, code: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.code = code
