"""The attested authentication profile as the stack's state has it: its run sheet, its confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.settings import Confirmed, Settings
from operations.engine import Engine, Outcome
from operations.exit_codes import Exit, OperationError
from operations.stacks import Stack
from providers.mimecast import run_sheet
from providers.mimecast.authentication_profile import Fingerprints

_RENDERED = {"html": run_sheet.html, "md": run_sheet.markdown, "txt": run_sheet.text}
_TYPE = "pulumi-python:dynamic/mimecast:AuthenticationProfile"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the last deployment wants the console to hold."""

    form: dict[str, Any]
    thumbprint: str
    fingerprints: Fingerprints
    state: str
    previous: dict[str, Any] | None
    """The form as it was confirmed last, while the wanted one is due."""
    confirmed: dict[str, Any] | None
    evidence: dict[str, Any] | None


def resources(engine: Engine, type_: str) -> list[dict[str, Any]]:
    """The resources of a type in the stack's state. Raises OperationError when there is no such stack."""
    return [resource for resource in engine.resources() if resource["type"] == type_]


def read(engine: Engine) -> Profile | None:
    """The profile in the stack's state; None before the first deployment."""
    for resource in resources(engine, _TYPE):
        return _profile(resource["outputs"])
    return None


def deployed(outcome: Outcome) -> Profile | None:
    """The profile as a deployment that has just ended left it; None when the program has none."""
    for event in outcome.events:
        metadata = event.get("resOutputsEvent", {}).get("metadata", {})
        if metadata.get("type") == _TYPE and metadata.get("new"):
            return _profile(metadata["new"]["outputs"])
    return None


def _profile(outputs: dict[str, Any]) -> Profile:
    return Profile(
        form=outputs["form"],
        thumbprint=outputs["thumbprint"],
        fingerprints=Fingerprints(outputs["criticalFingerprint"], outputs["cosmeticFingerprint"]),
        state=outputs["state"],
        previous=outputs.get("previousForm"),
        confirmed=outputs.get("confirmed"),
        evidence=outputs.get("evidence"),
    )


def run_sheet_path(stack: Stack, suffix: str) -> Path:
    """Where the stack's run sheet is written; ``suffix`` is ``html``, ``md`` or ``txt``."""
    return stack.root / "build" / "run-sheet" / f"{stack.name}.{suffix}"


def write_run_sheet(stack: Stack, settings: Settings, profile: Profile) -> Path:
    """Writes the run sheet as HTML, Markdown and plain text; gives the path of the HTML one."""
    sheet = run_sheet.RunSheet(
        stack=stack.name,
        region=settings.region,
        account_code=settings.account_code,
        form=profile.form,
        previous=profile.previous,
        fingerprints=profile.fingerprints,
        state=profile.state,
        evidence=profile.evidence,
    )
    page = run_sheet_path(stack, "html")
    page.parent.mkdir(parents=True, exist_ok=True)
    for suffix, render in _RENDERED.items():
        run_sheet_path(stack, suffix).write_text(render(sheet), encoding="utf-8")
    return page


def remove_run_sheet(stack: Stack) -> None:
    """Removes the sheet of work that is done, so that nobody works from it again."""
    for suffix in _RENDERED:
        run_sheet_path(stack, suffix).unlink(missing_ok=True)


def confirm(stack: Stack, profile: Profile, *, by: str, evidence: str, fingerprint: str | None) -> Confirmed:
    """Records a person's word in the stack's file. Raises OperationError for a sheet that is out of date."""
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
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        evidence=evidence,
    )
    stack.confirm(confirmed)
    return confirmed
