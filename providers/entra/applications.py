"""One application with its service principal, as Entra has it: read whole, nothing written.

Facts: Microsoft Graph's "application", "servicePrincipal", "claimsMappingPolicy" and "appRoleAssignment" resource
types. What the portal's claims editor keeps is in no resource of Graph v1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from providers.entra.errors import GraphError, NotFound, Refused
from providers.entra.odata import literal
from providers.entra.signing_certificates import Graph, SigningCertificates
from providers.entra.signing_certificates import read as read_certificates

_APPLICATION = "id,appId,applicationTemplateId,displayName,identifierUris,web,defaultRedirectUri"
_PRINCIPAL = (
    "id,appId,displayName,accountEnabled,alternativeNames,appRoleAssignmentRequired,appRoles,description,loginUrl,"
    "notes,notificationEmailAddresses,preferredSingleSignOnMode,samlSingleSignOnSettings,tags"
)
_GROUP = "#microsoft.graph.group"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who may change an application object or a service principal."""

    object_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Registration:
    """An application object, by its object id, and its owners; its service principal has owners of its own."""

    object_id: str
    owners: tuple[Owner, ...]

    def owned_by(self, object_id: str) -> bool:
        """Whether somebody is among the owners."""
        return any(owner.object_id == object_id for owner in self.owners)


@dataclass(frozen=True, slots=True)
class Role:
    """An app role; ``enabled`` and for people."""

    role_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Policy:
    """An assigned claims mapping policy; ``definition`` is JSON text, ``others`` who else has it assigned."""

    policy_id: str
    name: str
    definition: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """One assignment of an app role; ``kind`` is ``User``, ``Group`` or ``ServicePrincipal``."""

    assignment_id: str
    principal_id: str
    kind: str
    name: str
    role_id: str


@dataclass(frozen=True, slots=True)
class LiveApplication:
    """Application and service principal. ``policies`` is ``None`` where they could not be read."""

    client_id: str
    object_id: str
    principal_id: str
    template_id: str
    """"" for an application that no template was used for."""
    display_name: str
    identifiers: tuple[str, ...]
    reply_urls: tuple[str, ...]
    default_reply_url: str
    """"" where none is stated."""
    sign_on_url: str
    mode: str
    enabled: bool
    assignment_required: bool
    tags: frozenset[str]
    notification_emails: tuple[str, ...]
    description: str
    notes: str
    relay_state: str
    alternative_names: tuple[str, ...]
    roles: tuple[Role, ...]
    owners: tuple[Owner, ...]
    """Of the service principal."""
    registration: Registration
    policies: tuple[Policy, ...] | None
    assigned: tuple[Assigned, ...]
    certificates: SigningCertificates


def read(graph: Graph, client_id: str) -> LiveApplication:
    """The application with this client id. Raises NotFound when it or its service principal is not there."""
    application = _only(graph, "/applications", client_id, _APPLICATION)
    principal = _only(graph, "/servicePrincipals", client_id, _PRINCIPAL)
    principal_id = str(principal["id"])
    return LiveApplication(
        client_id=str(application["appId"]),
        object_id=str(application["id"]),
        principal_id=principal_id,
        template_id=_text(application, "applicationTemplateId"),
        display_name=_text(application, "displayName"),
        identifiers=tuple(application.get("identifierUris") or ()),
        reply_urls=tuple((application.get("web") or {}).get("redirectUris") or ()),
        default_reply_url=_text(application, "defaultRedirectUri"),
        sign_on_url=_text(principal, "loginUrl"),
        mode=_text(principal, "preferredSingleSignOnMode"),
        enabled=bool(principal.get("accountEnabled")),
        assignment_required=bool(principal.get("appRoleAssignmentRequired")),
        tags=frozenset(principal.get("tags") or ()),
        notification_emails=tuple(principal.get("notificationEmailAddresses") or ()),
        description=_text(principal, "description"),
        notes=_text(principal, "notes"),
        relay_state=_text(principal.get("samlSingleSignOnSettings") or {}, "relayState"),
        alternative_names=tuple(principal.get("alternativeNames") or ()),
        roles=tuple(_roles(principal)),
        owners=tuple(_owners(graph, f"/servicePrincipals/{principal_id}")),
        registration=_registration(graph, str(application["id"])),
        policies=_policies_if_allowed(graph, principal_id),
        assigned=assigned(graph, principal_id),
        certificates=read_certificates(graph, principal_id),
    )


def registration(graph: Graph, client_id: str) -> Registration:
    """The application object with this client id. Raises NotFound, or GraphError for a failed reading."""
    return _registration(graph, str(_only(graph, "/applications", client_id, "id")["id"]))


def policies(graph: Graph, principal_id: str) -> tuple[Policy, ...]:
    """The claims mapping policies assigned to a service principal (Entra allows one). Raises GraphError."""
    return tuple(
        Policy(
            policy_id=str(policy["id"]),
            name=_text(policy, "displayName"),
            definition=next(iter(policy.get("definition") or ()), ""),
            others=tuple(_others(graph, str(policy["id"]), principal_id)),
        )
        for policy in graph.list(f"/servicePrincipals/{principal_id}/claimsMappingPolicies")
    )


def assigned(graph: Graph, principal_id: str) -> tuple[Assigned, ...]:
    """Who is assigned to a service principal: direct assignments, groups not expanded. Raises GraphError."""
    return tuple(
        Assigned(
            assignment_id=str(assignment["id"]),
            principal_id=str(assignment["principalId"]),
            kind=_text(assignment, "principalType"),
            name=_text(assignment, "principalDisplayName"),
            role_id=str(assignment["appRoleId"]),
        )
        for assignment in graph.list(f"/servicePrincipals/{principal_id}/appRoleAssignedTo")
    )


def with_identifier(graph: Graph, identifier: str) -> tuple[tuple[str, str], ...]:
    """Client id and name of the tenant's applications with this identifier. Raises GraphError."""
    found = graph.list(
        "/applications",
        filter=f"identifierUris/any(u:u eq {literal(identifier)})",
        select="appId,displayName",
    )
    return tuple((str(item["appId"]), _text(item, "displayName")) for item in found)


def nested_groups(graph: Graph, group_id: str) -> tuple[str, ...]:
    """Names of the groups that are direct members of a group. Raises GraphError."""
    members = graph.list(f"/groups/{group_id}/members")
    return tuple(_text(member, "displayName") for member in members if member.get("@odata.type") == _GROUP)


def is_guest(graph: Graph, user_id: str) -> bool:
    """Whether a user is a guest of the tenant. Raises GraphError."""
    return str(graph.get(f"/users/{user_id}", select="userType").get("userType") or "") == "Guest"


def _only(graph: Graph, path: str, client_id: str, select: str) -> Mapping[str, Any]:
    found = list(graph.list(path, filter=f"appId eq {literal(client_id)}", select=select))
    if not found:
        what = "service principal" if path == "/servicePrincipals" else "application"
        raise NotFound(f"This tenant has no {what} with client id {client_id}")
    return found[0]


def _roles(principal: Mapping[str, Any]) -> Iterator[Role]:
    for role in principal.get("appRoles") or ():
        if role.get("isEnabled") and "User" in (role.get("allowedMemberTypes") or ()):
            yield Role(str(role["id"]), _text(role, "displayName"))


def _registration(graph: Graph, object_id: str) -> Registration:
    return Registration(object_id, tuple(_owners(graph, f"/applications/{object_id}")))


def _owners(graph: Graph, path: str) -> Iterator[Owner]:
    for owner in graph.list(f"{path}/owners"):
        name = _text(owner, "userPrincipalName") or _text(owner, "displayName")
        yield Owner(str(owner["id"]), name)


def _policies_if_allowed(graph: Graph, principal_id: str) -> tuple[Policy, ...] | None:
    try:
        return policies(graph, principal_id)
    except Refused:
        return None


def _others(graph: Graph, policy_id: str, principal_id: str) -> Iterator[str]:
    try:
        users = list(graph.list(f"/policies/claimsMappingPolicies/{policy_id}/appliesTo"))
    except GraphError:
        # Not knowing counts as shared: writing a policy that others use changes their sign-in.
        yield "unknown, because who has it assigned could not be read"
        return
    for item in users:
        if str(item["id"]) != principal_id:
            yield _text(item, "displayName") or str(item["id"])


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name) or "")
