"""The Mimecast users, and their source."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from mimecast_sso.facts.address_removal import Removal
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings.base import NAMESPACE, SettingsSection
from mimecast_sso.settings.errors import ConfigurationError, allowed
from mimecast_sso.settings.values import EmailAddress, Name, PersonName, Text
from mimecast_sso.text import foreign
from mimecast_sso.text.files import UnreadableTextError, read_text


class AddressSource(StrEnum):
    """Where the Mimecast addresses come from."""

    EXPLICIT = "explicit"
    CSV = "csv"
    ASSIGNED = "assigned"
    SYNCHRONISED = "synchronised"


@dataclass(
    frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", str_strip_whitespace=True)
)
class Address:
    """One Mimecast user."""

    address: EmailAddress = Field(examples=["ada@example.com"], description="The address.")
    name: PersonName | None = Field(default=None, description="The global name.", examples=["Ada Example"])
    password_version: Name | None = Field(
        default=None,
        alias="passwordVersion",
        description="Any text; a new value sets the password from addressPasswords again.",
        examples=["1"],
    )


class Addresses(SettingsSection):
    """The addresses that people sign in to the portal with."""

    source: AddressSource = Field(
        AddressSource.EXPLICIT,
        examples=["explicit"],
        description="explicit: list. csv: a file. assigned: the assigned people. synchronised: directory "
        "synchronisation owns them, and they are only checked.",
    )
    explicit: tuple[Address, ...] = Field((), alias="list", examples=[[{"address": "ada@example.com"}]])
    csv: Text | None = Field(
        None, description="A file with a header line: address,name", examples=["stacks/people.csv"]
    )
    on_removal: Removal = Field(
        Removal.FORGET,
        alias="onRemoval",
        examples=["forget"],
        description="What happens to an address that is removed from the configuration: disabled, forgotten, or the "
        "run refused. No API deletes one.",
    )
    adopt: tuple[EmailAddress, ...] = Field(
        (),
        description="Existing addresses that may be changed to the configured values.",
        examples=[["ada@example.com"]],
    )

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> Addresses:
        if self.source is AddressSource.CSV and not self.csv:
            raise ValueError("with source: csv also needs csv (the file)")
        if self.source is not AddressSource.EXPLICIT and self.explicit:
            raise ValueError(f"has a list, which source: {self.source} does not use")
        seen: set[str] = set()
        for entry in self.explicit:
            if entry.address in seen:
                raise ValueError(f"names {entry.address} twice")
            seen.add(entry.address)
        return self

    def read_csv(self, root: Path) -> tuple[Address, ...]:
        """The rows of the CSV file (columns address, name, optionally passwordVersion). Raises ConfigurationError."""
        lines: dict[str, int] = {}
        found: list[Address] = []
        problems: list[str] = []
        for number, row in self._csv_rows(root):
            try:
                person = _csv_address(row)
            except ValidationError as error:
                detail = error.errors()[0]
                problems.append(f"line {number}: {'.'.join(map(str, detail['loc']))}: {allowed(detail)}")
            except ValueError as error:
                problems.append(f"line {number}: {error}")
            else:
                first = lines.setdefault(person.address, number)
                if first == number:
                    found.append(person)
                else:
                    problems.append(f"line {number}: {person.address} already occurs in line {first}")
        if problems:
            raise ConfigurationError(_first_problems(foreign.one_line(self.csv or ""), problems))
        return tuple(found)

    def _csv_rows(self, root: Path) -> Iterator[tuple[int, dict[str | None, JSON]]]:
        """The rows with their line numbers, one at a time."""
        key = f"{NAMESPACE}:addresses.csv names {foreign.one_line(self.csv or '')}"
        if "\0" in (self.csv or ""):
            raise ConfigurationError(
                [f"{NAMESPACE}:addresses.csv is not a path. Write one without control characters"]
            )
        # Unlike Path.resolve, this also takes a link to itself, which is then a file that cannot be read.
        file = Path(os.path.realpath(root / (self.csv or "")))
        if not file.is_relative_to(root.resolve()):
            raise ConfigurationError(
                [f"{key}, which is outside the project's folder. Put the file into the project"]
            )
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise ConfigurationError([f"{key}, which is not a file: a pipe or a device may never end"])
        try:
            yield from _rows(read_text(file), key)
        except UnreadableTextError as error:
            raise ConfigurationError([f"{key}, which {error.why}"]) from None
        except csv.Error as error:
            raise ConfigurationError([f"{key}, which is not CSV: {error}"]) from None


def _rows(text: str, key: str) -> Iterator[tuple[int, dict[str | None, JSON]]]:
    """The rows below the first line. Raises csv.Error, and ConfigurationError, which names ``key``, for its columns."""
    stated = _STATED_DELIMITER.match(text)
    skipped = 1 if stated else 0
    text = text[stated.end() :] if stated else text
    # Not io.StringIO, which takes four bytes for each character.
    lines = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="")
    reader = csv.DictReader(
        lines, strict=True, delimiter=_delimiter(text, stated[1] if stated else ""), skipinitialspace=True
    )
    columns = [
        _CSV_COLUMNS.get(each.strip().lower(), "") for each in _without_blank_end(reader.fieldnames or ())
    ]
    if "address" not in columns or "" in columns or len(set(columns)) < len(columns):
        desired = "address, name (and optionally passwordVersion), separated by commas or semicolons"
        raise ConfigurationError([f"{key}, whose first line must name the columns {desired}"])
    reader.fieldnames = columns
    for row in reader:
        cells = list(_cells(row))
        if any(cell.strip() for cell in cells):  # A spreadsheet also writes the blank rows below its table.
            breaks = sum(len(_LINE_BREAK.findall(cell)) for cell in cells)
            yield reader.line_num - breaks + skipped, row  # The first line of the row.


def _without_blank_end(cells: Sequence[str]) -> Sequence[str]:
    """A spreadsheet also writes the cells beside its table that once had something in them."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _cells(row: Mapping[str | None, JSON]) -> Iterator[str]:
    """The cells of a row; those beyond the first line's columns are in a list."""
    for each in row.values():
        yield from [each] if isinstance(each, str) else each or ()


_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_STATED_DELIMITER = re.compile(r'"?sep=([^\w\s"]|\t)[^\r\n]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""Excel's own first line."""


def _delimiter(text: str, stated: str) -> str:
    """The separator of the columns, which depends on Excel's regional settings, unless the file states it."""
    first = next(iter(text.splitlines()), "")
    return stated if stated and stated in first else max(",;\t", key=first.count)


_ADDRESS = TypeAdapter(Address)
_CSV_COLUMNS = {name.lower(): name for name in ("address", "name", "passwordVersion")}
_PROBLEMS_SHOWN = 20


def _csv_address(row: Mapping[str | None, JSON]) -> Address:
    if any(cell.strip() for cell in row.get(None) or ()):
        raise ValueError("has more cells than the first line; quote a cell that contains a comma")
    return _ADDRESS.validate_python(
        {key: value for key, value in row.items() if key and value and value.strip()}
    )


def _first_problems(file: str, problems: list[str]) -> list[str]:
    shown = [f"{file}, {problem}" for problem in problems[:_PROBLEMS_SHOWN]]
    rest = len(problems) - len(shown)
    return [*shown, f"{file}: and {rest} more lines that cannot be used"] if rest else shown
