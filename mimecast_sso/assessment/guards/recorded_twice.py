"""Guard `allow-destroy`, of what the state records twice: no run deletes an object that it also keeps.

``pulumi import`` records an object under another name, which the program does not declare. The next run deletes that
one, and with it the object of this stack. The engine advises to unprotect it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement

_GUARD = "allow-destroy"
_ENTRA = "azuread:"
_OWN = "mimecast-sso:index:PersonalPortalSso$"
"""In the URN of whatever a component of this project declares."""


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse a run for each object of this stack at Entra that is recorded once more."""
    if assessment.desired.destroys:
        return
    found: dict[tuple[str, str], list[str]] = {}
    for each in assessment.snapshot.recorded.resources:
        if each.type.startswith(_ENTRA) and each.outputs.get("id"):
            found.setdefault((each.type, str(each.outputs["id"])), []).append(each.urn)
    for (type_, object_id), urns in found.items():
        others = [each for each in urns if _OWN not in each]
        if len(others) == len(urns):
            continue  # Of a program's own resources.
        for urn in others:
            yield _finding(assessment, f"{type_.rpartition(':')[2]} {object_id}", urn)


def _finding(assessment: Assessment, what: str, urn: str) -> GuardFinding:
    words = ["pulumi", "state", "delete", "--force", urn, *_stack(assessment)]
    return GuardFinding(
        _GUARD,
        f"the state records {what} twice. A run deletes the one that this project's components do not declare, and "
        "with it the object that both stand for",
        details=(urn,),
        known=(Statement("both", How.RECORDED, "the state"),),
        remedy=f"remove it from the state, which deletes nothing: {shlex.join(words)}",
    )


def _stack(assessment: Assessment) -> list[str]:
    return ["--stack", assessment.stack] if assessment.stack else []
