"""README and docs/: every command, file, configuration key and link in them exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.operations.cli import commands
from sandbox.__main__ import parser as sandbox_parser
from tests.support.command_words import calls, unknown_words

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("components", "docs", "facts", "operations", "providers", "saml", "sandbox", "stacks", "tests")

_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*")
_KEY = re.compile(r"[a-z]\w+(\.[a-z]\w+)+")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code(page: Path) -> list[str]:
    """What stands between back-quotes on one line, and the lines of examples."""
    text = page.read_text()
    found = _CODE.findall(text)
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            found.append(line.strip())
    return found


def words_after(program: str, page: Path) -> Iterator[list[str]]:
    """The words of each call of a program in a page."""
    for text in code(page):
        yield from calls(program, text)


@pages
def test_links_have_targets(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pages
def test_named_files_exist(page: Path) -> None:
    named = {match for text in code(page) for match in _PATH.findall(text)}
    assert [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/.")))] == []


@pages
def test_named_commands_exist(page: Path) -> None:
    unknown: list[tuple[list[str], Iterable[str]]] = []
    for program, tree in (("mimecast-sso", commands), ("python -m sandbox", sandbox_parser())):
        for words in words_after(program, page):
            unknown += [(words, word) for word in unknown_words(words, tree)]
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z -]+):(?!=)", makefile, re.MULTILINE))
    targets = {name for names in targets for name in names.split()}
    unknown += [(words, words[0]) for words in words_after("make", page) if words and words[0] not in targets]
    assert unknown == []


@pages
def test_named_configuration_keys_exist(page: Path) -> None:
    schema = json.loads((ROOT / "stacks" / "schema.json").read_text())
    top = schema["properties"]["config"]["properties"]
    named = {text.split(":")[0] for text in code(page) if _KEY.fullmatch(text.split(":")[0])}
    keys = [key for key in sorted(named) if f"mimecast-sso:{key.partition('.')[0]}" in top]
    assert [key for key in keys if not in_schema(schema, key)] == []
    whole = {name for text in code(page) for name in re.findall(r"mimecast-sso:([a-z]\w+):(?!\w)", text)}
    assert whole - {name.partition(":")[2] for name in top} == set()


@pages
def test_named_sandbox_settings_exist(page: Path) -> None:
    named = {text for text in code(page) if re.fullmatch(r"(clock|entra|mimecast)(\.[a-z]\w+)+", text)}
    source = "\n".join(file.read_text() for file in (ROOT / "sandbox").rglob("*.py"))
    assert [name for name in sorted(named) if f'"{name}"' not in source] == []


def in_schema(schema: dict[str, Any], key: str) -> bool:
    names = key.split(".")
    at = [schema["properties"]["config"]["properties"][f"mimecast-sso:{names[0]}"]]
    for name in names[1:]:
        sections = [section for each in at for section in resolved(schema, each)]
        at = [section["properties"][name] for section in sections if name in section.get("properties", {})]
    return bool(at)


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that a part of the schema allows."""
    if "$ref" in part:
        yield from resolved(schema, schema["$defs"][part["$ref"].rpartition("/")[2]])
    for each in (*part.get("anyOf", ()), *([part["items"]] if "items" in part else ())):
        yield from resolved(schema, each)
    yield part
