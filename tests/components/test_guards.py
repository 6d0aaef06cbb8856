"""The guards' decisions, from situations that no test has to set up anywhere: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pulumi
import pytest

from mimecast_sso.assessment import guards
from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards import GUARDS, Principal, Situation
from mimecast_sso.assessment.guards.situation import Deployed, Strangers
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.people import Person
from mimecast_sso.console import attestation
from mimecast_sso.console.form import console_form
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.provenance import How, Known, live, unknown
from mimecast_sso.settings import Lane, Settings, from_values
from providers.entra.signing_certificates import SigningCertificate, SigningCertificates, subject
from providers.mimecast import DomainStatus
from providers.mimecast.accounts import Account
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.domains import State

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TENANT = "7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01"
CLOUD = CLOUDS["public"]
ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.com"
THUMBPRINT, OTHER = "A" * 40, "B" * 40
LIFTED = {"name": "allow-destroy", "reason": "change CHG-1042", "until": "2026-11-22"}
NOT_READ = unknown("it was not read")


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "region": "eu",
        "accountCode": "CUK25A118",
        "certificates": {
            "generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}],
            "active": "2026",
        },
        "assign": {"users": [ADA, GRACE]},
        "addresses": {"list": [{"address": ADA}, {"address": GRACE}]},
    }
    values |= {key: value for key, value in changes.items() if key != "confirmed"}
    made = from_values(values)
    if not changes.get("confirmed", True):
        return made
    profile = values.get("authenticationProfile") or {}
    word = {"by": "ada@example.com", "at": "2026-11-20T09:00:00Z", "evidence": "a change"}
    confirmed = word | {"fingerprint": fingerprint(made)}
    return from_values(values | {"authenticationProfile": profile | {"confirmed": confirmed}})


def fingerprint(wanted: Settings) -> str:
    form = console_form(
        wanted,
        Lane.FIRST,
        issuer=CLOUD.issuer(TENANT),
        login_url=CLOUD.login_url(TENANT),
        metadata_url="",
        certificate="",
    )
    return attestation.fingerprints(form | {"group": wanted.roll_out.group}, THUMBPRINT).critical


def certificate(thumbprint: str, label: str = "2026", days: int = 1000) -> SigningCertificate:
    ends = NOW + timedelta(days=days)
    return SigningCertificate(thumbprint, subject(label), NOW - timedelta(days=100), ends, "key", thumbprint)


def certificates(*made: SigningCertificate, preferred: str = THUMBPRINT) -> SigningCertificates:
    return SigningCertificates(made or (certificate(THUMBPRINT),), preferred)


def person(address: str, **changes: Any) -> Person:
    made = Person(address, f"id of {address}", "", address, address, enabled=True, guest=False)
    return replace(made, **changes)


PRINCIPAL = Principal(
    object_id="principal",
    client_id="client",
    template_id="template",
    enabled=True,
    assignment_required=True,
    certificates=certificates(),
    assigned=frozenset({f"id of {ADA}", f"id of {GRACE}"}),
    now=NOW,
)


def tenant(*addresses: str, alias: bool = False) -> LiveTenant:
    there = {each: LiveAddress(each, "", synchronised=False, alias=alias) for each in addresses}
    return LiveTenant({"example.com": DomainStatus("example.com", State.INTERNAL, "", "id")}, there)


def members(*addresses: str) -> Known[Any]:
    return live({Lane.FIRST: frozenset(addresses)})


def deployed(**changes: Any) -> Known[Deployed]:
    made = Deployed(
        identifier="https://eu-api.mimecast.com/sso/CUK25A118",
        account_code="CUK25A118",
        region="eu",
        issuer=CLOUD.issuer(TENANT),
        active=THUMBPRINT,
        assigned=PRINCIPAL.assigned,
    )
    return Known(replace(made, **changes), How.RECORDED)


def situation(chosen: Settings | None = None, **changes: Any) -> Situation:
    """A run that puts Ada and Grace, both prepared, behind single sign-on for the first time."""
    values: dict[str, Any] = {
        "settings": chosen or settings(),
        "today": TODAY,
        "cloud": CLOUD,
        "tenant_id": TENANT,
        "account": live(Account("CUK25A118", "eu", "Example")),
        "members": members(),
        "principal": live(PRINCIPAL),
        "mimecast": live(tenant(ADA, GRACE)),
        "assigned": (person(ADA), person(GRACE)),
        "assigned_ids": frozenset({f"id of {ADA}", f"id of {GRACE}"}),
        "own_addresses": frozenset({ADA, GRACE}),
        "wanted": (ADA, GRACE),
        "strangers": live(Strangers()),
        "deployed": deployed(),
    }
    return Situation(**(values | changes))


def principal(**changes: Any) -> Known[Principal]:
    return live(replace(PRINCIPAL, **changes))


def unmet(seen: Situation) -> dict[str, Finding]:
    return {finding.guard: finding for finding in guards.findings(seen) if not finding.met}


# -- When guards bite -----------------------------------------------------------------------------------------


def test_prepared_people_are_put_behind_single_sign_on() -> None:
    seen = situation()
    assert (seen.added, unmet(seen)) == ((ADA, GRACE), {})


NOTHING_KNOWN: dict[str, Any] = {
    "account": NOT_READ,
    "members": NOT_READ,
    "principal": NOT_READ,
    "mimecast": NOT_READ,
    "strangers": NOT_READ,
    "deployed": NOT_READ,
    "assigned": (),
}


@pytest.mark.parametrize(
    ("why", "seen"),
    [
        ("nobody confirmed the profile", situation(settings(confirmed=False), **NOTHING_KNOWN)),
        (
            "the profile enforces nothing",
            situation(
                settings(authenticationProfile={"enforce": {"personalPortal": False}}), **NOTHING_KNOWN
            ),
        ),
        (
            "nobody is wanted in the group",
            situation(settings(rollOut={"who": "none"}), **NOTHING_KNOWN | {"wanted": ()}),
        ),
        ("there is no application yet", situation(principal=live(None), mimecast=NOT_READ)),
        (
            "another certificate was confirmed",
            situation(principal=principal(certificates=certificates(certificate(OTHER), preferred=OTHER))),
        ),
        ("everybody is in the group", situation(members=members(ADA, GRACE), mimecast=NOT_READ)),
        ("their whole domain is", situation(members=members("@example.com"), mimecast=NOT_READ)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_never_stopped(why: str, seen: Situation) -> None:
    assert (seen.added, unmet(seen)) == ((), {}), why


def test_unknown_is_never_fine() -> None:
    seen = situation(**NOTHING_KNOWN)
    assert seen.added == (ADA, GRACE)
    assert set(unmet(seen)) == {"last-sign-in-method", "certificate-mismatch", "unprepared-people"}
    for finding in unmet(seen).values():
        assert "unknown" in finding.refusal()


# -- Each guard -----------------------------------------------------------------------------------------------

EXPIRED = certificates(certificate(THUMBPRINT, days=-1))
SWITCHED = certificates(certificate(THUMBPRINT, days=-1), certificate(OTHER, "2027"))
BOTH_VALID = certificates(certificate(THUMBPRINT), certificate(OTHER, "2027"), preferred=OTHER)
PEOPLE_IN = {"members": members(ADA, GRACE)}
ADMINISTRATORS = {"enforce": {"administrationConsole": True}}
WORD = {"by": ADA, "at": "2026-11-01T09:00:00Z", "evidence": "signed in with it"}
BOTH_WORDS = [
    WORD | {"fact": "mimecast-emergency-access"},
    WORD | {"fact": "entra-emergency-access"},
]


@pytest.mark.parametrize(
    ("guard", "seen", "said"),
    [
        ("last-sign-in-method", situation(principal=principal(enabled=False)), "disabled in Entra"),
        ("last-sign-in-method", situation(principal=principal(certificates=EXPIRED)), "no valid signing"),
        (
            "last-sign-in-method",
            situation(
                **PEOPLE_IN,
                assigned=(person(ADA),),
                assigned_ids=frozenset({f"id of {ADA}"}),
            ),
            "1 people who sign in through Entra would lose their assignment",
        ),
        (
            "last-sign-in-method",
            situation(
                **PEOPLE_IN,
                assigned=(person(ADA),),
                assigned_ids=frozenset({f"id of {ADA}"}),
                deployed=NOT_READ,
            ),
            "which of these this stack assigned (unknown",
        ),
        (
            "certificate-mismatch",
            situation(principal=principal(certificates=SWITCHED)),
            f"Entra signs with {OTHER}, and Mimecast is attested to trust {THUMBPRINT}",
        ),
        (
            "certificate-mismatch",  # Somebody else activated another one, which the run does not see.
            situation(principal=principal(certificates=BOTH_VALID)),
            f"Entra signs with {OTHER}",
        ),
        ("certificate-mismatch", situation(principal=NOT_READ), "what Entra signs with is unknown"),
        (
            "unprepared-people",
            situation(mimecast=live(tenant(ADA)), own_addresses=frozenset()),
            "not at Mimecast",
        ),
        ("unprepared-people", situation(mimecast=NOT_READ), "whether they are at Mimecast is unknown"),
        (
            "unprepared-people",
            situation(assigned=(person(ADA),)),
            "no account of Entra has this mail address",
        ),
        (
            "unprepared-people",
            situation(assigned=(person(ADA),), strangers=live(Strangers((person(GRACE),)))),
            "not assigned, neither themselves nor as direct members",
        ),
        (
            "unprepared-people",
            situation(assigned=(person(ADA), person(GRACE, enabled=False))),
            "the account is disabled: grace@example.com",
        ),
        (
            "unprepared-people",
            situation(assigned=(person(ADA), person(GRACE, enabled=False, shared_mailbox=True))),
            "belongs to a shared mailbox",
        ),
        (
            "unprepared-people",
            situation(assigned=(person(ADA), person(GRACE, enabled=None))),
            "whether the account may sign in is unknown",
        ),
        (
            "unprepared-people",
            situation(assigned=(person(ADA), person(GRACE, mail="g.hopper@example.com"))),
            "another mail address",
        ),
        ("unprepared-people", situation(assigned=(person(ADA), person(GRACE, mail=""))), "no mail address"),
        ("administrators", situation(settings(authenticationProfile=ADMINISTRATORS)), "nobody said so"),
        (
            "administrators",
            situation(settings(authenticationProfile=ADMINISTRATORS, attested=BOTH_WORDS[:1])),
            "fact: entra-emergency-access",
        ),
        (
            "administrators",
            situation(
                settings(
                    authenticationProfile=ADMINISTRATORS,
                    attested=[each | {"at": "2025-11-01T09:00:00Z"} for each in BOTH_WORDS],
                )
            ),
            "nobody said so",
        ),
        (
            "administrators",
            # Console work is due while people are in the group: ticking the box acts on them at once.
            situation(settings(authenticationProfile=ADMINISTRATORS, confirmed=False), **PEOPLE_IN),
            "among 2 people",
        ),
        ("account", situation(account=live(Account("CUK99A999", "eu", ""))), "open account CUK99A999"),
        ("account", situation(account=live(Account("CUK25A118", "de", ""))), "is in region de"),
        (
            "account",
            situation(settings(tenantId="6c000000-0000-4000-8000-000000000002")),
            "open Entra tenant",
        ),
        (
            "account",
            situation(deployed=deployed(account_code="CUK11A111")),
            "accountCode would change from CUK11A111 to CUK25A118",
        ),
        (
            "account",
            situation(**PEOPLE_IN, deployed=deployed(issuer="https://sts.windows.net/another/")),
            "the Entra tenant (issuer) would change",
        ),
        ("allow-destroy", situation(principal=live(None), **PEOPLE_IN), "has no application with identifier"),
        (
            "allow-destroy",
            situation(settings(application={"adopt": "6c000000-0000-4000-8000-000000000001"}), **PEOPLE_IN),
            "application client would be replaced",
        ),
        (
            "allow-destroy",
            situation(settings(guards=[LIFTED]), **PEOPLE_IN, template="another template"),
            "replaced by one of gallery entry another template",
        ),
        (
            "allow-destroy",
            situation(
                **PEOPLE_IN, principal=principal(certificates=certificates(certificate(THUMBPRINT, "2025")))
            ),
            "generations holds it no more",
        ),
    ],
)
def test_unmet(guard: str, seen: Situation, said: str) -> None:
    refusal = unmet(seen)[guard].refusal()
    assert said in refusal
    assert refusal.startswith(f"Refused by guard {guard}: ")
    assert "What to do: " in refusal


@pytest.mark.parametrize(
    ("guard", "seen"),
    [
        (
            "certificate-mismatch",  # This run activates the confirmed one: people must not wait for that.
            situation(
                principal=principal(certificates=BOTH_VALID),
                deployed=deployed(active=OTHER),
            ),
        ),
        ("unprepared-people", situation(mimecast=live(tenant()))),  # This run makes the addresses.
        (
            "unprepared-people",
            situation(
                assigned=(person(ADA),),
                strangers=live(Strangers((person(GRACE),), frozenset({f"id of {GRACE}"}))),
            ),
        ),
        (
            "unprepared-people",
            situation(
                settings(application={"assignmentRequired": False}),
                assigned=(person(ADA),),
                strangers=live(Strangers((person(GRACE),))),
            ),
        ),
        ("unprepared-people", situation(assigned=(person(ADA, guest=True), person(GRACE)))),
        (
            "administrators",
            situation(settings(authenticationProfile=ADMINISTRATORS, attested=BOTH_WORDS)),
        ),
        ("administrators", situation(settings(authenticationProfile=ADMINISTRATORS), **PEOPLE_IN)),
        (
            "last-sign-in-method",  # An assignment by another hand stays.
            situation(
                **PEOPLE_IN, principal=principal(assigned=PRINCIPAL.assigned | {"a group of another hand"})
            ),
        ),
        (
            "last-sign-in-method",  # They stay assigned through a group of another hand.
            situation(
                **PEOPLE_IN,
                assigned=(person(ADA),),
                assigned_ids=frozenset({f"id of {ADA}"}),
                strangers=live(Strangers((person(GRACE),), frozenset({f"id of {GRACE}"}))),
            ),
        ),
        ("account", situation(deployed=NOT_READ)),
        ("account", situation(deployed=deployed(identifier="", account_code="", region="", issuer=""))),
        ("account", situation(settings(tenantId=TENANT))),
        ("account", situation(deployed=deployed(issuer="https://sts.windows.net/another/"))),
        ("allow-destroy", situation(principal=live(None), deployed=deployed(identifier="https://old"))),
        (
            "allow-destroy",  # A group that others filled, before anything of this stack: staging.
            situation(
                settings(confirmed=False), **PEOPLE_IN, principal=live(None), deployed=deployed(identifier="")
            ),
        ),
    ],
)
def test_met(guard: str, seen: Situation) -> None:
    assert guard not in unmet(seen)


def test_every_finding_says_how_its_inputs_are_known() -> None:
    for find in GUARDS:
        finding = find(situation())
        assert finding.inputs
        assert all(str(each).endswith(")") for each in finding.inputs)


# -- Blue/green rotation --------------------------------------------------------------------------------------


def rotating(active: str, cut_over: str) -> Settings:
    """The second profile is confirmed to hold the certificate of generation 2029."""
    generations = [
        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
        {"label": "2029", "endDate": "2032-11-01T00:00:00Z", "profile": "second"},
    ]
    rotation = {
        "generations": generations,
        "active": active,
        "cutOver": cut_over,
        "rotation": "blue-green",
    }
    first = settings(certificates=rotation)
    profile = first.authentication_profile
    form = console_form(
        first,
        Lane.SECOND,
        issuer=CLOUD.issuer(TENANT),
        login_url=CLOUD.login_url(TENANT),
        metadata_url="",
        certificate="",
    )
    form |= {"group": first.roll_out.group_of(Lane.SECOND)}
    word = profile.confirmed_of(Lane.FIRST)
    assert word is not None
    second = word.model_copy(update={"fingerprint": attestation.fingerprints(form, OTHER).critical})
    both = profile.model_copy(update={"second": profile.second.model_copy(update={"confirmed": second})})
    return first.model_copy(update={"authentication_profile": both})


def in_groups(first: set[str], second: set[str]) -> Known[Any]:
    return live({Lane.FIRST: frozenset(first), Lane.SECOND: frozenset(second)})


@pytest.mark.parametrize(
    ("active", "cut_over", "first", "second", "signs", "met"),
    [
        ("2026", "both", {ADA, GRACE}, set(), THUMBPRINT, True),
        ("2029", "both", {ADA, GRACE}, {ADA, GRACE}, THUMBPRINT, True),
        ("2029", "active", {ADA, GRACE}, {ADA, GRACE}, OTHER, True),
        ("2026", "both", set(), {ADA, GRACE}, OTHER, False),
        ("2029", "both", {ADA, GRACE}, {ADA}, THUMBPRINT, False),
        ("2029", "active", {ADA, GRACE}, set(), THUMBPRINT, False),
        ("2029", "active", {ADA, GRACE}, set(), OTHER, False),
        ("2029", "active", {ALAN}, {ADA, GRACE}, OTHER, True),
    ],
)
def test_a_rotation_that_leaves_out_a_step_is_stopped(  # noqa: PLR0917  (a row of the table)
    active: str, cut_over: str, first: set[str], second: set[str], signs: str, met: bool
) -> None:
    made = certificates(certificate(THUMBPRINT), certificate(OTHER, "2029"), preferred=signs)
    seen = situation(
        rotating(active, cut_over), members=in_groups(first, second), principal=principal(certificates=made)
    )
    assert ("certificate-mismatch" not in unmet(seen)) == met
    assert met or "are not in its group" in unmet(seen)["certificate-mismatch"].problem


# -- Overrides ------------------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "last-sign-in-method": ({}, {"principal": principal(enabled=False)}),
    "certificate-mismatch": ({}, {"principal": principal(certificates=SWITCHED)}),
    "unprepared-people": ({}, {"assigned": (person(ADA),)}),
    "administrators": ({"authenticationProfile": ADMINISTRATORS}, {}),
    "account": ({}, {"deployed": deployed(region="de")}),
    "allow-destroy": ({}, {"principal": live(None), **PEOPLE_IN}),
}


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    for level in ("info", "warn"):
        monkeypatch.setattr(pulumi.log, level, texts.append)
    return texts


@pytest.mark.parametrize("guard", BROKEN)
def test_a_guard_is_lifted_by_name_until_a_day(guard: str, logged: list[str]) -> None:
    changes, broken = BROKEN[guard]

    def check(until: str, name: str = guard) -> None:
        override = {"name": name, "reason": "change CHG-1042", "until": until}
        guards.check(situation(settings(**changes, guards=[override]), **broken))

    check("2026-11-22")
    assert any(f"Guard {guard} is lifted until 2026-11-22: change CHG-1042" in text for text in logged)
    with pytest.raises(pulumi.RunError, match=f"Refused by guard {guard}"):
        check("2026-11-21")
    assert any(f"override of guard {guard} ended on 2026-11-21" in text for text in logged)
    other = "account" if guard != "account" else "administrators"
    with pytest.raises(pulumi.RunError, match=f"Refused by guard {guard}"):
        check("2026-11-22", other)


def test_another_systems_credentials_are_refused_whatever_is_lifted(logged: list[str]) -> None:
    override = {"name": "account", "reason": "change CHG-1042", "until": "2026-12-31"}
    wrong = situation(settings(guards=[override]), account=live(Account("CUK99A999", "eu", "")))
    with pytest.raises(pulumi.RunError) as refused:
        guards.check(wrong)
    assert "Or lift it" not in str(refused.value)


def test_all_refusals_come_at_once(logged: list[str]) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        guards.check(situation(principal=principal(enabled=False), assigned=()))
    assert "last-sign-in-method" in str(refused.value)
    assert "unprepared-people" in str(refused.value)
    assert logged == []


def test_a_run_says_whom_its_guards_looked_at(logged: list[str]) -> None:
    guards.check(situation())
    guards.check(situation(members=members(ADA, GRACE)))
    assert logged == [
        f"Guards, for 2 people who newly sign in through Entra ({ADA}, {GRACE}): all met.",
        "Guards: this run puts nobody new behind single sign-on.",
    ]
