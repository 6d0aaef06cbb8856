"""Guard `administrators`: before administrators must sign in through Entra, both sides have emergency access.

Administrators use the profile's block of their own (Enforce SAML Authentication for Administration Console), and
`Account_Administrators_Authentication_Profile`, once made, overrides every other for them and cannot be removed
(Mimecast's administrator guides). No public API shows who is an administrator, or whether a second Super
Administrator with a cloud password exists: that is a person's word (``mimecast-sso:attested``).
"""

from __future__ import annotations

from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards.situation import Situation
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import FactName

_FACTS: tuple[tuple[FactName, str], ...] = (
    ("mimecast-emergency-access", "Mimecast: a second Super Administrator signs in with a cloud password"),
    ("entra-emergency-access", "Entra: an emergency account signs in without single sign-on"),
)


def find(situation: Situation) -> Finding:
    """Not met while the administrators' box is ticked for people who are new to it, and a fact is not attested."""
    settings = situation.settings
    if not settings.authentication_profile.enforce.administration_console:
        return Finding(
            "administrators", (Statement("administrators keep their sign-in", How.CONFIGURED, "enforce"),)
        )
    affected = _affected(situation)
    words = {fact: settings.attestation(fact, situation.today) for fact, _ in _FACTS}
    inputs = [
        Statement(what, How.ATTESTED, str(word))
        if (word := words[fact])
        else Statement(what, How.UNKNOWN, "nobody said so")
        for fact, what in _FACTS
    ]
    inputs += [
        Statement("who of them is an administrator", How.UNKNOWN, "no API says"),
        situation.group_input(),
    ]
    missing = [fact for fact, _ in _FACTS if words[fact] is None]
    if not missing or not (affected or (situation.opening and not situation.members.is_known)):
        return Finding("administrators", tuple(inputs))
    return Finding(
        "administrators",
        tuple(inputs),
        f"administrators among {len(affected)} people would have to sign in to the Administration Console through "
        "Entra, and emergency access is not known on both sides",
        affected,
        f"make sure of it, and write mimecast-sso:attested: [{{fact: {missing[0]}, by: …, at: …, evidence: …}}]"
        + (f" and the same for {missing[1]}" if missing[1:] else "")
        + "; or set authenticationProfile.enforce.administrationConsole to false",
    )


def _affected(situation: Situation) -> tuple[str, ...]:
    """Who would be added, and while console work is due also who is in the group: it acts on them at once."""
    if set(situation.settings.certificates.populated) == set(situation.opening):
        return situation.added
    return tuple(sorted({*situation.added, *situation.staying}))
