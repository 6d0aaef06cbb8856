"""The undo records of roll-backs, by stack."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.roll_out import last_undo, replaced
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.settings import RollOut, Settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"rehearsal": True}, "is from a rehearsal on the sandbox"),
        ({"accountCode": "CUK99A999"}, "belongs to another stack, account or group"),
        ({"stack": "prod-us"}, "belongs to another stack, account or group"),
        ({"rollOut": {"group": "Another", "who": "all"}}, "belongs to another stack, account or group"),
    ],
)
@pytest.mark.parametrize("rehearses", [False, True])
def test_a_record_of_something_else_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str, *, rehearses: bool
) -> None:
    variables = {"SANDBOX_INSTANCE": "x", "SANDBOX_HOME": str(tmp_path)} if rehearses else {}
    opened = Stack(
        "prod", Project(tmp_path, "mimecast-sso", tmp_path), tmp_path / "Pulumi.prod.yaml", variables
    )
    record = tmp_path / "record.json"
    choice = {"group": "Single sign-on", "who": "all"}
    content = {"stack": "prod", "accountCode": "CUK25A118", "members": [], "rollOut": choice} | changes
    record.write_text(json.dumps(content))
    desired = cast("Settings", SimpleNamespace(roll_out=RollOut(), account_code="CUK25A118"))
    if not said or (rehearses and "rehearsal" in changes):
        assert replaced(opened, desired, record).who == "all"
        return
    with pytest.raises(OperationError, match=said) as refused:
        replaced(opened, desired, record)
    assert refused.value.code is Exit.REFUSED


def test_the_records_of_a_stack_with_a_longer_name_are_not_its_own(tmp_path: Path) -> None:
    opened = Stack("prod", Project(tmp_path, "mimecast-sso", tmp_path), tmp_path / "Pulumi.prod.yaml", {})
    opened.undo_records.mkdir(parents=True)
    choice = {"group": "Single sign-on", "who": "all"}
    for name, member, at in (("prod", "ada", "20261101T090000Z"), ("prod-eu", "grace", "20261102T090000Z")):
        content = {"stack": name, "members": [f"{member}@example.com"], "rollOut": choice}
        (opened.undo_records / f"{name}-{at}.json").write_text(json.dumps(content))
    desired = cast("Settings", SimpleNamespace(roll_out=RollOut()))
    assert last_undo(opened, desired).keys() == {"ada@example.com"}
