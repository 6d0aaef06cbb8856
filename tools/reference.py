"""Generates ``docs/reference/`` from the code: configuration keys, commands, exit codes and outputs.

    .venv/bin/python tools/reference.py

A test compares the pages with this script's output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mimecast_sso.facts.outputs import OPTIONAL, OUTPUTS
from mimecast_sso.operations.cli import COMMANDS, commands
from mimecast_sso.settings import NAMESPACE
from mimecast_sso.settings.model import Settings

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
_WRITTEN = "Written from the code by `tools/reference.py`; a test keeps it current."
_CODES = {
    0: "Success.",
    1: "Something failed or could not be read; the message names object, cause and fix.",
    2: "Changes or drift found.",
    3: "Partly done; something failed.",
    4: "Refused by a guard; nothing was changed.",
    5: "Preflight failed: something is missing.",
    64: "Invalid command line.",
}


def pages() -> Mapping[str, str]:
    """The pages: file name → content."""
    return {
        "configuration.md": _page("Configuration keys", _configuration()),
        "commands.md": _page("Commands", _commands()),
        "exit-codes.md": _page("Exit codes", _exit_codes()),
        "outputs.md": _page("Outputs", _outputs()),
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}", "", _WRITTEN, "", *lines]).rstrip() + "\n"


# -- Configuration --------------------------------------------------------------------------------------------


def _configuration() -> Iterator[str]:
    yield (
        f"Keys of the namespace `{NAMESPACE}` in `stacks/Pulumi.<stack>.yaml`. Editors complete them with "
        "`stacks/schema.json`. A list's keys are those of one entry."
    )
    seen: set[type[Any]] = set()
    top = [(key, field) for key, field in _fields(Settings) if _model(field.annotation) is None]
    yield from _table("Top level", "", top)
    for key, field in _fields(Settings):
        model = _model(field.annotation)
        if model is not None:
            yield from _section(key, model, seen)


def _section(path: str, model: type[Any], seen: set[type[Any]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    yield from _table(path, _first_line(model), list(_fields(model)))
    for key, field in _fields(model):
        inner = _model(field.annotation)
        if inner is not None:
            yield from _section(f"{path}.{key}", inner, seen)


def _table(title: str, about: str, fields: list[tuple[str, FieldInfo]]) -> Iterator[str]:
    yield from ("", f"## {title}" if "." not in title else f"### {title}", "")
    if about:
        yield from (about.replace("``", "`"), "")
    yield from ("| key | what | default |", "|---|---|---|")
    for key, field in fields:
        yield f"| `{key}` | {_cell(_about(field))} | {_default(field)} |"


def _fields(model: type[Any]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.__pydantic_fields__.items():
        yield field.alias or name, field


def _enumerated(field: FieldInfo) -> list[str]:
    """The values of a field that a table of facts lists, as its schema names them."""
    extra = field.json_schema_extra
    found = extra.get("enum") if isinstance(extra, dict) else None
    return [f"`{value}`" for value in found] if isinstance(found, list) else []


def _about(field: FieldInfo) -> str:
    model = _model(field.annotation)
    text = field.description or (_first_line(model) if model else "")
    choices = _choices(field.annotation) or _enumerated(field)
    return f"{text} One of {', '.join(choices)}." if choices else text


def _choices(annotation: Any) -> list[str]:
    values = getattr(annotation, "__members__", None)
    if values:
        return [f"`{each.value}`" for each in values.values()]
    arguments = get_args(annotation)
    return (
        [f"`{each}`" for each in arguments]
        if arguments and all(isinstance(each, str) for each in arguments)
        else []
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=False)
    if isinstance(value, BaseModel):
        return ""
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _model(annotation: Any) -> type[Any] | None:
    # Models, and pydantic's data classes.
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return annotation
    return next(filter(None, map(_model, get_args(annotation))), None)


def _first_line(model: type[Any] | None) -> str:
    return (model.__doc__ or "").partition("\n")[0] if model else ""


# -- Commands, exit codes, outputs ----------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    # With the command line's settings: click keeps the first help option that it sees.
    settings = commands.context_settings
    context = click.Context(
        commands, info_name="mimecast-sso", terminal_width=100, max_content_width=100, **settings
    )
    yield from ("## Options before the command", "", "```text", *_own_options(context), "```", "")
    for title, section in COMMANDS.items():
        yield from (f"## {title}", "")
        for name in section:
            command = commands.get_command(context, name)
            assert command is not None  # noqa: S101 (it is in the table)
            yield from _command(command, context, f"mimecast-sso {name}")


def _own_options(context: click.Context) -> Iterator[str]:
    """Options before the command, as in ``mimecast-sso --log-file log.txt drift --stack prod-eu``."""
    formatter = context.make_formatter()
    records = (each.get_help_record(context) for each in commands.params)
    formatter.write_dl([each for each in records if each is not None])
    yield from formatter.getvalue().splitlines()


def _command(command: click.Command, parent: click.Context, title: str) -> Iterator[str]:
    inner = click.Context(
        command, info_name=command.name, parent=parent, terminal_width=100, max_content_width=100
    )
    yield from (f"### {title}", "", "```text", command.get_help(inner), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(inner):
            member = command.get_command(inner, name)
            assert member is not None  # noqa: S101 (it is listed)
            yield from _command(member, inner, f"{title} {name}")


def _exit_codes() -> Iterator[str]:
    yield from (
        "Exit codes of `mimecast-sso`. `make` only guarantees zero or non-zero; the engine uses the Pulumi CLI's.",
        "",
    )
    yield from ("| code | meaning |", "|---|---|")
    for code, meaning in _CODES.items():
        yield f"| {code} | {meaning} |"
    yield from ("", "For several stacks, a command returns the worst: 1, then 4, 5, 3, 2, 0.")


def _outputs() -> Iterator[str]:
    yield from ("Outputs of a stack: `pulumi stack output`.", "", "| output | what |", "|---|---|")
    for name, about in {**OUTPUTS, **OPTIONAL}.items():
        yield f"| `{name}` | {_cell(about)} |"


def _cell(text: str) -> str:
    return re.sub(r"([|<>])", r"\\\1", " ".join(text.replace("``", "`").split()))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, content in pages().items():
        (FOLDER / file).write_text(content, encoding="utf-8")
