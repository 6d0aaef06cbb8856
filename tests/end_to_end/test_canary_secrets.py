"""Secrets do not leak: canaries are searched for in everything that a stack's life cycle leaves behind.

Searched: commands' output, event logs, state with its backups and history (and the pickles in it), exported stacks,
run sheets, and errors with their whole traceback. Each canary in plain, base64, hexadecimal and URL forms.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from sandbox import credentials
from tests.support.projects import ENGINES_AT_LENGTH, Ended, Project, project

PASSWORD = "Canary user password/1+&="
NEW_PASSWORD = "Canary new password?2=&+"
TOKEN = "canary-access-token/+=0123456789"
CANARIES = {
    "user password": PASSWORD,
    "new user password": NEW_PASSWORD,
    "access token": TOKEN,
    "Mimecast client secret": credentials.MIMECAST_CLIENT_SECRET,
    "Entra client secret": credentials.DEPLOYER_CLIENT_SECRET,
    "key of DNS updates": credentials.TSIG_SECRET,
}
# What belongs to the sandbox itself: the vendors' own side of every secret.
VENDOR_SIDE = ("world.sqlite", "world.sqlite-wal", "world.sqlite-shm")


def forms(secret: str) -> set[bytes]:
    """How a secret may be written: plain, JSON, URL, hexadecimal, and base64 at each place in a longer text."""
    raw = secret.encode()
    found = {
        raw,
        json.dumps(secret)[1:-1].encode(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(bytes(before) + raw)
            # The first and last characters also hold bits of the neighbours.
            found.add(text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    return found


@dataclass
class Evidence:
    """Everything collected, by where it comes from."""

    pieces: dict[str, bytes] = field(default_factory=dict)

    def said(self, what: str, ended: Ended) -> Ended:
        self.pieces[f"output of {what}"] = ended.text.encode()
        return ended

    def files(self, moment: str, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if inside.parts[0] != ".venv" and path.is_file() and path.name not in VENDOR_SIDE:
                self.pieces[f"{moment}: {inside}"] = path.read_bytes()

    def hits(self) -> list[str]:
        return [
            f"{name} in {where}"
            for name, secret in CANARIES.items()
            for form in forms(secret)
            for where, content in self.pieces.items()
            if form in content
        ]


@pytest.fixture(params=ENGINES_AT_LENGTH)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path, request.param) as made:
        token = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 1800}
        made.control.put("mimecast.tokens", hashlib.sha256(TOKEN.encode()).hexdigest(), _token_document())
        rule = {"method": "POST", "path": "/oauth/token", "status": 200, "body": token, "times": 1000}
        made.control.faults(rule)
        yield made


def _token_document() -> dict[str, str]:
    return {
        "clientId": credentials.MIMECAST_CLIENT_ID,
        "account": "CUK25A118",
        "issued": "2020-01-01T00:00:00+00:00",
        "expires": "2099-01-01T00:00:00+00:00",
    }


def engine(made: Project, *words: str) -> Ended:
    """The engine itself, on the stack as it is deployed on the sandbox."""
    command = [sys.executable, "-m", "sandbox.engine"]
    if made.engine == "pulumi":
        command = [shutil.which("pulumi") or "pulumi"]
    return made.sandbox("run", "--", "env", "PULUMI_DEBUG_COMMANDS=1", *command, *words, "--stack", "sandbox")


def set_passwords(made: Project, password: str, version: str) -> None:
    people = [{"address": "ada@example.com", "name": "Ada Example", "passwordVersion": version}]
    made.configure(addresses={"list": people})
    secret = json.dumps({"ada@example.com": {"password": password, "confirmation": password}})
    ended = engine(made, "config", "set", "--secret", "mimecast-sso:addressPasswords", secret)
    assert ended.code == 0, ended.text


def test_the_search_finds_every_form() -> None:
    evidence = Evidence()
    for number, encoded in enumerate(
        (
            PASSWORD.encode(),
            base64.b64encode(b"x" + PASSWORD.encode() + b"yz"),
            base64.b64encode(b"xy" + PASSWORD.encode()),
            base64.urlsafe_b64encode(PASSWORD.encode() + b"z"),
            PASSWORD.encode().hex().encode(),
            quote_plus(PASSWORD).encode(),
        )
    ):
        evidence.pieces = {str(number): b"before" + encoded + b"after"}
        assert evidence.hits(), encoded


@pytest.mark.soak
def test_no_secret_is_left_anywhere(fresh: Project, tmp_path: Path) -> None:
    evidence = Evidence()
    evidence.said("the first preview", fresh.sso("preview"))
    set_passwords(fresh, PASSWORD, "1")
    first = evidence.said("up", fresh.up())
    assert first.code == 0, first.text
    used = fresh.control.documents("mimecast.tokens")
    assert len(used) == 1, "the canary was not the token in use"
    evidence.files("console work due", tmp_path)
    fresh.do_the_console_work()
    evidence.said("up, confirmed", fresh.up())

    events = str(tmp_path / "events.jsonl")
    set_passwords(fresh, NEW_PASSWORD, "2")
    for words in (
        ("preview", "--diff"),
        ("preview", "--json"),
        ("refresh", "--yes", "--event-log", events),
        ("stack", "export"),
        ("stack", "output", "--json"),
    ):
        evidence.said(" ".join(words), engine(fresh, *words))

    fresh.control.set("mimecast.shortest_password", 200)
    for environment in ({}, {"MIMECAST_SSO_TRACEBACK": "1"}):
        refused = evidence.said(f"a refused password {environment}", fresh.sso("up", "--yes", **environment))
        assert refused.code != 0
        assert "Mimecast refused to" in refused.text
    fresh.control.set("mimecast.shortest_password", 8)
    lost = {"path": "/api/user/update-user", "times": 50, "drop": True}
    fresh.control.faults(lost)
    evidence.said("lost responses", fresh.up())
    application = fresh.control.documents("mimecast.applications")[0]
    fresh.control.put(
        "mimecast.applications", application["clientId"], application | {"clientSecret": "another one"}
    )
    fresh.control.faults()
    wrong = evidence.said("wrong credentials", fresh.sso("preview"))
    assert "Mimecast refuses the client id and secret" in wrong.text
    fresh.control.put("mimecast.applications", application["clientId"], application)
    assert evidence.said("up at last", fresh.up()).code == 0
    log = tmp_path / "log.txt"
    evidence.said("drift", fresh.sso(f"--verbose --log-file {log} drift"))
    assert "Mimecast POST /api/" in log.read_text()
    evidence.files("deployed", tmp_path)
    evidence.said("down", fresh.sso("down", "--yes"))
    evidence.files("torn down", tmp_path)

    assert any("events.jsonl" in where for where in evidence.pieces)
    assert any("run-sheet" in where for where in evidence.pieces)
    assert any(where.startswith("deployed: .sandbox/state") for where in evidence.pieces)
    assert evidence.hits() == []
