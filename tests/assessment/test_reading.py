"""Reading a snapshot of both tenants: what is found, what is unknown and why, and the number of calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.assessment import assessment, entra_reading
from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.people import EntraGroup
from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import INTEGRATION_ONLY, Directory, LiveGroup, Snapshot
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.provenance import How, Known, live
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.applications import (
    DeletedApplication,
    DeletedPrincipal,
    FederatedCredential,
    Holder,
    Owner,
    Registration,
)
from providers.entra.batching import Read, ReadOutcome
from providers.entra.errors import Forbidden, GraphError, ObjectNotFound, Refused, Unreachable
from providers.entra.people import USER
from providers.entra.signing_certificates import PrincipalCertificates
from providers.mimecast.accounts import Account
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.domains import DomainState
from providers.mimecast.errors import TransportError
from tests.assessment import worlds
from tests.assessment.tenants import (
    DEPLOYER,
    Entra,
    Mimecast,
    assignment,
    moved,
    portal,
    principal,
    user,
)
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    GROUP,
    IDENTIFIER,
    LINUS,
    NOW,
    TENANT,
    account,
    deployed,
    values,
)
from tests.providers.vendor import Reply, legacy, refused

OTHER = "6c000000-0000-4000-8000-00000000000b"


@pytest.mark.parametrize(
    "document", [{}, {"value": None}, {"value": "x"}, {"value": {"id": "1"}}, {"value": ["x"]}]
)
def test_a_response_without_a_list_is_unknown_and_not_empty(document: dict[str, Any]) -> None:
    class Graph:
        def batch(self, reads: Iterable[Read]) -> list[ReadOutcome]:
            return [ReadOutcome(read, document) for read in reads]

    asked = {"users": Read("/users", {"filter": "mail in ('x')"})}
    assert not entra_reading.ask(Graph(), asked)["users"].is_known  # type: ignore[arg-type]


RECORDED = deployed(from_values(values()))
NO_PERMISSION = Refused("no permission")
LIVE = worlds.application(
    object_id="object of portal",
    principal_id="principal of portal",
    tags=frozenset(),
    owners=(Owner(f"id of {ADA}", ADA),),
    registration=Registration("object of portal", (Owner(DEPLOYER, "deployer"),)),
    certificates=PrincipalCertificates((), ""),
)
"""The application that `Entra` has."""


def snapshot(
    entra: Entra | None = None,
    mimecast: Any = None,
    *,
    record: Record = RECORDED,
    addresses: tuple[str, ...] = (),
    everybody: bool = False,
    log_since: datetime | None = None,
    **keys: Any,
) -> Snapshot:
    """The snapshot of a configuration, after the deployment of the one in `values`."""
    known = Known(record, How.RECORDED, "the stack's state")
    scope = Scope(from_values(values(**keys)), CLOUDS["public"], known, addresses, everybody, log_since)
    client = (mimecast or Mimecast()).client() if not isinstance(mimecast, Exception) else mimecast
    return take(scope, entra or Entra(), client)


def person(address: str, **changes: Any) -> Any:
    """The person of a `user`."""
    return replace(account(address), display_name=address.partition("@")[0].capitalize(), **changes)


def test_a_deployed_stack_is_read_completely() -> None:
    found = snapshot()
    assert found.clock is not None, "the vendors here have a time of their own"
    assert found.clock.text.startswith("This machine's clock is ")
    assert "Dates are judged by Entra's clock" in found.clock.text
    assert replace(found, clock=None) == Snapshot(
        cloud=CLOUDS["public"],
        tenant_id=TENANT,
        deployer=DEPLOYER,
        entra_now=NOW,
        mimecast_now=NOW + timedelta(seconds=5),
        application=live(LIVE),
        own=live(LIVE),
        holders=live(
            (Holder(CLIENT, "object of portal", "Mimecast Personal Portal", "2026-01-01T00:00:00Z"),)
        ),
        deleted=live(()),
        namesakes=live(
            (Holder(CLIENT, "object of portal", "Mimecast Personal Portal", "2026-01-01T00:00:00Z"),)
        ),
        template="template",
        directory=Directory(
            users=(person(ADA, blocked=False), person(GRACE, blocked=False)),
            accounts={f"id of {each}": person(each, blocked=False) for each in (ADA, GRACE)},
        ),
        account=live(Account("CUK25A118", "eu", "Example")),
        domains=live(snapshot().domains.value),
        addresses=live(
            {each: LiveAddress(each, "", synchronised=False, alias=False) for each in (ADA, GRACE)}
        ),
        groups={ProfileSlot.FIRST: live(LiveGroup("Single sign-on", frozenset({ADA, GRACE})))},
        moved=live(0),
        access=live(AccessSample((f"id of {ADA}", f"id of {GRACE}"), 2), "Entra's What If evaluation"),
        connections=Known(None, How.CONFIGURED, "addresses.source"),
        integration=Known(None, How.CONFIGURED, "directorySynchronisation"),
        record=Known(RECORDED, How.RECORDED, "the stack's state"),
    )


def test_entra_is_read_in_three_rounds_of_few_calls() -> None:
    entra = Entra()
    snapshot(entra)
    assert entra.rounds == 2, "nobody is left to look up"
    entra = Entra()
    snapshot(entra, addresses=tuple(f"p{number}@example.com" for number in range(16)))
    assert entra.rounds == 3
    assert sum(read.path == "/users" for read in entra.asked) == 2 + 2 * 2, "15 addresses a question"
    assert all("top" in read.query for read in entra.asked if read.path.endswith("appRoleAssignedTo"))


def test_only_used_properties_are_requested() -> None:
    entra = Entra()
    snapshot(entra, application={"owners": [GRACE]})
    selected = {(read.path, read.query.get("select")) for read in entra.asked}
    assert {select for path, select in selected if path == "/servicePrincipals"} == {"id"}
    assert {select for path, select in selected if path == "/applicationTemplates"} == {"id,displayName"}
    assert all(select for path, select in selected if path.count("/") == 1)


def test_nothing_exists_yet() -> None:
    entra = Entra({"/applications": [], "/servicePrincipals": [], "/users": [user(ADA), user(GRACE)]})
    found = snapshot(entra, Mimecast(groups={}), record=Record())
    assert (found.application, found.own) == (Known(None, How.LIVE), Known(None, How.LIVE))
    assert found.holders == live(())
    assert found.groups == {ProfileSlot.FIRST: live(LiveGroup())}
    assert not found.groups[ProfileSlot.FIRST].value.exists  # type: ignore[union-attr]


def test_an_application_without_a_service_principal_signs_nobody_in() -> None:
    found = snapshot(Entra({"/servicePrincipals": []}))
    assert (found.application, found.own) == (Known(None, How.LIVE), Known(None, How.LIVE))
    assert len(found.holders.value or ()) == 1


# -- Applications -----------------------------------------------------------------------------------------------------


def two(identifiers: list[str]) -> Entra:
    """Another application has the identifier; this stack's own has others."""
    return Entra(
        {
            "/applications": [
                portal(OTHER, "other"),
                portal(identifierUris=identifiers, displayName="Own"),
            ],
            "/servicePrincipals": [
                principal(OTHER, "other"),
                principal(servicePrincipalNames=[CLIENT]),
            ],
        }
    )


def test_an_application_that_lost_the_identifier_is_found_by_what_was_recorded() -> None:
    found = snapshot(two([]))
    assert found.application.value is not None
    assert found.own.value is not None
    assert (found.application.value.client_id, found.own.value.client_id) == (OTHER, CLIENT)
    assert [each.client_id for each in found.holders.value or ()] == [OTHER]


def test_an_adopted_application_is_found_by_its_client_id() -> None:
    entra = two([])
    found = snapshot(entra, record=Record(), application={"adopt": CLIENT})
    assert found.own.value is not None
    assert found.own.value.client_id == CLIENT
    assert found.template == "", "an adopted one keeps its entry"
    assert "/applicationTemplates" not in [read.path for read in entra.asked]


def test_whoever_holds_the_identifier_or_the_overridden_one_is_a_holder() -> None:
    found = snapshot(two(["https://other"]), application={"identifier": "https://other"})
    assert [each.client_id for each in found.holders.value or ()] == [OTHER, CLIENT]


def test_deleted_applications_and_namesakes_matter_by_identifier() -> None:
    when = "2026-11-20T09:00:00Z"
    entra = Entra(
        {
            "/applications": [
                portal(),
                portal(OTHER, "young", identifierUris=[]),
                portal("3", "other", identifierUris=["https://other"]),
            ],
            "/directory/deletedItems/microsoft.graph.application": [
                portal("1", "deleted") | {"deletedDateTime": when},
                portal("2", "elsewhere", identifierUris=["https://other"]) | {"deletedDateTime": when},
                portal(CLIENT, "own", identifierUris=[]) | {"deletedDateTime": when},
            ],
        }
    )
    found = snapshot(entra)
    assert [each.client_id for each in found.namesakes.value or ()] == [CLIENT, OTHER]
    deleted, own = found.deleted.value or ()
    assert (own.client_id, own.reserves) == (CLIENT, False), "the recorded one counts without the identifier"
    assert deleted == DeletedApplication(
        "1", "object of deleted", "Mimecast Personal Portal", deleted.deleted_at
    )


def test_the_recorded_application_is_gone_if_no_application_has_its_client_id() -> None:
    assert snapshot(Entra({"/applications": []})).own_is_gone
    for found in (
        snapshot(),
        snapshot(Entra({"/applications": []}), record=Record()),
        snapshot(Entra(faults={f"/applications appId eq '{CLIENT}'": NO_PERMISSION})),
    ):
        assert not found.own_is_gone


def test_a_recorded_service_principal_that_does_not_exist_is_sought_in_the_recycle_bin() -> None:
    row = {"id": "principal", "deletedDateTime": "2026-11-22T09:00:00Z"}
    found = snapshot(Entra({"/directory/deletedItems": [row]})).deleted_principal
    assert found == live(DeletedPrincipal("principal", NOW))
    assert snapshot(Entra()).deleted_principal == Known(None, How.LIVE)
    unread = snapshot(Entra(faults={"/directory/deletedItems/principal": NO_PERMISSION})).deleted_principal
    assert unread == Known(None, How.UNKNOWN, "no permission")
    exists = Entra({"/servicePrincipals": [principal(id="principal")]})
    assert snapshot(exists).deleted_principal == Known(None, How.LIVE)
    assert not [each for each in exists.asked if each.path == "/directory/deletedItems/principal"]


def test_the_permissions_of_the_deploying_principal_are_those_of_its_token() -> None:
    token = {"tid": TENANT, "oid": DEPLOYER, "roles": ["Application.ReadWrite.OwnedBy"]}
    assert snapshot(Entra(token=token)).deployer_roles == {"Application.ReadWrite.OwnedBy"}
    assert snapshot().deployer_roles == frozenset()


@pytest.mark.parametrize(
    ("part", "unknown"),
    [
        (f"identifierUris/any(u:u eq '{IDENTIFIER}')", {"application", "holders"}),
        (f"servicePrincipalNames/any(n:n eq '{IDENTIFIER}')", {"application"}),
        (f"/applications appId eq '{CLIENT}'", {"own"}),
        (f"/servicePrincipals appId eq '{CLIENT}'", {"own"}),
        ("/applications/object of portal/owners", {"application", "own"}),
        ("/servicePrincipals/principal of portal/owners", {"application", "own"}),
        ("appRoleAssignedTo", {"application", "own"}),
        ("/applications displayName", {"namesakes"}),
        ("deletedItems", {"deleted"}),
    ],
)
def test_what_fails_is_unknown_with_the_reason_and_nothing_else_is(part: str, unknown: set[str]) -> None:
    found = snapshot(Entra(faults={part: NO_PERMISSION}))
    parts = ("application", "own", "holders", "namesakes", "deleted")
    assert {name for name in parts if not getattr(found, name).is_known} == unknown
    assert {getattr(found, name).source for name in unknown} == {"no permission"}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Forbidden("no"), "the permission Policy.Read.All is missing"),
        (Refused("a rule is broken"), "a rule is broken"),
        (Unreachable("too many requests", code="TooManyRequests"), "too many requests (TooManyRequests)"),
    ],
)
def test_claims_policies_that_cannot_be_read_leave_the_rest_known(fault: GraphError, why: str) -> None:
    found = snapshot(Entra(faults={"claimsMappingPolicies": fault}))
    assert found.application == live(replace(LIVE, policies=None, policies_unread=why))


def test_an_object_deleted_between_two_rounds_is_missing_and_not_an_error() -> None:
    found = snapshot(Entra(faults={"/applications/object of portal/owners": ObjectNotFound("gone")}))
    assert found.application == live(replace(LIVE, registration=Registration("object of portal", ())))


@pytest.mark.parametrize("kind", ["/applications/object of portal", "/servicePrincipals/principal of portal"])
def test_an_application_deleted_between_two_rounds_is_unknown(kind: str) -> None:
    found = snapshot(Entra(faults={f"{kind} ": ObjectNotFound("gone")}))
    assert not found.application.is_known
    assert "was deleted while being read" in found.application.source


def test_without_a_tenant_in_the_token_it_is_read_from_the_directory() -> None:
    entra = Entra(token={})
    found = snapshot(entra)
    assert (found.tenant_id, found.deployer) == (TENANT, "")
    assert [read.query for read in entra.asked if read.path == "/organization"] == [{"select": "id"}]
    known = Entra()
    snapshot(known)
    assert "/organization" not in [read.path for read in known.asked]
    assert snapshot(Entra({"/organization": []}, token={})).tenant_id == ""


# -- The gallery entry ------------------------------------------------------------------------------------------------

GALLERY = {
    "/applicationTemplates": [{"id": "2", "displayName": "Second"}, {"id": "3", "displayName": "Third"}]
}


@pytest.mark.parametrize(
    ("configured", "found"),
    [
        (["Second", "Third"], "2"),
        (["First", "Third"], "3"),
        (["First"], ""),
        (OTHER.upper(), OTHER),
        (["First", OTHER], OTHER),
    ],
)
def test_the_first_entry_that_the_gallery_has_is_taken(configured: Any, found: str) -> None:
    entra = Entra(dict(GALLERY))
    assert snapshot(entra, application={"template": configured}).template == found
    assert not any(OTHER in str(read.query) for read in entra.asked if read.path == "/applicationTemplates")


def test_an_unreachable_gallery_is_a_problem_and_not_guessed() -> None:
    found = snapshot(
        Entra(dict(GALLERY), faults={"'First'": NO_PERMISSION}), application={"template": ["First", "Second"]}
    )
    assert found.template == ""
    assert found.directory.problems == (
        'mimecast-sso:application.template: gallery entry "First" could not be looked up in Entra: no permission',
    )


# -- People -----------------------------------------------------------------------------------------------------------


def test_a_user_principal_name_comes_before_a_mail_address() -> None:
    guest = user(
        LINUS, userPrincipalName="ada_example.com#EXT#@contoso.onmicrosoft.com", mail=ADA, userType="Guest"
    )
    entra = Entra(
        {"/users": [user(ADA, mail=""), guest, user(GRACE, userPrincipalName="hopper@example.com")]}
    )
    users = snapshot(entra).directory.users
    assert [(each.address, each.object_id) for each in users] == [
        (ADA, f"id of {ADA}"),
        (GRACE, f"id of {GRACE}"),
    ]
    assert (users[0].mail, users[1].mail) == ("", GRACE)
    entra.rows["/users"] = [user("Lovelace@example.com", userPrincipalName=ADA)]
    (lovelace,) = snapshot(entra, assign={"users": [ADA]}).directory.users
    assert (lovelace.address, lovelace.mail) == (ADA, "Lovelace@example.com")


def test_a_mail_address_of_several_accounts_is_refused_with_their_user_principal_names() -> None:
    twins = [user(ADA, userPrincipalName="lovelace@example.com"), user(LINUS, mail=ADA, accountEnabled=False)]
    found = snapshot(Entra({"/users": [*twins, user(GRACE)]})).directory
    assert [each.address for each in found.users] == [GRACE]
    assert found.problems == (
        (
            f"mimecast-sso:assign.users names {ADA}, which is the mail address of 2 accounts in Entra: {LINUS}, "
            "lovelace@example.com. Use the user principal name of the intended account."
        ),
    )


def test_users_that_entra_does_not_know_are_named() -> None:
    found = snapshot(assign={"users": [ADA, ALAN, LINUS]})
    assert [each.address for each in found.directory.users] == [ADA]
    assert list(found.directory.accounts) == [f"id of {ADA}", f"id of {GRACE}"], "Grace is assigned"
    (problem,) = found.directory.problems
    assert problem == (
        f"mimecast-sso:assign.users: 2 of 3 users are not in Entra, neither by mail address nor by user "
        f"principal name: {ALAN}, {LINUS}. Correct the addresses, or create the users first."
    )


def test_users_that_cannot_be_looked_up_are_unknown_and_not_missing() -> None:
    found = snapshot(Entra(faults={"/users mail": NO_PERMISSION}), Mimecast(groups={}))
    assert found.directory.users == ()
    assert found.directory.unread == "no permission"
    assert found.directory.problems == (
        "The users of mimecast-sso:assign.users could not be looked up in Entra: no permission",
    )


def test_a_configured_group_is_read_with_its_direct_members() -> None:
    entra = Entra()
    nested = {"@odata.type": "#microsoft.graph.group", "id": "nested", "displayName": "Nested"}
    entra.group(GROUP, user(ALAN), nested, {"@odata.type": "#microsoft.graph.device", "id": "device"})
    found = snapshot(entra, assign={"users": [ADA], "groups": [GROUP]}).directory
    assert found.groups == (EntraGroup(GROUP, f"id of {GROUP}", (person(ALAN),), ("Nested",), 1),)
    assert found.assigned_groups == {}
    assert found.accounts[f"id of {ALAN}"] == person(ALAN)
    assert found.problems == ()


def test_members_of_a_group_are_known_as_well_as_users() -> None:
    entra = Entra(mailboxes={f"id of {ALAN}": "room"})
    entra.group(GROUP, user(ALAN, accountEnabled=False))
    (staff,) = snapshot(entra, assign={"groups": [GROUP]}).directory.groups
    assert staff.members == (person(ALAN, enabled=False, shared_mailbox=True),)


def test_one_account_may_be_configured_by_both_its_names() -> None:
    entra = Entra({"/users": [user(ADA, userPrincipalName=ALAN)]})
    found = snapshot(entra, assign={"users": [ADA, ALAN]}).directory.users
    assert [(each.address, each.object_id) for each in found] == [
        (ADA, f"id of {ADA}"),
        (ALAN, f"id of {ADA}"),
    ]


def test_a_group_deleted_between_two_rounds_has_no_members() -> None:
    entra = Entra(faults={f"/groups/id of {GROUP}/members": ObjectNotFound("gone")})
    entra.group()
    found = snapshot(entra, assign={"groups": [GROUP]}).directory
    assert (found.groups, found.unread_groups) == ((EntraGroup(GROUP, f"id of {GROUP}"),), {})


def test_a_missing_or_ambiguous_group_is_a_problem() -> None:
    entra = Entra()
    entra.group("Twice")
    entra.group("Twice")
    found = snapshot(
        Entra(entra.rows, faults={"'Broken'": NO_PERMISSION}),
        assign={"groups": ["Twice", "Missing", "Broken"]},
    ).directory
    assert found.groups == ()
    assert found.problems == (
        (
            'mimecast-sso:assign.groups names "Twice", but Entra has more than one security group with that name. '
            "Rename all but one; groups are found by name."
        ),
        (
            'mimecast-sso:assign.groups names "Missing", but Entra has no security group with that name. Correct the '
            "name, or create the group first."
        ),
        'mimecast-sso:assign.groups: "Broken" could not be looked up in Entra: no permission',
    )


def test_members_that_cannot_be_read_leave_their_group_unread() -> None:
    entra = Entra(faults={f"/groups/id of {GROUP}/members": NO_PERMISSION})
    entra.group()
    configured = snapshot(entra, assign={"groups": [GROUP]}).directory
    assert configured.unread_groups == {f"id of {GROUP}": "no permission"}
    assert configured.problems == (
        f'mimecast-sso:assign.groups: the members of "{GROUP}" could not be read: no permission',
    )
    entra.rows["/servicePrincipals/principal of portal/appRoleAssignedTo"] = [assignment(GROUP, "Group")]
    only_assigned = snapshot(entra).directory
    assert only_assigned.unread_groups == {f"id of {GROUP}": "no permission"}
    assert only_assigned.problems == (), "the configuration does not name it"


def assigned(*rows: dict[str, Any]) -> dict[str, Any]:
    """Who is assigned to the application."""
    return {"/servicePrincipals/principal of portal/appRoleAssignedTo": list(rows)}


def test_assigned_users_and_groups_that_are_not_configured_are_read_too() -> None:
    entra = Entra(
        assigned(assignment(ADA), assignment(LINUS), assignment(GROUP, "Group"), assignment("x", "Device"))
        | {"/users": [user(ADA), user(GRACE), user(LINUS)]}
    )
    entra.group(GROUP, user(ALAN))
    found = snapshot(entra, assign={"users": [ADA]}).directory
    assert [each.address for each in found.users] == [ADA]
    assert found.assigned_groups == {f"id of {GROUP}": EntraGroup(GROUP, f"id of {GROUP}", (person(ALAN),))}
    assert found.accounts.keys() == {f"id of {each}" for each in (ADA, GRACE, ALAN, LINUS)}
    asked = [read.query["filter"] for read in entra.asked if read.path == "/users"]
    assert f"id in ('id of {LINUS}')" in asked, "and nobody who is known"


def test_whoever_has_an_address_of_interest_is_looked_up() -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE), user(ALAN), user(LINUS, mail="")]})
    found = snapshot(entra, addresses=(ALAN, LINUS, ADA)).directory
    assert {f"id of {ALAN}", f"id of {LINUS}"} < found.accounts.keys()
    looked_up = [read for read in entra.asked if read.path == "/users"][-2:]
    assert not any(ADA in read.query["filter"] for read in looked_up), "Ada is known"
    failing = Entra(faults={f"'{ALAN}'": Unreachable("time-out")})
    assert snapshot(failing, addresses=(ALAN,)).directory.unread == "time-out"


MANY = tuple(f"p{number:04d}@example.com" for number in range(800))
"""More addresses than are looked up without knowing how many users the tenant has."""


def test_many_people_are_found_among_all_users_where_that_takes_fewer_calls() -> None:
    other = user("somebody@example.com")
    entra = Entra({"/users": [*(user(each) for each in MANY), user(ADA), user(GRACE), other]})
    accounts = snapshot(entra, addresses=MANY).directory.accounts
    assert {each.mail for each in accounts.values()} == {*MANY, ADA, GRACE}, "nobody else is kept"
    assert [read.query for read in entra.asked if read.path == "/users" and "filter" not in read.query] == [
        {"count": "true", "select": "id", "top": "1"},
        {"select": USER, "top": "999"},
    ]
    assert entra.rounds == 2, "they are counted with the other questions"
    assert not [
        read for read in entra.asked if MANY[0] in read.query.get("filter", "") and read.path == "/users"
    ]


def test_many_people_are_looked_up_in_a_tenant_of_more_users() -> None:
    others = [{"id": f"u{number}", "mail": "", "userPrincipalName": ""} for number in range(6 * 999)]
    entra = Entra({"/users": [*others, *(user(each) for each in MANY), user(ADA), user(GRACE)]})
    accounts = snapshot(entra, addresses=MANY).directory.accounts
    assert {each.mail for each in accounts.values()} == {*MANY, ADA, GRACE}
    assert not [read for read in entra.asked if read.query.get("top") == "999" and read.path == "/users"]


def test_many_members_of_the_roll_out_group_are_found_among_all_users_too() -> None:
    entra = Entra({"/users": [*(user(each) for each in MANY), user(ADA), user(GRACE)]})
    found = snapshot(entra, Mimecast(groups={"Single sign-on": list(MANY)})).directory
    assert {each.mail for each in found.accounts.values()} == {*MANY, ADA, GRACE}
    assert [read.query.get("top") for read in entra.asked if read.path == "/users"][-2:] == ["1", "999"]


def test_users_that_cannot_be_listed_are_unknown() -> None:
    class Failing(Entra):
        def list(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
            raise Unreachable("time-out")

    entra = Failing({"/users": [*(user(each) for each in MANY), user(ADA), user(GRACE)]})
    assert snapshot(entra, addresses=MANY).directory.unread == "time-out"


def test_people_and_members_of_groups_are_read_in_one_round() -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE), user(ALAN)]})
    entra.group(GROUP, user(LINUS))
    entra.rows["/servicePrincipals/principal of portal/appRoleAssignedTo"].append(assignment(GROUP, "Group"))
    accounts = snapshot(entra, addresses=(ALAN,)).directory.accounts
    assert {each.mail for each in accounts.values()} == {ADA, GRACE, ALAN, LINUS}
    assert entra.rounds == 3


def test_the_test_account_that_the_state_knows_is_read() -> None:
    outputs = {"objectId": "id of the test account", "userPrincipalName": INTENDED, "mail": INTENDED}
    urn = f"urn:pulumi:test::mimecast-sso::{types.USER}::test-account"
    record = Record((*RECORDED.resources, RecordedResource(urn, types.USER, outputs)))
    account_ = user(INTENDED, id="id of the test account", userPrincipalName="renamed@example.com", mail="")
    accounts = snapshot(
        Entra({"/users": [user(ADA), user(GRACE), account_]}), record=record
    ).directory.accounts
    assert "id of the test account" in accounts


def test_members_of_a_group_are_not_sought_among_all_users() -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE)]})
    entra.group(GROUP, *(user(each) for each in MANY))
    entra.rows["/servicePrincipals/principal of portal/appRoleAssignedTo"].append(assignment(GROUP, "Group"))
    assert set(MANY) <= {each.mail for each in snapshot(entra, addresses=MANY).directory.accounts.values()}
    assert not [read for read in entra.asked if read.query == {"count": "true"}]


def test_users_that_cannot_be_counted_are_unknown() -> None:
    entra = Entra(faults={"/users ": Unreachable("no response")})
    assert snapshot(entra, addresses=MANY).directory.unread == "no response"


def test_the_mailbox_of_a_disabled_account_is_read() -> None:
    room = user(GRACE, accountEnabled=False)
    entra = Entra({"/users": [user(ADA), room]}, mailboxes={f"id of {GRACE}": "room"})
    ada, grace = snapshot(entra).directory.users
    assert (ada.shared_mailbox, grace.shared_mailbox) == (None, True)
    entra.mailboxes = {f"id of {GRACE}": "user"}
    assert snapshot(entra).directory.users[1].shared_mailbox is False
    for fault in (NO_PERMISSION, Unreachable("time-out")):
        entra = Entra({"/users": [user(ADA), room]}, faults={"userPurpose": fault})
        assert snapshot(entra).directory.users[1].shared_mailbox is None


@pytest.mark.parametrize(("fault", "asked"), [(NO_PERMISSION, 1), (Unreachable("time-out"), 20)])
def test_mailboxes_are_read_as_long_as_that_may_help(fault: Any, asked: int) -> None:
    people = [user(f"p{number}@example.com", accountEnabled=False) for number in range(25)]
    entra = Entra(
        {"/users": [*people, user("none@example.com", accountEnabled=False, mail="")]},
        faults={"userPurpose": fault},
    )
    snapshot(entra, assign={"users": [each["userPrincipalName"] for each in entra.rows["/users"]]})
    assert sum("userPurpose" in read.path for read in entra.asked) == asked


def test_owners_are_found_by_user_principal_name_or_named_by_object_id() -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE), user(ALAN, userPrincipalName="Alan@Example.com")]})
    found = snapshot(entra, application={"owners": [OTHER, ALAN, LINUS]}).directory
    assert found.owners == {OTHER: OTHER, f"id of {ALAN}": ALAN}
    many = [user(f"p{number}@example.com") for number in range(16)]
    named = [each["mail"] for each in many]
    owners = snapshot(Entra({"/users": many}), assign={}, application={"owners": named}).directory.owners
    assert list(owners.values()) == named, "sixteen are asked for in two questions"
    (problem,) = found.problems
    assert problem == (
        f"mimecast-sso:application.owners names {LINUS}, but no user in Entra has this user principal name. "
        "Correct it, or write an object id"
    )


def test_conditional_access_is_evaluated_for_enabled_people_of_interest_by_address() -> None:
    people = {
        "/users": [
            user(ADA, userPrincipalName="lovelace@example.com"),
            user(GRACE, mail="", userPrincipalName=GRACE.upper()),
            user(ALAN, accountEnabled=False),
            user(LINUS),
        ]
    }
    entra = Entra(people, policies={f"id of {GRACE}": ["Block legacy", "Block all"]})
    found = snapshot(entra, Mimecast(groups={"Single sign-on": [ADA, GRACE, ALAN]}), assign={})
    evaluated = (f"id of {ADA}", f"id of {GRACE}")
    assert found.access.value is not None
    applying = found.access.value.applying
    assert [each.name for each in applying[f"id of {GRACE}"]] == ["Block legacy", "Block all"]
    assert found.access.value == AccessSample(evaluated, 2, {f"id of {GRACE}": "Block legacy"}, applying)
    accounts = found.directory.accounts
    assert [accounts[f"id of {each}"].blocked for each in (ADA, GRACE, ALAN)] == [False, True, None]
    assert {read.query["filter"] for read in entra.asked if "evaluate" in read.path} == {
        f"{CLIENT} {each}" for each in evaluated
    }
    assert snapshot(Entra(faults={"evaluate": NO_PERMISSION})).access == Known(
        None, How.UNKNOWN, "no permission"
    )
    unread = snapshot(Entra(faults={"appRoleAssignedTo": NO_PERMISSION}))
    assert unread.access == Known(None, How.UNKNOWN, "no permission")
    assert snapshot(Entra({"/applications": []})).access == Known(None, How.LIVE)


def test_the_sample_tells_people_apart_by_all_their_groups_and_begins_with_newcomers() -> None:
    crowd = [user(f"y{number}@example.com") for number in range(4)]
    both, newcomer = user("yy@example.com"), user("zoe@example.com")
    entra = Entra({"/users": [*crowd, both, newcomer]})
    entra.group("A", both)
    entra.group("B", *crowd, both, newcomer)
    inside = [each["mail"] for each in (*crowd, both)]
    found = snapshot(
        entra,
        Mimecast(groups={"Single sign-on": inside}),
        assign={"groups": ["A", "B"]},
        addresses=("zoe@example.com",),
    )
    assert found.access.value is not None
    assert found.access.value.evaluated == tuple(f"id of {each}@example.com" for each in ("zoe", "yy", "y0"))


def test_conditional_access_is_evaluated_for_an_application_that_lost_its_identifier() -> None:
    lost = Entra(
        {
            "/applications": [portal(identifierUris=[])],
            "/servicePrincipals": [principal(servicePrincipalNames=[CLIENT])],
        }
    )
    found = snapshot(lost)
    assert (found.application.value, found.own.value is None) == (None, False)
    assert found.access.value is not None
    assert found.access.value.evaluated == (f"id of {ADA}", f"id of {GRACE}")


# -- Mimecast ---------------------------------------------------------------------------------------------------------


def test_an_account_that_cannot_be_reached_is_unknown_throughout() -> None:
    for found in (
        snapshot(mimecast=TransportError("time-out")),
        snapshot(mimecast=Mimecast(faults={"get-account": refused(403, "err_forbidden")})),
    ):
        parts = (found.account, found.domains, found.addresses, found.groups[ProfileSlot.FIRST], found.moved)
        assert not any(part.is_known for part in parts)
        assert len({part.source for part in parts}) == 1
        assert (found.everybody, found.members(ProfileSlot.FIRST), found.members(ProfileSlot.SECOND)) == (
            set(),
            None,
            set(),
        )
        assert any(word in found.account.source for word in ("time-out", "err_forbidden"))
    assert snapshot(mimecast=TransportError("time-out")).account.source == "time-out"
    assert snapshot(mimecast=TransportError("time-out")).mimecast_now == NOW, "Entra's time stands in"


def test_of_another_account_only_its_name_is_read() -> None:
    mimecast = Mimecast(code="CUK99A999")
    found = snapshot(mimecast=mimecast)
    assert found.account == live(Account("CUK99A999", "eu", "Example"))
    assert not found.domains.is_known
    assert "are for account CUK99A999" in found.groups[ProfileSlot.FIRST].source
    assert mimecast.asked == ["/api/account/get-account"]


def test_pending_domains_are_listed_only_where_one_may_be_registered() -> None:
    mimecast = Mimecast(pending=["new.example"])
    registers = snapshot(mimecast=mimecast, domains=[{"name": "new.example", "mode": "ensure"}])
    assert (registers.domains.value or {}).keys() == {"example.com", "new.example"}
    mimecast = Mimecast(pending=["new.example"])
    assert (snapshot(mimecast=mimecast).domains.value or {}).keys() == {"example.com"}
    snapshot(mimecast=mimecast, domains=[{"name": "example.com", "mode": "require"}])
    assert not any("pending" in path for path in mimecast.asked)


def test_pending_domains_are_not_listed_once_all_are_verified() -> None:
    mimecast, ensured = Mimecast(pending=["new.example"]), [{"name": "example.com"}]
    assert (snapshot(mimecast=mimecast, domains=ensured).domains.value or {}).keys() == {"example.com"}
    assert not any("pending" in path for path in mimecast.asked)
    deployed = Record(
        (RecordedResource("urn", types.DOMAIN, {"domain": "new.example", "state": "internal"}),)
    )
    found = snapshot(mimecast=mimecast, domains=ensured, record=deployed)
    assert (found.domains.value or {})["new.example"].state is DomainState.PENDING, "one that was deployed"
    taken = from_values(values(domains=ensured, addresses={"source": "assigned"}))
    scope = Scope(taken, CLOUDS["public"], Known(RECORDED, How.RECORDED))
    found = take(scope, Entra(), mimecast.client())
    assert "new.example" in (found.domains.value or {}), "addresses in any domain of the account are taken"


def test_the_audit_log_is_read_once_for_the_console_and_the_groups() -> None:
    since = NOW - timedelta(days=3)
    mimecast = Mimecast(log=[moved("Added", ALAN)])
    found = snapshot(mimecast=mimecast, log_since=since)
    assert found.moved == live(1)
    assert found.log is not None
    assert found.log.since == since
    assert mimecast.asked.count("/api/audit/get-audit-events") == 1
    late = snapshot(mimecast=mimecast, log_since=NOW)
    assert late.log is not None
    assert late.log.since < NOW - timedelta(minutes=14), "who moved lately is known nevertheless"
    assert late.moved == live(1)


def test_a_log_that_cannot_be_read_that_far_back_does_not_hide_who_moved() -> None:
    mimecast = Mimecast(log=[moved("Added", ALAN)], oldest=NOW - timedelta(days=1))
    found = snapshot(mimecast=mimecast, log_since=NOW - timedelta(days=3))
    assert (found.log, found.moved) == (None, live(1))


@pytest.mark.parametrize(
    ("part", "unknown"),
    [
        ("internal-domain", {"domains", "addresses"}),
        ("find-groups", {"group"}),
        ("get-group-members", {"group"}),
        ("audit", {"moved"}),
        ("users", {"addresses"}),
    ],
)
def test_what_fails_at_mimecast_is_unknown_and_nothing_else_is(part: str, unknown: set[str]) -> None:
    found = snapshot(mimecast=Mimecast(faults={part: refused(400, "err_broken")}))
    parts = {
        "domains": found.domains,
        "addresses": found.addresses,
        "group": found.groups[ProfileSlot.FIRST],
        "moved": found.moved,
    }
    assert {name for name, known in parts.items() if not known.is_known} == unknown
    assert all("err_broken" in parts[name].source for name in unknown)


def test_addresses_of_interest_are_kept_and_of_whole_domains_all() -> None:
    users = [{"emailAddress": each} for each in (ADA, GRACE, ALAN, "x@other.example", "y@elsewhere.example")]
    mimecast = Mimecast(
        domains=["example.com", "other.example"], users=users, groups={"Single sign-on": [GRACE]}
    )
    assert (snapshot(mimecast=mimecast, assign={}).addresses.value or {}).keys() == {GRACE} | {ADA}
    mimecast.groups = {"Single sign-on": ["@other.example"]}
    assert "x@other.example" in (snapshot(mimecast=mimecast).addresses.value or {})
    everybody = snapshot(mimecast=mimecast, everybody=True)
    assert (everybody.addresses.value or {}).keys() == {ADA, GRACE, ALAN, "x@other.example"}


def test_everybody_at_mimecast_is_looked_up_in_entra_where_everybody_is_of_interest() -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE), user(ALAN)]})
    mimecast = Mimecast(users=[{"emailAddress": each} for each in (ADA, ALAN)])
    assert f"id of {ALAN}" not in snapshot(entra, mimecast).directory.accounts
    assert f"id of {ALAN}" in snapshot(entra, mimecast, everybody=True).directory.accounts


def test_addresses_of_assigned_people_are_of_interest_by_either_name() -> None:
    entra = Entra(
        assigned(assignment(ALAN), assignment(LINUS))
        | {
            "/users": [
                user(ALAN, mail="Alan@Example.com", userPrincipalName="turing@example.com"),
                user(LINUS, mail="torvalds@example.com", userPrincipalName="Linus@Example.com"),
            ]
        }
    )
    mimecast = Mimecast(users=[{"emailAddress": each} for each in (ALAN, LINUS)], groups={})
    found = snapshot(entra, mimecast, assign={}, record=Record())
    assert (found.addresses.value or {}).keys() == {ALAN, LINUS}


def test_without_the_listing_of_the_account_each_domain_is_listed() -> None:
    for status in (403, 404, 200):
        mimecast = Mimecast(
            domains=["example.com", "other.example"],
            users=[{"emailAddress": each} for each in (ADA, "x@other.example")],
            faults={"cloud-gateway": Reply({"fail": []}, status)},
        )
        found = snapshot(mimecast=mimecast, everybody=True)
        assert (found.addresses.value or {}).keys() == {ADA, "x@other.example"}


def test_a_group_is_found_by_the_name_that_the_state_knows_else_by_the_configured_one() -> None:
    renamed = {"rollOut": {"group": "Renamed"}}
    old = Mimecast(groups={"Single sign-on": [ADA], "Renamed": [GRACE]})
    assert snapshot(mimecast=old, **renamed).groups[ProfileSlot.FIRST].value == LiveGroup(
        "Single sign-on", frozenset({ADA}), name_taken=True
    )
    free = snapshot(mimecast=Mimecast(groups={"Single sign-on": [ADA]}), **renamed)
    assert free.groups[ProfileSlot.FIRST].value == LiveGroup("Single sign-on", frozenset({ADA}))
    new = Mimecast(groups={"Renamed": [ADA, GRACE, ALAN]})
    assert snapshot(mimecast=new, **renamed).groups[ProfileSlot.FIRST].value == LiveGroup(
        "Renamed", frozenset({ADA, GRACE, ALAN})
    )
    another = Mimecast(groups={"Renamed": [GRACE]})
    assert snapshot(mimecast=another, **renamed).groups[ProfileSlot.FIRST].value == LiveGroup(), (
        "without the recorded members it is another group"
    )


def test_whoever_moved_lately_is_known_by_group() -> None:
    mimecast = Mimecast(
        groups={"Single sign-on": [ADA, ALAN]},
        log=[
            moved("Removed", GRACE),
            moved("Added", ADA),
            moved("Added", LINUS, "Another group"),
        ],
    )
    entra = Entra({"/users": [user(ADA), user(GRACE), user(ALAN)]})
    found = snapshot(entra, mimecast, assign={})
    assert found.groups[ProfileSlot.FIRST].value == LiveGroup(
        "Single sign-on", frozenset({ADA, ALAN}), frozenset({GRACE}), frozenset({ADA})
    )
    assert found.moved == live(3)
    assert found.directory.accounts.keys() == {f"id of {each}" for each in (ADA, GRACE, ALAN)}, (
        "who left counts"
    )


def test_whoever_left_a_group_that_was_renamed_since_left_it() -> None:
    renamed = "Action Performed - Renamed Former to Single sign-on Date: 2026-11-22, Time: 08:59:00 +0000"
    mimecast = Mimecast(groups={"Single sign-on": []}, log=[renamed, moved("Removed", GRACE, "Former")])
    group = snapshot(mimecast=mimecast, assign={}).groups[ProfileSlot.FIRST].value
    assert group is not None
    assert group.left == {GRACE}


def test_child_groups_are_counted() -> None:
    folder = {"id": "1", "description": "Single sign-on", "source": "cloud", "folderCount": 1}
    mimecast = Mimecast(groups={"1": [ADA]}, faults={"find-groups": legacy({"folders": [folder]})})
    group = snapshot(mimecast=mimecast).groups[ProfileSlot.FIRST].value
    assert group is not None
    assert (group.members, group.child_groups) == ({ADA}, 1)


def test_who_moved_is_read_after_the_members_so_that_nobody_leaves_in_between() -> None:
    mimecast = Mimecast(groups={"Single sign-on": [ADA]})
    snapshot(mimecast=mimecast)
    asked = [path.rpartition("/")[2] for path in mimecast.asked]
    assert asked.index("get-group-members") < asked.index("get-audit-events")


@pytest.mark.parametrize(("pages", "known"), [(20, True), (21, False)])
def test_an_audit_log_that_is_too_long_is_not_used(pages: int, known: bool) -> None:
    assert snapshot(mimecast=Mimecast(pages=pages)).moved.is_known is known


def test_an_audit_log_in_another_format_is_not_used() -> None:
    details = "Action Performed - Shuffled everybody Date: 2026-11-22, Time: 08:59:00 +0000"
    found = snapshot(mimecast=Mimecast(log=[details]))
    assert found.moved == Known(
        None,
        How.UNKNOWN,
        f"the audit log describes a group change in an unknown form: {details}",
    )
    group = found.groups[ProfileSlot.FIRST].value
    assert group is not None
    assert (group.left, group.joined) == (frozenset(), frozenset())


def test_a_second_profile_slot_has_a_group_of_its_own() -> None:
    rotating = {
        "generations": [
            {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
            {"label": "2029", "endDate": "2032-11-01T00:00:00Z", "profile": "second"},
        ],
        "active": "2026",
        "rotation": "blue-green",
    }
    settings = from_values(values(certificates=rotating))
    mimecast = Mimecast(groups={settings.roll_out.group_of(ProfileSlot.SECOND): [ADA]})
    found = snapshot(mimecast=mimecast, certificates=rotating)
    assert found.groups.keys() == {ProfileSlot.FIRST, ProfileSlot.SECOND}
    assert found.groups[ProfileSlot.SECOND].value is not None
    assert found.groups[ProfileSlot.SECOND].value.members == {ADA}


def test_directory_connections_are_read_where_they_own_the_addresses() -> None:
    synchronised = from_values(values(addresses={"source": "synchronised"}))

    def connections(mimecast: Mimecast) -> Any:
        scope = Scope(synchronised, CLOUDS["public"], Known(Record(), How.RECORDED))
        return take(scope, Entra(), mimecast.client()).connections

    found = connections(Mimecast(connections=[{"description": "Entra", "enabled": True, "status": "ok"}]))
    assert [each.description for each in found.value] == ["Entra"]
    assert (found.how, found.source) == (How.LIVE, "Mimecast")
    unread = connections(Mimecast(faults={"get-connection": refused(400, "err_broken")}))
    assert not unread.is_known
    assert "err_broken" in unread.source
    assert snapshot(mimecast=TransportError("time-out")).connections.source == "time-out"


def test_the_managed_integration_is_read_by_the_description_that_the_state_knows() -> None:
    row = {"id": "eN1", "description": "Entra", "enabled": True}
    desired = {"description": "Renamed", "tenantDomain": "contoso.example"}
    settings = from_values(values(directorySynchronisation=desired))
    outputs = {"description": "Entra", "mode": "ensure", "properties": {}, "live": {}}
    urn = f"urn:pulumi:test::mimecast-sso::{types.DIRECTORY_INTEGRATION}::directory"
    deployed = Record((RecordedResource(urn, types.DIRECTORY_INTEGRATION, outputs),))

    def integration(mimecast: Mimecast, record: Record = deployed) -> Any:
        scope = Scope(settings, CLOUDS["public"], Known(record, How.RECORDED))
        read = take(scope, Entra(), mimecast.client())
        assert read.connections.source == INTEGRATION_ONLY or not read.connections.is_known
        return read.integration

    mimecast = Mimecast(connections=[row], integrations={"eN1": {"tenantDomain": "Contoso.example"}})
    found = integration(mimecast)
    assert sum(each.endswith("get-connection") for each in mimecast.asked) == 1
    assert (found.how, found.source) == (How.LIVE, "Mimecast")
    assert (found.value.description, found.value.properties) == ("Entra", {"tenantDomain": "contoso.example"})
    absent = integration(Mimecast(connections=[row]), Record())
    assert (absent.value, absent.how, absent.source) == (None, How.LIVE, "Mimecast")
    for fault in ("get-connection", "integrations/m365/eN1"):
        mimecast = Mimecast(connections=[row], faults={fault: refused(400, "err_broken")})
        unread = integration(mimecast)
        assert not unread.is_known
        assert "err_broken" in unread.source
    assert snapshot().integration.how is How.CONFIGURED, "not asked where none is managed"


# -- The test account that a run could not record ---------------------------------------------------------------------

INTENDED = "sso-test@example.com"
MARKER = "mimecast-sso 1f0c"


def with_intended_account(*others: RecordedResource) -> Record:
    outputs = {"account": INTENDED.upper(), "marker": MARKER}
    urn = f"urn:pulumi:test::mimecast-sso::{types.ACCOUNT_PASSWORD}::password"
    return Record((*RECORDED.resources, RecordedResource(urn, types.ACCOUNT_PASSWORD, outputs), *others))


def marked(address: str = INTENDED, **changes: Any) -> dict[str, Any]:
    return user(address, id="id of the marked one", employeeId=MARKER, **changes)


@pytest.mark.parametrize(
    ("users", "found"),
    [
        ([marked()], "id of the marked one"),
        ([marked("SSO-Test@Example.com")], "id of the marked one"),
        ([marked("another@example.com")], ""),
        ([marked(userPrincipalName=None)], ""),
        ([marked(), marked()], ""),
        ([marked() | {"employeeId": "another"}], ""),
        ([], ""),
    ],
    ids=["as intended", "in capitals", "renamed", "without a name", "two", "without the marker", "none"],
)
def test_the_account_that_a_run_could_not_record_is_found_by_its_marker(
    users: list[dict[str, Any]], found: str
) -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE), *users]})
    assert snapshot(entra, record=with_intended_account()).directory.unrecorded_account == found
    (sought,) = (each for each in entra.asked if "employeeId" in each.query.get("filter", ""))
    assert sought.query["select"] == USER


def test_an_assessment_reads_the_address_of_the_test_account_and_the_log_that_is_wanted(
    tmp_path: Path,
) -> None:
    settings = from_values(values(testAccount={"address": INTENDED}))
    record = Known(RECORDED, How.RECORDED)
    for since in (None, NOW - timedelta(days=1)):
        mimecast = Mimecast()
        mimecast.users.append({"emailAddress": INTENDED})
        found = assessment.assess(
            settings,
            record,
            cloud=CLOUDS["public"],
            graph=Entra(),
            mimecast=mimecast.client(),
            root=tmp_path,
            log_since=since,
        )
        assert INTENDED in (found.whole.addresses.value or {})
        assert (found.snapshot.log is not None) is (since is not None)


def test_no_account_is_sought_by_marker_unless_one_is_missing() -> None:
    entra = Entra({"/users": [user(ADA), user(GRACE), marked()]})
    assert snapshot(entra).directory.unrecorded_account == ""
    assert not [each for each in entra.asked if "employeeId" in each.query.get("filter", "")]


def test_federated_credentials_are_read_or_reported() -> None:
    row = {"id": "key-id", "name": "CI", "issuer": "https://ci.example", "subject": "repo:theirs"}
    path = "/applications/object of portal/federatedIdentityCredentials"
    application = snapshot(Entra({path: [row]})).application.value
    assert application is not None
    assert application.federated == (
        FederatedCredential("key-id", "CI", "https://ci.example", "repo:theirs"),
    )
    assert (application.federated_unread, application.policies_unread) == ("", "")
    unread = snapshot(Entra(faults={"federatedIdentityCredentials": NO_PERMISSION})).application.value
    assert unread is not None
    assert (unread.federated, unread.federated_unread) == (None, "no permission")


def test_an_empty_response_is_unknown_and_says_so() -> None:
    class Graph:
        def batch(self, reads: Iterable[Read]) -> list[ReadOutcome]:
            return [ReadOutcome(read, {}) for read in reads]

    found = entra_reading.ask(Graph(), {"one": Read("/organization/x", {})})["one"]  # type: ignore[arg-type]
    assert (found.how, found.source) == (How.UNKNOWN, "Microsoft Graph's response is empty")
