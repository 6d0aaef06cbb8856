"""Load YAML without losing the typed text.

YAML reads ``2026.10`` as the number 2026.1, ``010`` as 8, and ``12:30:45`` as 45045. For a key with a text value,
that differs from the file; `Typed` values remember the typed text, so that the model can refuse to guess.

Source: "YAML Ain't Markup Language version 1.1", types int, float and timestamp, which PyYAML implements.
"""

from __future__ import annotations

import yaml

from mimecast_sso.facts.json_types import JSON


class TypedInt(int):
    """An integer that remembers how it was typed."""

    typed: str


class TypedFloat(float):
    """A number that remembers how it was typed."""

    typed: str


class Loader(yaml.SafeLoader):
    """Loads numbers as `TypedInt` and `TypedFloat`, and refuses duplicate keys."""


def _number(loader: Loader, node: yaml.ScalarNode) -> int | float:
    value = (
        TypedInt(loader.construct_yaml_int(node))
        if node.tag.endswith(":int")
        else TypedFloat(loader.construct_yaml_float(node))
    )
    value.typed = node.value
    return value


def _timestamp(loader: Loader, node: yaml.ScalarNode) -> JSON:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value  # 24:00:00 or 31 February: the model reports the problem with the key.


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[JSON, JSON]:
    """A map. Raises ConstructorError for a duplicate key: the Pulumi CLI refuses such a file."""
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, "a key occurs twice; remove one of them", key.start_mark
                )
            seen.add(key.value)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor("tag:yaml.org,2002:int", _number)
Loader.add_constructor("tag:yaml.org,2002:float", _number)
Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)
Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
