"""GitHub's issues, as far as the steps for tickets use them through ``gh``; writes fail as a test says."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forge_steps import PYTHON

_GH = """import json, pathlib, subprocess, sys
store, words = pathlib.Path({store!r}), sys.argv[1:]
kept = json.loads(store.read_text())
BOT = {{"login": "github-actions[bot]"}}


def option(name):
    return words[words.index(name) + 1]


def text():
    return pathlib.Path(option("--body-file")).read_text()


def listed(rows):
    command = ["jq", "--raw-output", "--compact-output", option("--jq")]
    subprocess.run(command, input=json.dumps(rows), text=True, check=True)
    sys.exit(0)


def write(change):
    fault = kept["faults"].pop(0) if kept["faults"] else ""
    if not fault.isdigit():
        change()
    store.write_text(json.dumps(kept))
    sys.exit("HTTP " + fault if fault else 0)


def issue(number):
    return next(each for each in kept["issues"] if each["number"] == int(number))


def edit():
    fields = {{"body": pathlib.Path(option("-F").removeprefix("body=@")).read_text()}}
    issue(path[-1]).update(fields | ({{"state": "open"}} if "state=open" in words else {{}}))


path = next((each for each in words if each.startswith("repos/")), "").split("?")[0].split("/")
if words[0] == "label":
    sys.exit(0)
elif words[0] == "api" and "--method" in words:
    write(edit)
elif words[0] == "api" and path[-1] == "comments":
    listed([each for each in kept["comments"] if each["issue"] == int(path[-2])])
elif words[0] == "api":
    listed(kept["issues"])
elif words[1] == "create":
    new = {{"number": len(kept["issues"]) + 1, "state": "open", "user": BOT, "title": option("--title")}}
    write(lambda: kept["issues"].append(new | {{"body": text()}}))
elif words[1] == "comment":
    new = {{"issue": int(words[2]), "user": BOT, "body": text().replace("\\n", "\\r\\n")}}
    write(lambda: kept["comments"].append(new))
elif words[1] == "close":
    write(lambda: issue(words[2]).update(state="closed"))
else:
    raise AssertionError(words)
"""


@dataclass(frozen=True, slots=True)
class Tickets:
    """A repository's issues and comments."""

    store: Path

    @property
    def kept(self) -> dict[str, Any]:
        """Issues, comments, and the faults to come."""
        found: dict[str, Any] = json.loads(self.store.read_text())
        return found

    def fail(self, faults: Iterable[str]) -> None:
        """How the next writes end: ``429`` or ``500`` before they are applied, ``lost`` after that, "" for success."""
        self.store.write_text(json.dumps(self.kept | {"faults": [*faults]}))


def install(stubs: Path) -> Tickets:
    """Put the stand-in for ``gh`` into a folder."""
    store = stubs / "tickets.json"
    store.write_text(json.dumps({"issues": [], "comments": [], "faults": []}))
    (stubs / "gh").write_text(PYTHON + _GH.format(store=str(store)))
    (stubs / "gh").chmod(stat.S_IRWXU)
    return Tickets(store)
