"""CSV files of people, and stack files that share a domain: what is accepted, refused and reported."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from mimecast_sso.settings import (
    Address,
    Addresses,
    AddressSource,
    ConfigurationError,
    DomainMode,
    from_values,
    written_elsewhere,
)
from tests.settings.test_settings import SMALLEST


def read(folder: Path, content: str | bytes) -> tuple[Address, ...]:
    (folder / "people.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    values = SMALLEST | {"addresses": {"source": "csv", "csv": "people.csv"}}
    return from_values(values).addresses.read_csv(folder)


def problems(folder: Path, content: str | bytes) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, content)
    return str(caught.value)


def test_addresses_get_their_normal_form(tmp_path: Path) -> None:
    rows = 'address,name,passwordVersion\nAda@Bücher.Example,"Lovelace, Ada",2\n+x@example.com,,\n\n'
    ada, other = read(tmp_path, "\ufeff" + rows.replace("\n", "\r\n"))
    assert ada == Address(address="ada@xn--bcher-kva.example", name="Lovelace, Ada", passwordVersion="2")
    assert (other.address, other.name) == ("+x@example.com", None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("nobody,N", "line 2: address: is not an e-mail address"),
        (",Nobody", "line 2: address"),
        (
            f"{'a' * 64}@{'x' * 60}.{'y' * 60}.{'z' * 60}.example,A",
            "line 2: address: is longer than the 254",
        ),
        ("a\x07da@example.com,A", 'line 2: address: holds an invisible character, U+0007, before "da"'),
        ("a\x7fda@example.com,A", 'line 2: address: holds an invisible character, U+007F, before "da"'),
        ("ada@example.com,A\x07da", "line 2: name: holds control characters"),
        ('ada@example.com,"A\nda"', "line 2: name: holds control characters"),
        ('\n\nada@example.com,"A\r\nd\ra"', "line 4: name: holds control characters"),
        ("ada@example.com,Lovelace, Ada", "line 2: has more cells than the first line"),
        ("ada@example.com,A\nADA@Example.com,A", "line 3: ada@example.com already occurs in line 2"),
        ("ada@example.com,=HYPERLINK(1)", "line 2: name: begins like a formula"),
        ("ada@example.com,+1", "begins like a formula"),
        ("ada@example.com,-1", "begins like a formula"),
        ("ada@example.com,@SUM(A1)", "begins like a formula"),
        ("ada@example.com,\t=1", "begins like a formula"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, said: str) -> None:
    assert said in problems(tmp_path, f"address,name\n{row}\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\xff\xfe\x00workbook", "is not text in UTF-8"),
        ('address,name\n"ada@example.com,Ada\n', "is not CSV"),
        ("", "first line must name the columns address, name"),
        ("e-mail;name\nada@example.com;Ada\n", "first line must name the columns"),
        ("address,name,phone\nada@example.com,Ada,1\n", "first line must name the columns"),
        ('{"people": []}', "first line must name the columns"),
    ],
)
def test_a_file_that_is_not_such_a_csv(tmp_path: Path, content: str | bytes, said: str) -> None:
    text = problems(tmp_path, content)
    assert text.startswith("mimecast-sso:addresses.csv names people.csv")
    assert said in text


def test_a_name_that_is_not_a_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"addresses\.csv is not a path"):
        Addresses(source=AddressSource.CSV, csv="people\0.csv").read_csv(tmp_path)


def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    rows = "".join(f"person{number}@example.com,Person {number}\n" for number in range(100_000))
    begin = time.process_time()
    assert len(read(tmp_path, f"address,name\n{rows}")) == 100_000
    assert time.process_time() - begin < 20
    text = problems(tmp_path, "address,name\n" + rows.replace("@", "#"))
    assert text.count("\n") == 20
    assert text.endswith("people.csv: and 99980 more lines that cannot be used")


def stack_file(folder: Path, stack: str, **changes: Any) -> None:
    config = {f"mimecast-sso:{key}": value for key, value in (SMALLEST | changes).items()}
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))


def elsewhere(folder: Path, **changes: Any) -> list[str]:
    values = SMALLEST | {"domains": ["example.com", "mine.example"]} | changes
    return written_elsewhere(from_values(values), "prod", folder)


def test_a_domain_in_two_stack_files_of_one_account_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    stack_file(folder, "prod", domains=["example.com"])
    assert elsewhere(folder) == []
    stack_file(folder, "pilot", domains=["EXAMPLE.com."])
    stack_file(folder, "other-account", domains=["example.com"], accountCode="CUK99A999")
    (folder / "Pulumi.broken.yaml").write_text("config: [")
    (said,) = elsewhere(folder)
    for part in (
        "example.com",
        "stacks/Pulumi.prod.yaml",
        "stacks/Pulumi.pilot.yaml",
        "CUK25A118",
        "require",
    ):
        assert part in said
    required = [{"name": "example.com", "mode": DomainMode.REQUIRE.value}]
    assert elsewhere(folder, domains=required) != []
    stack_file(folder, "pilot", domains=required)
    assert elsewhere(folder, domains=required) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_domain_in_a_stack_file_of_another_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    stack_file(folder, "pilot", domains=["example.com"])
    file = folder / "Pulumi.pilot.yaml"
    file.write_bytes(file.read_text().encode(encoding))
    assert len(elsewhere(folder)) == 1


def test_an_integration_in_two_stack_files_of_one_account_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    desired = {"description": "Entra", "tenantDomain": "contoso.example"}
    required = {"description": "Entra", "mode": "require"}
    stack_file(folder, "pilot", directorySynchronisation=desired)
    (said,) = elsewhere(folder, directorySynchronisation=required)
    assert said.startswith(
        "mimecast-sso:directorySynchronisation names Entra in stacks/Pulumi.prod.yaml and in"
    )
    assert "two stacks would write the same directory integration" in said
    assert elsewhere(folder, directorySynchronisation=desired | {"description": "Other"}) == []
    stack_file(folder, "pilot", directorySynchronisation=required)
    assert elsewhere(folder, directorySynchronisation=required) == []
