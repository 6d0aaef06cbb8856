"""The signing certificates of a service principal, with the real client on the sandbox's Entra."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from providers.entra import signing_certificates
from providers.entra.credentials import credential
from providers.entra.errors import (
    CertificateInUse,
    CertificateUnknown,
    CredentialsMissing,
    ForeignChange,
    ObjectNotFound,
    Refused,
)
from providers.entra.graph import GraphClient
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate
from tests.support.interrupted import Interrupted
from tests.support.sandboxes import RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"

pytestmark = pytest.mark.usefixtures("on_the_sandbox")


@pytest.fixture(scope="module")
def client(sandbox: RunningSandbox) -> GraphClient:
    return GraphClient(sandbox.env)


@pytest.fixture
def principal(sandbox: RunningSandbox) -> str:
    """The object id of a service principal in SAML mode."""
    return str(sandbox.instantiate("Certificates")["servicePrincipal"]["id"])


@pytest.fixture
def certificates(sandbox: RunningSandbox, principal: str) -> list[str]:
    """The thumbprints of two certificates, the first of which Entra made active by itself."""
    path = f"/servicePrincipals/{principal}/addTokenSigningCertificate"
    graph = sandbox.graph()
    return [str(_post(graph, path, {"displayName": f"CN=Test {n}"})["thumbprint"]) for n in (1, 2)]


def signs(client: GraphClient, certificates: PrincipalCertificates) -> str:
    """The thumbprint of the certificate that signs now."""
    active = certificates.active(client.now())
    assert active
    return active.thumbprint


def _get(graph: requests.Session, path: str) -> dict[str, Any]:
    response = graph.get(GRAPH + path, timeout=30)
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def _post(graph: requests.Session, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = graph.post(GRAPH + path, json=body, timeout=30)
    response.raise_for_status()
    made: dict[str, Any] = response.json()
    return made


def test_another_active_certificate_stays_until_it_may_be_replaced(
    client: GraphClient, principal: str, certificates: list[str]
) -> None:
    first, second = certificates
    held = signing_certificates.activate(client, principal, second, replace=False)
    assert signs(client, held) == first
    assert signs(client, signing_certificates.read(client, principal)) == first
    assert signs(client, signing_certificates.activate(client, principal, second, replace=True)) == second
    assert signing_certificates.read(client, principal).thumbprints == {first, second}


def test_activating_the_active_one_writes_nothing(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    signing_certificates.activate(client, principal, certificates[0], replace=True)
    signing_certificates.activate(client, principal, certificates[0], replace=True)
    written = [entry for entry in sandbox.control.journal(path=principal) if entry["method"] == "PATCH"]
    assert len(written) <= 1


def test_a_certificate_that_does_not_exist(
    client: GraphClient, principal: str, certificates: list[str]
) -> None:
    with pytest.raises(CertificateUnknown, match=certificates[0]):
        signing_certificates.activate(client, principal, "0" * 40, replace=True)


def test_a_principal_that_no_longer_exists(client: GraphClient, sandbox: RunningSandbox) -> None:
    with pytest.raises(ObjectNotFound, match="Request_ResourceNotFound"):
        signing_certificates.read(client, "00000000-0000-4000-8000-000000000000")


def test_a_missing_permission_is_named(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    sandbox.control.faults(
        {
            "host": "graph.microsoft.com",
            "method": "PATCH",
            "path": f".*{principal}.*",
            "status": 403,
            "body": body,
            "times": 1,
        }
    )
    with pytest.raises(Refused, match="Insufficient privileges"):
        signing_certificates.activate(client, principal, certificates[1], replace=True)


def test_throttled_calls_wait(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    sandbox.control.faults(
        {
            "host": "graph.microsoft.com",
            "method": "GET",
            "path": f".*{principal}.*",
            "status": 429,
            "headers": {"Retry-After": "1"},
            "times": 1,
        }
    )
    assert signs(client, signing_certificates.read(client, principal)) == certificates[0]
    reads = [entry["status"] for entry in sandbox.control.journal() if principal in entry["path"]]
    assert reads[-2:] == [429, 200]


def test_an_error_about_a_wrong_secret_does_not_contain_it(sandbox: RunningSandbox) -> None:
    client = GraphClient(sandbox.env | {"ARM_CLIENT_SECRET": "not-the-secret"})
    with pytest.raises(CredentialsMissing, match="AADSTS7000215") as caught:
        signing_certificates.read(client, "x")
    assert "not-the-secret" not in str(caught.value)


def test_no_credential_says_what_to_set() -> None:
    with pytest.raises(CredentialsMissing, match="ARM_CLIENT_SECRET"):
        credential({"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_USE_CLI": "false"})
    with pytest.raises(CredentialsMissing, match="allowed: public"):
        credential({"ARM_ENVIRONMENT": "mars"})


# Reading


def test_every_certificate_is_read_with_its_dates(
    sandbox: RunningSandbox, client: GraphClient, principal: str
) -> None:
    path = f"/servicePrincipals/{principal}/addTokenSigningCertificate"
    name = signing_certificates.subject("2026")
    made = _post(sandbox.graph(), path, {"displayName": name, "endDateTime": "2028-11-01T00:00:00Z"})
    found = signing_certificates.read(client, principal)
    (certificate,) = found.labelled("2026")
    assert (certificate.thumbprint, certificate.display_name) == (made["thumbprint"], name)
    assert certificate.not_after == datetime(2028, 11, 1, tzinfo=UTC)
    assert certificate.body == made["key"]
    assert found.preferred == made["thumbprint"]


def test_a_principal_is_found_by_its_identifier(sandbox: RunningSandbox, client: GraphClient) -> None:
    graph = sandbox.graph()
    made = _post(graph, "/applications", {"displayName": "Known", "identifierUris": ["api://it's-known"]})
    principal = _post(graph, "/servicePrincipals", {"appId": made["appId"]})
    assert signing_certificates.find_service_principal(client, "api://it's-known") == principal["id"]
    assert signing_certificates.find_service_principal(client, "api://unknown") is None


NOW = datetime(2026, 11, 22, tzinfo=UTC)


def certificate(thumbprint: str, begins: int, ends: int) -> SigningCertificate:
    """One whose life begins and ends so many days after NOW."""
    return SigningCertificate(
        thumbprint,
        signing_certificates.subject(thumbprint),
        NOW + timedelta(days=begins),
        NOW + timedelta(days=ends),
        f"key-{thumbprint}",
        thumbprint,
    )


VALID = certificate("valid", -10, 100)
LONGER = certificate("longer", -10, 200)
EXPIRED = certificate("expired", -100, -1)
FUTURE = certificate("future", 10, 300)
NEW = certificate("new", 0, 300)


@pytest.mark.parametrize(
    ("certificates", "preferred", "signs"),
    [
        ([VALID, LONGER], "valid", VALID),
        ([EXPIRED, VALID], "expired", VALID),
        ([EXPIRED, VALID, LONGER], "expired", LONGER),
        ([FUTURE, VALID], "future", VALID),
        ([VALID, NEW], "new", NEW),
        ([EXPIRED], "expired", EXPIRED),
        ([EXPIRED, FUTURE], "expired", EXPIRED),
        ([VALID], "", VALID),
        ([VALID, LONGER], "", LONGER),
        ([], "", None),
        ([VALID], "somebody-else's", VALID),
    ],
)
def test_which_certificate_signs(
    certificates: list[SigningCertificate], preferred: str, signs: SigningCertificate | None
) -> None:
    found = PrincipalCertificates(tuple(certificates), preferred)
    assert found.active(NOW) == signs
    assert found.active(NOW - timedelta(minutes=1)) == signs, "clocks differ a little"


def test_external_changes_are_named() -> None:
    recorded = PrincipalCertificates((VALID, EXPIRED), "valid")
    live = PrincipalCertificates((VALID, LONGER), "longer")
    found = signing_certificates.differences(recorded, live)
    assert [(each.what, each.thumbprint) for each in found] == [
        ("removed", "expired"),
        ("added", "longer"),
        ("activated", "longer"),
    ]
    assert signing_certificates.differences(live, live) == ()


# Taking one away


def test_a_certificate_is_removed_with_its_three_credentials(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    first, second = certificates
    signing_certificates.activate(client, principal, second, replace=True)
    assert signing_certificates.retire(client, principal, first).left.thumbprints == {second}
    left = sandbox.control.get("entra.servicePrincipals", principal)
    assert left
    assert [key["usage"] for key in left["keyCredentials"]] == ["Sign", "Verify"]
    assert [key["key"] is None for key in left["keyCredentials"]] == [True, False]
    assert len(left["passwordCredentials"]) == 1
    assert left["preferredTokenSigningKeyThumbprint"] == second
    # The step may be repeated after a crash.
    assert signing_certificates.retire(client, principal, first).left.thumbprints == {second}


def test_the_one_that_signs_and_the_last_valid_one_stay(
    client: GraphClient, principal: str, certificates: list[str]
) -> None:
    with pytest.raises(CertificateInUse, match=f"{certificates[0]}.*signs"):
        signing_certificates.retire(client, principal, certificates[0])
    assert signing_certificates.read(client, principal).thumbprints == set(certificates)


def test_the_one_that_entra_switched_to_stays(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    named, other = certificates
    _change(sandbox, principal, named, endDateTime="2026-01-01T00:00:00Z")
    with pytest.raises(CertificateInUse, match=f"{other}.*signs"):
        signing_certificates.retire(client, principal, other)


def _change(sandbox: RunningSandbox, principal: str, thumbprint: str, **values: str) -> None:
    document = sandbox.control.get("entra.servicePrincipals", principal)
    assert document
    identifier = base64.b64encode(bytes.fromhex(thumbprint)).decode()
    for name in ("keyCredentials", "passwordCredentials"):
        document[name] = [
            item | values if item["customKeyIdentifier"] == identifier else item for item in document[name]
        ]
    sandbox.control.put("entra.servicePrincipals", principal, document)


def _take_away(graph: requests.Session, principal: str, thumbprint: str) -> None:
    """As another writer of whole lists does it."""
    identifier = base64.b64encode(bytes.fromhex(thumbprint)).decode()
    found = _get(graph, f"/servicePrincipals/{principal}")
    names = ("keyCredentials", "passwordCredentials")
    left = {
        name: [item for item in found[name] if item["customKeyIdentifier"] != identifier] for name in names
    }
    graph.patch(f"{GRAPH}/servicePrincipals/{principal}", json=left, timeout=30).raise_for_status()


def test_an_external_change_before_the_write_stops_it(
    sandbox: RunningSandbox, principal: str, certificates: list[str]
) -> None:
    graph, path = sandbox.graph(), f"/servicePrincipals/{principal}/addTokenSigningCertificate"
    client = Interrupted(sandbox.env, {1: lambda: _post(graph, path, {"displayName": "CN=Theirs"})})
    with pytest.raises(ForeignChange, match=r"nothing was written.*added: .*CN=Theirs") as caught:
        signing_certificates.retire(client, principal, certificates[1])
    there = signing_certificates.read(client, principal).thumbprints
    assert there == {*certificates, *caught.value.thumbprints}


@pytest.mark.parametrize("call", [2, 3])
def test_an_external_change_during_the_write_is_named(
    sandbox: RunningSandbox, principal: str, certificates: list[str], call: int
) -> None:
    """Another writer of whole lists takes one away: just before our list is written, and just after."""
    graph, path = sandbox.graph(), f"/servicePrincipals/{principal}/addTokenSigningCertificate"
    theirs = str(_post(graph, path, {"displayName": "CN=Theirs"})["thumbprint"])
    client = Interrupted(sandbox.env, {call: lambda: _take_away(graph, principal, theirs)})
    with pytest.raises(ForeignChange, match=r"removed: .*CN=Theirs") as caught:
        signing_certificates.retire(client, principal, certificates[1])
    assert caught.value.thumbprints == (theirs,)


def test_an_activation_during_the_write_is_named_where_the_named_one_is_missing(
    sandbox: RunningSandbox, principal: str, certificates: list[str]
) -> None:
    """Entra names a certificate that was removed; just before our list is written, ours is activated."""
    first = certificates[0]
    _change(sandbox, principal, first, endDateTime="2026-01-01T00:00:00Z")
    sandbox.control.put(
        "entra.servicePrincipals",
        principal,
        (sandbox.control.get("entra.servicePrincipals", principal) or {})
        | {"preferredTokenSigningKeyThumbprint": "0" * 40},
    )
    activated = {"preferredTokenSigningKeyThumbprint": first}
    address = f"{GRAPH}/servicePrincipals/{principal}"
    graph = sandbox.graph()
    client = Interrupted(sandbox.env, {2: lambda: graph.patch(address, json=activated, timeout=30)})
    with pytest.raises(ForeignChange, match=f"active: {first}") as caught:
        signing_certificates.retire(client, principal, first)
    assert caught.value.thumbprints == (first,)


def test_writers_of_one_process_take_turns(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    path = f"/servicePrincipals/{principal}/addTokenSigningCertificate"
    graph = sandbox.graph()
    more = [str(_post(graph, path, {"displayName": f"CN=More {n}"})["thumbprint"]) for n in range(4)]
    with ThreadPoolExecutor(5) as pool:
        done = [pool.submit(signing_certificates.retire, client, principal, each) for each in more]
        done.append(
            pool.submit(signing_certificates.activate, client, principal, certificates[1], replace=True)
        )
        for future in done:
            future.result()
    left = signing_certificates.read(client, principal)
    assert (left.thumbprints, left.preferred) == (set(certificates), certificates[1])
