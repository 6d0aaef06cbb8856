"""Load YAML without losing the typed text.

YAML reads ``2026.10`` as the number 2026.1, ``010`` as 8, and ``12:30:45`` as 45045. For a key with a text value,
that differs from the file; `Typed` values remember the typed text, so that the model can refuse to guess.

Source: "YAML Ain't Markup Language version 1.1", types int, float and timestamp, which PyYAML implements.
"""

from __future__ import annotations

import yaml

from mimecast_sso.facts.json_types import JSON

_MERGE = "tag:yaml.org,2002:merge"
_MOST_MERGED = 100_000
"""Keys that one map may get from others."""


class TypedInt(int):
    """An integer that remembers how it was typed."""

    typed: str


class TypedFloat(float):
    """A number that remembers how it was typed."""

    typed: str


class Loader(yaml.SafeLoader):
    """Loads numbers as `TypedInt` and `TypedFloat`, and refuses duplicate keys.

    Raises YAMLError, without any text of the file, whatever the file holds.
    """

    def __init__(self, stream: JSON) -> None:
        super().__init__(stream)
        self._merging: set[int] = set()

    def construct_object(self, node: JSON, deep: bool = False) -> JSON:
        """The value of a node."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
            # Of a tag such as !!int or !!bool before another text, which the exception would quote.
            raise yaml.constructor.ConstructorError(
                None, None, "the value is not what its tag says; quote it if it is text", node.start_mark
            ) from None

    def flatten_mapping(self, node: JSON) -> None:
        """Merge what ``<<`` names into a map; each may have merged others, so that few lines may mean millions."""
        self._merging.add(id(node))
        merged = [each for key, value in node.value if key.tag == _MERGE for each in _maps(value)]
        number = 0
        for each in merged:
            if id(each) not in self._merging:
                self.flatten_mapping(each)
                number += len(each.value)
            if number > _MOST_MERGED:
                raise yaml.constructor.ConstructorError(
                    None, None, "anchors are merged (<<) too often", node.start_mark
                )
        super().flatten_mapping(node)
        self._merging.discard(id(node))


def _maps(value: JSON) -> list[JSON]:
    among = value.value if isinstance(value, yaml.SequenceNode) else [value]
    return [each for each in among if isinstance(each, yaml.MappingNode)]


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
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
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
