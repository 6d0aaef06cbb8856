"""Tenants of a known size and kind: ``python -m sandbox seed --tenant``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lifecycle, tenants
from sandbox.control_client import Control

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    lifecycle.start(tmp_path)
    yield tmp_path
    lifecycle.stop(tmp_path)


def seed(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", "seed", *words],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def people(control: Control) -> dict[str, tuple[str, str, str]]:
    return {
        user["emailAddress"]: (user["name"], user["source"], user["addressType"])
        for user in control.documents("mimecast.users")
        if user["emailAddress"].startswith("user-")
    }


def test_seeded_tenants_are_reproducible(home: Path) -> None:
    control = lifecycle.control(home)
    assert seed(home, "--tenant", "empty").stdout.strip() == "seeded: 0 addresses in example.com"
    assert people(control) == {}
    assert [domain["state"] for domain in control.documents("mimecast.domains")] == ["internal"]
    ten = seed(home, "--tenant", "ten")
    assert ten.returncode == 0, ten.stderr
    found = people(control)
    assert len(found) == 10
    assert found["user-00010@example.com"] == ("User 10", "cloud", "created_manually")
    seed(home, "--tenant", "ten")
    assert people(control) == found
    assert seed(home, "--tenant", "ten", "--addresses", "12").returncode == 0
    assert len(people(control)) == 12


def test_a_synchronised_tenant_can_be_added_to_a_stack(home: Path) -> None:
    ended = seed(home, "--stack", "sandbox", "--tenant", "synchronised")
    assert "people " in ended.stdout
    assert "10 addresses that directory synchronisation owns in example.com" in ended.stdout
    control = lifecycle.control(home)
    assert set(people(control).values()) == {
        (f"User {number}", "ldap", "created_by_ldap_sync") for number in range(1, 11)
    }
    (group,) = [group for group in control.documents("mimecast.groups") if group["source"] == "ldap"]
    members = [m["who"] for m in control.documents("mimecast.members") if m["group"] == group["number"]]
    assert members == sorted(people(control))
    (connection,) = control.documents("mimecast.directoryConnections")
    assert (connection["status"], bool(connection["lastSync"])) == ("ok", True)


def test_the_largest_tenant_is_ten_thousand(home: Path) -> None:
    assert seed(home, "--tenant", "ten-thousand").returncode == 0
    assert len(people(lifecycle.control(home))) == tenants.TENANTS["ten-thousand"].addresses == 10_000


@pytest.mark.parametrize(
    "words",
    [(), ("--addresses", "3"), ("--tenant", "odd"), ("--tenant", "ten", "--addresses", "-1")],
    ids=["nothing", "size alone", "unknown kind", "negative"],
)
def test_invalid_combinations_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert seed(tmp_path, *words).returncode == 64
