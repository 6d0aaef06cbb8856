"""Deploying exactly the plan that was reviewed: the digest of a plan, read and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.plan_digest import ANNOUNCED, DIGEST, PARTS, digest, part_of
from mimecast_sso.assessment.planned import planned
from mimecast_sso.operations import assessing
from mimecast_sso.operations.display import text_of
from mimecast_sso.operations.engine import Engine, RunOutcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack

_MEANS = {
    "settings": "the configuration",
    "state": "what the last deployment recorded",
    "tenants": "the tenants",
    "people": "what becomes of people's sign-in",
}
_MOST = 20


def parse(text: str) -> str:
    """A digest as it was typed. Raises OperationError (usage) for anything else."""
    found = text.strip().lower()
    if not DIGEST.fullmatch(found):
        raise OperationError(
            "--expect takes the digest of a plan, which preview prints, as does the comment of review.",
            Exit.USAGE,
        )
    return found


def of_stack(stack: Stack, engine: Engine) -> Assessment:
    """The assessment that the digest is of. Raises OperationError where the plan cannot be known."""
    found = assessing.try_to_assess(stack, stack.settings(), engine)
    if found.value is None:
        raise OperationError(f"The plan of stack {stack.name} is unknown: {found.source}")
    record = found.value.snapshot.record
    if not record.is_known:
        raise OperationError(f"The plan of stack {stack.name} is unknown: {record.source}")
    return found.value


def read_comment(file: Path) -> str:
    """The comment of a review; "" where no file exists. Raises OperationError for a file that cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise OperationError(f"{file} cannot be read: {why}.") from None


def announced(outcome: RunOutcome) -> str | None:
    """The digest that the program itself said in a preview; None where it did not, such as one with two components."""
    for event in outcome.events:
        text = text_of(event.get("diagnosticEvent") or {})
        if text.startswith(ANNOUNCED) and DIGEST.fullmatch(text.removeprefix(ANNOUNCED)):
            return text.removeprefix(ANNOUNCED)
    return None


def require(stack: Stack, engine: Engine, expected: str) -> None:
    """Reads both tenants and compares. Raises OperationError (refused) where the plan is another one now."""
    assessment = of_stack(stack, engine)
    now = digest(assessment)
    if now == expected:
        return
    different = [name for name in PARTS if part_of(now, name) != part_of(expected, name)]
    # A part may differ and have the same three characters: the whole never does.
    meant = _and([_MEANS[name] for name in different] or ["a part of it"])
    lines = [
        f"Refused: the plan of stack {stack.name} is not the one that was reviewed; {meant} changed since.",
        "Nothing was deployed.",
        *(f"  {line}" for line in _now(assessment, different)),
        f"Look at it again, and deploy what you see there: mimecast-sso preview --stack {stack.name}",
    ]
    raise OperationError("\n".join(lines), Exit.REFUSED)


def _and(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _now(assessment: Assessment, different: Iterable[str]) -> Iterator[str]:
    """What the parts that differ hold now."""
    lines = {
        "settings": [f"planned now: {each.text}" for each in planned(assessment)]
        or ["planned now: no change"],
        "tenants": [f"differs from the state: {each.text}" for each in drift.find(assessment)]
        or ["nothing differs from the state now"],
    }
    for name in different:
        found = lines.get(name, [])
        yield from found[:_MOST]
        if len(found) > _MOST:
            yield f"and {len(found) - _MOST} more"
