"""Console, service provider and portal, used with an unmodified session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mimecast_sso.facts.profile_form import FIELDS, FormSection
from mimecast_sso.saml import authn_request, names
from tests.sandbox_mimecast.helpers import (
    CONSOLE,
    REGION_HOST,
    TIMEOUT,
    Api,
    Browser,
    IdentityProvider,
    Page,
    internal_domain,
)
from tests.support.sandboxes import RunningSandbox, seed_document

ADA = "ada@example.com"
PROFILE = "Entra sign-in"
SETTINGS = "Entra for the roll-out group"
ROLL_OUT = "SSO roll-out"


@pytest.fixture(scope="module")
def provider() -> IdentityProvider:
    return IdentityProvider()


@pytest.fixture(scope="module")
def group(sandbox: RunningSandbox, api: Api) -> str:
    """The roll-out group with Ada in it, in a domain with three people."""
    internal_domain(api, sandbox, "example.com")
    for person in ("ada", "grace", "alan"):
        user = {
            "emailAddress": f"{person}@example.com",
            "name": person.title(),
            "password": "cloud-password-1",
        }
        api.ok("/api/user/create-user", user)
    (created,) = api.ok("/api/directory/create-group", {"description": ROLL_OUT})
    api.ok("/api/directory/add-group-member", {"id": created["id"], "emailAddress": ADA})
    identifier: str = created["id"]
    return identifier


@pytest.fixture(scope="module")
def profile_url(sandbox: RunningSandbox, provider: IdentityProvider, group: str) -> str:
    """The console's page of a profile that is set up and bound to the roll-out group."""
    assert group
    browser = Browser(sandbox).administrator()
    page = browser.fill(
        f"{CONSOLE}/authentication-profiles/new", "authentication-profile", **profile_values(provider)
    )
    assert page.status == 200, page.text
    settings = browser.get(f"{CONSOLE}/application-settings/new").forms["application-settings"]
    chosen = settings.options["settingsProfile"][PROFILE]
    bound = browser.send(settings, applicationSettings=SETTINGS, group=ROLL_OUT, settingsProfile=chosen)
    assert bound.status == 200, bound.text
    return page.url


@pytest.fixture(autouse=True)
def switches_off(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    sandbox.control.delete("settings", "mimecast.propagation_seconds")
    sandbox.control.delete("settings", "clock.offset_seconds")


@pytest.fixture
def grace(sandbox: RunningSandbox, api: Api, group: str) -> Iterator[str]:
    """The key of Grace's memberships of the roll-out group, which are forgotten afterwards: their ends are to come."""
    item = {"id": group, "emailAddress": "grace@example.com"}
    api.ok("/api/directory/add-group-member", item)
    members = sandbox.control.documents("mimecast.members")
    (number,) = [each["group"] for each in members if each["who"] == "grace@example.com"]
    yield f"{number}/grace@example.com"
    sandbox.control.delete("mimecast.formerMembers", f"{number}/grace@example.com")


def profile_values(provider: IdentityProvider) -> dict[str, Any]:
    return {
        "description": PROFILE,
        "enforcePersonalPortal": True,
        "provider": "Microsoft Entra ID",
        "issuerUrl": provider.issuer,
        "loginUrl": provider.login_url,
        "logoutUrl": provider.login_url,
        "certificate": provider.certificate_body,
        "passwordProtectedContext": False,
        "integratedAuthenticationContext": False,
        "allowSingleSignOn": True,
    }


def edit_profile(sandbox: RunningSandbox, url: str, **values: str | bool) -> None:
    page = Browser(sandbox).administrator().fill(url, "authentication-profile", **values)
    assert page.status == 200, page.text


def requested(page: Page) -> authn_request.AuthnRequest:
    return authn_request.parse(page.forms["saml-request"].values["SAMLRequest"])


def respond(browser: Browser, page: Page, response: str) -> Page:
    data = {"SAMLResponse": response, "RelayState": page.forms["saml-request"].values["RelayState"]}
    return Page(browser.session.post(f"{REGION_HOST}/login/saml", data=data, timeout=TIMEOUT))


# Console


def test_the_profile_form_has_every_field_in_the_consoles_order(sandbox: RunningSandbox) -> None:
    form = Browser(sandbox).administrator().get(f"{CONSOLE}/authentication-profiles/new")
    form_fields = form.forms["authentication-profile"]
    desired = {field.label: field.key for field in FIELDS if field.section is FormSection.PROFILE}
    assert list(form_fields.labels.items()) == list(desired.items())
    ticked = {name for name, is_ticked in form_fields.boxes.items() if is_ticked}
    assert ticked == {"passwordProtectedContext", "integratedAuthenticationContext"}
    assert {"Azure Active Directory", "Microsoft Entra ID"} <= set(form_fields.options["provider"])


def test_only_administrators_see_the_console(sandbox: RunningSandbox) -> None:
    browser = Browser(sandbox)
    page = browser.get(f"{CONSOLE}/authentication-profiles/new")
    assert set(page.forms) == {"login"}
    page = browser.send(page.forms["login"], emailAddress="administrator@example.com", password="wrong-one")
    assert page.status == 401
    assert "wrong-one" not in page.text


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("issuerUrl", "sts.windows.net", "Issuer URL: Must be a URL."),
        ("loginUrl", "", "Login URL: Required for SAML."),
        ("loginUrl", "https:// spaces", "Login URL: Must be a URL."),
        (
            "certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "without its BEGIN and END",
        ),
        ("certificate", "AAAA", "Must be a base-64 encoded X.509 certificate."),
        ("provider", "", "Provider: Required for SAML."),
        ("provider", "My own", "Choose a provider from the list."),
        ("description", "", "Enter a description."),
        ("description", "Default Authentication Profile", "A profile with this description already exists."),
        ("monitorMetadataUrl", True, "Metadata URL: Required for monitoring."),
    ],
)
def test_the_form_refuses_what_a_real_one_would(
    sandbox: RunningSandbox, provider: IdentityProvider, field: str, value: str | bool, error: str
) -> None:
    values = {**profile_values(provider), "description": "Refused", field: value}
    browser = Browser(sandbox).administrator()
    page = browser.fill(f"{CONSOLE}/authentication-profiles/new", "authentication-profile", **values)
    assert page.status == 422
    assert error in page.text
    assert "Refused" not in browser.get(f"{CONSOLE}/authentication-profiles").links


def test_settings_need_an_existing_group_and_a_profile(sandbox: RunningSandbox) -> None:
    browser = Browser(sandbox).administrator()
    values = {"applicationSettings": "Unbound", "group": "no such group"}
    page = browser.fill(f"{CONSOLE}/application-settings/new", "application-settings", **values)
    assert page.status == 422
    assert "There is no such group." in page.text
    assert "Choose an authentication profile." in page.text


def test_a_saved_profile_shows_what_was_saved_and_is_audited(
    sandbox: RunningSandbox, api: Api, provider: IdentityProvider, profile_url: str
) -> None:
    browser = Browser(sandbox).administrator()
    assert browser.get(f"{CONSOLE}/authentication-profiles").links[PROFILE] == profile_url
    form = browser.get(profile_url).forms["authentication-profile"]
    assert form.values["certificate"] == provider.certificate_body
    assert (form.boxes["enforcePersonalPortal"], form.boxes["passwordProtectedContext"]) == (True, False)
    now = datetime.now(UTC)
    span = {
        name: (now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S+0000")
        for name, hours in (("startDateTime", -1), ("endDateTime", 1))
    }
    events = api.ok("/api/audit/get-audit-events", {**span, "query": PROFILE})
    assert {event["user"] for event in events} == {"administrator@example.com"}
    assert {"New Authentication Profile", "New Application Settings"} <= {
        event["auditType"] for event in events
    }


# Signing in


@pytest.mark.usefixtures("profile_url")
def test_an_enforced_user_is_sent_to_the_identity_provider(
    sandbox: RunningSandbox, provider: IdentityProvider
) -> None:
    page = Browser(sandbox).start(ADA)
    assert page.forms["saml-request"].action == provider.login_url
    request = requested(page)
    assert request.issuer == f"{REGION_HOST}/sso/CUK25A118"
    assert request.destination == provider.login_url
    assert request.assertion_consumer_service_url == f"{REGION_HOST}/login/saml"
    assert request.requested_authn_contexts == ()


def test_provider_and_context_boxes_show_in_the_request(sandbox: RunningSandbox, profile_url: str) -> None:
    boxes = {"passwordProtectedContext": True, "integratedAuthenticationContext": True}
    edit_profile(sandbox, profile_url, provider="Okta", **boxes)
    request = requested(Browser(sandbox).start(ADA))
    edit_profile(sandbox, profile_url, provider="Microsoft Entra ID", **dict.fromkeys(boxes, False))
    assert request.issuer == "eu-api.mimecast.com.CUK25A118"
    assert request.requested_authn_contexts == (names.CONTEXT_PASSWORD_PROTECTED, names.CONTEXT_INTEGRATED)


@pytest.mark.usefixtures("profile_url")
def test_a_valid_response_opens_the_portal_once(sandbox: RunningSandbox, provider: IdentityProvider) -> None:
    browser = Browser(sandbox)
    page = browser.start(ADA)
    response = provider.respond(requested(page).id, "Ada@Example.com")
    portal = respond(browser, page, response)
    assert f"Signed in to the Mimecast Personal Portal as {ADA}" in portal.text
    assert f"as {ADA}" in browser.get(f"{REGION_HOST}/portal").text
    replayed = respond(Browser(sandbox), page, response)
    assert replayed.status == 403
    assert "was already used" in replayed.text
    browser.send(portal.forms["sign-out"])
    assert "login" in browser.get(f"{REGION_HOST}/portal").forms


@pytest.mark.usefixtures("profile_url")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": "https://eu-api.mimecast.com/sso/CUK00A000"}, "WrongAudience"),
        ({"recipient": "https://us-api.mimecast.com/login/saml"}, "WrongRecipient"),
        ({"issuer": "https://sts.windows.net/another/"}, "WrongIssuer"),
        ({"not_on_or_after": datetime(2020, 1, 1, tzinfo=UTC)}, "Expired"),
        ({"not_before": datetime(2099, 1, 1, tzinfo=UTC)}, "NotYetValid"),
    ],
)
def test_a_response_for_another_person_is_refused(
    sandbox: RunningSandbox, provider: IdentityProvider, changes: dict[str, Any], reason: str
) -> None:
    browser = Browser(sandbox)
    page = browser.start(ADA)
    refused = respond(browser, page, provider.respond(requested(page).id, ADA, **changes))
    assert refused.status == 403
    assert reason in refused.text
    assert "login" in browser.get(f"{REGION_HOST}/portal").forms


@pytest.mark.usefixtures("profile_url")
def test_another_signer_or_another_request_is_refused(
    sandbox: RunningSandbox, provider: IdentityProvider
) -> None:
    browser = Browser(sandbox)
    page = browser.start(ADA)
    forged = respond(browser, page, IdentityProvider().respond(requested(page).id, ADA))
    assert "SignatureInvalid" in forged.text
    page = browser.start(ADA)
    assert "WrongInResponseTo" in respond(browser, page, provider.respond("_another", ADA)).text
    assert "MalformedResponse" in respond(browser, browser.start(ADA), "nonsense").text


@pytest.mark.usefixtures("profile_url")
def test_a_request_is_forgotten_after_ten_minutes(
    sandbox: RunningSandbox, provider: IdentityProvider
) -> None:
    browser = Browser(sandbox)
    page = browser.start(ADA)
    sandbox.control.set("clock.offset_seconds", 601)
    assert respond(browser, page, provider.respond(requested(page).id, ADA)).status == 403


@pytest.mark.usefixtures("profile_url")
def test_a_person_without_an_address_in_mimecast_is_refused(
    sandbox: RunningSandbox, provider: IdentityProvider
) -> None:
    browser = Browser(sandbox)
    page = browser.start(ADA)
    refused = respond(browser, page, provider.respond(requested(page).id, "kay@example.com"))
    assert refused.status == 403
    assert "kay@example.com is not provisioned in Mimecast." in refused.text


@pytest.mark.usefixtures("profile_url")
def test_a_disabled_user_is_refused(sandbox: RunningSandbox, api: Api, provider: IdentityProvider) -> None:
    api.ok("/api/user/update-user", {"emailAddress": ADA, "accountDisabled": True})
    browser = Browser(sandbox)
    page = browser.start(ADA)
    refused = respond(browser, page, provider.respond(requested(page).id, ADA))
    api.ok("/api/user/update-user", {"emailAddress": ADA, "accountDisabled": False})
    assert refused.status == 403
    assert "disabled or locked" in refused.text


@pytest.mark.usefixtures("profile_url")
@pytest.mark.parametrize("address", ["grace@example.com", "nobody@example.com", "nobody@unknown.example"])
def test_people_without_enforcement_get_the_password_page(sandbox: RunningSandbox, address: str) -> None:
    page = Browser(sandbox).start(address)
    assert page.status == 200
    assert f"Single sign-on is not set up or not enforced for {address}." in re.sub(r"\s+", " ", page.text)
    assert set(page.forms) == {"password"}


@pytest.mark.usefixtures("profile_url")
def test_people_without_enforcement_sign_in_with_a_cloud_password(sandbox: RunningSandbox) -> None:
    browser = Browser(sandbox)
    page = browser.start("grace@example.com")
    wrong = browser.send(page.forms["password"], password="wrong-password")
    assert wrong.status == 401
    assert "Address or password is wrong." in wrong.text
    portal = browser.send(wrong.forms["password"], password="cloud-password-1")
    assert "Signed in to the Mimecast Personal Portal as grace@example.com" in portal.text


@pytest.mark.usefixtures("profile_url")
def test_a_cloud_password_does_not_bypass_enforcement(sandbox: RunningSandbox) -> None:
    browser = Browser(sandbox)
    form = browser.start("grace@example.com").forms["password"]
    page = browser.send(form, emailAddress=ADA, password="cloud-password-1")
    assert set(page.forms) == {"saml-request"}


def test_the_roll_out_group_is_the_switch(
    sandbox: RunningSandbox, api: Api, profile_url: str, group: str
) -> None:
    assert profile_url
    alan = {"id": group, "emailAddress": "alan@example.com"}
    sandbox.control.set("mimecast.propagation_seconds", 900)
    api.ok("/api/directory/add-group-member", alan)
    assert "password" in Browser(sandbox).start("alan@example.com").forms
    sandbox.control.set("clock.offset_seconds", 901)
    assert "saml-request" in Browser(sandbox).start("alan@example.com").forms
    later = Browser(sandbox)
    api_later = Api(sandbox, "sandbox-mimecast-client-id", "sandbox-mimecast-client-secret")
    api_later.ok("/api/directory/remove-group-member", alan)
    assert "saml-request" in later.start("alan@example.com").forms
    sandbox.control.set("clock.offset_seconds", 1802)
    assert "password" in later.start("alan@example.com").forms


def test_a_person_who_left_twice_is_still_enforced(
    sandbox: RunningSandbox, api: Api, profile_url: str, group: str, grace: str
) -> None:
    assert profile_url
    assert grace
    sandbox.control.set("mimecast.propagation_seconds", 900)
    sandbox.control.set("clock.offset_seconds", 1000)
    for verb in ("remove", "add", "remove"):
        item = {"id": group, "emailAddress": "grace@example.com"}
        api.ok(f"/api/directory/{verb}-group-member", item)
    browser = Browser(sandbox)
    assert "saml-request" in browser.start("grace@example.com").forms, "the first departure is too young"
    sandbox.control.set("clock.offset_seconds", 1910)
    assert "password" in browser.start("grace@example.com").forms


def test_a_former_membership_in_the_form_of_earlier_versions_counts(
    sandbox: RunningSandbox, api: Api, profile_url: str, group: str, grace: str
) -> None:
    assert profile_url
    item = {"id": group, "emailAddress": "grace@example.com"}
    api.ok("/api/directory/remove-group-member", item)
    # The profile, too, counts only after the delay.
    sandbox.control.set("clock.offset_seconds", 1000)
    now = datetime.now(UTC) + timedelta(seconds=1000)
    old = {
        "added": (now - timedelta(minutes=20)).isoformat(),
        "removed": (now - timedelta(minutes=1)).isoformat(),
    }
    sandbox.control.put("mimecast.formerMembers", grace, {"who": "grace@example.com", **old})
    sandbox.control.set("mimecast.propagation_seconds", 900)
    browser = Browser(sandbox)
    assert "saml-request" in browser.start("grace@example.com").forms
    for verb in ("add", "remove"):
        api.ok(f"/api/directory/{verb}-group-member", item)
    kept = sandbox.control.get("mimecast.formerMembers", grace) or {}
    assert [period["removed"] for period in kept["periods"]].index(old["removed"]) == 0
    assert "saml-request" in browser.start("grace@example.com").forms


def test_a_profile_that_stops_enforcing_gives_the_password_page(
    sandbox: RunningSandbox, profile_url: str
) -> None:
    edit_profile(sandbox, profile_url, enforcePersonalPortal=False)
    page = Browser(sandbox).start(ADA)
    edit_profile(sandbox, profile_url, enforcePersonalPortal=True)
    assert set(page.forms) == {"password"}


def test_a_wrong_certificate_in_the_profile_is_noticed(
    sandbox: RunningSandbox, provider: IdentityProvider, profile_url: str
) -> None:
    edit_profile(sandbox, profile_url, certificate=IdentityProvider().certificate_body)
    browser = Browser(sandbox)
    page = browser.start(ADA)
    refused = respond(browser, page, provider.respond(requested(page).id, ADA))
    edit_profile(sandbox, profile_url, certificate=provider.certificate_body)
    assert "SignatureInvalid" in refused.text


def test_an_unsolicited_response_needs_allow_single_sign_on(
    sandbox: RunningSandbox, provider: IdentityProvider, profile_url: str
) -> None:
    url = f"{REGION_HOST}/login/sso/mpp"

    def post(name_id: str) -> Page:
        response = provider.respond(None, name_id, recipient=url)
        return Page(Browser(sandbox).session.post(url, data={"SAMLResponse": response}, timeout=TIMEOUT))

    assert f"Personal Portal as {ADA}" in post(ADA).text
    assert "not set up or not enforced" in post("grace@example.com").text
    response = {"SAMLResponse": provider.respond(None, ADA, recipient=url)}
    session = Browser(sandbox).session
    assert "Signed in" in session.post(url, data=response, timeout=TIMEOUT).text
    assert "has already been used" in session.post(url, data=response, timeout=TIMEOUT).text
    edit_profile(sandbox, profile_url, allowSingleSignOn=False)
    refused = post(ADA)
    edit_profile(sandbox, profile_url, allowSingleSignOn=True)
    assert refused.status == 403
    assert "does not allow single sign-on" in refused.text


@pytest.mark.usefixtures("profile_url")
def test_other_regions_and_the_central_page(sandbox: RunningSandbox, provider: IdentityProvider) -> None:
    browser = Browser(sandbox)
    form = browser.get("https://us-api.mimecast.com/login/saml").forms["login"]
    assert set(browser.send(form, emailAddress=ADA).forms) == {"password"}
    central = browser.send(browser.get("https://login.mimecast.com/").forms["login"], emailAddress=ADA)
    portal = respond(browser, central, provider.respond(requested(central).id, ADA))
    assert f"Personal Portal as {ADA}" in portal.text


def test_a_new_account_enforces_nothing(sandbox: RunningSandbox) -> None:
    mimecast = seed_document()["mimecast"] | {
        "accountCode": "CUSA35A403",
        "region": "us",
        "clientId": "us-client",
        "administrator": {"emailAddress": "administrator@us.example", "password": "us-password-1"},
        "domains": [{"name": "us.example"}],
        "users": [{"emailAddress": "ada@us.example", "password": "cloud-password-1"}],
    }
    sandbox.control.seed({"mimecast": mimecast})
    browser = Browser(sandbox)
    form = browser.get("https://us-api.mimecast.com/login/saml").forms["login"]
    page = browser.send(form, emailAddress="ada@us.example")
    portal = browser.send(page.forms["password"], password="cloud-password-1")
    assert portal.url == "https://us-api.mimecast.com/portal"
    assert "as ada@us.example" in portal.text


def test_unknown_pages_are_listed(sandbox: RunningSandbox) -> None:
    page = Browser(sandbox).get(f"{REGION_HOST}/no/such/page")
    assert page.status == 501
    assert "The sandbox does not serve this page" in page.text
    assert "cannot be signed in" not in page.text
    assert "GET https://eu-api.mimecast.com/no/such/page" in sandbox.control.status()["unknown"]
