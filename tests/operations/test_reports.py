"""Reports: one model in every format, with any foreign names, within the length that forges accept."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
from markdown_it import MarkdownIt

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.reports import history, reading
from mimecast_sso.operations.reports.history import Day
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section, of_statements, slug
from mimecast_sso.operations.reports.render import render
from mimecast_sso.provenance import How, Statement, Verdict

NOW = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
EVIL = (
    "<script>alert(1)</script> @everyone \x1b[2J ##vso[task.complete] | [x](http://evil.example)\n::error::x"
)
SCHEMA = Path(history.__file__).with_name("schema.json")


def entry(level: Level = Level.LOOK, text: str = "Service principal notes changed") -> Entry:
    return Entry(
        "service-principal/notes/changed",
        level,
        text,
        How.LIVE,
        "Microsoft Graph",
        {"recorded": ("a",), "live": (EVIL,)},
        EVIL,
        {"restore": "mimecast-sso up --stack prod-eu --refresh"},
    )


def report(*entries: Entry, stack: str = "prod-eu") -> Report:
    section = Section(
        stack, "CUK25A118", "eu", "1 difference", entries, {"signIn": 214, "certificateDays": 1068}
    )
    return Report("drift", NOW, 2, (section,))


class Tags(HTMLParser):
    """The tags of a page, and the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_json_follows_the_published_schema() -> None:
    document = json.loads(render(report(entry(), entry(Level.FINE)), "json"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["stacks"][0]["level"] == "look"


def test_foreign_names_are_harmless_in_every_format() -> None:
    found = report(entry(text=f"owner {EVIL}"))
    for form in ("text", "json", "markdown", "html", "junit", "sarif"):
        shown = render(found, form)
        assert "\x1b" not in shown, form
        assert "##vso[" not in shown, form
        assert not re.search(r"^\s*::", shown, re.MULTILINE), form
    page = Tags()
    page.feed(render(found, "html"))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text, "shown as text"
    markdown = render(found, "markdown")
    assert "<script" not in markdown.replace("\\<", "")
    assert "@" not in markdown.replace("&#64;", "")
    assert not re.search(r"(?<!\\)\]\(", markdown)


def test_a_text_report_prints_each_statement_once_with_how_it_is_known() -> None:
    (section,) = report(entry(text="1 difference")).sections
    text = render(Report("drift", NOW, 2, (section, section)), "text")
    assert text.count("1 difference") == 2
    assert text.count("1 difference [read live: Microsoft Graph]") == 2
    assert "LOOK     prod-eu\n" in text


def test_the_name_of_a_stack_is_no_tag_in_a_comment() -> None:
    html = MarkdownIt("commonmark", {"html": True}).render(
        render(report(entry(), stack="<img src=x>"), "markdown")
    )
    assert "<img" not in html


def test_junit_and_sarif_count_what_failed() -> None:
    found = report(entry(), entry(Level.UNKNOWN), entry(Level.FINE))
    suite = Xml.fromstring(render(found, "junit")).find("testsuite")  # noqa: S314  (our own output)
    assert suite is not None
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("3", "1", "1")
    results = json.loads(render(found, "sarif"))["runs"][0]["results"]
    assert [each["level"] for each in results] == ["warning", "warning", "none"]
    prints = {each["partialFingerprints"]["findingId/v1"] for each in results}
    assert prints == {"prod-eu/service-principal/notes/changed"}


def test_what_is_not_possible_is_listed_and_makes_no_stack_unreadable() -> None:
    subject, text = "certificates: external changes", "Entra's audit log cannot be read here"
    told = [
        Statement(text, How.UNKNOWN, "no licence", Verdict.NOT_POSSIBLE, subject),
        Statement("214 people sign in", verdict=Verdict.FINE, subject="people"),
    ]
    found = report(*of_statements("drift", told))
    assert found.sections[0].level is Level.FINE
    document = json.loads(render(found, "json"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert [each.get("notPossible") for each in document["stacks"][0]["entries"]] == [True, None]
    suite = Xml.fromstring(render(found, "junit")).find("testsuite")  # noqa: S314  (our own output)
    assert suite is not None
    assert (suite.attrib["errors"], suite.attrib["skipped"]) == ("0", "1")
    results = json.loads(render(found, "sarif"))["runs"][0]["results"]
    assert [each["level"] for each in results] == ["note", "none"]
    for form in ("text", "markdown", "html"):
        assert text in render(found, form).replace("&#39;", "'").replace("\\", "")
    unknown = replace(told[0], verdict=Verdict.UNKNOWN)
    assert report(*of_statements("drift", [unknown])).sections[0].level is Level.UNKNOWN


def test_a_comment_on_300_stacks_fits_and_says_what_was_cut() -> None:
    sections = tuple(
        report(entry(Level.URGENT), stack=f"tenant-{number}").sections[0] for number in range(300)
    )
    began = time.process_time()
    comment = render(Report("drift", NOW, 2, sections), "markdown")
    assert time.process_time() - began <= 5
    assert len(comment) <= 60_000
    assert all(f"**tenant-{number}**" in comment for number in range(300)), "the table is never cut"
    assert re.search(r"\d+ sections left out here", comment)


def test_statements_have_stable_ids() -> None:
    def ids(days: int) -> list[str]:
        statements = (
            Statement(f"expires in {days} days", How.LIVE, "", Verdict.FINE, "certificate: expiry"),
            Statement("one", How.LIVE, "", Verdict.FAILS, "people"),
            Statement("two", How.LIVE, "", Verdict.NOTE, "people"),
        )
        return [each.id for each in of_statements("verify", statements)]

    assert ids(1068) == ids(12) == ["verify/certificate-expiry", "verify/people", "verify/people/two"]


def test_a_statement_on_people_keeps_its_id_when_one_more_of_them_fails() -> None:
    """Otherwise a ticket would be commented, and an alert closed and opened, for each of them."""
    why = "the application is disabled in Entra (AADSTS7000112)"
    texts = (
        f"1 person cannot sign in now: ada@example.com: {why}",
        f"2 people cannot sign in now: ada@example.com, grace@example.com: {why}",
        f"24 people cannot sign in now: ada@example.com, grace@example.com and 22 more: {why}",
    )
    signing_in = Statement("Nobody signs in through Entra", subject="people")
    ids = {
        of_statements("drift", (signing_in, Statement(text, verdict=Verdict.FAILS, subject="people")))[1].id
        for text in texts
    }
    assert len(ids) == 1
    assert "ada" not in ids.pop()


@pytest.mark.parametrize(
    ("one", "several"),
    [
        ("1 person is not known to be able to sign in", "3 people are not known to be able to sign in"),
        (
            "1 person no longer signs in, and needs a password",
            "2 people no longer sign in, and need a password",
        ),
    ],
)
def test_the_number_of_people_is_no_part_of_an_id(one: str, several: str) -> None:
    assert slug(one) == slug(several)


def test_an_id_has_the_words_of_its_text() -> None:
    assert slug("The Personal Portal's page") == "the-personal-portal-s-page"


def test_no_statement_is_lost_because_another_has_the_same_id() -> None:
    why = "a reason that is longer than what an id takes of a text, which is about sixty characters"
    statements = [Statement(f"{why} {end}", verdict=Verdict.FAILS, subject="people") for end in "abc"]
    found = of_statements("drift", statements)
    assert [each.text[-1] for each in found] == ["a", "b", "c"]
    assert len({each.id for each in found}) == len(found)


def test_a_command_without_a_summary_or_an_account_leaves_no_cell_empty() -> None:
    statements = (
        Statement("expired", verdict=Verdict.FAILS, subject="certificate"),
        Statement("read", verdict=Verdict.FINE, subject="log"),
        Statement("something", subject="note"),
    )
    bare = Report("verify", NOW, 2, (Section("prod-eu", entries=of_statements("verify", statements)),))
    assert "| **prod-eu** | \u2013 | urgent | 1 urgent, 2 fine |" in render(bare, "markdown")
    assert "1 urgent, 2 fine" in render(bare, "html")
    assert "nothing to report" in render(Report("verify", NOW, 0, (Section("prod-eu"),)), "markdown")


def test_a_comment_has_only_the_columns_that_are_used() -> None:
    bare = Entry("review/broken/x", Level.LOOK, "3 people cannot sign in", How.LIVE)
    assert "| what |\n|---|\n| look: 3 people cannot sign in |\n" in render(report(bare), "markdown")
    assert "| what | recorded | live | who |\n" in render(report(bare, entry()), "markdown")


def test_an_object_that_its_text_names_is_printed_once() -> None:
    """Of what is missing or unmanaged, recorded and live values would only repeat it."""
    gone = replace(
        entry(text="Address ada@example.com no longer exists"),
        values={"recorded": ("ada@example.com",), "live": (), "desired": ("ada@example.com",)},
    )
    more = replace(
        entry(text="Owner Eve is not managed by this stack"),
        values={"recorded": (), "live": ("Eve",), "desired": ()},
    )
    claims = replace(
        entry(text="Optional claims are not managed by this stack"),
        values={"recorded": (), "live": ("saml2Token.email",), "desired": ()},
    )
    shown = render(report(gone, more, claims), "text")
    assert "recorded" not in shown
    assert "desired" not in shown
    assert [line.split() for line in shown.splitlines() if "  live  " in line] == [
        ["live", "saml2Token.email"]
    ]
    unwanted = replace(gone, values=gone.values | {"desired": ()})
    assert "desired    (none)" in render(report(unwanted), "text")
    whole = json.loads(render(report(gone), "json"))["stacks"][0]["entries"][0]["values"]
    assert whole == {"recorded": ["ada@example.com"], "live": [], "desired": ["ada@example.com"]}


def test_sarif_says_what_changed_and_who_did_it_without_links_of_others() -> None:
    hostile = replace(
        entry(), values={"recorded": ("a",), "live": ("[x](https://evil.example) {0}",)}, actor="Eve"
    )
    (result,) = json.loads(render(report(hostile), "sarif"))["runs"][0]["results"]
    assert result["message"]["text"] == (
        "Service principal notes changed. recorded a; live [x] (https://evil.example) { 0}. Who: Eve"
    )


def test_history_is_kept_and_shown(tmp_path: Path) -> None:
    for days, level in ((40, Level.URGENT), (2, Level.FINE), (1, Level.URGENT)):
        section = Section("prod-eu", entries=(entry(level),))
        history.keep(tmp_path, Report("drift", NOW - timedelta(days=days), 2, (section,)))
    (tmp_path / "broken.json").write_text("{")
    days_ = history.read(tmp_path, NOW)
    assert [day.level("prod-eu") for day in days_] == [Level.FINE, Level.URGENT]
    page = render(report(entry()), "html", days_)
    assert "2026-11-28: fine" in page
    assert "(before: 1)" in page


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "junit"])
def test_a_quiet_report_is_a_report(form: str) -> None:
    assert "prod-eu" in render(report(), form)  # type: ignore[arg-type]


def days_of(*levels: Level | None) -> tuple[Day, ...]:
    """A report each morning until yesterday; None: of other stacks."""
    first = NOW - timedelta(days=len(levels))
    return tuple(
        Day(first + timedelta(days=number), {"prod-eu": level} if level else {"dev-eu": Level.FINE})
        for number, level in enumerate(levels)
    )


@pytest.mark.parametrize(
    ("level", "before", "said"),
    [
        (Level.URGENT, (Level.FINE, Level.LOOK), "new since 2026-11-29"),
        (Level.URGENT, (Level.FINE, Level.URGENT, Level.URGENT), "since 2026-11-28"),
        (Level.LOOK, (Level.LOOK, None, Level.LOOK), "since 2026-11-27"),
        (Level.UNKNOWN, (Level.LOOK, Level.FINE, Level.UNKNOWN), "last read 2026-11-28"),
        (Level.UNKNOWN, (Level.UNKNOWN, Level.UNKNOWN), "not read since 2026-11-28"),
        (Level.FINE, (Level.URGENT,), ""),
        (Level.URGENT, (None,), ""),
        (Level.URGENT, (), ""),
    ],
)
def test_a_reader_is_told_since_when(level: Level, before: tuple[Level | None, ...], said: str) -> None:
    days = days_of(*before)
    found = report(entry(level))
    assert history.since(found.sections[0], days) == said
    for form in ("text", "markdown", "html"):
        shown = render(found, form, days)
        assert ("1 difference \u00b7" in shown) is bool(said)
        assert said in shown
    assert render(found, "json", days) == render(found, "json"), "programs compare reports themselves"


def test_markdown_says_why_something_is_unknown() -> None:
    unknown = Entry(
        "drift/x", Level.UNKNOWN, "who signs in", How.UNKNOWN, "Mimecast refused | the credentials"
    )
    text = render(report(unknown), "markdown")
    assert "| unknown: who signs in: Mimecast refused \\| the credentials |" in text


def test_a_report_that_is_read_again_expects_stacks_alone(tmp_path: Path) -> None:
    """Merging makes a section of each stack that it expects; commands name files after sections."""
    file = tmp_path / "report.json"
    file.write_text(render(replace(report(entry()), expected=("prod", "../../evil")), "json"))
    with pytest.raises(OperationError, match="invalid stack name"):
        reading.read(file)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://evil.example", "//evil.example", ""])
def test_a_report_that_is_read_again_links_to_pages_alone(tmp_path: Path, address: str) -> None:
    found = report(entry())
    file = tmp_path / "report.json"
    for link, is_page in (("https://entra.microsoft.com/", True), (address, False)):
        linked = replace(found, sections=(replace(found.sections[0], links={"Entra": link}),))
        file.write_text(render(linked, "json"))
        if is_page:
            assert reading.read(file).document() == linked.document()
            continue
        with pytest.raises(OperationError, match="one of its links is not a web page's"):
            reading.read(file)


def test_a_comment_on_one_stack_shows_as_many_findings_as_fit() -> None:
    entries = tuple(
        Entry(
            f"a/{number:03}",
            Level.LOOK,
            f"Finding {number:03} {'x' * 250}",
            How.LIVE,
            commands={"restore": "up"},
        )
        for number in range(500)
    )
    for stacks in (1, 3):
        sections = tuple(Section(f"stack-{number}", entries=entries) for number in range(stacks))
        comment = render(Report("drift", datetime(2026, 11, 30, 7, tzinfo=UTC), 2, sections), "markdown")
        assert len(comment) <= 60_000
        shown = comment.count("| look: Finding")
        assert shown > 150
        assert comment.count("Finding 000") == stacks
        left = 500 - shown // stacks
        assert (
            comment.count(f"{left} findings left out here; the full text is in the run's artifact.") == stacks
        )
        assert comment.count("</details>") == stacks
