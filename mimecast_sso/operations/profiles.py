"""The attested authentication profile as the stack's state has it: its run sheet, its confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mimecast_sso.console import run_sheet
from mimecast_sso.console.attestation import Fingerprints
from mimecast_sso.facts.resource_types import AUTHENTICATION_PROFILE
from mimecast_sso.operations.engine import Engine, Outcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import Statement
from mimecast_sso.settings import Confirmed, Lane, Settings
from mimecast_sso.text.times import utc_text

_RENDERED = {"html": run_sheet.html, "md": run_sheet.markdown, "txt": run_sheet.text}


@dataclass(frozen=True, slots=True)
class Profile:
    """What the last deployment wants the console to hold."""

    lane: Lane
    form: dict[str, Any]
    thumbprint: str
    fingerprints: Fingerprints
    state: str
    previous: dict[str, Any] | None
    """The form as it was confirmed last, while the wanted one is due."""
    confirmed: dict[str, Any] | None
    evidence: dict[str, Any] | None

    @property
    def idle(self) -> bool:
        """Whether it waits for a certificate, so that nothing is due in the console."""
        return not self.form["certificate"] and not self.form["monitorMetadataUrl"]


def resources(engine: Engine, type_: str) -> list[dict[str, Any]]:
    """The resources of a type in the stack's state. Raises OperationError when there is no such stack."""
    return [resource for resource in engine.resources() if resource["type"] == type_]


def read(engine: Engine, lane: Lane = Lane.FIRST) -> Profile | None:
    """A lane's profile in the stack's state; None before the first deployment, and where there is no such lane."""
    return of(resources(engine, AUTHENTICATION_PROFILE), lane)


def of(found: Iterable[Mapping[str, Any]], lane: Lane) -> Profile | None:
    """A lane's profile among resources of a state; None when it is not there."""
    for resource in found:
        if resource["type"] == AUTHENTICATION_PROFILE and lane_of(resource["urn"]) is lane:
            return _profile(lane, resource["outputs"])
    return None


def deployed(outcome: Outcome) -> dict[Lane, Profile]:
    """The profiles as a deployment that has just ended left them, by lane."""
    found = {}
    for event in outcome.events:
        metadata = event.get("resOutputsEvent", {}).get("metadata", {})
        if metadata.get("type") == AUTHENTICATION_PROFILE and metadata.get("new"):
            lane = lane_of(metadata["urn"])
            found[lane] = _profile(lane, metadata["new"]["outputs"])
    return found


def lane_of(urn: str) -> Lane:
    """The lane that a resource belongs to, from its name: the second's end so, the first's are as they ever were."""
    return Lane.SECOND if urn.endswith(f"-{Lane.SECOND}") else Lane.FIRST


def _profile(lane: Lane, outputs: Mapping[str, Any]) -> Profile:
    return Profile(
        lane=lane,
        form=outputs["form"],
        thumbprint=outputs["thumbprint"],
        fingerprints=Fingerprints(outputs["criticalFingerprint"], outputs["cosmeticFingerprint"]),
        state=outputs["state"],
        previous=outputs.get("previousForm"),
        confirmed=outputs.get("confirmed"),
        evidence=outputs.get("evidence"),
    )


def run_sheet_path(stack: Stack, suffix: str, lane: Lane = Lane.FIRST) -> Path:
    """Where a lane's run sheet is written; ``suffix`` is ``html``, ``md`` or ``txt``."""
    name = stack.name if lane is Lane.FIRST else f"{stack.name}-{lane}"
    return stack.root / "build" / "run-sheet" / f"{name}.{suffix}"


def write_run_sheet(
    stack: Stack, settings: Settings, profile: Profile, on_save: Iterable[Statement] = ()
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
        second=profile.lane is Lane.SECOND,
        on_save=tuple(map(str, on_save)),
    )
    page = run_sheet_path(stack, "html", profile.lane)
    page.parent.mkdir(parents=True, exist_ok=True)
    for suffix, render in _RENDERED.items():
        run_sheet_path(stack, suffix, profile.lane).write_text(render(sheet), encoding="utf-8")
    return page


def remove_run_sheet(stack: Stack, lane: Lane = Lane.FIRST) -> None:
    """Removes the sheet of work that is done, so that nobody works from it again."""
    for suffix in _RENDERED:
        run_sheet_path(stack, suffix, lane).unlink(missing_ok=True)


def confirm(
    stack: Stack, profile: Profile, *, by: str, at: datetime, evidence: str, fingerprint: str | None
) -> Confirmed:
    """Records a person's word, given at a time of Mimecast's, in the stack's file.

    Raises OperationError for a sheet that is out of date, and for a profile that has no certificate yet.
    """
    if profile.idle:
        raise OperationError(
            f"The {profile.lane} profile has no certificate yet, so there is nothing to confirm. When it gets one: "
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
    stack.confirm(confirmed, profile.lane)
    return confirmed
