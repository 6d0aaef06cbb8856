"""Selection of stacks, and a report of hundreds on one page, in a spreadsheet, and merged."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet import commands, page
from mimecast_sso.operations.fleet.checks import failed
from mimecast_sso.operations.fleet.run import report
from mimecast_sso.operations.fleet.selection import Listed, listed, select, shard
from mimecast_sso.operations.fleet.work import Work
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.reports import reading
from mimecast_sso.operations.reports.history import Day
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.operations.reports.reading import read
from mimecast_sso.operations.stacks import StackFileError
from mimecast_sso.provenance import How

SCHEMA = Path(reading.__file__).with_name("schema.json")
NOW = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
EVIL = '=HYPERLINK(\x1b[2J"http://evil.example")\n##vso[task.complete]'
STACKS = (
    Listed("prod-a", "CUK1", "eu", ("ring-1", "gold")),
    Listed("prod-b", "CUS2", "us", ("ring-2",)),
    Listed("lab", "CUK3", "eu"),
    Listed("broken", problem="The stack file is not valid YAML"),
)


def section(number: int, *entries: Entry, exit_code: Exit = Exit.FINE, **figures: int) -> Section:
    return Section(f"tenant-{number:03d}", f"CUK{number}", "eu", "x", entries, figures, int(exit_code))


def changed(key: str, level: Level = Level.LOOK) -> Entry:
    return Entry(f"application/owner/changed/{key}", level, f"application owner {key} changed", How.LIVE)


def not_read(why: str) -> Entry:
    return Entry("fleet/credentials", Level.UNKNOWN, "There are no credentials", How.UNKNOWN, why)


@pytest.mark.parametrize(
    ("expressions", "names"),
    [
        ((), "prod-a prod-b lab broken"),
        (("prod-*",), "prod-a prod-b"),
        (("region=eu",), "prod-a lab broken"),
        (("region=eu,prod-*",), "prod-a"),
        (("tag=ring-*",), "prod-a prod-b broken"),
        (("!tag=gold,prod-*",), "prod-b"),
        (("account=CUS*", "lab"), "prod-b lab broken"),
        (("!broken",), "prod-a prod-b lab"),
    ],
)
def test_stacks_are_selected_and_a_broken_file_is_not_lost(expressions: tuple[str, ...], names: str) -> None:
    assert [each.name for each in select(STACKS, expressions)] == names.split()


@pytest.mark.parametrize("expression", ["colour=red", "", "prod-*,", "!"])
def test_an_unknown_selection_term_is_refused(expression: str) -> None:
    with pytest.raises(OperationError) as error:
        select(STACKS, [expression])
    assert error.value.code is Exit.USAGE


def test_every_stack_is_in_one_shard() -> None:
    parts = [shard(STACKS, number, 3) for number in (1, 2, 3)]
    assert sorted(each.name for part in parts for each in part) == sorted(each.name for each in STACKS)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_stack_files_are_listed_with_tags_and_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.a.yaml").write_text(
        "config:\n  mimecast-sso:region: eu\n  mimecast-sso:tags: [x, 1]\n"
    )
    (tmp_path / "Pulumi.b.yaml").write_text("config:\n  mimecast-sso:tags: x, y\n")
    (tmp_path / "Pulumi.c.yaml").write_text("\tx")
    found = {each.name: each for each in listed(Project(tmp_path, "p", tmp_path))}
    assert (found["a"].region, found["a"].tags, found["b"].tags) == ("eu", ("x", "1"), ("x", "y"))
    assert "not valid YAML" in found["c"].document()["problem"]


def test_a_file_whose_name_no_stack_can_have_is_told_in_a_report_that_can_be_read_again(
    tmp_path: Path,
) -> None:
    (tmp_path / f"Pulumi.{'x' * 120}.yaml").write_text("config: {}\n")
    (tmp_path / "Pulumi.x\n::warning::y\x1b[2J.yaml").write_text("config: {}\n")
    for each in listed(Project(tmp_path, "p", tmp_path)):
        assert "is not the file of a stack" in each.problem
        row = failed(each, StackFileError(each.problem))
        written = tmp_path / "report.json"
        written.write_text(json.dumps(report("fleet drift", NOW, [row]).document()))
        assert read(written).sections[0].stack in ("x" * 100, "x___warning__y__2J")


def test_three_hundred_tenants_are_one_page() -> None:
    urgent = section(
        7, changed("a", Level.URGENT), exit_code=Exit.CHANGES, certificateDays=3, signIn=1, people=2
    )
    look = [section(10 + n, changed(str(n)), exit_code=Exit.CHANGES, certificateDays=20) for n in range(30)]
    unread = [section(100 + n, not_read(f"AADSTS7000215 {EVIL}"), exit_code=Exit.ERROR) for n in range(14)]
    fine = [
        section(200 + n, certificateDays=900, confirmationDays=10, signIn=5, people=5) for n in range(255)
    ]
    found = report("fleet drift", NOW, [*fine, *look, *unread, urgent])
    assert found.exit == 1
    text = page.text(found)
    lines = text.splitlines()
    assert lines[1] == "1 urgent, 30 need attention, 14 not readable, 255 fine"
    assert len(lines) < 80
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in text
    assert "##vso[" not in text
    joined = " ".join(text.split())
    assert "30 application owner changed: tenant-010, tenant-011," in joined, (
        "keys differ from tenant to tenant"
    )
    assert "and 18 more" in joined
    assert "1 within 7 days tenant-007" in joined
    assert "255 later" in joined
    assert "Roll-out: 1,276 of 1,277 people sign in through Entra" in joined


def test_consequences_of_an_unread_side_are_not_repeated() -> None:
    follows = Entry("drift/domains", Level.UNKNOWN, "domains could not be read", How.UNKNOWN, "401")
    one = section(1, not_read("401"), follows, changed("a"), exit_code=Exit.CHANGES)
    text = page.text(report("fleet drift", NOW, [one]))
    assert "There are no credentials: tenant-001" in text
    assert "application owner changed" in text
    assert "domains" not in text


def test_a_reason_is_printed_once_and_what_is_left_out_is_said() -> None:
    same = [section(number, not_read("401"), exit_code=Exit.ERROR) for number in range(5)]
    text = page.text(report("fleet drift", NOW, same))
    assert text.count("401") == 1
    assert "tenant-000, tenant-001, tenant-002 and 2 more: 401" in text
    each = [section(number, not_read(f"code {number}"), exit_code=Exit.ERROR) for number in range(14)]
    text = page.text(report("fleet drift", NOW, each))
    assert "tenant-009: code 9\n          4 more: see the report as JSON or HTML" in text


def test_it_tells_since_when() -> None:
    found = report("fleet drift", NOW, [section(1, changed("a")), section(2, changed("a"))])

    def days_ago(days: int, level: Level) -> Day:
        return Day(NOW - timedelta(days=days), {"tenant-001": level, "tenant-002": Level.FINE})

    days = [days_ago(3, Level.LOOK), days_ago(2, Level.FINE), days_ago(1, Level.LOOK)]
    assert "tenant-001 (since 2026-11-29), tenant-002" in " ".join(page.text(found, days).split())


def test_no_cell_of_the_table_is_a_formula_or_breaks_its_line() -> None:
    evil = Section(EVIL, EVIL, "eu", EVIL, (not_read("x"),), {"certificateDays": -3}, 1)
    header, row = csv.reader(io.StringIO(page.table(report("fleet drift", NOW, [evil]))))
    cells = dict(zip(header, row, strict=True))
    assert cells["stack"].startswith("'=HYPERLINK")
    assert (cells["certificateDays"], cells["causes"]) == ("-3", "There are no credentials")
    assert not any("\x1b" in each or "\n" in each for each in row)


@pytest.mark.parametrize(
    ("codes", "worst"), [((0, 2, 4, 1), 1), ((0, 2, 4), 4), ((2, 5), 5), ((0, 2), 2), ((0,), 0), ((), 0)]
)
def test_the_worst_code_counts(codes: tuple[int, ...], worst: int) -> None:
    sections = [section(number, exit_code=Exit(code)) for number, code in enumerate(codes)]
    assert report("fleet drift", NOW, sections).exit == worst


def test_reports_survive_json() -> None:
    found = report("fleet drift", NOW, [section(1, changed("a"), exit_code=Exit.CHANGES, signIn=3)])
    assert Report.of(json.loads(json.dumps(found.document()))) == found


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, Report], Path]:
    def write(name: str, found: Report) -> Path:
        file = tmp_path / name
        file.write_text(json.dumps(found.document()))
        return file

    return write


def test_merging_takes_the_latest_of_a_stack_and_codes_of_single_reports(
    written: Callable[[str, Report], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    early = report("fleet drift", NOW, [section(1, changed("a"), exit_code=Exit.CHANGES), section(2)])
    late = Report("drift", NOW + timedelta(hours=1), 0, (Section("tenant-001", "CUK1", "eu", "fine"),))
    files = [written("late.json", late), written("early.json", early)]
    assert commands.merge(files, form="json", out=None, history=None) is Exit.FINE
    merged = json.loads(capsys.readouterr().out)
    assert [(each["stack"], each["exit"]) for each in merged["stacks"]] == [
        ("tenant-001", 0),
        ("tenant-002", 0),
    ]
    with pytest.raises(OperationError, match="reports of different checks: drift, verify"):
        commands.merge(
            [*files, written("v.json", report("fleet verify", NOW, []))], form="json", out=None, history=None
        )


def test_stacks_of_a_missing_share_are_not_readable(
    written: Callable[[str, Report], Path], tmp_path: Path
) -> None:
    """A job that was killed leaves no file; without it the others would be all green."""
    names = tuple(f"tenant-{number:03d}" for number in range(3))
    shares = [Report("fleet drift", NOW, 0, (section(number),), expected=names) for number in range(3)]
    first, second, third = (written(f"{number}.json", each) for number, each in enumerate(shares))
    out = tmp_path / "merged.json"

    def merge(*files: Path) -> dict[str, str]:
        code = commands.merge(files, form="json", out=out, history=None)
        document = json.loads(out.read_text())
        jsonschema.validate(document, json.loads(SCHEMA.read_text()))
        assert code == document["exit"]
        return {each["stack"]: each["level"] for each in document["stacks"]}

    assert merge(first, third) == {"tenant-000": "fine", "tenant-001": "unknown", "tenant-002": "fine"}
    assert json.loads(out.read_text())["exit"] == 1
    partial = tmp_path / "partial.json"
    partial.write_text(out.read_text())
    assert merge(partial, second) == dict.fromkeys(names, "fine"), "in any order, and in steps"
    assert merge(first, first, second, third) == dict.fromkeys(names, "fine")
    single = written("single.json", Report("fleet drift", NOW, 0, (section(7),)))
    assert merge(single) == {"tenant-007": "fine"}, "a report of a whole run expects nothing more"


def test_a_share_that_an_earlier_run_left_is_not_taken_for_todays(
    written: Callable[[str, Report], Path], tmp_path: Path
) -> None:
    names = ("tenant-001", "tenant-002")
    yesterday = Report("fleet drift", NOW - timedelta(days=1), 0, (section(1),), expected=names)
    today = Report("fleet drift", NOW, 0, (section(2),), expected=names)
    out = tmp_path / "merged.json"
    files = [written("1.json", yesterday), written("2.json", today)]
    assert commands.merge(files, form="json", out=out, history=None) is Exit.ERROR
    levels = {each["stack"]: each["level"] for each in json.loads(out.read_text())["stacks"]}
    assert levels == {"tenant-001": "unknown", "tenant-002": "fine"}
    again = written("3.json", Report("fleet drift", NOW - timedelta(hours=1), 0, (section(1),)))
    assert commands.merge([*files, again], form="json", out=out, history=None) is Exit.FINE


def test_a_file_that_is_not_a_report_is_not_merged(tmp_path: Path) -> None:
    for content in ("{", "[]", '{"schema": 2}', '{"schema": 1, "stacks": 3}'):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(OperationError, match="is not a report in JSON"):
            commands.merge([tmp_path / "x.json"], form="text", out=None, history=None)


def test_finished_rows_are_kept_and_unread_ones_retried(tmp_path: Path) -> None:
    work = Work.begin(tmp_path, NOW)
    work.keep(section(1, changed("a"), exit_code=Exit.CHANGES))
    work.keep(section(2, not_read("x"), exit_code=Exit.ERROR))
    (tmp_path / "row.tenant-003.json").write_text('{"stack": "tenant-')
    resumed = Work.resume(tmp_path)
    assert resumed.at == NOW
    files = {f"tenant-00{number}": tmp_path / f"Pulumi.tenant-00{number}.yaml" for number in range(1, 5)}
    assert list(resumed.finished(files)) == ["tenant-001"]
    row = (tmp_path / "row.tenant-001.json").stat().st_mtime
    files["tenant-001"].touch()
    os.utime(files["tenant-001"], (row - 1, row - 1))
    assert list(resumed.finished(files)) == ["tenant-001"]
    os.utime(files["tenant-001"], (row + 1, row + 1))
    assert not resumed.finished(files), "its file was changed since"
    assert not Work.begin(tmp_path, NOW).finished(files)
