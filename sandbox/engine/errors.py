"""Errors that end a command, with the exit codes of the Pulumi CLI."""

from __future__ import annotations

REFUSAL = (
    "{}: not supported by the sandbox's embedded engine; "
    "use the Pulumi CLI for this (https://www.pulumi.com/docs/install/)"
)


class EngineError(Exception):
    """Ends the command with its message on stderr and `code` as exit code."""

    code = 1


class NoSuchStackError(EngineError):
    """The backend has no such stack."""

    code = 6


class ConfirmationError(EngineError):
    """A changing command without `--yes`, `--skip-preview` or `--preview-only`: the engine never prompts."""

    code = 2


class NotSupportedError(EngineError):
    """A feature that only the Pulumi CLI has; raised before anything is changed.

    Args:
        feature: The feature, as the subject of the message.
    """

    def __init__(self, feature: str) -> None:
        super().__init__(REFUSAL.format(feature))


class RegistrationError(Exception):
    """A registration that cannot be carried out; the run has failed.

    The message is empty if the cause was reported already.
    """


class StoppedError(RegistrationError):
    """The run has failed or was cancelled: no new operation starts."""
