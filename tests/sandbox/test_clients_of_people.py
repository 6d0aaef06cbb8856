"""Signing in as clients do: msal for people, the Azure CLI, ids in capitals, the user access URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jwt
import msal
import pytest
import requests
from lxml import html

from sandbox import credentials
from tests.support.sandboxes import ADA, CLI_CLIENT_ID, GRACE, RunningSandbox

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
SCOPES = [f"{GRAPH}/.default"]


@pytest.fixture(autouse=True)
def clean(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    for name in ("entra.administrators", "clock.offset_seconds"):
        sandbox.control.set(name, None)


def client(sandbox: RunningSandbox, authority: str) -> msal.PublicClientApplication:
    return msal.PublicClientApplication(
        CLI_CLIENT_ID, authority=f"{LOGIN}/{authority}", http_client=sandbox.session()
    )


def me(sandbox: RunningSandbox, token: str) -> dict[str, Any]:
    """The directory's view of a token's holder."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    session = sandbox.session()
    session.headers["Authorization"] = f"Bearer {token}"
    response = session.get(f"{GRAPH}/v1.0/users/{claims['oid']}", timeout=30)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize(
    "authority", [credentials.TENANT_ID, credentials.TENANT_DOMAIN, "organizations", "common"]
)
def test_msal_signs_a_person_in_by_name_and_password(sandbox: RunningSandbox, authority: str) -> None:
    sandbox.control.set("entra.administrators", [ADA])
    application = client(sandbox, authority)
    response = application.acquire_token_by_username_password(ADA, credentials.USER_PASSWORD, SCOPES)
    assert "access_token" in response, response
    assert response["id_token_claims"]["preferred_username"] == ADA
    assert me(sandbox, response["access_token"])["userPrincipalName"] == ADA
    (account,) = application.get_accounts()
    silent = application.acquire_token_silent(
        ["https://management.azure.com/.default"], account=account, force_refresh=True
    )
    assert silent is not None
    assert "access_token" in silent, "another resource's token comes by refresh token, as the CLI wants it"


def test_a_wrong_password_is_refused(sandbox: RunningSandbox) -> None:
    response = client(sandbox, "organizations").acquire_token_by_username_password(ADA, "wrong", SCOPES)
    assert (response["error"], response["error_codes"]) == ("invalid_grant", [50126])


def test_an_application_needs_a_tenant(sandbox: RunningSandbox) -> None:
    application = msal.ConfidentialClientApplication(
        credentials.DEPLOYER_CLIENT_ID,
        authority=f"{LOGIN}/organizations",
        client_credential=credentials.DEPLOYER_CLIENT_SECRET,
        http_client=sandbox.session(),
    )
    response = application.acquire_token_for_client(SCOPES)
    assert response is not None
    assert response["error_codes"] == [50059]


def test_msal_signs_a_person_in_by_device_code(sandbox: RunningSandbox) -> None:
    application = client(sandbox, "organizations")
    flow = application.initiate_device_flow(SCOPES)
    assert flow["user_code"] in flow["message"]
    pending = application.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert pending["error"] == "authorization_pending"
    assert type_code(sandbox, flow["verification_uri"], "WRONGCODE").startswith("That code")
    assert GRACE in type_code(sandbox, flow["verification_uri"], flow["user_code"])
    response = application.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert response["id_token_claims"]["preferred_username"] == GRACE, response
    again = application.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert again["error"] == "bad_verification_code", "a device code is good for one token"


def test_a_device_code_expires(sandbox: RunningSandbox) -> None:
    application = client(sandbox, "organizations")
    flow = application.initiate_device_flow(SCOPES)
    sandbox.control.set("clock.offset_seconds", 901)
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": CLI_CLIENT_ID,
        "device_code": flow["device_code"],
    }
    response = sandbox.session().post(f"{LOGIN}/organizations/oauth2/v2.0/token", data=form, timeout=30)
    assert response.json()["error"] == "expired_token"
    assert type_code(sandbox, flow["verification_uri"], flow["user_code"]).startswith("That code")


def type_code(sandbox: RunningSandbox, url: str, code: str) -> str:
    session = sandbox.session()
    form: Any = html.fromstring(session.get(url, timeout=30).content).get_element_by_id("device")
    form.fields["code"], form.fields["login"], form.fields["passwd"] = code, GRACE, credentials.USER_PASSWORD
    page = html.fromstring(session.post(url, data=form.form_values(), timeout=30).content)
    return " ".join(node.text_content() for node in page.xpath("//*[@id='problem' or @id='done']"))


# The Azure CLI: the requests that az 2.91 sends, in its order


def test_az_login_of_a_service_principal_finds_no_subscription(sandbox: RunningSandbox) -> None:
    """``az login --service-principal --allow-no-subscriptions``."""
    session = sandbox.session()
    session.headers["Authorization"] = (
        f"Bearer {token_of_az(session, 'https://management.core.windows.net/')}"
    )
    url = "https://management.azure.com/subscriptions"
    response = session.get(url, params={"api-version": "2022-12-01"}, timeout=30)
    assert (response.status_code, response.json()["value"]) == (200, [])
    (tenant,) = session.get(
        "https://management.azure.com/tenants", params={"api-version": "2022-12-01"}, timeout=30
    ).json()["value"]
    assert tenant["tenantId"] == credentials.TENANT_ID
    assert session.get(url, timeout=30).status_code == 400, "without a version"


def test_az_ad_app_list_finds_applications_by_the_beginning_of_their_name(sandbox: RunningSandbox) -> None:
    """``az ad app list --display-name``."""
    sandbox.instantiate("Mimecast for az")
    session = sandbox.session()
    session.headers["Authorization"] = f"Bearer {token_of_az(session, f'{GRAPH}/')}"
    parameters = {"$filter": "startswith(displayName,'mimecast for')"}
    response = session.get(f"{GRAPH}/v1.0/applications", params=parameters, timeout=30)
    assert [item["displayName"] for item in response.json()["value"]] == ["Mimecast for az"]
    refused = session.get("https://management.azure.com/subscriptions?api-version=2022-12-01", timeout=30)
    assert refused.status_code == 401, "a token for Graph is none for Resource Manager"


def token_of_az(session: requests.Session, resource: str) -> str:
    response = session.post(
        f"{LOGIN}/{credentials.TENANT_ID}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": credentials.DEPLOYER_CLIENT_ID,
            "client_secret": credentials.DEPLOYER_CLIENT_SECRET,
            "client_info": "1",
            "scope": f"{resource}/.default",
        },
        timeout=30,
    )
    assert response.ok, response.text
    return str(response.json()["access_token"])


# Letter case


def test_ids_in_capitals_are_the_same_ids(sandbox: RunningSandbox) -> None:
    application = msal.ConfidentialClientApplication(
        credentials.DEPLOYER_CLIENT_ID.upper(),
        authority=f"{LOGIN}/{credentials.TENANT_ID.upper()}",
        client_credential=credentials.DEPLOYER_CLIENT_SECRET,
        http_client=sandbox.session(),
    )
    response = application.acquire_token_for_client(SCOPES)
    assert response is not None
    assert "access_token" in response, response
    graph = sandbox.graph()
    made = sandbox.instantiate("capitals")
    path = f"{GRAPH}/v1.0/applications/{made['application']['id'].upper()}"
    owner = made["servicePrincipal"]["id"].upper()
    reference = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{owner}"}
    assert graph.post(f"{path}/owners/$ref", json=reference, timeout=30).status_code == 204
    owners = {item["id"] for item in graph.get(f"{path}/owners", timeout=30).json()["value"]}
    assert made["servicePrincipal"]["id"] in owners
    assert graph.delete(f"{path}/owners/{owner}/$ref", timeout=30).status_code == 204


@pytest.mark.parametrize(
    "path",
    [
        "/FederationMetadata/2007-06/FederationMetadata.xml",
        "/federationmetadata/2007-06/federationmetadata.xml",
    ],
)
def test_federation_metadata_in_any_letter_case(sandbox: RunningSandbox, path: str) -> None:
    made = sandbox.instantiate(f"metadata {path[1]}")
    parameters = {"appid": made["application"]["appId"].upper()}
    url = f"{LOGIN}/{credentials.TENANT_ID.upper()}{path}"
    response = sandbox.session().get(url, params=parameters, timeout=30)
    assert response.status_code == 200, response.text
    assert f"https://sts.windows.net/{credentials.TENANT_ID}/" in response.text


# The user access URL


@pytest.mark.parametrize(
    "url",
    [
        "https://launcher.myapps.microsoft.com/api/signin/{app}?tenantId={tenant}",
        "https://myapps.microsoft.com/signin/{app}?tenantId={tenant}",
        "https://myapps.microsoft.com/signin/Any%20name/{app}?tenantId={tenant}",
    ],
)
def test_the_user_access_url_signs_in(sandbox: RunningSandbox, url: str) -> None:
    made = sandbox.instantiate(f"launched {len(url)}")
    graph, application, principal = sandbox.graph(), made["application"], made["servicePrincipal"]
    page = launch(sandbox, url, application["appId"])
    assert "AADSTS700016" in page, "without SAML"
    address = f"{GRAPH}/v1.0/servicePrincipals/{principal['id']}"
    graph.patch(address, json={"preferredSingleSignOnMode": "saml"}, timeout=30).raise_for_status()
    changes = {"web": {"redirectUris": ["https://eu-api.mimecast.com/login/sso/mpp"]}}
    graph.patch(f"{GRAPH}/v1.0/applications/{application['id']}", json=changes, timeout=30).raise_for_status()
    assert "to continue to launched" in launch(sandbox, url, application["appId"].upper())
    assert "AADSTS90002" in launch(sandbox, url, application["appId"], tenant="other.example")
    assert "AADSTS700016" in launch(sandbox, url, credentials.TENANT_ID)
    changes = {"loginUrl": "https://eu-api.mimecast.com/login/saml"}
    graph.patch(address, json=changes, timeout=30).raise_for_status()
    assert "Mimecast Personal Portal" in launch(sandbox, url, application["appId"])


def launch(sandbox: RunningSandbox, url: str, app: str, tenant: str = credentials.TENANT_ID) -> str:
    response = sandbox.session().get(url.format(app=app, tenant=tenant), timeout=30)
    return re.sub(r"\s+", " ", html.fromstring(response.content).text_content())
