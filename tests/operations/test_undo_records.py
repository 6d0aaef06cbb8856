"""The undo records of roll-backs, by stack."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from mimecast_sso.operations.project import Project
from mimecast_sso.operations.roll_out import last_undo
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.settings import RollOut, Settings


def test_the_records_of_a_stack_with_a_longer_name_are_not_its_own(tmp_path: Path) -> None:
    opened = Stack("prod", Project(tmp_path, "mimecast-sso", tmp_path), tmp_path / "Pulumi.prod.yaml", {})
    opened.undo_records.mkdir(parents=True)
    choice = {"group": "Single sign-on", "who": "all"}
    for name, member, at in (("prod", "ada", "20261101T090000Z"), ("prod-eu", "grace", "20261102T090000Z")):
        content = {"stack": name, "members": [f"{member}@example.com"], "rollOut": choice}
        (opened.undo_records / f"{name}-{at}.json").write_text(json.dumps(content))
    desired = cast("Settings", SimpleNamespace(roll_out=RollOut()))
    assert last_undo(opened, desired).keys() == {"ada@example.com"}
