"""Entra's SAML sign-on with an unmodified session; responses are checked by signxml, lxml and python3-saml."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from cryptography import x509
from lxml import etree, html
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from signxml.verifier import SignatureConfiguration, XMLVerifier

from mimecast_sso.saml import authn_request, metadata, names
from mimecast_sso.saml.authn_request import AuthnRequest
from mimecast_sso.saml.names import PREFIXES, tag
from sandbox import credentials
from tests.support.sandboxes import ADA, GRACE, GROUP, WITHOUT_MAIL, RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = f"https://login.microsoftonline.com/{credentials.TENANT_ID}"
SAML2 = f"{LOGIN}/saml2"
SWITCHES = (
    "clock.offset_seconds",
    "entra.metadata_lists_inactive",
    "entra.sign_in_log_delay_seconds",
    "entra.premium",
    "entra.deployer_roles",
)

pytestmark = pytest.mark.usefixtures("switches")

REPLY_URL = "https://eu-api.mimecast.com/login/saml"
NAMEID = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
SCHEMA = [{"Source": "user", "ID": "mail", "SamlClaimType": NAMEID, "SamlNameIdFormat": names.FORMAT_EMAIL}]


@dataclass
class Application:
    """A SAML application of the tenant, and what tests do with it."""

    graph: requests.Session
    application_id: str
    principal_id: str
    client_id: str
    identifier: str
    role_id: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.graph.request(method, f"{GRAPH}{path}", json=body, timeout=30)
        assert reply.ok, reply.text
        return reply.json() if reply.content else None

    def patch(self, **changes: Any) -> None:
        self.call("PATCH", f"/servicePrincipals/{self.principal_id}", changes)

    def add_certificate(self) -> Any:
        path = f"/servicePrincipals/{self.principal_id}/addTokenSigningCertificate"
        return self.call("POST", path, {"displayName": "CN=Sign-on"})

    def assign(self, principal_id: str) -> str:
        body = {"principalId": principal_id, "resourceId": self.principal_id, "appRoleId": self.role_id}
        made = self.call("POST", f"/servicePrincipals/{self.principal_id}/appRoleAssignedTo", body)
        return str(made["id"])

    def add_claims_policy(self, schema: list[dict[str, str]]) -> None:
        definition = {
            "ClaimsMappingPolicy": {"Version": 1, "IncludeBasicClaimSet": "true", "ClaimsSchema": schema}
        }
        body = {"displayName": "claims", "definition": [json.dumps(definition)]}
        policy = self.call("POST", "/policies/claimsMappingPolicies", body)
        reference = {"@odata.id": f"{GRAPH}/directoryObjects/{policy['id']}"}
        self.call("POST", f"/servicePrincipals/{self.principal_id}/claimsMappingPolicies/$ref", reference)

    def request(self, **changes: Any) -> AuthnRequest:
        values: dict[str, Any] = {
            "id": "_request",
            "issue_instant": datetime.now(UTC),
            "destination": SAML2,
            "issuer": self.identifier,
            "assertion_consumer_service_url": REPLY_URL,
        }
        return AuthnRequest(**{**values, **changes})


class Visit:
    """A browser at Entra's pages."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.session = sandbox.session()
        self._page: Any = None

    def start(self, request: AuthnRequest, relay_state: str = "here") -> Visit:
        data = {"SAMLRequest": authn_request.build(request), "RelayState": relay_state}
        return self._load(self.session.post(SAML2, data=data, timeout=30))

    def open(self, url: str) -> Visit:
        return self._load(self.session.get(url, timeout=30))

    def sign_in(self, login: str, password: str = credentials.USER_PASSWORD) -> Visit:
        form = self._form("sign-in")
        form.fields["login"], form.fields["passwd"] = login, password
        return self._load(self.session.post(form.action, data=form.form_values(), timeout=30))

    def response(self) -> Response:
        form = self._form("saml-response")
        return Response(form.action, form.fields["SAMLResponse"], dict(form.fields).get("RelayState"))

    @property
    def error(self) -> str:
        found = self._page.get_element_by_id("error", None)
        assert found is not None, html.tostring(self._page)
        return str(found.text_content())

    @property
    def text(self) -> str:
        return str(self._page.text_content())

    def tiles(self) -> dict[str, str]:
        return {link.text_content(): link.get("href") for link in self._page.xpath("//ul[@id='apps']//a")}

    def _form(self, identifier: str) -> Any:
        found = [form for form in self._page.forms if form.get("id") == identifier]
        assert found, html.tostring(self._page)
        return found[0]

    def _load(self, response: requests.Response) -> Visit:
        self._page = html.fromstring(response.content)
        return self


@dataclass
class Response:
    """What Entra sends back; read without our own validation."""

    action: str
    encoded: str
    relay_state: str | None

    @property
    def root(self) -> etree._Element:
        return etree.fromstring(base64.b64decode(self.encoded))

    def verified(self, body: str, now: datetime | None = None) -> etree._Element:
        location = f"./{{{names.ASSERTION}}}Assertion/"
        result = XMLVerifier().verify(
            etree.tostring(self.root),
            x509_cert=x509.load_der_x509_certificate(base64.b64decode(body)),
            expect_config=SignatureConfiguration(location=location, verification_time=now),
        )
        assert not isinstance(result, list)
        assert result.signed_xml is not None
        return result.signed_xml

    def find(self, path: str) -> etree._Element:
        found = self.root.find(f"saml:Assertion/{path}", PREFIXES)
        assert found is not None, path
        return found


@pytest.fixture
def application(sandbox: RunningSandbox, request: pytest.FixtureRequest) -> Application:
    """A SAML application of its own for each test, to which nobody is assigned."""
    graph = sandbox.graph()
    made = sandbox.instantiate(request.node.name)
    identifier = f"https://eu-api.mimecast.com/sso/{made['application']['appId']}"
    application = Application(
        graph=graph,
        application_id=made["application"]["id"],
        principal_id=made["servicePrincipal"]["id"],
        client_id=made["application"]["appId"],
        identifier=identifier,
        role_id=made["application"]["appRoles"][0]["id"],
    )
    application.patch(preferredSingleSignOnMode="saml")
    body = {"identifierUris": [identifier], "web": {"redirectUris": [REPLY_URL]}}
    application.call("PATCH", f"/applications/{application.application_id}", body)
    return application


@pytest.fixture
def ready(application: Application) -> Application:
    """The same, with a certificate and Ada assigned."""
    application.add_certificate()
    application.assign(user_id(application, ADA))
    return application


def user_id(application: Application, name: str) -> str:
    return str(application.call("GET", f"/users/{name}")["id"])


def active_body(application: Application) -> str:
    principal = application.call(
        "GET", f"/servicePrincipals/{application.principal_id}?$select=keyCredentials"
    )
    return str(next(item["key"] for item in principal["keyCredentials"] if item["key"]))


# The way through


def test_an_assigned_user_gets_a_signed_response(sandbox: RunningSandbox, ready: Application) -> None:
    response = Visit(sandbox).start(ready.request(), "back/here?a=b&c").sign_in(ADA).response()
    assert (response.action, response.relay_state) == (REPLY_URL, "back/here?a=b&c")
    assertion = response.verified(active_body(ready))
    issuer = f"https://sts.windows.net/{credentials.TENANT_ID}/"
    assert assertion.findtext("saml:Issuer", namespaces=PREFIXES) == issuer
    assert response.root.get("InResponseTo") == "_request"
    assert response.root.get("Destination") == REPLY_URL
    audience = response.find("saml:Conditions/saml:AudienceRestriction/saml:Audience")
    assert audience.text == ready.identifier
    data = response.find("saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData")
    assert (data.get("Recipient"), data.get("InResponseTo")) == (REPLY_URL, "_request")
    context = response.find("saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef")
    assert context.text == names.CONTEXT_PASSWORD


def test_the_redirect_binding_works_as_well(sandbox: RunningSandbox, ready: Application) -> None:
    encoded = authn_request.build(ready.request(), binding="redirect")
    query = urlencode({"SAMLRequest": encoded, "RelayState": "x"})
    assert Visit(sandbox).open(f"{SAML2}?{query}").sign_in(ADA).response().relay_state == "x"


def test_a_signed_in_user_is_not_prompted_again(sandbox: RunningSandbox, ready: Application) -> None:
    visit = Visit(sandbox).start(ready.request()).sign_in(ADA)
    again = visit.start(ready.request(id="_second")).response()
    assert again.root.get("InResponseTo") == "_second"


def test_a_session_ends_by_the_worlds_clock(sandbox: RunningSandbox, ready: Application) -> None:
    visit = Visit(sandbox).start(ready.request()).sign_in(ADA)
    sandbox.control.set("clock.offset_seconds", 13 * 3600)
    visit.start(ready.request()).sign_in(ADA).response()


def test_without_a_reply_url_the_first_registered_one_is_used(
    sandbox: RunningSandbox, ready: Application
) -> None:
    request = ready.request(assertion_consumer_service_url=None)
    assert Visit(sandbox).start(request).sign_in(ADA).response().action == REPLY_URL


# Who gets in


def test_unassigned_users_are_refused(sandbox: RunningSandbox, ready: Application) -> None:
    assert Visit(sandbox).start(ready.request()).sign_in(GRACE).error.startswith("AADSTS50105: ")


def test_a_group_counts_for_its_direct_members(sandbox: RunningSandbox, application: Application) -> None:
    application.add_certificate()
    group = application.call("GET", f"/groups?$filter=displayName eq '{GROUP}'")["value"][0]["id"]
    application.assign(group)
    Visit(sandbox).start(application.request()).sign_in(ADA).response()
    assert "AADSTS50105" in Visit(sandbox).start(application.request()).sign_in(GRACE).error


def test_a_nested_group_does_not_count(sandbox: RunningSandbox, application: Application) -> None:
    application.add_certificate()
    inner = sandbox.control.documents("entra.groups")[0]
    outer = {
        **inner,
        "id": "00000000-0000-4000-8000-0000000000aa",
        "displayName": "outer",
        "_members": [inner["id"]],
    }
    sandbox.control.put("entra.groups", outer["id"], outer)
    application.assign(outer["id"])
    visit = Visit(sandbox).start(application.request()).sign_in(ADA)
    sandbox.control.delete("entra.groups", outer["id"])
    assert "AADSTS50105" in visit.error


def test_without_required_assignment_everybody_gets_in(sandbox: RunningSandbox, ready: Application) -> None:
    ready.patch(appRoleAssignmentRequired=False)
    Visit(sandbox).start(ready.request()).sign_in(GRACE).response()


@pytest.mark.parametrize(
    ("login", "password", "code"),
    [
        (ADA, "wrong", "AADSTS50126"),
        (ADA, "", "AADSTS50126"),
        ("nobody@example.com", credentials.USER_PASSWORD, "AADSTS50034"),
    ],
)
def test_a_failed_sign_in_prompts_again(
    sandbox: RunningSandbox, ready: Application, login: str, password: str, code: str
) -> None:
    visit = Visit(sandbox).start(ready.request()).sign_in(login, password)
    assert code in visit.text
    visit.sign_in(ADA).response()


def test_a_disabled_user_and_a_disabled_application_are_refused(
    sandbox: RunningSandbox, ready: Application
) -> None:
    ada = sandbox.control.get("entra.users", user_id(ready, ADA))
    assert ada is not None
    sandbox.control.put("entra.users", ada["id"], {**ada, "accountEnabled": False})
    visit = Visit(sandbox).start(ready.request()).sign_in(ADA)
    sandbox.control.put("entra.users", ada["id"], ada)
    assert "AADSTS50057" in visit.text
    ready.patch(accountEnabled=False)
    assert "AADSTS7000112" in Visit(sandbox).start(ready.request()).error


# What is wrong with the request


def test_requests_that_entra_refuses(sandbox: RunningSandbox, ready: Application) -> None:
    unknown = ready.request(issuer="https://eu-api.mimecast.com/sso/OTHER")
    assert Visit(sandbox).start(unknown).error.startswith("AADSTS700016: ")
    other_case = ready.request(issuer=ready.identifier.upper())
    assert Visit(sandbox).start(other_case).error.startswith("AADSTS700016: ")
    elsewhere = ready.request(assertion_consumer_service_url="https://attacker.example/login/saml")
    assert Visit(sandbox).start(elsewhere).error.startswith("AADSTS50011: ")
    assert Visit(sandbox).open(SAML2).error.startswith("AADSTS750054: ")
    assert Visit(sandbox).open(f"{SAML2}?SAMLRequest=nonsense").error.startswith("AADSTS75005: ")
    elsewhere_url = SAML2.replace(credentials.TENANT_ID, "11111111-2222-3333-4444-555555555555")
    assert Visit(sandbox).open(f"{elsewhere_url}?SAMLRequest=x").error.startswith("AADSTS90002: ")
    ready.call("PATCH", f"/applications/{ready.application_id}", {"web": {"redirectUris": []}})
    nowhere = ready.request(assertion_consumer_service_url=None)
    assert Visit(sandbox).start(nowhere).error.startswith("AADSTS500113: ")


@pytest.mark.parametrize(
    ("method", "contexts", "accepted"),
    [
        ("password", (names.CONTEXT_PASSWORD_PROTECTED,), True),
        ("password", (names.CONTEXT_PASSWORD_PROTECTED, names.CONTEXT_INTEGRATED), True),
        ("password", (names.CONTEXT_PASSWORD,), True),
        ("password", (names.CONTEXT_INTEGRATED,), False),
        (None, (names.CONTEXT_PASSWORD,), True),
        (None, (names.CONTEXT_PASSWORD_PROTECTED, names.CONTEXT_INTEGRATED), False),
        (None, (names.CONTEXT_INTEGRATED,), False),
        ("multiFactor", (names.CONTEXT_PASSWORD_PROTECTED,), False),
        ("windowsHello", (names.CONTEXT_PASSWORD_PROTECTED,), False),
        ("windowsHello", (names.CONTEXT_PASSWORD,), False),
        ("passwordless", (names.CONTEXT_PASSWORD_PROTECTED,), False),
        ("windowsIntegrated", (names.CONTEXT_PASSWORD_PROTECTED,), False),
        ("windowsIntegrated", (names.CONTEXT_INTEGRATED,), True),
        ("windowsHello", (), True),
    ],
)
def test_a_requested_context_must_be_the_one_that_was_used(
    sandbox: RunningSandbox,
    ready: Application,
    method: str | None,
    contexts: tuple[str, ...],
    accepted: bool,
) -> None:
    ada = user_id(ready, ADA)
    if method is not None:
        sandbox.control.put("entra.signInMethods", ada, {"method": method})
    try:
        visit = Visit(sandbox).start(ready.request(requested_authn_contexts=contexts)).sign_in(ADA)
    finally:
        sandbox.control.delete("entra.signInMethods", ada)
    if accepted:
        visit.response()
    else:
        assert visit.error.startswith("AADSTS75011: ")


def test_the_methods_of_a_sign_in_are_claimed(sandbox: RunningSandbox, ready: Application) -> None:
    response = Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    path = "saml:AttributeStatement/saml:Attribute[@Name='{}']/saml:AttributeValue"
    found = response.root.findall(
        "saml:Assertion/" + path.format("http://schemas.microsoft.com/claims/authnmethodsreferences"),
        PREFIXES,
    )
    assert [(each.text or "").rpartition("/")[2] for each in found] == ["password", "multipleauthn"]


# Requests that say how to ask


def test_a_forced_request_prompts_again(sandbox: RunningSandbox, ready: Application) -> None:
    visit = Visit(sandbox)
    visit.start(ready.request()).sign_in(ADA).response()
    visit.start(ready.request(id="_second")).response()
    visit.start(ready.request(id="_third", force_authn=True)).sign_in(ADA).response()


def test_a_passive_request_prompts_nobody(sandbox: RunningSandbox, ready: Application) -> None:
    visit = Visit(sandbox)
    for force in (False, True):
        refused = visit.start(ready.request(is_passive=True, force_authn=force)).response()
        assert (refused.action, refused.relay_state) == (REPLY_URL, "here")
        codes = refused.root.findall("samlp:Status//samlp:StatusCode", PREFIXES)
        assert [code.get("Value") for code in codes] == [names.STATUS_RESPONDER, names.STATUS_NO_PASSIVE]
        assert refused.root.find("saml:Assertion", PREFIXES) is None
    visit.start(ready.request()).sign_in(ADA)
    passed = visit.start(ready.request(id="_second", is_passive=True)).response()
    assert passed.find("saml:Subject/saml:NameID").text == ADA


@pytest.mark.parametrize("version", ["1.1", "2.1", ""])
def test_another_version_of_saml_is_refused(
    sandbox: RunningSandbox, ready: Application, version: str
) -> None:
    root = etree.fromstring(base64.b64decode(authn_request.build(ready.request())))
    root.set("Version", version)
    data = {"SAMLRequest": base64.b64encode(etree.tostring(root)).decode("ascii")}
    page = html.fromstring(sandbox.session().post(SAML2, data=data, timeout=30).content)
    assert page.get_element_by_id("error").text_content().startswith("AADSTS75005: ")


@pytest.mark.parametrize("logout_url", [None, "https://eu-api.mimecast.com/logout?keep=1"])
def test_single_logout_ends_the_session(
    sandbox: RunningSandbox, ready: Application, logout_url: str | None
) -> None:
    ready.call("PATCH", f"/applications/{ready.application_id}", {"web": {"logoutUrl": logout_url}})
    visit = Visit(sandbox)
    visit.start(ready.request()).sign_in(ADA).response()
    visit.start(ready.request(id="_second")).response()
    settings = toolkit(sandbox, ready)
    request = OneLogin_Saml2_Logout_Request(settings, name_id=ADA)
    where = settings.get_idp_slo_url()
    assert where == SAML2
    query = {"SAMLRequest": request.get_request(), "RelayState": "back"}
    reply = visit.session.get(where, params=query, timeout=30, allow_redirects=False)
    if logout_url is None:
        assert html.fromstring(reply.content).get_element_by_id("signed-out") is not None
    else:
        assert reply.headers["Location"].startswith(f"{logout_url}&")
        found = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))
        root = etree.fromstring(OneLogin_Saml2_Utils.decode_base64_and_inflate(found["SAMLResponse"]))
        assert (root.tag, root.get("InResponseTo")) == (tag("samlp", "LogoutResponse"), request.id)
        assert found["RelayState"] == "back"
    visit.start(ready.request(id="_third")).sign_in(ADA).response()


def test_a_logout_request_of_an_unknown_issuer_is_refused(
    sandbox: RunningSandbox, ready: Application
) -> None:
    xml = (
        f'<LogoutRequest xmlns="{names.PROTOCOL}" ID="_1" Version="2.0" IssueInstant="2026-01-01T00:00:00Z">'
        f'<Issuer xmlns="{names.ASSERTION}">https://another.example</Issuer></LogoutRequest>'
    )
    data = {"SAMLRequest": base64.b64encode(xml.encode()).decode("ascii")}
    page = html.fromstring(sandbox.session().post(SAML2, data=data, timeout=30).content)
    assert page.get_element_by_id("error").text_content().startswith("AADSTS700016: ")
    assert ready.client_id


# Claims


def test_the_policy_makes_the_mail_address_the_name_identifier(
    sandbox: RunningSandbox, ready: Application
) -> None:
    ready.add_claims_policy(SCHEMA)
    mail = "countess@example.com"
    ada = sandbox.control.get("entra.users", user_id(ready, ADA))
    assert ada is not None
    sandbox.control.put("entra.users", ada["id"], {**ada, "mail": mail})
    response = Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    sandbox.control.put("entra.users", ada["id"], ada)
    name_id = response.find("saml:Subject/saml:NameID")
    assert (name_id.text, name_id.get("Format")) == (mail, names.FORMAT_EMAIL)


def test_without_a_policy_it_is_the_user_principal_name(sandbox: RunningSandbox, ready: Application) -> None:
    ready.assign(user_id(ready, WITHOUT_MAIL))
    response = Visit(sandbox).start(ready.request()).sign_in(WITHOUT_MAIL).response()
    assert response.find("saml:Subject/saml:NameID").text == WITHOUT_MAIL


def test_a_user_without_mail_ends_on_the_error_page(sandbox: RunningSandbox, ready: Application) -> None:
    ready.add_claims_policy(SCHEMA)
    ready.assign(user_id(ready, WITHOUT_MAIL))
    assert "has no value for 'mail'" in Visit(sandbox).start(ready.request()).sign_in(WITHOUT_MAIL).error


def test_a_policy_needs_an_application_specific_certificate(
    sandbox: RunningSandbox, application: Application
) -> None:
    application.assign(user_id(application, ADA))
    Visit(sandbox).start(application.request()).sign_in(ADA).response()
    application.add_claims_policy(SCHEMA)
    assert Visit(sandbox).start(application.request()).sign_in(ADA).error.startswith("AADSTS50146: ")


# Certificates and metadata


def shown_certificates(sandbox: RunningSandbox, query: str = "") -> list[str]:
    url = f"{LOGIN}/federationmetadata/2007-06/federationmetadata.xml{query}"
    return list(metadata.parse(sandbox.session().get(url, timeout=30).content).signing_certificates)


def test_the_active_certificate_signs_and_is_in_the_metadata(
    sandbox: RunningSandbox, ready: Application
) -> None:
    first = active_body(ready)
    second = ready.add_certificate()
    query = f"?appid={ready.client_id}"
    assert shown_certificates(sandbox, query) == [first]
    Visit(sandbox).start(ready.request()).sign_in(ADA).response().verified(first)
    ready.patch(preferredTokenSigningKeyThumbprint=second["thumbprint"])
    assert shown_certificates(sandbox, query) == [second["key"]]
    Visit(sandbox).start(ready.request()).sign_in(ADA).response().verified(second["key"])
    sandbox.control.set("entra.metadata_lists_inactive", True)
    assert shown_certificates(sandbox, query) == [second["key"], first]


def test_an_expired_active_certificate_gives_way_to_a_valid_one(
    sandbox: RunningSandbox, ready: Application
) -> None:
    valid = active_body(ready)
    path = f"/servicePrincipals/{ready.principal_id}/addTokenSigningCertificate"
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    short = ready.call("POST", path, {"displayName": "CN=Short", "endDateTime": soon})
    ready.patch(preferredTokenSigningKeyThumbprint=short["thumbprint"])
    Visit(sandbox).start(ready.request()).sign_in(ADA).response().verified(short["key"])
    later = datetime.now(UTC) + timedelta(hours=2)
    sandbox.control.set("clock.offset_seconds", 7200)
    response = Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    response.verified(valid, later)
    four_years = 4 * 366 * 24 * 3600
    sandbox.control.set("clock.offset_seconds", four_years)
    response = Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    when_it_was_valid = datetime.now(UTC) + timedelta(minutes=1)
    response.verified(short["key"], when_it_was_valid)


def test_the_metadata_is_signed_by_what_it_shows(sandbox: RunningSandbox, ready: Application) -> None:
    url = f"{LOGIN}/federationmetadata/2007-06/federationmetadata.xml"
    for query in (f"?appid={ready.client_id}", ""):
        xml = sandbox.session().get(f"{url}{query}", timeout=30).content
        (shown,) = metadata.parse(xml).signing_certificates
        verified = XMLVerifier().verify(
            xml, x509_cert=x509.load_der_x509_certificate(base64.b64decode(shown))
        )
        assert not isinstance(verified, list)
        assert verified.signed_xml is not None
        assert verified.signed_xml.get("entityID") == f"https://sts.windows.net/{credentials.TENANT_ID}/"


def test_metadata_without_an_application_shows_the_tenants_own_certificate(
    sandbox: RunningSandbox, ready: Application
) -> None:
    (tenant_wide,) = shown_certificates(sandbox)
    assert tenant_wide not in shown_certificates(sandbox, f"?appid={ready.client_id}")


# An unmodified SAML toolkit as service provider


def toolkit(sandbox: RunningSandbox, application: Application) -> OneLogin_Saml2_Settings:
    """python3-saml in its strict mode, set up from the sandbox's metadata and nothing else."""
    url = f"{LOGIN}/federationmetadata/2007-06/federationmetadata.xml?appid={application.client_id}"
    provider = OneLogin_Saml2_IdPMetadataParser.parse(sandbox.session().get(url, timeout=30).content)
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": application.identifier,
                "assertionConsumerService": {"url": REPLY_URL, "binding": names.BINDING_POST},
                "NameIDFormat": names.FORMAT_EMAIL,
            },
            "security": {
                "wantAssertionsSigned": True,
                "requestedAuthnContext": False,
                "rejectDeprecatedAlgorithm": True,
            },
            **provider,
        }
    )


def judged(
    settings: OneLogin_Saml2_Settings, encoded: str, request_id: str | None = None
) -> OneLogin_Saml2_Response:
    """The toolkit's verdict, which it gives by an exception; the form is as the browser posts it."""
    response = OneLogin_Saml2_Response(settings, encoded)
    url = urlsplit(REPLY_URL)
    posted = {"https": "on", "http_host": url.hostname, "script_name": url.path, "get_data": {}}
    response.is_valid({**posted, "post_data": {"SAMLResponse": encoded}}, request_id, raise_exceptions=True)
    return response


def test_a_toolkit_reads_the_metadata(sandbox: RunningSandbox, ready: Application) -> None:
    settings = toolkit(sandbox, ready)
    data = settings.get_idp_data()
    assert data["entityId"] == f"https://sts.windows.net/{credentials.TENANT_ID}/"
    assert data["singleSignOnService"]["url"] == SAML2
    assert "".join(data["x509cert"].splitlines()[1:-1]) == active_body(ready)
    xml = (
        sandbox.session()
        .get(f"{LOGIN}/federationmetadata/2007-06/federationmetadata.xml?appid={ready.client_id}", timeout=30)
        .content
    )
    assert OneLogin_Saml2_Utils.validate_metadata_sign(xml, cert=data["x509cert"])


def test_a_toolkits_own_request_gets_a_response_that_it_accepts(
    sandbox: RunningSandbox, ready: Application
) -> None:
    settings = toolkit(sandbox, ready)
    asked = OneLogin_Saml2_Authn_Request(settings)
    query = urlencode({"SAMLRequest": asked.get_request(), "RelayState": "x"})
    reply = Visit(sandbox).open(f"{SAML2}?{query}").sign_in(ADA).response()
    accepted = judged(settings, reply.encoded, asked.get_id())
    assert (accepted.get_nameid(), accepted.get_nameid_format()) == (ADA, names.FORMAT_EMAIL)
    assert accepted.get_attributes()["http://schemas.microsoft.com/identity/claims/tenantid"] == [
        credentials.TENANT_ID
    ]


def test_a_toolkit_refuses_what_was_tampered_with(sandbox: RunningSandbox, ready: Application) -> None:
    settings = toolkit(sandbox, ready)
    reply = Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    assert judged(settings, reply.encoded, "_request").get_nameid() == ADA
    with pytest.raises(OneLogin_Saml2_ValidationError, match="InResponseTo"):
        judged(settings, reply.encoded, "_another")
    xml = base64.b64decode(reply.encoded)
    signature = re.compile(rb"<ds:Signature.*</ds:Signature>", re.DOTALL)
    for forged in (
        xml.replace(ADA.encode(), GRACE.encode()),
        xml.replace(REPLY_URL.encode(), b"https://attacker.example/login/saml"),
        signature.sub(b"", xml),
    ):
        assert forged != xml
        with pytest.raises((OneLogin_Saml2_ValidationError, OneLogin_Saml2_Error)):
            judged(settings, base64.b64encode(forged).decode("ascii"), "_request")
    ready.patch(preferredTokenSigningKeyThumbprint=ready.add_certificate()["thumbprint"])
    other = Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    with pytest.raises(OneLogin_Saml2_ValidationError, match="Signature validation failed"):
        judged(settings, other.encoded, "_request")


# The sign-in log


def log(application: Application, *filters: str) -> requests.Response:
    desired = " and ".join([f"appId eq '{application.client_id}'", *filters])
    return application.graph.get(f"{GRAPH}/auditLogs/signIns", params={"$filter": desired}, timeout=30)


def test_every_sign_in_to_an_application_is_logged_newest_first(
    sandbox: RunningSandbox, ready: Application
) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    Visit(sandbox).start(ready.request()).sign_in(ADA, "wrong").sign_in(ADA).response()
    assert "AADSTS50105" in Visit(sandbox).start(ready.request()).sign_in(GRACE).error
    entries = log(ready, f"createdDateTime ge {before:%Y-%m-%dT%H:%M:%SZ}").json()["value"]
    assert [(entry["userPrincipalName"], entry["status"]["errorCode"]) for entry in entries] == [
        (GRACE, 50105),
        (ADA, 0),
        (ADA, 50126),
    ]
    assert entries[1]["status"]["failureReason"] is None
    assert "is not assigned" in entries[0]["status"]["failureReason"]
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert log(ready, f"createdDateTime ge {later:%Y-%m-%dT%H:%M:%SZ}").json()["value"] == []


def test_the_sign_in_log_is_delayed_and_needs_a_permission_and_a_licence(
    sandbox: RunningSandbox, ready: Application
) -> None:
    Visit(sandbox).start(ready.request()).sign_in(ADA).response()
    sandbox.control.set("entra.sign_in_log_delay_seconds", 300)
    assert log(ready).json()["value"] == []
    sandbox.control.set("clock.offset_seconds", 301)
    assert len(log(ready).json()["value"]) == 1
    sandbox.control.set("entra.premium", False)
    refused = log(ready)
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    )
    sandbox.control.set("entra.deployer_roles", ["Application.Read.All"])
    ready.graph = sandbox.graph()
    assert log(ready).json()["error"]["code"] == "Authentication_MSGraphPermissionMissing"


# My Apps


def test_my_apps_shows_what_is_assigned_and_starts_at_the_application(
    sandbox: RunningSandbox, ready: Application
) -> None:
    name = ready.call("GET", f"/applications/{ready.application_id}")["displayName"]
    ready.patch(loginUrl=REPLY_URL)
    assert Visit(sandbox).open("https://myapps.microsoft.com/").sign_in(ADA).tiles()[name] == REPLY_URL
    assert name not in Visit(sandbox).open("https://myapps.microsoft.com/").sign_in(GRACE).tiles()


def test_without_a_sign_on_url_a_tile_sends_an_unsolicited_response(
    sandbox: RunningSandbox, ready: Application
) -> None:
    name = ready.call("GET", f"/applications/{ready.application_id}")["displayName"]
    ready.patch(samlSingleSignOnSettings={"relayState": "start-here"})
    visit = Visit(sandbox).open("https://myapps.microsoft.com/").sign_in(ADA)
    response = visit.open(visit.tiles()[name]).response()
    assert response.root.get("InResponseTo") is None
    assert (response.action, response.relay_state) == (REPLY_URL, "start-here")
    response.verified(active_body(ready))


def test_a_hidden_tile_is_not_shown_and_signing_in_works(sandbox: RunningSandbox, ready: Application) -> None:
    name = ready.call("GET", f"/applications/{ready.application_id}")["displayName"]
    ready.patch(tags=["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"])
    assert name not in Visit(sandbox).open("https://myapps.microsoft.com/").sign_in(ADA).tiles()
    assert Visit(sandbox).start(ready.request()).sign_in(ADA).response().root is not None


def test_a_tile_of_a_disabled_application_signs_nobody_in(
    sandbox: RunningSandbox, ready: Application
) -> None:
    name = ready.call("GET", f"/applications/{ready.application_id}")["displayName"]
    ready.patch(accountEnabled=False)
    visit = Visit(sandbox).open("https://myapps.microsoft.com/").sign_in(ADA)
    assert "AADSTS7000112" in visit.open(visit.tiles()[name]).error


def test_a_my_apps_ticket_is_good_for_one_use(sandbox: RunningSandbox, ready: Application) -> None:
    session = sandbox.session()
    visit = Visit(sandbox).start(ready.request()).sign_in(ADA)
    ticket = visit.session.get(f"{LOGIN}/my-apps", timeout=30, allow_redirects=False).headers["Location"]
    assert "Signed in as" in session.get(ticket, timeout=30).text
    assert "Signed in as" not in sandbox.session().get(ticket, timeout=30).text


def test_pages_escape_what_they_show(sandbox: RunningSandbox, ready: Application) -> None:
    ready.call("PATCH", f"/applications/{ready.application_id}", {"displayName": "<script>alert(1)</script>"})
    reply = sandbox.session().post(
        SAML2,
        data={"SAMLRequest": authn_request.build(ready.request()), "RelayState": '"><script>'},
        timeout=30,
    )
    assert "<script>alert" not in reply.text
