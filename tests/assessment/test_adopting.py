"""What adopting an application would change, word by word; and `verify` mode's statements. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mimecast_sso.assessment.adoption import (
    Adoption,
    AdoptionFinding,
    DesiredApplication,
    Effect,
    Surroundings,
    compare,
    feature_tags,
    preferred_assignments,
    preferred_roles,
    unrecorded_assignments,
)
from mimecast_sso.assessment.live_application import (
    CannotBeTakenOver,
    adopt,
    check,
    desired_application,
    present,
    report,
)
from mimecast_sso.assessment.record import Record
from mimecast_sso.facts.entra import CLOUDS, CUSTOM_TAG, ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG
from mimecast_sso.provenance import How, Known, Verdict, live, unknown
from mimecast_sso.settings import Generation, Ownership, from_values
from providers.entra.applications import Assigned, Owner, Registration, Role, read
from providers.entra.claims import claims_definition
from providers.entra.errors import GraphError, Unreachable
from providers.entra.signing_certificates import PrincipalCertificates
from tests.assessment.tenants import Entra, assignment, portal, principal, user
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    GROUP,
    IDENTIFIER,
    IDP_REPLY_URL,
    NEW,
    NOW,
    OLD,
    REPLY_URL,
    UPN_CLAIMS,
    World,
    account,
    application,
    assigned,
    certificate,
    values,
)

DEPLOYER = "id of the deployer"
OTHER_URL = "https://example.com/acs"
END = (NOW + timedelta(days=1000)).strftime("%Y-%m-%dT%H:%M:%SZ")
LIVE = application(
    owners=(Owner(DEPLOYER, "deployer"),),
    registration=Registration("object", (Owner(DEPLOYER, "deployer"),)),
)
LATER, ENDED, EXPIRED = (certificate(NEW, days=days) for days in (500, 0, -5))
WANTED = DesiredApplication(
    display_name="Mimecast Personal Portal",
    identifier=IDENTIFIER,
    reply_urls=[REPLY_URL],
    sign_on_url=REPLY_URL,
    assignment_required=True,
    hide=False,
    owners={},
    deployer=DEPLOYER,
    notification_emails=[],
    claims=Ownership.MANAGE,
    assign=Ownership.MANAGE,
    people={f"id of {each}": each for each in (ADA, GRACE)},
    generations=[Generation(label="2026", endDate=END)],
)


def found(live_: Any = LIVE, around: Any = Surroundings(NOW), **changes: Any) -> list[str]:  # noqa: B008  (a value)
    """What is found, a line each."""
    return [str(each) for each in compare(live_, replace(WANTED, **changes), around)]


def test_an_application_as_configured_has_no_findings() -> None:
    assert found() == []
    assert (
        found(replace(LIVE, notification_emails=("IT@example.com",)), notification_emails=["it@example.com"])
        == []
    )


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        ({"display_name": "Old"}, ['would change: display name: "Old" becomes "Mimecast Personal Portal"']),
        ({"identifiers": ()}, [f"would change: identifier: {IDENTIFIER} is added"]),
        (
            {"identifiers": (IDENTIFIER, "https://b", "https://a")},
            ["stays as it is: identifiers that are not configured: https://b, https://a"],
        ),
        (
            {"reply_urls": (OTHER_URL,)},
            [
                f"would change: reply URLs added: {REPLY_URL}",
                f"would change: reply URLs removed: {OTHER_URL}; sign-ins that use them would fail",
            ],
        ),
        (
            {"default_reply_url": OTHER_URL},
            [
                (
                    f"stays as it is: default reply URL: {OTHER_URL} is not configured, and Entra may refuse "
                    "to remove it; remove it in the portal"
                )
            ],
        ),
        ({"default_reply_url": REPLY_URL}, []),
        (
            {"enabled": False},
            [
                "would change: the application is disabled and would be enabled: assigned people can sign in again"
            ],
        ),
        ({"mode": "password"}, ['would change: single sign-on mode: "password" becomes "saml"']),
        ({"sign_on_url": ""}, [f"would change: sign-on URL: none becomes {REPLY_URL}"]),
        (
            {"assignment_required": False},
            ["would change: assignment becomes required: people who are not assigned can no longer sign in"],
        ),
        (
            {"tags": frozenset({ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG})},
            ["would change: the tile is hidden and would show in My Apps again"],
        ),
        (
            {"tags": frozenset()},
            [
                (
                    f"would change: tags added: {GALLERY_TAG}, {ENTERPRISE_TAG}; the portal uses them to "
                    "list enterprise applications"
                )
            ],
        ),
        (
            {"tags": frozenset({ENTERPRISE_TAG, GALLERY_TAG, "cost", "centre"})},
            ["stays as it is: tags without a meaning to Entra: centre, cost"],
        ),
        (
            {"tags": frozenset({ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG, "cost"})},
            [
                "would change: the tile is hidden and would show in My Apps again",
                "would change: tags removed: cost; only tags with a meaning to Entra are kept",
            ],
        ),
        ({"tags": frozenset({ENTERPRISE_TAG, CUSTOM_TAG})}, []),
        (
            {"tags": frozenset({ENTERPRISE_TAG, CUSTOM_TAG, "cost"})},
            ["stays as it is: tags without a meaning to Entra: cost"],
        ),
        (
            {"notification_emails": ("b@example.com", "a@example.com")},
            ["would change: notification addresses: a@example.com, b@example.com becomes none"],
        ),
        (
            {"owners": (Owner(DEPLOYER, ""), Owner("1", "alan"), Owner("2", ""))},
            [
                "would change: owners: alan is removed; to keep it, add 1 to mimecast-sso:application.owners",
                "would change: owners: 2 is removed; to keep it, add 2 to mimecast-sso:application.owners",
            ],
        ),
        ({"owners": ()}, ["would change: owners: the deploying principal is added"]),
        (
            {"registration": Registration("object", ())},
            [
                (
                    "stays as it is: owners of the application object: the deploying principal is not among them; to "
                    f"change that, add {DEPLOYER} to mimecast-sso:application.owners"
                )
            ],
        ),
        (
            {
                "registration": Registration(
                    "object", (Owner(DEPLOYER, ""), Owner("1", "zoe"), Owner("2", ""))
                )
            },
            ["stays as it is: owners of the application object that are not configured: 2, zoe"],
        ),
        (
            {"description": "D", "notes": "N", "relay_state": "R", "alternative_names": ("A", "B")},
            [
                'would change: description: "D" is cleared',
                'would change: notes: "N" is cleared',
                'would change: relay state: "R" is cleared',
                "would change: alternative names cleared: A, B",
            ],
        ),
        (
            {"policies": ()},
            [
                (
                    "would change: claims policy: one is created and assigned; the portal's claims editor then shows "
                    "its values as overridden"
                )
            ],
        ),
        (
            {"policies": (UPN_CLAIMS,)},
            [
                (
                    'would change: claims policy "claims" is rewritten: the NameID is user.userprincipalname, but '
                    "Mimecast matches people by mail address; it becomes the mail address"
                )
            ],
        ),
        (
            {
                "policies": (
                    replace(
                        UPN_CLAIMS,
                        definition=claims_definition().replace('"ClaimsSchema"', '"X":1,"ClaimsSchema"'),
                    ),
                )
            },
            ['would change: claims policy "claims" is rewritten: its other claims are replaced'],
        ),
        (
            {"roles": ()},
            [
                (
                    "stays as it is: no app role for people is enabled (User and msiam_access are missing): people get "
                    "the default access 00000000-0000-0000-0000-000000000000"
                )
            ],
        ),
        ({"assigned": (assigned(ADA),)}, [f"would change: assignments added: {GRACE}"]),
        (
            {"assigned": tuple(assigned(each) for each in (ADA, GRACE, "zoe", ALAN))},
            [f"stays as it is: assigned, but not configured: {ALAN}, zoe"],
        ),
        (
            {"certificates": PrincipalCertificates((), "")},
            [f"would change: signing certificate 2026, valid until {END}, is created"],
        ),
        (
            {"certificates": PrincipalCertificates((LATER,), NEW)},
            [
                (
                    f"would change: signing certificate 2026, valid until {END}, is created; {LATER} continues "
                    "to sign until Mimecast has the new one"
                ),
                (
                    f"stays as it is: signing certificate {LATER} belongs to no generation, and is the "
                    "active one. To manage it with this project, add a generation with its expiry: "
                    'endDate: "2028-04-05T09:00:00Z"'
                ),
            ],
        ),
        (
            {"certificates": PrincipalCertificates((certificate(OLD), ENDED), OLD)},
            [
                f"stays as it is: signing certificate {ENDED} has expired",
                (
                    f"stays as it is: signing certificate {ENDED} belongs to no generation. To manage it "
                    'with this project, add a generation with its expiry: endDate: "2026-11-22T09:00:00Z"'
                ),
            ],
        ),
        (
            {"certificates": PrincipalCertificates((EXPIRED,), NEW)},
            [
                (
                    f"would change: signing certificate 2026, valid until {END}, is created; Entra signs with it at "
                    f"once, because {EXPIRED} is not valid, so Mimecast needs it at once, too"
                ),
                f"stays as it is: signing certificate {EXPIRED} has expired",
                (
                    f"stays as it is: signing certificate {EXPIRED} belongs to no generation, and is the "
                    "active one. To manage it with this project, add a generation with its expiry: "
                    'endDate: "2026-11-17T09:00:00Z"'
                ),
            ],
        ),
        (
            {
                "certificates": PrincipalCertificates(
                    (replace(certificate(OLD), not_before=NOW + timedelta(days=1)),), OLD
                )
            },
            [f"stays as it is: signing certificate {certificate(OLD)} is not valid yet"],
        ),
    ],
)
def test_a_difference_is_named_with_its_consequence(changes: dict[str, Any], findings: list[str]) -> None:
    assert found(replace(LIVE, **changes)) == findings


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        (
            {"assignment_required": False},
            [
                "would change: assignment is no longer required: everybody in the tenant gets an assertion",
            ],
        ),
        ({"hide": True}, ["would change: the tile would be hidden from My Apps"]),
        (
            {"sign_on_url": "", "reply_urls": [IDP_REPLY_URL, REPLY_URL]},
            [
                f"would change: reply URLs added: {IDP_REPLY_URL}",
                f"would change: default reply URL: none becomes {IDP_REPLY_URL}",
                f"would change: sign-on URL: {REPLY_URL} becomes none",
            ],
        ),
        (
            {"notification_emails": ["b@x.example"]},
            ["would change: notification addresses: none becomes b@x.example"],
        ),
        (
            {"owners": {"1": "alan"}},
            [
                "would change: owners: alan is added",
                "would change: owners of the application object: alan is added",
            ],
        ),
    ],
)
def test_another_configuration_changes_what_it_names(changes: dict[str, Any], findings: list[str]) -> None:
    assert found(**changes) == findings


def test_a_hidden_tile_keeps_its_tags() -> None:
    hidden = replace(LIVE, tags=frozenset({ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG, "cost"}))
    assert found(hidden, hide=True) == ["stays as it is: tags without a meaning to Entra: cost"]


def test_unsolicited_responses_go_to_the_first_reply_url() -> None:
    idp = {"sign_on_url": "", "reply_urls": [IDP_REPLY_URL, REPLY_URL]}
    live_ = replace(
        LIVE, sign_on_url="", reply_urls=(REPLY_URL, IDP_REPLY_URL), default_reply_url=IDP_REPLY_URL
    )
    assert found(live_, **idp) == []
    assert found(replace(live_, default_reply_url=REPLY_URL), **idp) == [
        f"would change: default reply URL: {REPLY_URL} becomes {IDP_REPLY_URL}"
    ]


def test_the_deploying_principal_may_be_named_as_an_owner() -> None:
    bare = replace(LIVE, registration=Registration("object", ()))
    assert found(bare, owners={DEPLOYER: "deployer"}) == [
        "would change: owners of the application object: deployer is added"
    ]


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        (
            {"policies": None, "policies_unread": "time-out"},
            ["stays as it is: claims policy: could not be read (unknown: time-out)"],
        ),
        (
            {"policies": (UPN_CLAIMS,)},
            [
                (
                    "stays as it is: claims: the NameID is user.userprincipalname, but Mimecast matches people by mail "
                    "address; mimecast-sso:application.claims is verify, so nothing is written"
                )
            ],
        ),
        ({"policies": (replace(LIVE.policies[0], others=("Payroll",)),)}, []),
        (
            {"assigned": ()},
            [f"stays as it is: not assigned, while mimecast-sso:assign.mode is verify: {ADA}, {GRACE}"],
        ),
    ],
)
def test_manual_claims_and_assignments_are_reported_and_not_changed(
    changes: dict[str, Any], findings: list[str]
) -> None:
    verify = {"claims": Ownership.VERIFY, "assign": Ownership.VERIFY}
    assert found(replace(LIVE, **changes), **verify) == findings


def test_related_objects_are_reported() -> None:
    around = Surroundings(NOW, nested={"Staff": ["Board"]}, guests=["Grace"], unread=["group Staff"])
    assert found(around=around) == [
        (
            'stays as it is: group "Staff" contains groups (Board), and Entra does not assign the application to '
            "members of nested groups"
        ),
        (
            "stays as it is: guests are assigned: Grace; Mimecast has a guest's mail address only if somebody "
            "registered it"
        ),
        "stays as it is: group Staff could not be read (unknown)",
    ]


def test_what_would_harm_others_is_refused() -> None:
    around = Surroundings(NOW, same_identifier=[(CLIENT, "itself"), ("other", "Old")])
    assert found(around=around) == [
        (
            f'cannot be adopted: application "Old" (client id other) also has identifier {IDENTIFIER}; two '
            "applications of a tenant cannot share it. Adopt that one, or remove the identifier from it"
        )
    ]
    assert found(replace(LIVE, policies=None, policies_unread="time-out")) == [
        "stays as it is: claims policy: could not be read (unknown: time-out)",
        (
            "cannot be adopted: its claims mapping policy could not be read (time-out), so it cannot be adopted. Fix "
            "that, or set mimecast-sso:application.claims: verify"
        ),
    ]
    assert found(replace(LIVE, policies=(replace(UPN_CLAIMS, others=("Payroll", "HR")),))) == [
        (
            'cannot be adopted: claims policy "claims" is also assigned to Payroll, HR, whose sign-in would change '
            "too. Remove its assignment from this application, or set mimecast-sso:application.claims: verify"
        )
    ]


def test_what_changes_comes_first() -> None:
    effects = [
        each.effect for each in compare(replace(LIVE, identifiers=("https://a",)), WANTED, Surroundings(NOW))
    ]
    assert effects == [Effect.CHANGES, Effect.STAYS]


# -- What the engine imports ----------------------------------------------------------------------------------------


def test_objects_are_imported_by_the_ids_that_the_provider_gives_them() -> None:
    adoption = Adoption(LIVE, "template")
    generation = WANTED.generations[0]
    ours = adoption.certificate(generation)
    assert ours == certificate(OLD)
    assert [
        adoption.application,
        adoption.service_principal,
        adoption.identifier("https://other"),
        adoption.identifier(IDENTIFIER),
        adoption.reply_urls,
        adoption.policy_id(),
        adoption.policy_assignment(),
        adoption.assignment(assigned(ADA)),
        adoption.certificate_id(certificate(OLD)),
    ] == [
        "/applicationTemplates/template/instantiate/object/principal",
        "/servicePrincipals/principal",
        None,
        "/applications/object/identifierUris/aHR0cHM6Ly9ldS1hcGkubWltZWNhc3QuY29tL3Nzby9DVUsyNUExMTg=",
        "/applications/object/redirectUris/Web",
        "/policies/claimsMappingPolicies/policy",
        "/servicePrincipals/principal/claimsMappingPolicies/policy",
        f"/servicePrincipals/principal/appRoleAssignedTo/assignment of {ADA}",
        "principal/tokenSigningCertificate/key",
    ]


def test_what_is_absent_is_created_and_not_imported() -> None:
    adoption = Adoption(replace(LIVE, reply_urls=(), policies=None), "template")
    assert (adoption.reply_urls, adoption.policy, adoption.policy_id(), adoption.policy_assignment()) == (
        None,
    ) * 4
    assert "nobody" not in preferred_assignments(adoption.live)
    assert adoption.certificate(Generation(label="2026", endDate="2030-01-01T00:00:00Z")) is None


def test_of_several_assignments_the_one_with_the_best_role_is_adopted() -> None:
    roles = (Role("0", "Else"), Role("1", "msiam_access"), Role("2", "User"))
    given = [Assigned(f"a{role}", "ada", "User", "Ada", role) for role in ("9", "0", "1", "2")]
    several = replace(LIVE, roles=roles, assigned=(*given, Assigned("x", "grace", "User", "Grace", "2")))
    assert preferred_roles(several) == ["2", "1", "0"]
    best = [
        preferred_assignments(replace(several, assigned=tuple(given[:count])))["ada"] for count in range(1, 5)
    ]
    assert [each.role_id for each in best] == ["9", "0", "1", "2"]
    twice = replace(several, assigned=(replace(given[3], assignment_id="b"), given[3]))
    assert preferred_assignments(twice)["ada"] == given[3], "always the same one"


def test_assignments_that_a_stack_did_not_record_are_imported() -> None:
    live = replace(LIVE, assigned=(assigned(ADA), assigned(GRACE)))
    found = unrecorded_assignments(live, [f"id of {ADA}"])
    path = f"/servicePrincipals/principal/appRoleAssignedTo/assignment of {GRACE}"
    assert {key: each.import_id for key, each in found.items()} == {f"id of {GRACE}": path}
    assert found[f"id of {GRACE}"].role_id == assigned(GRACE).role_id
    assert unrecorded_assignments(None, ()) == {}


def test_of_several_certificates_with_one_expiry_the_one_of_the_label_is_adopted() -> None:
    foreign = replace(certificate("0" * 40), display_name="CN=Other")
    several = replace(
        LIVE, certificates=PrincipalCertificates((foreign, certificate(NEW), certificate(OLD)), OLD)
    )
    taken = Adoption(several, "").certificate(WANTED.generations[0])
    assert taken == certificate(OLD)
    other = Adoption(several, "").certificate(WANTED.generations[0].model_copy(update={"label": "2020"}))
    assert other == foreign


@pytest.mark.parametrize(
    ("tags", "hide", "expected"),
    [
        (None, False, {ENTERPRISE_TAG, GALLERY_TAG}),
        (set(), True, {ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG}),
        ({CUSTOM_TAG}, False, {ENTERPRISE_TAG, CUSTOM_TAG}),
        ({CUSTOM_TAG, GALLERY_TAG, HIDE_TAG}, False, {ENTERPRISE_TAG, CUSTOM_TAG, GALLERY_TAG}),
        ({GALLERY_TAG}, False, {ENTERPRISE_TAG, GALLERY_TAG}),
    ],
)
def test_where_the_application_came_from_stays_in_its_tags(tags: Any, hide: bool, expected: set[str]) -> None:
    present = None if tags is None else replace(LIVE, tags=frozenset(tags))
    assert feature_tags(present, hide=hide) == expected


# -- Reading before adopting ----------------------------------------------------------------------------------------


def tenant(**rows: Any) -> Entra:
    """A directory that has the application as `WANTED`, but for its certificate."""
    return Entra(
        {
            "/servicePrincipals": [principal(tags=[ENTERPRISE_TAG, GALLERY_TAG])],
            "/servicePrincipals/principal of portal/owners": [{"id": DEPLOYER, "displayName": "deployer"}],
        }
        | rows
    )


def adopted(entra: Entra, **changes: Any) -> tuple[Adoption, list[str]]:
    goal = replace(WANTED, generations=[], **changes)
    adoption, findings = adopt(entra, read(entra, CLIENT), goal, CLOUDS["public"])  # type: ignore[arg-type]
    return adoption, [each.text for each in findings]


def test_adopting_reads_the_application_and_what_surrounds_it() -> None:
    adoption, findings = adopted(tenant())
    assert findings == []
    assert (adoption.template_id, adoption.live.client_id) == ("template", CLIENT)
    key = {
        "customKeyIdentifier": "u7u7u7u7u7u7u7u7u7u7u7u7u7s=",
        "keyId": "key",
        "displayName": "CN=Old",
        "startDateTime": "2023-01-01T00:00:00Z",
        "endDateTime": "2026-01-01T00:00:00Z",
    }
    halves = [key | {"usage": usage} for usage in ("Sign", "Verify")]
    ended = principal(tags=[ENTERPRISE_TAG, GALLERY_TAG], keyCredentials=halves)
    _, findings = adopted(tenant(**{"/servicePrincipals": [ended]}))
    assert findings[0].endswith("(CN=Old, until 2026-01-01) has expired")
    without, _ = adopted(tenant(**{"/applications": [portal(applicationTemplateId=None)]}))
    assert without.template_id == CLOUDS["public"].non_gallery_template


def test_groups_in_groups_and_guests_are_found() -> None:
    entra = tenant(
        **{
            "/servicePrincipals/principal of portal/appRoleAssignedTo": [
                assignment(ADA),
                assignment(GRACE),
                assignment("Staff", "Group"),
                assignment("Flat", "Group"),
                assignment("robot", "ServicePrincipal"),
            ],
            "/users": [user(ADA), user(GRACE, userType="Guest")],
        }
    )
    entra.group("Staff", {"@odata.type": "#microsoft.graph.group", "id": "b", "displayName": "Board"})
    entra.group("Flat", user(ADA))
    _, findings = adopted(entra)
    assert findings == [
        "assigned, but not configured: Flat, Staff, robot",
        'group "Staff" contains groups (Board), and Entra does not assign the application to members of nested groups',
        f"guests are assigned: {GRACE}; Mimecast has a guest's mail address only if somebody registered it",
    ]
    entra.faults = {"/groups/id of Staff": Unreachable("time-out"), f"/users/id of {GRACE}": Unreachable("x")}
    _, findings = adopted(entra)
    assert findings[1:] == [
        f"user {GRACE} could not be read (unknown)",
        "group Staff could not be read (unknown)",
    ]


def test_of_many_assignments_the_first_fifty_are_checked() -> None:
    many = [f"p{number}" for number in range(52)]
    people = {"people": {f"id of {each}": each for each in many}}
    rows = {
        "/servicePrincipals/principal of portal/appRoleAssignedTo": [assignment(each) for each in many],
        "/users": [user(each) for each in many],
    }
    entra = tenant(**rows)
    _, findings = adopted(entra, **people)
    assert findings == ["nested groups and guests among the last 2 assignments could not be read (unknown)"]
    assert sum(read.path.startswith("/users/") for read in entra.asked) == 50
    rows["/servicePrincipals/principal of portal/appRoleAssignedTo"].pop()
    rows["/servicePrincipals/principal of portal/appRoleAssignedTo"].pop()
    assert adopted(tenant(**rows), people={f"id of {each}": each for each in many[:50]})[1] == []


def test_what_cannot_be_adopted_is_refused_with_every_reason() -> None:
    entra = tenant(**{"/applications": [portal(), portal("other", "other", displayName="Old")]})
    policy = "/servicePrincipals/principal of portal/claimsMappingPolicies"
    entra.rows["/policies/claimsMappingPolicies/policy/appliesTo"] = [{"id": "x", "displayName": "Payroll"}]
    with pytest.raises(CannotBeTakenOver) as refused:
        adopted(entra)
    first, second = str(refused.value).split("\n")
    assert first.startswith('  application "Old" (client id other) also has identifier')
    assert second.startswith('  claims policy "claims" is also assigned to Payroll')
    assert entra.rows[policy]
    with pytest.raises(CannotBeTakenOver) as refused:
        present(tenant(**{"/applications": []}), UNDEPLOYED, CLIENT)  # type: ignore[arg-type]
    assert str(refused.value) == (
        f"This tenant has no application with client id {CLIENT}. Correct mimecast-sso:application.adopt"
    )


UNDEPLOYED = replace(World(application=None, deployed=Record()).assess().snapshot, own=live(None))


@pytest.mark.parametrize("part", ["own", "application"])
def test_what_the_snapshot_has_of_the_application_is_not_read_again(part: str) -> None:
    entra = Entra(
        rows={"/policies/claimsMappingPolicies/policy/appliesTo": [{"id": "x", "displayName": "HR"}]}
    )
    snapshot = replace(UNDEPLOYED, **{part: live(replace(LIVE, client_id=CLIENT.upper()))})
    found = present(entra, snapshot, CLIENT)  # type: ignore[arg-type]
    assert found.policies is not None
    assert [each.others for each in found.policies] == [("HR",)]
    assert [read.path for read in entra.asked] == ["/policies/claimsMappingPolicies/policy/appliesTo"]
    unread = replace(snapshot, **{part: live(replace(LIVE, policies=None))})
    assert present(Entra(), unread, CLIENT).policies is None  # type: ignore[arg-type]


def test_an_application_other_than_the_stacks_is_read() -> None:
    other = replace(UNDEPLOYED, own=live(replace(LIVE, client_id="other")))
    assert present(tenant(), other, CLIENT).client_id == CLIENT  # type: ignore[arg-type]


def test_an_application_to_adopt_that_could_not_be_read_is_not_read_again() -> None:
    entra = tenant()
    with pytest.raises(GraphError, match=r"^time-out$"):
        present(entra, replace(UNDEPLOYED, own=unknown("time-out")), CLIENT)  # type: ignore[arg-type]
    assert entra.asked == []


def test_a_report_counts_what_would_change() -> None:
    findings = [
        AdoptionFinding(Effect.CHANGES, "a"),
        AdoptionFinding(Effect.STAYS, "b"),
        AdoptionFinding(Effect.STAYS, "c"),
    ]
    head = f'Application "Mimecast Personal Portal" (client id {CLIENT}), as read live from Entra: '
    said = report(LIVE, findings)
    assert (said.text, said.how, said.source, said.verdict) == (
        f"{head}1 change, 2 notes.\n  would change: a\n  stays as it is: b\n  stays as it is: c",
        How.LIVE,
        "Microsoft Graph",
        Verdict.WARNS,
    )
    assert report(LIVE, findings[1:]).verdict is Verdict.NOTE
    nothing = report(LIVE, [])
    assert nothing.text == f"{head}nothing differs from the configuration, so nothing would change"
    assert nothing.verdict is Verdict.NOTE


def test_the_desired_state_comes_from_the_configuration() -> None:
    keys = {
        "application": {"notificationEmails": ["it@example.com"], "hide": True, "signOn": "idp"},
        "assign": {"users": [ADA], "mode": "verify"},
    }
    desired = World().assess(values(**keys)).desired
    assert desired_application(desired, {"1": "alan"}, {"2": ADA}) == DesiredApplication(
        display_name="Mimecast Personal Portal",
        identifier=IDENTIFIER,
        reply_urls=(IDP_REPLY_URL, REPLY_URL),
        sign_on_url="",
        assignment_required=True,
        hide=True,
        owners={"1": "alan"},
        deployer=DEPLOYER,
        notification_emails=("it@example.com",),
        claims=Ownership.MANAGE,
        assign=Ownership.VERIFY,
        people={"2": ADA},
        generations=desired.settings.certificates.generations,
    )


# -- What `verify` says ---------------------------------------------------------------------------------------------

VERIFIED = "mimecast-sso:application.claims is verify"
ASSIGN = "mimecast-sso:assign.mode is verify"


def said(
    live_: Any, *, claims: str = "verify", mode: str = "manage", **changes: Any
) -> list[tuple[str, How, str, Verdict]]:
    document = values(application={"claims": claims}, assign={"users": [ADA, GRACE], "mode": mode})
    settings = from_values(document)
    world = World(changes=changes)
    known = live_ if isinstance(live_, Known) else live(live_)
    snapshot = replace(world.snapshot(settings), application=known)
    return [(each.text, each.how, each.source, each.verdict) for each in check(settings, snapshot)]


def graph(text: str, verdict: Verdict = Verdict.WARNS) -> list[tuple[str, How, str, Verdict]]:
    """One thing said, read live."""
    return [(text, How.LIVE, "Microsoft Graph", verdict)]


def test_managed_objects_cause_no_statement() -> None:
    assert said(LIVE, claims="manage") == []


def test_manual_claims_are_compared() -> None:
    assert said(LIVE) == graph(
        f'{VERIFIED}: claims policy "claims" issues the mail address as NameID (read live)', Verdict.NOTE
    )
    assert said(replace(LIVE, policies=(UPN_CLAIMS,))) == graph(
        f"{VERIFIED}, and differs (read live): the NameID is user.userprincipalname, but Mimecast matches people by "
        "mail address. Nothing is written"
    )
    assert said(replace(LIVE, policies=())) == graph(
        f"{VERIFIED}, and differs (read live): the NameID is Entra's default, the user principal name, but Mimecast "
        "matches people by mail address, unless the portal's claims editor sets it, which Graph does not show. "
        "Nothing is written"
    )
    assert said(replace(LIVE, policies=None, policies_unread="time-out")) == [
        (
            f"{VERIFIED}: the claims policy could not be read",
            How.UNKNOWN,
            "time-out",
            Verdict.UNKNOWN,
        )
    ]


def test_what_cannot_be_read_is_not_compared() -> None:
    assert said(Known(None, How.UNKNOWN, "time-out"), mode="verify") == [
        ("mimecast-sso:application.claims: not checked", How.UNKNOWN, "time-out", Verdict.UNKNOWN),
        ("mimecast-sso:assign.mode: not checked", How.UNKNOWN, "time-out", Verdict.UNKNOWN),
    ]
    assert said(Known(None, How.LIVE)) == [
        (
            f"{VERIFIED}, but no application has identifier {IDENTIFIER} yet",
            How.UNKNOWN,
            "until the next run",
            Verdict.UNKNOWN,
        )
    ]


def test_manual_assignments_are_compared() -> None:
    check_only = {"claims": "manage", "mode": "verify"}
    assert said(LIVE, **check_only) == graph(
        f"{ASSIGN}: exactly the configured people are assigned (read live)", Verdict.NOTE
    )
    others = replace(LIVE, assigned=tuple(assigned(each) for each in ("zoe", ALAN)))
    assert said(others, **check_only) == graph(
        f"{ASSIGN}, and differs (read live): not assigned: {ADA}, {GRACE}; assigned, but not configured: {ALAN}, zoe. "
        "Nothing is written"
    )
    assert said(replace(LIVE, assigned=(assigned(ADA),)), **check_only) == graph(
        f"{ASSIGN}, and differs (read live): not assigned: {GRACE}. Nothing is written"
    )


def test_assignments_of_people_who_could_not_be_found_are_not_compared() -> None:
    directory = World().snapshot(from_values(values())).directory
    broken = replace(directory, problems=("first problem", "second"))
    assert said(LIVE, claims="manage", mode="verify", directory=broken) == [
        (f"{ASSIGN}: the assignments could not be compared", How.UNKNOWN, "first problem", Verdict.UNKNOWN)
    ]


def test_configured_groups_count_as_assigned_by_their_object_id() -> None:
    world = World(
        application=replace(LIVE, assigned=(assigned(ADA), assigned(GROUP, "Group"))),
        groups={GROUP: [account(ALAN)]},
    )
    settings = from_values(values(assign={"users": [ADA], "groups": [GROUP], "mode": "verify"}))
    (fine,) = check(settings, world.snapshot(settings))
    assert fine.verdict is Verdict.NOTE
