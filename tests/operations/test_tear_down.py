"""Making a stack safe to destroy: empty the roll-out group, wait for Mimecast, and check again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.facts import resource_types as types
from mimecast_sso.operations import tear_down
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import live, unknown
from mimecast_sso.settings import Settings, from_values
from tests.assessment.worlds import CLIENT, World, application, assigned, attested, values
from tests.support.sandboxes import ADA, GRACE, RunningSandbox, seed_document, started

GROUP = "Single sign-on"
OVERRIDE = {"name": "allow-destroy", "reason": "change CHG-1042", "until": "2099-12-31"}
VALUES: dict[str, Any] = {
    "region": "eu",
    "accountCode": "CUK25A118",
    "rollOut": {"group": GROUP},
    "certificates": {
        "generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}],
        "active": "2026",
        "waitMinutes": 15,
    },
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    """A sandbox with two people in the roll-out group."""
    document = seed_document()
    document["mimecast"] |= {
        "domains": [{"name": "example.com"}],
        "groups": [{"description": GROUP, "members": [ADA, GRACE]}],
    }
    with started(tmp_path / "home", document) as running, running.entered():
        yield running


def stack(sandbox: RunningSandbox, folder: Path) -> Stack:
    file = folder / "Pulumi.test.yaml"
    file.write_text(
        yaml.safe_dump({"config": {f"mimecast-sso:{key}": value for key, value in VALUES.items()}})
    )
    return Stack("test", Project(folder, "mimecast-sso", folder), file, dict(sandbox.env))


def settings(*overrides: dict[str, str]) -> Settings:
    return from_values(VALUES | {"guards": list(overrides)})


def prepare(
    opened: Stack,
    desired: Settings,
    pause: Callable[[float], None],
    depending: Collection[str] = (),
    members: Collection[str] = (ADA, GRACE),
) -> None:
    """Of a stack that put these members into the group."""
    outputs = {"group": GROUP, "members": sorted(members), "hold": False}
    record = Record((RecordedResource("urn::membership", types.GROUP_MEMBERSHIP, outputs),))
    tear_down.prepare(opened, desired, record, lambda: depending, pause)


def test_people_are_removed_and_the_wait_is_observed(
    sandbox: RunningSandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, waited = stack(sandbox, tmp_path), list[float]()
    with pytest.raises(OperationError) as refused:
        prepare(opened, settings(OVERRIDE | {"until": "2026-01-01"}), waited.append)
    assert refused.value.code is Exit.REFUSED
    assert "sign-in through Entra would end for 2 people" in str(refused.value)
    assert len(sandbox.control.documents("mimecast.members")) == 2

    prepare(opened, settings(OVERRIDE), waited.append)
    said = capsys.readouterr().out
    assert sandbox.control.documents("mimecast.members") == []
    assert waited == [15 * 60]
    assert "Guard allow-destroy is overridden until 2099-12-31: change CHG-1042" in said
    assert "Undo record" in said
    assert "Nobody depends on the application (read live)" in said

    # Started again, for example after the wait was interrupted: only the rest is awaited.
    prepare(opened, settings(OVERRIDE), waited.append)
    assert 14 * 60 < waited[1] <= 15 * 60
    assert "(audit log)" in capsys.readouterr().out
    sandbox.control.faults({"path": "/api/audit/get-audit-events", "status": 403, "times": 9})
    prepare(opened, settings(OVERRIDE), waited.append)
    assert waited[2] == 15 * 60
    assert "when somebody last left the group" in capsys.readouterr().out


def test_nothing_is_destroyed_when_somebody_comes_back_or_it_is_unknown(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    opened = stack(sandbox, tmp_path)
    (member, _) = sandbox.control.documents("mimecast.members")

    def somebody_comes_back(_: float) -> None:
        sandbox.control.put("mimecast.members", f"{member['group']}/{member['who']}", member)

    with pytest.raises(OperationError, match="in the roll-out group again, added outside"):
        prepare(opened, settings(OVERRIDE), somebody_comes_back)
    sandbox.control.faults({"path": "/api/directory/find-groups", "status": 403, "times": 9})
    with pytest.raises(OperationError, match="unknown, so nothing is destroyed"):
        prepare(opened, settings(OVERRIDE), somebody_comes_back)


def test_members_added_by_others_stay_and_stop_it(sandbox: RunningSandbox, tmp_path: Path) -> None:
    opened = stack(sandbox, tmp_path)
    with pytest.raises(OperationError, match=f"added outside this stack, would lose .*: {GRACE}") as refused:
        prepare(opened, settings(OVERRIDE), lambda _: None, depending=[GRACE], members=[ADA])
    assert refused.value.code is Exit.REFUSED
    assert [each["who"] for each in sandbox.control.documents("mimecast.members")] == [GRACE]


# -- Adopted applications ---------------------------------------------------------------------------------------------

ADOPTS = attested(values(application={"adopt": CLIENT}))


def test_an_adopted_application_is_kept_while_others_assigned_people_to_it() -> None:
    people = (assigned(ADA), assigned(GRACE), assigned("alan@example.com"))
    with pytest.raises(OperationError) as refused:
        tear_down.refuse_if_shared(World(application=application(assigned=people)).assess(ADOPTS))
    assert refused.value.code is Exit.REFUSED
    assert (
        f"1 user or group is assigned to the adopted application {CLIENT} outside this stack, for instance by "
        "another stack that deployed it, and may sign in through it: alan@example.com. If nobody needs it, remove"
    ) in str(refused.value)


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(), id="the stack's own people"),
        pytest.param(World(application=None), id="the application is gone"),
        pytest.param(
            World(application=application(assigned=(assigned("alan@example.com"),)), deployed=Record()),
            id="this stack deployed none",
        ),
    ],
)
def test_an_adopted_application_that_nobody_else_uses_is_deleted(world: World) -> None:
    tear_down.refuse_if_shared(world.assess(ADOPTS))


def with_addresses(on_removal: str, **outputs: Any) -> Record:
    """A deployed address book."""
    book = {"addresses": {ADA: {}, GRACE: {}}, "created": [ADA], "adopt": [], "onRemoval": on_removal}
    urn = f"urn:pulumi:test::mimecast-sso::{types.ADDRESS_BOOK}::addresses"
    return Record((RecordedResource(urn, types.ADDRESS_BOOK, book | outputs),))


@pytest.mark.parametrize(
    ("on_removal", "said"),
    [
        (
            "disable",
            f"1 address would be disabled at Mimecast, which ends sign-in with a password too: {ADA} (mime",
        ),
        (
            "refuse",
            "2 addresses would be removed from the configuration, which it forbids (mimecast-sso:addresses.",
        ),
    ],
)
def test_a_stack_whose_destruction_would_disable_addresses_is_kept(on_removal: str, said: str) -> None:
    with pytest.raises(OperationError) as refused:
        tear_down.refuse_to_remove_addresses(with_addresses(on_removal), "prod-eu")
    assert refused.value.code is Exit.REFUSED
    assert f"Nothing was destroyed: {said}" in str(refused.value)
    assert "set onRemoval: forget, deploy (mimecast-sso up --stack prod-eu) and rerun" in str(refused.value)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(Record(), id="no addresses"),
        pytest.param(with_addresses("forget"), id="they are forgotten"),
        pytest.param(with_addresses("disable", created=[]), id="others created them"),
        pytest.param(with_addresses("disable", checkOnly=True), id="they are only checked"),
    ],
)
def test_a_stack_whose_destruction_leaves_addresses_is_destroyed(record: Record) -> None:
    tear_down.refuse_to_remove_addresses(record, "prod-eu")


def test_an_application_that_another_stack_of_the_project_manages_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record, other = World().deployed, Record()
    tear_down.refuse_if_managed_elsewhere(
        "prod-eu", record, {"prod-us": live(other), "prod-de": unknown("no access")}
    )
    assert capsys.readouterr().err == (
        "Whether stack prod-de manages the same application is unknown: no access\n"
    )
    with pytest.raises(
        OperationError, match=f"stack prod-us also manages application {CLIENT} and"
    ) as refused:
        tear_down.refuse_if_managed_elsewhere("prod-eu", record, {"prod-us": live(record)})
    assert refused.value.code is Exit.REFUSED
    assert "pulumi stack rm --force prod-eu" in str(refused.value)
    tear_down.refuse_if_managed_elsewhere("prod-eu", other, {"prod-us": live(record)})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_other_stacks_of_the_account_are_found_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    account = "CUK25A118"
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config: {{mimecast-sso:accountCode: {account}}}")
    other = f"config: {{mimecast-sso:accountCode: {account}}}".encode(encoding)
    (tmp_path / "Pulumi.pilot.yaml").write_bytes(other)
    (tmp_path / "Pulumi.elsewhere.yaml").write_text("config: {mimecast-sso:accountCode: CUK99A999}")
    opened = Stack("prod", Project(tmp_path, "mimecast-sso", tmp_path), tmp_path / "Pulumi.prod.yaml", {})
    assert list(tear_down.others_of_the_account(opened, account)) == ["pilot"]


class _Unreadable:
    """An engine whose state is fine, and cannot be read the second time."""

    def check_state(self) -> None:
        """It was read."""

    def require_answer(self, *, yes: bool) -> None:
        """The flag answers."""

    def recorded(self) -> list[Any]:
        raise OperationError("the backend does not respond")

    def run(self, *_: str, **__: Any) -> None:
        raise AssertionError("destroyed")


def test_a_state_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    opened = Stack("test", Project(tmp_path, "mimecast-sso", tmp_path), tmp_path / "Pulumi.test.yaml", {})
    with pytest.raises(OperationError, match="does not respond"):
        tear_down.destroy(opened, cast("Engine", _Unreadable()), yes=True)
