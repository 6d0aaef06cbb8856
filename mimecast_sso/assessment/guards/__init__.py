"""What is refused before the first resource is registered.

One module a guard, each a function from a `Situation` to a `Finding`. A refusal is a `pulumi.RunError` whose text
begins with `mimecast_sso.settings.REFUSED`; the commands around the engine know it by that. Guards stop a run that
would newly put people behind single sign-on, or break the sign-in of those who are; staging, taking people out and
rolling back are never stopped.
"""

from __future__ import annotations

from collections.abc import Callable

import pulumi

from mimecast_sso.assessment.findings import Finding, ended
from mimecast_sso.assessment.guards import (
    account,
    administrators,
    allow_destroy,
    certificate_mismatch,
    last_sign_in_method,
    unprepared_people,
)
from mimecast_sso.assessment.guards.situation import Principal, Situation
from mimecast_sso.text.names import enumerate_some

__all__ = ["GUARDS", "Principal", "Situation", "check", "findings"]

GUARDS: tuple[Callable[[Situation], Finding], ...] = (
    account.find,
    allow_destroy.find,
    administrators.find,
    last_sign_in_method.find,
    certificate_mismatch.find,
    unprepared_people.find,
)


def findings(situation: Situation) -> list[Finding]:
    """What each guard finds."""
    return [guard(situation) for guard in GUARDS]


def check(situation: Situation) -> None:
    """Logs what was found, and which guards are lifted. Raises RunError with all refusals."""
    settings, today = situation.settings, situation.today
    for override in settings.guards:
        if override.until < today:
            pulumi.log.warn(ended(override))
    refusals: list[str] = []
    lifted: list[str] = []
    for finding in findings(situation):
        if finding.met:
            continue
        lifting = None if finding.final else settings.override(finding.guard, today)
        if lifting is None:
            refusals.append(finding.refusal())
        else:
            lifted.append(finding.lifted(lifting))
    for text in lifted:
        pulumi.log.warn(text)
    if refusals:
        raise pulumi.RunError("\n".join(refusals))
    pulumi.log.info(_summary(situation, len(lifted)))


def _summary(situation: Situation, lifted: int) -> str:
    added = situation.added
    if not added:
        return "Guards: this run puts nobody new behind single sign-on."
    verdict = f"{lifted} of {len(GUARDS)} lifted" if lifted else "all met"
    return f"Guards, for {len(added)} people who newly sign in through Entra ({enumerate_some(added)}): {verdict}."
