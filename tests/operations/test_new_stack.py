"""The file of a new stack: valid, checked against the live tenants, and never overwriting another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mimecast_sso.operations.cli import main
from mimecast_sso.settings import from_file
from sandbox import credentials
from sandbox.environment import environment
from tests.support.projects import Ended, Project, project

pytestmark = pytest.mark.xdist_group("new-stack")
ACME = (
    "acme",
    "--region",
    "eu",
    "--account",
    "CUK25A118",
    "--domain",
    "example.com",
    "--pilot",
    "ada@example.com",
)
OTHER_TENANT = "6c000000-0000-4000-8000-000000000002"
New = Callable[..., Ended]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("new"), "embedded") as fresh:
        yield fresh


@pytest.fixture
def new(made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[New]:
    monkeypatch.chdir(made.folder)
    for name, value in environment(made.home).items():
        monkeypatch.setenv(name, value)

    def run(*words: str, **variables: str) -> Ended:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["mimecast-sso", "new", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), " ".join((printed.out + printed.err).split()))

    yield run
    file(made).unlink(missing_ok=True)


def file(made: Project) -> Path:
    return made.folder / "stacks" / "Pulumi.acme.yaml"


def test_it_is_checked_against_both_tenants_and_deploys_nothing_by_itself(made: Project, new: New) -> None:
    ended = new(*ACME, "--tag", "ring-1")
    assert ended.code == 0, ended.text
    assert "Mimecast: account CUK25A118 (Example CUK25A118), region eu." in ended.text
    assert f"Entra: tenant {credentials.TENANT_ID}." in ended.text
    assert "example.com is not an internal domain of the account" in ended.text
    assert ended.text.endswith("Next: mimecast-sso preflight --stack acme")
    settings = from_file(file(made))
    assert (settings.tenant_id, settings.tags, settings.roll_out.pilot) == (
        credentials.TENANT_ID, ("ring-1",), ("ada@example.com",)
    )  # fmt: skip
    assert file(made).read_text().startswith("# yaml-language-server: $schema=schema.json\n")
    again = new(*ACME)
    assert (again.code, "exists and was not overwritten" in again.text) == (1, True)


def test_without_credentials_it_names_what_was_not_checked(made: Project, new: New) -> None:
    ended = new(*ACME, ARM_CLIENT_SECRET="", MIMECAST_CLIENT_SECRET="")
    assert ended.code == 0, ended.text
    assert "Mimecast: not checked, because there are no credentials" in ended.text
    assert "Entra: not checked, because there are no credentials" in ended.text
    assert from_file(file(made)).tenant_id is None


@pytest.mark.parametrize(
    ("words", "variables", "ends"),
    [
        (
            (*ACME[:4], "CUK99Z999", *ACME[5:]),
            {},
            (4, "The Mimecast credentials are for account CUK25A118, but"),
        ),
        (
            (*ACME, "--tenant", OTHER_TENANT),
            {},
            (4, f"are for tenant {credentials.TENANT_ID}, not"),
        ),
        (ACME, {"ARM_CLIENT_SECRET": "wrong"}, (1, "AADSTS7000215")),
        ((*ACME[:4], "lower", *ACME[5:]), {}, (1, "is not an account code")),
        (("../acme", *ACME[1:]), {}, (1, "cannot be the name of a stack")),
    ],
)
def test_an_invalid_new_stack_writes_no_file(
    made: Project, new: New, words: tuple[str, ...], variables: dict[str, str], ends: tuple[int, str]
) -> None:
    ended = new(*words, **variables)
    code, said = ends
    assert (ended.code, said in ended.text) == (code, True), ended.text
    assert not file(made).exists()


def test_a_region_by_another_name_is_understood(made: Project, new: New) -> None:
    words = [each if each != "eu" else "uk" for each in ACME]
    ended = new(*words)
    assert ended.code == 64
    assert '"uk" is not a region\'s code; that region is eu.' in ended.text
    assert new(*(each if each != "eu" else "EU" for each in ACME)).code == 0
    assert from_file(file(made)).region == "eu"
