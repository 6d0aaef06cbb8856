"""The attested authentication profile in the stack's state: its run sheet and confirmation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mimecast_sso.assessment.record import RecordedProfile, profile_of
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.console import attestation, read_back, run_sheet
from mimecast_sso.console.read_back import ReadBack, UnusableReadBackError
from mimecast_sso.facts.resource_types import AUTHENTICATION_PROFILE
from mimecast_sso.operations.engine import Engine, RunOutcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import Statement
from mimecast_sso.settings import Confirmed, Evidence, ProfileSlot, ReadConsole, Settings
from mimecast_sso.text.certificates import base64_body, der
from mimecast_sso.text.files import UnreadableTextError, read_text
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import one_line
from mimecast_sso.text.times import utc_text

_READ_BACK_COUNTS = timedelta(hours=24)
_RENDERED = {"html": run_sheet.html, "md": run_sheet.markdown, "txt": run_sheet.text}


def read(engine: Engine, slot: ProfileSlot = ProfileSlot.FIRST) -> RecordedProfile | None:
    """A slot's profile in the stack's state; None before the first deployment, or if there is no such slot.

    Raises OperationError if the stack does not exist.
    """
    return in_state(engine.resources()).profiles.get(slot)


def require(engine: Engine, stack: str, slot: ProfileSlot = ProfileSlot.FIRST) -> RecordedProfile:
    """A slot's profile in the stack's state. Raises OperationError if there is none."""
    profile = read(engine, slot)
    if profile is None:
        which = "second authentication profile" if slot is ProfileSlot.SECOND else "authentication profile"
        raise OperationError(
            f"Stack {stack} has no {which} yet. Deploy it first: mimecast-sso up --stack {stack}"
        )
    return profile


def deployed(outcome: RunOutcome) -> dict[ProfileSlot, RecordedProfile]:
    """The profiles after the deployment that has just ended, by slot."""
    found = {}
    for event in outcome.events:
        step = event["resOutputsEvent"]["metadata"] if "resOutputsEvent" in event else {}
        new = step.get("new")
        if new and step["type"] == AUTHENTICATION_PROFILE:
            profile = profile_of(step["urn"], new["outputs"])
            found[profile.slot] = profile
    return found


def run_sheet_path(stack: Stack, suffix: str, slot: ProfileSlot = ProfileSlot.FIRST) -> Path:
    """The path of a slot's run sheet; ``suffix`` is ``html``, ``md`` or ``txt``."""
    name = stack.name if slot is ProfileSlot.FIRST else f"{stack.name}-{slot}"
    return stack.outputs / "run-sheet" / f"{name}.{suffix}"


def write_run_sheet(
    stack: Stack, settings: Settings, profile: RecordedProfile, on_save: Iterable[Statement] = ()
) -> Path:
    """Write the run sheet as HTML, Markdown and plain text; return the path of the HTML one.

    ``on_save`` states the effect of Save on people's sign-in (`mimecast_sso.assessment.sentences.on_save`).
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
        second=profile.slot is ProfileSlot.SECOND,
        on_save=tuple(map(str, on_save)),
        rehearsal=stack.on_sandbox,
    )
    page = run_sheet_path(stack, "html", profile.slot)
    page.parent.mkdir(parents=True, exist_ok=True)
    for suffix, render in _RENDERED.items():
        run_sheet_path(stack, suffix, profile.slot).write_text(render(sheet), encoding="utf-8")
    return page


def certificate_of(profile: RecordedProfile, format_: str, stack: str) -> bytes:
    """The signing certificate of a profile's form: ``pem``, ``base64-body`` or ``der``.

    Raises OperationError if the form has no certificate.
    """
    body = base64_body(str(profile.form["certificate"]))
    if not body:
        why = (
            f"Mimecast gets it from {profile.form['metadataUrl']}"
            if profile.form["metadataUrl"]
            else f"there is none yet. Deploy the stack first: mimecast-sso up --stack {stack}"
        )
        raise OperationError(f"The form of the {profile.slot} profile holds no certificate: {why}")
    if format_ == "base64-body":
        return f"{body}\n".encode()
    content = der(body)
    if format_ == "der":
        return content
    return x509.load_der_x509_certificate(content).public_bytes(Encoding.PEM)


def write_certificate(file: Path, content: bytes) -> None:
    """Write a certificate. Raises OperationError if that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise OperationError(
            f"{file} cannot be written: {error.strerror}. Name another file with --out."
        ) from None


def remove_run_sheet(stack: Stack, slot: ProfileSlot = ProfileSlot.FIRST) -> None:
    """Remove the sheet of finished work, so that nobody works from it again."""
    for suffix in _RENDERED:
        run_sheet_path(stack, suffix, slot).unlink(missing_ok=True)


def confirm(
    stack: Stack,
    profile: RecordedProfile,
    *,
    by: str,
    at: datetime,
    evidence: str,
    fingerprint: str | None,
    read: ReadBack | None = None,
) -> Confirmed:
    """Record an attestation in the stack file, with Mimecast's time.

    Args:
        stack: The stack.
        profile: The profile in its state.
        by: The person who attests.
        at: When, by Mimecast's clock.
        evidence: The evidence.
        fingerprint: The fingerprint of the run sheet, if known.
        read: A copy of the console's forms that agrees with the profile.

    Raises:
        OperationError: The sheet is out of date, the profile has no certificate yet, or a placeholder was given.
    """
    _require_own_words(by, evidence)
    _require_confirmable(stack, profile, fingerprint)
    desired = profile.fingerprints.critical
    confirmed = Confirmed(fingerprint=desired, by=by, at=utc_text(at), evidence=evidence)
    seen = ReadConsole(fingerprint=desired, at=utc_text(at), host=read.host) if read else None
    stack.confirm(confirmed, profile.slot, Evidence(readBack=seen) if seen else None)
    return confirmed


def _require_own_words(by: str, evidence: str) -> None:
    """Refuse placeholders of the run sheet, and a name that would break a line. Raises OperationError."""
    for option, given, means in (
        ("--by", by, "the person who set the values in the console"),
        ("--evidence", evidence, "the evidence: a change number, a screenshot, a test sign-in"),
    ):
        if attestation.is_placeholder(given):
            raise OperationError(
                f"{option} {quoted(given)} is a placeholder. Replace it with {means}. Nothing was recorded.",
                Exit.REFUSED,
            )
    try:
        one_line(by)
    except ValueError as error:
        raise OperationError(f"--by {error}. Nothing was recorded.") from None


def _require_confirmable(stack: Stack, profile: RecordedProfile, fingerprint: str | None) -> None:
    """Refuse a profile without a certificate, and a run sheet that is out of date. Raises OperationError."""
    if profile.idle:
        raise OperationError(
            f"The {profile.slot} profile has no certificate yet, so there is nothing to confirm. When it gets one: "
            f"mimecast-sso rotate status --stack {stack.name}",
            Exit.REFUSED,
        )
    desired = profile.fingerprints.critical
    if fingerprint is not None and fingerprint != desired:
        raise OperationError(
            f"The run sheet with fingerprint {fingerprint} is out of date: the desired one is now {desired}. "
            f"Write a new sheet (mimecast-sso run-sheet --stack {stack.name}), compare it with the console, and "
            "confirm that one.",
            Exit.REFUSED,
        )


def compare_read_back(
    stack: Stack, profile: RecordedProfile, file: Path, now: datetime
) -> tuple[ReadBack, str]:
    """The copy of the console's forms in a file, and its cosmetic differences.

    Raises OperationError if the file is unusable or old, or the console differs; it lists the differences.
    """
    try:
        read = read_back.parse(read_text(file))
    except (UnreadableTextError, UnusableReadBackError) as error:
        raise OperationError(f"{file} {error}. Nothing was recorded.") from None
    if abs(now - read.at) > _READ_BACK_COUNTS:
        raise OperationError(
            f"{file} was read at {utc_text(read.at)}, and the console may have changed since. Read it back again. "
            "Nothing was recorded."
        )
    critical, cosmetic = read_back.differences(read, profile.form, profile.thumbprint)
    if critical:
        rows = "".join(f"\n  {each}" for each in critical)
        raise OperationError(
            f"The console differs from the run sheet:{rows}\nNothing was recorded. Set these as the run sheet "
            f"says (mimecast-sso run-sheet --stack {stack.name}), save, and read the forms back again.",
            Exit.CHANGES,
        )
    return read, "".join(f"\nCosmetic difference: {each}" for each in cosmetic)
