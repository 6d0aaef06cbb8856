"""The questions of ``pulumi new``, and the values that it writes to the stack file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.settings import ConfigurationError, Domain, RollOut, Settings, from_engine, from_values
from sandbox.stack_seed import document

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["template"]["config"]
ANSWERS = {
    "mimecast-sso:region": "de",
    "mimecast-sso:accountCode": "CDE25A118",
    "mimecast-sso:domains": "example.com, example.org",
    "mimecast-sso:pilot": "ada@example.com, grace@example.org",
    "mimecast-sso:certificates": "2029-11-01",
}


def test_the_template_asks_for_everything_that_a_stack_needs() -> None:
    assert set(TEMPLATE) == set(ANSWERS)
    assert all(question["description"] for question in TEMPLATE.values())


def test_the_answers_are_a_complete_configuration() -> None:
    settings = from_engine(ANSWERS)
    assert settings.domains == (Domain(name="example.com"), Domain(name="example.org"))
    assert settings.assign.users == ("ada@example.com", "grace@example.org")
    assert settings.roll_out == RollOut(who="pilot", pilot=("ada@example.com", "grace@example.org"))
    (generation,) = settings.certificates.generations
    assert (generation.end_date, settings.certificates.active) == ("2029-11-01T00:00:00Z", generation.label)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `pulumi new` makes it; gives its stack file."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: acme\nruntime: python\nstackConfigDir: stacks\n")
    file = tmp_path / "stacks" / "Pulumi.dev.yaml"
    # With the day unquoted, as a person may write it.
    file.write_text(yaml.safe_dump({"config": ANSWERS}).replace("'2029-11-01'", "2029-11-01"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SANDBOX_INSTANCE", raising=False)
    return file


def test_commands_read_and_write_such_a_file(stack: Path) -> None:
    opened = open_stack("dev")
    assert opened.settings() == from_engine(ANSWERS)
    opened.set_roll_out(RollOut(who="all"))
    opened.set_certificates(opened.settings().certificates.model_copy(update={"soak_days": 3}))
    again = open_stack("dev").settings()
    assert again.roll_out.who == "all"
    assert again.assign.users == ("ada@example.com", "grace@example.org")
    assert again.certificates.soak_days == 3
    assert again.certificates.active == "2029"


def test_the_sandbox_creates_the_objects_that_such_a_file_refers_to(stack: Path) -> None:
    seeded = document("dev", stack.parent)
    assert {"ada@example.com", "grace@example.org"} <= {user["mail"] for user in seeded["users"]}
    assert {user["emailAddress"] for user in seeded["mimecast"]["users"]} == {
        "ada@example.com",
        "grace@example.org",
    }
    assert {zone["name"] for zone in seeded["dns"]["zones"]} == {"example.com", "example.org"}


def test_explicit_settings_take_precedence() -> None:
    values: dict[str, Any] = {key.removeprefix("mimecast-sso:"): text for key, text in ANSWERS.items()}
    settings: Settings = from_values(values | {"assign": {"groups": ["Staff"]}, "rollOut": {"who": "none"}})
    assert settings.assign.users == ()
    assert settings.roll_out.who == "none"


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("pilot", "ada", "mimecast-sso:pilot"),
        ("domains", "", "mimecast-sso:domains"),
        ("certificates", "soon", "mimecast-sso:certificates"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(key: str, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        from_engine(ANSWERS | {f"mimecast-sso:{key}": text})
