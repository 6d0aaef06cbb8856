"""The roll-out commands, as people type them, on the sandbox with the embedded engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.mimecast import from_environment, groups
from sandbox import credentials
from tests.support.deployments import Deployments, with_a_pilot
from tests.support.projects import Ended, Project

ADA, ALAN, GRACE = "ada@example.com", "alan@example.com", "grace@example.com"
GROUP = "Personal Portal single sign-on"


def roll_out(made: Project, *words: str, **environment: str) -> Ended:
    verb, *rest = words
    return made.sso(f"roll-out {verb}", *rest, **environment)


def in_group(made: Project) -> set[str]:
    groups = {group["number"]: group["description"] for group in made.control.documents("mimecast.groups")}
    members = made.control.documents("mimecast.members")
    return {member["who"] for member in members if groups[member["group"]] == GROUP}


def choose(made: Project, **choice: Any) -> None:
    made.configure(rollOut={"group": GROUP, **choice})


# One deployment serves all tests here, so one worker runs them.
pytestmark = pytest.mark.xdist_group("roll-out")


@pytest.fixture(scope="module")
def deployed(deployments: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The profile is confirmed, and a pilot of one signs in through Entra."""
    with deployments.project(tmp_path_factory.mktemp("roll-out"), with_a_pilot) as made:
        yield made


@pytest.fixture
def made(deployed: Project) -> Iterator[Project]:
    """As above, whatever an earlier test did."""
    choose(deployed, who="pilot", pilot=[ADA])
    deployed.forget("rollOut")
    if in_group(deployed) != {ADA}:
        assert deployed.sso("up", "--yes", "--refresh").code == 0
    assert in_group(deployed) == {ADA}
    content = deployed.stack_file.read_text()
    yield deployed
    deployed.control.faults()
    deployed.control.set("mimecast.sync_seconds", None)
    deployed.stack_file.write_text(content)


def test_status_says_who_is_in_who_ought_to_be_and_how_that_is_known(made: Project) -> None:
    there = roll_out(made, "status")
    assert there.code == 0, there.text
    for part in (
        GROUP,
        "1 (read live: Mimecast at ",
        "1 (stack file: Pulumi.sandbox.yaml, rollOut.who pilot, 1 address)",
        "claimed (attested: confirmed by",
    ):
        assert part in there.text
    choose(made, who="pilot", pilot=[ADA, GRACE])
    member = next(m for m in made.control.documents("mimecast.members") if m["who"] == ADA)
    made.control.put("mimecast.members", f"{member['group']}/{ALAN}", member | {"who": ALAN})
    waiting = roll_out(made, "status")
    document = json.loads(roll_out(made, "status", "--format", "json").text)
    made.control.delete("mimecast.members", f"{member['group']}/{ALAN}")
    assert waiting.code == 2, waiting.text
    assert f"Waiting: {GRACE}" in waiting.text
    assert f"not configured: {ALAN}" in waiting.text
    assert (document["command"], document["exit"]) == ("roll-out status", 2)
    said = {each["subject"]: (each["verdict"], each["text"], each["how"]) for each in document["statements"]}
    assert said[f'group "{GROUP}"'] == (
        "note",
        f"2 members in account CUK25A118: {ADA}, {ALAN}",
        "read live",
    )
    assert said["configured"] == ("note", f"2 members: {ADA}, {GRACE}", "stack file")
    assert said["waiting"] == ("DIFFERS", f"1 person: {GRACE}", "stack file")
    assert said["in the group, not configured"] == ("DIFFERS", f"1 person: {ALAN}", "read live")
    assert said["authentication profile"][::2] == ("note", "attested")


def test_what_cannot_be_read_is_unknown_and_not_fine(made: Project) -> None:
    made.control.faults({"host": "api.services.mimecast.com", "status": 503, "times": 1000})
    unknown = roll_out(made, "status")
    assert unknown.code == 1, unknown.text
    assert "in the group     unknown (Mimecast was not read" in unknown.text
    assert "Traceback" not in unknown.text


def test_who_signs_in_is_unknown_and_not_fine_without_entra(made: Project) -> None:
    made.control.faults({"host": "login.microsoftonline.com", "status": 503, "times": 1000})
    unknown = roll_out(made, "status")
    assert "who signs in [unknown" in unknown.text
    assert f"In the group: {ADA}" in unknown.text
    assert unknown.code == 1, unknown.text


def test_widening_only_adds_and_needs_a_deployment(made: Project) -> None:
    tracked = made.stack_file.read_text()
    widened = roll_out(made, "widen", "--pilot", "Grace@Example.com")
    assert widened.code == 0, widened.text
    assert "Nobody has been added yet;" in widened.text
    assert in_group(made) == {ADA}
    assert made.stack_file.read_text() == tracked, "a rehearsal changed the tracked file"
    applied = roll_out(made, "widen", "--all", "--apply", "--yes")
    assert applied.code == 0, applied.text
    assert in_group(made) == {ADA, ALAN, GRACE}
    refused = roll_out(made, "widen", "--share", "50")
    assert (refused.code, "already all" in refused.text) == (4, True), refused.text
    # The tracked file has the last word once it changes.
    choose(made, who="pilot", pilot=[ADA, ALAN])
    assert made.up().code == 0
    assert in_group(made) == {ADA, ALAN}


def connect_directory(made: Project, **properties: Any) -> None:
    """The account synchronises one directory, and nothing else."""
    for each in made.control.documents("mimecast.directoryConnections"):
        made.control.delete("mimecast.directoryConnections", str(each["number"]))
    seeded = {"description": "Entra", "lastSync": "2026-01-01T00:00:00+00:00", **properties}
    account = next(each for each in made.control.documents("mimecast.accounts"))
    made.control.seed(
        {
            "mimecast": {
                "accountCode": account["accountCode"],
                "region": account["region"],
                "clientId": credentials.MIMECAST_CLIENT_ID,
                "clientSecret": credentials.MIMECAST_CLIENT_SECRET,
                "directoryConnections": [seeded],
            }
        }
    )


def test_widening_after_a_synchronisation(made: Project) -> None:
    words = ("widen", "--pilot", GRACE, "--synchronise")
    none = roll_out(made, *words)
    assert none.code == 1, none.text
    assert "Nothing can be synchronised: the account has no directory connection" in none.text

    connect_directory(made, tenantDomain="nowhere.example")
    failed = roll_out(made, *words)
    assert failed.code == 1, failed.text
    assert (
        'The directory synchronisation failed: "Entra" failed: its status at Mimecast is error' in failed.text
    )
    assert not made.written.is_file() or "rollOut" not in made.written.read_text(), "nothing was changed"

    connect_directory(made)
    made.control.faults({"path": "/api/directory/execute-sync", "kind": "drop-after"})
    done = roll_out(made, *words)
    assert done.code == 0, done.text
    assert 'Asked Mimecast to synchronise "Entra".' in done.text
    assert '"Entra" has run, at ' in done.text
    assert done.text.index("has run") < done.text.index("rollOut.who pilot, 2 addresses")
    assert len(made.control.journal(path="/api/directory/execute-sync")) == 2, (
        "a lost response is not repeated"
    )

    refused = roll_out(made, "widen", "--pilot", GRACE, "--synchronise")
    assert refused.code == 4, "what is no widening asks Mimecast for nothing"
    assert len(made.control.journal(path="/api/directory/execute-sync")) == 2
    assert roll_out(made, "widen", "--all", "--wait", "5").code == 64


def test_killed_while_waiting_it_has_changed_nothing_and_can_be_rerun(made: Project) -> None:
    connect_directory(made)
    made.control.set("mimecast.sync_seconds", 3600)
    words = ("roll-out", "widen", "--stack", "sandbox", "--pilot", GRACE, "--synchronise")
    command = str(Path(sys.executable).with_name("mimecast-sso"))
    doomed = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "run", "--", command, *words],
        cwd=made.folder,
        env=made._environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert doomed.stdout is not None
    lines = iter(doomed.stdout.readline, "")
    assert any('"Entra" is running' in line for line in lines)
    os.killpg(doomed.pid, signal.SIGKILL)
    doomed.wait()
    assert not made.written.is_file() or "rollOut" not in made.written.read_text()

    (connection,) = made.control.documents("mimecast.directoryConnections")
    assert connection["syncRunning"], "it goes on at Mimecast"
    made.control.set("mimecast.sync_seconds", 0)
    again = roll_out(made, *words[1:2], *words[4:])
    assert again.code == 0, again.text
    assert '"Entra" has run, at ' in again.text
    assert "rollOut.who pilot, 2 addresses" in again.text


def test_a_share_keeps_the_pilot_and_grows_only(made: Project) -> None:
    assert roll_out(made, "widen", "--share", "1").code == 0
    assert "rollOut.who share, 1 % and 1 pilot address" in roll_out(made, "status").text
    smaller = roll_out(made, "widen", "--share", "1")
    assert (smaller.code, "adds nobody" in smaller.text) == (4, True), smaller.text
    assert made.up().code == 0
    assert ADA in in_group(made)


def test_everybody_of_a_configuration_that_names_nobody_is_warned_about(made: Project) -> None:
    made.configure(addresses={"list": []}, addressPasswords=None)
    widened = roll_out(made, "widen", "--all")
    assert widened.code == 0, widened.text
    said = "mimecast-sso:addresses names nobody, so the roll-out covers only the pilot (1 person)"
    assert said in widened.text
    assert said in made.sso("preview").text


@pytest.mark.parametrize("words", [(), ("--all", "--share", "3"), ("--share", "101"), ("--pilot", "nobody")])
def test_wrong_usage_ends_with_64(made: Project, words: tuple[str, ...]) -> None:
    refused = roll_out(made, "widen", *words)
    assert refused.code == 64
    assert refused.text.count('"nobody"') == words.count("nobody"), "an address is named once"


def test_a_halt_keeps_exactly_who_is_in(made: Project) -> None:
    assert roll_out(made, "widen", "--all").code == 0
    halted = roll_out(made, "halt")
    assert halted.code == 0, halted.text
    assert "rollOut.who pilot, 1 address, as read live" in halted.text
    up = made.up()
    assert up.code == 0, up.text
    assert in_group(made) == {ADA}


def test_back_needs_neither_entra_nor_an_engine_and_can_be_undone(made: Project) -> None:
    everything_but_mimecast = ("login.microsoftonline.com", "graph.microsoft.com")
    made.control.faults(*({"host": host, "status": 503, "times": 1000} for host in everything_but_mimecast))
    entra_before = len(made.control.journal(host="graph.microsoft.com"))
    # A file that no deployment would take: the roll-back reads account, region and group alone.
    made.configure(certificates="broken")
    gone = roll_out(made, "back", ENGINE="pulumi", PULUMI_BACKEND_URL="file:///nonexistent")
    assert gone.code == 0, gone.text
    assert in_group(made) == set()
    assert len(made.control.journal(host="graph.microsoft.com")) == entra_before
    for part in (
        "Removed 1 member from the group",
        "15 minutes",
        "cloud password or a directory password",
        "rollOut.who none",
    ):
        assert part in gone.text
    made.control.faults()
    (record,) = (made.home / "roll-out").iterdir()
    document = json.loads(record.read_text())
    assert (document["members"], document["group"], document["rollOut"]) == (
        [ADA],
        GROUP,
        {"group": GROUP, "who": "pilot", "pilot": [ADA], "share": 0},
    )
    again = roll_out(made, "back")
    assert (again.code, "Nobody was in" in again.text) == (0, True), again.text
    record.unlink()


def test_a_group_that_is_gone_is_not_taken_for_an_empty_one(made: Project) -> None:
    """Somebody renamed it in the console: people in it are still sent to Entra."""
    with made.running.entered():
        client = from_environment(made.running.env)
        groups.rename_group(client, GROUP, "Renamed in the console")
        failed = roll_out(made, "back")
        assert failed.code == 1, failed.text
        assert (
            f'has no cloud group called "{GROUP}". If it was renamed, people in it are still' in failed.text
        )
        assert "Nobody was in" not in failed.text
        certificates = made.configuration("certificates")
        made.configure(certificates=certificates | {"rotation": "blue-green"})
        groups.provide_group(client, f"{GROUP} (second)")
        assert roll_out(made, "back").code == 1, "the other group alone does not count"
        made.configure(certificates=certificates)
        groups.remove_group(client, f"{GROUP} (second)", created=True)
        groups.rename_group(client, "Renamed in the console", GROUP)
        assert in_group(made) == {ADA}
    made.forget("rollOut")


@pytest.mark.parametrize("deployed_since", [True, False])
def test_nobody_is_added_again_until_it_is_undone(made: Project, deployed_since: bool) -> None:
    assert roll_out(made, "back").code == 0
    assert not deployed_since or made.up().code == 0
    assert in_group(made) == set()
    (record,) = (made.home / "roll-out").iterdir()
    undone = roll_out(made, "widen", "--undo", str(record), "--apply", "--yes")
    record.unlink()
    assert undone.code == 0, undone.text
    assert in_group(made) == {ADA}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"[" * 100_000, "is not an undo record"),
        (b"{}", "is not an undo record"),
        (b"\xff\x00", "is not text in UTF-8"),
    ],
)
def test_a_file_that_is_not_an_undo_record_changes_nothing(
    made: Project, tmp_path: Path, content: bytes | None, said: str
) -> None:
    record = tmp_path / "record.json"
    if content is not None:
        record.write_bytes(content)
    refused = roll_out(made, "widen", "--undo", str(record), "--apply", "--yes")
    assert refused.code == 1
    assert said in refused.text
    assert "Traceback" not in refused.text
    assert in_group(made) == {ADA}


def test_credentials_of_another_account_touch_nothing(made: Project) -> None:
    made.configure(accountCode="CUK99A999")
    refused = roll_out(made, "back")
    made.configure(accountCode="CUK25A118")
    assert refused.code == 4, refused.text
    assert "are for account CUK25A118" in refused.text
    assert in_group(made) == {ADA}
