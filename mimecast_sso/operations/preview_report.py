"""A preview as a report: what a deployment would change, in formats for programs and CI services.

It has counts and reasons, but no person's address, because it may be posted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mimecast_sso.operations import assessing
from mimecast_sso.operations.display import planned_step
from mimecast_sso.operations.engine import Engine, RunOutcome
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.output import print_to
from mimecast_sso.operations.reports.model import Entry, Level, Report, distinct, slug
from mimecast_sso.operations.reports.render import render as render_report
from mimecast_sso.operations.review import forms
from mimecast_sso.operations.review.look import redacted, review_of
from mimecast_sso.operations.review.model import StackReview
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import How
from mimecast_sso.settings import Settings
from mimecast_sso.text import foreign


def run(stack: Stack, engine: Engine, form: Format, out: Path | None) -> Exit:
    """Preview, and print the report. Raises OperationError."""
    settings = stack.settings()
    engine.ensure_stack()
    outcome = engine.run("preview", quiet=True, take_snapshot=True)
    found = _looked(stack, settings, engine, outcome)
    print_to(out, render(found, _exit(outcome), tuple(_steps(outcome)), datetime.now(UTC), form))
    return _exit(outcome)


def render(found: StackReview, code: Exit, steps: Sequence[str], at: datetime, form: Format) -> str:
    """The report in a format.

    Args:
        found: The effect of the configuration on people's sign-in.
        code: The exit code of the preview.
        steps: The resources that the engine would change, in words.
        at: When the tenants were read.
        form: The format.
    """
    section = forms.section(found)
    resources = tuple(
        Entry(f"preview/resource/{slug(step)}", Level.INFO, step, How.CONFIGURED, "the engine's plan")
        for step in steps
    )
    report = Report(
        "preview", at, int(code), (replace(section, entries=tuple(distinct(section.entries + resources))),)
    )
    if form == "json":
        stacks = [each.document() | forms.plan_of(found, code) for each in report.sections]
        document = report.document() | {"stacks": stacks}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    text = render_report(report, form)
    return text + "".join(f"{line}\n" for line in _markdown(found, steps)) if form == "markdown" else text


def _exit(outcome: RunOutcome) -> Exit:
    if outcome.code:
        return outcome.failure(dry=True)
    return Exit.CHANGES if outcome.changed else Exit.FINE


def _looked(stack: Stack, settings: Settings, engine: Engine, outcome: RunOutcome) -> StackReview:
    known = assessing.of_run(stack, settings, engine, outcome)
    if known.value is None:
        found = StackReview(stack.name, settings.account_code, settings.region, error=redacted(known.source))
    else:
        found = review_of(known.value)
    if outcome.code and not outcome.refused and not found.error:
        said = "; ".join(map(redacted, outcome.errors)) or f"it exited with {outcome.code}"
        found = replace(found, error=f"the engine's preview failed: {said}")
    return found


def _steps(outcome: RunOutcome) -> Iterator[str]:
    for event in outcome.events:
        if "resourcePreEvent" in event:
            step = planned_step(event["resourcePreEvent"]["metadata"])
            if step:
                yield redacted(step)


def _markdown(found: StackReview, steps: Sequence[str]) -> Iterator[str]:
    changes = [each.text for each in found.changes]
    for title, lines in (("Changes", changes), ("Resources", steps)):
        if lines:
            yield from ("", f"**{title}**", "", *(f"- {foreign.markdown(each)}" for each in lines))
    if found.plan:
        yield from ("", f"Plan digest: `{found.plan}`")
