"""Steps of workflow files, run as a forge runs them: its shell, its variables, programs that record their calls.

Programs of the forge (gh, az, curl) are recorded contracts: they print what a test says, and nothing is posted.
``mimecast-sso ci`` is the real one.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("mimecast-sso")
STACKS = ("dev-eu", "prod-eu")
COMMENT = "<!-- mimecast-sso review v1 -->\n### Single sign-on: 1 stack changes\n"

HOSTILE = (
    "$(touch pwned-1)`touch pwned-2`\"; touch pwned-3; \"'; touch pwned-4; ' && touch pwned-5 | touch pwned-6"
    " ${IFS}\n::set-env name=PATH::/evil\n##vso[task.setvariable variable=PATH]/evil\n--help <!-- > pwned-7"
)
"""Hostile text for a title, a branch, a display name or an event."""

PYTHON = f"""#!/bin/sh
'''exec' {shlex.quote(sys.executable)} "$0" "$@"
' '''
"""
"""How a Python program begins that this interpreter runs: a shebang of its own cannot hold a path with a blank."""
_STUB = """import json, os, pathlib, re, subprocess, sys
here = pathlib.Path({here!r})
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
if name == "mimecast-sso" and words[:1] == ["ci"] and words[1] != "check":
    os.execv({program!r}, [{program!r}, *words])
told = json.loads((here / "told.json").read_text())
line = " ".join([name, *words])
files = [pathlib.Path(word.partition("@")[2]) for word in words if re.match(r"[a-z]*=?@", word)]
files += [pathlib.Path(word) for word in words if word.endswith(".json")]
texts = [file.read_text() for file in files if file.is_file()]
stdin = sys.stdin.read() if name == "mimecast-sso" and "--superseded" in words or "-" in words else ""
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps({{"line": line, "words": [name, *words], "texts": texts, "stdin": stdin}}) + "\\n")
for each in told:
    if re.search(each["match"], line):
        for path, content in each.get("writes", {{}}).items():
            pathlib.Path(path).write_text(content)
        sys.stdout.write(each.get("says", ""))
        sys.exit(each.get("code", 0))
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a program: its arguments, and the contents of files passed to it."""

    line: str
    words: list[str]
    texts: list[str]
    stdin: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a step."""

    code: int
    text: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A checkout in which steps run, with stand-ins for the programs of a forge."""

    folder: Path
    stubs: Path
    base: str
    head: str

    def tell(
        self, match: str, says: str = "", code: int = 0, writes: Mapping[str, str] | None = None
    ) -> None:
        """Set what a program does if its command line matches; the latest rule takes precedence."""
        told = json.loads((self.stubs / "told.json").read_text())
        told.insert(0, {"match": match, "says": says, "code": code, "writes": dict(writes or {})})
        (self.stubs / "told.json").write_text(json.dumps(told))

    @property
    def calls(self) -> list[Call]:
        """The recorded calls, in order."""
        file = self.stubs / "calls.jsonl"
        return [Call(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []

    def called(self, match: str) -> list[Call]:
        """The calls whose line matches."""
        return [each for each in self.calls if re.search(match, each.line)]

    def run(self, script: str, environment: Mapping[str, str]) -> Ended:
        """Run a script as the forges do: with bash, stopping at the first failure."""
        output, summary = self.stubs / "output", self.stubs / "summary"
        for file in (output, summary):
            file.write_text("")
        own = {
            "PATH": f"{self.stubs}:{os.environ['PATH']}",
            "HOME": str(self.stubs),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=600,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return Ended(done.returncode, done.stdout, outputs, summary.read_text())

    @property
    def pwned(self) -> list[str]:
        """Files that only executed text could have created."""
        return sorted(path.name for path in self.folder.rglob("pwned*"))


def place(folder: Path, *, head: Mapping[str, str | None] | None = None) -> Place:
    """A clone at its main branch; its origin also has a pull request and merge request 7.

    Args:
        folder: An empty folder.
        head: What the pull request writes, or deletes where it is None; its stack file when it is not given.
    """
    origin, clone, stubs = folder / "origin", folder / "clone", folder / "stubs"
    base, changed = _origin(origin, head) if head else _usual(origin)
    git(folder, "clone", "--quiet", "--branch", "main", str(origin), str(clone))
    _stubs(stubs, clone)
    return Place(clone, stubs, base, changed)


def _usual(origin: Path) -> tuple[str, str]:
    """A copy of the origin that most tests use, created once."""
    made, base, changed = _made_once()
    shutil.copytree(made, origin, symlinks=True)
    return base, changed


@cache
def _made_once() -> tuple[Path, str, str]:
    made = Path(tempfile.mkdtemp(prefix="forge-steps-")) / "origin"
    atexit.register(shutil.rmtree, made.parent, ignore_errors=True)
    return made, *_origin(made, {"stacks/Pulumi.dev-eu.yaml": f"config:\n  a:b: {json.dumps(HOSTILE)}\n"})


def _origin(origin: Path, head: Mapping[str, str | None]) -> tuple[str, str]:
    """Create the repository. Returns the ids of base and head."""
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    write(origin, {"Pulumi.yaml": (ROOT / "Pulumi.yaml").read_text(), "__main__.py": "print('base')\n"})
    write(origin, {f"stacks/Pulumi.{stack}.yaml": "config: {}\n" for stack in STACKS})
    base = commit(origin)
    git(origin, "switch", "--quiet", "--create", "feature")
    write(origin, head)
    changed = commit(origin)
    git(origin, "update-ref", "refs/pull/7/head", changed)
    git(origin, "update-ref", "refs/merge-requests/7/head", changed)
    git(origin, "switch", "--quiet", "main")
    git(origin, "branch", "--quiet", "--delete", "--force", "feature")
    return base, changed


def _stubs(stubs: Path, clone: Path) -> None:
    stubs.mkdir()
    (stubs / "told.json").write_text("[]")
    program = PYTHON + _STUB.format(here=str(stubs), program=str(PROGRAM))
    for name in ("gh", "az", "curl", "glab", "make", "tar", "pulumi", "mimecast-sso"):
        (stubs / name).write_text(program)
        (stubs / name).chmod(stat.S_IRWXU)
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "mimecast-sso").symlink_to(stubs / "mimecast-sso")


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write files, or delete those that are None; ``-> target`` creates a symbolic link."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif content.startswith("-> "):
            path.unlink(missing_ok=True)
            path.symlink_to(content.removeprefix("-> "))
        else:
            path.write_text(content)


def commit(folder: Path) -> str:
    """Commit everything. Returns the commit's id."""
    git(folder, "add", "--all")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    git(folder, *who, "commit", "--quiet", "--allow-empty", "--message", HOSTILE)
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *words: str) -> str:
    """Run git. Returns its output."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a workflow that runs a script."""

    file: str
    job: str
    name: str
    script: str
    environment: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.file}: {self.job}: {self.name}"

    def filled(self, values: Mapping[str, str], otherwise: str = "") -> dict[str, str]:
        """Its environment, with a value for each expression; by name, or by the expression itself."""

        def one(match: re.Match[str]) -> str:
            return values.get(match[1].strip(), otherwise)

        found = {}
        for name, text in self.environment.items():
            found[name] = values.get(name) or re.sub(
                r"\$\{\{(.*?)\}\}|\$\((?:\w|\.)+\)", _or(one, otherwise), text
            )
        return found


def _or(one: Any, otherwise: str) -> Any:
    return lambda match: one(match) if match[1] is not None else otherwise


def github_steps(files: Mapping[str, str]) -> Iterator[Step]:
    """The ``run:`` steps of GitHub's workflows."""
    for file, text in files.items():
        for job, definition in yaml.safe_load(text)["jobs"].items():
            for number, step in enumerate(definition["steps"]):
                if "run" in step:
                    environment = {**definition.get("env", {}), **step.get("env", {})}
                    name = step.get("name", str(number))
                    yield Step(Path(file).name, job, name, step["run"], _texts(environment))


def gitlab_steps(files: Mapping[str, str]) -> Iterator[Step]:
    """The scripts of GitLab's jobs, with what they extend."""
    for file, text in files.items():
        document = yaml.safe_load(text)
        for job, definition in document.items():
            if "script" in definition:
                whole = _extended(document, definition)
                lines = [*whole.get("before_script", []), *whole["script"]]
                yield Step(
                    Path(file).name, job, "script", "\n".join(lines), _texts(whole.get("variables", {}))
                )


def _extended(document: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    parent = definition.get("extends")
    base = _extended(document, document[parent]) if parent else {}
    variables = {**base.get("variables", {}), **definition.get("variables", {})}
    return {**base, **definition, "variables": variables}


def azure_steps(files: Mapping[str, str]) -> Iterator[Step]:
    """The ``bash:`` steps and inline scripts of Azure DevOps' pipelines."""
    for file, text in files.items():
        for job, step in _azure(yaml.safe_load(text), ""):
            script = step.get("bash") or step.get("inputs", {}).get("inlineScript")
            if script:
                name = str(step.get("displayName", ""))
                yield Step(Path(file).name, job, name, script, _texts(step.get("env", {})))


def _azure(part: Any, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, list):
        for each in part:
            yield from _azure(each, job)
    elif isinstance(part, dict):
        job = str(part.get("job") or part.get("stage") or job)
        if "bash" in part or "task" in part:
            yield job, part
        for value in part.values():
            yield from _azure(value, job)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
