"""The digest of a plan: what a reviewer saw and what a deployment would do are the same while it is.

What enters, in four parts:

========= ============================================================================================================
settings  the stack file as it was read (secrets as one word), the rows of its CSV file, the desired values
state     what the last deployment recorded: every resource's URN, type and outputs, without secrets
tenants   what differs from that at both sides, and who the configured users and groups are; before the first
          deployment the applications that exist, and the roll-out groups
people    what becomes of each person's sign-in, now, afterwards and once the console work is done
========= ============================================================================================================

So it is the same whoever reads, with the same rights, until one of these changes. Who deploys, times, names of people
that decide nothing, and the program's code do not enter.

A digest is 26 characters over all of it, and three for each part, which only tell which part differs.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.operations import assessing
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.planned import planned
from mimecast_sso.operations.stacks import Stack

PARTS = ("settings", "state", "tenants", "people")
_WHOLE, _PART = 26, 3
_DIGEST = re.compile(rf"([a-z2-7]{{{_WHOLE}}})-([a-z2-7]{{{_PART * len(PARTS)}}})")
_MEANS = {
    "settings": "the configuration",
    "state": "what the last deployment recorded",
    "tenants": "the tenants",
    "people": "what becomes of people's sign-in",
}
_INSTANTS = (Instant.NOW, Instant.AFTERWARDS, Instant.EVENTUALLY)
_MOST = 20


def digest(assessment: Assessment) -> str:
    """The digest of what a run would do, such as ``…26 characters…-settatpeo``."""
    parts = contents(assessment)
    whole = _hash([parts[name] for name in PARTS])[:_WHOLE]
    return f"{whole}-{''.join(_hash(parts[name])[:_PART] for name in PARTS)}"


def contents(assessment: Assessment) -> dict[str, Any]:
    """What enters the digest, by part, as JSON."""
    return {
        "settings": {
            "file": assessment.settings.model_dump(mode="json", by_alias=True),
            "addresses": [each.model_dump(mode="json") for each in assessment.addresses],
            "changes": [each.document() for each in planned(assessment)],
        },
        "state": [
            [each.urn, each.type, _decisive(each.outputs)] for each in assessment.desired.record.resources
        ],
        "tenants": _tenants(assessment),
        "people": {
            each.address: {
                f"{way}, {instant}": [
                    str(each.ways[way].at(instant)[0].result),
                    _why(each.ways[way].at(instant)),
                ]
                for way in each.ways
                for instant in _INSTANTS
            }
            for each in assessment.forecast.people
        },
    }


def _tenants(assessment: Assessment) -> dict[str, Any]:
    snapshot, desired = assessment.snapshot, assessment.desired
    found: dict[str, Any] = {
        "drift": {each.id: _plain(each.change) for each in drift.find(assessment)},
        "assigned": desired.principals,
        "problems": snapshot.directory.problems,
        "unread": [each.text for each in drift.not_looked_at(assessment)],
    }
    if desired.record.application is None:
        found["application"] = _plain(snapshot.application.value)
        found["holders"] = _plain(snapshot.holders.value)
        found["groups"] = {slot: _plain(known.value) for slot, known in snapshot.groups.items()}
    if desired.settings.directory_synchronisation is not None and desired.record.integration is None:
        # Without its last run, which changes three times a day.
        integration = snapshot.integration.value
        found["integration"] = dict(integration.properties) if integration else None
    return found


def _why(outcomes: tuple[Any, ...]) -> str:
    first = outcomes[0]
    return str(first.reason or first.missing or "")


def _decisive(outputs: Mapping[str, Any]) -> dict[str, Any]:
    # The code of a dynamic provider is an output of each of its resources.
    return {key: value for key, value in outputs.items() if not key.startswith("__")}


def _plain(value: Any) -> Any:
    return (
        dataclasses.asdict(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type)
        else value
    )


def _hash(value: Any) -> str:
    text = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()


def _canonical(value: Any) -> Any:
    """The value as JSON in one spelling: the order of lists means nothing, because neither side promises one."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return {str(_canonical(key)): _canonical(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return sorted(map(_canonical, value), key=lambda each: json.dumps(each, sort_keys=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _canonical(dataclasses.asdict(value))
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


# -- Expecting one --------------------------------------------------------------------------------------------------


def parse(text: str) -> str:
    """A digest as it was typed. Raises OperationError (usage) for anything else."""
    found = text.strip().lower()
    if not _DIGEST.fullmatch(found):
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


def require(stack: Stack, engine: Engine, expected: str) -> None:
    """Reads both tenants and compares. Raises OperationError (refused) where the plan is another one now."""
    assessment = of_stack(stack, engine)
    now = digest(assessment)
    if now == expected:
        return
    different = [name for name in PARTS if _part(now, name) != _part(expected, name)]
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


def _part(text: str, name: str) -> str:
    at = PARTS.index(name) * _PART
    return text.partition("-")[2][at : at + _PART]


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
