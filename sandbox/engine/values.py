"""Property values: the engine's model, and its forms on the wire and in the state file.

The model is plain Python (None, bool, int, float, str, list, dict), plus `UNKNOWN` for values unknown in a preview and
`Secret`. Resource references stay maps, as on the wire.

The special forms are documented at
https://www.pulumi.com/docs/iac/concepts/ and `proto/pulumi/provider.proto` in pulumi/pulumi.
"""

from __future__ import annotations

import json
import math
import operator
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from sandbox.engine.errors import NotSupportedError

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
FLOAT = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # map
    }
)

Properties = dict[str, Any]


class Unknown:
    """The type of `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never shown, and encrypted in the state."""

    value: Any


def copied(function: Callable[[Any], Any], value: Any) -> Any:
    """A new map or list with `function` applied to its elements; any other value unchanged."""
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    if isinstance(value, list):
        return [function(item) for item in value]
    return value


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """A map or list with `function` applied to its elements; the same object if that changes none of them."""
    result = copied(function, value)
    if isinstance(value, dict):
        same = all(result[key] is item for key, item in value.items())
    else:
        same = isinstance(value, list) and all(map(operator.is_, result, value))
    return value if same else result


def shared(value: Any, known: Any) -> Any:
    """The value, made of parts of `known` where they are equal, so that both take the memory of one.

    Values are never changed in place. A run has the inputs and outputs of each resource several times: recorded, from
    the program, and as the provider returned them.
    """
    if value is known or type(value) is not type(known):
        return value
    if isinstance(value, dict):
        return _one_map({key: shared(item, known.get(key)) for key, item in value.items()}, known)
    if isinstance(value, list):
        return _one_list(list(map(shared, value, _followed(known))), known)
    return known if value == known else value


def _one_map(found: Properties, known: Any) -> Properties:
    """`known` if it has the very values of the map."""
    if not isinstance(known, dict) or len(found) != len(known):
        return found
    return known if all(value is known.get(key, found) for key, value in found.items()) else found


def _one_list(found: list[Any], known: Any) -> list[Any]:
    """`known` if it has the very values of the list."""
    if not isinstance(known, list) or len(found) != len(known):
        return found
    return known if all(map(operator.is_, found, known)) else found


def _followed(known: Any) -> Iterator[Any]:
    """The items of a list, and then nothing, without end."""
    return chain(known if isinstance(known, list) else (), repeat(None))


# -- the wire -----------------------------------------------------------------------------------------


def from_struct(message: Struct, known: Any = None) -> Properties:
    """Convert a protobuf Struct to properties; with the parts of `known` that are equal, as in `shared`."""
    if not isinstance(known, dict):
        return {key: _from_value(value, None) for key, value in message.fields.items()}
    found = {key: _from_value(value, known.get(key)) for key, value in message.fields.items()}
    return _one_map(found, known)


def _from_value(value: Any, known: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return known if value.string_value == known else _text(value.string_value)
    if kind == "number_value":
        return shared(number(value.number_value), known)
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return _special(from_struct(value.struct_value, known))
    if kind == "list_value":
        return _one_list(list(map(_from_value, value.list_value.values, _followed(known))), known)
    return None


def _text(text: str) -> Any:
    return UNKNOWN if len(text) == len(UNKNOWN_TEXT) and text in _UNKNOWNS else text


def number(value: float) -> int | float:
    """Convert a number, a double on the wire; whole ones to `int`, so that the state has 7 and not 7.0."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value  # noqa: PLR2004


def _special(fields: Properties) -> Any:
    signature = fields.get(SIGNATURE)
    if signature is None or signature == REFERENCE:
        return fields
    if signature == SECRET:
        return Secret(fields.get("value"))
    if signature == OUTPUT:
        value = fields.get("value", UNKNOWN)
        return Secret(value) if fields.get("secret") else value
    if signature in (ASSET, ARCHIVE):
        raise NotSupportedError("an asset or archive as a resource property")
    raise NotSupportedError(f"a property value of unknown kind ({signature})")


def to_struct(properties: Mapping[str, Any], *, secrets: bool = False, references: bool = False) -> Struct:
    """Convert properties to a protobuf Struct; for receivers without secrets or references, plain values or ids."""
    from google.protobuf.struct_pb2 import Struct  # noqa: PLC0415 (children start before this is needed)

    message = Struct()
    fill_struct(message, properties, secrets=secrets, references=references)
    return message


def fill_struct(
    message: Struct, properties: Mapping[str, Any], *, secrets: bool = False, references: bool = False
) -> None:
    """Put properties into an empty Struct, as `to_struct` does; one that is part of a message is not copied into it."""
    message.SetInParent()
    _fill_struct(message, properties, secrets, references)


def _fill_struct(message: Struct, properties: Mapping[str, Any], secrets: bool, references: bool) -> None:
    for key, value in properties.items():
        _fill(message.fields[key], value, secrets, references)


def _fill(target: Any, value: Any, secrets: bool, references: bool) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif value is None:
        target.null_value = 0
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, dict):
        if value.get(SIGNATURE) == REFERENCE and not references:
            _fill(target, value.get("id") or value.get("urn"), secrets, references)
            return
        target.struct_value.SetInParent()
        _fill_struct(target.struct_value, value, secrets, references)
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for item in value:
            _fill(target.list_value.values.add(), item, secrets, references)
    elif isinstance(value, Secret):
        wrapped = {SIGNATURE: SECRET, "value": value.value} if secrets else value.value
        _fill(target, wrapped, secrets, references)
    else:
        target.string_value = UNKNOWN_TEXT


# -- the state file -----------------------------------------------------------------------------------


def to_state(value: Any, encrypt: Callable[[str], str]) -> Any:
    """The JSON form of a value in the state file; `encrypt` takes the JSON text of a secret."""
    if isinstance(value, Secret):
        text = json.dumps(to_state(plain(value.value), encrypt), separators=(",", ":"), ensure_ascii=False)
        return {SIGNATURE: SECRET, "ciphertext": encrypt(text)}
    if isinstance(value, float) and not math.isfinite(value):
        return {SIGNATURE: FLOAT, "value": struct.pack(">d", value).hex()}
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT  # an output of a program that continued after a failure
    return mapped(lambda item: to_state(item, encrypt), value)


def from_state(value: Any, decrypt: Callable[[str], str]) -> Any:
    """Convert a value of the state file to the model."""
    if isinstance(value, dict):
        signature = value.get(SIGNATURE)
        if signature == SECRET:
            return Secret(from_state(json.loads(decrypt(value["ciphertext"])), decrypt))
        if signature == FLOAT:
            return struct.unpack(">d", bytes.fromhex(value["value"]))[0]
    if isinstance(value, float):
        return number(value)
    return mapped(lambda item: from_state(item, decrypt), value)


class Repeated:
    """Keeps one of equal maps with one text when JSON is parsed: ``json.loads(text, object_hook=…)``.

    An address book has one for each address, and a state has the book as inputs and as outputs.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Properties]] = {}

    def __call__(self, found: Properties) -> Properties:
        """The map that stands for the one found."""
        if len(found) == 1:
            ((key, value),) = found.items()
            if isinstance(value, str):
                return self._known.setdefault(key, {}).setdefault(value, found)
        return found


# -- questions and conversions ------------------------------------------------------------------------


def walk(value: Any) -> Iterator[Any]:
    """The value and all values inside it."""
    yield value
    if isinstance(value, Secret):
        yield from walk(value.value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def has_unknowns(value: Any) -> bool:
    """Whether something in the value is unknown."""
    return any(item is UNKNOWN for item in walk(value))


def has_secrets(value: Any) -> bool:
    """Whether something in the value is secret."""
    return any(isinstance(item, Secret) for item in walk(value))


def plain(value: Any) -> Any:
    """The value without its secret marks."""
    if isinstance(value, Secret):
        return plain(value.value)
    return mapped(plain, value)


def shown(value: Any) -> Any:
    """The value for display, with `[secret]` and `[unknown]`."""
    if isinstance(value, Secret):
        return "[secret]"
    return "[unknown]" if value is UNKNOWN else mapped(shown, value)


def mark_secrets(results: Properties, sources: Mapping[str, Any]) -> Properties:
    """Mark values in `results` that are secret under the same key in `sources`.

    For plugins that take and return plain values. Maps are walked key by key; any other value whose source contains a
    secret becomes secret as a whole [case secrets: `nested.list`]. Where no source is secret, the results stay the same
    object, which takes no memory for a second address book.
    """
    if not has_secrets(sources):
        return results
    marked = dict(results)
    for key, source in sources.items():
        if key not in marked:
            continue
        value = marked[key]
        if isinstance(value, dict) and isinstance(source, dict):
            marked[key] = mark_secrets(value, source)
        elif not isinstance(value, Secret) and has_secrets(source):
            marked[key] = Secret(value)
    return marked


def equal(left: Any, right: Any) -> bool:
    """Deep equality in which true is not 1, and a secret equals only a secret."""
    if isinstance(left, Secret) and isinstance(right, Secret):
        return equal(left.value, right.value)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
