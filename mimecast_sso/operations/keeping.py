"""``mimecast-sso keep``: change the stack file so that drift is desired, or expected for a while."""

from __future__ import annotations

from datetime import timedelta

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import Finding, Severity, keeping
from mimecast_sso.operations import drift_check
from mimecast_sso.operations.deployment import deploy, open_with_engine, relative
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.terminal import say
from mimecast_sso.settings.drift import ExpectedDrift
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import count


def keep(stack: str, path: str, *, apply_: bool, yes: bool) -> Exit:
    """Write the live state at a path into the stack file, and with ``apply_`` deploy it.

    Raises:
        OperationError: There is no such drift, or no key of the stack file expresses it.
    """
    opened, engine = open_with_engine(stack, "keep")
    assessment, finding = _find(opened, engine, path)
    edit = keeping.edit(finding, assessment)
    if edit is None:
        raise OperationError(_why_not(finding, assessment), Exit.REFUSED)
    opened.change(edit)
    say(
        f"{relative(opened.file)}: mimecast-sso:{edit} now matches the live state ({foreign.one_line(finding.text)})."
    )
    if apply_:
        return deploy(opened, engine, yes=yes, refresh=True)
    commit = "Run" if opened.on_sandbox else "Commit the file, then run"
    say(f"The next deployment records it. {commit}: {assessment.command('up')} --refresh")
    return Exit.FINE


def expect(stack: str, path: str, *, days: int, reason: str | None) -> Exit:
    """Add a path to ``drift.expected`` of the stack file.

    Raises:
        OperationError: There is no such drift, or people cannot sign in because of it.
    """
    opened, engine = open_with_engine(stack, "keep")
    assessment, finding = _find(opened, engine, path)
    if finding.severity is Severity.URGENT:
        raise OperationError(_why_not(finding, assessment), Exit.REFUSED)
    today = assessment.snapshot.entra_now.date()
    entry = ExpectedDrift(
        path=finding.path, reason=reason or f"accepted on {today}", until=today + timedelta(days=days)
    )
    others = [each for each in assessment.settings.drift.expected if each.path != entry.path]
    opened.change(keeping.expected((*others, entry)))
    say(f"{relative(opened.file)}: {foreign.one_line(finding.path)} is expected until {entry.until}.")
    if not opened.on_sandbox:
        say("Commit the file, so that reports from other clones show it as expected, too.")
    return Exit.FINE


def _find(opened: Stack, engine: Engine, path: str) -> tuple[Assessment, Finding]:
    """The finding at a path, as reports print it. Raises OperationError if there is none."""
    check = drift_check.look(opened, engine, refresh=False)
    assessment = check.assessment.value
    if assessment is None:
        raise OperationError(f"Drift cannot be read: {check.assessment.source}. Nothing was changed.")
    found = [each for each in check.findings if foreign.code(each.path) == foreign.code(path)]
    if not found:
        paths = ", ".join(foreign.one_line(each.path) for each in check.findings[:5])
        others = (
            f"drift at {count(len(check.findings), 'other path')}: {paths}" if paths else "no other drift"
        )
        raise OperationError(
            f"Stack {opened.name} has no drift at {foreign.name(path)}, and {others}. Nothing was changed.",
            Exit.USAGE,
        )
    return assessment, found[0]


def _why_not(finding: Finding, assessment: Assessment) -> str:
    text = foreign.one_line(finding.text)
    if finding.severity is Severity.URGENT:
        return (
            f"Refused: people cannot sign in because of this, so it is not kept: {text}. See "
            f"{assessment.command('drift')}"
        )
    if finding.expected:
        return f"This is already expected ({finding.expected}): {text}. Nothing was changed."
    return (
        f"No key of the stack file expresses this: {text}. To show it as expected for a while, rerun this with --days. "
        "Nothing was changed."
    )
