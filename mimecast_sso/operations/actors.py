"""Who made the changes that a drift check found, and when, from both audit logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mimecast_sso.assessment.drift import Finding, Part
from mimecast_sso.assessment.drift.access import ACCESS_POLICY
from mimecast_sso.assessment.drift.forms import APPLICATION, FEDERATED, PRINCIPAL
from mimecast_sso.assessment.drift.mimecast import MEMBER
from mimecast_sso.facts.entra_directory_audits import RETENTION_DAYS
from mimecast_sso.provenance import How, Known, unknown
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import shown
from providers.entra import directory_audits
from providers.entra.directory_audits import Activity
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.mimecast.audit import GroupChange, group_changes
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError

_ENTRA, _MIMECAST = "the directory's audit log", "Mimecast's audit log"
# Words in the names of activities, by the object of a finding.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "owner": ("owner",),
    "credential": ("credential", "certificates and secrets"),
    "signing certificate": ("credential", "certificates and secrets"),
    "assignment": ("app role assignment",),
    "claims policy": ("policy",),
    FEDERATED: ("update application", "federated"),
    ACCESS_POLICY: ("conditional access policy",),
}

# Both objects' entries are read, because not every change is logged with the object that has it; these are.
_BY_HOLDER: Mapping[str, str] = {
    PRINCIPAL: "service principal credentials",
    APPLICATION: "certificates and secrets",
}


def name_actors(
    findings: Sequence[Finding], graph: GraphClient, mimecast: MimecastClient | MimecastError
) -> tuple[Finding, ...]:
    """Add who made each change; unknown if no log shows it or the log could not be read."""
    entra = _Directory(graph)
    members = _Members(mimecast)
    return tuple(
        replace(each, actor=entra.actor(each) if each.targets else members.actor(each)) for each in findings
    )


class _Directory:
    """Entra's log, read once for each object."""

    def __init__(self, graph: GraphClient) -> None:
        self._graph = graph
        self._read: dict[str, Sequence[Activity] | GraphError] = {}

    def actor(self, finding: Finding) -> Known[str]:
        deployer = str(self._graph.claims().get("oid") or "")
        since = self._graph.now() - timedelta(days=RETENTION_DAYS)
        found: list[Activity] = []
        for target in finding.targets:
            activities = self._of(target, since)
            if isinstance(activities, GraphError):
                return unknown(directory_audits.unavailable(activities) or activities)
            found += [each for each in activities if _concerns(each, finding)]
        others = [each for each in found if each.by.object_id != deployer]
        others = [each for each in others if _names(each, finding.aspect)] or others
        others = [each for each in others if _is_of_holder(each, finding)] or others
        last = max(others, key=lambda each: each.at, default=None)
        if last is None:
            return unknown(f"not in {_ENTRA} since {since:%Y-%m-%d}{_by_deployer(found)}")
        who = "" if last.by.is_person else "app "
        return Known(f"{who}{last.by.name}, {shown(last.at)}: {last.name}{_of(last)}", How.LIVE, _ENTRA)

    def _of(self, target: str, since: datetime) -> Sequence[Activity] | GraphError:
        if target not in self._read:
            try:
                self._read[target] = directory_audits.activities(self._graph, target, since)
            except GraphError as error:
                self._read[target] = error
        return self._read[target]


def _by_deployer(activities: Sequence[Activity]) -> str:
    """The last change by the deploying principal, whose deployments change the same objects."""
    last = max(activities, key=lambda each: each.at, default=None)
    return f", except by the deploying principal ({shown(last.at)}: {last.name})" if last else ""


def _concerns(activity: Activity, finding: Finding) -> bool:
    words = _WORDS.get(finding.aspect) or _WORDS.get(finding.object)
    name = activity.name.casefold()
    if words:
        return any(word in name for word in words)
    if finding.part is Part.MISSING and not finding.aspect:
        return "delete" in name or name == "remove service principal"
    return name.startswith("update")


def _is_of_holder(activity: Activity, finding: Finding) -> bool:
    """Whether the activity is the one for credentials of the object that has this one."""
    return finding.aspect == "credential" and _BY_HOLDER.get(finding.object, "\0") in activity.name.casefold()


def _names(activity: Activity, aspect: str) -> bool:
    """Whether the log names the property among those that the activity changed."""
    return bool(aspect) and any(aspect.casefold() in each.casefold() for each in activity.changed)


def _of(activity: Activity) -> str:
    """The properties that the log names: the last activity on an object need not be the one that is looked for."""
    return f" ({enumerate_some(sorted(activity.changed))})" if activity.changed else ""


class _Members:
    """Mimecast's log of group memberships, read once."""

    def __init__(self, client: MimecastClient | MimecastError) -> None:
        self._client = client
        self._changes: Iterable[GroupChange] | None = None

    def actor(self, finding: Finding) -> Known[str]:
        if isinstance(self._client, MimecastError):
            return unknown(self._client)
        if finding.aspect != MEMBER:
            return unknown(f"{_MIMECAST} does not show it")
        since = self._client.now() - timedelta(days=RETENTION_DAYS)
        try:
            if self._changes is None:
                self._changes = group_changes(self._client, since).changes
        except MimecastError as error:
            return unknown(error)
        joined = finding.part is Part.UNMANAGED
        found = [
            each
            for each in self._changes
            if each.member == finding.key and each.joined is joined and each.is_of(finding.group)
        ]
        last = max(found, key=lambda each: each.at, default=None)
        if last is None or not last.by:
            return unknown(f"not in {_MIMECAST} since {since:%Y-%m-%d}")
        return Known(f"{last.by}, {shown(last.at)}", How.LIVE, _MIMECAST)
