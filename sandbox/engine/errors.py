"""Errors that end a command, with the exit codes of the Pulumi CLI."""

from __future__ import annotations

REFUSAL = (
    "{}: not supported by the sandbox's embedded engine; "
    "use the Pulumi CLI for this (https://www.pulumi.com/docs/install/)"
)


class EngineError(Exception):
    """Ends the command with its text on stderr and `code` as exit code."""

    code = 1


class NoSuchStackError(EngineError):
    """The backend has no such stack."""

    code = 6


class ConfirmationError(EngineError):
    """A changing command without `--yes`, `--skip-preview` or `--preview-only`: the engine never asks."""

    code = 2


class NotSupportedError(EngineError):
    """Something that only the Pulumi CLI does; raised before anything is changed.

    Args:
        feature: What was asked for, as the subject of the message.
    """

    def __init__(self, feature: str) -> None:
        super().__init__(REFUSAL.format(feature))


class RegistrationError(Exception):
    """A registration that cannot be carried out; the run has failed.

    The text is empty when everything worth saying was said already.
    """


class StoppedError(RegistrationError):
    """The run has failed or was cancelled: nothing new begins."""
