"""Guard `allow-destroy`: what people sign in through is not deleted or replaced while anybody is in the roll-out group.

The engine's own plan is out of the program's sight: application, service principal and identifier are `protect`ed
besides, as long as this guard is not lifted, so that neither a plan nor a plain ``destroy`` removes them. What is
seen here, before anything is planned, is what the configuration would have replaced, compared with the live objects.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards.situation import Principal, Situation
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import Settings


def find(situation: Situation) -> Finding:
    """Not met where something of the chain would go and the group is not known to be empty."""
    inputs = tuple(_inputs(situation))
    losses = list(_losses(situation))
    if not losses or (situation.members.is_known and not situation.everybody):
        return Finding("allow-destroy", inputs)
    count = f"{len(situation.everybody)}" if situation.members.is_known else "an unknown number of"
    return Finding(
        "allow-destroy",
        inputs,
        f"{count} people sign in through Entra, and {'; '.join(losses)}",
        tuple(sorted(situation.everybody)),
        "take everybody out first (mimecast-sso roll-out back), wait Mimecast's 15 minutes, then run again; or put "
        "the old value back",
    )


def _losses(situation: Situation) -> Iterator[str]:
    principal, settings = situation.principal.value, situation.settings
    if situation.principal.is_known and principal is None and _was_in_use(situation):
        yield (
            f"Entra has no application with identifier {settings.identifier}: it was deleted, or this run would "
            "replace the identifier"
        )
    if principal is not None:
        yield from _replaced_application(situation, principal)
        yield from _certificate(settings, principal)


def _was_in_use(situation: Situation) -> bool:
    """Whether people were put behind single sign-on before: a group that others filled is not ours to judge."""
    profile = situation.settings.authentication_profile
    lanes = situation.settings.certificates.lanes
    deployed = situation.deployed.value
    return bool(deployed and deployed.identifier) or any(profile.confirmed_of(lane) for lane in lanes)


def _replaced_application(situation: Situation, principal: Principal) -> Iterator[str]:
    settings, template = situation.settings, situation.other_template
    adopted = settings.application.adopt
    if adopted and adopted != principal.client_id:
        yield (
            f"application {principal.client_id} would be replaced by {adopted} (mimecast-sso:application.adopt)"
        )
    if template and settings.overrides(
        "allow-destroy", situation.today
    ):  # Else the application keeps its entry.
        yield (
            f"application {principal.client_id} would be replaced by one of gallery entry {template} "
            "(mimecast-sso:application.template)"
        )


def _certificate(settings: Settings, principal: Principal) -> Iterator[str]:
    signing = principal.signing
    if signing is None:
        return
    certificates = settings.certificates
    if any(entry.thumbprint == signing.thumbprint for entry in certificates.retired):
        yield f"certificate {signing} signs and would be retired (mimecast-sso:certificates.retired)"
    elif signing.label and all(each.label != signing.label for each in certificates.generations):
        yield f"certificate {signing} signs, and mimecast-sso:certificates.generations holds it no more"


def _inputs(situation: Situation) -> Iterator[Statement]:
    yield situation.group_input()
    yield situation.principal_input()
    principal = situation.principal.value
    if principal is not None and principal.signing is not None:
        yield Statement(f"{principal.signing} signs", How.LIVE)
