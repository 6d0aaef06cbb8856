"""The Mimecast users, from whichever source."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from mimecast_sso.settings.base import NAMESPACE, Section
from mimecast_sso.settings.errors import ConfigurationError, allowed
from mimecast_sso.settings.values import EmailAddress, PersonName, Text


class AddressSource(StrEnum):
    """Where the Mimecast addresses come from."""

    EXPLICIT = "explicit"
    CSV = "csv"
    ASSIGNED = "assigned"
    SYNCHRONISED = "synchronised"


class Removal(StrEnum):
    """What becomes of an address that leaves the configuration; Mimecast has no call that deletes one."""

    DISABLE = "disable"
    FORGET = "forget"
    REFUSE = "refuse"


class Address(Section):
    """One Mimecast user."""

    address: EmailAddress = Field(examples=["ada@example.com"])
    name: PersonName | None = Field(None, description="The global name.", examples=["Ada Example"])
    password_version: Text | None = Field(
        None,
        alias="passwordVersion",
        description="Any text; changing it sets the password of addressPasswords anew.",
        examples=["1"],
    )


class Addresses(Section):
    """The addresses that people sign in to the portal with."""

    source: AddressSource = Field(AddressSource.EXPLICIT, examples=["explicit"])
    explicit: tuple[Address, ...] = Field((), alias="list", examples=[[{"address": "ada@example.com"}]])
    csv: Text | None = Field(
        None, description="A file with a header line: address,name", examples=["stacks/people.csv"]
    )
    on_removal: Removal = Field(Removal.FORGET, alias="onRemoval", examples=["forget"])
    adopt: tuple[EmailAddress, ...] = Field(
        (),
        description="Existing addresses that may be changed to what is wanted.",
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
        found: dict[str, tuple[int, Address]] = {}
        problems: list[str] = []
        for number, row in self._csv_rows(root):
            try:
                person = _csv_address(row)
                if person.address in found:
                    problems.append(
                        f"line {number}: {person.address} is there already, in line {found[person.address][0]}"
                    )
                found.setdefault(person.address, (number, person))
            except ValidationError as error:
                detail = error.errors()[0]
                problems.append(f"line {number}: {'.'.join(map(str, detail['loc']))}: {allowed(detail)}")
            except ValueError as error:
                problems.append(f"line {number}: {error}")
        if problems:
            raise ConfigurationError(_first_problems(self.csv or "", problems))
        return tuple(person for _, person in found.values())

    def _csv_rows(self, root: Path) -> list[tuple[int, dict[str | None, Any]]]:
        key = f"{NAMESPACE}:addresses.csv names {self.csv}"
        try:
            text = (root / (self.csv or "")).read_text(encoding="utf-8-sig")
            reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            columns = list(reader.fieldnames or ())
            rows: list[tuple[int, dict[str | None, Any]]] = [(reader.line_num, row) for row in reader]
        except OSError as error:
            raise ConfigurationError([f"{key}, which cannot be read: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise ConfigurationError([f"{key}, which is not text in UTF-8; save it as CSV UTF-8"]) from None
        except csv.Error as error:
            raise ConfigurationError([f"{key}, which is not CSV: {error}"]) from None
        if "address" not in columns or not set(columns) <= _CSV_COLUMNS:
            wanted = "address,name (and passwordVersion, if wanted), separated by commas"
            raise ConfigurationError(
                [f"{key}, whose first line must name the columns {wanted}; it is {_shown(','.join(columns))}"]
            )
        return rows


_CSV_COLUMNS = frozenset({"address", "name", "passwordVersion"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PROBLEMS_SHOWN = 20
_LONGEST_SHOWN = 60


def _csv_address(row: Mapping[str | None, Any]) -> Address:
    if None in row:
        raise ValueError(
            "has more cells than the first line; put a cell that holds a comma into quotation marks"
        )
    name = row.get("name") or ""
    if name.startswith(_FORMULA_STARTS):
        raise ValueError(
            f"name: {_shown(name)} begins like a formula, which a spreadsheet would run; correct the name"
        )
    return Address.model_validate({key: value for key, value in row.items() if value})


def _first_problems(file: str, problems: list[str]) -> list[str]:
    shown = [f"{file}, {problem}" for problem in problems[:_PROBLEMS_SHOWN]]
    rest = len(problems) - len(shown)
    return [*shown, f"{file}: and {rest} more lines that cannot be used"] if rest else shown


def _shown(text: str) -> str:
    """A user's text for a message: short, on one line, without control characters."""
    return json.dumps(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…", ensure_ascii=True)
