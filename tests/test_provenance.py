"""Statements and values: how they are rendered, and that nothing unknown is ever shown as fine."""

from __future__ import annotations

import json

import pytest

from mimecast_sso.provenance import (
    BAD,
    How,
    Known,
    Statement,
    Verdict,
    documents,
    entries,
    lines,
    live,
    not_checked,
    unknown,
)

FINE = Statement("the active one", How.LIVE, "Microsoft Graph", Verdict.FINE, "metadata: certificate")
UNREAD = Statement("the audit log was not read", How.UNKNOWN, "HTTP\n 403", Verdict.UNKNOWN, "console")
CLAIMED = Statement("set as configured", How.ATTESTED, "ada@example.com, 2026-11-01", Verdict.NOTE, "profile")


# -- Statements -----------------------------------------------------------------------------------------------


def test_a_table_aligns_verdict_and_subject_and_ends_with_how_it_is_known() -> None:
    assert list(lines([FINE, UNREAD])) == [
        "fine     metadata: certificate  the active one [read live: Microsoft Graph]",
        "UNKNOWN  console                the audit log was not read [unknown: HTTP 403]",
    ]
    assert list(lines([])) == []


def test_an_entry_needs_no_other_to_be_rendered() -> None:
    assert list(entries([FINE, UNREAD])) == [
        "  fine     metadata: certificate: the active one [read live: Microsoft Graph]",
        "  UNKNOWN  console: the audit log was not read [unknown: HTTP 403]",
    ]
    impossible = Statement("no licence", How.UNKNOWN, "", Verdict.NOT_POSSIBLE, "sign-ins")
    assert list(entries([impossible])) == ["  not possible  sign-ins: no licence [unknown]"]


def test_a_sentence_tells_how_it_is_known() -> None:
    assert str(CLAIMED) == "set as configured (attested: ada@example.com, 2026-11-01)"
    assert str(Statement("one  of\n many")) == "one of many (read live)"


def test_each_statement_is_one_line_whatever_it_holds() -> None:
    odd = Statement("a\nb", How.LIVE, "c\nd", Verdict.FAILS, "e")
    for rendered in (*lines([odd]), *entries([odd]), str(odd)):
        assert "\n" not in rendered


def test_as_json_nothing_is_lost_and_nothing_is_empty() -> None:
    made = json.loads(json.dumps(documents([FINE, Statement("only a text")])))
    assert made == [
        {
            "subject": "metadata: certificate",
            "verdict": "fine",
            "text": "the active one",
            "how": "read live",
            "source": "Microsoft Graph",
        },
        {"verdict": "note", "text": "only a text", "how": "read live"},
    ]
    assert documents([Statement("x", subject="  ada@example.com")])[0]["subject"] == "ada@example.com"


def test_what_was_not_checked_is_named_once() -> None:
    impossible = Statement("no licence", How.UNKNOWN, "", Verdict.NOT_POSSIBLE, "sign-ins")
    assert list(not_checked([FINE, UNREAD, UNREAD, impossible])) == ["Not checked: console, sign-ins."]
    assert list(not_checked([FINE])) == []


def test_unchecked_items_are_summarised_briefly() -> None:
    def closing(*subjects: str) -> str:
        (line,) = not_checked(
            [Statement("not read", How.UNKNOWN, "", Verdict.UNKNOWN, each) for each in subjects]
        )
        return line

    assert closing("") == "Not checked: not read.", "a statement without a subject is its own"
    assert closing("console: a", "sign-ins: x", "console: b") == "Not checked: console (2), sign-ins: x."
    assert closing(*"abcdefghij") == "Not checked: a, b, c, d, e, f and 4 more."
    assert len(closing(*(f"{each}{'x' * 300}" for each in "abcdefghij"))) < 600


@pytest.mark.parametrize("verdict", Verdict)
def test_a_log_warns_of_what_is_bad_or_unknown(verdict: Verdict) -> None:
    warns = verdict in BAD or verdict in (Verdict.WARNS, Verdict.UNKNOWN)
    assert Statement("x", verdict=verdict).warns is warns


# -- Unknown is never fine ------------------------------------------------------------------------------------


def test_nothing_unknown_can_be_called_fine() -> None:
    with pytest.raises(ValueError, match="What is unknown is not fine: console"):
        Statement("no change", How.UNKNOWN, "HTTP 403", Verdict.FINE, "console")


def test_a_statement_about_an_unknown_value_is_unknown_whatever_it_was_to_be() -> None:
    nothing: Known[int] = unknown("HTTP 403")
    said = nothing.states("nobody is in the group", Verdict.FINE, "group")
    assert (said.verdict, said.how, said.source) == (Verdict.UNKNOWN, How.UNKNOWN, "HTTP 403")
    assert live(0, "Mimecast").states("nobody is in the group", Verdict.FINE).verdict is Verdict.FINE


# -- Values ---------------------------------------------------------------------------------------------------


def test_a_derived_value_is_known_as_its_source_is() -> None:
    attested = Known(3, How.ATTESTED, "ada@example.com").map(str)
    assert attested == Known("3", How.ATTESTED, "ada@example.com")
    assert live(0).map(bool) == live(False), "nothing is not the same as unknown"


def test_nothing_is_derived_from_unknown_or_missing_values() -> None:
    nothing: Known[int] = unknown(OSError("no\nroute"))
    assert nothing.map(lambda _: pytest.fail("asked")) == Known(None, How.UNKNOWN, "no route")
    absent: Known[int] = Known(None, How.LIVE, "Mimecast")
    assert absent.is_known
    assert absent.map(lambda _: pytest.fail("asked")) == Known(None, How.LIVE, "Mimecast")


def test_a_value_is_written_with_how_it_is_known() -> None:
    assert live(3, "Mimecast").words() == "3 (read live: Mimecast)"
    assert live([1, 2]).words(lambda each: str(len(each))) == "2 (read live)"
    assert Known(None, How.LIVE, "Mimecast").words() == "none (read live: Mimecast)"
    nothing: Known[int] = unknown("HTTP 403")
    assert nothing.words(lambda _: pytest.fail("asked")) == "unknown (HTTP 403)"
    assert Known(None, How.UNKNOWN).words() == "unknown"
