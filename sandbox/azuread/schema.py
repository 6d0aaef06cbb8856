"""The vocabulary of the tables that describe resource types and data sources.

A row describes one property as the published plugin's schema does (pulumi/pulumi-azuread,
`provider/cmd/pulumi-resource-azuread/schema.json`; hashicorp/terraform-provider-azuread, `internal/services`):
name, type, who sets it, whether a change forces a replacement, and how its value is validated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from sandbox.azuread.validation import Validator
from sandbox.azuread.wire import Value


class Shape(Enum):
    STRING = "string"
    BOOLEAN = "boolean"
    STRINGS = "list of strings"
    STRING_SET = "set of strings"  # sorted by bytes in every response
    STRING_MAP = "map of strings"
    OBJECT = "object"
    OBJECTS = "list of objects"

    @property
    def many(self) -> bool:
        return self in (Shape.STRINGS, Shape.STRING_SET, Shape.OBJECTS)

    @property
    def empty(self) -> Value:
        """The value of an unset property once read: strings are empty, never null."""
        empties: dict[Shape, Value] = {
            Shape.STRING: "",
            Shape.BOOLEAN: False,
            Shape.STRING_MAP: {},
            Shape.OBJECT: None,
        }
        return empties.get(self, [])


@dataclass(frozen=True)
class Property:
    """One row: a property of a resource type, of a data source, or of an object inside one.

    An input is `required` or `optional`. The provider fills in a `computed` property; an optional input only if the
    program does not set it. `upstream` is the name in the published plugin's messages.
    """

    name: str
    shape: Shape = Shape.STRING
    required: bool = False
    optional: bool = False
    computed: bool = False
    replaces: bool = False
    secret: bool = False
    default: Value = None
    validate: Validator | None = None
    conflicts: tuple[str, ...] = ()
    fields: tuple[Property, ...] = ()
    upstream: str = ""

    @property
    def input(self) -> bool:
        return self.required or self.optional

    @property
    def upstream_name(self) -> str:
        return self.upstream or re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), self.name)


@dataclass(frozen=True)
class Table:
    """The properties of a resource type (`azuread:index/servicePrincipal:ServicePrincipal`) or a data source."""

    name: str
    properties: tuple[Property, ...]
    exactly_one_of: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        return f"azuread:index/{self.name[0].lower()}{self.name[1:]}:{self.name}"

    @cached_property
    def by_name(self) -> dict[str, Property]:
        return {row.name: row for row in self.properties}

    @property
    def inputs(self) -> Iterator[Property]:
        return (row for row in self.properties if row.input)

    @property
    def replacing(self) -> list[str]:
        return [row.name for row in self.properties if row.replaces]


def required(name: str, shape: Shape = Shape.STRING, **more: Value) -> Property:
    return Property(name, shape, required=True, **more)


def optional(name: str, shape: Shape = Shape.STRING, **more: Value) -> Property:
    return Property(name, shape, optional=True, **more)


def computed(name: str, shape: Shape = Shape.STRING, **more: Value) -> Property:
    return Property(name, shape, computed=True, **more)


def objects(name: str, *fields: Property) -> Property:
    """A computed list of objects."""
    return Property(name, Shape.OBJECTS, computed=True, fields=fields)
