"""Deploy exactly the reviewed plan: read and compare the digest of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.plan_digest import ANNOUNCED, DIGEST, different, digest, in_words
from mimecast_sso.assessment.planned import planned
from mimecast_sso.facts import resource_types as types
from mimecast_sso.operations import assessing
from mimecast_sso.operations.display import text_of
from mimecast_sso.operations.engine import Engine, RunOutcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from providers.mimecast.domain_verification import ProofOutcome

_MOST = 20
_WAITING = frozenset({types.DOMAIN_VERIFICATION, types.ADDRESS_BOOK})
"""What a run writes again while a domain is unverified; the preview does not know yet whether it will be."""


def parse(text: str) -> str:
    """Parse a typed digest. Raises OperationError (usage) for anything else."""
    found = text.strip().lower()
    if not DIGEST.fullmatch(found):
        raise OperationError(
            "--expect takes the digest of a plan, as printed by preview and in the comment of review.",
            Exit.USAGE,
        )
    return found


def of_stack(stack: Stack, engine: Engine) -> Assessment:
    """The assessment that the digest covers. Raises OperationError if the plan is unknown."""
    found = assessing.try_to_assess(stack, stack.settings(), engine)
    if found.value is None:
        raise OperationError(f"The plan of stack {stack.name} is unknown: {found.source}")
    record = found.value.snapshot.record
    if not record.is_known:
        raise OperationError(f"The plan of stack {stack.name} is unknown: {record.source}")
    return found.value


def read_comment(file: Path) -> str:
    """The comment of a review; "" if no file exists. Raises OperationError for a file that cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise OperationError(f"{file} cannot be read: {why}.") from None


def announced(outcome: RunOutcome) -> str | None:
    """The digest that the program printed in a preview; None if it printed none, as with two components."""
    for event in outcome.events:
        text = text_of(event.get("diagnosticEvent") or {})
        if text.startswith(ANNOUNCED) and DIGEST.fullmatch(text.removeprefix(ANNOUNCED)):
            return text.removeprefix(ANNOUNCED)
    return None


def only_retries_proofs(stack: Stack, engine: Engine, previewed: RunOutcome) -> bool:
    """Whether a run only does what every run repeats while a domain is unverified.

    It tries to verify the domain again; if that succeeds, it creates the addresses that wait for it, as was planned
    when they were configured. Neither is a change of a plan.
    """
    if not (types.DOMAIN_VERIFICATION in previewed.changed_types <= _WAITING):
        return False
    assessment = of_stack(stack, engine)
    proofs = assessment.desired.record.all_outputs_of(types.DOMAIN_VERIFICATION)
    again = all(
        each.get("publish") == assessment.settings.dns.publish
        for each in proofs
        if each.get("state") != ProofOutcome.VERIFIED
    )
    return again and not planned(assessment)


def require(stack: Stack, engine: Engine, expected: str) -> None:
    """Read both tenants and compare. Raises OperationError (refused) if the plan is a different one now."""
    assessment = of_stack(stack, engine)
    now = digest(assessment)
    if now == expected:
        return
    parts = different(now, expected)
    lines = [
        f"Refused: the plan of stack {stack.name} is not the one that was reviewed; {in_words(parts)} changed since.",
        "Nothing was deployed.",
        *(f"  {line}" for line in _now(assessment, parts)),
        f"Review the plan again, and deploy the digest that it prints: mimecast-sso preview --stack {stack.name}",
    ]
    raise OperationError("\n".join(lines), Exit.REFUSED)


def _now(assessment: Assessment, parts: Iterable[str]) -> Iterator[str]:
    """The current content of the differing parts."""
    lines = {
        "settings": [f"planned now: {each.text}" for each in planned(assessment)]
        or ["planned now: no change"],
        "tenants": [f"differs from the state: {each.text}" for each in drift.find(assessment)]
        or ["nothing differs from the state now"],
    }
    for name in parts:
        found = lines.get(name, [])
        yield from found[:_MOST]
        if len(found) > _MOST:
            yield f"and {len(found) - _MOST} more"
