"""The attested authentication profile as the stack's state has it: its run sheet, its confirmation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from mimecast_sso.assessment.record import RecordedProfile, profile_of
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.console import attestation, run_sheet
from mimecast_sso.facts.resource_types import AUTHENTICATION_PROFILE
from mimecast_sso.operations.engine import Engine, Outcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import Statement
from mimecast_sso.settings import Confirmed, Lane, Settings
from mimecast_sso.text.times import utc_text

_RENDERED = {"html": run_sheet.html, "md": run_sheet.markdown, "txt": run_sheet.text}


def read(engine: Engine, slot: Lane = Lane.FIRST) -> RecordedProfile | None:
    """A slot's profile in the stack's state; None before the first deployment, and where there is no such slot.

    Raises OperationError when there is no such stack.
    """
    return in_state(engine.resources()).profiles.get(slot)


def require(engine: Engine, slot: Lane = Lane.FIRST) -> RecordedProfile:
    """The same; raises OperationError also where there is none."""
    profile = read(engine, slot)
    if profile is None:
        which = "second authentication profile" if slot is Lane.SECOND else "authentication profile"
        raise OperationError(f"The stack has no {which} yet. Deploy it first: up")
    return profile


def deployed(outcome: Outcome) -> dict[Lane, RecordedProfile]:
    """The profiles as a deployment that has just ended left them, by slot."""
    found = {}
    for event in outcome.events:
        metadata = event.get("resOutputsEvent", {}).get("metadata", {})
        if metadata.get("type") == AUTHENTICATION_PROFILE and metadata.get("new"):
            profile = profile_of(metadata["urn"], metadata["new"]["outputs"])
            found[profile.slot] = profile
    return found


def run_sheet_path(stack: Stack, suffix: str, lane: Lane = Lane.FIRST) -> Path:
    """Where a lane's run sheet is written; ``suffix`` is ``html``, ``md`` or ``txt``."""
    name = stack.name if lane is Lane.FIRST else f"{stack.name}-{lane}"
    return stack.outputs / "run-sheet" / f"{name}.{suffix}"


def write_run_sheet(
    stack: Stack, settings: Settings, profile: RecordedProfile, on_save: Iterable[Statement] = ()
) -> Path:
    """Writes the run sheet as HTML, Markdown and plain text; gives the path of the HTML one.

    ``on_save`` says what Save does to people's sign-in (`mimecast_sso.assessment.sentences.on_save`).
    """
    sheet = run_sheet.RunSheet(
        stack=stack.name,
        region=settings.region,
        account_code=settings.account_code,
        form=profile.form,
        previous=profile.previous,
        fingerprints=profile.fingerprints,
        state=profile.state,
        evidence=profile.evidence,
        second=profile.slot is Lane.SECOND,
        on_save=tuple(map(str, on_save)),
    )
    page = run_sheet_path(stack, "html", profile.slot)
    page.parent.mkdir(parents=True, exist_ok=True)
    for suffix, render in _RENDERED.items():
        run_sheet_path(stack, suffix, profile.slot).write_text(render(sheet), encoding="utf-8")
    return page


def remove_run_sheet(stack: Stack, lane: Lane = Lane.FIRST) -> None:
    """Removes the sheet of work that is done, so that nobody works from it again."""
    for suffix in _RENDERED:
        run_sheet_path(stack, suffix, lane).unlink(missing_ok=True)


def confirm(
    stack: Stack, profile: RecordedProfile, *, by: str, at: datetime, evidence: str, fingerprint: str | None
) -> Confirmed:
    """Records an attestation, given at a time of Mimecast's, in the stack's file.

    Raises OperationError for a sheet that is out of date, a profile that has no certificate yet, and placeholders.
    """
    for option, given, means in (
        ("--by", by, "who set the values in the console"),
        ("--evidence", evidence, "what shows it: a change number, a screenshot, a test sign-in"),
    ):
        if attestation.is_placeholder(given):
            raise OperationError(
                f"{option} {given!r} is a placeholder. Replace it with {means}. Nothing was recorded.",
                Exit.REFUSED,
            )
    if profile.idle:
        raise OperationError(
            f"The {profile.slot} profile has no certificate yet, so there is nothing to confirm. When it gets one: "
            f"mimecast-sso rotate status --stack {stack.name}",
            Exit.REFUSED,
        )
    wanted = profile.fingerprints.critical
    if fingerprint is not None and fingerprint != wanted:
        raise OperationError(
            f"The run sheet with fingerprint {fingerprint} is out of date: the deployment now wants {wanted}. "
            "Write a new sheet (mimecast-sso run-sheet), compare it with the console, and confirm that one.",
            Exit.REFUSED,
        )
    confirmed = Confirmed(
        fingerprint=wanted,
        by=by,
        at=utc_text(at),
        evidence=evidence,
    )
    stack.confirm(confirmed, profile.slot)
    return confirmed
