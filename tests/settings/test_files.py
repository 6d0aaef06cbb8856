"""Stack files and CSV files as people's programs save them: read, or refused without showing their content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mimecast_sso.settings import ConfigurationError, from_file, from_values
from mimecast_sso.settings.addresses import Addresses

SECRET = "hunter2-from-another-file"


@pytest.fixture
def book() -> Addresses:
    return from_values(
        {
            "region": "eu",
            "accountCode": "CUK25A118",
            "certificates": {
                "generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}],
                "active": "2026",
            },
            "addresses": {"source": "csv", "csv": "people.csv"},
        }
    ).addresses


@pytest.mark.parametrize(
    "content",
    [
        b"address,name\nada@example.com,Ada\n",
        b"\xef\xbb\xbfaddress;name\r\nada@example.com;Ada\r\n",
        b"sep=;\r\nAddress;Name\r\nada@example.com;Ada\r\n",
        "Address\tName\r\nada@example.com\tAda\r\n".encode("utf-16"),
        b"NAME,ADDRESS,passwordversion\nAda,ada@example.com,1\n",
        b"address,name,,\r\nada@example.com,Ada,,\r\n,,,\r\n",
        b"address;name\r\n;\r\nada@example.com;Ada;;\r\n ; \r\n",
        b"sep=|\naddress|name\nada@example.com|Ada\n",
        b'"sep=;"\raddress;name\rada@example.com;Ada\r',
        b'"address", "name"\n"ada@example.com", "Ada"\n',
    ],
)
def test_csv_as_spreadsheets_save_it(tmp_path: Path, book: Addresses, content: bytes) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    (person,) = book.read_csv(tmp_path)
    assert (person.address, person.name) == ("ada@example.com", "Ada")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("address,name\nada@example.com,Jürgen\n".encode("latin-1"), "not text in UTF-8 (line 2)"),
        (b"email;name\nada@example.com;Ada\n", "first line must name the columns"),
        (f"{SECRET}\n".encode(), "first line must name the columns"),
        (b"address\0name\n", "not a text file"),
        (b"", "first line must name the columns"),
        (b'address,name\nada@example.com,"=HYPERLINK(1)"\n', "line 2: name: begins like a formula"),
        (b"address,name,,\nada@example.com,Ada,Mr,\n", "line 2: has more cells than the first line"),
        (b"address,,name\nada@example.com,,Ada\n", "first line must name the columns"),
    ],
)
def test_csv_that_cannot_be_used_is_explained_and_not_quoted(
    tmp_path: Path, book: Addresses, content: bytes, said: str
) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        book.read_csv(tmp_path)
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "HYPERLINK" not in str(refused.value)


@pytest.mark.parametrize("name", ["/proc/self/environ", "/etc/passwd", "../secret.csv", "link.csv"])
def test_csv_outside_the_project_is_never_read(tmp_path: Path, book: Addresses, name: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret.csv").write_text(f"address\n{SECRET}@example.com\n")
    (project / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(ConfigurationError, match="outside the project's folder") as refused:
        book.model_copy(update={"csv": name}).read_csv(project)
    assert SECRET not in str(refused.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path, book: Addresses) -> None:
    os.mkfifo(tmp_path / "people.csv")
    with pytest.raises(ConfigurationError, match=r"people\.csv, which is not a file"):
        book.read_csv(tmp_path)


def test_the_name_of_a_csv_file_stays_on_its_line(tmp_path: Path, book: Addresses) -> None:
    with pytest.raises(ConfigurationError) as refused:
        book.model_copy(update={"csv": "a\n::warning::x\x1b[2J.csv"}).read_csv(tmp_path)
    assert str(refused.value) == (
        "mimecast-sso:addresses.csv names a : :warning::x.csv, which cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"config:\n\tmimecast-sso:region: eu\n", "line 2, column 1: a tab; indent with spaces"),
        ("config: {a: Jürgen}\n".encode("latin-1"), "is not text in UTF-8 (line 1)"),
        (b"config: [\n", "is not valid YAML, line 2"),
        (b"config:\n  1: x\n  mimecast-sso:regio: eu\n", "mimecast-sso:regio is not a key"),
        (b"config:\n  a: 1\n  a: 2\n", "line 3, column 3: a key occurs twice"),
        (b"config:\n  mimecast_sso:rollOut: {who: none}\n", "did you mean mimecast-sso:rollOut?"),
        (b"config:\n  MimecastSSO:region: eu\n", "did you mean mimecast-sso:region?"),
        (b"config: {}\n---\nconfig: {}\n", "line 2, column 1: a second document begins (---); write one"),
        (b"config: {}\nmimecast-sso:rollOut: {}\n", "has mimecast-sso:rollOut outside config:"),
        ("config: {}\n\u00a0 mimecast-sso:rollOut: {}\n".encode(), "mimecast-sso:rollOut outside config:"),
        (b"[" * 20_000, "nested too deeply"),
    ],
)
def test_a_stack_file_that_cannot_be_read_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        from_file(file)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["x0: &a0 [1, 1]", *(f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))],
            "too often",
        ),
        (["x0: &a [*a]"], "unconstructable recursive node"),
        (["x0: &a0 [1]", *(f"x{n}: &a{n} [*a{n - 1}]" for n in range(1, 1800))], "nested too deeply"),
    ],
    ids=["a bomb", "an anchor that holds itself", "a long chain"],
)
def test_recursive_anchors_are_refused_at_once(tmp_path: Path, lines: list[str], said: str) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text("config:\n" + "".join(f"  mimecast-sso:{line}\n" for line in lines))
    with pytest.raises(ConfigurationError, match=said):
        from_file(file)


def test_a_stack_file_in_utf_16_is_read(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_bytes("config: {'mimecast-sso:region': eu}\n".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="accountCode is missing"):
        from_file(file)


@pytest.mark.parametrize("typed", ["010", "1:30", "0x10", "1_0", "0b11"])
def test_a_number_that_is_not_typed_in_digits_is_refused(tmp_path: Path, typed: str) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    smallest = SMALLEST.format(label="2026", end='"2029-11-01T00:00:00Z"')
    file.write_text(f"{smallest}  mimecast-sso:rollOut: {{who: share, share: {typed}}}\n")
    with pytest.raises(ConfigurationError, match=f"rollOut.share is {typed}, which YAML reads as the number"):
        from_file(file)


SMALLEST = """config:
  mimecast-sso:region: eu
  mimecast-sso:accountCode: CUK25A118
  mimecast-sso:certificates:
    active: {label}
    generations:
      - label: {label}
        endDate: {end}
"""


@pytest.mark.parametrize(
    ("label", "read_as"),
    [
        ("2026.10", "2026.1"),
        ("010", "8"),
        ("12:30:45", "45045"),
        ("1_000", "1000"),
        ("2e3", None),
        ("0x10", "16"),
    ],
)
def test_a_number_that_yaml_changes_is_refused_for_a_string(
    tmp_path: Path, label: str, read_as: str | None
) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(SMALLEST.format(label=label, end='"2029-11-01T00:00:00Z"'))
    if read_as is None:  # A text in YAML 1.1 already.
        assert from_file(file).certificates.active == label
        return
    with pytest.raises(ConfigurationError) as refused:
        from_file(file)
    assert f"certificates.active is {label}, which YAML reads as the number {read_as}; quote it" in str(
        refused.value
    )


def test_an_unquoted_year_is_accepted_as_a_string(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(SMALLEST.format(label="2026", end="2029-11-01T00:00:00Z"))
    assert from_file(file).certificates.active == "2026"


def test_an_invalid_time_is_named(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(SMALLEST.format(label="2026", end="2029-11-01T24:00:00Z"))
    with pytest.raises(
        ConfigurationError, match=r"endDate is \"2029-11-01T24:00:00Z\", which is not a time in UTC"
    ):
        from_file(file)


@pytest.mark.parametrize(
    "typed",
    [
        "2029-11-01t00:00:00Z",
        "2029-11-01T00:00:00z",
        "2029-1-1T0:0:0Z",
        "\uff12\uff10\uff12\uff19-11-01T00:00:00Z",
    ],
)
def test_another_spelling_of_a_time_is_refused(tmp_path: Path, typed: str) -> None:
    # The azuread provider would replace the certificate in every run.
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(SMALLEST.format(label="2026", end=f'"{typed}"'), encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match="which is not a time in UTC written as 2029-11-01T00:00:00Z"
    ):
        from_file(file)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("2029-11-01T00:00:00+02:00", "2029-11-01 00:00:00+02:00"),
        ("2029-11-01 00:00:00 -05:00", "2029-11-01 00:00:00-05:00"),
        ("2029-11-01T00:00:00.5Z", "2029-11-01 00:00:00.500000+00:00"),
    ],
)
def test_an_unquoted_time_of_another_zone_is_not_taken_for_utc(tmp_path: Path, typed: str, said: str) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(SMALLEST.format(label="2026", end=typed))
    with pytest.raises(ConfigurationError) as refused:
        from_file(file)
    assert f'endDate is "{said}", which is not a time in UTC' in str(refused.value)


@pytest.mark.parametrize(
    "typed", ["2029-11-01T00:00:00", "2029-11-01 00:00:00Z", "2029-11-01T00:00:00+00:00"]
)
def test_an_unquoted_time_in_utc_is_accepted(tmp_path: Path, typed: str) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(SMALLEST.format(label="2026", end=typed))
    assert from_file(file).certificates.generations[0].end_date == "2029-11-01T00:00:00Z"
