"""Bad input: a clear error, nothing created, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.projects import Project, project

# One deployment serves all tests here, so one worker runs them.
pytestmark = pytest.mark.xdist_group("bad-input")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One project for all cases: none of them may change anything."""
    with project(tmp_path_factory.mktemp("project"), "embedded") as made:
        yield made


@pytest.fixture
def made(shared: Project) -> Iterator[Project]:
    """The project, its stack file as it was before."""
    content = shared.stack_file.read_text()
    yield shared
    shared.stack_file.write_text(content)
    assert [
        application["displayName"]
        for application in shared.control.documents("entra.applications")
        if application["displayName"].startswith("Mimecast")
    ] == [], "a run that was refused made something"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"region": None}, 1, "mimecast-sso:region: eu"),
        ({"regoin": "eu"}, 1, "did you mean region?"),
        ({"region": "de"}, 4, "mimecast-sso:region is de"),
        ({"accountCode": "CUK99A999"}, 4, "CUK25A118"),
        (
            {"assign": {"users": ["nobody@example.com"]}},
            1,
            "1 of 1 user is not in Entra, neither by mail address nor by user principal name: nobody",
        ),
        (
            {"assign": {"groups": ["No such group"]}},
            1,
            'names "No such group", but Entra has no security group',
        ),
        (
            {"application": {"adopt": "6c000000-0000-4000-8000-000000000001"}},
            4,
            "This tenant has no application with client id 6c000000-0000-4000-8000-000000000001",
        ),
        ({"application": {"template": "No such entry"}}, 1, 'gallery has no entry named "No such entry"'),
        (
            {
                "addresses": {"list": [{"address": "ada@example.com", "passwordVersion": "1"}]},
                "addressPasswords": None,
            },
            1,
            "addressPasswords has no password for ada@example.com",
        ),
    ],
)
def test_a_bad_configuration_is_refused_with_the_key(
    made: Project, changes: dict[str, Any], code: int, said: str
) -> None:
    made.configure(**changes)
    ended = made.sso("preview")
    assert said in ended.text
    assert ended.code == code, ended.text
    assert "Traceback" not in ended.text


def test_a_run_that_stops_before_it_creates_anything_is_not_partly_done(made: Project) -> None:
    """It has recorded the stack itself, which is in no tenant."""
    made.configure(addresses={"source": "csv", "csv": "/etc/passwd"})
    ended = made.sso("up", "--yes")
    assert "outside the project's folder" in ended.text
    assert ended.code == 1, ended.text
    assert "Sign-ins after this run" not in ended.text


def test_a_wrong_passphrase(made: Project) -> None:
    lifted = made.stack_file.read_text()
    made.configure(guards=None)
    made.up()
    ended = made.sandbox(
        "run",
        "--",
        "env",
        "PULUMI_CONFIG_PASSPHRASE=wrong",
        "ENGINE=embedded",
        str(made.folder / ".venv/bin/mimecast-sso"),
        "preview",
        "--stack",
        "sandbox",
    )
    assert "incorrect passphrase" in ended.text
    assert ended.code == 1
    assert made.sso("down", "--yes").code == 4
    made.stack_file.write_text(lifted)  # What the deployment protected goes once that is allowed by name.
    assert made.sso("down", "--yes").code == 0


def test_wrong_credentials_are_named(made: Project) -> None:
    (deployer,) = made.control.documents("entra.deployers")
    key = deployer["clientId"]
    made.control.put("entra.deployers", key, deployer | {"clientSecret": "a-rotated-secret"})
    ended = made.sso("preview")
    made.control.put("entra.deployers", key, deployer)
    assert "refused the ARM_* credentials" in ended.text
    assert "AADSTS7000215" in ended.text
    assert deployer["clientSecret"] not in ended.text
    assert "Traceback" not in ended.text
    assert ended.code == 1


def test_an_unknown_stack_is_named(made: Project) -> None:
    command = str(made.folder / ".venv/bin/mimecast-sso")
    ended = made.sandbox("run", "--", command, "preview", "--stack", "nowhere")
    assert ended.code == 1
    assert (
        "There is no stack file stacks/Pulumi.nowhere.yaml. Stacks: dev-eu, prod-eu, prod-us, sandbox."
        in ended.text
    )


@pytest.mark.parametrize(
    "command",
    ["drift", "drift --fast", "verify", "rotate status", "run-sheet", "certificate", "down --yes",
     "confirm --by ada@example.com --evidence CHG-1042"],
)  # fmt: skip
def test_a_stack_that_was_never_deployed_is_told_what_to_do(made: Project, command: str) -> None:
    (made.folder / "stacks" / "Pulumi.lab.yaml").write_text(
        made.stack_file.read_text().replace("CUK25A118", "CUK25A119")
    )
    program = str(made.folder / ".venv/bin/mimecast-sso")
    ended = made.sandbox("run", "--", program, *command.split(), "--stack", "lab")
    said = "Stack lab was never deployed to this backend, so it has no state. Deploy it first: "
    assert (ended.code, ended.text) == (1, f"{said}mimecast-sso up --stack lab\n")


def test_wrong_usage_ends_with_64(made: Project) -> None:
    command = str(made.folder / ".venv/bin/mimecast-sso")
    assert made.sandbox("run", "--", command, "upp").code == 64
    assert made.sandbox("run", "--", command, "preview").code == 64
