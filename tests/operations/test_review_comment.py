"""The comment on a change: its table, its order, its length, and no markup from foreign text."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
from markdown_it import MarkdownIt

from mimecast_sso.assessment.planned import Action, Planned
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.reports import history
from mimecast_sso.operations.reports.render import forge_length
from mimecast_sso.operations.review import comment, forms
from mimecast_sso.operations.review.model import PeopleByReason, Refusal, Review, StackReview
from tests.support.reviews import review, stack

EVIL = (
    "<img src=x onerror=alert(1)> @everyone --> \x1b[2J ##vso[task.complete] | [x](http://evil.example) "
    "`rm -rf` #1 \u202egpj\n::error::x"
)
SCHEMA = Path(history.__file__).with_name("schema.json")
UPDATE = Planned(Action.UPDATE, "members of the roll-out group", "", {"members": ((), ("a", "b"))})
NOT_THERE = PeopleByReason("not at Mimecast", 4, "directory sync, or leave them out of rollOut", "afterwards")
REFUSED = Refusal("unprepared-people", "4 people would be sent to Entra and could not sign in", "create them")

PROD_EU = stack(
    "prod-eu",
    account="CUK97A123",
    now=1,
    after=214,
    more=213,
    lost=(
        NOT_THERE,
        PeopleByReason("the mail address differs from the one at Mimecast", 2, "correct it in Entra"),
    ),
    refusals=(REFUSED,),
    changes=(UPDATE,),
)
DEV_EU = stack(
    "dev-eu",
    account="CUK97A124",
    now=3,
    after=3,
    console={"first": ("Allow Single Sign On",)},
    changes=(UPDATE, replace(UPDATE, object="authentication profile", properties=None)),
    plan="a" * 26 + "-" + "b" * 12,
    keys=("authenticationProfile.allowSingleSignOn",),
    added=("ada@example.com",),
    unknown=("whether Conditional Access blocks somebody",),
)
PROD_US = stack("prod-us", account="CUSA97A125", region="us", now=40, after=40, plan="c")
THREE = review(PROD_US, DEV_EU, PROD_EU)


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| **")]


def _row(name: str, *cells: str) -> str:
    return f"| **{name}** | {' | '.join(cells)} |"


def test_the_table_has_a_row_per_stack_the_worst_first() -> None:
    text = comment.render(THREE)
    assert text.startswith(
        f"{comment.MARKER}\n### Single sign-on: 2 stacks change, 1 needs console work, 6 sign-ins lost\n"
    )
    assert rows(text) == [
        _row(
            "prod-eu",
            "CUK97A123 (eu)",
            "1 \u2192 214 (+213, \u22120)",
            "1 refuses: unprepared-people",
            "none",
        )
        + " 1 update | \u274c cannot be deployed as is |",
        _row("dev-eu", "CUK97A124 (eu)", "3 \u2192 3", "all met", "**due**: 1 field")
        + " 2 updates | \u26a0\ufe0f action required |",
        _row("prod-us", "CUSA97A125 (us)", "40 \u2192 40", "all met", "none")
        + " \u2013 | \u2705 no change |",
    ]
    assert (
        "Commit `3f2a91c` against `main@9be01d4` \u00b7 read live 09:41:07 UTC \u00b7 identity `preview`"
        in text
    )


def test_a_part_says_first_who_is_locked_out_and_last_what_is_not_known() -> None:
    text = comment.render(THREE)
    order = [
        "<details open><summary><b>prod-eu</b>: 6 people would lose their sign-in",
        "| not at Mimecast | 4 | afterwards | directory sync, or leave them out of rollOut |",
        "Refused by guard unprepared-people",
        "- update members of the roll-out group: members (+2, \u22120)",
        "<details><summary><b>dev-eu</b>: console work is due",
        "Console work, first profile: 1 field to set: Allow Single Sign On.",
        "The change sets `authenticationProfile.allowSingleSignOn`.",
        "It adds 1 address: ada&#64;&#8203;example.com.",
        f"`mimecast-sso up --stack dev-eu --expect {DEV_EU.plan}`",
        "<details><summary>Unknown (1)",
        "- dev-eu: whether Conditional Access",
        "<!-- mimecast-sso state: ",
    ]
    found = [text.find(each) for each in order]
    assert -1 not in found, order[found.index(-1)]
    assert found == sorted(found)


def test_the_state_line_has_exit_codes_and_the_digests_of_what_can_be_deployed() -> None:
    line = comment.render(THREE).splitlines()[-1]
    found = re.fullmatch(r"<!-- mimecast-sso state: (.+) -->", line)
    assert found
    assert json.loads(found[1]) == {
        "schema": 1,
        "head": "3f2a91c",
        "stacks": {
            "prod-eu": {"exit": 4},
            "dev-eu": {"exit": 2, "plan": DEV_EU.plan},
            "prod-us": {"exit": 0},
        },
    }


@pytest.mark.parametrize(
    ("stacks", "code"),
    [
        ((PROD_US,), Exit.FINE),
        ((PROD_US, DEV_EU), Exit.CHANGES),
        ((PROD_US, DEV_EU, PROD_EU), Exit.REFUSED),
        ((PROD_EU, stack("x", error="Entra refused the credentials")), Exit.ERROR),
        ((stack("x", unread=True),), Exit.ERROR),
        ((stack("x", note="its file is deleted"),), Exit.CHANGES),
    ],
)
def test_the_exit_code_is_the_worst_stacks(stacks: tuple[StackReview, ...], code: Exit) -> None:
    assert review(*stacks).exit is code


def test_the_digest_of_a_stack_is_found_in_the_comment_and_in_nothing_else() -> None:
    text = comment.render(review(DEV_EU, PROD_EU))
    assert comment.digest_of(text, "dev-eu") == DEV_EU.plan
    assert comment.digest_of(text, "prod-eu") is None, "it cannot be deployed"
    assert comment.digest_of(text, "elsewhere") is None
    assert comment.digest_of(f"> {text}", "dev-eu") is None
    assert comment.digest_of(text.replace("\n", "\r\n"), "dev-eu") == DEV_EU.plan, "as forges send it"
    earlier = '<!-- mimecast-sso state: {"stacks":{"dev-eu":{"plan":"other"}}} -->'
    forged = text.replace("\n", f"\n{earlier}\n", 1)
    assert comment.digest_of(forged, "dev-eu") == DEV_EU.plan, "the last line is the comment's own"
    for broken in (
        "[]",
        "{",
        '{"stacks": 1}',
        '{"stacks": {"dev-eu": 1}}',
        '{"stacks": {"dev-eu": {"plan": 1}}}',
    ):
        assert (
            comment.digest_of(f"{comment.MARKER}\n<!-- mimecast-sso state: {broken} -->\n", "dev-eu") is None
        )


def test_without_a_change_it_is_one_line() -> None:
    text = comment.render(review(PROD_US))
    assert text.splitlines()[:-1] == [comment.MARKER, "### Single sign-on: no change (1 stack reviewed)"]
    text = comment.render(review(PROD_US, replace(PROD_US, stack="x", unknown=("what it does",))))
    assert text.splitlines()[1] == "### Single sign-on: no change (2 stacks reviewed, 1 unknown)"


def test_an_error_is_a_row_and_the_others_are_reviewed() -> None:
    text = comment.render(review(PROD_EU, stack("lab", error=f"Mimecast refused {EVIL}")))
    assert rows(text)[0].endswith("| \u2754 unknown |")
    assert "1 unknown" in text.splitlines()[1]
    assert "Mimecast refused \\<img" in text


def test_a_code_change_shows_its_files_and_why_nothing_live_was_read() -> None:
    found = replace(review(stack("a", unread=True)), code=("__main__.py",), unread="the change includes code")
    text = comment.render(found)
    assert "### Single sign-on: 1 stack unknown" in text
    assert "Live tenants were not read: the change includes code." in text
    assert "- `__main__.py`" in text


def test_nothing_foreign_is_markup_a_command_or_a_mention() -> None:
    hostile = stack(
        EVIL,
        account=EVIL,
        now=1,
        after=0,
        lost=(PeopleByReason(EVIL, 1, EVIL, EVIL),),
        broken=(PeopleByReason(EVIL, 1, EVIL),),
        refusals=(Refusal("account", EVIL, EVIL),),
        overridden=(EVIL,),
        changes=(Planned(Action.UPDATE, EVIL, EVIL, {EVIL: ((EVIL,), ())}),),
        keys=(EVIL,),
        added=(EVIL,),
        removed=(EVIL,),
        unknown=(EVIL,),
    )
    error = stack(f"x{EVIL}", error=EVIL)
    found = replace(review(hostile, error), base_name=EVIL, identity=EVIL, code=(EVIL,))
    for text in (comment.render(found), comment.render(found, whole=True)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "##vso[" not in text
        assert not re.search(r"^\s*::", text, re.MULTILINE)
        html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
        assert "<img" not in html
        assert "<a " not in html
        assert text.count("<!--") == 2, "only the marker and the state line"
        assert html.rstrip().endswith("-->")
        outside = re.sub(r"<code>.*?</code>|<!--.*?-->", "", html, flags=re.DOTALL)
        assert not re.search(r"[@#]\w", outside)
        cells = {len(re.split(r"(?<!\\)\|", row)) for row in rows(text)}
        assert cells == {9}, "no cell more or less"
    for form in ("text", "json", "html", "junit", "sarif"):
        shown = forms.render(found, form)
        assert "\x1b" not in shown, form
        assert "##vso[" not in shown, form


def test_json_follows_the_published_schema_and_has_the_digests() -> None:
    document = json.loads(forms.render(THREE, "json"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["exit"] == 4
    assert [each["stack"] for each in document["stacks"]] == ["prod-eu", "dev-eu", "prod-us"]
    assert document["stacks"][1]["plan"] == DEV_EU.plan
    assert document["stacks"][0]["figures"] == {"signIn": 1, "signInAfterwards": 214, "lost": 6}


def test_a_finding_keeps_its_id_when_another_one_comes_before_it() -> None:
    """By position, an alert for one reason would go on as the alert for another."""

    def ids(*lost: PeopleByReason) -> list[str]:
        found = forms.section(replace(PROD_EU, lost=lost, changes=(UPDATE, UPDATE)))
        return [each.id for each in found.entries]

    first, second = PROD_EU.lost
    alone, both = ids(second), ids(first, second)
    assert set(alone) < set(both)
    assert len(set(both)) == len(both), "two equal changes have two ids"
    assert set(ids(replace(first, people=5), second)) == set(both), "however many people it is about"


def test_junit_and_sarif_fail_for_what_is_refused_and_not_known() -> None:
    found = review(PROD_EU, stack("lab", error="Mimecast refused the credentials"))
    suites = Xml.fromstring(forms.render(found, "junit"))  # noqa: S314  (our own output)
    counts = {each.attrib["name"]: (each.attrib["failures"], each.attrib["errors"]) for each in suites}
    assert counts == {"lab": ("0", "1"), "prod-eu": ("3", "0")}
    results = json.loads(forms.render(found, "sarif"))["runs"][0]["results"]
    assert "error" in {each["level"] for each in results}


def test_what_marks_an_earlier_comment_is_found_by_the_same_marker() -> None:
    assert comment.SUPERSEDED.startswith(f"{comment.MARKER}\n")
    assert "superseded" in comment.SUPERSEDED


# -- Length ---------------------------------------------------------------------------------------------------------


def many(one: StackReview, number: int = 300) -> Review:
    return review(*(replace(one, stack=f"tenant-{each:03}-eu") for each in range(number)))


@pytest.mark.parametrize("one", [PROD_EU, DEV_EU, stack("x", error="it cannot be read " * 20)])
def test_300_stacks_fit_each_with_its_row(one: StackReview) -> None:
    began = time.process_time()
    text = comment.render(many(one))
    assert time.process_time() - began <= 5
    assert forge_length(text) <= 60_000
    assert len(rows(text)) == 300, "the table is never cut"
    assert re.search(r"\d+ sections left out here", text)
    if one.refusals:
        assert text.count("refuses: unprepared-people") == 300, "nor is a refusal"
    whole = comment.render(many(one), whole=True)
    assert "left out here" not in whole
    assert whole.count("<details") >= 300


def test_of_300_stacks_each_digest_is_in_the_comment() -> None:
    fits = replace(DEV_EU, account="CUK97A1")
    assert comment.render(many(fits)).count(str(DEV_EU.plan)) >= 300


@pytest.mark.parametrize(("number", "shown"), [(300, 300), (3000, 1)])
def test_where_no_column_can_stay_each_refusal_still_has_its_guard(number: int, shown: int) -> None:
    guards = ("unprepared-people", "account", "certificate-in-use", "sign-in-losses")
    one = replace(PROD_EU, refusals=tuple(Refusal(each, "a problem", "a remedy") for each in guards))
    names = [f"a-customer-with-a-rather-long-name-{each:04}" for each in range(number)]
    text = comment.render(review(*(replace(one, stack=each) for each in names)))
    assert forge_length(text) <= 60_000
    assert shown <= len(rows(text)) <= number
    assert text.count("refuse: unprepared-people, account") == len(rows(text))
    left = number - len(rows(text))
    assert (f"| {left:,} more stacks |" in text) is (left > 0)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.partition("</table>")[0].count("<tr>") == 1 + len(rows(text)) + (left > 0)


def test_one_stack_with_endless_errors_leaves_room_for_the_others() -> None:
    endless = stack("lab", error="a wrong line; " * 9000, unknown=("and so on " * 9000,))
    found = review(DEV_EU, endless, PROD_EU)
    text = comment.render(found)
    assert "Refused by guard unprepared-people" in text
    assert "more characters in the run's artifact" in text
    assert "left out here" not in text
    assert "more characters" not in comment.render(found, whole=True)


def test_parts_are_cut_from_the_end_so_that_refusals_stay_longest() -> None:
    long = tuple(f"some property {number} of it" for number in range(80))
    wordy = replace(DEV_EU, console={"first": long})
    others = [replace(wordy, stack=f"other-{number}") for number in range(60)]
    text = comment.render(review(*others, PROD_EU))
    assert "left out here" in text
    assert "Refused by guard unprepared-people" in text
    assert len(rows(text)) == 61


def test_where_even_digests_do_not_fit_the_table_does_and_beyond_unchanged_stacks_are_one_row() -> None:
    lengthy = replace(DEV_EU, stack="", account="CUK97A124")
    names = [f"a-customer-with-a-rather-long-name-{number:04}" for number in range(300)]
    text = comment.render(review(*(replace(lengthy, stack=name) for name in names)))
    assert len(rows(text)) == 300
    assert '"plan"' not in text.splitlines()[-1]
    assert forge_length(text) <= 60_000
    quiet = [replace(PROD_US, stack=f"quiet-{number}") for number in range(1000)]
    text = comment.render(review(PROD_EU, *quiet))
    assert "| 1,000 more stacks |" in text
    assert len(rows(text)) == 1


def test_length_is_counted_as_forges_do() -> None:
    assert forge_length("a\U0001f600\n") == 5
