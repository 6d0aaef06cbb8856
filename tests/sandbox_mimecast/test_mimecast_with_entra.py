"""Both emulators together: a sign-in from Mimecast to Entra and back, and what prevents one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import credentials, lifecycle
from tests.sandbox_mimecast.helpers import (
    CONSOLE,
    REGION_HOST,
    TIMEOUT,
    Api,
    Browser,
    Page,
    default_api,
    internal_domain,
)
from tests.support.sandboxes import ADA, ALAN, GRACE, RunningSandbox, started

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN_URL = f"https://login.microsoftonline.com/{credentials.TENANT_ID}/saml2"
ISSUER = f"https://sts.windows.net/{credentials.TENANT_ID}/"


@dataclass(frozen=True)
class Application:
    """The gallery application on the Entra side."""

    graph: requests.Session
    application: str
    principal: str
    certificate: str

    def call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return graph_call(self.graph, method, path, body)


def graph_call(session: requests.Session, method: str, path: str, body: Any = None) -> dict[str, Any]:
    response = session.request(method, f"{GRAPH}/{path}", json=body, timeout=TIMEOUT)
    assert response.ok, response.text
    document: dict[str, Any] = response.json() if response.content else {}
    return document


@pytest.fixture(scope="module")
def application(sandbox: RunningSandbox) -> Application:
    return configure_entra(sandbox, assigned=(ADA, ALAN))


@pytest.fixture(scope="module", autouse=True)
def mimecast(sandbox: RunningSandbox, api: Api, application: Application) -> None:
    configure_mimecast(sandbox, api, application.certificate)


def configure_entra(sandbox: RunningSandbox, *, assigned: tuple[str, ...]) -> Application:
    graph = sandbox.graph()
    made = sandbox.instantiate("Mimecast SSO", "Mimecast Personal Portal")
    application, principal = made["application"]["id"], made["servicePrincipal"]["id"]
    graph_call(graph, "PATCH", f"servicePrincipals/{principal}", {"preferredSingleSignOnMode": "saml"})
    uris = {
        "identifierUris": [f"{REGION_HOST}/sso/CUK25A118"],
        "web": {"redirectUris": [f"{REGION_HOST}/login/saml"]},
    }
    graph_call(graph, "PATCH", f"applications/{application}", uris)
    key = {"displayName": "CN=Mimecast", "endDateTime": "2029-01-01T00:00:00Z"}
    certificate = graph_call(graph, "POST", f"servicePrincipals/{principal}/addTokenSigningCertificate", key)
    preferred = {"preferredTokenSigningKeyThumbprint": certificate["thumbprint"]}
    graph_call(graph, "PATCH", f"servicePrincipals/{principal}", preferred)
    role = next(role["id"] for role in made["servicePrincipal"]["appRoles"] if role["isEnabled"])
    for address in assigned:
        user = graph_call(graph, "GET", f"users/{address}")["id"]
        assignment = {"principalId": user, "resourceId": principal, "appRoleId": role}
        graph_call(graph, "POST", f"servicePrincipals/{principal}/appRoleAssignedTo", assignment)
    return Application(graph, application, principal, certificate["key"])


def configure_mimecast(sandbox: RunningSandbox, api: Api, certificate: str) -> None:
    internal_domain(api, sandbox, "example.com")
    for address in (ADA, GRACE):
        api.ok("/api/user/create-user", {"emailAddress": address, "name": address})
    (group,) = api.ok("/api/directory/create-group", {"description": "Roll-out"})
    api.ok("/api/directory/add-group-member", {"id": group["id"], "domain": "example.com"})
    browser = Browser(sandbox).administrator()
    saved = browser.fill(
        f"{CONSOLE}/authentication-profiles/new",
        "authentication-profile",
        description="Entra",
        enforcePersonalPortal=True,
        provider="Microsoft Entra ID",
        issuerUrl=ISSUER,
        loginUrl=LOGIN_URL,
        certificate=certificate,
        passwordProtectedContext=False,
        integratedAuthenticationContext=False,
    )
    assert saved.status == 200, saved.text
    form = browser.get(f"{CONSOLE}/application-settings/new").forms["application-settings"]
    profile = form.options["settingsProfile"]["Entra"]
    values = {"applicationSettings": "Roll-out", "group": "Roll-out", "settingsProfile": profile}
    assert browser.send(form, **values).status == 200


def edit_profile(sandbox: RunningSandbox, **values: str | bool) -> None:
    browser = Browser(sandbox).administrator()
    url = browser.get(f"{CONSOLE}/authentication-profiles").links["Entra"]
    assert browser.fill(url, "authentication-profile", **values).status == 200


def sign_in(sandbox: RunningSandbox, address: str, person: str | None = None) -> Page:
    """Start at Mimecast with an address, sign in to Entra as the person, and go where that leads."""
    browser = Browser(sandbox)
    page = browser.start(address)
    if "saml-request" not in page.forms:
        return page
    page = browser.send(page.forms["saml-request"])
    if "sign-in" not in page.forms:
        return page
    page = browser.send(page.forms["sign-in"], login=person or address, passwd=credentials.USER_PASSWORD)
    return browser.send(page.forms["saml-response"]) if "saml-response" in page.forms else page


def test_an_assigned_and_provisioned_user_is_signed_in(sandbox: RunningSandbox) -> None:
    assert f"Signed in to the Mimecast Personal Portal as {ADA}" in sign_in(sandbox, ADA).text


def test_an_unassigned_user_is_refused_by_entra(sandbox: RunningSandbox) -> None:
    assert "AADSTS50105" in sign_in(sandbox, GRACE).text


def test_a_user_who_is_not_provisioned_is_refused_by_mimecast(sandbox: RunningSandbox) -> None:
    page = sign_in(sandbox, ALAN)
    assert page.status == 403
    assert f"{ALAN} is not provisioned in Mimecast." in page.text


def test_a_sign_in_is_in_both_logs(sandbox: RunningSandbox, api: Api, application: Application) -> None:
    sign_in(sandbox, ADA)
    sign_in(sandbox, ALAN)
    day = timedelta(days=1)
    span = {
        "startDateTime": f"{datetime.now(UTC) - day:%Y-%m-%dT%H:%M:%S%z}",
        "endDateTime": f"{datetime.now(UTC) + day:%Y-%m-%dT%H:%M:%S%z}",
    }
    refused, entered = api.ok("/api/audit/get-audit-events", {**span, "categories": ["authentication_logs"]})[
        :2
    ]
    assert (refused["auditType"], refused["user"]) == ("Logon Authentication Failed", ALAN)
    assert refused["eventInfo"].startswith(f"Failed authentication for {ALAN}, Date: ")
    assert refused["eventInfo"].endswith(f"Method: SAML, Reason: {ALAN} is not provisioned in Mimecast.")
    assert (entered["auditType"], entered["user"]) == ("User Logged On", ADA)
    assert entered["eventInfo"].startswith(f"Successful authentication for {ADA} <{ADA}>, Date: ")
    assert entered["eventInfo"].endswith("Application: Mimecast Personal Portal, Method: SAML")
    log = application.call("GET", "auditLogs/signIns", {})["value"]
    assert [(entry["userPrincipalName"], entry["status"]["errorCode"]) for entry in log[:2]] == [
        (ALAN, 0),
        (ADA, 0),
    ]


def test_entra_determines_who_signs_in(sandbox: RunningSandbox) -> None:
    assert f"as {ADA}" in sign_in(sandbox, GRACE, person=ADA).text


def test_with_another_provider_entra_does_not_know_the_identifier(
    sandbox: RunningSandbox,
) -> None:
    edit_profile(sandbox, provider="Other")
    page = sign_in(sandbox, ADA)
    edit_profile(sandbox, provider="Azure Active Directory")
    assert "AADSTS700016" in page.text
    assert "as ada@example.com" in sign_in(sandbox, ADA).text


def test_ticked_contexts_are_what_entra_refuses(sandbox: RunningSandbox) -> None:
    edit_profile(sandbox, passwordProtectedContext=True)
    page = sign_in(sandbox, ADA)
    edit_profile(sandbox, passwordProtectedContext=False)
    assert "AADSTS75011" in page.text


def test_a_new_certificate_that_mimecast_does_not_know_is_refused(
    sandbox: RunningSandbox, application: Application
) -> None:
    path = f"servicePrincipals/{application.principal}"
    key = {"displayName": "CN=Second", "endDateTime": "2029-06-01T00:00:00Z"}
    second = application.call("POST", f"{path}/addTokenSigningCertificate", key)
    application.call("PATCH", path, {"preferredTokenSigningKeyThumbprint": second["thumbprint"]})
    assert "SignatureInvalid" in sign_in(sandbox, ADA).text
    edit_profile(sandbox, certificate=second["key"])
    assert "Signed in" in sign_in(sandbox, ADA).text


def test_the_form_imports_federation_metadata(sandbox: RunningSandbox, application: Application) -> None:
    app_id = application.call("GET", f"applications/{application.application}", {})["appId"]
    host = f"https://login.microsoftonline.com/{credentials.TENANT_ID}"
    url = f"{host}/federationmetadata/2007-06/federationmetadata.xml?appid={app_id}"
    browser = Browser(sandbox).administrator()
    form = browser.get(f"{CONSOLE}/authentication-profiles/new").forms["authentication-profile"]
    filled = browser.send(form, metadataUrl=url, action="import").forms["authentication-profile"]
    assert (filled.values["issuerUrl"], filled.values["loginUrl"]) == (ISSUER, LOGIN_URL)
    assert len(filled.values["certificate"]) > 500
    refused = browser.send(form, metadataUrl="https://example.org/metadata.xml", action="import")
    assert "cannot be fetched" in refused.text


def add_certificate(application: Application, name: str) -> dict[str, Any]:
    key = {"displayName": name, "endDateTime": "2029-06-01T00:00:00Z"}
    path = f"servicePrincipals/{application.principal}/addTokenSigningCertificate"
    return application.call("POST", path, key)


def activate(application: Application, certificate: dict[str, Any]) -> None:
    preferred = {"preferredTokenSigningKeyThumbprint": certificate["thumbprint"]}
    application.call("PATCH", f"servicePrincipals/{application.principal}", preferred)


def test_a_monitored_profile_follows_the_metadata(sandbox: RunningSandbox, application: Application) -> None:
    app_id = application.call("GET", f"applications/{application.application}", {})["appId"]
    host = f"https://login.microsoftonline.com/{credentials.TENANT_ID}"
    url = f"{host}/federationmetadata/2007-06/federationmetadata.xml?appid={app_id}"
    edit_profile(sandbox, metadataUrl=url, monitorMetadataUrl=True)
    for name in ("CN=Third", "CN=Fourth"):
        certificate = add_certificate(application, name)
        activate(application, certificate)
        assert f"as {ADA}" in sign_in(sandbox, ADA).text
    sandbox.control.set("clock.offset_seconds", 900)
    sign_in(sandbox, ADA)
    sandbox.control.delete("settings", "clock.offset_seconds")
    activate(application, add_certificate(application, "CN=Clock moved back"))
    assert f"as {ADA}" in sign_in(sandbox, ADA).text
    sandbox.control.set("mimecast.metadata_interval_seconds", 3600)
    activate(application, add_certificate(application, "CN=Fifth"))
    late = sign_in(sandbox, ADA)
    sandbox.control.set("mimecast.metadata_interval_seconds", None)
    assert "SignatureInvalid" in late.text
    assert f"as {ADA}" in sign_in(sandbox, ADA).text
    activate(application, certificate)
    edit_profile(sandbox, monitorMetadataUrl=False, metadataUrl="", certificate=certificate["key"])
    assert f"as {ADA}" in sign_in(sandbox, ADA).text


def test_people_in_the_groups_of_two_profiles_sign_in_by_either(
    sandbox: RunningSandbox, api: Api, application: Application
) -> None:
    first, second = add_certificate(application, "CN=Blue"), add_certificate(application, "CN=Green")
    edit_profile(sandbox, certificate=first["key"])
    (group,) = api.ok("/api/directory/create-group", {"description": "Second"})
    api.ok("/api/directory/add-group-member", {"id": group["id"], "emailAddress": ADA})
    browser = Browser(sandbox).administrator()
    browser.fill(
        f"{CONSOLE}/authentication-profiles/new",
        "authentication-profile",
        description="Entra, second",
        enforcePersonalPortal=True,
        provider="Microsoft Entra ID",
        issuerUrl=ISSUER,
        loginUrl=LOGIN_URL,
        certificate=second["key"],
        passwordProtectedContext=False,
        integratedAuthenticationContext=False,
    )
    form = browser.get(f"{CONSOLE}/application-settings/new").forms["application-settings"]
    profile = form.options["settingsProfile"]["Entra, second"]
    browser.send(form, applicationSettings="Second", group="Second", settingsProfile=profile)
    for certificate in (second, first):
        activate(application, certificate)
        assert f"as {ADA}" in sign_in(sandbox, ADA).text
    activate(application, second)
    sandbox.control.set("mimecast.accepts_any_bound_profile", False)
    first_only = sign_in(sandbox, ADA)
    sandbox.control.set("mimecast.accepts_any_bound_profile", None)
    assert "SignatureInvalid" in first_only.text
    api.ok("/api/directory/remove-group-member", {"id": group["id"], "emailAddress": ADA})
    assert "is not set up or not enforced" in sign_in(sandbox, ADA).text
    activate(application, first)
    assert f"as {ADA}" in sign_in(sandbox, ADA).text


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with started(tmp_path) as sandbox:
        api = default_api(sandbox)
        configure_mimecast(sandbox, api, configure_entra(sandbox, assigned=(ADA,)).certificate)
        browser = Browser(sandbox)
        page = browser.start(ADA)
        lifecycle.stop(tmp_path)
        lifecycle.start(tmp_path)
        assert api.ok("/api/domain/get-internal-domain")[0]["domain"] == "example.com"
        page = browser.send(page.forms["saml-request"])
        page = browser.send(page.forms["sign-in"], login=ADA, passwd=credentials.USER_PASSWORD)
        assert f"as {ADA}" in browser.send(page.forms["saml-response"]).text
