"""Gitea, a real forge, on loopback, and a stand-in for GitHub's CLI ``gh`` that talks to it.

`make gitea` builds it. Its API has GitHub's routes for issues, comments and labels, so steps of GitHub's workflows can
post to a server that stores, checks and renders what they post. It has neither GitHub's GraphQL, which ``gh`` uses for
tickets, nor an account named ``github-actions[bot]``: the stand-in translates both.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forge_steps import PYTHON

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".tools" / "bin" / "gitea"
STATIC = ROOT / ".tools" / "share" / "gitea"
BOT, OTHER, REPOSITORY = "bot", "mallory", "bot/sso"
_PATIENCE = 120.0  # seconds
_SETTINGS = """\
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
RUN_MODE = prod
WORK_PATH = {home}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = {static}
[database]
DB_TYPE = sqlite3
PATH = {home}/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
PASSWORD_HASH_ALGO = pbkdf2$1$10
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = false
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
LEVEL = info
"""
_GH = """import json, re, subprocess, sys, urllib.parse, urllib.request
URL, TOKEN, BOT, words = {url!r}, {token!r}, {bot!r}, sys.argv[1:]


def option(name):
    return words[words.index(name) + 1] if name in words else None


def call(method, path, document=None):
    data = json.dumps(document).encode() if document is not None else None
    headers = {{"Authorization": "token " + TOKEN, "Content-Type": "application/json"}}
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        text = response.read().decode()
    return json.loads(text) if text else None


def named(value):
    if isinstance(value, dict):
        return {{k: "github-actions[bot]" if k == "login" and v == BOT else named(v) for k, v in value.items()}}
    return [named(each) for each in value] if isinstance(value, list) else value


def pages(path):
    path = path.replace("per_page=100", "limit=3")
    more = "&" if "?" in path else "?"
    for page in range(1, 100):
        found = call("GET", f"{{path}}{{more}}page={{page}}")
        yield found
        if "limit=" not in path or not isinstance(found, list) or len(found) < 3:
            return


def api():
    path = "/" + next(each for each in words[1:] if each.startswith("repos/"))
    body = option("-F")
    if body:
        with open(body.removeprefix("body=@"), encoding="utf-8") as file:
            state = {{"state": "open"}} if "state=open" in words else {{}}
            return call(option("--method"), path, {{"body": file.read()}} | state)
    for found in pages(path):
        command = ["jq", "--raw-output", "--compact-output", option("--jq")]
        subprocess.run(command, input=json.dumps(named(found)), text=True, check=True)


def text():
    with open(option("--body-file"), encoding="utf-8") as file:
        return {{"body": file.read()}}


def label():
    known = call("GET", f"/repos/{{option('--repo')}}/labels")
    if words[2] not in [each["name"] for each in known]:
        call("POST", f"/repos/{{option('--repo')}}/labels", {{"name": words[2], "color": "#0b5cad"}})


def issue():
    issues = f"/repos/{{option('--repo')}}/issues"
    if words[1] == "create":
        labels = [each["id"] for each in call("GET", f"/repos/{{option('--repo')}}/labels")
                  if each["name"] == option("--label")]
        return call("POST", issues, text() | {{"title": option("--title"), "labels": labels}})
    if words[1] == "close":
        return call("PATCH", f"{{issues}}/{{words[2]}}", {{"state": "closed"}})
    assert words[1] == "comment", words
    return call("POST", f"{{issues}}/{{words[2]}}/comments", text())


{{"api": api, "label": label, "issue": issue}}[words[0]]()
"""


@dataclass(frozen=True, slots=True)
class Forge:
    """A running server with the repository ``bot/sso``.

    Attributes:
        url: That of its API.
        tokens: Of both accounts, by name.
    """

    url: str
    tokens: dict[str, str]

    def call(self, method: str, path: str, document: Any = None, *, who: str = BOT) -> Any:
        """Call its API. Returns the response as JSON or text."""
        headers = {"Authorization": f"token {self.tokens[who]}", "Content-Type": "application/json"}
        data = json.dumps(document).encode() if document is not None else None
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 (loopback)
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            text = response.read().decode()
            return json.loads(text) if "json" in response.headers["Content-Type"] else text

    def issue(self, title: str) -> int:
        """Create an issue and return its number; comments of pull requests are those of issues."""
        return int(self.call("POST", f"/repos/{REPOSITORY}/issues", {"title": title})["number"])

    def comments(self, number: int) -> list[dict[str, Any]]:
        """The comments of an issue."""
        return list(self.call("GET", f"/repos/{REPOSITORY}/issues/{number}/comments"))

    def shown(self, text: str) -> str:
        """A comment as a reader sees it: its HTML."""
        return str(self.call("POST", "/markdown", {"Text": text, "Mode": "comment", "Context": REPOSITORY}))

    def put_gh(self, folder: Path) -> None:
        """Install the stand-in for ``gh`` in a folder."""
        program = folder / "gh"
        program.write_text(
            PYTHON + _GH.format(url=self.url, token=self.tokens[BOT], bot=BOT), encoding="utf-8"
        )
        program.chmod(stat.S_IRWXU)


@contextmanager
def forge(home: Path) -> Iterator[Forge]:
    """A new server, stopped at the end."""
    with socket.socket() as held:
        # Bound and not listening: the system gives the port to no one else, and the server, which sets this option as
        # well, can use it. (A socket handed over would make Gitea take its parent for its predecessor, and end it.)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield from _served(home, held.getsockname()[1])


def _served(home: Path, port: int) -> Iterator[Forge]:
    settings = home / "app.ini"
    settings.write_text(_SETTINGS.format(home=home, port=port, static=STATIC, secret=secrets.token_hex(16)))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GITEA_WORK_DIR": str(home)}

    def run(*words: str) -> str:
        command = [PROGRAM, *words, "--config", settings]
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=True)
        return done.stdout

    run("migrate")
    tokens = {name: _account(run, name) for name in (BOT, OTHER)}
    # As systemd is told; its log says that it listens before it does.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(home / "told"))
        told.settimeout(_PATIENCE)
        server = subprocess.Popen(
            [PROGRAM, "web", "--config", settings],
            env=environment | {"NOTIFY_SOCKET": str(home / "told")},
            cwd=home,
            stdout=(home / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            while told.recv(1_000) != b"READY=1":
                pass
            made = Forge(f"http://127.0.0.1:{port}/api/v1", tokens)
            made.call("POST", "/user/repos", {"name": "sso", "auto_init": True})
            yield made
        finally:
            server.terminate()
            server.wait(30)


def _account(run: Any, name: str) -> str:
    """Create an account and return its token."""
    words = ("--username", name, "--random-password", "--email", f"{name}@example.com", "--access-token")
    said = run(
        "admin", "user", "create", *words, "--access-token-scopes", "all", "--must-change-password=false"
    )
    return str(said.strip().split()[-1])
