"""Layers of stack files: merged, rendered into the files, and never over values that commands wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet.stack_files import list_stacks, render

COMMENT = "# Acme moves in March."
ACME = f"""{COMMENT}
config:
  mimecast-sso:region: eu
  mimecast-sso:accountCode: CUK00A001
  mimecast-sso:tags: [ring-1]
  mimecast-sso:rollOut:
    who: pilot
    pilot: [ada@acme.example]
  mimecast-sso:certificates: "2029-11-01"
"""
BASE = {
    "application": {"displayName": "Portal", "notificationEmails": ["noc@msp.example"]},
    "rollOut": {"group": "Single sign-on", "who": "none"},
    "certificates": "2028-01-01",
}
RING = {"application": {"displayName": "Portal (ring 1)"}}


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\nstackConfigDir: stacks\n")
    folder = tmp_path / "stacks"
    folder.mkdir()
    (folder / "Pulumi.acme.yaml").write_text(ACME)
    (folder / "Pulumi.beta.yaml").write_text(ACME.replace("ring-1", "ring-2").replace("A001", "A002"))
    monkeypatch.chdir(tmp_path)
    return folder


def layer(folder: Path, name: str, values: dict[str, object]) -> None:
    config = {f"mimecast-sso:{key}": value for key, value in values.items()}
    (folder / f"_{name}.yaml").write_text(yaml.safe_dump({"config": config}))


def config(folder: Path, stack: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("mimecast-sso:"): value for key, value in found.items()}


def test_later_layers_win_and_what_commands_wrote_stays(
    stacks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layer(stacks, "base", BASE)
    layer(stacks, "ring-1", RING)
    layer(stacks, "beta", {"domains": ["beta.example"]})
    assert render((), check=True) is Exit.CHANGES
    assert (stacks / "Pulumi.acme.yaml").read_text() == ACME
    assert "Pulumi.acme.yaml differs from its layers in: mimecast-sso:application" in capsys.readouterr().out
    assert render((), check=False) is Exit.FINE
    acme, beta = config(stacks, "acme"), config(stacks, "beta")
    assert acme["application"] == {
        "displayName": "Portal (ring 1)",
        "notificationEmails": ["noc@msp.example"],
    }
    assert beta["application"] == BASE["application"]
    assert acme["rollOut"] == {"group": "Single sign-on", "who": "pilot", "pilot": ["ada@acme.example"]}
    assert acme["certificates"] == "2029-11-01"
    assert (beta["domains"], "domains" in acme) == (["beta.example"], False)
    assert (stacks / "Pulumi.acme.yaml").read_text().startswith(COMMENT)
    capsys.readouterr()
    assert render((), check=True) is Exit.FINE
    assert capsys.readouterr().out == "2 stack files match the layers.\n"


def test_nothing_is_written_where_one_would_be_invalid(stacks: Path) -> None:
    layer(stacks, "base", BASE)
    layer(stacks, "beta", {"region": "mars"})
    with pytest.raises(OperationError) as error:
        render((), check=False)
    assert "With _base.yaml, _beta.yaml, Pulumi.beta.yaml would not be a valid configuration" in str(
        error.value
    )
    assert (stacks / "Pulumi.acme.yaml").read_text() == ACME


def test_an_encrypted_value_is_replaced_whole(stacks: Path) -> None:
    file = stacks / "Pulumi.acme.yaml"
    file.write_text(f"{ACME}  mimecast-sso:mimecastClientSecret:\n    secure: old\n")
    layer(stacks, "acme", {"mimecastClientSecret": {"secure": "new"}})
    render(("acme",), check=False)
    assert config(stacks, "acme")["mimecastClientSecret"] == {"secure": "new"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("base", "config: {mimecast-sso:mimecastClientSecret: {secure: v1:x}}", "encrypted for one stack"),
        ("ring-1", "config: {mimecast-sso:application: {notes: {secure: v1:x}}}", "encrypted for one stack"),
        ("acme", "config: {mimecast-sso:mimecastClientSecret: plain-secret}", "encrypted for one stack"),
        ("base", "environment: [prod]\nconfig: {}", "sets environment. Only config: is merged"),
        ("base", "config: {rollOut: {who: all}}", "Keys need a namespace"),
        ("ring-1", "config: {mimecast-sso:tags: [ring-2]}", "Tags decide which layers a stack has"),
        ("base", "config: [x]", "has no config: section"),
        ("base", "", "has no config: section"),
        ("base", "config: {a:b: 1, a:b: plain-secret}", 'found duplicate key "a:b".'),
        ("base", "a: &a [x]\nb: &b [*a, *a]\nconfig: {mimecast-sso:domains: *b}", "sets a, b."),
        ("base", "config: {mimecast-sso:domains: &a [*a]}", "found unconstructable recursive node"),
        ("base", "config: {other:list: &a [*a]}", "found unconstructable recursive node"),
        ("acme", "config: {mimecast-sso:dns: {tsig: {secret: plain-secret}}}", "encrypted for one stack"),
    ],
)
def test_what_a_layer_cannot_set_is_refused_and_its_content_not_quoted(
    stacks: Path, name: str, content: str, said: str
) -> None:
    (stacks / f"_{name}.yaml").write_text(content)
    with pytest.raises(OperationError) as error:
        render((), check=False)
    assert said in str(error.value)
    assert "plain-secret" not in str(error.value)
    assert "v1:x" not in str(error.value)
    assert (stacks / "Pulumi.acme.yaml").read_text() == ACME


def test_null_takes_back_what_an_earlier_layer_sets(stacks: Path) -> None:
    layer(stacks, "base", BASE | {"domains": ["all.example"]})
    layer(stacks, "acme", {"domains": None, "application": {"notificationEmails": None}})
    layer(stacks, "beta", {"dns": {"provider": None}})
    render((), check=False)
    acme, beta = config(stacks, "acme"), config(stacks, "beta")
    assert (acme.get("domains"), acme["application"]) == (None, {"displayName": "Portal"})
    assert "domains" not in acme
    assert beta["domains"] == ["all.example"]
    assert beta["dns"] == {}, "there was nothing to take back"
    assert render((), check=True) is Exit.FINE


def test_what_an_anchor_names_twice_is_changed_in_one_place(stacks: Path) -> None:
    file = stacks / "Pulumi.acme.yaml"
    shared = "  other:copy: &group\n    group: Mine\n  other:merged:\n    <<: *group\n"
    file.write_text(
        ACME.replace("  mimecast-sso:rollOut:\n", f"{shared}  mimecast-sso:rollOut:\n    <<: *group\n")
    )
    text = file.read_text()
    file.write_text(
        text.replace(
            "  mimecast-sso:certificates", "  mimecast-sso:application: *group\n  mimecast-sso:certificates"
        )
    )
    (stacks / "_base.yaml").write_text(
        "config:\n  mimecast-sso:application: {displayName: &name Portal}\n  other:copy: {group: Base}\n"
        "  other:list: [&each {name: *name, set: &set true, at: &at 7}, {set: *set, at: *at}, *each]\n"
    )
    with pytest.raises(OperationError, match=r"application\.group is not a key"):
        render(("acme",), check=False)
    file.write_text(text)
    assert render(("acme",), check=False) is Exit.FINE
    found = config(stacks, "acme")
    assert (found["other:copy"], found["other:merged"]) == ({"group": "Base"}, {"group": "Mine"})
    assert found["rollOut"] == {"group": "Mine", "who": "pilot", "pilot": ["ada@acme.example"]}
    each = {"name": "Portal", "set": True, "at": 7}
    assert found["other:list"] == [each, {"set": True, "at": 7}, each]
    assert render(("acme",), check=True) is Exit.FINE


def test_tags_in_the_form_of_the_engines_command_have_layers_at_once(stacks: Path) -> None:
    layer(stacks, "acme", {"tags": "ring-1, eu"})
    layer(stacks, "eu", RING)
    assert render(("acme",), check=False) is Exit.FINE
    assert config(stacks, "acme")["application"] == RING["application"]
    assert render(("acme",), check=True) is Exit.FINE


def test_a_layer_counts_once_and_the_base_first_whatever_the_tags_say(stacks: Path) -> None:
    file = stacks / "Pulumi.acme.yaml"
    file.write_text(ACME.replace("[ring-1]", "[ring-1, base, ring-1]"))
    layer(stacks, "base", BASE)
    layer(stacks, "ring-1", RING)
    render((), check=False)
    application = config(stacks, "acme")["application"]
    assert isinstance(application, dict)
    assert application["displayName"] == "Portal (ring 1)"


def test_tags_of_the_base_decide_at_once(stacks: Path) -> None:
    layer(stacks, "base", {"tags": ["gold"]})
    layer(stacks, "gold", RING)
    render((), check=False)
    assert config(stacks, "acme")["application"] == RING["application"]
    assert render((), check=True) is Exit.FINE


def test_a_tag_leads_to_no_file_outside_the_folder(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stacks / "Pulumi.acme.yaml").write_text(ACME.replace("[ring-1]", '["a/../../outside", 5, null]'))
    (stacks / "_a").mkdir()
    layer(stacks, "base", BASE)
    (stacks.parent / "outside.yaml").write_text("config: {mimecast-sso:domains: [evil.example]}")
    with pytest.raises(OperationError, match="mimecast-sso:tags"):
        render(("acme",), check=False)
    assert "evil" not in (stacks / "Pulumi.acme.yaml").read_text()


def test_a_layer_of_no_stack_is_named(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layer(stacks, "base", BASE)
    layer(stacks, "ring1", RING)
    render((), check=False)
    assert "_ring1.yaml is a layer that no stack uses" in capsys.readouterr().err


def test_without_layers_it_tells_where_to_put_them(stacks: Path) -> None:
    with pytest.raises(
        OperationError, match=r"No stack has a layer\. Write common values into .*_base\.yaml"
    ):
        render((), check=False)


def test_layers_do_not_count_as_stacks(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layer(stacks, "base", BASE)
    assert list_stacks((), (1, 1), form="json", out=None) is Exit.FINE
    assert json.loads(capsys.readouterr().out) == [
        {"stack": "acme", "account": "CUK00A001", "region": "eu", "tags": ["ring-1"]},
        {"stack": "beta", "account": "CUK00A002", "region": "eu", "tags": ["ring-2"]},
    ]
    (stacks / "Pulumi.broken.yaml").write_text("\t")
    assert list_stacks(("broken",), (1, 1), form="text", out=None) is Exit.ERROR
    assert "broken" in capsys.readouterr().out
