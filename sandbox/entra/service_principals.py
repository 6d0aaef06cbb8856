"""Service principals: properties mirrored from the application, signing certificates, role assignments.

Sources: Microsoft Graph's "servicePrincipal resource type", "servicePrincipal: addTokenSigningCertificate" and
"servicePrincipal: appRoleAssignedTo"; for error messages, the issues of the azuread provider.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from mimecast_sso.facts.entra import DEFAULT_ACCESS_ROLE_ID
from sandbox.entra import directory_audit_log, kinds, objects, owners, recycle_bin
from sandbox.entra.clock import on_the_wire
from sandbox.entra.graph import (
    Call,
    GraphError,
    Operation,
    bad_request,
    is_visible,
    new_id,
    no_content,
    not_found,
    start_lag,
)
from sandbox.entra.objects import (
    APPLICATIONS,
    ASSIGNMENTS,
    GROUPS,
    OWNERS,
    POLICIES,
    POLICY_IDS,
    SERVICE_PRINCIPALS,
    USERS,
)
from sandbox.entra.odata import Document
from sandbox.entra.permissions import (
    ASSIGN_POLICIES,
    READ_APPLICATIONS,
    READ_ASSIGNMENTS,
    READ_POLICIES,
    WRITE_APPLICATIONS,
    WRITE_ASSIGNMENTS,
    check_owned,
)
from sandbox.entra.tokens import Caller, tenant_id
from sandbox.world import World

DEFAULT_SUBJECT = "CN=Microsoft Azure Federated SSO Certificate"
_DEFAULT_LIFE = timedelta(days=3 * 365)
_LONGEST_LIFE = timedelta(days=3 * 366)
_MOST_NOTIFICATIONS = 5
_ASSIGNMENTS = "_assignments"
_MODES = {None, "", "notSupported", "oidc", "password", "saml"}
_MIRRORED = frozenset({"appDisplayName", "appRoles", "homepage", "replyUrls", "servicePrincipalNames"})
_READ_ONLY = frozenset({"id", "appId", "applicationTemplateId", "appOwnerOrganizationId", *_MIRRORED})
_ENTERPRISE = "WindowsAzureActiveDirectoryIntegratedApp"
_CUSTOM = "WindowsAzureActiveDirectoryCustomSingleSignOnApplication"


def from_template(world: World, application: Document, *, is_gallery: bool) -> Document:
    """The service principal of an instantiated application; not stored yet."""
    return _new(
        world,
        application,
        applicationTemplateId=application["applicationTemplateId"],
        appRoleAssignmentRequired=True,
        tags=[_ENTERPRISE] if is_gallery else [_CUSTOM, _ENTERPRISE],
    )


def of_application(world: World, app_id: str) -> Document | None:
    """The service principal of an application, by client id."""
    requested = app_id.casefold()
    return next(
        (item for item in world.all(SERVICE_PRINCIPALS) if item["appId"].casefold() == requested), None
    )


def application_of(world: World, principal: Document) -> Document | None:
    """The application behind a service principal, if the tenant has it."""
    return next((item for item in world.all(APPLICATIONS) if item["appId"] == principal["appId"]), None)


def shown(world: World, principal: Document, *, with_keys: bool = False) -> Document:
    """The service principal as Graph returns it: with mirrored properties, and with keys only if selected."""
    document = objects.shown(principal)
    application = application_of(world, principal)
    if application is not None:
        document |= {
            "displayName": application["displayName"],
            "appDisplayName": application["displayName"],
            "appRoles": application["appRoles"],
            "homepage": application["web"]["homePageUrl"],
            "logoutUrl": application["web"]["logoutUrl"],
            "replyUrls": [
                uri for kind in ("web", "spa", "publicClient") for uri in application[kind]["redirectUris"]
            ],
            "servicePrincipalNames": [application["appId"], *application["identifierUris"]],
            "oauth2PermissionScopes": application["api"]["oauth2PermissionScopes"],
        }
    if not with_keys:
        document["keyCredentials"] = [{**item, "key": None} for item in document["keyCredentials"]]
    return document


def remove(world: World, caller: Caller, principal: Document) -> None:
    """Delete a service principal. It can be restored with its role assignments, but without its policies."""
    assignments = [
        assignment
        for assignment in world.all(ASSIGNMENTS)
        if principal["id"] in {assignment["resourceId"], assignment["principalId"]}
    ]
    for assignment in assignments:
        world.delete(ASSIGNMENTS, assignment["id"])
    # Including the properties mirrored from its application, which may be deleted next.
    whole = {**principal, **shown(world, principal, with_keys=True), POLICY_IDS: []}
    recycle_bin.move(world, SERVICE_PRINCIPALS, whole, **{_ASSIGNMENTS: assignments})
    directory_audit_log.note(world, caller, principal, "Remove service principal")


def restore(world: World, deleted: Document) -> Document:
    """Restore a deleted service principal.

    Raises:
        GraphError: its application is deleted, or has a new service principal.
    """
    if of_application(world, deleted["appId"]) is not None:
        raise _name_in_use(deleted["appId"])
    own = deleted["appOwnerOrganizationId"] == tenant_id(world)
    if own and application_of(world, deleted) is None:
        raise _no_application(deleted["appId"])
    principal = {name: value for name, value in deleted.items() if name != _ASSIGNMENTS}
    principal["deletedDateTime"] = None
    objects.save(world, SERVICE_PRINCIPALS, principal)
    for assignment in deleted[_ASSIGNMENTS]:
        if all(objects.directory_object(world, assignment[end]) for end in ("principalId", "resourceId")):
            world.put(ASSIGNMENTS, assignment["id"], assignment)
    return principal


def _new(world: World, application: Document, **values: Any) -> Document:
    return objects.new(
        objects.SERVICE_PRINCIPAL,
        id=new_id(),
        appId=application["appId"],
        appOwnerOrganizationId=tenant_id(world),
        createdDateTime=on_the_wire(world.now()),
        displayName=application["displayName"],
        appDisplayName=application["displayName"],
        **values,
    )


def _list(call: Call) -> Response:
    documents = call.world.all(SERVICE_PRINCIPALS)
    return call.many(shown(call.world, item) for item in documents if is_visible(call.world, item["id"]))


def _create(call: Call) -> Response:
    world = call.world
    body = call.document()
    bound = owners.bound(body)
    app_id = body.pop("appId", None)
    application = next(
        (item for item in world.all(APPLICATIONS) if item["appId"] == str(app_id).casefold()), None
    )
    if application is None:
        raise _no_application(app_id)
    if of_application(world, application["appId"]) is not None:
        raise _name_in_use(app_id)
    principal = objects.merge(_new(world, application), body, read_only=_READ_ONLY)
    principal[OWNERS] = bound
    _check(principal, principal)
    objects.save(world, SERVICE_PRINCIPALS, principal)
    start_lag(world, principal["id"])
    return call.created(shown(world, principal))


def _no_application(app_id: object) -> GraphError:
    return bad_request(
        f"The appId '{app_id}' of the service principal does not reference a valid application object."
    )


def _name_in_use(app_id: object) -> GraphError:
    return bad_request(
        "The service principal cannot be created, updated, or restored because the service principal name"
        f" {app_id} is already in use.",
        code="Request_MultipleObjectsWithSameKeyValue",
    )


def _get(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    with_keys = "keyCredentials" in call.selected
    return call.one(shown(call.world, principal, with_keys=with_keys))


def _update(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    check_owned(call.caller, principal)
    body = {name: value for name, value in call.document().items() if name != "id"}
    changed = objects.merge(principal, body, read_only=_READ_ONLY)
    changed["keyCredentials"] = _with_kept_keys(principal["keyCredentials"], changed["keyCredentials"])
    _check(principal, changed)
    objects.save(call.world, SERVICE_PRINCIPALS, changed)
    directory_audit_log.record(call.world, call.caller, principal, changed)
    return no_content()


def _check(before: Document, after: Document) -> None:
    if after["preferredSingleSignOnMode"] not in _MODES:
        raise bad_request("Invalid value specified for property 'preferredSingleSignOnMode'.")
    if len(after["notificationEmailAddresses"] or []) > _MOST_NOTIFICATIONS:
        raise bad_request("Property 'notificationEmailAddresses' takes at most five addresses.")
    thumbprint = after["preferredTokenSigningKeyThumbprint"]
    if thumbprint and thumbprint != before["preferredTokenSigningKeyThumbprint"]:
        known = {hexadecimal(item) for item in after["keyCredentials"] if item["usage"] == "Verify"}
        if thumbprint.upper() not in known:
            raise bad_request(
                "Invalid value specified for property 'preferredTokenSigningKeyThumbprint' of resource"
                " 'ServicePrincipal'."
            )


def hexadecimal(credential: Document) -> str:
    """The thumbprint of a key credential, as ``preferredTokenSigningKeyThumbprint`` writes it."""
    return base64.b64decode(credential["customKeyIdentifier"]).hex().upper()


def _with_kept_keys(before: Iterable[Document], after: Iterable[Document]) -> list[Document]:
    """Merge credentials. Null keys mean unchanged: callers send back what they read, which has no keys."""
    kept = {item["keyId"]: item for item in before}
    result = []
    for item in after:
        known = kept.get(item.get("keyId"))
        if known is None and not item.get("key"):
            raise bad_request("New key credential must have a key.")
        result.append({**(known or {}), **item, "key": item.get("key") or (known or {}).get("key")})
    return result


def _delete(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    check_owned(call.caller, principal)
    remove(call.world, call.caller, principal)
    return no_content()


# Signing certificates


def _add_certificate(call: Call) -> Response:
    from sandbox.entra import keys  # noqa: PLC0415 - only this route needs the certificate library

    world = call.world
    principal = objects.find(world, SERVICE_PRINCIPALS, call.path["id"])
    check_owned(call.caller, principal)
    body = call.document()
    subject = body.get("displayName") or DEFAULT_SUBJECT
    start = world.now().replace(microsecond=0)
    end = _end_of_life(body.get("endDateTime"), start)
    if not subject.startswith("CN="):
        raise bad_request("The displayName of a token signing certificate must start with 'CN='.")
    try:
        certificate = keys.self_signed(world, subject, start, end)
    except ValueError as error:
        raise bad_request(f"Invalid value specified for property 'displayName': {error}.") from error
    before = deepcopy(principal)
    _keep_certificate(world, principal, _credentials(certificate.der, subject, start, end))
    objects.save(world, SERVICE_PRINCIPALS, principal)
    directory_audit_log.record(world, call.caller, before, principal)
    sign, verify, _ = _credentials_of(principal, certificate.der)
    return call.one({**verify, "keyId": sign["keyId"], "thumbprint": certificate.thumbprint})


def _end_of_life(requested: str | None, start: datetime) -> datetime:
    if requested is None:
        return start + _DEFAULT_LIFE
    try:
        end = datetime.fromisoformat(requested).replace(microsecond=0)
    except ValueError as error:
        raise bad_request("Invalid value specified for property 'endDateTime'.") from error
    if end.tzinfo is None or not start < end <= start + _LONGEST_LIFE:
        raise bad_request("endDateTime must be in the future, and at most three years away.")
    return end


def _credentials(der: bytes, subject: str, start: datetime, end: datetime) -> list[Document]:
    """The three credentials that Graph creates for a certificate: a signing key, a verifying key, a password."""
    digest = hashlib.sha1(der, usedforsecurity=False).digest()
    common = {
        "customKeyIdentifier": base64.b64encode(digest).decode("ascii"),
        "displayName": subject,
        "startDateTime": on_the_wire(start),
        "endDateTime": on_the_wire(end),
    }
    sign_id = new_id()
    return [
        {**common, "keyId": sign_id, "type": "X509CertAndPassword", "usage": "Sign", "key": None},
        {
            **common,
            "keyId": new_id(),
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "key": base64.b64encode(der).decode("ascii"),
        },
        {**common, "keyId": sign_id, "hint": None, "secretText": None},
    ]


def _keep_certificate(world: World, principal: Document, credentials: list[Document]) -> None:
    sign, verify, password = credentials
    for name, added in (("keyCredentials", [sign, verify]), ("passwordCredentials", [password])):
        # Graph's order is not documented, but the provider's delete depends on it.
        if world.setting("entra.key_order", "append") == "append":
            principal[name] = [*principal[name], *added]
        else:
            principal[name] = [*added, *principal[name]]
    if principal["preferredTokenSigningKeyThumbprint"] is None:
        principal["preferredTokenSigningKeyThumbprint"] = hexadecimal(verify)


def _credentials_of(principal: Document, der: bytes) -> tuple[Document, Document, Document]:
    body = base64.b64encode(der).decode("ascii")
    verify = next(item for item in principal["keyCredentials"] if item["key"] == body)

    def same(item: Document) -> bool:
        return bool(item["customKeyIdentifier"] == verify["customKeyIdentifier"])

    sign = next(item for item in principal["keyCredentials"] if same(item) and item["usage"] == "Sign")
    return sign, verify, next(item for item in principal["passwordCredentials"] if same(item))


# Claims mapping policies of a service principal


def _list_policies(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    found = (call.world.get(POLICIES, identifier) for identifier in principal[POLICY_IDS])
    return call.many(
        {"@odata.type": "#microsoft.graph.claimsMappingPolicy", **item} for item in found if item is not None
    )


def _assign_policy(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    check_owned(call.caller, principal)
    policy = objects.find(call.world, POLICIES, call.reference())
    if policy["id"] in principal[POLICY_IDS]:
        raise bad_request(
            "One or more added object references already exist for the following modified properties:"
            " 'claimsMappingPolicies'."
        )
    if principal[POLICY_IDS]:
        raise bad_request(
            "A conflicting object with one or more of the specified property values is present."
        )
    principal[POLICY_IDS] = [policy["id"]]
    objects.save(call.world, SERVICE_PRINCIPALS, principal)
    directory_audit_log.note(call.world, call.caller, principal, "Add policy to service principal")
    return no_content()


def _unassign_policy(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    check_owned(call.caller, principal)
    policy = call.path["policy"].casefold()
    if policy not in principal[POLICY_IDS]:
        raise not_found(call.path["policy"])
    principal[POLICY_IDS].remove(policy)
    objects.save(call.world, SERVICE_PRINCIPALS, principal)
    directory_audit_log.note(call.world, call.caller, principal, "Remove policy from service principal")
    return no_content()


# Role assignments


def _list_assigned(call: Call) -> Response:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    return call.many(item for item in call.world.all(ASSIGNMENTS) if item["resourceId"] == principal["id"])


def _get_assigned(call: Call) -> Response:
    return call.one(_assignment(call))


def _delete_assigned(call: Call) -> Response:
    assignment = _assignment(call)
    call.world.delete(ASSIGNMENTS, assignment["id"])
    resource = objects.find(call.world, SERVICE_PRINCIPALS, assignment["resourceId"])
    directory_audit_log.note(call.world, call.caller, resource, _TAKEN[assignment["principalType"]])
    return no_content()


_GRANTED = {
    "User": "Add app role assignment grant to user",
    "Group": "Add app role assignment to group",
    "ServicePrincipal": "Add app role assignment to service principal",
}
_TAKEN = {
    "User": "Remove app role assignment from user",
    "Group": "Remove app role assignment from group",
    "ServicePrincipal": "Remove app role assignment from service principal",
}


def _assignment(call: Call) -> Document:
    principal = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    assignment = call.world.get(ASSIGNMENTS, call.path["assignment"])
    if assignment is None or assignment["resourceId"] != principal["id"]:
        raise not_found(call.path["assignment"])
    return assignment


def _assign(call: Call) -> Response:
    resource = objects.find(call.world, SERVICE_PRINCIPALS, call.path["id"])
    body = call.document()
    if str(body.get("resourceId")).casefold() != resource["id"]:
        raise bad_request("The resourceId does not match the service principal of the request.")
    created = assign(call.world, resource, str(body.get("principalId")), str(body.get("appRoleId")))
    directory_audit_log.note(call.world, call.caller, resource, _GRANTED[created["principalType"]])
    return call.created(created)


def assign(world: World, resource: Document, principal_id: str, role_id: str) -> Document:
    """Assign an app role of ``resource`` to a user, group or service principal.

    Raises:
        GraphError: unknown principal or role, or already assigned.
    """
    found = objects.directory_object(world, principal_id)
    if found is None or found[0] == APPLICATIONS:
        raise bad_request("Not a valid reference update.")
    collection, principal = found
    kind = {USERS: "User", GROUPS: "Group"}.get(collection, "ServicePrincipal")
    roles = shown(world, resource)["appRoles"]
    _check_role(roles, role_id, "Application" if kind == "ServicePrincipal" else "User")
    for other in world.all(ASSIGNMENTS):
        if (other["resourceId"], other["principalId"], other["appRoleId"]) == (
            resource["id"],
            principal["id"],
            role_id,
        ):
            raise bad_request(
                "Permission being assigned already exists on the object",
                code="Request_BadRequest",
                hint="InvalidUpdate",
            )
    identifier = new_id()
    assignment = {
        "id": base64.urlsafe_b64encode(identifier.encode("ascii")).rstrip(b"=").decode("ascii"),
        "appRoleId": role_id,
        "createdDateTime": on_the_wire(world.now()),
        "deletedDateTime": None,
        "principalId": principal["id"],
        "principalType": kind,
        "principalDisplayName": principal["displayName"],
        "resourceId": resource["id"],
        "resourceDisplayName": shown(world, resource)["displayName"],
    }
    world.put(ASSIGNMENTS, assignment["id"], assignment)
    return assignment


def _check_role(roles: Iterable[Document], role_id: str, member_type: str) -> None:
    suitable = {
        role["id"] for role in roles if role["isEnabled"] and member_type in role["allowedMemberTypes"]
    }
    if role_id == DEFAULT_ACCESS_ROLE_ID:
        if suitable:
            raise bad_request(
                "Permission being assigned was not found on application: the default role is for applications"
                " without app roles."
            )
    elif role_id not in suitable:
        raise bad_request(f"Permission being assigned was not found on application '{role_id}'.")


def _assignments_of(collection: str) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        holder = objects.find(call.world, collection, call.path["id"])
        return call.many(item for item in call.world.all(ASSIGNMENTS) if item["principalId"] == holder["id"])

    return handler


_PATH = "/servicePrincipals/{id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/servicePrincipals", _list, READ_APPLICATIONS, kinds.SERVICE_PRINCIPAL),
    Operation("POST", "/servicePrincipals", _create, WRITE_APPLICATIONS),
    Operation("GET", _PATH, _get, READ_APPLICATIONS),
    Operation("PATCH", _PATH, _update, WRITE_APPLICATIONS),
    Operation("DELETE", _PATH, _delete, WRITE_APPLICATIONS),
    Operation(
        "POST",
        f"{_PATH}/addTokenSigningCertificate",
        _add_certificate,
        WRITE_APPLICATIONS,
        context="microsoft.graph.selfSignedCertificate",
    ),
    Operation("GET", f"{_PATH}/claimsMappingPolicies", _list_policies, READ_POLICIES, kinds.POLICY),
    Operation("POST", f"{_PATH}/claimsMappingPolicies/$ref", _assign_policy, ASSIGN_POLICIES),
    Operation("DELETE", f"{_PATH}/claimsMappingPolicies/{{policy}}/$ref", _unassign_policy, ASSIGN_POLICIES),
    Operation("GET", f"{_PATH}/appRoleAssignedTo", _list_assigned, READ_ASSIGNMENTS, kinds.ASSIGNMENT),
    Operation("POST", f"{_PATH}/appRoleAssignedTo", _assign, WRITE_ASSIGNMENTS),
    Operation("GET", f"{_PATH}/appRoleAssignedTo/{{assignment}}", _get_assigned, READ_ASSIGNMENTS),
    Operation("DELETE", f"{_PATH}/appRoleAssignedTo/{{assignment}}", _delete_assigned, WRITE_ASSIGNMENTS),
    *(
        Operation("GET", path, _assignments_of(collection), READ_ASSIGNMENTS, kinds.ASSIGNMENT)
        for path, collection in (
            (f"{_PATH}/appRoleAssignments", SERVICE_PRINCIPALS),
            ("/users/{id}/appRoleAssignments", USERS),
            ("/groups/{id}/appRoleAssignments", GROUPS),
        )
    ),
    *owners.operations("/servicePrincipals", SERVICE_PRINCIPALS),
)
