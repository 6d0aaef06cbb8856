"""Property values as the Pulumi engine sends them: protobuf structs with special markers inside.

The markers are part of Pulumi's provider protocol (pulumi/pulumi, `sdk/proto/pulumi/provider.proto`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.struct_pb2 import Struct
from google.protobuf.struct_pb2 import Value as Message

Value: TypeAlias = Any
"""None, bool, float, int, str, list of values, or dict of values."""
Properties: TypeAlias = dict[str, Value]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
DEFAULTS = "__defaults"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@dataclass(frozen=True)
class Secret:
    """A value that is sent marked as secret."""

    value: Value


def from_struct(struct: Struct) -> Properties:
    """The properties of a request, without secret markers: the type's table knows what is secret."""
    return {key: _from_message(message) for key, message in struct.fields.items()}


def to_struct(properties: Mapping[str, Value]) -> Struct:
    struct = Struct()
    for key, value in properties.items():
        _fill(struct.fields[key], value)
    return struct


def has_unknown(value: Value) -> bool:
    """Whether the value or anything in it is unknown."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)


def _from_message(message: Message) -> Value:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return _unmarked(from_struct(message.struct_value))
    if kind == "list_value":
        return [_from_message(item) for item in message.list_value.values]
    if kind == "number_value":
        number = message.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(message, kind)


def _unmarked(properties: Properties) -> Value:
    signature = properties.get(_SIGNATURE)
    if signature == _SECRET:
        return properties.get("value")
    if signature == _OUTPUT:
        return properties.get("value", UNKNOWN)
    return properties


def _fill(message: Message, value: Value) -> None:
    if isinstance(value, Secret):
        _fill(message, {_SIGNATURE: _SECRET, "value": value.value})
    elif value is None:
        message.null_value = 0  # type: ignore[assignment]
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, (int, float)):
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, Mapping):
        message.struct_value.CopyFrom(to_struct(value))
    else:
        message.list_value.SetInParent()
        for item in value:
            _fill(message.list_value.values.add(), item)
