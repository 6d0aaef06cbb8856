"""Service principals, and how this provider reads one.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/serviceprincipals`.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.azuread import validation
from sandbox.azuread.graph import Document, FailedError, Graph, naming
from sandbox.azuread.resources.base import MINUTE, IncompleteError, ResourceType, known_parts, parts
from sandbox.azuread.schema import Property, Shape, Table, computed, objects, optional, required
from sandbox.azuread.wire import Properties, Value

FEATURE_TAGS = {
    "customSingleSignOn": "WindowsAzureActiveDirectoryCustomSingleSignOnApplication",
    "enterprise": "WindowsAzureActiveDirectoryIntegratedApp",
    "gallery": "WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1",
    "hide": "HideApp",
}
"""The tags behind `featureTags`."""

_DEPRECATED_FEATURES = {
    "customSingleSignOnApp": "customSingleSignOn", "enterpriseApplication": "enterprise",
    "galleryApplication": "gallery",
}  # fmt: skip
_LONGEST_TEXT = 1024
_MODES = ("", "notSupported", "oidc", "password", "saml")

APP_ROLES = objects(
    "appRoles",
    computed("allowedMemberTypes", Shape.STRINGS), computed("description"), computed("displayName"),
    computed("enabled", Shape.BOOLEAN), computed("id"), computed("value"),
)  # fmt: skip
PERMISSION_SCOPES = objects(
    "oauth2PermissionScopes",
    computed("adminConsentDescription"), computed("adminConsentDisplayName"), computed("enabled", Shape.BOOLEAN),
    computed("id"), computed("type"), computed("userConsentDescription"), computed("userConsentDisplayName"),
    computed("value"),
)  # fmt: skip
FEATURES = objects(
    "features",
    *(computed(name, Shape.BOOLEAN) for name in (*_DEPRECATED_FEATURES, "visibleToUsers")),
)
_RELAY_STATE = optional("relayState", validate=validation.not_empty)

# String properties: output names to Graph's names.
_TEXTS = {
    "applicationTenantId": "appOwnerOrganizationId", "clientId": "appId", "description": "description",
    "displayName": "displayName", "homepageUrl": "homepage", "loginUrl": "loginUrl", "logoutUrl": "logoutUrl",
    "notes": "notes", "preferredSingleSignOnMode": "preferredSingleSignOnMode", "signInAudience": "signInAudience",
    "type": "servicePrincipalType",
}  # fmt: skip


def feature_tags(tags: Iterable[str]) -> list[Properties]:
    present = {tag.lower() for tag in tags}
    return [{name: tag.lower() in present for name, tag in FEATURE_TAGS.items()}]


def app_roles(roles: Iterable[Document] | None) -> list[Properties]:
    return [
        {
            "allowedMemberTypes": role.get("allowedMemberTypes") or [], "description": role.get("description") or "",
            "displayName": role.get("displayName") or "", "enabled": bool(role.get("isEnabled")),
            "id": role.get("id") or "", "value": role.get("value") or "",
        }
        for role in roles or ()
    ]  # fmt: skip


def permission_scopes(scopes: Iterable[Document] | None) -> list[Properties]:
    texts = [row.name for row in PERMISSION_SCOPES.fields if row.name != "enabled"]
    return [
        {**{name: scope.get(name) or "" for name in texts}, "enabled": bool(scope.get("isEnabled"))}
        for scope in scopes or ()
    ]


def ids_by_value(items: Iterable[Document] | None) -> dict[str, str]:
    """Ids of roles or scopes by value, without those that have no value, such as a gallery application's."""
    return {item["value"]: item["id"] for item in items or () if item.get("value") and item.get("id")}


def described(live: Document, metadata_url: str | None) -> Properties:
    """Graph's service principal under the plugin's names, without owners and `id`."""
    tags = live.get("tags") or []
    features = feature_tags(tags)
    return {
        **{name: live.get(key) or "" for name, key in _TEXTS.items()},
        "accountEnabled": bool(live.get("accountEnabled")),
        "alternativeNames": live.get("alternativeNames") or [],
        "appRoleAssignmentRequired": bool(live.get("appRoleAssignmentRequired")),
        "appRoleIds": ids_by_value(live.get("appRoles")),
        "appRoles": app_roles(live.get("appRoles")),
        "featureTags": features,
        "features": [
            {name: features[0][now] for name, now in _DEPRECATED_FEATURES.items()}
            | {"visibleToUsers": not features[0]["hide"]}
        ],
        "notificationEmailAddresses": live.get("notificationEmailAddresses") or [],
        "oauth2PermissionScopeIds": ids_by_value(live.get("oauth2PermissionScopes")),
        "oauth2PermissionScopes": permission_scopes(live.get("oauth2PermissionScopes")),
        "objectId": live["id"],
        "redirectUris": live.get("replyUrls") or [],
        "samlMetadataUrl": metadata_url or "",
        "servicePrincipalNames": [
            name for name in live.get("servicePrincipalNames") or [] if name.lower() != live["appId"].lower()
        ],
        "tags": tags,
    }


def metadata_url(graph: Graph, object_id: str) -> str | None:
    """The SAML metadata URL, which only Graph's beta version has."""
    with naming(f'Retrieving Service Principal (Service Principal: "{object_id}") (beta API)'):
        url: str | None = graph.get(
            f"/servicePrincipals/{object_id}", beta=True, select="samlMetadataUrl"
        ).get("samlMetadataUrl")
    return url


class ServicePrincipal(ResourceType):
    table = Table(
        "ServicePrincipal",
        (
            optional("accountEnabled", Shape.BOOLEAN, default=True),
            optional("alternativeNames", Shape.STRING_SET, validate=validation.not_empty),
            optional("appRoleAssignmentRequired", Shape.BOOLEAN),
            computed("appRoleIds", Shape.STRING_MAP),
            APP_ROLES,
            computed("applicationTenantId"),
            required("clientId", validate=validation.uuid, replaces=True),
            optional("description", validate=validation.length(_LONGEST_TEXT)),
            computed("displayName"),
            Property(
                "featureTags", Shape.OBJECTS, optional=True, computed=True, conflicts=("tags",),
                fields=tuple(optional(name, Shape.BOOLEAN) for name in FEATURE_TAGS),
            ),
            FEATURES,
            computed("homepageUrl"),
            optional("loginUrl", validate=validation.web_address),
            computed("logoutUrl"),
            optional("notes", validate=validation.length(_LONGEST_TEXT)),
            optional("notificationEmailAddresses", Shape.STRING_SET, validate=validation.not_empty),
            computed("oauth2PermissionScopeIds", Shape.STRING_MAP),
            PERMISSION_SCOPES,
            computed("objectId"),
            optional("owners", Shape.STRING_SET, validate=validation.uuid),
            optional("preferredSingleSignOnMode", validate=validation.one_of(*_MODES)),
            computed("redirectUris", Shape.STRINGS),
            computed("samlMetadataUrl"),
            optional("samlSingleSignOn", Shape.OBJECT, fields=(_RELAY_STATE,)),
            computed("servicePrincipalNames", Shape.STRINGS),
            computed("signInAudience"),
            Property("tags", Shape.STRING_SET, optional=True, computed=True, conflicts=("featureTags",)),
            computed("type"),
            optional("useExisting", Shape.BOOLEAN),
        ),
    )  # fmt: skip
    create_seconds = 10 * MINUTE
    ID = "/servicePrincipals/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        client_id = planned["clientId"]
        with naming("Could not list existing service principals"):
            existing = graph.list("/servicePrincipals", filter=f"appId eq '{client_id}'")
        if existing:
            return self._adopt(graph, existing[0]["id"], planned)
        body = {**_settings(planned, {}), "appId": client_id}
        body["owners@odata.bind"] = [
            graph.reference(owner)["@odata.id"]
            for owner in dict.fromkeys((graph.object_id, *(planned["owners"] or ())))
        ]
        with naming("Could not create service principal"):
            object_id = graph.post("/servicePrincipals", body)["id"]
        resource_id = f"/servicePrincipals/{object_id}"
        if graph.object_id not in (planned["owners"] or ()):
            try:
                with naming(
                    f'Could not remove initial owner from Service Principal (Service Principal: "{object_id}")'
                ):
                    graph.delete(f"/servicePrincipals/{object_id}/owners/{graph.object_id}/$ref")
            except FailedError as error:
                raise IncompleteError(resource_id, error) from error
        return resource_id

    def _adopt(self, graph: Graph, object_id: str, planned: Properties) -> str:
        if not planned["useExisting"]:
            raise FailedError(
                f'[id] A resource with the ID "{object_id}" already exists: To be managed via Terraform, this resource '
                "needs to be imported into the State. Please see the resource documentation for "
                '"azuread_service_principal" for more information.'
            )
        resource_id = f"/servicePrincipals/{object_id}"
        try:
            self.update(graph, resource_id, {}, planned)
        except FailedError as error:
            raise IncompleteError(resource_id, error) from error
        return resource_id

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        (object_id,) = found
        named = f'Service Principal (Service Principal: "{object_id}")'
        with naming(f"Retrieving {named}"):
            live = graph.find(f"/servicePrincipals/{object_id}")
        if live is None:
            return None
        outputs = described(live, metadata_url(graph, object_id))
        with naming(f"[owners] Could not retrieve owners for {named}"):
            owners = graph.list(f"/servicePrincipals/{object_id}/owners")
        outputs["owners"] = [owner["id"] for owner in owners]
        relay_state = (live.get("samlSingleSignOnSettings") or {}).get("relayState")
        outputs["samlSingleSignOn"] = _relay(live.get("samlSingleSignOnSettings"), relay_state)
        return {"id": resource_id, **outputs}

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        (object_id,) = known_parts(self.ID, resource_id)
        named = f'Service Principal (Service Principal: "{object_id}")'
        with naming(f"Updating {named}"):
            graph.patch(f"/servicePrincipals/{object_id}", _settings(planned, olds))
        requested, before = planned.get("owners") or [], olds.get("owners") or []
        if sorted(requested) != sorted(before):
            self._set_owners(graph, object_id, requested)

    def _set_owners(self, graph: Graph, object_id: str, requested: list[str]) -> None:
        path = f"/servicePrincipals/{object_id}/owners"
        with naming(f'Could not retrieve owners for service principal with object ID: "{object_id}"'):
            present = [owner["id"] for owner in graph.list(path)]
        with naming(f'Could not add owners to Service Principal (Service Principal: "{object_id}")'):
            for owner in requested:
                if owner not in present:
                    graph.post(f"{path}/$ref", graph.reference(owner))
            for owner in present:
                if owner not in requested:
                    graph.delete(f"{path}/{owner}/$ref")

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        (object_id,) = known_parts(self.ID, resource_id)
        try:
            with naming(f'[id] Deleting Service Principal (Service Principal: "{object_id}")'):
                graph.delete(f"/servicePrincipals/{object_id}")
        except FailedError:
            # The published plugin ignores the response if the service principal was adopted.
            if not olds.get("useExisting"):
                raise


def _relay(settings: Document | None, relay_state: str | None) -> Value:
    return None if settings is None else {"relayState": relay_state or ""}


def _settings(planned: Properties, olds: Properties) -> Document:
    """The body of a creation or an update. Unset properties are sent too, as null or an empty list."""
    saml = planned.get("samlSingleSignOn")
    return {
        "accountEnabled": bool(planned.get("accountEnabled")),
        "alternativeNames": planned.get("alternativeNames") or [],
        "appRoleAssignmentRequired": bool(planned.get("appRoleAssignmentRequired")),
        "description": planned.get("description") or None,
        "loginUrl": planned.get("loginUrl") or None,
        "notes": planned.get("notes") or None,
        "notificationEmailAddresses": planned.get("notificationEmailAddresses") or [],
        "preferredSingleSignOnMode": planned.get("preferredSingleSignOnMode") or None,
        "samlSingleSignOnSettings": {"relayState": saml.get("relayState") or ""} if saml else {},
        "tags": _tags(planned, olds),
    }


def _tags(planned: Properties, olds: Properties) -> list[str]:
    features = planned.get("featureTags")
    if isinstance(features, list) and features and features != olds.get("featureTags"):
        return [tag for name, tag in FEATURE_TAGS.items() if features[0].get(name)]
    tags = planned.get("tags")
    return list(tags) if isinstance(tags, list) else []
