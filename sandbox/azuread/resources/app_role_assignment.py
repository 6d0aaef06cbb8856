"""App roles assigned to users and groups.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/approleassignments`.
"""

from __future__ import annotations

from http import HTTPStatus

from sandbox.azuread import validation
from sandbox.azuread.graph import FailedError, Graph, GraphError, naming
from sandbox.azuread.resources.base import ResourceType, known_parts, parts
from sandbox.azuread.schema import Table, computed, required
from sandbox.azuread.wire import Properties

# Output names: Graph's names.
_FIELDS = {
    "appRoleId": "appRoleId", "principalDisplayName": "principalDisplayName", "principalObjectId": "principalId",
    "principalType": "principalType", "resourceDisplayName": "resourceDisplayName", "resourceObjectId": "resourceId",
}  # fmt: skip


class AppRoleAssignment(ResourceType):
    table = Table(
        "AppRoleAssignment",
        (
            required("appRoleId", validate=validation.uuid, replaces=True),
            computed("principalDisplayName"),
            required("principalObjectId", validate=validation.uuid, replaces=True),
            computed("principalType"),
            computed("resourceDisplayName"),
            required("resourceObjectId", validate=validation.uuid, replaces=True),
        ),
    )
    ID = "/servicePrincipals/([^/]+)/appRoleAssignedTo/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        resource = planned["resourceObjectId"]
        try:
            graph.get(f"/servicePrincipals/{resource}")
        except GraphError as error:
            doing = f'Could not retrieve service principal for resource (Object ID: "{resource}")'
            if error.status == HTTPStatus.NOT_FOUND:
                doing = f'[principal_object_id] Service principal not found for resource (Object ID: "{resource}")'
            raise FailedError(f"{doing}: {error}") from error
        body = {
            "appRoleId": planned["appRoleId"],
            "principalId": planned["principalObjectId"],
            "resourceId": resource,
        }
        with naming("Could not create app role assignment"):
            created = graph.post(f"/servicePrincipals/{resource}/appRoleAssignedTo", body)
        return f"/servicePrincipals/{created['resourceId']}/appRoleAssignedTo/{created['id']}"

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        if parts(self.ID, resource_id) is None:
            return None
        with naming(f"retrieving {self._named(resource_id)}"):
            live = graph.find(resource_id)
        return live and {"id": resource_id, **{name: live.get(key) or "" for name, key in _FIELDS.items()}}

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        try:
            graph.delete(resource_id)
        except GraphError as error:
            # The published plugin repeats the error here.
            raise FailedError(f"[id] Deleting {self._named(resource_id)}: {error}: {error}") from error

    def _named(self, resource_id: str) -> str:
        principal, assignment = known_parts(self.ID, resource_id)
        named = f'Service Principal: "{principal}"\nApp Role Assignment: "{assignment}"'
        return f"Service Principal Id App Role Assigned To ({named})"
