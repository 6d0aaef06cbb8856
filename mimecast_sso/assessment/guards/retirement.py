"""Guard `allow-destroy` for certificates: the signing certificate is not removed."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to retire the certificate that Entra signs with, while somebody is in a roll-out group or may be.

    A run that activates another one first may retire it: the component waits for the activation.
    """
    snapshot, application = assessment.snapshot, assessment.snapshot.application.value
    signing = application.certificates.active(snapshot.entra_now) if application else None
    retired = {entry.thumbprint for entry in assessment.settings.certificates.retired}
    nobody = snapshot.groups_known and not snapshot.everybody
    if signing is None or signing.thumbprint not in retired or nobody:
        return
    timeline = assessment.forecast.effects.timeline
    if timeline and all(state.signing != signing.thumbprint for state in timeline.after):
        return
    yield GuardFinding(
        "allow-destroy",
        f"certificate {signing} signs and would be removed (mimecast-sso:certificates.retired)",
        tuple(sorted(snapshot.everybody)),
        known=tuple(sentences.groups(snapshot)),
        remedy=f"activate another generation first ({assessment.command('rotate next')}), or remove the entry",
    )
