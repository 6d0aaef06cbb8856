"""The stack configuration: what is accepted, its normal form, and error messages."""

from __future__ import annotations

import contextlib
import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mimecast_sso.facts.regions import REGIONS, RETIRED_HOSTS
from mimecast_sso.settings import (
    ConfigurationError,
    DomainMode,
    from_engine,
    from_file,
    from_values,
)

ROOT = Path(__file__).resolve().parents[2]

SMALLEST: dict[str, Any] = {
    "region": "eu",
    "accountCode": "CUK25A118",
    "certificates": {"generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}], "active": "2026"},
}


def problems(**changes: Any) -> str:
    values = copy.deepcopy(SMALLEST) | changes
    with pytest.raises(ConfigurationError) as caught:
        from_values({key: value for key, value in values.items() if value is not None})
    return str(caught.value)


@pytest.mark.parametrize("stack", ["sandbox", "dev-eu", "prod-eu", "prod-us"])
def test_shipped_stack_files_are_valid(stack: str) -> None:
    settings = from_file(ROOT / "stacks" / f"Pulumi.{stack}.yaml")
    assert settings.identifier.startswith(f"https://{REGIONS[settings.region].host}/sso/")


@pytest.mark.parametrize("region", REGIONS.values(), ids=lambda region: region.code)
def test_the_region_gives_the_saml_values(region: Any) -> None:
    settings = from_values(SMALLEST | {"region": region.code})
    assert settings.identifier == f"https://{region.host}/sso/CUK25A118"
    assert settings.reply_url == settings.sign_on_url == f"https://{region.host}/login/saml"


def test_text_from_the_engine_gives_the_same_settings() -> None:
    flat = {
        "mimecast-sso:region": "eu",
        "mimecast-sso:accountCode": "CUK25A118",
        "mimecast-sso:certificates": json.dumps(SMALLEST["certificates"]),
        "mimecast-sso:domains": '["Example.COM."]',
        "azuread:environment": "public",
    }
    settings = from_engine(flat)
    assert settings == from_values(SMALLEST | {"domains": ["example.com"]})
    assert settings.domains[0].mode is DomainMode.ENSURE


@pytest.mark.parametrize("key", ["region", "accountCode", "certificates"])
def test_a_missing_key_is_named_with_the_line_to_write(key: str) -> None:
    text = problems(**{key: None})
    assert f"mimecast-sso:{key} is missing" in text
    line = yaml.safe_load(text.split("Write, for example:\n")[1])
    assert from_values(SMALLEST | {key: line[f"mimecast-sso:{key}"]})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"region": "fr"}, ['mimecast-sso:region is "fr"', "eu (Europe (except", "mimecast-sso:region: eu"]),
        ({"region": "UK"}, ['mimecast-sso:region is "UK"', "that region is eu"]),
        ({"accountCode": "cuk25a118"}, ["mimecast-sso:accountCode", "in capitals"]),
        ({"aplication": {}}, ["mimecast-sso:aplication is not a key", "did you mean application?"]),
        ({"application": {"signon": "sp"}}, ["mimecast-sso:application.signon", "did you mean signOn?"]),
        ({"domains": ["@example.com"]}, ["mimecast-sso:domains[0].name", "not a domain name"]),
        ({"domains": ["example.com", "EXAMPLE.com"]}, ["names a domain twice"]),
        (
            {"addresses": {"list": [{"address": "ada"}]}},
            ["addresses.list[0].address", "not an e-mail address"],
        ),
        ({"addresses": {"source": "csv"}}, ["also needs csv"]),
        ({"domains": ["10.0.0.1"]}, ["mimecast-sso:domains[0].name", "not a domain name"]),
        (
            {"addresses": {"list": [{"address": "ada@example.com", "name": "  "}]}},
            ['mimecast-sso:addresses.list[0].name is " "; write something'],
        ),
        ({"application": {"displayName": " "}}, ["mimecast-sso:application.displayName", "write something"]),
        *(
            ({"application": {"displayName": name}}, ["has a displayName of 92 characters", "90 at most"])
            for name in ("x" * 92, "\U0001f600" * 46)
        ),
        (
            {"application": {"displayName": "x" * 257}},
            ["application.displayName", "it has 257 characters, and at most 256 are allowed"],
        ),
        ({"assign": {"groups": ["x" * 257]}}, ["assign.groups[0]", "at most 256 are allowed"]),
        (
            {"application": {"replyUrl": f"https://eu-api.mimecast.com/{'x' * 256}"}},
            ["application.replyUrl", "it has 284 characters, and at most 256 are allowed"],
        ),
        (
            {"application": {"notificationEmails": [f"{n}@example.com" for n in range(6)]}},
            ["application.notificationEmails", "it has 6 entries, and at most 5 are allowed"],
        ),
        *(
            (changes, [said])
            for changes, said in (
                ({"assign": [5]}, "assign is [5]; write keys and values (a map)"),
                ({"assign": {"users": 5}}, "assign.users is 5; write a list"),
                (
                    {"assign": {"users": [True]}},
                    "users[0] is true; write text; quote what YAML would read as",
                ),
                ({"rollOut": {"share": "x"}}, 'rollOut.share is "x"; write a whole number'),
                ({"rollOut": {"share": 1.5}}, "rollOut.share is 1.5; write a whole number"),
                ({"application": {"hide": "maybe"}}, 'application.hide is "maybe"; write true or false'),
                ({"guards": ["allow-destroy"]}, 'guards[0] is "allow-destroy"; write keys and values'),
                ({"addresses": {"list": [5]}}, "addresses.list[0] is 5; write keys and values (a map)"),
                ({"drift": {5: 1}}, "drift[5] is 5; keys must be text; quote it, or correct it"),
            )
        ),
        ({"assign": {"groups": [""]}}, ["mimecast-sso:assign.groups[0]", "write something"]),
        ({"dns": {"publish": "rfc2136"}}, ["mimecast-sso:dns", "server, zone and tsig"]),
        ({"rollOut": {"who": "pilot"}}, ["mimecast-sso:rollOut", "also needs pilot"]),
        ({"certificates": {"generations": [], "active": "2026"}}, ["certificates.generations"]),
        (
            {"certificates": {"generations": [{"label": "a", "endDate": "2029-11-01"}], "active": "a"}},
            ["certificates.generations[0].endDate", "2029-11-01T00:00:00Z"],
        ),
        (
            {"guards": [{"name": "account", "reason": "x", "until": 0}]},
            ["guards[0].until is 0, which is not a day written as 2026-12-31"],
        ),
        (
            {"drift": {"expected": [{"path": "x", "reason": "x", "until": 20261231}]}},
            ["drift.expected[0].until is 20261231, which is not a day"],
        ),
        ({"rollOut": {"who": "share", "share": True}}, ["rollOut.share is true, which is not a number"]),
        ({"certificates": SMALLEST["certificates"] | {"soakDays": True}}, ["soakDays is true, which is not"]),
        (
            {"authenticationProfile": {"staleAfterDays": 10**9}},
            ["staleAfterDays", "less than or equal to 365000"],
        ),
        ({"application": {"signOnUrl": "webmail"}}, ["application.signOnUrl", "not a web address"]),
        ({"application": {"replyUrl": "https://a b/acs"}}, ["application.replyUrl", "not a web address"]),
        ({"application": {"replyUrl": "https://ex\u0430mple.com/acs"}}, ["mixes Cyrillic and Latin letters"]),
        ({"application": {"replyUrl": "https://example.com:99999/acs"}}, ["not a web address"]),
        ({"application": {"replyUrl": "https://example.com:x/acs"}}, ["not a web address"]),
        ({"application": {"replyUrl": "https://[::1/acs"}}, ["application.replyUrl", "not a web address"]),
        (
            {
                "addresses": {"list": [{"address": "ada@example.com", "passwordVersion": "1"}]},
                "addressPasswords": {1: {"password": "x", "confirmation": "x"}},
            },
            ["addressPasswords has no password for ada@example.com"],
        ),
        (
            {"guards": [{"name": "allow-anything", "reason": "x", "until": "2026-12-31"}]},
            ["guards[0].name", "'allow-destroy'"],
        ),
    ],
)
def test_a_malformed_value_is_named_with_what_is_allowed(changes: dict[str, Any], said: list[str]) -> None:
    text = problems(**changes)
    for part in said:
        assert part in text


@pytest.mark.parametrize(("host", "region"), RETIRED_HOSTS.items())
def test_hosts_of_old_tutorials_are_refused_with_the_value_to_use(host: str, region: str) -> None:
    text = problems(application={"signOnUrl": f"https://{host}"}, region=region)
    assert host in text
    assert f"https://{REGIONS[region].host}/login/saml" in text


def test_a_host_of_another_region_names_that_region_and_the_conflict() -> None:
    text = problems(application={"signOnUrl": "https://webmail-us.mimecast.com"}, region="eu")
    assert "belonged to region us, and this stack's region is eu" in text
    assert "set mimecast-sso:region to us" in text
    assert "eu-api" not in text


def test_a_secret_is_never_in_an_error() -> None:
    tsig = {"name": "key.", "algorithm": "hmac-md5", "secret": ["hunter2"]}
    text = problems(
        dns={"publish": "rfc2136", "server": "ns1.example.com", "zone": "example.com", "tsig": tsig}
    )
    assert "dns.tsig.secret" in text
    assert "hunter2" not in text


def test_a_password_is_found_in_either_form_of_an_internationalised_domain() -> None:
    addresses = {"list": [{"address": "ada@bücher.example", "passwordVersion": "1"}]}
    secret = {"password": "hunter2", "confirmation": "hunter2"}
    for key in ("ada@bücher.example", "Ada@XN--BCHER-KVA.example"):
        from_values(SMALLEST | {"addresses": addresses, "addressPasswords": {key: secret}})


@pytest.mark.parametrize(
    ("passwords", "said"),
    [
        (None, "no password for ada@example.com"),
        ({"ada@example.com": {"confirmation": "hunter2"}}, "no password for ada@example.com"),
        ({"Ada@Example.com": {"password": "hunter2", "confirmation": "hunter3"}}, "confirmation of ada"),
        ("hunter2", "not a map of addresses"),
        (
            {
                name: {"password": "hunter2", "confirmation": "hunter2"}
                for name in ("ada@example.com", "ADA@example.com")
            },
            "addressPasswords in which one address occurs twice",
        ),
    ],
)
def test_a_password_version_needs_a_password_and_its_confirmation(passwords: Any, said: str) -> None:
    addresses = {"list": [{"address": "ada@example.com", "passwordVersion": "1"}]}
    text = problems(addresses=addresses, addressPasswords=passwords)
    assert said in text
    assert "hunter" not in text


@pytest.mark.parametrize(
    "until", ["2026-12-31", "2026-12-31 00:00:00 +0000 UTC", date(2026, 12, 31)], ids=["text", "cli", "yaml"]
)
def test_an_override_is_valid_through_its_last_day(until: object) -> None:
    guards = [{"name": "allow-destroy", "reason": "retired", "until": until}]
    settings = from_values(SMALLEST | {"guards": guards})
    assert settings.overrides("allow-destroy", date(2026, 12, 31))
    assert not settings.overrides("allow-destroy", date(2027, 1, 1))


def test_a_stack_file_without_its_passphrase_still_reads(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    config = {f"mimecast-sso:{key}": value for key, value in SMALLEST.items()}
    config["mimecast-sso:addressPasswords"] = {"secure": "v1:abc:def"}
    file.write_text(yaml.safe_dump({"config": config}))
    assert from_file(file).address_passwords == "[secret]"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("config: [", "not valid YAML"),
        ("encryptionsalt: x", "no config: section"),
        (
            "config:\n\u00a0 mimecast-sso:region: eu\n",
            r"not valid YAML, line 2: U\+00A0 \(NO-BREAK SPACE\) in the indentation; indent with spaces\.",
        ),
        (
            "config:\n  a: b\n \u2003mimecast-sso:region: eu\n",
            r"line 3: U\+2003 \(EM SPACE\) in the indentation",
        ),
        ("config: {a: \x07}\n", r"not valid YAML: YAML does not allow U\+0007; delete it\."),
    ],
)
def test_a_stack_file_that_cannot_be_used(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=said):
        from_file(file)


def test_a_csv_file_gives_addresses_and_names_its_bad_line(tmp_path: Path) -> None:
    addresses = from_values(SMALLEST | {"addresses": {"source": "csv", "csv": "people.csv"}}).addresses
    (tmp_path / "people.csv").write_text("address,name\nAda@Example.com,Ada Example\n")
    (person,) = addresses.read_csv(tmp_path)
    assert (person.address, person.name) == ("ada@example.com", "Ada Example")
    (tmp_path / "people.csv").write_text("address,name\nada@example.com,\nnobody,\n")
    with pytest.raises(ConfigurationError, match=r"people.csv, line 3: address"):
        addresses.read_csv(tmp_path)


@given(
    st.dictionaries(
        st.text(max_size=12), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
    )
)
@example({"function-": None})
@example({"function-after[key(), str]": None})
def test_any_configuration_is_accepted_or_explained(values: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigurationError):  # Anything else fails the test.
        from_values(values)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"assign": {"users": ["Ada <ada@example.com>"]}}, "assign"),
        ({"tags": ["a b"]}, "tags"),
        ({"addresses": {"list": ["ada@example.com"]}}, "addresses"),
        ({"domains": ["@example.com"]}, "domains"),
    ],
)
def test_the_lines_to_write_for_an_entry_of_a_list_are_valid(changes: dict[str, Any], key: str) -> None:
    written = yaml.safe_load(problems(**changes).split("Write, for example:\n")[1])
    assert from_values(SMALLEST | {key: written[f"mimecast-sso:{key}"]})


@pytest.mark.parametrize(
    ("region", "why"),
    [
        ("EU", "that region is eu"),
        ("uk", "that region is eu"),
        ("mars", "The codes are eu"),
        (["eu"], "The codes are eu"),
    ],
)
def test_another_name_of_a_region_is_refused_with_its_code(region: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        from_values(SMALLEST | {"region": region})
