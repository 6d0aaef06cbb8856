"""Guard `administrators`: before administrators must sign in through Entra, both sides have emergency access.

Administrators use the profile's own block (Enforce SAML Authentication for Administration Console), and
`Account_Administrators_Authentication_Profile`, once created, overrides every other for them and cannot be removed
(Mimecast's administrator guides). No public API shows who is an administrator, or whether a second Super Administrator
with a cloud password exists: that is attested (``mimecast-sso:attested``).
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import FactName
from mimecast_sso.text.names import is_among
from mimecast_sso.text.wording import people

_FACTS: tuple[tuple[FactName, str], ...] = (
    ("mimecast-emergency-access", "Mimecast: a second Super Administrator signs in with a cloud password"),
    ("entra-emergency-access", "Entra: an emergency account signs in without single sign-on"),
)


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse if the administrators' box is ticked, people are new to it, and an emergency access is not attested."""
    settings = assessment.settings
    if not settings.authentication_profile.enforce.administration_console:
        return
    today = assessment.snapshot.mimecast_now.date()
    words = {fact: settings.attestation(fact, today) for fact, _ in _FACTS}
    missing = [fact for fact, _ in _FACTS if words[fact] is None]
    affected = _affected(assessment)
    unseen = _any_open(assessment) and not assessment.snapshot.groups_known
    if not missing or not (affected or unseen):
        return
    known = [
        Statement(what, How.ATTESTED, str(words[fact]))
        if words[fact]
        else Statement(what, How.UNKNOWN, "not attested")
        for fact, what in _FACTS
    ]
    known.append(Statement("which of them are administrators", How.UNKNOWN, "no API shows it"))
    who = people(len(affected)) if affected else "the people in the roll-out group"
    yield GuardFinding(
        "administrators",
        f"administrators among {who} would have to sign in to the Administration Console through "
        "Entra, but emergency access is not attested on both sides",
        affected,
        known=(*known, *sentences.groups(assessment.snapshot)),
        remedy=f"check it, then set mimecast-sso:attested: [{{fact: {missing[0]}, by: …, at: …, evidence: …}}]"
        + (f" and the same for {missing[1]}" if missing[1:] else "")
        + "; or set authenticationProfile.enforce.administrationConsole to false",
    )


def _affected(assessment: Assessment) -> tuple[str, ...]:
    """People who would join and, while console work is due, the group's members: saving the form affects them."""
    desired, settings = assessment.desired, assessment.settings
    present = assessment.snapshot.everybody
    joining = {each for each in desired.members if not is_among(each, present)}
    if all(desired.opens(slot) for slot in settings.certificates.populated):
        return tuple(sorted(joining))
    staying = set(desired.members) & present
    return tuple(sorted(staying | (joining if _any_open(assessment) else set())))


def _any_open(assessment: Assessment) -> bool:
    return any(assessment.desired.opens(slot) for slot in assessment.settings.certificates.populated)
