"""The base of this project's dynamic providers: readable errors, and no state in pickles."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from pulumi.dynamic import CheckFailure, ConfigureRequest, CreateResult, ResourceProvider
from pulumi.output import Unknown

from mimecast_sso.facts.json_types import JSON

Properties = dict[str, JSON]
"""Inputs or outputs of a resource, spelt as in state."""

TRACEBACK_VARIABLE = "MIMECAST_SSO_TRACEBACK"
"""Environment variable: when set, errors come with the whole traceback."""

NAMESPACE = "mimecast-sso"
"""Prefix of this project's keys in the configuration that the engine passes to a provider."""

GONE = ""
"""The id that a read gives for an object that no longer exists."""

_METHODS = ("check", "diff", "create", "read", "update", "delete")
_created: dict[tuple[type[ReadableProvider], str], Properties] = {}
"""The outputs of what this process, which serves one run of the engine, has created: by provider and id."""


class ResourceError(Exception):
    """One line for the user. Holds no secret, because the engine prints it and keeps it in its events."""


# The traceback module prints an exception's module unless it is this one.
ResourceError.__module__ = "builtins"


class ReadableProvider(ResourceProvider):
    """A dynamic provider whose failures reach the user as one line.

    Subclasses are top-level classes of an importable module and carry no attributes, so that what lands in
    people's state is a reference of a few bytes that survives every change of the code. It names
    ``stored_in``, which re-exports the class, so a class may move without breaking state.
    ``expected`` are the exceptions whose text is meant for users; the text of any other may hold anything, so only
    its kind and place are shown.
    """

    serialize_as_secret_always = False
    expected: ClassVar[tuple[type[Exception], ...]] = ()

    def __init_subclass__(cls, *, stored_in: str = "") -> None:
        super().__init_subclass__()
        cls.__module__ = stored_in or cls.__module__
        for name in _METHODS:
            if name in vars(cls):
                setattr(cls, name, _readable(vars(cls)[name], cls))
        if "create" in vars(cls):
            cls.create = _remembered(cls.create, cls)  # type: ignore[method-assign]

    def configure(self, req: ConfigureRequest) -> None:
        """Called first by the plugin process."""
        _print_errors_without_traceback()
        try:
            self.take_configuration(req)
        except Exception as error:
            _fail(error, type(self))

    def successor(self, id_: str) -> Properties | None:
        """The outputs of the resource that replaced the one with this id, for the same object; None if none did.

        Inputs that this project replaces by name another object. But ``pulumi up --replace`` replaces any resource, and
        a name that changed without an alias does too: the engine then creates what already exists, and deletes it.
        """
        return _created.get((type(self), id_))

    def take_configuration(self, req: ConfigureRequest) -> None:
        """Store the configuration that the methods need, outside the instance."""


def is_known(value: JSON) -> bool:
    """Whether a value from the program has no outputs that are unknown in a preview."""
    if isinstance(value, Unknown):
        return False
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    if isinstance(value, list):
        return all(map(is_known, value))
    return True


def select(props: Properties, *keys: str) -> Properties:
    """Some of the properties; ``None`` for a missing one."""
    return {key: props.get(key) for key in keys}


def differs(olds: Properties, news: Properties, key: str) -> bool:
    """Whether an input is known to have changed."""
    return is_known(news.get(key)) and olds.get(key) != news.get(key)


def normalise(
    inputs: Properties, failures: list[CheckFailure], key: str, normal: Callable[[JSON], JSON]
) -> None:
    """Normalise ``inputs[key]``, or report why that is impossible; unknown values stay."""
    value = inputs.get(key)
    if not is_known(value):
        return
    try:
        inputs[key] = normal(value)
    except ValueError as error:
        failures.append(CheckFailure(key, str(error)))


def _readable(method: Callable[..., Any], cls: type[ReadableProvider]) -> Callable[..., Any]:
    @functools.wraps(method)
    def readable(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception as error:
            _fail(error, cls)

    return readable


def _remembered(
    create: Callable[..., CreateResult], cls: type[ReadableProvider]
) -> Callable[..., CreateResult]:
    @functools.wraps(create)
    def remembered(self: ReadableProvider, props: Properties) -> CreateResult:
        result = create(self, props)
        _created[cls, result.id] = result.outs or {}
        return result

    return remembered


def _fail(error: Exception, cls: type[ReadableProvider]) -> NoReturn:
    if os.environ.get(TRACEBACK_VARIABLE) or isinstance(error, ResourceError):
        raise error
    if isinstance(error, cls.expected):
        raise ResourceError(" ".join(str(error).split())) from None
    # An explicit limit, because the process's limit hides every frame.
    place = traceback.extract_tb(error.__traceback__, limit=-1)[-1]
    raise ResourceError(
        f"Unexpected {type(error).__name__} in {place.name} (line {place.lineno}); this is a bug in the "
        f"provider. Set {TRACEBACK_VARIABLE}=1 to see the whole traceback"
    ) from None


def _print_errors_without_traceback() -> None:
    # The SDK's plugin process sends traceback.format_exc() to the engine as the error's text. Python's own switch
    # leaves its last line. Only in that process: elsewhere tracebacks are unchanged.
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is not None and main.name == "pulumi.dynamic.__main__" and not os.environ.get(TRACEBACK_VARIABLE):
        sys.tracebacklimit = 0
