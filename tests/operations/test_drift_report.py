"""The drift report, from the events of an engine."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest
from markdown_it import MarkdownIt

from mimecast_sso.assessment.drift import Change, Finding, Part
from mimecast_sso.operations import drift_check
from mimecast_sso.operations.drift import NamedResource, PropertyDifference, report
from mimecast_sso.operations.drift_check import DriftCheck
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.reports.model import Level, Report, Section, of_finding
from mimecast_sso.operations.reports.render import render
from mimecast_sso.provenance import How, Known, Statement, Verdict, unknown
from mimecast_sso.settings import from_values
from mimecast_sso.settings.drift import Drift, ExpectedDrift
from tests.assessment.worlds import World, application, attested, values

URN = (
    "urn:pulumi:s::mimecast-sso::mimecast-sso:index:PersonalPortalSso$azuread:index/sp:ServicePrincipal::app"
)


def step(kind: str, op: str, urn: str = URN, **states: Any) -> dict[str, Any]:
    return {
        kind: {
            "metadata": {
                "op": op,
                "urn": urn,
                "type": urn.split("::")[2].rsplit("$", maxsplit=1)[-1],
                **states,
            }
        }
    }


def read(op: str, live: dict[str, Any] | None, *paths: str) -> list[dict[str, Any]]:
    old = {"inputs": {"tags": ["a"], "url": "old"}, "outputs": {"tags": ["a"], "url": "old"}}
    new = {"inputs": {}, "outputs": live} if live is not None else None
    diff = {path: {"diffKind": "update"} for path in paths}
    return [
        step("resourcePreEvent", "refresh", old=old, new=old),
        step("resOutputsEvent", op, old=old, new=new, detailedDiff=diff),
    ]


def test_a_refresh_without_changes_reports_no_drift() -> None:
    found = report([*read("refresh", {"tags": ["a"], "url": "old"}), step("resourcePreEvent", "same")])
    assert (found.differences, found.planned) == ((), ())


def test_recorded_live_and_desired_values_are_told_apart() -> None:
    planned = step("resourcePreEvent", "update", old={}, new={"inputs": {"url": "desired", "tags": ["a"]}})
    (difference,) = report([*read("refresh", {"url": "live"}, "url"), planned]).differences
    assert (difference.recorded, difference.live, difference.desired) == ("old", "live", "desired")
    assert str(difference.resource) == "ServicePrincipal app"


def test_a_list_is_compared_as_a_whole_and_accepted_values_are_desired() -> None:
    (difference,) = report(read("update", {"tags": ["b", "c"]}, "tags[0]", "tags[1]")).differences
    assert (difference.path, difference.recorded) == ("tags", "a")
    assert (difference.live, difference.desired) == ("b, c", "b, c")


def test_where_the_provider_only_says_that_something_differs_the_outputs_tell() -> None:
    (difference,) = report(read("update", {"tags": ["a"], "url": "live"})).differences
    assert (difference.path, difference.recorded, difference.live) == ("url", "old", "live")


def test_keys_with_dots_are_one_key() -> None:
    urn = "urn:pulumi:s::p::pulumi-python:dynamic/mimecast:AddressBook::book"
    old = {"outputs": {"addresses": {"ada@example.com": {"name": "Ada"}}}}
    new = {"outputs": {"addresses": {"ada@example.com": {"name": "Else"}}}}
    path = 'addresses["ada@example.com"].name'
    events = [
        step("resourcePreEvent", "refresh", urn),
        step("resOutputsEvent", "refresh", urn, old=old, new=new, detailedDiff={path: {}}),
    ]
    (difference,) = report(events).differences
    assert (difference.path, difference.recorded, difference.live) == (path, "Ada", "Else")


def test_an_object_that_no_longer_exists() -> None:
    for op in ("refresh", "delete"):
        (difference,) = report([*read(op, None), step("resourcePreEvent", "create", new={})]).differences
        assert difference.path == ""
        assert "recreated" in difference.desired


def test_a_change_of_the_program_is_not_drift() -> None:
    found = report([step("resourcePreEvent", "update", old={}, new={})])
    assert found.differences == ()
    assert found.planned == ("update ServicePrincipal app",)


KEYS = [
    "ada@example.com",
    "a|b`c'd?*[x]@example.com",
    "two  words \u202e::error::x, #1",
    "https://a.b/?c=[d]",
]


def printed_path(report: Report, form: Format) -> str:
    """The path as a reader of a form copies it."""
    text = render(report, form)
    if form == "json":
        return str(json.loads(text)["stacks"][0]["entries"][0]["path"])
    if form == "sarif":
        return str(json.loads(text)["runs"][0]["results"][0]["properties"]["path"])
    if form == "markdown":
        html_ = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
        return html.unescape(re.findall(r"<code>(.*?)</code>", html_)[0])
    if form == "html":
        return html.unescape(re.findall(r"<dt>path</dt><dd><code[^>]*>(.*?)</code>", text)[0])
    text = html.unescape(text) if form == "junit" else text
    return re.findall(r"^ +path +([^<\n]*)", text, re.MULTILINE)[0]


@pytest.mark.parametrize("form", get_args(Format))
@pytest.mark.parametrize("key", KEYS)
def test_a_path_copied_from_any_form_makes_the_row_expected(form: Format, key: str) -> None:
    finding = Finding(Part.UNMANAGED, "roll-out group", "member", key, key, Change((), (key,)))
    at = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
    section = Section("prod-eu", entries=(of_finding(finding, {}),))
    path = printed_path(Report("drift", at, 2, (section,)), form)
    entry = ExpectedDrift(path=path, reason="migration", until="2026-12-31")
    settings = Drift(expected=(entry,))
    assert settings.expects(finding.path, at.date()) == entry
    assert settings.expects(f"{finding.path}x", at.date()) is None


def test_people_who_cannot_sign_in_are_reported_first() -> None:
    world = World(application=application(enabled=False))
    found = DriftCheck(
        "prod-eu",
        from_values(attested(values())),
        Known(world.assess(), How.LIVE),
        beyond=(PropertyDifference(NamedResource("ServicePrincipal", "app"), "url", "a", "b", "a"),),
    )
    assert found.section().summary == "2 people cannot sign in; 1 difference"


def test_what_only_the_refresh_shows_can_be_expected_as_well() -> None:
    difference = PropertyDifference(NamedResource("ServicePrincipal", "app"), "url", "a", "b", "a")
    found = DriftCheck("prod-eu", from_values(attested(values())), unknown("left out"), beyond=(difference,))
    assert found.exit is Exit.CHANGES
    (entry,) = found.differences
    assert entry.path == "ServicePrincipal.app.url"
    settings = from_values(
        attested(values())
        | {"drift": {"expected": [{"path": entry.path, "reason": "why", "until": "2026-12-31"}]}}
    )
    expected = drift_check._expected(difference, settings, date(2026, 12, 31))
    again = replace(found, beyond=(expected,))
    assert (again.exit, again.differences[0].level) == (Exit.FINE, Level.INFO)
    assert again.differences[0].text.endswith("Expected: why, until 2026-12-31")
    assert drift_check._expected(difference, settings, date(2027, 1, 1)) == difference


def test_a_check_that_is_not_possible_here_is_named_in_the_summary_of_a_quiet_stack() -> None:
    no_log = Statement("cannot be read here", How.UNKNOWN, "no licence", Verdict.NOT_POSSIBLE, "certificates")
    settings = from_values(attested(values()))
    found = DriftCheck("prod-eu", settings, unknown("left out"), statements=(no_log,))
    assert found.exit is Exit.FINE
    section = found.section()
    assert (section.level, section.summary) == (Level.FINE, "as recorded; 1 check not possible here")
