"""``mimecast-sso assess`` against the sandbox: who would sign in, the stack file that fits, and nothing written."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.operations.assess.files import COLUMNS
from mimecast_sso.operations.cli import main
from mimecast_sso.settings import AddressSource, DomainMode, Ownership, Settings, from_file
from sandbox.control_client import Control
from sandbox.stack_seed import document
from tests.support.hand_made import END, FLAWS, GROUP, NAME, Tenant, clean
from tests.support.journal import may_change
from tests.support.projects import ROOT, Ended
from tests.support.sandboxes import RunningSandbox, started

ADA, GRACE, ALAN, KAY, LINUS = (f"{name}@example.com" for name in ("ada", "grace", "alan", "kay", "linus"))
ACCOUNT = ("--region", "eu", "--account-code", "CUK25A118")
STACK_FILE = Path("build/assess/Pulumi.cuk25a118-eu.yaml")
PEOPLE = Path("build/assess/people.csv")
COLLECTIONS = ("applications", "servicePrincipals", "policies", "assignments", "users", "groups")

Assess = Callable[..., Ended]


def seed() -> dict[str, Any]:
    """The sandbox stack's world. At Mimecast: Ada, Grace, Kay (not assigned), and Linus, whom Entra does not have."""
    found = document("sandbox", ROOT / "stacks")
    kay = {**found["users"][0], "mail": KAY, "userPrincipalName": "=kay@contoso.onmicrosoft.com"}
    found["users"].append(kay | {"displayName": "Alan Kay"})
    found["mimecast"]["domains"] = [{"name": "example.com"}]
    found["mimecast"]["users"] = [{"emailAddress": each, "name": ""} for each in (ADA, GRACE, KAY, LINUS)]
    return found


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with started(tmp_path_factory.mktemp("world"), seed()) as running, running.entered():
        yield running


@pytest.fixture
def control(sandbox: RunningSandbox) -> Iterator[Control]:
    """The directory as seeded; whatever a test does to it is undone afterwards."""
    control = sandbox.control
    before = {name: {each["id"]: each for each in control.documents(f"entra.{name}")} for name in COLLECTIONS}
    yield control
    control.faults()
    for name, documents in before.items():
        now = {each["id"]: each for each in control.documents(f"entra.{name}")}
        for identifier in now.keys() - documents.keys():
            control.delete(f"entra.{name}", identifier)
        for identifier, item in documents.items():
            if now.get(identifier) != item:
                control.put(f"entra.{name}", identifier, item)


@pytest.fixture
def tenant(sandbox: RunningSandbox, control: Control) -> Tenant:
    """With an application that somebody created by hand; Alan is assigned by a group and not at Mimecast."""
    return clean(sandbox.graph(), control)


@pytest.fixture
def assess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Assess:
    """``mimecast-sso assess …`` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["mimecast-sso", "assess", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out + printed.err)

    return run


def rows() -> dict[str, dict[str, str]]:
    with PEOPLE.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["address"] for row in found] == sorted(row["address"] for row in found)
    return {row["address"]: row for row in found}


def reasons() -> dict[str, tuple[str, str]]:
    return {address: (row["would sign in"], row["reason"]) for address, row in rows().items()}


def counts(text: str) -> dict[str, int]:
    """Number by the beginning of its line."""
    found = re.findall(r"^ +(\d+)  (.+)$", text, flags=re.MULTILINE)
    return {rest[:41]: int(number) for number, rest in found}


def written(control: Control, after: int) -> list[dict[str, Any]]:
    """Requests that may have changed something."""
    return [each for each in control.journal(after=after) if may_change(each)]


def fitting() -> Settings:
    """The stack file, through the loader of every other command."""
    return from_file(STACK_FILE)


def test_people_are_counted_and_named_and_nothing_is_written(tenant: Tenant, assess: Assess) -> None:
    after = max(each["number"] for each in tenant.control.journal())
    ended = assess(*ACCOUNT)
    assert ended.code == 2, ended.text
    asked = {each["host"] for each in tenant.control.journal(after=after)}
    assert {"graph.microsoft.com", "api.services.mimecast.com"} <= asked
    assert written(tenant.control, after) == []
    assert counts(ended.text) == {
        "would sign in": 2,
        "would not sign in: the address does not e": 1,
        "would not sign in: not assigned to the ap": 1,
        "would not sign in: no account in Entra ha": 1,
    }
    assert "5 people are" in ended.text
    created = "2 addresses that Mimecast created with a domain (abuse@, postmaster@) are not counted"
    assert created in " ".join(ended.text.split())
    assert all(len(line) <= 80 for line in ended.text.splitlines()), ended.text
    assert reasons() == {
        ADA: ("yes", ""),
        GRACE: ("yes", ""),
        ALAN: ("no", "not-at-mimecast"),
        KAY: ("no", "not-assigned"),
        LINUS: ("no", "no-account"),
    }
    assert tuple(rows()[ADA]) == COLUMNS
    assert {row["in roll-out group"] for row in rows().values()} == {"no"}
    assert {address for address, row in rows().items() if row["assigned"] == "yes"} == {ADA, GRACE, ALAN}
    assert rows()[KAY]["user principal name"] == "'=kay@contoso.onmicrosoft.com", "no formula"
    assert "AADSTS50105" in rows()[KAY]["what is wrong"]
    assert rows()[KAY]["what to do"].startswith("assign them")


def test_adopting_with_the_stack_file_changes_nothing(tenant: Tenant, assess: Assess) -> None:
    ended = assess(*ACCOUNT)
    assert "changes nothing." in ended.text
    settings = fitting()
    application = settings.application
    assert (application.adopt, application.display_name) == (tenant.client_id, NAME)
    assert (settings.assign.users, settings.assign.groups) == ((ADA, GRACE), (GROUP,))
    assert [(each.name, each.mode) for each in settings.domains] == [("example.com", DomainMode.REQUIRE)]
    assert settings.roll_out.who == "none"
    assert settings.certificates.active_generation.end_date == END
    assert (settings.addresses.source, settings.addresses.explicit) == (AddressSource.EXPLICIT, ())
    assert "changes nothing." in assess("--config-file", str(STACK_FILE), "--force").text


@pytest.mark.parametrize(
    "name",
    [
        "UPN claim",
        "claims policy of another",
        "hidden tile",
        "assignment off",
        "foreign owner",
        "other display name",
    ],
)
def test_what_is_otherwise_than_usual_is_in_the_stack_file(name: str, tenant: Tenant, assess: Assess) -> None:
    next(flaw for flaw in FLAWS if flaw.name == name).plant(tenant)
    ended = assess(*ACCOUNT)
    settings = fitting()
    assert settings.application.claims is (
        Ownership.VERIFY if name == "claims policy of another" else Ownership.MANAGE
    )
    assert settings.application.hide is (name == "hidden tile")
    assert settings.application.assignment_required is (name != "assignment off")
    assert len(settings.application.owners) == (name == "foreign owner")
    changes = re.findall(r"would change: (.+)", ended.text)
    if name == "UPN claim":
        assert len(changes) == 1
        assert "is rewritten" in " ".join(ended.text.split())
    elif name == "foreign owner":
        assert changes == ["owners of the application object: alan@example.com is added"]
    else:
        assert changes == [], ended.text


def test_without_an_application_the_stack_file_creates_one(control: Control, assess: Assess) -> None:
    ended = assess(*ACCOUNT)
    assert "the stack file creates one" in " ".join(ended.text.split())
    settings = fitting()
    assert settings.application.adopt is None
    assert settings.assign.users == settings.assign.groups == ()
    assert {response for response, _ in reasons().values()} == {"no"}
    assert reasons()[ADA] == ("no", "not-assigned")


def test_an_existing_stack_file_is_kept(control: Control, assess: Assess) -> None:
    STACK_FILE.parent.mkdir(parents=True)
    STACK_FILE.write_text("mine\n")
    ended = assess(*ACCOUNT)
    assert ended.code == 1
    assert "already exists and was not overwritten" in ended.text
    assert (STACK_FILE.read_text(), PEOPLE.exists()) == ("mine\n", False)
    assess(*ACCOUNT, "--force")
    assert fitting().account_code == "CUK25A118"


def test_mimecast_out_of_reach_is_unknown(tenant: Tenant, assess: Assess) -> None:
    tenant.control.faults({"host": "api.services.mimecast.com", "status": 503, "times": 1000})
    ended = assess(*ACCOUNT)
    assert ended.code == 1
    assert counts(ended.text) == {"unknown: which addresses exist at Mimecas": 3}
    assert "HTTP 503" in ended.text
    assert {row["would sign in"] for row in rows().values()} == {"unknown"}
    assert {row["in roll-out group"] for row in rows().values()} == {"unknown"}
    assert all("HTTP 503" in row["what to do"] for row in rows().values())
    assert not STACK_FILE.exists(), "a guess"


def test_people_who_may_not_be_read_are_unknown(tenant: Tenant, assess: Assess) -> None:
    tenant.control.faults({"path": "/v1.0/users", "status": 403, "times": 1000})
    ended = assess(*ACCOUNT)
    found = reasons()
    assert found[LINUS] == ("unknown", ""), "whether Entra has them could not be asked"
    assert found[KAY] == ("unknown", "")
    assert "the people in Entra could not be read" in ended.text


def test_an_application_that_may_not_be_read_is_unknown(tenant: Tenant, assess: Assess) -> None:
    tenant.control.faults({"path": "/v1.0/applications", "status": 403, "times": 1000})
    ended = assess(*ACCOUNT)
    assert ended.code == 1
    assert {response for response, _ in reasons().values()} == {"unknown"}
    assert "the application in Entra could not be read" in ended.text
    assert not STACK_FILE.exists()


def test_the_wrong_account_is_named_with_the_fix(tenant: Tenant, assess: Assess) -> None:
    ended = assess("--region", "eu", "--account-code", "CUK25A119")
    assert ended.code == 4
    for part in ("are for account CUK25A118", "not CUK25A119", "correct --account-code"):
        assert part in ended.text
    assert "Traceback" not in ended.text
    assert not PEOPLE.exists()


def test_invalid_options_are_named(control: Control, assess: Assess) -> None:
    assert assess("--region", "eu").code == 64
    assert assess(*ACCOUNT, "--config-file", str(ROOT / "stacks/Pulumi.sandbox.yaml")).code == 64
    malformed = assess("--region", "eu", "--account-code", "mine")
    assert (malformed.code, "is not an account code" in malformed.text) == (1, True)
    absent = assess(*ACCOUNT, "--client-id", "6c000000-0000-4000-8000-000000000001")
    assert (absent.code, "Correct --client-id" in absent.text) == (1, True)


def test_an_application_without_the_identifier_is_adopted_by_its_client_id(
    tenant: Tenant, assess: Assess
) -> None:
    tenant.set_application(identifierUris=[])
    ended = assess(*ACCOUNT, "--client-id", tenant.client_id)
    assert "identifier: https://eu-api.mimecast.com/sso/CUK25A118 is added" in " ".join(ended.text.split())
    assert fitting().application.adopt == tenant.client_id
    assert reasons()[ADA] == ("yes", "")


def test_it_needs_no_pulumi() -> None:
    loads = "import sys, mimecast_sso.operations.assess.command; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loads], cwd=ROOT, check=False).returncode == 0


def test_json_has_a_statement_for_each_count(tenant: Tenant, assess: Assess) -> None:
    found = json.loads(assess(*ACCOUNT, "--format", "json").text)
    assert (found["command"], found["stack"], found["exit"]) == ("assess", "cuk25a118-eu", 2)
    assert [each["verdict"] for each in found["statements"]] == [
        *("fine", "FAILS", "FAILS", "FAILS"),
        *("note", "note", "note"),
    ]
    (access,) = (each["text"] for each in found["statements"] if "Conditional Access" in each["text"])
    assert access.startswith("Conditional Access was evaluated for "), access
