"""Explain configuration errors: the key, its value, what is allowed, and the YAML to write."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any, Final, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text import foreign

_LONGEST_VALUE = 200
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
"""Of a model, and of a data class."""
_UNION_MEMBER = re.compile(r"function-[a-z]+\[.*\]", re.DOTALL)


class ConfigurationError(Exception):
    """One or more keys of the stack configuration are missing, unknown or malformed."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


_KINDS: Final = {
    "string_type": "write text; quote what YAML would read as something else",
    "model_type": "write keys and values (a map)",
    "model_attributes_type": "write keys and values (a map)",
    "dataclass_type": "write keys and values (a map)",
    "dict_type": "write keys and values (a map)",
    "tuple_type": "write a list",
    "list_type": "write a list",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "finite_number": "write a whole number",
    "invalid_key": "keys must be text; quote it, or correct it",
}
"""Values of another kind: the library's messages are about Python's types."""


def explain(
    error: ValidationError, model: type[BaseModel], *, namespace: str, secrets: frozenset[str]
) -> list[str]:
    """The errors, one text per key. ``secrets`` are the dotted keys whose values are never shown."""
    # A list with invalid elements is also reported as too short; the elements' errors are more specific.
    details = [
        d
        for d in error.errors()
        if not (d["type"] == "too_short" and d["input"] and not isinstance(d["input"], str))
    ]
    return [_problem(detail, model, namespace, secrets) for detail in details]


def allowed(detail: ErrorDetails) -> str:
    """The allowed values, as the second half of a sentence."""
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context.get("error", detail["msg"]))
    if detail["type"] in ("too_short", "string_too_short") and isinstance(detail["input"], str):
        return "write something, or leave the key out"
    if detail["type"] in ("literal_error", "enum"):
        return f"allowed: {context['expected']}"
    if detail["type"] in ("too_long", "string_too_long"):
        parts = "characters" if isinstance(detail["input"], str) else "entries"
        return f"it has {len(detail['input'])} {parts}, and at most {context['max_length']} are allowed"
    return _KINDS.get(detail["type"]) or detail["msg"][0].lower() + detail["msg"][1:]


def _problem(detail: ErrorDetails, model: type[BaseModel], namespace: str, secrets: frozenset[str]) -> str:
    path = _keys(detail)
    dotted = _dotted(path)
    where = f"{namespace}:{dotted}" if dotted else f"The configuration of {namespace}"
    if detail["type"] == "missing":
        head = f"{where} is missing"
    elif detail["type"] in _UNKNOWN_KEY:
        return (
            f"{foreign.one_line(where)} is not a key of this project{_suggestion(model, path)}. Remove it, or correct "
            "its name."
        )
    elif _is_secret(dotted, secrets):
        head = f"{where} {allowed(detail)}"  # Never the value.
    elif detail["type"] == "value_error" and isinstance(detail["input"], (dict, BaseModel)):
        head = f"{where} {allowed(detail)}"
    elif detail["type"] == "value_error":
        head = f"{where} is {_shown(detail['input'])}, which {allowed(detail)}"
    else:
        head = f"{where} is {_shown(detail['input'])}; {allowed(detail)}"
    head, line = foreign.one_line(head), _yaml_line(model, namespace, path)
    return f"{head}. Write, for example:\n{line}" if line else f"{head}."


def _shown(value: object) -> str:
    """A value as it was typed, with escapes for invisible characters, cut to one line."""
    text = str(getattr(value, "typed", "")) or json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _keys(detail: ErrorDetails) -> list[int | str]:
    """Keys and places, without pydantic's marks for members of a union, which an unknown key may resemble."""
    unknown = len(detail["loc"]) - 1 if detail["type"] in _UNKNOWN_KEY else None
    return [
        part
        for index, part in enumerate(detail["loc"])
        if index == unknown or not (isinstance(part, str) and _UNION_MEMBER.fullmatch(part))
    ]


def _dotted(path: list[int | str]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def _is_secret(dotted: str, secrets: frozenset[str]) -> bool:
    return any(dotted == key or dotted.startswith((f"{key}.", f"{key}[")) for key in secrets)


def _fields(model: type[Any]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.__pydantic_fields__.items()}


def _model_of(annotation: Any) -> type[Any] | None:
    """The model or data class in an annotation."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return annotation
    for argument in get_args(annotation):
        model = _model_of(argument)
        if model:
            return model
    return None


def _suggestion(root: type[BaseModel], path: list[int | str]) -> str:
    model: type[Any] | None = root
    for part in path[:-1]:
        if isinstance(part, str) and model:
            model = _model_of(_fields(model)[part].annotation)
    near = difflib.get_close_matches(str(path[-1]), _fields(model) if model else [], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _yaml_line(root: type[BaseModel], namespace: str, path: list[int | str]) -> str:
    """The lines to write in the stack file for one key, from the model's examples."""
    model: type[Any] | None = root
    field: JSON = None
    for part in path:
        if isinstance(part, str):
            if model is None or part not in _fields(model):
                return ""
            field = _fields(model)[part]
            model = _model_of(field.annotation)
    if field is None or not field.examples or field.examples[0] is None:
        return ""
    value: JSON = field.examples[0]
    if isinstance(path[-1], int) and isinstance(value, list):
        path = path[:-1]  # The example of a list has an entry already.
    for part in reversed(path[1:]):
        value = [value] if isinstance(part, int) else {part: value}
    text = yaml.safe_dump({f"{namespace}:{path[0]}": value}, sort_keys=False, allow_unicode=True)
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
