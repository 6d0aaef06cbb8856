"""The life cycle of everything that the program deploys, from the gallery to the last deletion, including failures.

Every step's response is stored under the step's name; the published plugin's are in `recorded/scenario.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.azuread.driver import Plugin, PluginError
from tests.support.sandboxes import ADA, GRACE, GROUP, RunningSandbox

IDENTIFIER = "https://eu-api.mimecast.com/sso/CUK25A118"
# In the future, and less than three years away.
END = f"{datetime.now(tz=UTC).year + 2}-01-01T00:00:00Z"
GRAPH = "graph.microsoft.com"
DENIED = {
    "error": {
        "code": "Authorization_RequestDenied",
        "message": "Insufficient privileges to complete the operation.",
    }
}
BUSY = {"error": {"code": "TooManyRequests", "message": "Too many requests."}}

# What differs from run to run, and the word that stands for it.
_VARIABLE = (
    (re.compile(r"MII[A-Za-z0-9+/=]{200,}"), "<certificate>"),
    (re.compile(r"\b[0-9A-F]{40}\b"), "<thumbprint>"),
    (re.compile(r"\b[A-Za-z0-9]{48}\b"), "<assignment>"),
    (re.compile(r"\b20\d\d-01-01T00:00:00Z"), "<end>"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def comparable(responses: dict[str, Any]) -> dict[str, Any]:
    """The responses with identifiers numbered in order of appearance, and without times and keys."""
    text = json.dumps({name: ordered(response) for name, response in responses.items()})
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    numbers: dict[str, str] = {}
    text = _GUID.sub(lambda match: numbers.setdefault(match[0], f"<{len(numbers)}>"), text)
    result: dict[str, Any] = _sorted_ids(json.loads(text))
    return result


def _sorted_ids(value: Any) -> Any:
    """Sets come sorted by ids that are other ones in every run."""
    if isinstance(value, dict):
        return {key: _sorted_ids(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    only_ids = all(isinstance(item, str) and re.fullmatch(r"<\d+>", item) for item in value)
    return sorted(value) if only_ids else [_sorted_ids(item) for item in value]


def ordered(value: Any) -> Any:
    """The same with the keys of every object sorted: a plugin sends them in any order."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass
class Scenario:
    """Runs the steps on one plugin in one sandbox; `responses` holds the responses."""

    plugin: Plugin
    sandbox: RunningSandbox
    responses: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        try:
            response = call()
        except PluginError as error:
            response = {"error": error.text}
            if error.partial is not None:
                response["partial"] = error.partial
        self.responses[name] = response
        return response

    def create(self, name: str, kind: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        response = self.step(name, lambda: self.plugin.create(kind, inputs))
        return response if isinstance(response, tuple) else ("", response)

    def invoke(self, name: str, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        response = self.step(name, lambda: self.plugin.invoke(function, arguments))
        found: dict[str, Any] = response.get("return", {})
        return found

    def faulty(self, method: str, path: str, status: int = 403, **more: Any) -> None:
        """Set the response to the next `times` such requests; default: one."""
        body = BUSY if status == 429 else DENIED
        rule = {
            "host": GRAPH,
            "method": method,
            "path": f".*{path}.*",
            "status": status,
            "body": body,
            "times": 1,
            **more,
        }
        self.sandbox.control.faults(rule)


def run(plugin: Plugin, sandbox: RunningSandbox) -> dict[str, Any]:
    """All responses, by step."""
    scenario = Scenario(plugin, sandbox)
    template, me, ada, group = _look_up(scenario)
    application = _application(scenario, template)
    principal = _service_principal(scenario, application, me)
    _addresses(scenario, application)
    _owners(scenario, application, me, ada)
    _certificates(scenario, principal["id"])
    _policies(scenario, principal["id"])
    _assignments(scenario, principal, ada, group)
    _changes(scenario, application, principal, me, ada)
    _deletions(scenario, application, principal)
    return scenario.responses


def _look_up(s: Scenario) -> tuple[str, str, str, str]:
    me = s.invoke("client", "getClientConfig", {})["objectId"]
    template = s.invoke("template", "getApplicationTemplate", {"displayName": "mimecast personal portal"})
    s.invoke("template by id", "getApplicationTemplate", {"templateId": template["templateId"]})
    s.invoke("template missing", "getApplicationTemplate", {"displayName": "Nope"})
    s.invoke("template missing by id", "getApplicationTemplate", {"templateId": me})
    s.invoke("domains", "getDomains", {})
    s.invoke("domains: initial", "getDomains", {"onlyInitial": True})
    s.invoke("domains: none", "getDomains", {"supportsServices": ["Nothing"]})
    ada = s.invoke("user", "getUser", {"mail": ADA})["objectId"]
    s.invoke("user by name", "getUser", {"userPrincipalName": ADA})
    s.invoke("user missing", "getUser", {"mail": "nobody@example.com"})
    s.invoke("user missing by name", "getUser", {"userPrincipalName": "nobody@example.com"})
    s.invoke("user missing by id", "getUser", {"objectId": me})
    s.invoke("users", "getUsers", {"mails": [GRACE, ADA]})
    s.invoke("users: one missing", "getUsers", {"mails": [ADA, "nobody@example.com"]})
    s.invoke(
        "users: one missing, ignored", "getUsers", {"mails": [ADA, "nobody@x.example"], "ignoreMissing": True}
    )
    s.invoke("users by id", "getUsers", {"objectIds": [ada]})
    group = s.invoke("group", "getGroup", {"displayName": GROUP})["objectId"]
    s.invoke("group: security", "getGroup", {"displayName": GROUP, "securityEnabled": True})
    s.invoke("group: mail", "getGroup", {"displayName": GROUP, "mailEnabled": True, "securityEnabled": True})
    s.invoke("group by id", "getGroup", {"objectId": group, "includeTransitiveMembers": True})
    s.invoke("group by id: mail", "getGroup", {"objectId": group, "mailEnabled": True})
    s.invoke("group missing", "getGroup", {"displayName": "Nope"})
    s.invoke("group missing by id", "getGroup", {"objectId": me})
    s.invoke("application missing", "getApplication", {"objectId": me})
    s.invoke("application missing by client id", "getApplication", {"clientId": me})
    s.invoke("principal missing", "getServicePrincipal", {"objectId": ada})
    s.invoke("principal missing by client id", "getServicePrincipal", {"clientId": ada})
    s.invoke("principal missing by name", "getServicePrincipal", {"displayName": "Nope"})
    for name, function, arguments, path in (
        ("templates denied", "getApplicationTemplate", {"displayName": "Mimecast"}, "/applicationTemplates"),
        ("users denied", "getUser", {"mail": ADA}, "/users"),
        ("groups denied", "getGroup", {"displayName": GROUP}, "/groups"),
        ("domains denied", "getDomains", {}, "/domains"),
    ):
        s.faulty("GET", path)
        s.invoke(name, function, arguments)
    s.faulty("GET", "/users", 429, headers={"Retry-After": "1"}, times=2)
    s.invoke("user after throttling", "getUser", {"mail": ADA})
    return template["templateId"], me, ada, group


def _application(s: Scenario, template: str) -> dict[str, Any]:
    kind = "ApplicationFromTemplate"
    inputs = {"displayName": "Portal", "templateId": template}
    s.faulty("POST", "/instantiate")
    s.create("application denied", kind, inputs)
    s.create(
        "application of no template", kind, {**inputs, "templateId": "11111111-1111-4111-8111-111111111111"}
    )
    s.faulty("GET", "/applications/")
    s.create("application half-made", kind, {**inputs, "displayName": "Half a portal"})
    application_id, made = s.create("application", kind, inputs)
    s.step("application refreshed", lambda: s.plugin.read(kind, application_id, made, inputs))
    s.step("application imported", lambda: s.plugin.read(kind, application_id))
    found = s.invoke("application found", "getApplication", {"objectId": made["applicationObjectId"]})
    return {**made, "clientId": found["clientId"]}


def _service_principal(s: Scenario, application: dict[str, Any], me: str) -> dict[str, Any]:
    kind = "ServicePrincipal"
    stated = {
        "clientId": application["clientId"], "useExisting": True, "preferredSingleSignOnMode": "saml",
        "loginUrl": "https://eu-api.mimecast.com/login/saml", "notificationEmailAddresses": [ADA], "owners": [me],
        "appRoleAssignmentRequired": True, "featureTags": [{"enterprise": True, "gallery": True}],
    }  # fmt: skip
    inputs = s.step("principal checked", lambda: s.plugin.check(kind, stated))["inputs"]
    s.create("principal exists", kind, {**inputs, "useExisting": False})
    s.faulty("PATCH", "/servicePrincipals/")
    s.create("principal half-made", kind, inputs)
    principal_id, made = s.create("principal", kind, inputs)
    s.step("principal refreshed", lambda: s.plugin.read(kind, principal_id, made, inputs))
    s.step("principal imported", lambda: s.plugin.read(kind, principal_id))
    s.invoke("principal found", "getServicePrincipal", {"clientId": application["clientId"]})
    s.faulty("GET", "/servicePrincipals/")
    s.step("principal not readable", lambda: s.plugin.read(kind, principal_id, made, inputs))
    return {"id": principal_id, "inputs": inputs, **made}


def _addresses(s: Scenario, application: dict[str, Any]) -> None:
    kind = "ApplicationIdentifierUri"
    on = {"applicationId": application["applicationId"]}
    s.faulty("PATCH", "/applications/", 400)
    s.create("identifier refused", kind, {**on, "identifierUri": IDENTIFIER})
    identifier, made = s.create("identifier", kind, {**on, "identifierUri": IDENTIFIER})
    s.create("identifier again", kind, {**on, "identifierUri": IDENTIFIER})
    s.create("identifier on a foreign domain", kind, {**on, "identifierUri": "api://11111111"})
    s.step("identifier imported", lambda: s.plugin.read(kind, identifier))
    s.step(
        "identifier refreshed", lambda: s.plugin.read(kind, identifier, made, {**on, "identifierUri": "x"})
    )
    s.step("identifier deleted", lambda: s.plugin.delete(kind, identifier, made))
    s.step("identifier deleted again", lambda: s.plugin.delete(kind, identifier, made))
    s.step("identifier gone", lambda: s.plugin.read(kind, identifier, made, made))

    kind = "ApplicationRedirectUris"
    stated = {**on, "type": "Web", "redirectUris": ["https://b.example/x", "https://a.example/x"]}
    redirects, made = s.create("redirects", kind, stated)
    s.create("redirects again", kind, stated)
    changed = {**stated, "redirectUris": ["https://z.example/x", "https://b.example/x"]}
    s.step("redirects changed", lambda: s.plugin.update(kind, redirects, made, changed))
    s.step(
        "redirects refreshed", lambda: s.plugin.read(kind, redirects, made, {**stated, "redirectUris": ["x"]})
    )
    s.step("redirects imported", lambda: s.plugin.read(kind, redirects))
    s.step("redirects deleted", lambda: s.plugin.delete(kind, redirects, made))
    s.step("redirects deleted again", lambda: s.plugin.delete(kind, redirects, made))
    s.step("redirects gone", lambda: s.plugin.read(kind, redirects, made, stated))


def _owners(s: Scenario, application: dict[str, Any], me: str, ada: str) -> None:
    kind = "ApplicationOwner"
    on = {"applicationId": application["applicationId"]}
    s.faulty("GET", "/owners")
    s.create("owner not readable", kind, {**on, "ownerObjectId": ada})
    s.faulty("POST", "/owners/")
    s.create("owner denied", kind, {**on, "ownerObjectId": ada})
    owner, made = s.create("owner", kind, {**on, "ownerObjectId": ada})
    s.create("owner again", kind, {**on, "ownerObjectId": ada})
    s.create("owner who instantiated", kind, {**on, "ownerObjectId": me})
    s.create("owner of no application", kind, {"applicationId": f"/applications/{ada}", "ownerObjectId": me})
    s.step("owner imported", lambda: s.plugin.read(kind, owner))
    s.step("owner of another form", lambda: s.plugin.read(kind, application["applicationId"]))
    s.step("owner refreshed", lambda: s.plugin.read(kind, owner, made, made))
    s.faulty("GET", "/owners")
    s.step("owner not refreshed", lambda: s.plugin.read(kind, owner, made, made))
    s.faulty("DELETE", "/owners/")
    s.step("owner removal denied", lambda: s.plugin.delete(kind, owner, made))
    s.step("owner removed", lambda: s.plugin.delete(kind, owner, made))
    s.step("owner removed again", lambda: s.plugin.delete(kind, owner, made))
    s.step("owner gone", lambda: s.plugin.read(kind, owner, made, made))


def _certificates(s: Scenario, principal_id: str) -> None:
    kind = "ServicePrincipalTokenSigningCertificate"
    stated = {
        "servicePrincipalId": principal_id,
        "displayName": "CN=Mimecast",
        "endDate": END,
    }
    s.faulty("POST", "/addTokenSigningCertificate")
    s.create("certificate denied", kind, stated)
    certificate, made = s.create("certificate", kind, stated)
    s.step("certificate refreshed", lambda: s.plugin.read(kind, certificate, made, stated))
    s.step("certificate imported", lambda: s.plugin.read(kind, certificate))
    s.step("certificate deleted", lambda: s.plugin.delete(kind, certificate, made))
    s.step("certificate gone", lambda: s.plugin.read(kind, certificate, made, stated))
    s.create("certificate of nothing in particular", kind, {"servicePrincipalId": principal_id})


def _policies(s: Scenario, principal_id: str) -> None:
    kind = "ClaimsMappingPolicy"
    stated = {"displayName": "claims", "definitions": ['{"ClaimsMappingPolicy":{"Version":1}}']}
    s.faulty("POST", "/claimsMappingPolicies")
    s.create("policy denied", kind, stated)
    policy, made = s.create("policy", kind, stated)
    s.step("policy imported", lambda: s.plugin.read(kind, policy))
    s.step(
        "policy changed",
        lambda: s.plugin.update(kind, policy, made, {**stated, "displayName": "more claims"}),
    )
    s.step("policy refreshed", lambda: s.plugin.read(kind, policy, made, stated))

    assigned_kind = "ServicePrincipalClaimsMappingPolicyAssignment"
    desired = {"claimsMappingPolicyId": policy, "servicePrincipalId": principal_id}
    assignment, assigned = s.create("policy assignment", assigned_kind, desired)
    s.create("policy assignment again", assigned_kind, desired)
    s.step("policy assignment imported", lambda: s.plugin.read(assigned_kind, assignment))
    s.step("policy assignment deleted", lambda: s.plugin.delete(assigned_kind, assignment, assigned))
    s.step("policy assignment deleted again", lambda: s.plugin.delete(assigned_kind, assignment, assigned))
    s.step("policy assignment gone", lambda: s.plugin.read(assigned_kind, assignment, assigned, desired))
    s.step("policy deleted", lambda: s.plugin.delete(kind, policy, made))
    s.step("policy deleted again", lambda: s.plugin.delete(kind, policy, made))
    s.step("policy gone", lambda: s.plugin.read(kind, policy, made, stated))
    s.step(
        "policy gone, changed", lambda: s.plugin.update(kind, policy, made, {**stated, "displayName": "x"})
    )


def _assignments(s: Scenario, principal: dict[str, Any], ada: str, group: str) -> None:
    kind = "AppRoleAssignment"
    role = next(role["id"] for role in principal["appRoles"] if role["displayName"] == "User")
    stated = {"appRoleId": role, "principalObjectId": group, "resourceObjectId": principal["objectId"]}
    assignment, made = s.create("role to a group", kind, stated)
    s.create("role to a user", kind, {**stated, "principalObjectId": ada})
    s.create("role again", kind, stated)
    s.create("role of nothing", kind, {**stated, "resourceObjectId": group})
    s.step("role imported", lambda: s.plugin.read(kind, assignment))
    s.step("role deleted", lambda: s.plugin.delete(kind, assignment, made))
    s.step("role deleted again", lambda: s.plugin.delete(kind, assignment, made))
    s.step("role gone", lambda: s.plugin.read(kind, assignment, made, stated))


def _changes(s: Scenario, application: dict[str, Any], principal: dict[str, Any], me: str, ada: str) -> None:
    kind, principal_id, inputs = "ServicePrincipal", principal["id"], principal["inputs"]
    outputs = {key: value for key, value in principal.items() if key != "inputs"}
    changed = {**inputs, "notes": "hello", "loginUrl": "https://x.example/", "owners": [me, ada]}

    def update(news: dict[str, Any], olds: dict[str, Any]) -> Callable[[], Any]:
        return lambda: s.plugin.update(kind, principal_id, olds, news, old_inputs=inputs)

    s.faulty("PATCH", "/servicePrincipals/")
    s.step("principal change denied", update(changed, outputs))
    s.faulty("PATCH", "/servicePrincipals/", 429, headers={"Retry-After": "1"})
    now = s.step("principal changed, throttled", update(changed, outputs))
    s.step("principal refreshed after", lambda: s.plugin.read(kind, principal_id, now, changed))
    fewer = {key: value for key, value in inputs.items() if key not in ("featureTags", "loginUrl")}
    now = s.step("principal stating less", update(fewer, now))
    hidden = {
        **inputs,
        "featureTags": [{"enterprise": True, "hide": True}],
        "samlSingleSignOn": {"relayState": "r"},
    }
    now = s.step("principal hidden", update(hidden, now))
    s.step("principal hidden, refreshed", lambda: s.plugin.read(kind, principal_id, now, hidden))
    s.step("principal with a relay state imported", lambda: s.plugin.read(kind, principal_id))
    now = s.step("principal with tags", update({**fewer, "tags": ["b", "a"]}, now))
    s.step("principal as it was", update(inputs, now))

    kind_, template = "ApplicationFromTemplate", application["templateId"]
    before = {key: value for key, value in application.items() if key != "clientId"}
    renamed = {"displayName": "Portal 2", "templateId": template}
    s.faulty("PATCH", "/applications/")
    s.step("application rename denied", lambda: s.plugin.update(kind_, before["id"], before, renamed))
    s.step("application renamed", lambda: s.plugin.update(kind_, before["id"], before, renamed))
    s.step("application refreshed after", lambda: s.plugin.read(kind_, before["id"], before, renamed))


def _deletions(s: Scenario, application: dict[str, Any], principal: dict[str, Any]) -> None:
    outputs = {key: value for key, value in principal.items() if key != "inputs"}
    before = {key: value for key, value in application.items() if key != "clientId"}
    for kind, made, inputs in (
        ("ServicePrincipal", outputs, principal["inputs"]),
        ("ApplicationFromTemplate", before, {"displayName": "Portal", "templateId": before["templateId"]}),
    ):
        for name in ("deleted", "deleted again"):
            s.step(f"{kind} {name}", lambda k=kind, m=made: s.plugin.delete(k, m["id"], m))  # type: ignore[misc]
        s.step(f"{kind} gone", lambda k=kind, m=made, i=inputs: s.plugin.read(k, m["id"], m, i))  # type: ignore[misc]
        if kind == "ServicePrincipal":
            s.create("principal made anew", kind, inputs)
    certificate = "ServicePrincipalTokenSigningCertificate"
    stated = {"servicePrincipalId": principal["id"]}
    s.create("certificate of no principal", certificate, stated)
    s.step("owner of an application that is gone", lambda: s.plugin.read("ApplicationOwner", (
        f"{before['applicationId']}/owners/{outputs['owners'][0]}"
    )))  # fmt: skip
    s.create("identifier of no application", "ApplicationIdentifierUri", {
        "applicationId": before["applicationId"], "identifierUri": IDENTIFIER
    })  # fmt: skip
