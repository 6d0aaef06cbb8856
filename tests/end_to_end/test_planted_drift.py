"""External drift: planted by the hundred on both sides, and each named by both ways alike."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.operations import drift_check
from mimecast_sso.operations.deployment import open_with_engine
from mimecast_sso.operations.drift_check import DriftCheck
from providers.entra.claims import claims_definition
from providers.mimecast.groups import change_members, find_group
from providers.mimecast.session import from_environment
from sandbox.entra.conditional_access import POLICIES
from tests.support import changes, soak
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import PEOPLE, ROLL_OUT, USERS, World

pytestmark = pytest.mark.xdist_group("planted-drift")

GRAPH = "https://graph.microsoft.com/v1.0"
OTHER = "https://eu-api.mimecast.com/sso/COTHER"
SEEDS, MOST_AT_ONCE, ENGINE_EACH = 210, 4, 15

Plant = Callable[[World, random.Random], str]
"""Causes one drift; gives the id of the finding that has to name it."""


# -- Entra ----------------------------------------------------------------------------------------------------


def somebody(world: World, chance: random.Random) -> dict[str, Any]:
    found = [each for each in world.made.control.documents("entra.users") if each["mail"] in PEOPLE]
    return chance.choice(sorted(found, key=lambda each: str(each["mail"])))


def put(world: World, collection: str, document: Mapping[str, Any], **values: Any) -> None:
    world.made.control.put(collection, document["id"], {**document, **values})


def owner_of_application(world: World, chance: random.Random) -> str:
    who = somebody(world, chance)["id"]
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{who}"}
    path = f"{GRAPH}/applications/{world.application['id']}/owners/$ref"
    assert world.made.running.graph().post(path, json=reference, timeout=30).ok
    return f"application/owner/unmanaged/{who}"


def owner_of_principal(world: World, chance: random.Random) -> str:
    who = somebody(world, chance)["id"]
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{who}"}
    path = f"{GRAPH}/servicePrincipals/{world.principal['id']}/owners/$ref"
    assert world.made.running.graph().post(path, json=reference, timeout=30).ok
    return f"service-principal/owner/unmanaged/{who}"


def certificate_added(world: World, _: random.Random) -> str:
    path = f"{GRAPH}/servicePrincipals/{world.principal['id']}/addTokenSigningCertificate"
    made = world.made.running.graph().post(path, json={"displayName": "CN=evil"}, timeout=30).json()
    return f"service-principal/credential/unmanaged/{made['thumbprint']}"


def password_of_application(world: World, chance: random.Random) -> str:
    return f"application/credential/unmanaged/{_password(world, 'applications', world.application['id'])}"


def password_of_principal(world: World, chance: random.Random) -> str:
    return f"service-principal/credential/unmanaged/{_password(world, 'servicePrincipals', world.principal['id'])}"


def _password(world: World, path: str, object_id: str) -> str:
    desired = {"passwordCredential": {"displayName": "x"}}
    made = world.made.running.graph().post(
        f"{GRAPH}/{path}/{object_id}/addPassword", json=desired, timeout=30
    )
    return str(made.json()["keyId"])


def identifier_added(world: World, chance: random.Random) -> str:
    identifier = f"{OTHER}{chance.randrange(100)}"
    application = world.application
    identifiers = [*application["identifierUris"], identifier]
    put(world, "entra.applications", application, identifierUris=identifiers)
    return f"application/identifier/unmanaged/{identifier}"


def identifier_removed(world: World, _: random.Random) -> str:
    application = world.application
    own = REGIONS["eu"].identifier("CUK25A118")
    put(
        world,
        "entra.applications",
        application,
        identifierUris=[each for each in application["identifierUris"] if each != own],
    )
    return f"application/identifier/missing/{own}"


def assigned(world: World, chance: random.Random) -> str:
    assignments = world.made.control.documents("entra.assignments")
    taken = {each["principalId"] for each in assignments}
    users = [each for each in world.made.control.documents("entra.users") if each["id"] not in taken]
    who = chance.choice(sorted(users, key=lambda each: str(each["mail"])))
    own = next(each for each in assignments if each["resourceId"] == world.principal["id"])
    added = own | {"id": f"by somebody else {who['id']}", "principalId": who["id"], "principalType": "User"}
    world.made.control.put("entra.assignments", added["id"], added)
    return f"assignment/unmanaged/{who['id']}"


def own_assignments(world: World) -> list[dict[str, Any]]:
    """Those that the stack created, and nobody has touched."""
    return [
        each
        for each in world.made.control.documents("entra.assignments")
        if each["resourceId"] == world.principal["id"]
        and not str(each["id"]).startswith(("by somebody", "again"))
    ]


def unassigned(world: World, chance: random.Random) -> str:
    gone = chance.choice(own_assignments(world))
    world.made.control.delete("entra.assignments", gone["id"])
    return f"assignment/missing/{gone['principalId']}"


def property_of_principal(name: str, value: Any, found: str) -> Plant:
    def plant(world: World, _: random.Random) -> str:
        put(world, "entra.servicePrincipals", world.principal, **{name: value})
        return f"service-principal/{found}/changed"

    return plant


def encrypted(world: World, _: random.Random) -> str:
    key = "6c000000-0000-4000-8000-0000000000fe"
    put(world, "entra.servicePrincipals", world.principal, tokenEncryptionKeyId=key)
    return f"service-principal/tokenEncryptionKeyId/unmanaged/{key}"


def roles_disabled(world: World, _: random.Random) -> str:
    roles = [each | {"isEnabled": False} for each in world.application["appRoles"]]
    put(world, "entra.applications", world.application, appRoles=roles)
    return "service-principal/appRoles/changed"


def hidden(world: World, _: random.Random) -> str:
    put(world, "entra.servicePrincipals", world.principal, tags=[*world.principal["tags"], "HideApp"])
    return "service-principal/hide/changed"


def renamed(world: World, _: random.Random) -> str:
    put(world, "entra.applications", world.application, displayName="Mimecast, renamed")
    return "application/displayName/changed"


def reply_urls(world: World, chance: random.Random) -> str:
    changes.reply_url_elsewhere(world, chance)
    return "application/redirectUris/changed"


def claims_changed(world: World, chance: random.Random) -> str:
    changes.user_name_as_name_id(world, chance)
    return "claims-policy/definition/changed"


def claims_added(world: World, _: random.Random) -> str:
    body = {"displayName": "another", "definition": [claims_definition()]}
    graph = world.made.running.graph()
    policy = graph.post(f"{GRAPH}/policies/claimsMappingPolicies", json=body, timeout=30).json()["id"]
    principal = world.principal
    policies = [*principal["_claimsMappingPolicies"], policy]
    put(world, "entra.servicePrincipals", principal, _claimsMappingPolicies=policies)
    return f"claims-policy/unmanaged/{policy}"


def claims_renamed(world: World, _: random.Random) -> str:
    policy = world.principal["_claimsMappingPolicies"][0]
    document = world.made.control.get("entra.policies", policy)
    assert document is not None
    put(world, "entra.policies", document, displayName="renamed by somebody")
    return "claims-policy/displayName/changed"


def federated(world: World, chance: random.Random) -> str:
    body = {
        "name": f"ci-{chance.randrange(10**6)}",
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:somebody/else:ref:refs/heads/main",
        "audiences": ["api://AzureADTokenExchange"],
    }
    path = f"{GRAPH}/applications/{world.application['id']}/federatedIdentityCredentials"
    made = world.made.running.graph().post(path, json=body, timeout=30).json()
    return f"application/federatedIdentityCredential/unmanaged/{made['id']}"


def property_of_application(name: str, value: Any) -> Plant:
    def plant(world: World, _: random.Random) -> str:
        put(world, "entra.applications", world.application, **{name: value})
        return f"application/{name}/unmanaged"

    return plant


def assigned_again(world: World, chance: random.Random) -> str:
    """Deleted and created again: the same for the person, with another id."""
    before = chance.choice(own_assignments(world))
    world.made.control.delete("entra.assignments", before["id"])
    again = before | {"id": f"again {before['principalId']}"}
    world.made.control.put("entra.assignments", again["id"], again)
    return f"assignment/id/changed/{before['principalId']}"


def access_policy(world: World, chance: random.Random) -> str:
    """A policy for everybody's sign-ins to the application."""
    name = f"created by somebody {chance.randrange(10**6)}"
    policy = {
        "displayName": name,
        "state": "enabled",
        "users": ["All"],
        "applications": [world.application["appId"]],
        "grantControls": ["mfa"],
    }
    world.made.control.seed({"conditionalAccess": [policy]})
    (made,) = (each for each in world.made.control.documents(POLICIES) if each["displayName"] == name)
    return f"Conditional-Access-policy/unmanaged/{made['id']}"


# -- Mimecast -------------------------------------------------------------------------------------------------


def _address(world: World, chance: random.Random, **values: Any) -> str:
    who = chance.choice(USERS)
    document = world.made.control.get("mimecast.users", who)
    assert document is not None
    world.made.control.put("mimecast.users", who, document | values)
    return who


def address_disabled(world: World, chance: random.Random) -> str:
    return f"address/status/changed/{_address(world, chance, accountDisabled=True)}"


def address_renamed(world: World, chance: random.Random) -> str:
    return f"address/name/changed/{_address(world, chance, name='Somebody Else')}"


def address_alias(world: World, chance: random.Random) -> str:
    return f"address/kind/changed/{_address(world, chance, aliasFor='barbara@example.com')}"


def address_gone(world: World, chance: random.Random) -> str:
    gone = chance.choice(("barbara@example.com", "edsger@example.com"))
    world.made.control.delete("mimecast.users", gone)
    return f"address/missing/{gone}"


def inbound_type(world: World, _: random.Random) -> str:
    (domain,) = (
        each for each in world.made.control.documents("mimecast.domains") if each["domain"] == "example.com"
    )
    key = f"{domain['account']}/{domain['domain']}"
    world.made.control.put("mimecast.domains", key, domain | {"inboundType": "any"})
    return "domain/inboundType/changed/example.com"


def _move(world: World, who: str, *, joins: bool) -> None:
    with world.made.running.entered():
        client = from_environment(world.made.running.env)
        group = find_group(client, ROLL_OUT)
        assert group is not None
        change_members(client, group, add=[who] if joins else [], remove=[] if joins else [who])


def joined(world: World, chance: random.Random) -> str:
    who = chance.choice(("tony@example.com", "radia@example.com"))
    _move(world, who, joins=True)
    return f"roll-out-group/member/unmanaged/{who}"


def left(world: World, chance: random.Random) -> str:
    who = chance.choice(USERS)
    _move(world, who, joins=False)
    return f"roll-out-group/member/missing/{who}"


PLANTS: tuple[Plant, ...] = (
    owner_of_application,
    owner_of_principal,
    certificate_added,
    password_of_application,
    password_of_principal,
    identifier_added,
    identifier_removed,
    assigned,
    unassigned,
    renamed,
    reply_urls,
    claims_changed,
    claims_added,
    claims_renamed,
    federated,
    property_of_application(
        "optionalClaims", {"saml2Token": [{"name": "groups", "source": None, "essential": False}]}
    ),
    property_of_application("groupMembershipClaims", "SecurityGroup"),
    assigned_again,
    access_policy,
    property_of_principal("accountEnabled", False, "accountEnabled"),
    property_of_principal("appRoleAssignmentRequired", False, "appRoleAssignmentRequired"),
    property_of_principal("preferredSingleSignOnMode", "password", "preferredSingleSignOnMode"),
    property_of_principal("loginUrl", "https://elsewhere.example/", "loginUrl"),
    property_of_principal("notes", "changed by somebody", "notes"),
    property_of_principal("description", "changed by somebody", "description"),
    property_of_principal("alternativeNames", ["changed by somebody"], "alternativeNames"),
    property_of_principal(
        "samlSingleSignOnSettings", {"relayState": "https://x.example/"}, "samlSingleSignOn"
    ),
    hidden,
    encrypted,
    roles_disabled,
    property_of_principal("notificationEmailAddresses", ["x@example.com"], "notificationEmailAddresses"),
    address_disabled,
    address_renamed,
    address_alias,
    address_gone,
    inbound_type,
    joined,
    left,
)


# -- The check ------------------------------------------------------------------------------------------------


def look(world: World, *, refresh: bool) -> DriftCheck:
    with world.made.running.entered(), pytest.MonkeyPatch.context() as process:
        process.chdir(world.made.folder)
        process.setenv("ENGINE", world.made.engine)
        return drift_check.look(*open_with_engine("sandbox", "drift"), refresh=refresh)


def planted_and_found(world: World, seed: int) -> tuple[set[str], DriftCheck]:
    chance = random.Random(seed)  # noqa: S311 (a test's seed)
    plants = [PLANTS[seed % len(PLANTS)]]
    if seed % 2:
        plants = chance.sample(PLANTS, chance.randint(2, MOST_AT_ONCE))
    desired = {plant(world, chance) for plant in plants}
    return desired, look(world, refresh=False)


def _check(saved_tutorial: SavedProject, seed: int) -> int:
    """Plants what the seed says, and finds it; gives how many drifts it was."""
    world = World(saved_tutorial.restore())
    desired, found = planted_and_found(world, seed)
    ids = {each.id for each in found.findings}
    assert ids == desired, f"seed {seed}"
    assert all(each.actor.value or each.actor.source for each in found.findings), f"seed {seed}"
    if seed % ENGINE_EACH == 0:
        refreshed = look(world, refresh=True)
        assert {each.id for each in refreshed.findings} == desired, f"seed {seed}"
        assert refreshed.beyond == (), f"seed {seed}"
    return len(desired)


def test_external_changes_are_named(saved_tutorial: SavedProject) -> None:
    assert sum(_check(saved_tutorial, seed) for seed in (1, 15)) >= 3


@pytest.mark.soak
def test_every_planted_drift_is_named(saved_tutorial: SavedProject, request: pytest.FixtureRequest) -> None:
    first = int(os.environ.get("DRIFT_SEED", "1"))
    found = sum(_check(saved_tutorial, seed) for seed in range(first, first + SEEDS))
    soak.tally(request)("drift_planted", found, "drifts")
    assert found >= 200
