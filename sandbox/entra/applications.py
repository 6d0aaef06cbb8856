"""Applications and the gallery's templates.

Sources: Microsoft Graph's "application resource type", "applicationTemplate: instantiate" and "Restrictions on
identifier URIs"; for error messages, the issues of the azuread provider. Callers report that a
deleted application keeps its identifiers while it can be restored; the setting ``entra.deleted_identifiers_stay_taken``
(default: true) turns that off. The message for a name that is too long is assumed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.responses import Response

from mimecast_sso.facts.entra import CLOUDS, LONGEST_TEMPLATE_NAME
from sandbox.entra import directory_audit_log, kinds, objects, owners, recycle_bin, service_principals
from sandbox.entra.clock import on_the_wire
from sandbox.entra.graph import (
    ANYBODY,
    Call,
    GraphError,
    Operation,
    bad_request,
    is_visible,
    new_id,
    no_content,
    start_lag,
)
from sandbox.entra.objects import APPLICATIONS, OWNERS, SERVICE_PRINCIPALS, TEMPLATES
from sandbox.entra.odata import Document
from sandbox.entra.permissions import READ_APPLICATIONS, WRITE_APPLICATIONS, check_owned
from sandbox.world import World

_NON_GALLERY = CLOUDS["public"].non_gallery_template
_NAMESPACE = uuid.UUID("5a4db0c5-0000-4000-8000-00000000000f")
_READ_ONLY = frozenset({"id", "appId", "createdDateTime", "applicationTemplateId", "publisherDomain"})


def template(display_name: str, identifier: str | None = None) -> Document:
    """A gallery template; its id is derived from its name, so that it is the same on every sandbox."""
    non_gallery = identifier == _NON_GALLERY
    return {
        "id": identifier or str(uuid.uuid5(_NAMESPACE, display_name)),
        "displayName": display_name,
        "description": None,
        "publisher": "Microsoft Corporation" if non_gallery else "Mimecast",
        "categories": [] if non_gallery else ["security"],
        "homePageUrl": None if non_gallery else "https://www.mimecast.com",
        "logoUrl": None,
        "supportedSingleSignOnModes": ["saml", "password", "notSupported"] if non_gallery else ["saml"],
        "supportedProvisioningTypes": [],
    }


def non_gallery_template() -> Document:
    """The template of non-gallery applications."""
    return template("Custom", _NON_GALLERY)


def _list_templates(call: Call) -> Response:
    return call.many(call.world.all(TEMPLATES))


def _get_template(call: Call) -> Response:
    return call.one(objects.find(call.world, TEMPLATES, call.path["id"]))


def _instantiate(call: Call) -> Response:
    chosen = objects.find(call.world, TEMPLATES, call.path["id"])
    name = call.document().get("displayName")
    if not name:
        raise bad_request(
            "A value without a type name was found and no expected type is available: displayName."
        )
    objects.check_text("displayName", name, LONGEST_TEMPLATE_NAME)
    world = call.world
    application = from_template(world, chosen, name)
    principal = service_principals.from_template(world, application, is_gallery=chosen["id"] != _NON_GALLERY)
    if world.setting("entra.owner_on_instantiate", default=True):
        application[OWNERS] = principal[OWNERS] = [call.caller.object_id]
    for collection, document in ((APPLICATIONS, application), (SERVICE_PRINCIPALS, principal)):
        objects.save(world, collection, document)
        start_lag(world, document["id"])
    response = {
        "application": shown(application),
        "servicePrincipal": service_principals.shown(world, principal),
    }
    return call.created(response)


def from_template(world: World, chosen: Document, name: str) -> Document:
    """The application that a template creates; not stored yet."""
    identifier = new_id()
    application = objects.new(
        objects.APPLICATION,
        id=identifier,
        appId=new_id(),
        applicationTemplateId=chosen["id"],
        displayName=name,
        createdDateTime=on_the_wire(world.now()),
        publisherDomain=_initial_domain(world),
        appRoles=[_role(chosen["id"], "User"), _role(chosen["id"], "msiam_access")],
    )
    application["web"]["homePageUrl"] = (
        None if chosen["id"] == _NON_GALLERY else "https://*.mimecast.com?metadata=mimecast|ISV9.1|primary|z"
    )
    application["web"]["redirectUris"] = world.setting("entra.template_redirect_uris", [])
    return application


def _role(template_id: str, name: str) -> Document:
    return {
        "id": str(uuid.uuid5(_NAMESPACE, f"{template_id}/{name}")),
        "allowedMemberTypes": ["User"],
        "description": name,
        "displayName": name,
        "isEnabled": True,
        "origin": "Application",
        "value": None,
    }


def _list(call: Call) -> Response:
    documents = call.world.all(APPLICATIONS)
    return call.many(shown(item) for item in documents if is_visible(call.world, item["id"]))


def _create(call: Call) -> Response:
    body = call.document()
    bound = owners.bound(body)
    if not body.get("displayName"):
        raise bad_request("Property 'displayName' is required.")
    blank = objects.new(
        objects.APPLICATION,
        id=new_id(),
        appId=new_id(),
        createdDateTime=on_the_wire(call.world.now()),
        publisherDomain=_initial_domain(call.world),
    )
    application = objects.merge(blank, body, read_only=_READ_ONLY)
    application[OWNERS] = bound
    _check_identifiers(call.world, application, before=[])
    objects.save(call.world, APPLICATIONS, application)
    start_lag(call.world, application["id"])
    return call.created(shown(application))


def _get(call: Call) -> Response:
    return call.one(shown(objects.find(call.world, APPLICATIONS, call.path["id"])))


def _update(call: Call) -> Response:
    application = objects.find(call.world, APPLICATIONS, call.path["id"])
    check_owned(call.caller, application)
    body = {name: value for name, value in call.document().items() if name != "id"}
    changed = objects.merge(application, body, read_only=_READ_ONLY)
    _check_identifiers(call.world, changed, before=application["identifierUris"])
    _check_roles(application["appRoles"], changed["appRoles"])
    objects.save(call.world, APPLICATIONS, changed)
    names = [name[0].upper() + name[1:] for name in body if application.get(name) != changed.get(name)]
    if names:
        directory_audit_log.note(call.world, call.caller, changed, "Update application", *names)
    return no_content()


def _delete(call: Call) -> Response:
    world = call.world
    application = objects.find(world, APPLICATIONS, call.path["id"])
    check_owned(call.caller, application)
    principal = service_principals.of_application(world, application["appId"])
    if principal is not None:
        if _in_saml_mode(principal) and any(_is_foreign(world, uri) for uri in application["identifierUris"]):
            raise bad_request(
                "The application cannot be deleted while its service principal uses SAML single sign-on and its"
                " identifierUris are not on a verified domain.",
                code="DeletingSamlSpNotAllowed",
            )
        service_principals.remove(world, call.caller, principal)
    recycle_bin.move(world, APPLICATIONS, application)
    directory_audit_log.note(world, call.caller, application, "Delete application")
    return no_content()


def restore(world: World, deleted: Document) -> Document:
    """Restore a deleted application, without its service principal.

    Raises:
        GraphError: another application has one of its identifiers now.
    """
    for uri in deleted["identifierUris"]:
        if _taken(world, uri, deleted["id"]):
            raise _identifier_taken()
    application = {**deleted, "deletedDateTime": None}
    objects.save(world, APPLICATIONS, application)
    return application


def _put_logo(call: Call) -> Response:
    check_owned(call.caller, objects.find(call.world, APPLICATIONS, call.path["id"]))
    return no_content()


def shown(application: Document) -> Document:
    """The application as Graph returns it."""
    return objects.shown(application)


def _check_identifiers(world: World, application: Document, before: Iterable[str]) -> None:
    added = set(application["identifierUris"]) - set(before)
    principal = service_principals.of_application(world, application["appId"])
    for uri in sorted(added):
        if _taken(world, uri, application["id"]):
            raise _identifier_taken()
        if _is_foreign(world, uri) and not (principal and _in_saml_mode(principal)):
            raise bad_request(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain:"
                f" '{uri}'",
                code="HostNameNotOnVerifiedDomain",
            )


def _taken(world: World, uri: str, application_id: str) -> bool:
    holders = world.all(APPLICATIONS)
    if world.setting("entra.deleted_identifiers_stay_taken", default=True):
        holders += recycle_bin.items(world, APPLICATIONS)
    return any(
        uri.casefold() in (other.casefold() for other in document["identifierUris"])
        for document in holders
        if document["id"] != application_id
    )


def _identifier_taken() -> GraphError:
    return bad_request(
        "Another object with the same value for property identifierUris already exists.",
        hint="ObjectConflict",
    )


def _is_foreign(world: World, uri: str) -> bool:
    """Whether the URI's host is neither a verified domain of the tenant nor a subdomain of one."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return False
    host = (parts.hostname or "").casefold()
    verified = [domain["id"].casefold() for domain in world.all(objects.DOMAINS) if domain["isVerified"]]
    return not any(host == domain or host.endswith(f".{domain}") for domain in verified)


def _in_saml_mode(principal: Mapping[str, object]) -> bool:
    return principal["preferredSingleSignOnMode"] == "saml"


def _check_roles(before: Iterable[Document], after: Iterable[Document]) -> None:
    requested = {role["id"]: role for role in after}
    for role in before:
        change = requested.get(role["id"])
        only_switched = change is not None and {**change, "isEnabled": True} == {**role, "isEnabled": True}
        if role["isEnabled"] and not only_switched:
            raise bad_request(
                "Permission (scope or role) cannot be deleted or updated unless disabled first."
            )


def _initial_domain(world: World) -> str | None:
    return next((domain["id"] for domain in world.all(objects.DOMAINS) if domain["isInitial"]), None)


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/applicationTemplates", _list_templates, ANYBODY, kinds.TEMPLATE),
    Operation("GET", "/applicationTemplates/{id}", _get_template, ANYBODY),
    Operation(
        "POST",
        "/applicationTemplates/{id}/instantiate",
        _instantiate,
        WRITE_APPLICATIONS,
        context="microsoft.graph.applicationServicePrincipal",
    ),
    Operation("GET", "/applications", _list, READ_APPLICATIONS, kinds.APPLICATION),
    Operation("POST", "/applications", _create, WRITE_APPLICATIONS),
    Operation("GET", "/applications/{id}", _get, READ_APPLICATIONS),
    Operation("PATCH", "/applications/{id}", _update, WRITE_APPLICATIONS),
    Operation("DELETE", "/applications/{id}", _delete, WRITE_APPLICATIONS),
    Operation("PUT", "/applications/{id}/logo", _put_logo, WRITE_APPLICATIONS),
    *owners.operations("/applications", APPLICATIONS),
)
