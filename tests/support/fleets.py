"""Many tenants in one sandbox, each with a deployed stack: one is deployed, the others are copies.

A copy has its own tenant id, account, domain and credentials; its world, state and confirmations are those of the
first, with these names replaced. So a hundred tenants take seconds and no engine.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mimecast_sso.console.attestation import fingerprints
from sandbox import credentials, lifecycle
from sandbox.credentials import Tenants
from sandbox.world import FILE_NAME, add_functions
from tests.support import commands
from tests.support.commands import PROGRAM
from tests.support.projects import Ended, Project, unseeded

MODEL = "model"
BROKER = "exec:cat credentials/{stack}.json"
_STATES = Path("state/.pulumi/stacks/mimecast-sso")
_NUMBERED = ("number", "parent", "group", "settingsProfile", "rootFolder")
_LEFT_OUT = ("mimecast.tokens", "mimecast.sessions", "mimecast.assertions", "mimecast.counters")


@dataclass(frozen=True, slots=True)
class Fleet:
    """A project with deployed stacks, each on its own tenants."""

    project: Project
    stacks: tuple[str, ...]

    def sso(self, *words: str, **environment: str) -> Ended:
        """Run ``mimecast-sso …`` with credentials from a broker."""
        return self.project.program(*words, **({"MIMECAST_SSO_CREDENTIALS": BROKER} | environment))

    def command(self, *words: str) -> list[str]:
        """The command line of that command, inside the sandbox."""
        return [sys.executable, "-m", "sandbox", "run", "--", PROGRAM, *words]

    def run(self, *words: str, **environment: str) -> Ended:
        """Run any command in the project's folder."""
        return self.project._run(
            *words, **({"MIMECAST_SSO_CREDENTIALS": BROKER, "ENGINE": "embedded"} | environment)
        )

    def environment(self) -> dict[str, str]:
        """The environment in which `run` runs commands."""
        return self.project._environment(MIMECAST_SSO_CREDENTIALS=BROKER, ENGINE="embedded")

    def tenants(self, stack: str) -> Tenants:
        """A stack's tenants and their credentials."""
        return credentials.of_account(account(stack))

    def set_credentials(self, stack: str, **changes: str) -> None:
        """What the broker prints for a stack."""
        write_credentials(self.project, stack, self.tenants(stack).variables() | changes)

    def state(self, stack: str) -> Path:
        """The stack's state."""
        return self.project.home / _STATES / f"{stack}.json"

    def stack_file(self, stack: str) -> Path:
        """The stack's file."""
        return self.project.folder / "stacks" / f"Pulumi.{stack}.yaml"

    def change(self, stack: str, collection: str, **values: Any) -> None:
        """Change the only document of a collection in a stack's Entra tenant, externally."""
        name = f"{collection}@{self.tenants(stack).tenant_id}"
        (document,) = (each for each in self.project.control.documents(name) if each.get("appId") != _GRAPH)
        self.project.control.put(name, document["id"], document | values)


_GRAPH = "00000003-0000-0000-c000-000000000000"


def account(stack: str) -> str:
    """The account of a stack."""
    return f"C{stack.upper().replace('-', '')}"


def write_credentials(project: Project, stack: str, variables: Mapping[str, str]) -> None:
    """What the broker prints for a stack."""
    folder = project.folder / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / f"{stack}.json").write_text(json.dumps(variables))


@contextmanager
def fleet(folder: Path, stacks: Sequence[str], *, people: int = 3) -> Iterator[Fleet]:
    """Deployed stacks of these names, with as many people in each roll-out."""
    with unseeded(folder, "embedded") as made:
        for file in (made.folder / "stacks").glob("Pulumi.*.yaml"):
            file.unlink()
        _deploy_model(Fleet(made, (MODEL,)), people)
        lifecycle.stop(made.home)
        _copy(made, stacks)
        with commands.forking():
            lifecycle.start(made.home)
        running = Project(made.folder, made.home, made.engine, lifecycle.control(made.home))
        yield Fleet(running, tuple(stacks))


# -- The model --------------------------------------------------------------------------------------------------------


def _deploy_model(one: Fleet, people: int) -> None:
    made = one.project
    one.stack_file(MODEL).write_text(
        yaml.safe_dump({"config": _configuration(MODEL, people)}, sort_keys=False)
    )
    # The first tenant of a sandbox has no qualified names, and cannot serve as the model.
    made.control.seed({"tenant": {"id": credentials.TENANT_ID, "domain": credentials.TENANT_DOMAIN}})
    seeded = made.sandbox("seed", "--stack", MODEL, "--own-tenants")
    assert seeded.code == 0, seeded.text
    one.set_credentials(MODEL)
    steps = (
        one.command("up", "--stack", MODEL, "--yes"),
        [sys.executable, "-m", "sandbox", "administrator", str(made.home / f"run-sheet/{MODEL}.html")],
        one.command("confirm", "--stack", MODEL, "--by", "administrator@example.com", "--evidence", "a test"),
        one.command("up", "--stack", MODEL, "--yes"),
    )
    for step in steps:
        ended = one.run(*step)
        assert ended.code == 0, ended.text


def _configuration(stack: str, people: int) -> dict[str, Any]:
    domain = f"{stack}.example"
    addresses = [f"person-{number:05d}@{domain}" for number in range(people)]
    values = {
        "region": "eu",
        "accountCode": account(stack),
        "application": {"notificationEmails": [f"identity@{domain}"]},
        "assign": {"users": addresses[:1], "groups": ["Mimecast users"]},
        "domains": [{"name": domain, "mode": "require"}],
        "addresses": {"list": [{"address": each} for each in addresses]},
        "rollOut": {"group": "Personal Portal single sign-on", "who": "all"},
        "certificates": {"generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}], "active": "2026",
                         "waitMinutes": 0},
        "tags": ["ring-1"],
    }  # fmt: skip
    return {f"mimecast-sso:{key}": value for key, value in values.items()}


# -- Its copies -------------------------------------------------------------------------------------------------------


def _copy(project: Project, stacks: Sequence[str]) -> None:
    model = _names(MODEL)
    world = sqlite3.connect(project.home / FILE_NAME)
    add_functions(world)
    with world:
        rows = _rows(world, model["tenant"])
        last = max(json.loads(body).get("number", 0) for _, _, body in rows)
        span = last + 1
        for position, stack in enumerate(stacks, 1):
            new = _names(stack)
            world.executemany(
                "INSERT INTO documents (collection, key, body) VALUES (?, ?, ?)",
                [_copied(row, model, new, position * span) for row in rows],
            )
            _copy_files(project, stack, model, new)
        numbers = {"last": (len(stacks) + 1) * span}
        world.execute(
            "UPDATE documents SET body = ? WHERE collection = 'mimecast.counters'", (json.dumps(numbers),)
        )
    world.close()
    (project.folder / "stacks" / f"Pulumi.{MODEL}.yaml").unlink()


def _names(stack: str) -> dict[str, str]:
    found = credentials.of_account(account(stack))
    return {
        "tenant": found.tenant_id,
        "client": found.client_id,
        "principal": found.object_id,
        "account": account(stack),
        "initial": found.tenant_domain,
        "domain": f"{stack}.example",
        "urn": f"urn:pulumi:{stack}::",
        "stack": f"mimecast-sso/{stack}",
        "root": f"mimecast-sso-{stack}",
    }


def _rows(world: sqlite3.Connection, tenant: str) -> list[tuple[str, str, str]]:
    found = world.execute("SELECT collection, key, body FROM documents ORDER BY position").fetchall()
    return [
        (collection, key, body)
        for collection, key, body in found
        if collection.endswith(f"@{tenant}")
        or (collection == "tenants" and tenant in body)
        or (collection.startswith(("mimecast.", "dns.")) and collection not in _LEFT_OUT)
    ]


def _copied(
    row: tuple[str, str, str], model: Mapping[str, str], new: Mapping[str, str], offset: int
) -> tuple[str, str, str]:
    collection, key, body = (_renamed(text, model, new) for text in row)
    if not collection.startswith("mimecast."):
        return collection, key, body
    number, slash, rest = key.partition("/")
    key = f"{int(number) + offset}{slash}{rest}" if number.isdigit() else key
    return collection, key, json.dumps(_shifted(json.loads(body), offset))


def _shifted(value: Any, offset: int) -> Any:
    """The document with its numbers, and those that it refers to, moved."""
    if isinstance(value, list):
        return [_shifted(each, offset) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: each + offset if key in _NUMBERED and isinstance(each, int) else _shifted(each, offset)
        for key, each in value.items()
    }


def _renamed(text: str, model: Mapping[str, str], new: Mapping[str, str]) -> str:
    for what, old in model.items():
        text = text.replace(old, new[what])
    return text


def _copy_files(project: Project, stack: str, model: Mapping[str, str], new: Mapping[str, str]) -> None:
    home = project.home
    state = _renamed((home / _STATES / f"{MODEL}.json").read_text(), model, new)
    profile = next(
        each["outputs"]
        for each in json.loads(state)["checkpoint"]["latest"]["resources"]
        if each["type"].endswith(":AuthenticationProfile")
    )
    old = profile["criticalFingerprint"]
    fresh = fingerprints(profile["form"], profile["thumbprint"]).critical
    (home / _STATES / f"{stack}.json").write_text(state.replace(old, fresh))
    for folder, suffix in (
        (home / "stacks", "written.json"),
        (home / "stacks", "yaml"),
        (project.folder / "stacks", "yaml"),
    ):
        text = (folder / f"Pulumi.{MODEL}.{suffix}").read_text()
        (folder / f"Pulumi.{stack}.{suffix}").write_text(_renamed(text, model, new).replace(old, fresh))
    write_credentials(project, stack, credentials.of_account(account(stack)).variables())
