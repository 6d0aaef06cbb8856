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
