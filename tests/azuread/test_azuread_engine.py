"""The stand-in with the Pulumi CLI, and stacks that are continued by the other plugin."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sandbox.azuread.install import EXECUTABLE, install
from sandbox.azuread.package import sdk_version
from tests.azuread.conftest import published_command
from tests.azuread.driver import plugin_environment
from tests.support.sandboxes import RunningSandbox

pytestmark = pytest.mark.cli
PROGRAM = Path(__file__).parent / "program" / "__main__.py"
RESOURCES = 11  # the stack and ten of the plugin


@dataclass(frozen=True)
class Stack:
    """A copy of the program with its own Pulumi home, whose plugin can be exchanged."""

    folder: Path
    environment: dict[str, str]

    def pulumi(self, *arguments: str) -> str:
        """Standard output and error of the CLI; fails the test when the CLI fails."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"], cwd=self.folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def plugin(self) -> Path:
        home = Path(self.environment["PULUMI_HOME"])
        return home / "plugins" / f"resource-azuread-v{sdk_version()}" / EXECUTABLE

    def use_published(self) -> None:
        self.plugin.unlink()
        self.plugin.symlink_to(published_command()[0])


@pytest.fixture
def stack(sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose Pulumi home has the stand-in, on a machine that seems to have no published plugin."""
    environment = {
        **plugin_environment(sandbox.env),
        "PULUMI_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
    }
    # Of PATH only what the CLI needs, so that it finds no plugin there.
    cli = Path(shutil.which("pulumi") or "pulumi")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python"):
        (tools / name).symlink_to(cli.with_name(name).resolve())
    environment["PATH"] = f"{tools}:/usr/bin:/bin"
    backend = tmp_path / "state"
    backend.mkdir()
    # Stacks of one sandbox must not use the same identifier.
    environment["ACCOUNT_CODE"] = f"CUK{uuid.uuid4().hex[:6].upper()}"
    environment["PULUMI_BACKEND_URL"] = f"file://{backend}"
    folder = tmp_path / "program"
    folder.mkdir()
    shutil.copy(PROGRAM, folder)
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "mimecast-sso", "runtime": runtime}))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", environment["PATH"])
        patch.setenv("HOME", str(tmp_path))
        assert install(Path(environment["PULUMI_HOME"])) is not None
    made = Stack(folder, environment)
    made.pulumi("stack", "init", "test")
    return made


def test_the_cli_uses_the_stand_in_without_a_warning(stack: Stack) -> None:
    said = stack.pulumi("up", "--yes", "--skip-preview")
    assert f"{RESOURCES} created" in said
    assert "warning" not in said
    assert f"{RESOURCES} unchanged" in stack.pulumi("preview", "--expect-no-changes")
    assert f"{RESOURCES} unchanged" in stack.pulumi("refresh", "--yes", "--expect-no-changes")
    state = json.loads(stack.pulumi("stack", "export"))
    text = json.dumps(state)
    assert stack.environment["ARM_CLIENT_SECRET"] not in text
    certificate = next(
        resource
        for resource in state["deployment"]["resources"]
        if "TokenSigningCertificate" in resource["type"]
    )
    assert "ciphertext" in certificate["outputs"]["value"]
    assert f"{RESOURCES} deleted" in stack.pulumi("destroy", "--yes", "--skip-preview")


def _without_the_policy(stack: Stack) -> tuple[str, str]:
    """Type and id of a policy that the state no longer knows."""
    stack.pulumi("up", "--yes", "--skip-preview")
    resources = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    policy = next(item for item in resources if item["type"].endswith(":ClaimsMappingPolicy"))
    stack.pulumi("state", "delete", policy["urn"], "--target-dependents", "--yes")
    return policy["type"], policy["id"]


def test_an_object_is_imported_by_its_id(stack: Stack) -> None:
    type_, id_ = _without_the_policy(stack)
    assert "1 imported" in stack.pulumi("import", type_, "again", id_, "--yes", "--generate-code=false")


def test_import_writes_code_from_the_reduced_schema(stack: Stack) -> None:
    host = Path(shutil.which("pulumi-language-python", path=stack.environment["PATH"]) or "")
    if b"language_host.py" in host.read_bytes():
        pytest.skip("the language host for tests generates no code")
    type_, id_ = _without_the_policy(stack)
    said = stack.pulumi("import", type_, "again", id_, "--yes", "--out", "code.py")
    assert "1 imported" in said
    assert "azuread.ClaimsMappingPolicy(" in (stack.folder / "code.py").read_text()


@pytest.mark.soak  # the published plugin's waits
def test_either_plugin_continues_the_others_stack_without_a_change(stack: Stack) -> None:
    published_command()
    stack.pulumi("up", "--yes", "--skip-preview")
    stack.use_published()
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert f"{RESOURCES} deleted" in stack.pulumi("destroy", "--yes", "--skip-preview")


@pytest.mark.soak  # the published plugin's waits
def test_a_stack_of_the_published_plugin_is_continued(stack: Stack) -> None:
    stand_in = stack.plugin.read_text()
    stack.use_published()
    stack.pulumi("up", "--yes", "--skip-preview")
    stack.plugin.unlink()
    stack.plugin.write_text(stand_in)
    stack.plugin.chmod(0o755)
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert f"{RESOURCES} deleted" in stack.pulumi("destroy", "--yes", "--skip-preview")
