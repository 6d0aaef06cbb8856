"""Applications as people create them in the portal, each with one flaw, written directly into the sandbox's Entra.

`clean` matches the sandbox stack in every property; every `Flaw` plants one difference and has the words by which a
preview names it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from mimecast_sso.facts.entra import CUSTOM_TAG, ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG, NAMEID_CLAIM
from mimecast_sso.facts.regions import REGIONS
from providers.entra.claims import claims_definition
from sandbox.control_client import Control

GRAPH = "https://graph.microsoft.com/v1.0"
NAME = "Mimecast Personal Portal"
IDENTIFIER = REGIONS["eu"].identifier("CUK25A118")
END = "2029-11-01T00:00:00Z"
"""The expiry of the certificate of the sandbox stack's only generation."""
MAIL = "identity@example.com"
PEOPLE = ("ada@example.com", "grace@example.com")
GROUP = "Mimecast users"
UPN_CLAIMS = json.dumps(
    {
        "ClaimsMappingPolicy": {
            "Version": 1,
            "IncludeBasicClaimSet": "true",
            "ClaimsSchema": [{"Source": "user", "ID": "userprincipalname", "SamlClaimType": NAMEID_CLAIM}],
        }
    }
)


@dataclass(slots=True)
class Tenant:
    """An application in the sandbox's Entra, accessible through Graph and directly."""

    graph: requests.Session
    control: Control
    application: dict[str, Any]
    principal: dict[str, Any]

    @property
    def client_id(self) -> str:
        """The value for ``application.adopt``."""
        return str(self.application["appId"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Graph, as the portal would."""
        response = self.graph.request(method, f"{GRAPH}{path}", json=body, timeout=30)
        assert response.ok, f"{method} {path}: {response.text}"
        return response.json() if response.content else {}

    def set_principal(self, **values: Any) -> None:
        """Properties of the service principal."""
        self.call("PATCH", f"/servicePrincipals/{self.principal['id']}", values)

    def set_application(self, **values: Any) -> None:
        """Properties of the application."""
        self.call("PATCH", f"/applications/{self.application['id']}", values)

    def plant(self, collection: str, key: str, **values: Any) -> None:
        """Write values directly to the world that Graph would refuse or a person cannot set."""
        document = self.control.get(collection, key)
        assert document is not None
        self.control.put(collection, key, document | values)

    def certificate(self, end: str, subject: str = "CN=Microsoft Azure Federated SSO Certificate") -> str:
        """Add a signing certificate. Returns its thumbprint."""
        body = {"displayName": subject, "endDateTime": end}
        path = f"/servicePrincipals/{self.principal['id']}/addTokenSigningCertificate"
        return str(self.call("POST", path, body)["thumbprint"])

    def policy(self, name: str, definition: str) -> str:
        """Create a claims mapping policy. Returns its id."""
        body = {"displayName": name, "definition": [definition]}
        return str(self.call("POST", "/policies/claimsMappingPolicies", body)["id"])

    def assign_policy(self, policy: str, principal: str | None = None) -> None:
        """Assigns a claims mapping policy."""
        reference = {"@odata.id": f"{GRAPH}/policies/claimsMappingPolicies/{policy}"}
        path = f"/servicePrincipals/{principal or self.principal['id']}/claimsMappingPolicies/$ref"
        self.call("POST", path, reference)

    def assign(self, principal_id: str, role: str = "User") -> None:
        """Gives a person or group a role of the application."""
        role_id = next(each["id"] for each in self.application["appRoles"] if each["displayName"] == role)
        body = {"principalId": principal_id, "resourceId": self.principal["id"], "appRoleId": role_id}
        self.call("POST", f"/servicePrincipals/{self.principal['id']}/appRoleAssignedTo", body)

    def user(self, address: str) -> str:
        """The object id of a seeded person."""
        return str(self.call("GET", f"/users/{address}")["id"])

    def group(self, name: str) -> str:
        """The object id of a seeded group."""
        found = self.call("GET", f"/groups?$filter=displayName eq '{name}'")["value"]
        return str(found[0]["id"])

    def write_in(self, collection: str, like: str, identifier: str, **values: Any) -> None:
        """A new object of the directory, like another one."""
        model = next(iter(self.control.documents(collection)))
        found = self.control.get(collection, like) or model
        self.control.put(collection, identifier, copy.deepcopy(found) | {"id": identifier} | values)


def bare(graph: requests.Session, control: Control, name: str = NAME) -> Tenant:
    """A new instance of the gallery template and nothing else."""
    found = graph.get(f"{GRAPH}/applicationTemplates?$filter=displayName eq '{NAME}'", timeout=30).json()
    template = found["value"][0]["id"]
    response = graph.post(
        f"{GRAPH}/applicationTemplates/{template}/instantiate", json={"displayName": name}, timeout=30
    )
    made = response.json()
    return Tenant(graph, control, made["application"], made["servicePrincipal"])


def clean(graph: requests.Session, control: Control) -> Tenant:
    """An application that matches the sandbox stack exactly, except for the certificate's subject."""
    return set_up(bare(graph, control))


def set_up(tenant: Tenant) -> Tenant:
    """Complete a bare application to `clean`."""
    tenant.set_principal(
        preferredSingleSignOnMode="saml",
        loginUrl=REGIONS["eu"].sign_on_url,
        notificationEmailAddresses=[MAIL],
        appRoleAssignmentRequired=True,
        tags=[ENTERPRISE_TAG, GALLERY_TAG],
    )
    tenant.set_application(identifierUris=[IDENTIFIER], web={"redirectUris": [REGIONS["eu"].reply_url]})
    tenant.certificate(END)
    tenant.assign_policy(tenant.policy("mail as NameID", claims_definition()))
    for person in PEOPLE:
        tenant.assign(tenant.user(person))
    tenant.assign(tenant.group(GROUP))
    return tenant


def remove(tenant: Tenant) -> None:
    """Remove the application completely, so that the next one may have its identifier."""
    policies = tenant.control.get("entra.servicePrincipals", tenant.principal["id"])
    for policy in (policies or {}).get("_claimsMappingPolicies", []):
        tenant.control.delete("entra.policies", policy)
    for assignment in tenant.control.documents("entra.assignments"):
        if assignment["resourceId"] == tenant.principal["id"]:
            tenant.control.delete("entra.assignments", assignment["id"])
    tenant.control.delete("entra.servicePrincipals", tenant.principal["id"])
    tenant.control.delete("entra.applications", tenant.application["id"])


@dataclass(frozen=True, slots=True)
class Flaw:
    """A planted difference, and the words that name it. ``refused``: it must not be adopted."""

    name: str
    plant: Callable[[Tenant], object]
    words: tuple[str, ...]
    changes: bool = True
    refused: bool = False

    def __str__(self) -> str:
        return self.name


def _drop_policy(tenant: Tenant) -> str:
    (policy,) = tenant.call("GET", f"/servicePrincipals/{tenant.principal['id']}/claimsMappingPolicies")[
        "value"
    ]
    return str(policy["id"])


def _upn(tenant: Tenant) -> None:
    tenant.plant("entra.policies", _drop_policy(tenant), definition=[UPN_CLAIMS])


def _shared_policy(tenant: Tenant) -> None:
    other = bare(tenant.graph, tenant.control, "Payroll")
    tenant.assign_policy(_drop_policy(tenant), other.principal["id"])


def _nested(tenant: Tenant) -> None:
    tenant.write_in("entra.groups", tenant.group(GROUP), "aaaaaaaa-0000-4000-8000-000000000001",
                    displayName="Contractors", _members=[])  # fmt: skip
    members = tenant.control.get("entra.groups", tenant.group(GROUP)) or {}
    tenant.plant("entra.groups", tenant.group(GROUP),
                 _members=[*members["_members"], "aaaaaaaa-0000-4000-8000-000000000001"])  # fmt: skip


def _guest(tenant: Tenant) -> None:
    tenant.plant("entra.users", tenant.user("grace@example.com"), userType="Guest")


def _second(tenant: Tenant) -> None:
    other = bare(tenant.graph, tenant.control, "Mimecast (old)")
    tenant.plant("entra.applications", other.application["id"], identifierUris=[IDENTIFIER])


def _no_role(tenant: Tenant) -> None:
    roles = [{**role, "isEnabled": False} for role in tenant.application["appRoles"]]
    tenant.plant("entra.applications", tenant.application["id"], appRoles=roles)


def _owner(tenant: Tenant) -> None:
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{tenant.user('alan@example.com')}"}
    tenant.call("POST", f"/servicePrincipals/{tenant.principal['id']}/owners/$ref", reference)


def _application_owner(tenant: Tenant) -> None:
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{tenant.user('alan@example.com')}"}
    tenant.call("POST", f"/applications/{tenant.application['id']}/owners/$ref", reference)


def _not_an_owner(tenant: Tenant) -> None:
    tenant.plant("entra.applications", tenant.application["id"], _owners=[])


def _no_certificate(tenant: Tenant) -> None:
    tenant.plant("entra.servicePrincipals", tenant.principal["id"], keyCredentials=[], passwordCredentials=[],
                 preferredTokenSigningKeyThumbprint=None)  # fmt: skip


def _expired(tenant: Tenant) -> None:
    past = datetime(2025, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = tenant.control.get("entra.servicePrincipals", tenant.principal["id"]) or {}
    keys = [{**key, "endDateTime": past} for key in document["keyCredentials"]]
    tenant.plant("entra.servicePrincipals", tenant.principal["id"], keyCredentials=keys)


def _not_assigned(tenant: Tenant) -> None:
    for assignment in tenant.control.documents("entra.assignments"):
        if assignment["principalDisplayName"] == GROUP and assignment["resourceId"] == tenant.principal["id"]:
            tenant.control.delete("entra.assignments", assignment["id"])


def _no_policy(tenant: Tenant) -> None:
    tenant.plant("entra.servicePrincipals", tenant.principal["id"], _claimsMappingPolicies=[])


_URLS = ["https://eu-api.mimecast.com/login/saml", "https://old.example.com/saml"]

FLAWS: tuple[Flaw, ...] = (
    Flaw("extra certificate", lambda t: t.certificate("2028-05-04T10:00:00Z"),
         ("belongs to no generation", '2028-05-04T10:00:00Z'), changes=False),
    Flaw("expired certificate", _expired, ("has expired", "is created; Entra signs with it at once")),
    Flaw("no certificate", _no_certificate, ("signing certificate 2026", "is created")),
    Flaw("UPN claim", _upn, ("user.userprincipalname", "mail as NameID", "is rewritten")),
    Flaw("claims policy of another", _shared_policy, ("is also assigned to", "Payroll"), refused=True),
    Flaw("no claims policy", _no_policy, ("claims policy: one is created",)),
    Flaw("other display name", lambda t: t.set_application(displayName="Mimecast SSO"),
         ('"Mimecast SSO" becomes "Mimecast Personal Portal"',)),
    Flaw("nested group", _nested, ("Contractors", "nested groups"), changes=False),
    Flaw("guest", _guest, ("guests are assigned", "Grace Example"), changes=False),
    Flaw("second application with the identifier", _second, ("Mimecast (old)", "also has"), refused=True),
    Flaw("missing role", _no_role, ("no app role for people is enabled",), changes=False),
    Flaw("wrong reply URL", lambda t: t.set_application(web={"redirectUris": [_URLS[1]]}),
         (f"reply URLs added: {_URLS[0]}", f"reply URLs removed: {_URLS[1]}")),
    Flaw("several reply URLs", lambda t: t.set_application(web={"redirectUris": _URLS}),
         (f"reply URLs removed: {_URLS[1]}",)),
    Flaw("default reply URL of its own",
         lambda t: t.set_application(web={"redirectUris": _URLS}, defaultRedirectUri=_URLS[1]),
         (f"reply URLs removed: {_URLS[1]}", f"default reply URL: {_URLS[1]} is not configured,")),
    Flaw("no reply URL", lambda t: t.set_application(web={"redirectUris": []}), (f"reply URLs added: {_URLS[0]}",)),
    Flaw("other sign-on URL", lambda t: t.set_principal(loginUrl="https://eu-portal.example.com/"),
         ("sign-on URL: https://eu-portal.example.com/ becomes",)),
    Flaw("disabled", lambda t: t.set_principal(accountEnabled=False), ("is disabled",)),
    Flaw("not in SAML mode", lambda t: t.set_principal(preferredSingleSignOnMode="password"),
         ('"password" becomes "saml"',)),
    Flaw("hidden tile", lambda t: t.set_principal(tags=[ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG]),
         ("the tile is hidden and would show",)),
    Flaw("assignment off", lambda t: t.set_principal(appRoleAssignmentRequired=False),
         ("assignment becomes required",)),
    Flaw("foreign owner", _owner, ("owners: alan@example.com is removed",)),
    Flaw("foreign owner of the application object", _application_owner, ("not configured: alan@example.com",),
         changes=False),
    Flaw("application object without owners", _not_an_owner, ("is not among them; to change that, add",),
         changes=False),
    Flaw("tags missing", lambda t: t.set_principal(tags=[]), (f"tags added: {GALLERY_TAG}, {ENTERPRISE_TAG}",)),
    Flaw("tags of one's own", lambda t: t.set_principal(tags=[ENTERPRISE_TAG, GALLERY_TAG, "cost centre 12"]),
         ("without a meaning to Entra: cost centre 12",), changes=False),
    Flaw("tags of one's own on a hidden tile",
         lambda t: t.set_principal(tags=[ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG, "cost centre 12"]),
         ("the tile is hidden", "tags removed: cost centre 12")),
    Flaw("other notification addresses", lambda t: t.set_principal(notificationEmailAddresses=["helpdesk@example.com"]),
         ("helpdesk@example.com becomes identity@example.com",)),
    Flaw("notes", lambda t: t.set_principal(notes="ask Grace first"), ('notes: "ask Grace first" is cleared',)),
    Flaw("group not assigned", _not_assigned, (f"assignments added: {GROUP}",)),
    Flaw("somebody else assigned", lambda t: t.assign(t.user("alan@example.com")),
         ("but not configured: Alan Example",), changes=False),
    Flaw("further identifier", lambda t: t.set_application(identifierUris=[IDENTIFIER, f"api://{t.client_id}"]),
         ("not configured: api://",), changes=False),
    Flaw("no identifier", lambda t: t.set_application(identifierUris=[]), (f"identifier: {IDENTIFIER} is added",)),
    Flaw("non-gallery tag", lambda t: t.set_principal(tags=[ENTERPRISE_TAG, CUSTOM_TAG]), (), changes=False),
)  # fmt: skip
"""Each is planted individually in a clean application."""
