"""The application as read live from Entra before anything is registered, to adopt or check it.

Read only if the configuration says ``adopt`` or ``verify``; the engine reads everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mimecast_sso.assessment.adoption import (
    Adoption,
    AdoptionFinding,
    DesiredApplication,
    Effect,
    Surroundings,
    compare,
)
from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Ownership, Settings
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count
from providers.entra import applications
from providers.entra.applications import LiveApplication
from providers.entra.claims import name_id_problem
from providers.entra.errors import GraphError, ObjectNotFound
from providers.entra.protocols import GraphReads

_MOST_LOOKED_AT = 50
"""The maximum of assigned users and groups that are read one by one; the rest is reported as not read."""


class CannotBeTakenOver(Exception):  # noqa: N818  (the name states the outcome)
    """The application to adopt does not exist, or adopting it would harm others; the text lists why."""


def desired_application(
    desired: Desired, owners: Mapping[str, str], people: Mapping[str, str]
) -> DesiredApplication:
    """The configured application; owners and people by object id, with their names."""
    settings, application = desired.settings, desired.settings.application
    return DesiredApplication(
        display_name=application.display_name,
        identifier=settings.identifier,
        reply_urls=desired.reply_urls,
        sign_on_url=desired.sign_on_url,
        assignment_required=application.assignment_required,
        hide=application.hide,
        owners=owners,
        deployer=desired.snapshot.deployer,
        notification_emails=application.notification_emails,
        claims=application.claims,
        assign=settings.assign.mode,
        people=people,
        generations=settings.certificates.generations,
    )


def present(graph: GraphReads, snapshot: Snapshot, client_id: str) -> LiveApplication:
    """The application to adopt, from the snapshot, with the other objects that adopting depends on.

    Only an application other than the one that this stack recorded is read again.

    Raises:
        CannotBeTakenOver: Entra does not have it.
        GraphError: It could not be read.
    """
    for known in (snapshot.own, snapshot.application):
        if known.value is not None and known.value.client_id.lower() == client_id:
            return applications.with_others(graph, known.value)
    if not snapshot.own.is_known:
        raise GraphError(snapshot.own.source)
    try:
        return applications.read(graph, client_id)
    except ObjectNotFound as error:
        raise CannotBeTakenOver(f"{error}. Correct mimecast-sso:application.adopt") from None


def adopt(
    graph: GraphReads, live: LiveApplication, configured: DesiredApplication, cloud: Cloud
) -> tuple[Adoption, list[AdoptionFinding]]:
    """What adopting an application (`present`) would change. Raises CannotBeTakenOver or GraphError."""
    findings = compare(live, configured, _surroundings(graph, live, configured.identifier))
    refused = [finding for finding in findings if finding.effect is Effect.REFUSED]
    if refused:
        raise CannotBeTakenOver("\n".join(f"  {finding.text}" for finding in refused))
    return Adoption(live, live.template_id or cloud.non_gallery_template), findings


def report(live: LiveApplication, findings: Sequence[AdoptionFinding]) -> Statement:
    """The report in every preview of a stack that adopts."""
    head = f"Application {quoted(live.display_name)} (client id {live.client_id}), as read live from Entra: "
    if not findings:
        return _statement(f"{head}nothing differs from the configuration, so nothing would change")
    changes = sum(finding.effect is Effect.CHANGES for finding in findings)
    lines = "".join(f"\n  {finding}" for finding in findings)
    verdict = Verdict.WARNS if changes else Verdict.NOTE
    return _statement(
        f"{head}{count(changes, 'change')}, {count(len(findings) - changes, 'note')}.{lines}", verdict
    )


def check(settings: Settings, snapshot: Snapshot) -> Iterator[Statement]:
    """Compare claims and assignments that a person manages (``verify``) with the configuration."""
    modes = {"application.claims": settings.application.claims, "assign.mode": settings.assign.mode}
    known = snapshot.application
    for key in [key for key, mode in modes.items() if mode is Ownership.VERIFY]:
        if not known.is_known:
            yield known.states(f"mimecast-sso:{key}: not checked")
        elif known.value is None:
            text = (
                f"mimecast-sso:{key} is verify, but no application has identifier {settings.identifier} yet"
            )
            yield Statement(text, How.UNKNOWN, "until the next run", Verdict.UNKNOWN)
        elif key == "assign.mode":
            yield _assignments(known.value, snapshot)
        else:
            yield _claims(known.value)


def _statement(text: str, verdict: Verdict = Verdict.NOTE) -> Statement:
    return Statement(text, How.LIVE, "Microsoft Graph", verdict)


def _claims(application: LiveApplication) -> Statement:
    if application.policies is None:
        text = "mimecast-sso:application.claims is verify: the claims policy could not be read"
        return Statement(text, How.UNKNOWN, application.policies_unread, Verdict.UNKNOWN)
    policy = next(iter(application.policies), None)
    problem = name_id_problem(policy.definition if policy else None)
    if policy is not None and not problem:
        return _statement(
            f"mimecast-sso:application.claims is verify: claims policy {quoted(policy.name)} issues the "
            "mail address as NameID (read live)"
        )
    hint = "" if policy else ", unless the portal's claims editor sets it, which Graph does not show"
    return _statement(
        f"mimecast-sso:application.claims is verify, and differs (read live): {problem}{hint}. Nothing is written",
        Verdict.WARNS,
    )


def _assignments(application: LiveApplication, snapshot: Snapshot) -> Statement:
    directory = snapshot.directory
    if directory.problems:
        text = "mimecast-sso:assign.mode is verify: the assignments could not be compared"
        return Statement(text, How.UNKNOWN, directory.problems[0], Verdict.UNKNOWN)
    people = {user.object_id: user.address for user in directory.users}
    people |= {group.object_id: group.name for group in directory.groups}
    assigned = {item.principal_id: item.name for item in application.assigned}
    missing = sorted(name for object_id, name in people.items() if object_id not in assigned)
    others = sorted(name for object_id, name in assigned.items() if object_id not in people)
    differs = [f"not assigned: {enumerate_some(missing)}"] if missing else []
    differs += [f"assigned, but not configured: {enumerate_some(others)}"] if others else []
    if not differs:
        return _statement(
            "mimecast-sso:assign.mode is verify: exactly the configured people are assigned (read live)"
        )
    return _statement(
        f"mimecast-sso:assign.mode is verify, and differs (read live): {'; '.join(differs)}. Nothing is written",
        Verdict.WARNS,
    )


def _surroundings(graph: GraphReads, live: LiveApplication, identifier: str) -> Surroundings:
    unread: list[str] = []
    nested: dict[str, Sequence[str]] = {}
    guests: list[str] = []
    people = [item for item in live.assigned if item.kind in ("Group", "User")]
    if len(people) > _MOST_LOOKED_AT:
        unread.append(f"nested groups and guests among the last {len(people) - _MOST_LOOKED_AT} assignments")
    for item in people[:_MOST_LOOKED_AT]:
        try:
            if item.kind == "Group":
                nested[item.name] = applications.nested_groups(graph, item.principal_id)
            elif applications.is_guest(graph, item.principal_id):
                guests.append(item.name)
        except GraphError:
            unread.append(f"{item.kind.lower()} {item.name}")
    return Surroundings(
        now=graph.now(),
        same_identifier=applications.with_identifier(graph, identifier),
        nested={group: names for group, names in nested.items() if names},
        guests=guests,
        unread=unread,
    )
