"""Gallery templates, applications and service principals.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/{applications,serviceprincipals}`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from sandbox.azuread import validation
from sandbox.azuread.functions.base import Function, ids, quoted, texts
from sandbox.azuread.graph import Document, FailedError, Graph, GraphError, naming
from sandbox.azuread.resources.service_principal import (
    APP_ROLES,
    FEATURE_TAGS,
    FEATURES,
    PERMISSION_SCOPES,
    ServicePrincipal,
    app_roles,
    described,
    feature_tags,
    ids_by_value,
    metadata_url,
    permission_scopes,
)
from sandbox.azuread.schema import Property, Shape, Table, computed, objects
from sandbox.azuread.wire import Properties, Value

_FEATURE_TAGS = objects("featureTags", *(computed(name, Shape.BOOLEAN) for name in FEATURE_TAGS))


def _lookup(name: str, validate: validation.Validator | None = None) -> Property:
    return Property(name, optional=True, computed=True, validate=validate)


class GetApplicationTemplate(Function):
    TEXTS: ClassVar[dict[str, str]] = {
        "displayName": "displayName", "homepageUrl": "homePageUrl", "logoUrl": "logoUrl", "publisher": "publisher",
    }  # fmt: skip
    LISTS: ClassVar[tuple[str, ...]] = (
        "categories",
        "supportedProvisioningTypes",
        "supportedSingleSignOnModes",
    )
    table = Table(
        "getApplicationTemplate",
        (
            _lookup("displayName", validation.not_empty),
            _lookup("templateId", validation.uuid),
            *(computed(name, Shape.STRINGS) for name in LISTS),
            computed("homepageUrl"),
            computed("logoUrl"),
            computed("publisher"),
        ),
        exactly_one_of=("displayName", "templateId"),
    )

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        if arguments["templateId"]:
            live = self._by_id(graph, arguments["templateId"])
        else:
            live = self._by_name(graph, arguments["displayName"])
        return {
            "id": live["id"],
            "templateId": live["id"],
            **texts(live, self.TEXTS),
            **{name: live.get(name) or [] for name in self.LISTS},
        }

    def _by_id(self, graph: Graph, template_id: str) -> Document:
        with naming(f'[object_id] Retrieving Application Template with ID "{template_id}"'):
            live = graph.find(f"/applicationTemplates/{template_id}")
        if live is None:
            raise FailedError(f'[object_id] Application Template with ID "{template_id}" was not found')
        return live

    def _by_name(self, graph: Graph, name: str) -> Document:
        query = f"displayName eq {quoted(name)}"
        with naming(f'Listing application templates for filter "{query}"'):
            found = graph.list("/applicationTemplates", filter=query)
        if not found:
            raise FailedError(
                f'Application template not found: no application templates found matching filter: "{query}"'
            )
        if len(found) > 1:
            many = f'found multiple application templates matching filter: "{query}"'
            raise FailedError(f"Multiple application templates found: {many}")
        return found[0]


_CLAIM = (
    computed("additionalProperties", Shape.STRINGS), computed("essential", Shape.BOOLEAN), computed("name"),
    computed("source"),
)  # fmt: skip
_CLAIM_LISTS = {"accessTokens": "accessToken", "idTokens": "idToken", "saml2Tokens": "saml2Token"}


_APPLICATION_LOOKUPS = {
    "clientId": "appId eq '{}'", "displayName": "displayName eq '{}'",
    "identifierUri": "identifierUris/any(uri:uri eq '{}')",
}  # fmt: skip
_APPLICATION_TEXTS = {
    "clientId": "appId", "disabledByMicrosoft": "disabledByMicrosoftStatus", "displayName": "displayName",
    "notes": "notes", "objectId": "id", "publisherDomain": "publisherDomain",
    "serviceManagementReference": "serviceManagementReference", "signInAudience": "signInAudience",
}  # fmt: skip
_APPLICATION_INFORMATION = {
    "logoUrl": "logoUrl", "marketingUrl": "marketingUrl", "privacyStatementUrl": "privacyStatementUrl",
    "supportUrl": "supportUrl", "termsOfServiceUrl": "termsOfServiceUrl",
}  # fmt: skip


class GetApplication(Function):
    table = Table(
        "getApplication",
        (
            _lookup("clientId", validation.uuid),
            _lookup("displayName", validation.not_empty),
            _lookup("identifierUri", validation.not_empty),
            _lookup("objectId", validation.uuid),
            objects(
                "apis",
                computed("knownClientApplications", Shape.STRINGS), computed("mappedClaimsEnabled", Shape.BOOLEAN),
                PERMISSION_SCOPES, computed("requestedAccessTokenVersion"),
            ),
            computed("appRoleIds", Shape.STRING_MAP),
            APP_ROLES,
            computed("description"),
            computed("deviceOnlyAuthEnabled", Shape.BOOLEAN),
            computed("fallbackPublicClientEnabled", Shape.BOOLEAN),
            _FEATURE_TAGS,
            computed("groupMembershipClaims", Shape.STRING_SET),
            computed("identifierUris", Shape.STRINGS),
            computed("oauth2PermissionScopeIds", Shape.STRING_MAP),
            computed("oauth2PostResponseRequired", Shape.BOOLEAN),
            objects("optionalClaims", *(objects(name, *_CLAIM) for name in _CLAIM_LISTS)),
            computed("owners", Shape.STRINGS),
            objects("publicClients", computed("redirectUris", Shape.STRING_SET)),
            objects(
                "requiredResourceAccesses",
                objects("resourceAccesses", computed("id"), computed("type")), computed("resourceAppId"),
            ),
            objects("singlePageApplications", computed("redirectUris", Shape.STRING_SET)),
            computed("tags", Shape.STRINGS),
            objects(
                "webs",
                computed("homepageUrl"), computed("logoutUrl"), computed("redirectUris", Shape.STRING_SET),
                objects(
                    "implicitGrants",
                    computed("accessTokenIssuanceEnabled", Shape.BOOLEAN),
                    computed("idTokenIssuanceEnabled", Shape.BOOLEAN),
                ),
            ),
            *(computed(name) for name in _APPLICATION_TEXTS if name not in (*_APPLICATION_LOOKUPS, "objectId")),
            *(computed(name) for name in _APPLICATION_INFORMATION),
        ),
        exactly_one_of=("clientId", "displayName", "identifierUri", "objectId"),
    )  # fmt: skip

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        live = self._find(graph, arguments)
        path = f"/applications/{live['id']}"
        named = f'Application (Application: "{live["id"]}")'
        with naming(f"Retrieving additional properties for {named}"):
            extra = graph.get(path, beta=True, select="oauth2RequirePostResponse")
        with naming(f"[owners] Could not retrieve owners for {named}"):
            owners = ids(graph.list(f"{path}/owners"))
        api = live.get("api") or {}
        claims = live.get("groupMembershipClaims")
        return {
            "id": path,
            "owners": owners,
            **texts(live, _APPLICATION_TEXTS),
            **texts(live.get("info") or {}, _APPLICATION_INFORMATION),
            "apis": _api(live.get("api")),
            "appRoleIds": ids_by_value(live.get("appRoles")),
            "appRoles": app_roles(live.get("appRoles")),
            "deviceOnlyAuthEnabled": bool(live.get("isDeviceOnlyAuthSupported")),
            "fallbackPublicClientEnabled": bool(live.get("isFallbackPublicClient")),
            "featureTags": feature_tags(live.get("tags") or ()),
            "groupMembershipClaims": claims.split(",") if claims else [],
            "identifierUris": live.get("identifierUris") or [],
            "oauth2PermissionScopeIds": ids_by_value(api.get("oauth2PermissionScopes")),
            "oauth2PostResponseRequired": bool(extra.get("oauth2RequirePostResponse")),
            "optionalClaims": _optional_claims(live.get("optionalClaims")),
            "publicClients": _redirects(live.get("publicClient")),
            "requiredResourceAccesses": _accesses(live.get("requiredResourceAccess")),
            "singlePageApplications": _redirects(live.get("spa")),
            "tags": live.get("tags") or [],
            "webs": _web(live.get("web")),
        }

    def _find(self, graph: Graph, arguments: Properties) -> Document:
        if arguments["objectId"]:
            return self._by_id(graph, arguments["objectId"])
        query = next(
            (form.format(arguments[name]) for name, form in _APPLICATION_LOOKUPS.items() if arguments[name]),
            None,
        )
        if query is None:
            raise FailedError(
                "One of `object_id`, `client_id`, `displayName`, or `identifier_uri` must be specified"
            )
        with naming(f'Listing applications for filter "{query}"'):
            found = graph.list("/applications", filter=query)
        if not found:
            raise FailedError(f'Application not found: no applications found matching filter: "{query}"')
        if len(found) > 1:
            raise FailedError(
                f'Multiple applications found: found multiple applications matching filter: "{query}"'
            )
        return found[0]

    def _by_id(self, graph: Graph, object_id: str) -> Document:
        with naming(f'[object_id] Retrieving Application with object ID "{object_id}"'):
            live = graph.find(f"/applications/{object_id}")
        if live is None:
            raise FailedError(f'[object_id] Application with object ID "{object_id}" was not found')
        return live


def _api(api: Document | None) -> list[Properties]:
    if api is None:
        return []
    version: Value = api.get("requestedAccessTokenVersion")
    return [
        {
            "knownClientApplications": api.get("knownClientApplications") or [],
            "mappedClaimsEnabled": bool(api.get("acceptMappedClaims")),
            "oauth2PermissionScopes": permission_scopes(api.get("oauth2PermissionScopes")),
            "requestedAccessTokenVersion": 1 if version is None else version,
        }
    ]


def _optional_claims(claims: Document | None) -> list[Properties]:
    if not claims:
        return []
    return [
        {
            name: [
                {
                    "name": claim["name"], "source": claim.get("source") or "",
                    "essential": bool(claim.get("essential")),
                    "additionalProperties": claim.get("additionalProperties") or [],
                }
                for claim in claims.get(key) or ()
            ]
            for name, key in _CLAIM_LISTS.items()
        }
    ]  # fmt: skip


def _accesses(accesses: list[Document] | None) -> list[Properties]:
    return [
        {
            "resourceAppId": access["resourceAppId"],
            "resourceAccesses": [
                {"id": item["id"], "type": item["type"]} for item in access["resourceAccess"]
            ],
        }
        for access in accesses or ()
    ]


def _redirects(section: Document | None) -> list[Properties]:
    return [] if section is None else [{"redirectUris": sorted(section.get("redirectUris") or ())}]


def _web(web: Document | None) -> list[Properties]:
    if web is None:
        return []
    grants = web.get("implicitGrantSettings")
    return [
        {
            "homepageUrl": web.get("homePageUrl") or "",
            "logoutUrl": web.get("logoutUrl") or "",
            "redirectUris": sorted(web.get("redirectUris") or ()),
            "implicitGrants": [] if grants is None else [
                {
                    "accessTokenIssuanceEnabled": bool(grants.get("enableAccessTokenIssuance")),
                    "idTokenIssuanceEnabled": bool(grants.get("enableIdTokenIssuance")),
                }
            ],
        }
    ]  # fmt: skip


_UNSHARED = ("clientId", "displayName", "objectId", "owners", "samlSingleSignOn", "useExisting")


class GetServicePrincipal(Function):
    table = Table(
        "getServicePrincipal",
        (
            _lookup("clientId", validation.uuid),
            _lookup("displayName", validation.not_empty),
            _lookup("objectId", validation.uuid),
            *(
                # A set in the resource type is a list here, in Graph's order.
                Property(
                    row.name,
                    Shape.STRINGS if row.shape is Shape.STRING_SET else row.shape,
                    computed=True,
                    fields=row.fields,
                )
                for row in ServicePrincipal.table.properties
                if row.name not in (*_UNSHARED, "featureTags", "features")
            ),
            _FEATURE_TAGS,
            FEATURES,
            objects("samlSingleSignOns", computed("relayState")),
        ),
        exactly_one_of=("clientId", "displayName", "objectId"),
    )

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        live = self._find(graph, arguments)
        saml = live.get("samlSingleSignOnSettings")
        return {
            "id": f"/servicePrincipals/{live['id']}",
            **described(live, metadata_url(graph, live["id"])),
            "samlSingleSignOns": [] if saml is None else [{"relayState": saml.get("relayState") or ""}],
        }

    def _find(self, graph: Graph, arguments: Properties) -> Document:
        if arguments["objectId"]:
            return self._by_id(graph, arguments["objectId"])
        key, value = ("displayName", arguments["displayName"]) if arguments["displayName"] else (
            "appId", arguments["clientId"]
        )  # fmt: skip
        query = f"{key} eq {quoted(value)}"
        with naming(f'Listing service principals for filter "{query}"'):
            found = graph.list("/servicePrincipals", filter=query)
        if not found and key == "displayName":
            raise FailedError(
                f'Service principal not found: no service principals found matching filter: "{query}"'
            )
        if not found:
            raise FailedError("No service principal found: no service principal found")
        if len(found) > 1 and key == "displayName":
            many = f'found multiple service principals matching filter: "{query}"'
            raise FailedError(f"Multiple service principals found: {many}")
        return found[0]

    def _by_id(self, graph: Graph, object_id: str) -> Document:
        named = f'Service Principal (Service Principal: "{object_id}")'
        try:
            return graph.get(f"/servicePrincipals/{object_id}")
        except GraphError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise FailedError(f"[object_id] {named} was not found") from error
            raise FailedError(f"[object_id] Retrieving {named}: {error}") from error
