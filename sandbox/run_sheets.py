"""Reads a run sheet as a person does, by headings, labels and values, in HTML or Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from mimecast_sso.facts.profile_form import FormSection

LEAVE_EMPTY = "leave empty"

_HEADING = re.compile(r"##\s+(?:\d+\.\s+)?(?P<title>.+?)\s*")
_SEPARATOR = re.compile(r"\|?[\s:|-]+\|?")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"(`+) ?(?P<text>.*?) ?\1")
_PATH = re.compile(r"Console:\s*\**(?P<path>[^*]+?)\**\s*")
_FENCE = "```"
_DEFINITIONS = ("Stack", "Region", "Account")


class UnreadableError(Exception):
    """The file is not a run sheet; the message names the missing parts."""


@dataclass(slots=True)
class Dialogue:
    """One form of the console: its menu path, and the values by label ("": leave the field empty)."""

    path: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Sheet:
    """A parsed run sheet."""

    region: str
    account: str
    dialogues: dict[FormSection, Dialogue]


def read(file: Path) -> Sheet:
    """Read a run sheet, HTML or Markdown.

    Raises:
        UnreadableError: not a text file, or parts of a run sheet are missing.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UnreadableError(f"{file}: {reason}") from error
    is_html = text.lstrip().startswith("<")
    facts, dialogues = _read_html(text) if is_html else _read_markdown(text)
    missing = [section.value for section in FormSection if not dialogues.get(section, Dialogue()).values]
    missing += [name for name in _DEFINITIONS if not facts.get(name)]
    if missing:
        raise UnreadableError(f"{file} is not a run sheet: it lacks {', '.join(missing)}")
    return Sheet(facts["Region"], facts["Account"], dialogues)


_Read = tuple[dict[str, str], dict[FormSection, Dialogue]]


def _read_html(text: str) -> _Read:
    root: Any
    try:
        root = lxml_html.document_fromstring(text)
    except etree.ParserError:
        return {}, {}
    terms = {
        _squeezed(term): _squeezed(term.getnext()) for term in root.iter("dt") if term.getnext() is not None
    }
    dialogues = {}
    for table in root.xpath("//table[@data-section]"):
        section = _section(table.get("data-section"))
        if section is None:
            continue
        paths = table.xpath("./preceding::*[contains(concat(' ', @class, ' '), ' path ')][1]")
        rows = table.xpath(".//tr[@data-field]")
        values = {
            _squeezed(row.find("th")): "".join(row.xpath("./td[1]//code//text()")).strip() for row in rows
        }
        dialogues[section] = Dialogue(_squeezed(paths[0]) if paths else "", values)
    return terms, dialogues


def _read_markdown(text: str) -> _Read:
    facts: dict[str, str] = {}
    dialogues: dict[FormSection, Dialogue] = {}
    current: Dialogue | None = None
    before_headings = True
    lines = iter(text.splitlines())
    last_label = ""
    for line in lines:
        heading = _HEADING.fullmatch(line)
        if heading:
            before_headings = False
            section = _section(heading["title"])
            current = dialogues.setdefault(section, Dialogue()) if section else None
        elif line.startswith("|"):
            label, value = _cells(line)
            if before_headings:
                facts[label] = value
            elif current is not None and label not in {"Field", ""}:
                current.values[label] = value
        elif current is None:
            continue
        elif (path := _PATH.fullmatch(line)) is not None:
            current.path = html.unescape(path["path"])
        elif line.startswith(_FENCE):
            current.values[last_label] = _fenced(lines)
        elif line.strip().removesuffix(":") in current.values:
            last_label = line.strip().removesuffix(":")
    return facts, dialogues


def _cells(line: str) -> tuple[str, str]:
    """Label and value of a table row; both empty for the line below the header."""
    if _SEPARATOR.fullmatch(line):
        return "", ""
    cells = [cell.strip().replace("\\|", "|") for cell in _CELL_BORDER.split(line.strip())[1:-1]]
    label, value = (*cells, "", "")[:2]
    code = _CODE.fullmatch(value)
    value = code["text"] if code else html.unescape(value)
    return html.unescape(label), "" if value == LEAVE_EMPTY else value


def _fenced(lines: Iterator[str]) -> str:
    block = []
    for line in lines:
        if line.startswith(_FENCE):
            break
        block.append(line)
    return "\n".join(block)


def _section(title: str | None) -> FormSection | None:
    return next((section for section in FormSection if section.value == title), None)


def _squeezed(element: Any) -> str:
    return " ".join(element.text_content().split())
