"""Texts of terminal width."""

from __future__ import annotations

import io

import pytest

from mimecast_sso.text.paragraphs import on_terminal, paragraph

COMMAND = "mimecast-sso roll-out widen --stack prod-eu --share 25 --apply"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_paragraph_is_at_most_80_columns_wide_and_breaks_no_word() -> None:
    text = "Nobody is removed from the roll-out group. " * 5
    lines = paragraph(text, "- ", "  ").splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(line[2:] for line in lines) == text.strip()


@pytest.mark.parametrize(
    "command",
    [
        COMMAND,
        "python -m sandbox seed --stack prod-eu --keep-groups",
        "pulumi stack export --stack prod-eu --file state.json",
        "mimecast-sso sandbox run -- mimecast-sso up --stack prod-eu",
        ".venv/bin/python -m sandbox run -- .venv/bin/mimecast-sso up --stack prod-eu",
        "mimecast-sso confirm --stack prod-eu --by ada@example.com --evidence CHG-1042",
    ],
)
@pytest.mark.parametrize("before", range(20, 80, 7))
def test_a_command_can_be_copied_from_one_line(command: str, before: int) -> None:
    text = f"{'x' * before} first ({command}), then wait 15 minutes."
    assert any(command in line for line in paragraph(text).splitlines())


def test_only_a_terminal_gets_wrapped_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = f"    {'people sign in ' * 10}\nDeploy it: {COMMAND}"
    assert on_terminal(text, stream=io.StringIO()) == text
    wrapped = on_terminal(text, stream=Terminal()).splitlines()
    assert max(map(len, wrapped)) <= 80
    assert wrapped[0].startswith("    people")
    assert wrapped[1].startswith("      ")
    assert wrapped[-1] == f"Deploy it: {COMMAND}"


def test_empty_lines_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert on_terminal("\nConsole work is due.\n", stream=Terminal()) == "\nConsole work is due.\n"
