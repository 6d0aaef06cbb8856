"""Every example is deployed on the sandbox, and a second deployment changes nothing.

The example with explicit providers is deployed by every installed engine: explicit providers of the package of dynamic
resources (``pulumi-python``) are rare.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox import credentials
from tests.support import commands
from tests.support.projects import ENGINES, ROOT
from tests.support.sandboxes import (
    ACCOUNT_CODE,
    ADA,
    ALAN,
    DOMAIN,
    GRACE,
    RunningSandbox,
    seed_document,
    started,
)

EXAMPLES = ROOT / "examples"
EMBEDDED = (sys.executable, "-m", "sandbox.engine")
COMMANDS = {"embedded": EMBEDDED, "pulumi": ("pulumi",)}
US_ACCOUNT, US_CLIENT, US_SECRET = "CUS13A242", "mimecast-us", "us-secret-of-the-sandbox"
EU_CLIENT, EU_SECRET = "mimecast-eu", "eu-secret-of-the-sandbox"


@dataclass
class Example:
    """A copy of an example's folder, deployed by an engine."""

    folder: Path
    running: RunningSandbox
    command: Sequence[str] = EMBEDDED
    variables: dict[str, str] = field(default_factory=dict)

    def engine(self, *words: str) -> str:
        """What the engine prints; it has to end well."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **commands.for_the_cli(), **self.running.env, "PYTHONPATH": str(ROOT)}
        with commands.forking():
            return subprocess.run(
                [*self.command, *words, "--stack", "example"],
                cwd=self.folder,
                env=environment | self.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                check=False,
            )

    def up(self) -> str:
        return self.engine("up", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine("stack", "output", "--json"))
        return found

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine("stack", "export"))
        return found


Open = Callable[..., Example]


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Open]:
    """``example(name, seed)``: a copy of that example, with a sandbox that holds what it expects to find."""
    # The Pulumi CLI needs the virtual environment that an example's Pulumi.yaml names; use the current one.
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with started(tmp_path / "home", {}) as running:

        def opened(name: str, *seeds: Mapping[str, Any], engine: str = "embedded") -> Example:
            folder = tmp_path / "examples" / name
            shutil.copytree(EXAMPLES / name, folder)
            for seed in seeds:
                running.control.seed(dict(seed))
            made = Example(folder, running, COMMANDS[engine])
            made.engine("stack", "init")
            return made

        yield opened


def unchanged(made: Example) -> None:
    """A second deployment finds everything as configured."""
    assert "unchanged" in made.engine("up", "--yes", "--skip-preview", "--expect-no-changes")


def with_domain(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return document | {"mimecast": document["mimecast"] | {"domains": [{"name": name} for name in names]}}


def addresses(made: Example, account: str) -> set[str]:
    found = made.running.control.documents("mimecast.users")
    return {each["emailAddress"] for each in found if each["account"] == account}


def test_the_smallest_program(example: Open) -> None:
    made = example("smallest", with_domain(seed_document(), DOMAIN))
    made.up()
    assert made.outputs()["identifier"].endswith(ACCOUNT_CODE)
    assert made.outputs()["profileState"] == "due"
    assert ADA in addresses(made, ACCOUNT_CODE)
    unchanged(made)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_regions_in_one_program(example: Open, engine: str) -> None:
    """Each region is written with the credentials of its account, and no state holds them in clear."""
    eu, us = seed_document(), seed_document()
    eu["mimecast"] |= {"clientId": EU_CLIENT, "clientSecret": EU_SECRET, "domains": [{"name": DOMAIN}]}
    us["mimecast"] |= {
        "accountCode": US_ACCOUNT,
        "region": "us",
        "clientId": US_CLIENT,
        "clientSecret": US_SECRET,
        "administrator": {
            "emailAddress": credentials.administrator_address("us.example.com"),
            "password": credentials.ADMINISTRATOR_PASSWORD,
        },
        "domains": [{"name": "us.example.com"}],
    }
    us["users"] = [
        *us["users"],
        {
            "displayName": "Grace Hopper",
            "mail": "grace@us.example.com",
            "userPrincipalName": "grace@us.example.com",
            "password": credentials.USER_PASSWORD,
        },
    ]
    made = example("two-regions", eu, us, engine=engine)
    # Whatever the environment opens, each component takes what it was passed.
    made.variables |= {"MIMECAST_CLIENT_ID": "nobody", "MIMECAST_CLIENT_SECRET": "nothing"}
    made.engine("config", "set", "--secret", "euClientSecret", EU_SECRET)
    made.engine("config", "set", "--secret", "usClientSecret", US_SECRET)
    made.up()
    assert ADA in addresses(made, ACCOUNT_CODE)
    assert "grace@us.example.com" in addresses(made, US_ACCOUNT)
    assert ADA not in addresses(made, US_ACCOUNT)
    assert made.outputs()["usIdentifier"].endswith(US_ACCOUNT)
    text = json.dumps(made.state())
    assert EU_SECRET not in text
    assert US_SECRET not in text
    unchanged(made)
    made.engine("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_dns_provider_of_the_program_publishes_the_proof(example: Open) -> None:
    made = example("own-dns", seed_document())
    process = json.loads((made.running.home / "process.json").read_text())
    made.variables |= {
        "DNS_SERVER": process["dns"],
        "DNS_KEY": f"{credentials.TSIG_KEY_NAME}:{credentials.TSIG_SECRET}",
    }
    made.up()
    assert made.outputs()["domains"] == {DOMAIN: "verified"}


def test_addresses_come_from_another_resource(example: Open) -> None:
    made = example("addresses-from-a-resource", with_domain(seed_document(), DOMAIN))
    made.up()
    assert {ADA, GRACE, ALAN} <= addresses(made, ACCOUNT_CODE)
    unchanged(made)
    staff = made.folder / "staff.csv"
    staff.write_text(staff.read_text().replace("Alan Turing", "Alan M. Turing"))
    made.up()
    (alan,) = (
        each for each in made.running.control.documents("mimecast.users") if each["emailAddress"] == ALAN
    )
    assert alan["name"] == "Alan M. Turing"
