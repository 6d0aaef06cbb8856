"""A production stack, rehearsed on the sandbox with its configuration unchanged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from sandbox.engine.secrets import new_salt
from tests.support import commands
from tests.support.projects import ENGINES_AT_LENGTH, ROOT

Run = Callable[..., str]


def company(text: str) -> str:
    """The stack file of a company: what it encrypts, nobody else can decrypt."""
    document = yaml.safe_load(text)
    document["config"]["mimecast-sso:dns"] = {
        "publish": "rfc2136",
        "server": "ns1.example.com",
        "zone": "example.com",
        "tsig": {
            "name": "acme-update.",
            "secret": {"secure": "v1:bm9uY2Vub25jZW4=:c2VhbGVkc2VhbGVkc2VhbGVk"},
        },
    }
    document["config"]["mimecast-sso:domains"] = ["example.com"]
    document |= {"environment": ["acme/mimecast-prod"], "encryptionsalt": new_salt("the company's")}
    return yaml.safe_dump(document, sort_keys=False)


@contextmanager
def rehearsed(folder: Path, engine: str, stack: str, text: str) -> Iterator[tuple[Path, Run]]:
    """A started sandbox, seeded for a stack with this file; gives the file, and what runs the sandbox's commands."""
    (folder / "__main__.py").write_bytes((ROOT / "__main__.py").read_bytes())
    # Another name, as `pulumi new` asks for one.
    project = (ROOT / "Pulumi.yaml").read_text().replace("name: mimecast-sso\n", "name: acme-sso\n")
    (folder / "Pulumi.yaml").write_text(project)
    (folder / "stacks").mkdir()
    tracked = folder / "stacks" / f"Pulumi.{stack}.yaml"
    tracked.write_text(text)
    (folder / ".venv").symlink_to(sys.prefix)
    environment = {**os.environ, "SANDBOX_HOME": str(folder / "home"), "ENGINE": engine}

    def run(*words: str, code: int = 0) -> str:
        ended, text = commands.call([sys.executable, "-m", "sandbox", *words], folder, environment)
        assert ended == code, text
        return text

    run("start")
    try:
        run("seed", "--stack", stack)
        yield tracked, run
    finally:
        run("stop")


@pytest.mark.parametrize("engine", ENGINES_AT_LENGTH)
@pytest.mark.parametrize(
    ("stack", "change"),
    [("prod-eu", company), pytest.param("prod-us", str, marks=pytest.mark.soak)],
    ids=["with the secrets of a company", "without secrets"],
)
def test_a_rehearsal_needs_no_secret_and_leaves_the_tracked_file_alone(
    tmp_path: Path, engine: str, stack: str, change: Callable[[str], str]
) -> None:
    before = change((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    with rehearsed(tmp_path, engine, stack, before) as (tracked, run):
        sso = ["run", "--", str(Path(sys.executable).with_name("mimecast-sso"))]
        assert "Console work is due" in run(*sso, "up", "--stack", stack, "--yes")
        assert "unchanged" in run(*sso, "preview", "--stack", stack)
        assert tracked.read_text() == before
