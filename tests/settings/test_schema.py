"""The schema of stack files is generated from the settings, and has every key of the shipped files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mimecast_sso.settings.schema import FILE, stack_file_schema, text

STACKS = Path(__file__).resolve().parents[2] / "stacks"


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), (
        "write it again: python -m mimecast_sso.settings.schema"
    )


@pytest.mark.parametrize("file", sorted(STACKS.glob("Pulumi.*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_a_shipped_stack_is_known_and_described(file: Path) -> None:
    known = stack_file_schema()["properties"]["config"]["properties"]
    content = file.read_text(encoding="utf-8")
    assert set(yaml.safe_load(content)["config"]) <= set(known)
    assert content.startswith("# yaml-language-server: $schema=schema.json\n")
