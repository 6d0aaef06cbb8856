"""The commands that a drift report offers for a finding. Each does what its name says, or is not offered."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from mimecast_sso.assessment import restoring
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import Finding, Part, Severity, keeping
from mimecast_sso.assessment.drift.forms import (
    APPLICATION,
    ASSIGNMENT,
    CERTIFICATE,
    FEDERATED,
    ID,
    POLICY,
    PRINCIPAL,
)
from mimecast_sso.assessment.drift.mimecast import ADDRESS, DOMAIN, GROUP, INTEGRATION, MEMBER
from mimecast_sso.settings import AddressSource, DirectorySynchronisation, IntegrationMode
from mimecast_sso.text import foreign

SNOOZE_DAYS = 30
_PLAIN = re.compile(r"[A-Za-z0-9@._+:/ =-]+")
"""Paths that mean the same in a shell and in every form of a report."""


def commands(finding: Finding, assessment: Assessment, undo: Path | None) -> Mapping[str, str]:
    """Name and command of each way out: ``restore``, ``keep it``, ``snooze``, ``at once``.

    ``undo`` is the undo record of the last roll-back that removed the finding's subject; None if there is none.
    """
    return dict(_commands(finding, assessment, undo))


def _commands(finding: Finding, assessment: Assessment, undo: Path | None) -> Iterator[tuple[str, str]]:
    deploy = f"{assessment.command('up')} --refresh"
    if _is_recorded_by_deployment(finding):
        yield from _let_in_again(finding, assessment, undo)
        yield "keep it", deploy
        return
    lost = restoring.command(assessment) if finding.object in _LOST_WITH_IT else ""
    if lost and finding.part is not Part.UNMANAGED:
        yield "restore", lost
    elif _is_restored_by_deployment(finding, assessment):
        yield "restore", deploy
    elif request := _request(finding, assessment):
        yield "restore" if finding.part is Part.MISSING else "remove", request
    if finding.severity is Severity.URGENT:
        yield "at once", assessment.command("roll-out back")
    elif finding.severity is Severity.LOOK and _is_plain(finding.path) and not lost:
        keep = f"{assessment.command('keep')} {shlex.quote(finding.path)}"
        if keeping.edit(finding, assessment):
            yield "keep it", keep
        else:
            yield "snooze", f"{keep} --days {SNOOZE_DAYS}"


def _is_recorded_by_deployment(finding: Finding) -> bool:
    """Whether a deployment that refreshes changes nothing, because the live state is the desired one or may be any."""
    change = finding.change
    if change.desired is None:
        return finding.part is Part.CHANGED and (
            finding.object == INTEGRATION or finding.aspect == "appRoles"
        )
    return change.live is not None and set(change.desired) == set(change.live)


def _is_restored_by_deployment(finding: Finding, assessment: Assessment) -> bool:
    settings = assessment.settings
    checked_only = {
        ADDRESS: settings.addresses.source is AddressSource.SYNCHRONISED,
        INTEGRATION: _is_required(settings.directory_synchronisation),
    }
    if checked_only.get(finding.object):
        return False
    kind = (finding.object, finding.aspect)
    if kind in ((APPLICATION, ""), (PRINCIPAL, "")):
        return False  # `restoring.command` does, unless another application has the identifier.
    if kind == (POLICY, "") and assessment.desired.foreign_policy is not None:
        return False  # Entra takes one policy only.
    return kind in _UNMANAGED_AND_REMOVED if finding.part is Part.UNMANAGED else kind not in _NEVER_WRITTEN


_LOST_WITH_IT = frozenset({APPLICATION, PRINCIPAL, POLICY, ASSIGNMENT, CERTIFICATE})
"""What is gone, or no longer as recorded, after the service principal was deleted."""
_UNMANAGED_AND_REMOVED = frozenset({(PRINCIPAL, "owner"), (GROUP, MEMBER)})
_NEVER_WRITTEN = frozenset(
    {
        (ADDRESS, "status"),
        (ADDRESS, "kind"),
        (DOMAIN, "state"),
        (DOMAIN, "inboundType"),
        (ASSIGNMENT, ID),
        (PRINCIPAL, ID),
    }
)


def _request(finding: Finding, assessment: Assessment) -> str:
    """A request to Microsoft Graph, which removes an unmanaged object."""
    live = assessment.desired.application
    match (finding.part, finding.object, finding.aspect):
        case (Part.UNMANAGED, "application", "owner") if live is not None:
            method, path = "DELETE", f"applications/{live.object_id}/owners/{finding.key}/$ref"
        case (Part.UNMANAGED, "claims policy", "") if live is not None:
            method = "DELETE"
            path = f"servicePrincipals/{live.principal_id}/claimsMappingPolicies/{finding.key}/$ref"
        case (Part.UNMANAGED, "application", aspect) if live is not None and aspect == FEDERATED:
            method, path = "DELETE", f"applications/{live.object_id}/{FEDERATED}s/{finding.key}"
        case (Part.UNMANAGED | Part.CHANGED, "assignment", _) if live is not None:
            ids = {each.principal_id: each.assignment_id for each in live.assigned}
            method, path = (
                "DELETE",
                f"servicePrincipals/{live.principal_id}/appRoleAssignedTo/{ids[finding.key]}",
            )
        case _:
            return ""
    return assessment.snapshot.cloud.graph_request(method, path)


def _is_required(integration: DirectorySynchronisation | None) -> bool:
    return integration is not None and integration.mode is IntegrationMode.REQUIRE


def _let_in_again(finding: Finding, assessment: Assessment, undo: Path | None) -> Iterator[tuple[str, str]]:
    """After a roll-back the configuration asks for nobody, so that no deployment restores a member."""
    if (finding.object, finding.aspect, finding.part) != (GROUP, MEMBER, Part.MISSING):
        return
    widen = assessment.command("roll-out widen")
    if undo is not None:
        yield "restore", f"{widen} --undo {shlex.quote(str(undo))} --apply"
    elif _is_plain(finding.key) and not finding.key.startswith("@"):
        yield "restore", f"{widen} --pilot {finding.key} --apply"


def _is_plain(path: str) -> bool:
    return _PLAIN.fullmatch(path) is not None and foreign.one_line(path) == path
