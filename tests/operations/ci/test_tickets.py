"""Tickets and heartbeat: opened once, commented on when findings change, closed only by a run without findings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.heartbeat import heartbeat
from mimecast_sso.operations.ci.ticket_files import read_tickets, run
from mimecast_sso.operations.ci.tickets import Do, Ticket, TicketAction, findings, marker, plan
from mimecast_sso.operations.cli import commands
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.reports import history
from mimecast_sso.operations.reports.merging import merged
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.operations.reports.reading import read
from mimecast_sso.provenance import How

NOW = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
EVIL = (
    "<script>alert(1)</script> @everyone ##vso[task.complete]\n::error::x\nmimecast-sso ticket v1 kind=drift"
)


def entry(name: str, level: Level = Level.LOOK, text: str = EVIL) -> Entry:
    return Entry(name, level, text, How.LIVE if level is not Level.UNKNOWN else How.UNKNOWN, actor=EVIL)


def section(*entries: Entry, stack: str = "prod-eu") -> Section:
    return Section(stack, "CUK25A118", "eu", "1 difference", entries)


def report(*sections: Section, code: int = 2, command: str = "drift") -> Report:
    return Report(command, NOW, code, sections)


OWNER, KEY = entry("application.owner/x"), entry("credential/y", Level.URGENT)
UNREAD = entry("drift/console", Level.UNKNOWN)
LOSS = entry("drift/certificates-external-changes", Level.URGENT)
NO_LOG = replace(entry(LOSS.id, Level.UNKNOWN), possible=False)


def ticket(number: int, *found: Entry, is_open: bool = True, stack: str = "prod-eu") -> Ticket:
    return Ticket(number, is_open, f"<!-- {marker('drift', stack, findings(section(*found)))} -->\n{EVIL}")


def did(*tickets: Ticket, found: Iterable[Entry]) -> list[tuple[Do, int | None]]:
    return [(each.do, each.number) for each in plan("drift", section(*found), tickets)]


@pytest.mark.parametrize(
    ("tickets", "found", "expected"),
    [
        ([], [OWNER], [(Do.OPEN, None)]),
        ([], [KEY, UNREAD], [(Do.OPEN, None)]),
        ([], [], []),
        ([], [UNREAD], []),
        ([ticket(1, OWNER)], [OWNER], []),
        ([ticket(1, OWNER)], [OWNER, KEY], [(Do.COMMENT, 1)]),
        ([ticket(1, OWNER, KEY)], [OWNER], [(Do.COMMENT, 1)]),
        ([ticket(1, OWNER, KEY)], [OWNER, UNREAD], []),
        ([ticket(1, OWNER)], [KEY, UNREAD], [(Do.COMMENT, 1)]),
        ([ticket(1, OWNER)], [UNREAD], []),
        ([ticket(1, OWNER)], [], [(Do.CLOSE, 1)]),
        ([ticket(1, OWNER)], [entry("a", Level.INFO), entry("b", Level.FINE)], [(Do.CLOSE, 1)]),
        ([ticket(1, OWNER)], [NO_LOG], [(Do.CLOSE, 1)]),
        ([ticket(1, LOSS)], [NO_LOG], [(Do.COMMENT, 1)]),
        ([ticket(1, LOSS, OWNER)], [NO_LOG], [(Do.COMMENT, 1)]),
        ([ticket(1, LOSS, OWNER)], [NO_LOG, OWNER], [(Do.COMMENT, 1)]),
        ([ticket(1, LOSS)], [NO_LOG, UNREAD], []),
        ([ticket(1, LOSS)], [], [(Do.CLOSE, 1)]),
        ([], [NO_LOG], []),
        ([], [NO_LOG, OWNER], [(Do.OPEN, None)]),
        ([ticket(1, OWNER, is_open=False)], [], []),
        ([ticket(1, OWNER, is_open=False)], [OWNER], [(Do.REOPEN, 1)]),
        ([ticket(1, OWNER, is_open=False), ticket(2, OWNER, is_open=False)], [KEY], [(Do.REOPEN, 2)]),
        ([ticket(1, OWNER, is_open=False), ticket(2, OWNER)], [OWNER], []),
        ([ticket(1, OWNER, stack="prod-us")], [OWNER], [(Do.OPEN, None)]),
        ([Ticket(1, True, f"Look at this:\n{ticket(1, OWNER).body}")], [OWNER], [(Do.OPEN, None)]),
    ],
)
def test_the_planned_actions(
    tickets: list[Ticket], found: list[Entry], expected: list[tuple[Do, int | None]]
) -> None:
    assert did(*tickets, found=found) == expected


def after(tickets: dict[int, Ticket], actions: Iterable[TicketAction]) -> dict[int, Ticket]:
    """A forge that carries out a plan."""
    now = dict(tickets)
    for action in actions:
        number = action.number or len(now) + 1
        now[number] = Ticket(number, action.do is not Do.CLOSE, f"<!-- {action.marker} -->\n")
    return now


def test_a_closed_ticket_lists_what_could_not_be_checked() -> None:
    (closed,) = plan("drift", section(NO_LOG), [ticket(1, OWNER)])
    assert closed.comment == (
        "The last run found nothing. 1 check is not possible here, so the result is unknown (listed above)."
    )


def test_a_ticket_about_an_impossible_check_is_never_closed_by_a_run_and_says_so_once() -> None:
    (said,) = plan("drift", section(NO_LOG), [ticket(1, LOSS, OWNER)])
    assert "can no longer be checked" in said.comment
    kept = Ticket(1, True, f"<!-- {said.marker} -->\n")
    assert plan("drift", section(NO_LOG), [kept]) == ()
    assert [each.do for each in plan("drift", section(NO_LOG, OWNER), [kept])] == [Do.COMMENT]
    assert [each.do for each in plan("drift", section(LOSS), [kept])] == [Do.COMMENT], "it can be seen again"
    assert [each.do for each in plan("drift", section(), [kept])] == [Do.CLOSE]
    assert plan("drift", section(NO_LOG), [replace(kept, is_open=False)]) == (), "a person has closed it"


def test_a_ticket_about_hundreds_of_findings_may_be_about_impossible_checks() -> None:
    many = [entry(f"owner/{each}") for each in range(600)]
    assert did(ticket(1, *many), found=[NO_LOG]) == [(Do.COMMENT, 1)]
    assert did(ticket(1, *many), found=[]) == [(Do.CLOSE, 1)]


ENTRIES = (
    OWNER,
    KEY,
    UNREAD,
    entry("z"),
    entry("i", Level.INFO),
    replace(entry("n", Level.UNKNOWN), possible=False),
)
RUNS = st.lists(st.sets(st.sampled_from(range(len(ENTRIES)))), max_size=12)


@given(RUNS)
def test_over_any_runs_one_ticket_says_what_is_found(runs: list[set[int]]) -> None:
    tickets: dict[int, Ticket] = {}
    for found in runs:
        was_open = any(each.is_open for each in tickets.values())
        seen = section(*(ENTRIES[each] for each in sorted(found)))
        tickets = after(tickets, plan("drift", seen, tickets.values()))
        assert len(tickets) <= 1, "opened once, and again later"
        is_open = any(each.is_open for each in tickets.values())
        if seen.level in {Level.URGENT, Level.LOOK}:
            assert is_open
        elif seen.level is Level.UNKNOWN:
            assert is_open is was_open, "what could not be read opens and closes nothing"
        else:
            assert not is_open
        assert plan("drift", seen, tickets.values()) == (), "the same run again does nothing"


def forge_list(forge: Forge, number: int, body: str, *, is_open: bool) -> list[dict[str, object]]:
    if forge is Forge.GITHUB:
        return [{"number": number, "state": "OPEN" if is_open else "CLOSED", "body": body}]
    if forge is Forge.GITLAB:
        return [{"iid": number, "id": 999, "state": "opened" if is_open else "closed", "description": body}]
    state = "To Do" if is_open else "Done"
    return [{"id": number, "fields": {"System.State": state, "System.Description": body}}]


@pytest.mark.parametrize("forge", Forge)
def test_what_a_forge_keeps_is_found_again(tmp_path: Path, forge: Forge) -> None:
    known = tmp_path / "tickets.json"
    known.write_text("[]")
    found = report(section(OWNER))
    (opened,) = run(forge, [found], known, tmp_path / "plan")
    assert opened.do is Do.OPEN
    (row,) = json.loads((tmp_path / "plan" / "plan.json").read_text())
    body = (tmp_path / "plan" / row["body"]).read_text()
    assert not re.search(r"(?<!\\)<script|##vso\[|^::", body, re.MULTILINE), "escaped"
    if forge is not Forge.AZURE_DEVOPS:
        assert "@" not in body
    else:
        body = body.replace("<p>", "<div><p>", 1)  # The editor wraps what it keeps.
    known.write_text(json.dumps(forge_list(forge, 7, body, is_open=True)))
    assert run(forge, [found], known, tmp_path / "plan") == ()
    (closed,) = run(forge, [report(section())], known, tmp_path / "plan")
    assert (closed.do, closed.number) == (Do.CLOSE, 7)
    line = (tmp_path / "plan" / "plan.tsv").read_text()
    assert line == (
        "close\t7\tSingle sign-on: drift of prod-eu\tdrift.prod-eu.close7.body.md\tdrift.prod-eu.close7.comment.md\n"
    )
    known.write_text(json.dumps(forge_list(forge, 7, body, is_open=False)))
    (again,) = run(forge, [found], known, tmp_path / "plan")
    assert (again.do, again.number) == (Do.REOPEN, 7)


@pytest.mark.parametrize("forge", Forge)
@pytest.mark.parametrize("text", ["", "secret", "{}", '[{"secret": 1}]', "[1]"])
def test_another_file_is_refused_and_not_quoted(tmp_path: Path, forge: Forge, text: str) -> None:
    file = tmp_path / "tickets.json"
    file.write_text(text)
    if text == "{}":
        assert read_tickets(forge, file) == ()
        return
    with pytest.raises(OperationError) as refused:
        read_tickets(forge, file)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("number", [1, 400, 501, 3000])
def test_a_ticket_is_as_long_as_forges_take_and_still_found_again(tmp_path: Path, number: int) -> None:
    known = tmp_path / "tickets.json"
    known.write_text("[]")
    found = report(section(*(entry(f"owner/{each}") for each in range(number))))
    run(Forge.GITHUB, [found], known, tmp_path / "plan")
    (row,) = json.loads((tmp_path / "plan" / "plan.json").read_text())
    body = (tmp_path / "plan" / row["body"]).read_text()
    assert len(body) <= 65_536, "GitHub's limit"
    known.write_text(json.dumps(forge_list(Forge.GITHUB, 7, body, is_open=True)))
    assert run(Forge.GITHUB, [found], known, tmp_path / "plan") == ()
    one_less = report(section(*(entry(f"owner/{each}") for each in range(1, number + 1))))
    assert [each.do for each in run(Forge.GITHUB, [one_less], known, tmp_path / "plan")] == [Do.COMMENT]


# -- Reports that are read again -------------------------------------------------------------------------------------


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = report(section(entry("a", text="one line"), NO_LOG), section(UNREAD, stack="dev-eu"))
    file = tmp_path / "drift.json"
    file.write_text(json.dumps(written.document()))
    assert read(file).document() == written.document()


@pytest.mark.parametrize("change", [{"schema": 2}, {"stacks": [{"stack": "../secret"}]}, {"at": "secret"}])
def test_a_file_that_is_not_a_report_is_refused_and_not_quoted(
    tmp_path: Path, change: dict[str, object]
) -> None:
    file = tmp_path / "drift.json"
    file.write_text(json.dumps(report(section(OWNER)).document() | change))
    with pytest.raises(OperationError) as refused:
        read(file)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("stack", ["../x", "a/b", "", "a b", "a\tb", "$(x)", "-x/"])
def test_the_name_of_a_stack_is_never_a_link(tmp_path: Path, stack: str) -> None:
    file = tmp_path / "drift.json"
    file.write_text(json.dumps(report(section(OWNER, stack=stack)).document()))
    with pytest.raises(OperationError, match="is not a report"):
        read(file)


def test_reports_of_several_stacks_are_one(tmp_path: Path) -> None:
    one = merged([report(section(OWNER), code=2), report(section(UNREAD, stack="dev-eu"), code=1)])
    assert [each.stack for each in one.sections] == ["prod-eu", "dev-eu"]
    assert one.exit == 1
    assert merged([report(section(), code=0)]).exit == 0
    with pytest.raises(OperationError, match="different checks"):
        merged([report(), report(command="heartbeat")])


def test_a_stack_whose_job_left_no_report_is_not_readable(tmp_path: Path) -> None:
    file = tmp_path / "prod-eu.json"
    file.write_text(json.dumps(report(section()).document()))
    words = ["ci", "report", "--report", str(file), "--stack", "prod-eu", "--stack", "dev-eu"]
    ended = CliRunner().invoke(commands, [*words, "--format", "json"], standalone_mode=False)
    levels = {each["stack"]: each["level"] for each in json.loads(ended.output)["stacks"]}
    assert levels == {"dev-eu": "unknown", "prod-eu": "fine"}
    refused = CliRunner().invoke(commands, [*words, "--stack", "../x"])
    assert refused.exit_code


# -- Heartbeat -------------------------------------------------------------------------------------------------------


def keep(folder: Path, ago: timedelta, *sections: Section) -> None:
    history.keep(folder, Report("drift", NOW - ago, 0, sections))


def beats(folder: Path, *stacks: str) -> Report:
    return heartbeat(folder, stacks, timedelta(hours=26), NOW)


def test_a_report_in_time_is_fine(tmp_path: Path) -> None:
    keep(tmp_path, timedelta(hours=25), section(OWNER))
    found = beats(tmp_path, "prod-eu")
    assert (found.exit, found.sections[0].level) == (0, Level.FINE)
    (tmp_path / "tickets.json").write_text("[]")
    assert run(Forge.GITHUB, [found], tmp_path / "tickets.json", tmp_path / "plan") == ()


def test_a_tenant_without_an_audit_log_has_been_read(tmp_path: Path) -> None:
    keep(tmp_path, timedelta(hours=1), section(NO_LOG))
    assert beats(tmp_path, "prod-eu").exit == 0


@pytest.mark.parametrize("when", ["never", "late", "unread"])
def test_silence_opens_a_ticket(tmp_path: Path, when: str) -> None:
    reports = tmp_path / "history"
    keep(reports, timedelta(hours=1), section(OWNER, stack="dev-eu"))
    if when == "late":
        keep(reports, timedelta(hours=27), section())
    if when == "unread":
        keep(reports, timedelta(hours=2), section(UNREAD))
    found = beats(reports, "dev-eu", "prod-eu")
    assert found.exit == 1
    assert [each.level for each in found.sections] == [Level.FINE, Level.LOOK]
    (tmp_path / "tickets.json").write_text("[]")
    (opened,) = run(Forge.GITHUB, [found], tmp_path / "tickets.json", tmp_path / "plan")
    assert opened.title == "Single sign-on: the drift report of prod-eu did not run"
    assert read(written(tmp_path, found)).document() == found.document()


def written(folder: Path, found: Report) -> Path:
    file = folder / "heartbeat.json"
    file.write_text(json.dumps(found.document()))
    return file
