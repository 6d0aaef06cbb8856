"""A stack's state for commands: read completely or not at all, and refused if it holds a foreign provider."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimecast_sso.facts.provider_references import foreign
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.names import enumerate_some


class StateError(OperationError):
    """The stack's state cannot be read."""


class NoStateError(StateError):
    """The stack has none: it was never deployed to this backend."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The deployment in a state file of the ``file://`` backend; empty before the first deployment.

    Raises:
        StateError: The file cannot be read or is not a state; the message names its backup.
    """
    try:
        latest = parse_json(path.read_text(encoding="utf-8"))["checkpoint"].get("latest") or {}
        resources = latest.get("resources") or []
        if all(isinstance(each, dict) and "urn" in each and "type" in each for each in resources):
            return dict(latest)
        cause = "it is not a Pulumi state"
    except OSError as error:
        cause = error.strerror or type(error).__name__
    except ValueError:
        cause = "it is not valid JSON"
    except (KeyError, TypeError, AttributeError):
        cause = "it is not a Pulumi state"
    raise StateError(_unusable(path, cause))


def _unusable(path: Path, cause: str) -> str:
    backup = Path(f"{path}.bak")
    if backup.is_file():
        way = f"Restore its backup, the state before the last write: cp {backup} {path}. Then rerun with --refresh."
    else:
        way = (
            "There is no backup next to it. Restore your own. A stack on the sandbox can start over: "
            "python -m sandbox reset."
        )
    return f"The state file {path} cannot be used: {cause}. It was not changed. {way}"


def refuse_foreign(stack: str, deployment: Mapping[str, Any]) -> None:
    """Refuse a state that names a provider that is not this project's.

    A provider is stored as a pickle, which the engine's plugin loads in an environment that holds every credential.

    Raises:
        OperationError: It does; the message names the resources. Nothing is loaded.
    """
    pending = (each.get("resource") or {} for each in deployment.get("pending_operations") or ())
    found = [
        f"{each.urn.rpartition('::')[2]} ({each.type})"
        for each in foreign([*(deployment.get("resources") or ()), *pending])
    ]
    if found:
        raise OperationError(
            f"Refused: the state of stack {stack} holds a provider that is not this project's, for "
            f"{enumerate_some(found)}. Loading it would run the code in it, with every credential of this "
            "environment, so no engine was started. Somebody who can write the state has changed it, or the program "
            f"has dynamic resources of its own. Find the last good version (pulumi stack history --stack {stack}, "
            f"pulumi stack export --stack {stack} --version N) and restore it with pulumi stack import. Deploy "
            "resources of your own with the Pulumi CLI, which does not check.",
            Exit.REFUSED,
        )
