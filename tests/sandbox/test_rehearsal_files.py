"""The stack file of a rehearsal: the stack's own, without values that only its company can decrypt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import credentials, rehearsal, stack_seed
from sandbox.engine.secrets import Crypter, new_salt
from sandbox.stack_seed import StackError

ENCRYPTED = {
    "mimecast-sso:dns": {"publish": "rfc2136", "tsig": {"name": "k.", "secret": {"secure": "v1:AAAA:BBBB"}}},
    "mimecast-sso:addressPasswords": {"secure": "AQICAHh="},
    "mimecast-sso:mimecastClientSecret": {"secure": "v1:CCCC:DDDD"},
    "acme:webhooks": ["https://example.com", {"secure": "x"}],
}
PLAIN = {
    "mimecast-sso:region": "eu",
    "mimecast-sso:accountCode": "CUK25A118",
    "mimecast-sso:addresses": {"list": [{"address": "ada@example.com", "passwordVersion": "1"}]},
}
COMPANIES = {
    "passphrase": {"encryptionsalt": new_salt("the company's")},
    "key service": {"secretsprovider": "awskms://alias/pulumi?region=eu-west-1", "encryptedkey": "AQICAHh="},
    "Pulumi Cloud": {},
    "ESC": {"environment": ["acme/mimecast-prod"]},
    "ESC inline": {"environment": {"imports": ["acme/prod"], "values": {"environmentVariables": {"A": "b"}}}},
}


def written(folder: Path, **extra: Any) -> dict[str, Any]:
    """What the rehearsal of a stack with these lines reads."""
    stacks = folder / "stacks"
    stacks.mkdir(exist_ok=True)
    document = {"config": {**PLAIN, **ENCRYPTED}, **extra}
    (stacks / "Pulumi.acme.yaml").write_text(yaml.safe_dump(document))
    file = rehearsal.write("acme", stacks, folder / "home")
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


@pytest.mark.parametrize("company", COMPANIES)
def test_no_secret_of_the_company_is_left_and_none_is_needed(tmp_path: Path, company: str) -> None:
    found = written(tmp_path, **COMPANIES[company])
    assert set(found) == {"config", "encryptionsalt"}
    config, crypter = found["config"], Crypter(credentials.PULUMI_PASSPHRASE, found["encryptionsalt"])
    assert {key: config[key] for key in PLAIN} == PLAIN
    assert crypter.decrypt(config["mimecast-sso:dns"]["tsig"]["secret"]["secure"]) == credentials.TSIG_SECRET
    assert config["mimecast-sso:dns"]["publish"] == "rfc2136"
    passwords = json.loads(crypter.decrypt(config["mimecast-sso:addressPasswords"]["secure"]))
    assert passwords["ada@example.com"]["password"] == passwords["ada@example.com"]["confirmation"]
    assert crypter.decrypt(config["acme:webhooks"][1]["secure"]) == "throw-away"


def test_the_stack_s_own_file_is_left_alone_and_followed(tmp_path: Path) -> None:
    first = written(tmp_path)
    own = tmp_path / "stacks" / "Pulumi.acme.yaml"
    before = own.read_text()
    assert written(tmp_path) == first
    assert own.read_text() == before
    grown = {
        "list": [{"address": name, "passwordVersion": "1"} for name in ("ada@example.com", "new@example.com")]
    }
    document = yaml.safe_load(before)
    document["config"]["mimecast-sso:addresses"] = grown
    own.write_text(yaml.safe_dump(document))
    found = yaml.safe_load(rehearsal.write("acme", own.parent, tmp_path / "home").read_text())
    crypter = Crypter(credentials.PULUMI_PASSPHRASE, found["encryptionsalt"])
    passwords = json.loads(crypter.decrypt(found["config"]["mimecast-sso:addressPasswords"]["secure"]))
    assert set(passwords) == {"ada@example.com", "new@example.com"}
    assert found["encryptionsalt"] == first["encryptionsalt"]
    assert found["config"]["mimecast-sso:dns"] == first["config"]["mimecast-sso:dns"]


def test_a_key_that_only_an_esc_environment_has_is_required(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    (stacks / "Pulumi.acme.yaml").write_text("environment: [acme/prod]\nconfig:\n  mimecast-sso:region: eu\n")
    with pytest.raises(StackError, match=r"accountCode.*does not open ESC environments \(\['acme/prod'\]\)"):
        rehearsal.write("acme", stacks, tmp_path / "home")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"config: [", "not valid YAML, line 1, column "),
        (b"config:\n  a: \xfc\n", r"not text in UTF-8 \(line 2\); save it as UTF-8"),
        (b"config:\n\ta: b\n", "not valid YAML, line 2, column 1"),
        (b"[" * 5000, "nested too deeply"),
        (b"- a list", "no config: section"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "Pulumi.acme.yaml").write_bytes(content)
    with pytest.raises(StackError, match=rf"Pulumi\.acme\.yaml.*{said}"):
        rehearsal.write("acme", tmp_path, tmp_path / "home")
    if said != "no config: section":
        with pytest.raises(StackError, match=rf"Pulumi\.acme\.yaml.*{said}"):
            stack_seed.configured("acme", tmp_path)


SECRET = "hunter2"


@pytest.mark.parametrize(
    "line",
    [
        "mimecast-sso:addresses: [x]",
        "mimecast-sso:addresses: x",
        "mimecast-sso:addresses: {list: 5}",
        "mimecast-sso:addresses: {list: [null, 'address x', {}, {address: [x]}]}",
        "mimecast-sso:addresses: {source: csv, csv: [x]}",
        "mimecast-sso:addresses: {source: csv, csv: /dev/zero}",
        'mimecast-sso:addresses: {source: csv, csv: "a\\0b"}',
        "mimecast-sso:domains: [x, 5, null, {name: null}, {mode: require}]",
        "mimecast-sso:assign: {users: [5, null, {a: b}], groups: [5, [a]]}",
        "mimecast-sso:rollOut: {pilot: {a: b}}",
    ],
)
def test_values_of_another_kind_are_left_for_the_deployment_to_report(tmp_path: Path, line: str) -> None:
    (tmp_path / "stacks").mkdir()
    own = tmp_path / "stacks" / "Pulumi.acme.yaml"
    own.write_text(
        "config:\n  mimecast-sso:region: eu\n  mimecast-sso:accountCode: CUK25A118\n"
        f"  mimecast-sso:addressPasswords: {{secure: x}}\n  {line}\n"
    )
    assert rehearsal.write("acme", own.parent, tmp_path / "home").is_file()
    assert stack_seed.document("acme", own.parent)["mimecast"]["region"] == "eu"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"config: {{a: !{SECRET} x}}\n", "could not determine a constructor for the tag; quote the value"),
        (f"config: {{a: *{SECRET}}}\n", "found undefined alias; quote the value"),
        ("config: {}\n# \0\n", "YAML does not allow U+0000; delete it"),
        ("config: {secure: x}\n", "region is missing"),
        ("config: {'mimecast-sso:region': {secure: x}}\n", "region is missing"),
    ],
)
def test_an_error_of_a_stack_file_quotes_no_value(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "Pulumi.acme.yaml").write_text(content)
    with pytest.raises(StackError) as refused:
        stack_seed.document("acme", tmp_path)
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


def test_the_error_of_a_repeated_key_quotes_no_value(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.acme.yaml").write_text(f"config: {{a: {SECRET}, a: {SECRET}}}\n")
    with pytest.raises(StackError, match="found duplicate key") as refused:
        rehearsal.write("acme", tmp_path, tmp_path / "home")
    assert SECRET not in str(refused.value)


def test_an_invalid_time_is_left_for_the_deployment_to_report(tmp_path: Path) -> None:
    text = "config: {mimecast-sso:region: eu, mimecast-sso:accountCode: CUK25A118, a: 2029-11-01T24:00:00Z}\n"
    (tmp_path / "Pulumi.acme.yaml").write_text(text)
    assert stack_seed.configured("acme", tmp_path)["accountCode"] == "CUK25A118"
    found = yaml.safe_load(rehearsal.write("acme", tmp_path, tmp_path / "home").read_text())
    assert found["config"]["a"] == "2029-11-01T24:00:00Z"


def test_a_file_in_utf_16_is_read(tmp_path: Path) -> None:
    text = "config: {mimecast-sso:region: eu, mimecast-sso:accountCode: CUK25A118}\n"
    (tmp_path / "Pulumi.acme.yaml").write_bytes(text.encode("utf-16"))
    assert stack_seed.configured("acme", tmp_path)["accountCode"] == "CUK25A118"
    found = yaml.safe_load(rehearsal.write("acme", tmp_path, tmp_path / "home").read_text())
    assert found["config"]["mimecast-sso:region"] == "eu"


@pytest.mark.parametrize(
    "content",
    [b"address,name\nada@example.com,Ada\n", "Address;Name\nada@example.com;Ada\n".encode("utf-16")],
)
def test_passwords_are_created_for_everyone_in_a_spreadsheet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    config = PLAIN | ENCRYPTED | {"mimecast-sso:addresses": {"source": "csv", "csv": "people.csv"}}
    (stacks / "Pulumi.acme.yaml").write_text(yaml.safe_dump({"config": config}))
    found = yaml.safe_load(rehearsal.write("acme", stacks, tmp_path / "home").read_text())
    crypter = Crypter(credentials.PULUMI_PASSPHRASE, found["encryptionsalt"])
    assert set(json.loads(crypter.decrypt(found["config"]["mimecast-sso:addressPasswords"]["secure"]))) == {
        "ada@example.com"
    }
