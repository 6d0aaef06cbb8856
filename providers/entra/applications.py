"""Read an application with its service principal completely; writes nothing.

Facts: Microsoft Graph's "application", "servicePrincipal", "claimsMappingPolicy", "appRoleAssignment" and
"federatedIdentityCredential" resource types. Graph v1.0 does not show the settings of the portal's claims editor; beta
does ("customClaimsPolicy"), in the global cloud only, and Microsoft does not support beta for production.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mimecast_sso.facts.entra import DELETED_ITEMS_DAYS
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.times import graph_time
from providers.entra.batching import Read
from providers.entra.errors import Forbidden, GraphError, ObjectNotFound
from providers.entra.odata import literal
from providers.entra.people import ROWS_PER_PAGE
from providers.entra.protocols import GraphReads
from providers.entra.signing_certificates import PrincipalCertificates, parsed, thumbprint_of

APPLICATION = (
    "id,appId,applicationTemplateId,displayName,identifierUris,web,defaultRedirectUri,keyCredentials,"
    "passwordCredentials,optionalClaims,groupMembershipClaims"
)
"""The properties of an application object that `assemble` needs."""
PRINCIPAL = (
    "id,appId,displayName,accountEnabled,alternativeNames,appRoleAssignmentRequired,appRoles,description,loginUrl,"
    "notes,notificationEmailAddresses,preferredSingleSignOnMode,samlSingleSignOnSettings,tags,keyCredentials,"
    "passwordCredentials,preferredTokenSigningKeyThumbprint,tokenEncryptionKeyId"
)
"""The properties of a service principal that `assemble` needs.

Graph shows the public half of a key only in a read of a single object.
"""
DELETED = Read(
    "/directory/deletedItems/microsoft.graph.application",
    {"select": "id,appId,displayName,identifierUris,deletedDateTime", "top": ROWS_PER_PAGE},
)
"""All deleted applications, for `deleted_of`. Needs Application.Read.All or Directory.Read.All."""
_GROUP = "#microsoft.graph.group"
_POLICIES = "claimsMappingPolicies"
_FEDERATED = "federatedIdentityCredentials"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner, who may change an application object or a service principal."""

    object_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Registration:
    """An application object, by its object id, and its owners; its service principal has separate owners."""

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
    """An assigned claims mapping policy; ``definition`` is JSON text, ``others`` its other principals, if asked."""

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
class Credential:
    """A key or password that can act as the application, or sign for it.

    ``holder`` is ``application`` or ``service principal``, ``kind`` ``key`` or ``password``. ``thumbprint`` ties the
    three credentials of a signing certificate together; "" for one that has none.
    """

    holder: str
    kind: str
    key_id: str
    name: str
    thumbprint: str
    ends: str


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """A federated identity credential: tokens of this issuer with this subject can act as the application.

    ``subject`` is an expression for a credential that matches several (``claimsMatchingExpression``).
    """

    key_id: str
    name: str
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class DeletedApplication:
    """A soft-deleted application, which can be restored for `DELETED_ITEMS_DAYS` days."""

    client_id: str
    object_id: str
    """Its id in ``/directory/deletedItems/{id}``: POST ``…/restore`` to restore it, DELETE to purge it."""
    display_name: str
    deleted_at: datetime
    reserves: bool = True
    """Whether it still has an identifier of the account, which no other application can have until it is purged."""

    @property
    def until(self) -> datetime:
        """The time when it is purged and its identifiers are free again."""
        return self.deleted_at + timedelta(days=DELETED_ITEMS_DAYS)


@dataclass(frozen=True, slots=True)
class DeletedPrincipal:
    """A soft-deleted service principal, which can be restored with its certificates and assignments.

    Restoring its application does not restore it (Microsoft Graph, "Restore deleted item").
    """

    object_id: str
    """Its id in ``/directory/deletedItems/{id}``."""
    deleted_at: datetime

    @property
    def until(self) -> datetime:
        """The time when it is purged."""
        return self.deleted_at + timedelta(days=DELETED_ITEMS_DAYS)


def deleted_principal(object_id: str) -> Read:
    """Whether a service principal is in the recycle bin, for `deleted_principal_of`."""
    return Read(f"/directory/deletedItems/{object_id}", {"select": "id,deletedDateTime"})


def deleted_principal_of(row: Mapping[str, JSON]) -> DeletedPrincipal:
    """A deleted service principal, from Graph's row."""
    return DeletedPrincipal(str(row["id"]), graph_time(row["deletedDateTime"]))


@dataclass(frozen=True, slots=True)
class LiveApplication:
    """Application and service principal. ``policies`` is ``None`` if they could not be read (`policies_unread`)."""

    client_id: str
    object_id: str
    principal_id: str
    template_id: str
    """"" for an application without a template."""
    display_name: str
    identifiers: tuple[str, ...]
    reply_urls: tuple[str, ...]
    default_reply_url: str
    """"" if none is stated."""
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
    certificates: PrincipalCertificates
    credentials: tuple[Credential, ...] = ()
    """Of both objects, including signing certificates."""
    policies_unread: str = ""
    """Why the claims policies could not be read; "" where they could."""
    encryption_key: str = ""
    """Id of the service principal's key that Entra encrypts assertions with; "" if it does not."""
    federated: tuple[FederatedCredential, ...] | None = ()
    """``None`` if they could not be read (`federated_unread`)."""
    federated_unread: str = ""
    """Why the federated credentials could not be read; "" where they could."""
    optional_claims: tuple[str, ...] = ()
    """Optional claims by token, as ``saml2Token.email``."""
    group_claims: tuple[str, ...] = ()
    """Kinds of groups that Entra adds to tokens (``groupMembershipClaims``)."""


def read(graph: GraphReads, client_id: str) -> LiveApplication:
    """The application with this client id. Raises NotFound if it or its service principal does not exist."""
    application = _only(graph, "/applications", client_id, "id")
    principal = _only(graph, "/servicePrincipals", client_id, "id")
    principal_id, object_id = str(principal["id"]), str(application["id"])
    readable, unread = _policies_if_allowed(graph, principal_id)
    federated, federated_unread = _federated_if_readable(graph, object_id)
    return assemble(
        graph.get(f"/applications/{object_id}", select=APPLICATION),
        graph.get(f"/servicePrincipals/{principal_id}", select=PRINCIPAL),
        owners=tuple(_owners(graph, f"/servicePrincipals/{principal_id}")),
        registration=_registration(graph, object_id),
        policies=readable,
        policies_unread=unread,
        assigned=assigned(graph, principal_id),
        federated=federated,
        federated_unread=federated_unread,
    )


def assemble(
    application: Mapping[str, JSON],
    principal: Mapping[str, JSON],
    *,
    owners: tuple[Owner, ...],
    registration: Registration,
    policies: tuple[Policy, ...] | None,
    policies_unread: str = "",
    assigned: tuple[Assigned, ...],
    federated: tuple[FederatedCredential, ...] | None,
    federated_unread: str = "",
) -> LiveApplication:
    """One application, from its two objects as read with `APPLICATION` and `PRINCIPAL`, and related objects."""
    return LiveApplication(
        client_id=str(application["appId"]),
        object_id=str(application["id"]),
        principal_id=str(principal["id"]),
        template_id=_text(application, "applicationTemplateId"),
        display_name=_text(application, "displayName"),
        identifiers=tuple(application.get("identifierUris") or ()),
        reply_urls=tuple((application.get("web") or {}).get("redirectUris") or ()),
        default_reply_url=_text(application, "defaultRedirectUri"),
        sign_on_url=_text(principal, "loginUrl"),
        mode=_text(principal, "preferredSingleSignOnMode"),
        enabled=bool(principal["accountEnabled"]),
        assignment_required=bool(principal["appRoleAssignmentRequired"]),
        tags=frozenset(principal.get("tags") or ()),
        notification_emails=tuple(principal.get("notificationEmailAddresses") or ()),
        description=_text(principal, "description"),
        notes=_text(principal, "notes"),
        relay_state=_text(principal.get("samlSingleSignOnSettings") or {}, "relayState"),
        alternative_names=tuple(principal.get("alternativeNames") or ()),
        roles=tuple(_roles(principal)),
        owners=owners,
        registration=registration,
        policies=policies,
        policies_unread=policies_unread,
        assigned=assigned,
        certificates=parsed(principal),
        encryption_key=_text(principal, "tokenEncryptionKeyId"),
        federated=federated,
        federated_unread=federated_unread,
        optional_claims=tuple(_optional_claims(application)),
        group_claims=tuple(_group_claims(application)),
        credentials=(
            *_credentials("application", application),
            *_credentials("service principal", principal),
        ),
    )


def _credentials(holder: str, row: Mapping[str, JSON]) -> Iterator[Credential]:
    for kind, name in (("key", "keyCredentials"), ("password", "passwordCredentials")):
        for item in row.get(name) or ():
            thumbprint = thumbprint_of(item) if item.get("customKeyIdentifier") else ""
            yield Credential(
                holder,
                kind,
                str(item["keyId"]).casefold(),
                _text(item, "displayName"),
                thumbprint,
                _text(item, "endDateTime"),
            )


def _optional_claims(application: Mapping[str, JSON]) -> Iterator[str]:
    for token, found in (application.get("optionalClaims") or {}).items():
        if isinstance(found, list):
            yield from (f"{token}.{_text(each, 'name')}" for each in found)


def _group_claims(application: Mapping[str, JSON]) -> Iterator[str]:
    for each in _text(application, "groupMembershipClaims").split(","):
        if each.strip() not in ("", "None"):
            yield each.strip()


def registration(graph: GraphReads, client_id: str) -> Registration:
    """The application object with this client id. Raises NotFound, or GraphError for a failed reading."""
    return _registration(graph, str(_only(graph, "/applications", client_id, "id")["id"]))


def policies(graph: GraphReads, principal_id: str) -> tuple[Policy, ...]:
    """The claims mapping policies assigned to a service principal (Entra allows one). Raises GraphError."""
    rows = graph.list(f"/servicePrincipals/{principal_id}/{_POLICIES}")
    return tuple(_with_others(graph, policy_of(row), principal_id) for row in rows)


def with_others(graph: GraphReads, live: LiveApplication) -> LiveApplication:
    """Add to whom else each claims policy of the application is assigned, which a snapshot does not ask."""
    if not live.policies:
        return live
    return replace(
        live, policies=tuple(_with_others(graph, each, live.principal_id) for each in live.policies)
    )


def _with_others(graph: GraphReads, policy: Policy, principal_id: str) -> Policy:
    return replace(policy, others=tuple(_others(graph, policy.policy_id, principal_id)))


def why_unread(path: str, error: GraphError) -> str:
    """Why a path could not be read: of claims policies, whether a permission is missing, and which."""
    if isinstance(error, Forbidden) and path.endswith(f"/{_POLICIES}"):
        return "the permission Policy.Read.All is missing"
    return str(error)


def policy_of(row: Mapping[str, JSON]) -> Policy:
    """A claims mapping policy, from Graph's row; other principals with it are read separately."""
    return Policy(
        policy_id=str(row["id"]),
        name=_text(row, "displayName"),
        definition=next(iter(row.get("definition") or ()), ""),
    )


def federated_of(row: Mapping[str, JSON]) -> FederatedCredential:
    """A federated identity credential, from Graph's row."""
    expression = row.get("claimsMatchingExpression") or {}
    return FederatedCredential(
        key_id=str(row["id"]).casefold(),
        name=_text(row, "name"),
        issuer=_text(row, "issuer"),
        subject=_text(row, "subject") or _text(expression, "value"),
    )


def assigned(graph: GraphReads, principal_id: str) -> tuple[Assigned, ...]:
    """The direct assignments of a service principal, without expanding groups. Raises GraphError."""
    return tuple(map(assigned_of, graph.list(f"/servicePrincipals/{principal_id}/appRoleAssignedTo")))


def assigned_of(row: Mapping[str, JSON]) -> Assigned:
    """An assignment, from Graph's row."""
    return Assigned(
        assignment_id=str(row["id"]),
        principal_id=str(row["principalId"]),
        kind=_text(row, "principalType"),
        name=_text(row, "principalDisplayName"),
        role_id=str(row["appRoleId"]),
    )


def with_identifier(graph: GraphReads, identifier: str) -> tuple[tuple[str, str], ...]:
    """Client id and name of the tenant's applications with this identifier. Raises GraphError."""
    found = graph.list(
        "/applications",
        filter=f"identifierUris/any(u:u eq {literal(identifier)})",
        select="appId,displayName",
    )
    return tuple((str(item["appId"]), _text(item, "displayName")) for item in found)


def deleted_of(
    rows: Iterable[Mapping[str, JSON]], identifiers: Iterable[str], client_id: str = ""
) -> tuple[DeletedApplication, ...]:
    """The applications in Graph's rows (`DELETED`) with one of the identifiers, which they reserve, or the client id.

    Filtered here: whether Graph can filter deleted applications by identifier is not documented, and one page
    usually holds all deletions of 30 days.
    """
    desired = {identifier.casefold() for identifier in identifiers}
    found = (
        DeletedApplication(
            client_id=str(row["appId"]),
            object_id=str(row["id"]),
            display_name=_text(row, "displayName"),
            deleted_at=graph_time(row["deletedDateTime"]),
            reserves=bool(desired & {str(uri).casefold() for uri in row.get("identifierUris") or ()}),
        )
        for row in rows
    )
    return tuple(
        each for each in found if each.reserves or each.client_id.casefold() == client_id.casefold() != ""
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """An application that has a name or an identifier; ``created`` is a time as Graph writes it."""

    client_id: str
    object_id: str
    name: str
    created: str = ""


HOLDER = "id,appId,displayName,createdDateTime,applicationTemplateId,identifierUris"
"""The properties of an application object that `holder_of` and `namesakes_of` need."""


def holder_of(row: Mapping[str, JSON]) -> Holder:
    """An application, from Graph's row."""
    return Holder(str(row["appId"]), str(row["id"]), _text(row, "displayName"), _text(row, "createdDateTime"))


def namesakes_of(rows: Iterable[Mapping[str, JSON]], identifiers: Iterable[str]) -> tuple[Holder, ...]:
    """Among applications with the same name, those from a template with no identifier or one of these.

    Others are for another account, or were created by hand.
    """
    desired = set(identifiers)
    return tuple(
        holder_of(row)
        for row in rows
        if row.get("applicationTemplateId")
        and (not row.get("identifierUris") or desired & set(row["identifierUris"]))
    )


def nested_groups(graph: GraphReads, group_id: str) -> tuple[str, ...]:
    """Name of the groups that are direct members of a group. Raises GraphError."""
    members = graph.list(f"/groups/{group_id}/members")
    return tuple(_text(member, "displayName") for member in members if member.get("@odata.type") == _GROUP)


def is_guest(graph: GraphReads, user_id: str) -> bool:
    """Whether a user is a guest of the tenant. Raises GraphError."""
    return str(graph.get(f"/users/{user_id}", select="userType").get("userType") or "") == "Guest"


def _only(graph: GraphReads, path: str, client_id: str, select: str) -> Mapping[str, JSON]:
    found = list(graph.list(path, filter=f"appId eq {literal(client_id)}", select=select))
    if not found:
        what = "service principal" if path == "/servicePrincipals" else "application"
        raise ObjectNotFound(f"This tenant has no {what} with client id {client_id}")
    return found[0]


def _roles(principal: Mapping[str, JSON]) -> Iterator[Role]:
    for role in principal.get("appRoles") or ():
        if role.get("isEnabled") and "User" in (role.get("allowedMemberTypes") or ()):
            yield Role(str(role["id"]), _text(role, "displayName"))


def _registration(graph: GraphReads, object_id: str) -> Registration:
    return Registration(object_id, tuple(_owners(graph, f"/applications/{object_id}")))


def _owners(graph: GraphReads, path: str) -> Iterator[Owner]:
    return map(owner_of, graph.list(f"{path}/owners"))


def owner_of(row: Mapping[str, JSON]) -> Owner:
    """An owner, from Graph's row."""
    return Owner(str(row["id"]), _text(row, "userPrincipalName") or _text(row, "displayName"))


def _policies_if_allowed(graph: GraphReads, principal_id: str) -> tuple[tuple[Policy, ...] | None, str]:
    """The policies, or why they could not be read."""
    try:
        return policies(graph, principal_id), ""
    except GraphError as error:
        return None, why_unread(f"/{_POLICIES}", error)


def _federated_if_readable(
    graph: GraphReads, object_id: str
) -> tuple[tuple[FederatedCredential, ...] | None, str]:
    """The federated credentials, or why they could not be read."""
    try:
        return tuple(map(federated_of, graph.list(f"/applications/{object_id}/{_FEDERATED}"))), ""
    except GraphError as error:
        return None, str(error)


def _others(graph: GraphReads, policy_id: str, principal_id: str) -> Iterator[str]:
    try:
        users = list(graph.list(f"/policies/claimsMappingPolicies/{policy_id}/appliesTo"))
    except GraphError:
        # Unknown counts as shared: writing a policy that others use changes their sign-in.
        yield "unknown, because its assignments could not be read"
        return
    for item in users:
        if str(item["id"]) != principal_id:
            yield _text(item, "displayName") or str(item["id"])


def _text(item: Mapping[str, JSON], name: str) -> str:
    return str(item.get(name) or "")
