"""Guard `certificate-mismatch`: Entra signs with the certificate that Mimecast trusts, before people depend on it.

What Entra signs with is read live, its own switch to a valid certificate included. What Mimecast trusts is a
person's word: the confirmed fingerprint covers the thumbprint.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards.situation import Situation
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import RotationMode
from mimecast_sso.text.times import shown


def find(situation: Situation) -> Finding:
    """Not met where people would be added while the sides differ, or while one of them is unknown.

    Nor where a rotation leaves out a step, so that people would depend on a group that they are not in yet.
    """
    inputs = tuple(_inputs(situation))
    if situation.stranded:
        return _stranded(situation, inputs)
    problem = _problem(situation) if situation.added else ""
    if not problem:
        return Finding("certificate-mismatch", inputs)
    return Finding(
        "certificate-mismatch",
        inputs,
        f"{len(situation.added)} people would have to sign in through Entra, and {problem}",
        situation.added,
        "leave mimecast-sso:rollOut as it was and bring the certificates together first (mimecast-sso rotate status "
        "shows both sides; mimecast-sso up --refresh activates the configured one); then add people",
    )


def _stranded(situation: Situation, inputs: tuple[Statement, ...]) -> Finding:
    lane = situation.settings.certificates.active_generation.profile
    group = situation.settings.roll_out.group_of(lane)
    return Finding(
        "certificate-mismatch",
        inputs,
        f"{len(situation.stranded)} people would depend on the {lane} profile, and are not in its group “{group}” yet",
        situation.stranded,
        "make the steps of the rotation one after another (mimecast-sso rotate next): first cutOver both, and only "
        "when Mimecast has seen that another active generation, and then cutOver active",
    )


def _problem(situation: Situation) -> str:
    if not situation.principal.is_known:
        return "what Entra signs with is unknown"
    signing = situation.signing
    if signing is None:
        return "Entra has no certificate that is known to sign"
    if _by_metadata(situation):
        return ""
    trusted = set(situation.opening.values())
    if signing.thumbprint not in trusted:
        return f"Entra signs with {signing.thumbprint}, and Mimecast is attested to trust {', '.join(sorted(trusted))}"
    return ""


def _by_metadata(situation: Situation) -> bool:
    return situation.settings.certificates.rotation is RotationMode.METADATA


def _inputs(situation: Situation) -> Iterator[Statement]:
    principal = situation.principal.value
    if principal is None or principal.signing is None:
        yield Statement(
            "what Entra signs with", How.UNKNOWN, situation.principal.source or "there is no certificate"
        )
    else:
        yield Statement(f"Entra signs with {principal.signing}", How.LIVE, f"at {shown(principal.now)}")
    if principal is not None and situation.signing != principal.signing:
        yield Statement(f"this run activates {situation.signing}", How.RECORDED, "it was not active before")
    if _by_metadata(situation):
        seen = situation.settings.certificates.metadata_observed
        yield Statement(
            "Mimecast follows the metadata", How.ATTESTED, f"{seen.by}, {seen.at}" if seen else ""
        )
        return
    profile = situation.settings.authentication_profile
    for lane, thumbprint in situation.opening.items():
        said = profile.confirmed_of(lane)
        yield (
            Statement(f"Mimecast trusts {thumbprint}", How.ATTESTED, f"{said.by}, {said.at}")
            if thumbprint and said
            else Statement(
                "what Mimecast trusts", How.UNKNOWN, "the confirmation covers a certificate that was not read"
            )
        )
