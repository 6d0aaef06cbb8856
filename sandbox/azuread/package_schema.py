"""The package schema, reduced to what the tables hold: enough for `pulumi import` to generate code.

Format: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.azuread.functions import FUNCTIONS
from sandbox.azuread.resources import RESOURCES
from sandbox.azuread.schema import Property, Shape, Table

_SIMPLE: dict[Shape, dict[str, Any]] = {
    Shape.STRING: {"type": "string"},
    Shape.BOOLEAN: {"type": "boolean"},
    Shape.STRINGS: {"type": "array", "items": {"type": "string"}},
    Shape.STRING_SET: {"type": "array", "items": {"type": "string"}},
    Shape.STRING_MAP: {"type": "object", "additionalProperties": {"type": "string"}},
}


def package_schema(version: str) -> str:
    """The schema as JSON."""
    types: dict[str, Any] = {}
    document = {
        "name": "azuread",
        "version": version,
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
        "resources": {token: _resource(kind.table, types) for token, kind in RESOURCES.items()},
        "functions": {token: _function(function.table, types) for token, function in FUNCTIONS.items()},
        "types": types,
    }
    return json.dumps(document)


def _resource(table: Table, types: dict[str, Any]) -> dict[str, Any]:
    inputs = {row.name: _property(row, table.name, types) for row in table.inputs}
    return {
        "properties": {row.name: _property(row, table.name, types) for row in table.properties},
        "required": [row.name for row in table.properties if row.required or row.computed],
        "inputProperties": inputs,
        "requiredInputs": [row.name for row in table.inputs if row.required],
    }


def _function(table: Table, types: dict[str, Any]) -> dict[str, Any]:
    outputs = {row.name: _property(row, table.name, types) for row in table.properties}
    return {
        "inputs": {"properties": {row.name: outputs[row.name] for row in table.inputs}},
        "outputs": {"properties": {**outputs, "id": {"type": "string"}}, "required": ["id"]},
    }


def _property(row: Property, owner: str, types: dict[str, Any]) -> dict[str, Any]:
    described = dict(_SIMPLE.get(row.shape) or _reference(row, owner, types))
    if row.secret:
        described["secret"] = True
    if row.replaces:
        described["willReplaceOnChanges"] = True
    return described


def _reference(row: Property, owner: str, types: dict[str, Any]) -> dict[str, Any]:
    singular = row.name.removesuffix("s") if row.shape is Shape.OBJECTS else row.name
    name = f"{owner}{singular[0].upper()}{singular[1:]}"
    token = f"azuread:index/{name}:{name}"
    types[token] = {
        "type": "object",
        "properties": {field.name: _property(field, name, types) for field in row.fields},
    }
    reference = {"$ref": f"#/types/{token}"}
    return {"type": "array", "items": reference} if row.shape is Shape.OBJECTS else reference
