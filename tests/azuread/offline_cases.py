"""Named requests that need no network: checks, diffs and previews.

The published plugin's responses are in `recorded/offline.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.azuread.driver import UNKNOWN, Plugin, PluginError

U = "11111111-1111-4111-8111-111111111111"
V = "22222222-1111-4111-8111-111111111111"
W = "33333333-1111-4111-8111-111111111111"
GALLERY = "WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1"
INTEGRATED = "WindowsAzureActiveDirectoryIntegratedApp"

Case = Callable[[Plugin], Any]

SERVICE_PRINCIPAL_OUTPUTS: dict[str, Any] = {
    "accountEnabled": True, "alternativeNames": None, "appRoleAssignmentRequired": True, "appRoleIds": {},
    "appRoles": [
        {
            "allowedMemberTypes": ["User"], "description": "d", "displayName": "User", "enabled": True, "id": V,
            "value": "",
        }
    ],
    "applicationTenantId": V, "clientId": U, "description": "", "displayName": "App",
    "featureTags": [{"customSingleSignOn": False, "enterprise": True, "gallery": True, "hide": False}],
    "features": [
        {
            "customSingleSignOnApp": False, "enterpriseApplication": True, "galleryApplication": True,
            "visibleToUsers": True,
        }
    ],
    "homepageUrl": "https://h.example", "id": "/servicePrincipals/" + V, "loginUrl": "https://login.example",
    "logoutUrl": "", "notes": "", "notificationEmailAddresses": ["a@example.com", "b@example.com"],
    "oauth2PermissionScopeIds": {}, "oauth2PermissionScopes": [], "objectId": V, "owners": [V],
    "preferredSingleSignOnMode": "saml", "redirectUris": [], "samlMetadataUrl": "",
    "samlSingleSignOn": {"relayState": "r"}, "servicePrincipalNames": ["https://n.example"],
    "signInAudience": "AzureADMyOrg", "tags": [GALLERY, INTEGRATED], "type": "Application", "useExisting": True,
}  # fmt: skip
SERVICE_PRINCIPAL_INPUTS: dict[str, Any] = {
    "__defaults": ["accountEnabled"], "accountEnabled": True, "appRoleAssignmentRequired": True, "clientId": U,
    "featureTags": [{"__defaults": [], "enterprise": True, "gallery": True}], "loginUrl": "https://login.example",
    "notificationEmailAddresses": ["b@example.com", "a@example.com"], "owners": [V],
    "preferredSingleSignOnMode": "saml", "samlSingleSignOn": {"__defaults": [], "relayState": "r"},
    "useExisting": True,
}  # fmt: skip

SP = "ServicePrincipal"
TEMPLATE = "ApplicationFromTemplate"
IDENTIFIER = "ApplicationIdentifierUri"
REDIRECTS = "ApplicationRedirectUris"
OWNER = "ApplicationOwner"
CERTIFICATE = "ServicePrincipalTokenSigningCertificate"
POLICY = "ClaimsMappingPolicy"
POLICY_ASSIGNMENT = "ServicePrincipalClaimsMappingPolicyAssignment"
ROLE_ASSIGNMENT = "AppRoleAssignment"
ON_V: dict[str, Any] = {"applicationId": "/applications/" + V}


def _outcome(response: Callable[[], Any]) -> Any:
    try:
        return response()
    except PluginError as error:
        return {"error": error.text}


CHECKS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "service principal: required missing": (SP, {}, {}),
    "service principal: only what must be": (SP, {"clientId": U}, {}),
    "service principal: not a boolean": (SP, {"clientId": U, "appRoleAssignmentRequired": "maybe"}, {}),
    "service principal: conversions and validators": (
        SP,
        {
            "clientId": U, "appRoleAssignmentRequired": "true", "useExisting": "false", "description": 5, "notes": "",
            "owners": ["x"], "notificationEmailAddresses": ["", ""], "alternativeNames": "a",
            "preferredSingleSignOnMode": "SAML", "loginUrl": "",
        },
        {},
    ),
    "service principal: wrong scheme, empty blocks": (
        SP, {"clientId": U, "loginUrl": "ftp://x", "samlSingleSignOn": {}, "featureTags": []}, {},
    ),
    "service principal: no host, conflict": (
        SP, {"clientId": U, "loginUrl": "x", "tags": ["a"], "featureTags": [{}, {}]}, {},
    ),
    "service principal: unknown keys, nested": (
        SP, {"clientId": "nope", "samlSingleSignOn": {"relayState": ""}, "featureTags": [{"bogus": 1}], "bogus": 1}, {},
    ),
    "service principal: not a boolean in a block": (SP, {"clientId": U, "featureTags": [{"gallery": "x"}]}, {}),
    "service principal: unknown values": (
        SP,
        {
            "clientId": UNKNOWN, "loginUrl": UNKNOWN, "tags": [UNKNOWN, "b"], "owners": UNKNOWN,
            "accountEnabled": UNKNOWN,
        },
        {},
    ),
    "service principal: computed, too long": (SP, {"clientId": U, "displayName": "x", "notes": "x" * 1025}, {}),
    "service principal: default of the last run": (
        SP, {"clientId": U}, {"clientId": U, "accountEnabled": False, "__defaults": ["accountEnabled"]},
    ),
    "service principal: stated in the last run": (
        SP, {"clientId": U}, {"clientId": U, "accountEnabled": False, "__defaults": []},
    ),
    "service principal: nulls and wrong shapes": (
        SP,
        {
            "clientId": U, "accountEnabled": None, "tags": None, "description": {"a": 1}, "owners": {"a": 1},
            "notes": ["x"],
        },
        {},
    ),
    "service principal: texts for objects": (SP, {"clientId": U, "samlSingleSignOn": "x", "featureTags": "x"}, {}),
    "service principal: one for a list, a list for one": (
        SP, {"clientId": U, "samlSingleSignOn": [{"relayState": "x"}], "featureTags": {"gallery": True}}, {},
    ),
    "template: everything wrong": (TEMPLATE, {"displayName": "", "templateId": "nope", "applicationId": "x"}, {}),
    "template: null": (TEMPLATE, {"displayName": None}, {}),
    "template: fine": (TEMPLATE, {"displayName": " ", "templateId": U.upper()}, {}),
    "identifier: too few segments": (IDENTIFIER, {"applicationId": "/applications", "identifierUri": ""}, {}),
    "identifier: other segment": (IDENTIFIER, {"applicationId": "/applicationx/zz", "identifierUri": "x"}, {}),
    "identifier: empty id": (IDENTIFIER, {"applicationId": "", "identifierUri": "x"}, {}),
    "identifier: fine": (IDENTIFIER, {"applicationId": "/applications/zz", "identifierUri": "x"}, {}),
    "owner: everything wrong": (OWNER, {"applicationId": V, "ownerObjectId": "ada@example.com", "id": "x"}, {}),
    "owner: nothing": (OWNER, {}, {}),
    "owner: fine": (OWNER, {**ON_V, "ownerObjectId": U.upper()}, {}),
    "redirects: type, no addresses": (REDIRECTS, {**ON_V, "type": "web", "redirectUris": []}, {}),
    "redirects: addresses": (
        REDIRECTS,
        {
            **ON_V, "type": "Web",
            "redirectUris": [
                "", "x", "http://", "https://a#b", "urn:a", "urn:a:b", "https://*.x", "ftp://x/", "https://" + "x" * 300
            ],
        },
        {},
    ),
    "certificate: everything wrong": (
        CERTIFICATE, {"servicePrincipalId": "zz", "displayName": "Mimecast", "endDate": "x"}, {},
    ),
    "policy: empty": (POLICY, {"displayName": "", "definitions": ""}, {}),
    "policy: one definition": (POLICY, {"displayName": "x", "definitions": "y"}, {}),
    "policy: no definition": (POLICY, {"displayName": "x", "definitions": []}, {}),
    "policy: an object": (POLICY, {"displayName": "x", "definitions": ["", {"a": 1}]}, {}),
    "policy: numbers": (POLICY, {"displayName": True, "definitions": [1.5, True]}, {}),
    "policy assignment: ids": (POLICY_ASSIGNMENT, {"claimsMappingPolicyId": "x", "servicePrincipalId": "x"}, {}),
    "role assignment: ids": (
        ROLE_ASSIGNMENT, {"appRoleId": "x", "principalObjectId": "", "resourceObjectId": U, "principalType": "x"}, {},
    ),
    "role assignment: nothing": (ROLE_ASSIGNMENT, {}, {}),
    **{
        f"certificate: end date {text!r}": (
            CERTIFICATE, {"servicePrincipalId": "/servicePrincipals/zz", "displayName": "", "endDate": text}, {},
        )
        for text in (
            "", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00+01:00", "2030-13-01T00:00:00Z",
            "2030-01-01T25:00:00Z", "2030-02-30T00:00:00Z", "2028-02-29T00:00:00Z", "2030-01-01T00:00:00.000Z",
            "2030-01-01t00:00:00z", "2030-01-01 00:00:00Z", "2030-01-01T00:00:00Zx",
        )
    },
}  # fmt: skip

MAIL = "notificationEmailAddresses"
# Name: what the program newly states, what it no longer states, what the service holds instead.
SERVICE_PRINCIPAL_CHANGES: dict[str, tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]] = {
    "same": ({}, (), {}),
    "client id": ({"clientId": V}, (), {}),
    "client id unknown": ({"clientId": UNKNOWN}, (), {}),
    "useExisting false": ({"useExisting": False}, (), {}),
    "useExisting dropped": ({}, ("useExisting",), {}),
    "disabled": ({"accountEnabled": False}, (), {}),
    "disabled out of band": ({}, (), {"accountEnabled": False}),
    "assignment not required": ({"appRoleAssignmentRequired": False}, (), {}),
    "assignment required dropped": ({}, ("appRoleAssignmentRequired",), {}),
    "assignment required dropped, was false": (
        {}, ("appRoleAssignmentRequired",), {"appRoleAssignmentRequired": False},
    ),
    "mode dropped": ({}, ("preferredSingleSignOnMode",), {}),
    "mode empty": ({"preferredSingleSignOnMode": ""}, (), {}),
    "mode other": ({"preferredSingleSignOnMode": "oidc"}, (), {}),
    "notes added": ({"notes": "x"}, (), {}),
    "notes changed": ({"notes": "x"}, (), {"notes": "y"}),
    "notes out of band": ({}, (), {"notes": "y"}),
    "notes emptied": ({"notes": ""}, (), {"notes": "y"}),
    "notes empty": ({"notes": ""}, (), {}),
    "notes after null": ({"notes": "x"}, (), {"notes": None}),
    "notes unknown": ({"notes": UNKNOWN}, (), {}),
    "mail added": ({MAIL: ["a@example.com", "b@example.com", "c@example.com"]}, (), {}),
    "mail added in front": ({MAIL: ["0@example.com", "a@example.com", "b@example.com"]}, (), {}),
    "mail changed": ({MAIL: ["a@example.com", "c@example.com"]}, (), {}),
    "mail changed in front": ({MAIL: ["c@example.com", "b@example.com"]}, (), {}),
    "mail removed in front": ({MAIL: ["b@example.com"]}, (), {}),
    "mail removed": ({MAIL: ["a@example.com"]}, (), {}),
    "mail emptied": ({MAIL: []}, (), {}),
    "mail dropped": ({}, (MAIL,), {}),
    "mail partly unknown": ({MAIL: ["a@example.com", UNKNOWN]}, (), {}),
    "mail unknown": ({MAIL: UNKNOWN}, (), {}),
    "mail replaced": ({MAIL: ["d@example.com", "c@example.com"]}, (), {}),
    "mail twice": ({MAIL: ["a@example.com", "a@example.com", "b@example.com"]}, (), {}),
    "mail mixed": ({MAIL: ["z@example.com", "y@example.com", "b@example.com"]}, (), {}),
    "names first": ({"alternativeNames": ["a"]}, (), {}),
    "names first after a refresh": ({"alternativeNames": ["a"]}, (), {"alternativeNames": []}),
    "names empty": ({"alternativeNames": []}, (), {}),
    "names unset after a refresh": ({}, (), {"alternativeNames": []}),
    "names empty after a refresh": ({"alternativeNames": []}, (), {"alternativeNames": []}),
    "owners dropped": ({}, ("owners",), {}),
    "owners added": ({"owners": [V, W]}, (), {}),
    "owners added in front": ({"owners": [U, V]}, (), {}),
    "owners in another order": ({"owners": [W, V]}, (), {}),
    "relay state dropped": ({}, ("samlSingleSignOn",), {}),
    "relay state unset": ({"samlSingleSignOn": {"__defaults": []}}, (), {}),
    "relay state changed": ({"samlSingleSignOn": {"__defaults": [], "relayState": "q"}}, (), {}),
    "relay state first": ({}, (), {"samlSingleSignOn": None}),
    "relay state unknown": ({"samlSingleSignOn": {"relayState": UNKNOWN}}, (), {}),
    "relay state dropped, was empty": ({}, ("samlSingleSignOn",), {"samlSingleSignOn": {"relayState": ""}}),
    "relay state unset, first": ({"samlSingleSignOn": {"__defaults": []}}, (), {"samlSingleSignOn": None}),
    "relay state never": ({}, ("samlSingleSignOn",), {"samlSingleSignOn": None}),
    "features hidden": ({"featureTags": [{"enterprise": True, "gallery": True, "hide": True}]}, (), {}),
    "features gallery false": ({"featureTags": [{"enterprise": True, "gallery": False}]}, (), {}),
    "features gallery omitted": ({"featureTags": [{"enterprise": True}]}, (), {}),
    "features dropped": ({}, ("featureTags",), {}),
    "features empty list": ({"featureTags": []}, (), {}),
    "features empty": ({"featureTags": [{}]}, (), {}),
    "features other": ({"featureTags": [{"customSingleSignOn": True, "hide": True}]}, (), {}),
    "features dropped, notes": ({"notes": "x"}, ("featureTags",), {}),
    "features unknown": ({"featureTags": [{"enterprise": True, "gallery": UNKNOWN}]}, (), {}),
    "features twice": ({"featureTags": [{"enterprise": True, "gallery": True}, {}]}, (), {}),
    "tags for features": ({"tags": [GALLERY, INTEGRATED]}, ("featureTags",), {}),
    "tags other": ({"tags": ["HideApp"]}, ("featureTags",), {}),
    "tags added": ({"tags": [GALLERY, INTEGRATED, "HideApp"]}, ("featureTags",), {}),
    "tags emptied": ({"tags": []}, ("featureTags",), {}),
    "tags replaced": ({"tags": ["A", "B"]}, ("featureTags",), {}),
    "sign-on address dropped": ({}, ("loginUrl",), {}),
    "two at once": ({"loginUrl": "https://z.example", "description": "d"}, (), {}),
}  # fmt: skip

_TEMPLATE_OUTPUTS = {
    "displayName": "n", "templateId": U, "applicationId": "/applications/" + V, "applicationObjectId": V,
    "servicePrincipalId": "/servicePrincipals/" + W, "servicePrincipalObjectId": W,
    "id": f"/applicationTemplates/{U}/instantiate/{V}/{W}",
}  # fmt: skip
_IDENTIFIER_OUTPUTS = {
    **ON_V,
    "identifierUri": "https://a",
    "id": f"/applications/{V}/identifierUris/aHR0cHM6Ly9h",
}
_REDIRECT_OUTPUTS = {
    **ON_V, "type": "Web", "redirectUris": ["https://a", "https://b"], "id": f"/applications/{V}/redirectUris/Web",
}  # fmt: skip
_OWNER_OUTPUTS = {**ON_V, "ownerObjectId": U, "id": f"/applications/{V}/owners/{U}"}
_CERTIFICATE_OUTPUTS = {
    "servicePrincipalId": "/servicePrincipals/" + V, "displayName": "CN=x", "endDate": "2030-01-01T00:00:00Z",
    "startDate": "2029-01-01T00:00:00Z", "keyId": W, "thumbprint": "AB", "value": "abc",
    "id": f"{V}/tokenSigningCertificate/{W}",
}  # fmt: skip
_POLICY_OUTPUTS = {"displayName": "p", "definitions": ["{}"], "id": "/policies/claimsMappingPolicies/" + V}
_ASSIGNMENT_OUTPUTS = {
    "claimsMappingPolicyId": "/policies/claimsMappingPolicies/" + V, "servicePrincipalId": "/servicePrincipals/" + V,
    "id": f"/servicePrincipals/{V}/claimsMappingPolicies/{V}",
}  # fmt: skip
_ROLE_OUTPUTS = {
    "appRoleId": U, "principalObjectId": V, "resourceObjectId": W, "principalDisplayName": "a",
    "principalType": "User", "resourceDisplayName": "r", "id": f"/servicePrincipals/{W}/appRoleAssignedTo/xyz",
}  # fmt: skip
_PRINCIPAL_V = {"servicePrincipalId": "/servicePrincipals/" + V}

# Name: type, outputs of the last run, what the program states now.
CHANGES: dict[str, tuple[str, Mapping[str, Any], dict[str, Any]]] = {
    "template: same": (TEMPLATE, _TEMPLATE_OUTPUTS, {"displayName": "n", "templateId": U}),
    "template: name": (TEMPLATE, _TEMPLATE_OUTPUTS, {"displayName": "m", "templateId": U}),
    "template: template": (TEMPLATE, _TEMPLATE_OUTPUTS, {"displayName": "n", "templateId": V}),
    "template: both": (TEMPLATE, _TEMPLATE_OUTPUTS, {"displayName": "m", "templateId": V}),
    "template: half-made": (
        TEMPLATE, {**_TEMPLATE_OUTPUTS, "applicationId": None, "applicationObjectId": None},
        {"displayName": "n", "templateId": U},
    ),
    "identifier: same": (IDENTIFIER, _IDENTIFIER_OUTPUTS, {**ON_V, "identifierUri": "https://a"}),
    "identifier: address": (IDENTIFIER, _IDENTIFIER_OUTPUTS, {**ON_V, "identifierUri": "https://b"}),
    "identifier: application unknown": (
        IDENTIFIER, _IDENTIFIER_OUTPUTS, {"applicationId": UNKNOWN, "identifierUri": "https://a"},
    ),
    "identifier: both": (
        IDENTIFIER, _IDENTIFIER_OUTPUTS, {"applicationId": "/applications/" + U, "identifierUri": "https://b"},
    ),
    "owner: same": (OWNER, _OWNER_OUTPUTS, {**ON_V, "ownerObjectId": U}),
    "owner: another": (OWNER, _OWNER_OUTPUTS, {**ON_V, "ownerObjectId": W}),
    "owner: application unknown": (OWNER, _OWNER_OUTPUTS, {"applicationId": UNKNOWN, "ownerObjectId": U}),
    **{
        f"redirects: {name}": (REDIRECTS, _REDIRECT_OUTPUTS, {**ON_V, "type": kind, "redirectUris": uris})
        for name, kind, uris in (
            ("same", "Web", ["https://b", "https://a"]), ("added", "Web", ["https://b", "https://a", "https://c"]),
            ("removed", "Web", ["https://b"]), ("emptied", "Web", []), ("unknown", "Web", ["https://a", UNKNOWN]),
            ("type", "SPA", ["https://a", "https://b"]), ("type and address", "SPA", ["https://a"]),
        )
    },
    **{
        f"certificate: {name}": (CERTIFICATE, _CERTIFICATE_OUTPUTS, {**_PRINCIPAL_V, **stated})
        for name, stated in (
            ("nothing stated", {}), ("same", {"displayName": "CN=x", "endDate": "2030-01-01T00:00:00Z"}),
            ("same instant", {"displayName": "CN=x", "endDate": "2030-01-01T01:00:00+01:00"}),
            ("name", {"displayName": "CN=y"}), ("name empty", {"displayName": ""}),
            ("principal unknown", {"servicePrincipalId": UNKNOWN}), ("date unknown", {"endDate": UNKNOWN}),
        )
    },
    **{
        f"policy: {''.join(old)} to {''.join(new)}": (
            POLICY, {**_POLICY_OUTPUTS, "definitions": list(old)}, {"displayName": "p", "definitions": list(new)},
        )
        for old, new in (
            ("a", "a"), ("a", "b"), ("a", "ab"), ("a", "ba"), ("a", ""), ("abc", "ac"), ("ab", "ba"), ("abc", "cab"),
            ("abc", "xbc"), ("abc", "xy"), ("ab", "xaby"), ("abcd", "bd"), ("aab", "ab"), ("abc", "axxc"),
            ("abc", "d"), ("ab", "bxa"),
        )
    },
    "policy: name": (POLICY, _POLICY_OUTPUTS, {"displayName": "q", "definitions": ["{}"]}),
    "policy: unknown definition": (POLICY, _POLICY_OUTPUTS, {"displayName": "p", "definitions": [UNKNOWN]}),
    "policy: definitions unknown": (POLICY, _POLICY_OUTPUTS, {"displayName": "p", "definitions": UNKNOWN}),
    "policy: half-made": (
        POLICY, {**_POLICY_OUTPUTS, "definitions": None}, {"displayName": "p", "definitions": ["a"]},
    ),
    "policy assignment: same": (
        POLICY_ASSIGNMENT, _ASSIGNMENT_OUTPUTS,
        {"claimsMappingPolicyId": "/policies/claimsMappingPolicies/" + V, **_PRINCIPAL_V},
    ),
    "policy assignment: policy unknown": (
        POLICY_ASSIGNMENT, _ASSIGNMENT_OUTPUTS, {"claimsMappingPolicyId": UNKNOWN, **_PRINCIPAL_V},
    ),
    "role assignment: same": (
        ROLE_ASSIGNMENT, _ROLE_OUTPUTS, {"appRoleId": U, "principalObjectId": V, "resourceObjectId": W},
    ),
    "role assignment: principal": (
        ROLE_ASSIGNMENT, _ROLE_OUTPUTS, {"appRoleId": U, "principalObjectId": W, "resourceObjectId": W},
    ),
}  # fmt: skip

NEW: dict[str, tuple[str, dict[str, Any]]] = {
    "template": (TEMPLATE, {"displayName": "n", "templateId": U}),
    "identifier": (IDENTIFIER, {"applicationId": UNKNOWN, "identifierUri": "https://a"}),
    "redirects": (REDIRECTS, {"applicationId": UNKNOWN, "type": "Web", "redirectUris": ["https://b", "https://a"]}),
    "redirects: unknown": (REDIRECTS, {**ON_V, "type": "Web", "redirectUris": [UNKNOWN, "https://a"]}),
    "redirects: none": (REDIRECTS, {**ON_V, "type": "Web", "redirectUris": []}),
    "owner": (OWNER, {"applicationId": UNKNOWN, "ownerObjectId": U}),
    "service principal: little": (SP, {"clientId": U, "accountEnabled": True}),
    "service principal: much": (SP, {**SERVICE_PRINCIPAL_INPUTS, "clientId": UNKNOWN}),
    "service principal: tags, empty blocks": (
        SP,
        {
            "clientId": U, "tags": ["b", "a"], "owners": [], "samlSingleSignOn": {}, "alternativeNames": [UNKNOWN],
            "accountEnabled": True,
        },
    ),
    "service principal: empty texts": (
        SP, {"clientId": U, "featureTags": [], "notes": "", "description": UNKNOWN, "accountEnabled": True},
    ),
    "certificate: nothing stated": (CERTIFICATE, {"servicePrincipalId": UNKNOWN}),
    "certificate: everything stated": (
        CERTIFICATE, {"servicePrincipalId": UNKNOWN, "displayName": "CN=x", "endDate": "2030-01-01T00:00:00Z"},
    ),
    "certificate: empty and unknown": (
        CERTIFICATE, {"servicePrincipalId": UNKNOWN, "displayName": "", "endDate": UNKNOWN},
    ),
    "policy": (POLICY, {"displayName": "x", "definitions": ["{}"]}),
    "policy assignment": (POLICY_ASSIGNMENT, {"claimsMappingPolicyId": UNKNOWN, **_PRINCIPAL_V}),
    "role assignment": (ROLE_ASSIGNMENT, {"appRoleId": U, "principalObjectId": V, "resourceObjectId": UNKNOWN}),
}  # fmt: skip

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "credentials": {"clientId": "a", "clientSecret": "b", "tenantId": "c"},
    "unknown key": {"bogus": "x"},
    "unknown environment": {"environment": "mars"},
    **{f"environment {name}": {"environment": name} for name in ("global", "public", "dod", "china", "l4")},
    "not a boolean": {"useCli": "maybe"},
    "a boolean": {"useCli": False},
    "empty tenant": {"tenantId": "", "useCli": "false"},
    "empty secret": {"clientSecret": "", "useCli": "false"},
    "a number": {"clientId": 5},
}

CONFIGURATION_CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "same": ({"version": "6.11.1"}, {"version": "6.11.1"}),
    "version": ({"version": "6.11.0"}, {"version": "6.11.1"}),
    "several": ({"clientId": "a", "useCli": "true"}, {"clientId": "b", "tenantId": "c"}),
}

INVOCATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "user: nothing": ("getUser", {}),
    "user: two": ("getUser", {"mail": "a", "objectId": "x"}),
    "user: unknown key": ("getUser", {"mail": "a", "bogus": 1}),
    "user: not an id": ("getUser", {"objectId": "zz"}),
    "user: empty": ("getUser", {"mail": ""}),
    "user: unknown": ("getUser", {"mail": UNKNOWN}),
    "users: nothing": ("getUsers", {}),
    "users: two": ("getUsers", {"mails": [], "returnAll": True}),
    "users: conflict": ("getUsers", {"ignoreMissing": True, "returnAll": True}),
    "users: empty": ("getUsers", {"mails": [""]}),
    "group: nothing": ("getGroup", {}),
    "group: two": ("getGroup", {"displayName": "", "objectId": "x"}),
    "template: nothing": ("getApplicationTemplate", {}),
    "application: nothing": ("getApplication", {}),
    "application: two": ("getApplication", {"clientId": "x", "objectId": "y"}),
    "service principal: nothing": ("getServicePrincipal", {}),
    "service principal: empty": ("getServicePrincipal", {"displayName": ""}),
    "domains: conflict": ("getDomains", {"onlyInitial": True, "onlyRoot": True}),
    "domains: conflict and unknown key": (
        "getDomains",
        {"onlyInitial": True, "onlyDefault": True, "bogus": 1},
    ),
    "domains: not a boolean": ("getDomains", {"onlyRoot": "maybe"}),
    "client: unknown key": ("getClientConfig", {"x": 1}),
}

READS = {
    f"{kind} {text!r}": (kind, text)
    for kind in (SP, ROLE_ASSIGNMENT, CERTIFICATE, TEMPLATE, IDENTIFIER, REDIRECTS, POLICY, POLICY_ASSIGNMENT)
    for text in ("", "x", "/servicePrincipals/", "/applications/x")
}


def _service_principal_changes() -> Iterator[tuple[str, Case]]:
    for name, (stated, dropped, live) in SERVICE_PRINCIPAL_CHANGES.items():
        news = {
            key: value for key, value in {**SERVICE_PRINCIPAL_INPUTS, **stated}.items() if key not in dropped
        }
        yield name, _change(SP, {**SERVICE_PRINCIPAL_OUTPUTS, **live}, news)


def _change(kind: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Case:
    """The difference; and unless that is a replacement, the preview of the update."""

    def case(plugin: Plugin) -> Any:
        difference = plugin.diff(kind, olds["id"], olds, news)
        if difference["replaces"]:
            return {"diff": difference}
        return {"diff": difference, "preview": plugin.update(kind, olds["id"], olds, news, preview=True)}

    return case


def _ignored(plugin: Plugin) -> Any:
    news = {**SERVICE_PRINCIPAL_INPUTS, "notes": "x"}
    return plugin.diff(SP, "/servicePrincipals/" + V, SERVICE_PRINCIPAL_OUTPUTS, news, ignore=["notes"])


def cases() -> dict[str, Case]:
    """Every case by name; a case asks a configured plugin and returns JSON."""
    found: dict[str, Case] = {}
    for name, (kind, news, olds) in CHECKS.items():
        found[f"check: {name}"] = lambda p, k=kind, n=news, o=olds: p.check(k, n, o)  # type: ignore[misc]
    for name, case in _service_principal_changes():
        found[f"change: service principal: {name}"] = case
    for name, (kind, before, news) in CHANGES.items():
        found[f"change: {name}"] = _change(kind, before, news)
    found["change: service principal: ignored"] = _ignored
    for name, (kind, news) in NEW.items():
        found[f"new: {name}"] = lambda p, k=kind, n=news: list(p.create(k, n, preview=True))  # type: ignore[misc]
    for name, configuration in CONFIGURATIONS.items():
        found[f"configuration: {name}"] = lambda p, c=configuration: p.check_config(
            {**c, "version": "6.11.1"}
        )  # type: ignore[misc]
    for name, (old, new) in CONFIGURATION_CHANGES.items():
        found[f"configuration change: {name}"] = lambda p, o=old, n=new: p.diff_config(o, n)  # type: ignore[misc]
    for name, (function, arguments) in INVOCATIONS.items():
        found[f"invoke: {name}"] = lambda p, f=function, a=arguments: p.invoke(f, a)  # type: ignore[misc]
    for name, (kind, resource_id) in READS.items():
        found[f"read: {name}"] = lambda p, k=kind, i=resource_id: p.read(k, i)  # type: ignore[misc]
    return found


def outcome(case: Case, plugin: Plugin) -> Any:
    """What a case returns, or `{"error": text}`."""
    return _outcome(lambda: case(plugin))
