"""Every next step that a message prints is a whole command: it parses, and names the stack."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from mimecast_sso.operations.cli import commands
from tests.support.command_words import calls, command_of, required_options, subcommands, unknown_words
from tests.support.projects import ROOT

FOLDERS = ("mimecast_sso", "components", "providers")
DUMMY = "X"
MARKERS = {"comment v1", "read-back 1", "review v1", "ticket v1"}
"""Names of file formats and of comments: these are not printed as commands."""


def texts(source: str) -> Iterator[tuple[int, str]]:
    """The string literals of a module without docstrings, each with its line; a dummy stands for a placeholder."""
    tree = ast.parse(source)
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inner | docstrings:
            yield node.lineno, rendered(node)


def rendered(node: ast.expr) -> str:
    """The text of a literal; ``command("rotate next")`` in a placeholder becomes what the method returns."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(rendered, parts))
        case ast.FormattedValue(
            value=ast.Call(func=ast.Attribute(attr="command"), args=[ast.Constant(value=words)])
        ):
            return f"mimecast-sso {words} --stack {DUMMY}"
    return DUMMY


def printed() -> Iterator[tuple[str, list[str]]]:
    """Each printed call of the command line, with the place where it is written."""
    for file in (each for folder in FOLDERS for each in sorted((ROOT / folder).rglob("*.py"))):
        name = str(file.relative_to(ROOT))
        for line, text in texts(file.read_text(encoding="utf-8")):
            for words in calls("mimecast-sso", text):
                if _names_a_command(words):
                    yield f"{name}:{line}", words


def _names_a_command(words: list[str]) -> bool:
    # A command whose words are a placeholder is built from literals that are found where they stand.
    return words[0] != DUMMY and not words[0].startswith("{") and " ".join(words[:2]) not in MARKERS


def test_there_are_next_steps() -> None:
    assert len(list(printed())) > 30


def test_next_steps_are_commands() -> None:
    unknown = [(place, list(unknown_words(words, commands))) for place, words in printed()]
    assert [(place, words) for place, words in unknown if words] == []


def test_next_steps_name_the_stack() -> None:
    missing = [
        (place, " ".join(words))
        for place, words in printed()
        if "--stack" in required_options(command_of(words, commands)) and "--stack" not in words
    ]
    assert missing == []


def test_no_next_step_is_a_bare_verb() -> None:
    """A step such as "Deploy it first: up" cannot be pasted."""
    verbs = "|".join(subcommands(commands))
    bare = re.compile(rf"(?:first|then|next|run|again|it|them|step)[,:] (?:{verbs})(?![\w-])", re.IGNORECASE)
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line, text in texts(file.read_text(encoding="utf-8"))
        if bare.search(text)
    ]
    assert found == []


def test_commands_are_called_by_name() -> None:
    """A path into ``.venv`` works in a clone only, and ``python -m sandbox`` only with that Python."""
    path = re.compile(r"\.venv/bin/(?!:)|python -m sandbox [a-z]")
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for folder in (*FOLDERS, "sandbox")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line, text in texts(file.read_text(encoding="utf-8"))
        if path.search(text)
    ]
    assert found == []


def test_the_markers_exist() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "mimecast_sso").rglob("*.py"))
    assert [marker for marker in MARKERS if f"mimecast-sso {marker}" not in sources] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('print("run mimecast-sso up --stack a")', ["run mimecast-sso up --stack a"]),
        (
            "print(f\"({stack.command('rotate next')} --start)\")",
            ["(mimecast-sso rotate next --stack X --start)"],
        ),
        ('"""mimecast-sso nothing"""\nprint(f"a {b} c" "d")', ["a X cd"]),
    ],
)
def test_texts_of_a_module_are_found(source: str, expected: list[str]) -> None:
    assert [text for _, text in texts(source)] == expected
