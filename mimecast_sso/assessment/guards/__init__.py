"""Guards: refusals before the first resource is registered.

A guard is a named set of reasons why people would lose their sign-in: the forecast finds the people, and
`mimecast_sso.facts.sign_in_reasons` maps each reason to a guard. Other guards check that the
credentials are for the configured systems (`account`), that administrators keep a way in (`administrators`), that no
second stack writes the same objects (`second_stack`), that the test account belongs to no person
(`account_for_tests`), that the recorded application was not deleted (`application_missing`), that the state records no
object twice (`recorded_twice`), that Entra accepts the claims policy (`claims_policy`), that no certificate is created
that has expired (`certificate_date`), that no roll-out group gets the name of another (`group_name`), and that the
certificate that signs is not retired (`retirement`).

`check` decides; the program raises its refusals, and a command exits with 4. The text of a refusal begins with
`mimecast_sso.settings.REFUSED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards import (
    account,
    account_for_tests,
    administrators,
    application_missing,
    certificate_date,
    claims_policy,
    group_name,
    losses,
    recorded_twice,
    retirement,
    second_stack,
)
from mimecast_sso.assessment.guards.finding import GuardFinding, expired
from mimecast_sso.assessment.sign_in import Result
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count

__all__ = ["GUARDS", "GuardFinding", "Judgement", "check", "findings"]

GUARDS: tuple[Callable[[Assessment], Iterable[GuardFinding]], ...] = (
    account.find,
    second_stack.find,
    account_for_tests.find,
    application_missing.find,
    recorded_twice.find,
    claims_policy.find,
    certificate_date.find,
    group_name.find,
    administrators.find,
    retirement.find,
    losses.find,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a run may continue, and the messages about it.

    Attributes:
        refusals: The texts of the refusals; empty if the run may continue.
        warnings: Overrides that were used, and overrides that expired.
        summary: One sentence for a run that continues.
    """

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    summary: str


def findings(assessment: Assessment) -> list[GuardFinding]:
    """The guards' refusals. If the credentials are for another system, no other guard runs."""
    found: list[GuardFinding] = []
    for guard in GUARDS:
        found += guard(assessment)
        if any(finding.final for finding in found):
            return found
    return found


def check(assessment: Assessment) -> Judgement:
    """Judge a run."""
    settings, today = assessment.settings, assessment.snapshot.entra_now.date()
    warnings = [expired(override) for override in settings.guards if override.until < today]
    used: list[str] = []
    refusals: list[str] = []
    for finding in findings(assessment):
        override = None if finding.final else settings.override_named(finding.guard, today)
        if override is None:
            refusals.append(finding.refusal())
        else:
            used.append(finding.overridden(override))
    return Judgement(tuple(refusals), (*warnings, *used), _summary(assessment, overridden=bool(used)))


def _summary(assessment: Assessment, *, overridden: bool) -> str:
    joining = assessment.forecast.joining
    verdict = "Guards: see the overrides above" if overridden else "Guards: all passed"
    if not joining:
        return f"{verdict}; this run sends nobody else to Entra."
    more = (
        f"{verdict}; this run sends {count(len(joining), 'more person')} to Entra: {enumerate_some(joining)}"
    )
    in_vain = {each: why for each, why in assessment.forecast.joining_in_vain.items() if each in joining}
    if not in_vain:
        return f"{more}."
    known = all(each.result is Result.REFUSED for each in in_vain.values())
    cannot = "cannot sign in there" if known else "may not be able to sign in there"
    if len(in_vain) == len(joining):
        return f"{more}, who {cannot}."
    return f"{more}, {len(in_vain)} of whom {cannot}: {enumerate_some(sorted(in_vain))}."
