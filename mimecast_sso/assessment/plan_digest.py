"""The digest of a plan: as long as it is the same, a deployment does what the reviewer saw.

What enters, in four parts:

========= ============================================================================================================
settings  the stack file as it was read (secrets as one word), the rows of its CSV file, the desired values
state     what the last deployment recorded: every resource's URN, type and outputs, without secrets
tenants   what differs from that at both sides, and who the configured users and groups are; before the first
          deployment the applications that exist, and the roll-out groups
people    what becomes of each person's sign-in, now, afterwards and once the console work is done
========= ============================================================================================================

So it is the same whoever reads, with the same rights, until one of these changes. Who deploys, times, names of people
that decide nothing, and the program's code do not enter. Of owners the configured ones do: which of the others leave
depends on who deploys, who keeps its own ownership.

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
from typing import Final

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.planned import OWNERS, planned
from mimecast_sso.assessment.sign_in import Outcome
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings.base import SECRET, SECRET_KEYS

PARTS = ("settings", "state", "tenants", "people")
_MEANS = {
    "settings": "the configuration",
    "state": "what the last deployment recorded",
    "tenants": "the tenants",
    "people": "people's sign-ins",
}
_WHOLE, _PART = 26, 3
DIGEST: Final = re.compile(rf"[a-z2-7]{{{_WHOLE}}}-[a-z2-7]{{{_PART * len(PARTS)}}}")
ANNOUNCED: Final = "Plan digest: "
"""How a program begins the message that has it, and a command the line."""
EXPECTED: Final = "MIMECAST_SSO_EXPECTED_PLAN"
"""The variable by which a command that has compared the plan lets the program refuse another one, read later."""
_MASKED = SECRET_KEYS | {"mimecastClientId"}
_INSTANTS = (Instant.NOW, Instant.AFTERWARDS, Instant.EVENTUALLY)


def digest(assessment: Assessment) -> str:
    """The digest of what a run would do, such as ``…26 characters…-settatpeo``."""
    parts = contents(assessment)
    texts = [_text(parts[name]) for name in PARTS]
    whole = _hash(*_of_list(texts))[:_WHOLE]
    return f"{whole}-{''.join(_hash(text)[:_PART] for text in texts)}"


def contents(assessment: Assessment) -> dict[str, JSON]:
    """What enters the digest, by part, as JSON."""
    return {
        "settings": {
            "file": _without_secrets(assessment.settings.model_dump(mode="json", by_alias=True)),
            "addresses": assessment.addresses,
            "changes": [*_changes(assessment)],
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


def _changes(assessment: Assessment) -> Iterator[dict[str, JSON]]:
    """What the run writes, but for owners: configured and recorded ones are in the other parts."""
    for each in planned(assessment):
        found = each.document()
        owners = found["properties"].pop(OWNERS, None)
        if owners is None or found["properties"]:
            yield found


def _without_secrets(document: Mapping[str, JSON], prefix: str = "") -> dict[str, JSON]:
    """The configuration, secrets as one word: a program has them in clear, a command as they stand in the file."""
    found: dict[str, JSON] = {}
    for key, value in document.items():
        dotted = f"{prefix}{key}"
        if dotted in _MASKED and value is not None:
            found[key] = SECRET
        else:
            found[key] = _without_secrets(value, f"{dotted}.") if isinstance(value, Mapping) else value
    return found


def _tenants(assessment: Assessment) -> dict[str, JSON]:
    snapshot, desired = assessment.snapshot, assessment.desired
    found: dict[str, JSON] = {
        # The desired state is in the settings; of owners, it depends on who deploys.
        "drift": {each.id: [each.change.recorded, each.change.live] for each in drift.find(assessment)},
        "assigned": desired.principals,
        "problems": snapshot.directory.problems,
        **({"owners": [*snapshot.directory.owners]} if snapshot.directory.owners else {}),
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


def _why(outcomes: tuple[Outcome, ...]) -> str:
    first = outcomes[0]
    return str(first.reason or first.missing or "")


def _decisive(outputs: Mapping[str, JSON]) -> dict[str, JSON]:
    # The code of a dynamic provider is an output of each of its resources.
    return {key: value for key, value in outputs.items() if not key.startswith("__")}


def _plain(value: JSON) -> JSON:
    return (
        dataclasses.asdict(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type)
        else value
    )


def _hash(*texts: str) -> str:
    """The hash of the texts, one after the other; together they would take tens of megabytes once more."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode())
    return base64.b32encode(found.digest()).decode().lower()


def _text(value: JSON) -> str:
    """The value as JSON in one spelling: the order of lists means nothing, because neither side promises one."""
    if isinstance(value, Enum):
        return json.dumps(str(value.value))
    if isinstance(value, Mapping):
        entries = {str(key.value if isinstance(key, Enum) else key): entry for key, entry in value.items()}
        return "{" + ",".join(f"{json.dumps(key)}:{_text(entries[key])}" for key in sorted(entries)) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "".join(_of_list(map(_text, value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _text(dataclasses.asdict(value))
    return json.dumps(value if value is None or isinstance(value, (bool, int, float, str)) else str(value))


def _of_list(texts: Iterable[str]) -> Iterator[str]:
    """A list as JSON, piece by piece."""
    yield "["
    for number, text in enumerate(sorted(texts)):
        if number:
            yield ","
        yield text
    yield "]"


def different(now: str, expected: str) -> tuple[str, ...]:
    """The parts in which two digests differ.

    Different parts may have the same three characters; the whole digests still differ.
    """
    return tuple(name for name in PARTS if _part_of(now, name) != _part_of(expected, name))


def in_words(parts: Iterable[str]) -> str:
    """Parts as the subject of a sentence."""
    *most, last = [_MEANS[name] for name in parts] or ["a part of it"]
    return f"{', '.join(most)} and {last}" if most else last


def _part_of(digest_: str, name: str) -> str:
    """The three characters of a digest that stand for one part."""
    at = PARTS.index(name) * _PART
    return digest_.partition("-")[2][at : at + _PART]
