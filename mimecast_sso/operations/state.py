"""A stack's state for commands: read completely or not at all, and refused if it holds a foreign provider."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

from mimecast_sso.facts.engine_documents import (
    QUIET,
    STATE_VERSIONS,
    STEP_EVENTS,
    Deployment,
    EngineEvent,
    StateResource,
    Step,
)
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.provider_references import KEY, foreign
from mimecast_sso.facts.resource_types import OF_MANY_ITEMS
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.names import enumerate_some

_PROVIDERS: Final = "pulumi:providers:"
_DOWNLOAD_URL: Final = "pluginDownloadURL"
_BUILT_IN: Final = frozenset({"pulumi", "pulumi-python"})
"""Packages of the engine itself, and of Python's dynamic resources."""
_PAUSES: Final = (0.1, 0.3, 1.0)
"""Seconds before a file that is not complete is read again (`mimecast_sso.assessment.recorded` has the same reason)."""
_MANY = 100
"""Entries from which an object is taken for an address book: no resource has as many properties."""


class StateError(OperationError):
    """The stack's state cannot be read."""


class NoStateError(StateError):
    """The stack has none: it was never deployed to this backend."""


def read_checkpoint(path: Path, *, sleep: Callable[[float], None] = time.sleep) -> Deployment:
    """The deployment in a state file of the ``file://`` backend; empty before the first deployment.

    A file that is not complete is read again: a run may be writing it, and restoring a backup would undo that.

    Raises:
        StateError: The file cannot be read or is not a state; the message names its backup.
    """
    try:
        document = _complete(path, sleep)
        require_version(f"The state file {path}", document["version"])
        latest = cast("Deployment", document["checkpoint"].get("latest") or {})
        resources = latest.get("resources") or []
        if all(isinstance(each, dict) and "urn" in each and "type" in each for each in resources):
            return without_inputs(latest)
        cause = "it is not a Pulumi state"
    except OSError as error:
        cause = error.strerror or type(error).__name__
    except ValueError:
        cause = "it is not valid JSON"
    except (KeyError, TypeError, AttributeError):
        cause = "it is not a Pulumi state"
    raise StateError(_unusable(path, cause))


def _complete(path: Path, sleep: Callable[[float], None]) -> JSON:
    for pause in _PAUSES:
        with suppress(ValueError):
            return parse_state(path.read_text(encoding="utf-8"))
        sleep(pause)
    return parse_state(path.read_text(encoding="utf-8"))


def require_version(what: str, version: object) -> None:
    """Raise StateError for a state of a version that this release does not read: it would be taken for empty."""
    if version not in STATE_VERSIONS:
        raise StateError(
            f"{what} has version {version}; this release reads versions {' and '.join(map(str, STATE_VERSIONS))}. It "
            "was not changed. If a newer Pulumi CLI wrote it, update this project."
        )


class Shared:
    """Keeps one of equal address books, and of equal entries in them, when JSON is parsed: ``json.loads(text, …)``.

    A state and the engine's events repeat a book as inputs and outputs, old and new ones.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, JSON]] = {}
        self._book: dict[str, JSON] = {}

    def __call__(self, found: dict[str, JSON]) -> dict[str, JSON]:
        """The object that stands for the one found."""
        name = found.get("name")
        if len(found) == 1 and isinstance(name, str):
            found["name"] = sys.intern(name)  # The same as in the configuration, and at Mimecast.
            return self._names.setdefault(name, found)
        if len(found) >= _MANY:
            self._book = self._book if found == self._book else found
            return self._book
        return found


def parse_state(text: str) -> JSON:
    """Parse a state. Raises ValueError: it is not JSON, or nested too deeply."""
    return parse_json(text, Shared())


def without_inputs(deployment: Deployment) -> Deployment:
    """The deployment without its resources' inputs, which repeat an address book of 100,000.

    `refuse_foreign` needs some of them: references to dynamic providers, and the inputs of plugins.
    """
    for resource in deployment.get("resources") or ():
        inputs = resource.get("inputs")
        if isinstance(inputs, dict) and not str(resource["type"]).startswith(_PROVIDERS):
            resource["inputs"] = {KEY: inputs[KEY]} if KEY in inputs else {}
    return deployment


def without_lists(event: EngineEvent, *, changed: bool = True) -> EngineEvent:
    """The event of a step without the properties of an address book or a list of members, old and new ones.

    A book of 100,000 takes 60 MB in each event. Only a comparison with the live state needs it, where it differs: with
    ``changed=False``, lists that the step changes stay.
    """
    for kind in STEP_EVENTS:
        step = event[kind]["metadata"] if kind in event else {}
        if step.get("type") in OF_MANY_ITEMS and (changed or not _changes(step)):
            for state in filter(None, (step.get("old"), step.get("new"))):
                state["inputs"], state["outputs"] = {}, {}
    return event


def _changes(step: Step) -> bool:
    """Whether a step changes its resource, or (of a refresh) shows that its object has changed."""
    return step["op"] not in QUIET or bool(step.get("detailedDiff") or step.get("diffs"))


def _unusable(path: Path, cause: str) -> str:
    backup = Path(f"{path}.bak")
    if backup.is_file():
        way = f"Restore its backup, the state before the last write: cp {backup} {path}. Then rerun with --refresh."
    else:
        way = (
            "There is no backup next to it. Restore your own. A stack on the sandbox can start over: "
            "mimecast-sso sandbox reset."
        )
    return f"The state file {path} cannot be used: {cause}. It was not changed. {way}"


def refuse_foreign(stack: str, deployment: Deployment) -> None:
    """Refuse a state that names a provider that is not this project's, or a plugin that its program does not use.

    A provider is stored as a pickle, which the engine's plugin loads in an environment that holds every credential.
    The Pulumi CLI downloads and starts whatever plugin a state names, to refresh or delete a resource.

    Raises:
        OperationError: It does; the message names the resources. Nothing is loaded.
    """
    pending = (each.get("resource") or {} for each in deployment.get("pending_operations") or ())
    resources = [*(deployment.get("resources") or ()), *pending]
    found = [f"{each.urn.rpartition('::')[2]} ({each.type})" for each in foreign(resources)]
    plugins = [_plugin(each) for each in resources if _is_foreign_plugin(each)]
    if plugins:
        raise OperationError(
            f"Refused: the state of stack {stack} names a plugin that this project's program does not use: "
            f"{enumerate_some(plugins)}. An engine would download and start it, with every credential of this "
            "environment, so none was started. Somebody who can write the state has changed it, or the package of a "
            f"resource of your own is not installed here. {_restore(stack)} Deploy and remove resources of a package "
            "that is not installed with the Pulumi CLI, which does not check.",
            Exit.REFUSED,
        )
    if found:
        raise OperationError(
            f"Refused: the state of stack {stack} holds a provider that is not this project's, for "
            f"{enumerate_some(found)}. Loading it would run the code in it, with every credential of this "
            "environment, so no engine was started. Somebody who can write the state has changed it, or the program "
            f"has dynamic resources of its own. {_restore(stack)} Deploy resources of your own with the Pulumi CLI, "
            "which does not check.",
            Exit.REFUSED,
        )


def _restore(stack: str) -> str:
    return (
        f"Find the last good version (pulumi stack history --stack {stack}, pulumi stack export --stack {stack} "
        "--version N) and restore it with pulumi stack import."
    )


def _is_foreign_plugin(resource: StateResource) -> bool:
    """Whether it is the provider of a package that is not installed, or one that is downloaded from elsewhere."""
    type_ = str(resource.get("type") or "")
    if not type_.startswith(_PROVIDERS):
        return False
    package = type_.removeprefix(_PROVIDERS)
    installed = {} if package in _BUILT_IN else _installed(package)
    return installed is None or _download_url(resource) not in ("", str(installed.get("server") or ""))


def _installed(package: str) -> dict[str, JSON] | None:
    """The plugin that the installed Python package of a Pulumi package names; None if it is not installed."""
    spec = (
        find_spec(f"pulumi_{package.replace('-', '_')}")
        if package.isprintable() and "." not in package
        else None
    )
    if spec is None or spec.origin is None:
        return None
    try:
        return dict(parse_json(Path(spec.origin).with_name("pulumi-plugin.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _download_url(resource: StateResource) -> str:
    inputs = resource.get("inputs")
    inputs = inputs if isinstance(inputs, Mapping) else {}
    internal = inputs.get("__internal")  # Since Pulumi 3.
    internal = internal if isinstance(internal, Mapping) else {}
    return str(internal.get(_DOWNLOAD_URL) or inputs.get(_DOWNLOAD_URL) or "")


def _plugin(resource: StateResource) -> str:
    url = _download_url(resource)
    package = str(resource["type"]).removeprefix(_PROVIDERS)
    return f"{package} (from {url})" if url else package
