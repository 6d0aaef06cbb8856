"""Applications: created from a gallery template, their identifier URIs, redirect URIs and owners.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/applications`.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections import defaultdict
from http import HTTPStatus
from typing import ClassVar

from sandbox.azuread import validation
from sandbox.azuread.graph import Document, FailedError, Graph, GraphError, naming
from sandbox.azuread.resources.base import (
    MINUTE,
    IncompleteError,
    ResourceType,
    known_parts,
    last_part,
    parts,
)
from sandbox.azuread.schema import Shape, Table, computed, required
from sandbox.azuread.wire import Properties

# An application's lists are written as a whole, so changes to one application are serialized.
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def _already_exists(resource_id: str, upstream_type: str) -> FailedError:
    return FailedError(
        f'A resource with the ID "{resource_id}" already exists - to be managed via Terraform this resource needs to '
        f'be imported into the State. Please see the resource documentation for "{upstream_type}" for more information.'
    )


def _application(graph: Graph, object_id: str) -> Document:
    with naming(f'retrieving Application (Application: "{object_id}")'):
        return graph.get(f"/applications/{object_id}")


class ApplicationFromTemplate(ResourceType):
    table = Table(
        "ApplicationFromTemplate",
        (
            required("displayName", validate=validation.not_empty),
            required("templateId", validate=validation.uuid, replaces=True),
            computed("applicationId"),
            computed("applicationObjectId"),
            computed("servicePrincipalId"),
            computed("servicePrincipalObjectId"),
        ),
    )
    create_seconds = 10 * MINUTE
    repeats_errors = True
    ID = "/applicationTemplates/([^/]+)/instantiate/([^/]+)/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        template = planned["templateId"]
        doing = f'creating Application Template (Application Template: "{template}")'
        with naming(doing):
            created = graph.post(
                f"/applicationTemplates/{template}/instantiate", {"displayName": planned["displayName"]}
            )
        application = created["application"]["id"]
        resource_id = (
            f"/applicationTemplates/{template}/instantiate/{application}/{created['servicePrincipal']['id']}"
        )
        try:
            graph.get(f"/applications/{application}")
        except FailedError as error:
            reason = f"{doing}: timed out waiting for replication of new application"
            raise IncompleteError(resource_id, FailedError(reason)) from error
        return resource_id

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        template, application, principal = found
        with naming(f"retrieving {self._named(resource_id)}"):
            live = graph.find(f"/applications/{application}")
        if live is None:
            return None
        # The service principal is not checked: after it was recreated, this still names the old one.
        return {
            "id": resource_id, "displayName": live["displayName"], "templateId": template,
            "applicationId": f"/applications/{application}", "applicationObjectId": application,
            "servicePrincipalId": f"/servicePrincipals/{principal}", "servicePrincipalObjectId": principal,
        }  # fmt: skip

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        if planned["displayName"] == olds.get("displayName"):
            return
        with naming(f"updating {self._named(resource_id)}"):
            application = known_parts(self.ID, resource_id)[1]
            graph.patch(f"/applications/{application}", {"displayName": planned["displayName"]})

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        with naming(f"deleting {self._named(resource_id)}"):
            graph.delete(f"/applications/{known_parts(self.ID, resource_id)[1]}")

    def _named(self, resource_id: str) -> str:
        template, application, principal = known_parts(self.ID, resource_id)
        named = (
            f'Template ID: "{template}", Application ID: "{application}", Service Principal ID: "{principal}"'
        )
        return f"Application From Template ({named})"


class ApplicationIdentifierUri(ResourceType):
    table = Table(
        "ApplicationIdentifierUri",
        (
            required("applicationId", validate=validation.application_id, replaces=True),
            required("identifierUri", validate=validation.not_empty, replaces=True),
        ),
    )
    create_seconds = 10 * MINUTE
    repeats_errors = True
    ID = "/applications/([^/]+)/identifierUris/(.+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        application, uri = last_part(planned["applicationId"]), planned["identifierUri"]
        resource_id = f"/applications/{application}/identifierUris/{base64.b64encode(uri.encode()).decode()}"
        with _locks[application]:
            existing = _application(graph, application)["identifierUris"]
            if uri in existing:
                raise _already_exists(resource_id, "azuread_application_identifier_uri")
            with naming(f"creating {self._named(resource_id)}"):
                graph.patch(f"/applications/{application}", {"identifierUris": [*existing, uri]})
        return resource_id

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        uri = _decoded(found[1]) if found else None
        if not found or uri is None:
            return None
        with naming(f"retrieving {self._named(resource_id)}"):
            live = graph.find(f"/applications/{found[0]}")
        if live is None or uri not in live["identifierUris"]:
            return None
        return {"id": resource_id, "applicationId": f"/applications/{found[0]}", "identifierUri": uri}

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        application, encoded = known_parts(self.ID, resource_id)
        uri = olds.get("identifierUri") or _decoded(encoded)
        with _locks[application]:
            existing = _application(graph, application)["identifierUris"]
            doing = f"deleting {self._named(resource_id)}"
            if uri not in existing:
                raise FailedError(f"{doing}: could not identify existing identifier URI")
            with naming(doing):
                graph.patch(
                    f"/applications/{application}", {"identifierUris": [u for u in existing if u != uri]}
                )

    def _named(self, resource_id: str) -> str:
        application, encoded = known_parts(self.ID, resource_id)
        return f'Application IdentifierUri (Application ID: "{application}", IdentifierUri ID: "{encoded}")'


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


class ApplicationRedirectUris(ResourceType):
    table = Table(
        "ApplicationRedirectUris",
        (
            required("applicationId", validate=validation.application_id, replaces=True),
            required("redirectUris", Shape.STRING_SET, validate=validation.redirect_uri),
            required("type", validate=validation.one_of("PublicClient", "SPA", "Web"), replaces=True),
        ),
    )
    create_seconds = 10 * MINUTE
    repeats_errors = True
    ID = "/applications/([^/]+)/redirectUris/([^/]+)"
    SECTIONS: ClassVar[dict[str, str]] = {"PublicClient": "publicClient", "SPA": "spa", "Web": "web"}

    def create(self, graph: Graph, planned: Properties) -> str:
        application, kind = last_part(planned["applicationId"]), planned["type"]
        resource_id = f"/applications/{application}/redirectUris/{kind}"
        with _locks[application]:
            live = _application(graph, application)
            if self._uris(live, kind):
                raise _already_exists(resource_id, "azuread_application_redirect_uris")
            self._write(graph, "creating", resource_id, planned["redirectUris"])
        return resource_id

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None or found[1] not in self.SECTIONS:
            return None
        application, kind = found
        with naming(f"retrieving {self._named(resource_id)}"):
            live = graph.find(f"/applications/{application}")
        uris = self._uris(live, kind) if live else []
        if not uris:
            return None
        return {
            "id": resource_id,
            "applicationId": f"/applications/{application}",
            "type": kind,
            "redirectUris": uris,
        }

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        with _locks[known_parts(self.ID, resource_id)[0]]:
            self._write(graph, "updating", resource_id, planned["redirectUris"])

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        with _locks[known_parts(self.ID, resource_id)[0]]:
            self._write(graph, "deleting", resource_id, [])

    def _write(self, graph: Graph, verb: str, resource_id: str, uris: list[str] | None) -> None:
        application, kind = known_parts(self.ID, resource_id)
        with naming(f"{verb} {self._named(resource_id)}"):
            graph.patch(f"/applications/{application}", {self.SECTIONS[kind]: {"redirectUris": uris or []}})

    def _uris(self, application: Document, kind: str) -> list[str]:
        return list((application.get(self.SECTIONS[kind]) or {}).get("redirectUris") or [])

    def _named(self, resource_id: str) -> str:
        application, kind = known_parts(self.ID, resource_id)
        return f'Application Redirect URIs (Application ID: "{application}", URI Type: "{kind}")'


class ApplicationOwner(ResourceType):
    table = Table(
        "ApplicationOwner",
        (
            required("applicationId", validate=validation.application_id, replaces=True),
            required("ownerObjectId", validate=validation.uuid, replaces=True),
        ),
    )
    create_seconds = 10 * MINUTE
    repeats_errors = True
    ID = "/applications/([^/]+)/owners/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        application, owner = last_part(planned["applicationId"]), planned["ownerObjectId"]
        resource_id = f"/applications/{application}/owners/{owner}"
        with _locks[application]:
            if self._is_owner(graph, resource_id, "checking for presence of existing"):
                raise _already_exists(resource_id, "azuread_application_owner")
            with naming(f"adding {self._named(resource_id)}"):
                graph.post(f"/applications/{application}/owners/$ref", graph.reference(owner))
        return resource_id

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        application, owner = found
        with _locks[application]:
            if not self._is_owner(graph, resource_id, "retrieving"):
                return None
        return {"id": resource_id, "applicationId": f"/applications/{application}", "ownerObjectId": owner}

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        application, _ = known_parts(self.ID, resource_id)
        with _locks[application], naming(f"removing {self._named(resource_id)}"):
            graph.delete(f"{resource_id}/$ref")

    def _is_owner(self, graph: Graph, resource_id: str, verb: str) -> bool:
        application, owner = known_parts(self.ID, resource_id)
        query = f"id eq '{owner}'"
        try:
            found = graph.list(f"/applications/{application}/owners", filter=query)
        except GraphError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            doing = f'{verb} {self._named(resource_id)}: unable to list Owners with filter "{query}"'
            raise FailedError(f"{doing}: {error}") from error
        return any(str(each["id"]).lower() == owner.lower() for each in found)

    def _named(self, resource_id: str) -> str:
        application, owner = known_parts(self.ID, resource_id)
        return f'Application Id Owner (Application: "{application}"\nDirectory Object: "{owner}")'
