"""The JSON schema of stack files, generated from the settings, for completion in editors.

``python -m mimecast_sso.settings.schema`` writes it to ``stacks/schema.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings import NAMESPACE, SECRET_KEYS, Settings

FILE = Path(__file__).resolve().parents[2] / "stacks" / "schema.json"
_ENCRYPTED = {"type": "object", "properties": {"secure": {"type": "string"}}, "required": ["secure"]}


def stack_file_schema() -> dict[str, JSON]:
    """The schema of a ``Pulumi.<stack>.yaml`` of this project; keys of other namespaces are allowed."""
    settings = Settings.model_json_schema(by_alias=True)
    definitions: dict[str, JSON] = settings["$defs"]
    properties: dict[str, JSON] = settings["properties"]
    for key in SECRET_KEYS:
        *outer, name = key.split(".")
        holder = definitions[outer[-1].capitalize()]["properties"] if outer else properties
        holder[name] = {"anyOf": [holder[name], _ENCRYPTED]}
    for key in ("certificates", "domains", "pilot", "tags"):
        properties[key] = {"anyOf": [properties[key], {"type": "string"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack of mimecast-sso",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{NAMESPACE}:{key}": schema for key, schema in properties.items()},
                "required": [f"{NAMESPACE}:{key}" for key in settings["required"]],
                "patternProperties": {f"^(?!{NAMESPACE}:)": {}},
                "additionalProperties": False,
            }
        },
        "required": ["config"],
        "$defs": definitions,
    }


def text() -> str:
    """The schema file's content."""
    return json.dumps(stack_file_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
