"""Render a review in each format: the comment as Markdown, everything else as a report. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mimecast_sso.assessment.planned import summary
from mimecast_sso.console.run_sheet import CONSOLE_WORK_IS_DUE
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section, distinct, slug
from mimecast_sso.operations.reports.render import render as render_report
from mimecast_sso.operations.review import comment
from mimecast_sso.operations.review.model import PeopleByReason, Review, StackReview
from mimecast_sso.provenance import How
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import people

_BOTH = "Entra, Mimecast"


def render(review: Review, form: Format) -> str:
    """The review in a format."""
    if form == "markdown":
        return comment.render(review)
    if form == "json":
        return json.dumps(document(review), indent=2, ensure_ascii=False) + "\n"
    return render_report(report(review), form)


def report(review: Review) -> Report:
    """The review as a report, the worst stack first."""
    return Report(
        "review", review.at, int(review.exit), tuple(section(each, review.unread) for each in review.ordered)
    )


def document(review: Review) -> dict[str, object]:
    """The review as JSON: a report's JSON with the exit code, digest and sign-ins of each stack."""
    found = report(review)
    sections = zip(review.ordered, found.sections, strict=True)
    return found.document() | {
        "stacks": [each.document() | plan_of(stack, stack.exit) for stack, each in sections],
        "base": review.base,
        "head": review.head,
        "code": list(map(foreign.one_line, review.code)),
    }


def plan_of(each: StackReview, code: Exit) -> dict[str, object]:
    """The additional JSON fields of a stack: exit code, digest and changes."""
    changes = [foreign.one_line(one.text) for one in each.changes]
    return {"exit": int(code), "plan": each.plan, "changes": changes}


def section(each: StackReview, unread: str = "") -> Section:
    """One stack as a section of a report; ``unread`` says why no live tenant was read."""
    known = {"signIn": each.now, "signInAfterwards": each.after}
    figures = {name: value for name, value in known.items() if value is not None}
    figures |= {"lost": each.lost_people} if each.now is not None else {}
    return Section(
        stack=foreign.name(each.stack),
        account=foreign.one_line(each.account),
        region=each.region,
        summary=_summary(each),
        entries=tuple(distinct(_entries(each, unread))),
        figures=figures,
        plan=each.plan,
    )


def _summary(each: StackReview) -> str:
    if each.error or each.unread:
        return "unknown"
    if each.refusals:
        return "cannot be deployed as is"
    return "console work is due" if each.console else summary(each.changes)


def _entries(each: StackReview, unread: str) -> Iterator[Entry]:
    not_live = f"Live tenants were not read: {unread}" if each.unread else ""
    for text in filter(None, (each.error, not_live)):
        yield Entry("review/not-known", Level.UNKNOWN, text, How.UNKNOWN)
    for kind, groups in (
        ("lost", each.lost),
        ("not-ready", each.not_ready),
        ("broken", each.broken),
        ("broken-tile", each.broken_tiles),
    ):
        level = Level.URGENT if kind == "lost" else Level.LOOK
        yield from (group_entry(f"review/{kind}", level, one) for one in groups)
    for slot, fields in each.console.items():
        text = f"{CONSOLE_WORK_IS_DUE}, {slot} profile: {', '.join(fields) or 'confirm it again'}"
        yield Entry(
            f"review/console/{slot}",
            Level.LOOK,
            text,
            How.CONFIGURED,
            commands={"run sheet": f"mimecast-sso run-sheet --stack {each.stack}"},
        )
    for refusal in each.refusals:
        text = f"Refused by guard {refusal.guard}: {refusal.problem}. What to do: {refusal.remedy}"
        yield Entry(f"review/refused/{refusal.guard}", Level.URGENT, text, How.LIVE, _BOTH)
    for change in each.changes:
        yield Entry(f"review/change/{slug(change.text)}", Level.INFO, change.text, How.CONFIGURED)
    if each.rehearsal:
        yield _rehearsal(each)
    for unknown in each.unknown:
        yield Entry(f"review/unknown/{slug(unknown)}", Level.UNKNOWN, unknown, How.UNKNOWN)
    for key in each.unseen:
        text = f"The change concerns {key}, which only the engine reads: this review does not cover it"
        yield Entry(f"review/unseen/{slug(key)}", Level.LOOK, text, How.CONFIGURED)
    if each.note:
        yield Entry("review/note", Level.LOOK, each.note, How.CONFIGURED)


def group_entry(kind: str, level: Level, group: PeopleByReason) -> Entry:
    """An entry for people who cannot sign in; its id is the kind and the reason."""
    when = f" {group.when}" if group.when else ""
    text = f"{people(group.people)} cannot sign in{when}: {group.why}. What to do: {group.fix}"
    return Entry(f"{kind}/{slug(group.why)}", level, text, How.LIVE, _BOTH)


def _rehearsal(each: StackReview) -> Entry:
    found = each.rehearsal
    if found is None or found.problem:
        why = found.problem if found else ""
        return Entry("review/rehearsal", Level.UNKNOWN, f"Not rehearsed: {why}", How.UNKNOWN)
    level = Level.URGENT if found.lost or found.refused else Level.FINE
    return Entry(
        "review/rehearsal", level, f"Rehearsal: {comment.rehearsal_text(found)}", How.SEEN, "sandbox"
    )
