"""Which certificate signs when: our model compared with the sandbox's Entra, by the sandbox's clock."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mimecast_sso.saml import metadata
from providers.entra import signing_certificates
from providers.entra.errors import CertificateInUse
from providers.entra.graph import GraphClient
from sandbox import credentials
from tests.support.sandboxes import RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = f"https://login.microsoftonline.com/{credentials.TENANT_ID}"
DAY = timedelta(days=1)
SWITCHES = ("clock.offset_seconds", "entra.metadata_lists_inactive", "entra.expired_switch")

pytestmark = pytest.mark.usefixtures("on_the_sandbox", "switches")


@pytest.fixture(scope="module")
def made(sandbox: RunningSandbox) -> dict[str, Any]:
    """A SAML application with three certificates, as returned by ``instantiate``, and their thumbprints."""
    graph = sandbox.graph()
    response = sandbox.instantiate("Clock")
    add = f"{GRAPH}/servicePrincipals/{response['servicePrincipal']['id']}/addTokenSigningCertificate"
    response["thumbprints"] = [
        graph.post(add, json={"displayName": signing_certificates.subject(label)}, timeout=30).json()[
            "thumbprint"
        ]
        for label in ("first", "second", "third")
    ]
    return response


def set_lives(sandbox: RunningSandbox, made: dict[str, Any], *lives: tuple[int, int] | None) -> None:
    """Gives each certificate a life, in days from today; ``None`` removes it. The first one is active."""
    principal = sandbox.control.get("entra.servicePrincipals", made["servicePrincipal"]["id"])
    assert principal
    kept = made.setdefault("principal", principal)
    by_identifier = {
        base64.b64encode(bytes.fromhex(thumbprint)).decode(): life
        for thumbprint, life in zip(made["thumbprints"], lives, strict=True)
    }
    document = {**kept, "preferredTokenSigningKeyThumbprint": made["thumbprints"][0]}
    for name in ("keyCredentials", "passwordCredentials"):
        document[name] = [
            {**item, "startDateTime": written(life[0]), "endDateTime": written(life[1])}
            for item in kept[name]
            if (life := by_identifier[item["customKeyIdentifier"]])
        ]
    sandbox.control.put("entra.servicePrincipals", document["id"], document)


def written(days: int) -> str:
    return (datetime.now(UTC) + days * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_metadata(sandbox: RunningSandbox, made: dict[str, Any]) -> list[str]:
    """The certificates that the application's federation metadata shows, the signing one first."""
    url = f"{LOGIN}/federationmetadata/2007-06/federationmetadata.xml?appid={made['application']['appId']}"
    content = sandbox.session().get(url, timeout=30).content
    return list(metadata.parse(content).signing_certificates)


@pytest.mark.parametrize(
    ("lives", "signs"),
    [
        pytest.param([(-10, 100), (-10, 900), None], 0, id="active valid"),
        pytest.param([(-100, -1), (-10, 100), None], 1, id="active expired, inactive valid"),
        pytest.param([(-100, -1), (-10, 100), (-20, 200)], 2, id="active expired, two inactive valid"),
        pytest.param([(-100, -1), (-100, -2), None], 0, id="both expired"),
        pytest.param([(-100, -1), (5, 100), None], 0, id="active expired, inactive not valid yet"),
        pytest.param([(5, 100), (-10, 100), None], 1, id="active not valid yet, inactive valid"),
        pytest.param([(5, 100), None, None], 0, id="only one, not valid yet"),
        pytest.param([(-100, -1), None, None], 0, id="only one, expired"),
    ],
)
def test_what_signs_is_what_the_model_says(
    sandbox: RunningSandbox, made: dict[str, Any], lives: list[tuple[int, int] | None], signs: int
) -> None:
    set_lives(sandbox, made, *lives)
    client = GraphClient(sandbox.env)
    active = signing_certificates.read(client, made["servicePrincipal"]["id"]).active(client.now())
    assert active
    assert active.thumbprint == made["thumbprints"][signs]
    assert in_metadata(sandbox, made) == [active.body]


def test_the_switch_comes_with_the_services_clock(sandbox: RunningSandbox, made: dict[str, Any]) -> None:
    set_lives(sandbox, made, (-10, 30), (-10, 300), None)
    first, second, _ = made["thumbprints"]
    for days, expected in ((29, first), (31, second)):
        sandbox.control.set("clock.offset_seconds", days * DAY.total_seconds())
        client = GraphClient(sandbox.env)
        found = signing_certificates.read(client, made["servicePrincipal"]["id"])
        assert abs(client.now() - datetime.now(UTC) - days * DAY) < timedelta(minutes=1)
        active = found.active(client.now())
        assert active
        assert active.thumbprint == expected
        assert in_metadata(sandbox, made) == [active.body]


def test_without_the_switch_the_expired_one_continues_to_sign(
    sandbox: RunningSandbox, made: dict[str, Any]
) -> None:
    sandbox.control.set("entra.expired_switch", False)
    set_lives(sandbox, made, (-100, -1), (-10, 100), None)
    found = signing_certificates.read(GraphClient(sandbox.env), made["servicePrincipal"]["id"])
    named = found.named()
    assert named
    assert in_metadata(sandbox, made) == [named.body]


def test_metadata_may_list_the_inactive_ones_too(sandbox: RunningSandbox, made: dict[str, Any]) -> None:
    sandbox.control.set("entra.metadata_lists_inactive", True)
    set_lives(sandbox, made, (-100, -1), (-10, 100), (-20, 200))
    found = signing_certificates.read(GraphClient(sandbox.env), made["servicePrincipal"]["id"])
    bodies = {each.thumbprint: each.body for each in found.certificates}
    first, second, third = made["thumbprints"]
    assert in_metadata(sandbox, made) == [bodies[third], bodies[second], bodies[first]]


def test_the_last_valid_one_is_not_removed(sandbox: RunningSandbox, made: dict[str, Any]) -> None:
    """Not even by name of an inactive one, in a tenant whose Entra would not switch to it by itself."""
    set_lives(sandbox, made, (-100, -1), (-10, 100), (-100, -2))
    client, principal = GraphClient(sandbox.env), made["servicePrincipal"]["id"]
    with pytest.raises(CertificateInUse):
        signing_certificates.retire(client, principal, made["thumbprints"][1])
    done = signing_certificates.retire(client, principal, made["thumbprints"][2])
    assert done.left.thumbprints == set(made["thumbprints"][:2])


def test_half_a_certificate_does_not_sign(sandbox: RunningSandbox, made: dict[str, Any]) -> None:
    """Somebody removed the private half of the active one: what is left is shown, and another one signs."""
    set_lives(sandbox, made, (-10, 100), (-10, 90), None)
    principal = sandbox.control.get("entra.servicePrincipals", made["servicePrincipal"]["id"])
    assert principal
    identifier = base64.b64encode(bytes.fromhex(made["thumbprints"][0])).decode()
    half = [
        item
        for item in principal["keyCredentials"]
        if (item["usage"], item["customKeyIdentifier"]) != ("Sign", identifier)
    ]
    sandbox.control.put("entra.servicePrincipals", principal["id"], {**principal, "keyCredentials": half})
    client = GraphClient(sandbox.env)
    active = signing_certificates.read(client, principal["id"]).active(client.now())
    assert active
    assert in_metadata(sandbox, made) == [active.body]
