"""The verdict on one sign-in: a row per reason. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment.sign_in import (
    AccountState,
    AddressState,
    Case,
    Endpoints,
    EntraState,
    HeldProfile,
    NameIdState,
    Outcome,
    Result,
    Way,
    judge,
)
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.facts.sign_in_reasons import REASONS, Missing, Reason
from mimecast_sso.settings import GuardName, ProfileSlot

MIMECAST = Endpoints.of(REGIONS["eu"], "CUK25A118")
ISSUER, LOGIN = "https://sts.windows.net/t/", "https://login.microsoftonline.com/t/saml2"
ENTRA = EntraState(
    ISSUER,
    LOGIN,
    exists=True,
    identifiers=(MIMECAST.identifier,),
    reply_urls=(MIMECAST.reply_url,),
    sign_on_url=MIMECAST.reply_url,
    name_id="user.mail",
    signing="A",
)
BY_TILE = replace(
    ENTRA, sign_on_url="", reply_urls=(MIMECAST.reply_url, MIMECAST.idp_initiated_reply_url),
    default_reply_url=MIMECAST.idp_initiated_reply_url,
)  # fmt: skip
PROFILE = HeldProfile(ISSUER, LOGIN, "A")
IN = frozenset({ProfileSlot.FIRST})
CASE = Case(
    IN, assigned=True, account=AccountState.ENABLED, name_id=NameIdState.SAME, address=AddressState.PRESENT
)


def outcome(way: Way = Way.FROM_MIMECAST, entra: Any = ENTRA, profile: Any = PROFILE, **case: Any) -> Outcome:
    """The outcome where one thing is otherwise than where everything works."""
    profiles = None if profile is None else {ProfileSlot.FIRST: profile or None, ProfileSlot.SECOND: None}
    return judge(way, entra, MIMECAST, profiles, replace(CASE, **case))


def test_where_everything_works_people_sign_in_both_ways() -> None:
    assert outcome().result is Result.ENTRA
    assert outcome(Way.FROM_MY_APPS).result is Result.ENTRA
    assert outcome(Way.FROM_MY_APPS, BY_TILE).result is Result.ENTRA
    assert outcome(slots=frozenset()).result is Result.PASSWORD
    assert outcome(profile=replace(PROFILE, enforces_portal=False)).result is Result.PASSWORD
    assert outcome(profile=False).result is Result.PASSWORD


TILE = Way.FROM_MY_APPS
FROM_MIMECAST: dict[Reason, dict[str, Any]] = {
    Reason.APPLICATION_MISSING: {"entra": replace(ENTRA, identifiers=("https://other",))},
    Reason.APPLICATION_DISABLED: {"entra": replace(ENTRA, enabled=False)},
    Reason.REPLY_URL: {"entra": replace(ENTRA, reply_urls=("https://other",))},
    Reason.NO_ACCOUNT: {"account": AccountState.NONE},
    Reason.ACCOUNT_DISABLED: {"account": AccountState.DISABLED},
    Reason.SHARED_MAILBOX: {"account": AccountState.SHARED},
    Reason.NOT_ASSIGNED: {"assigned": False},
    Reason.CONTEXT: {"profile": replace(PROFILE, contexts=True)},
    Reason.NO_CERTIFICATE: {"entra": replace(ENTRA, signing="", needs_certificate=True)},
    Reason.NO_NAME_ID: {"name_id": NameIdState.EMPTY},
    Reason.CONDITIONAL_ACCESS: {"account": AccountState.BLOCKED},
    Reason.SENT_ELSEWHERE: {
        "profile": replace(PROFILE, login_url="https://login.microsoftonline.com/u/saml2")
    },
    Reason.SIGNATURE: {"entra": replace(ENTRA, signing="B")},
    Reason.ISSUER: {"profile": replace(PROFILE, issuer="https://sts.windows.net/u/")},
    Reason.NAME_ID_UNKNOWN: {"name_id": NameIdState.UNKNOWN_THERE},
    Reason.NAME_ID_OTHER: {"name_id": NameIdState.OTHER},
    Reason.NOT_AT_MIMECAST: {"address": AddressState.ABSENT},
    Reason.ALIAS: {"address": AddressState.ALIAS},
    Reason.ADDRESS_DISABLED: {"address": AddressState.DISABLED},
}
FROM_MY_APPS: dict[Reason, dict[str, Any]] = {
    Reason.NOT_SAML: {"entra": replace(BY_TILE, saml=False)},
    Reason.NO_REPLY_URL: {"entra": replace(BY_TILE, reply_urls=())},
    Reason.REPLY_URL_ELSEWHERE: {"entra": replace(BY_TILE, reply_urls=("https://other",))},
    Reason.SIGN_ON_URL_ELSEWHERE: {"entra": replace(BY_TILE, sign_on_url="https://other/login")},
    Reason.UNASKED: {"entra": replace(BY_TILE, default_reply_url="")},
    Reason.AUDIENCE: {"entra": replace(BY_TILE, identifiers=("https://other", MIMECAST.identifier))},
    Reason.SINGLE_SIGN_ON_OFF: {"entra": BY_TILE, "profile": replace(PROFILE, single_sign_on=False)},
    Reason.NOT_IN_GROUP: {"entra": BY_TILE, "slots": frozenset()},
    Reason.APPLICATION_DISABLED: {"entra": replace(BY_TILE, enabled=False)},
    Reason.NO_ACCOUNT: {"entra": BY_TILE, "account": AccountState.NONE},
    Reason.ACCOUNT_DISABLED: {"entra": BY_TILE, "account": AccountState.DISABLED},
    Reason.SHARED_MAILBOX: {"entra": BY_TILE, "account": AccountState.SHARED},
    Reason.NO_CERTIFICATE: {"entra": replace(BY_TILE, signing="", needs_certificate=True)},
    Reason.NO_NAME_ID: {"entra": BY_TILE, "name_id": NameIdState.EMPTY},
    Reason.SIGNATURE: {"entra": replace(BY_TILE, signing="B")},
    Reason.ISSUER: {"entra": BY_TILE, "profile": replace(PROFILE, issuer="https://sts.windows.net/u/")},
    Reason.NAME_ID_UNKNOWN: {"entra": BY_TILE, "name_id": NameIdState.UNKNOWN_THERE},
    Reason.ADDRESS_DISABLED: {"entra": BY_TILE, "address": AddressState.DISABLED},
}


@pytest.mark.parametrize("reason", FROM_MIMECAST)
def test_each_reason_stops_a_sign_in_from_mimecast(reason: Reason) -> None:
    assert outcome(**FROM_MIMECAST[reason]).reason is reason


@pytest.mark.parametrize("reason", FROM_MY_APPS)
def test_each_reason_stops_a_sign_in_from_my_apps(reason: Reason) -> None:
    found = outcome(TILE, **FROM_MY_APPS[reason])
    assert found.reason is reason
    assert found.result is (Result.NOT_OFFERED if reason is Reason.NOT_SAML else Result.REFUSED)


def test_every_reason_is_reached_and_has_a_row_with_a_fix_and_a_guard() -> None:
    assert {*FROM_MIMECAST, *FROM_MY_APPS} == set(Reason) == set(REASONS)
    names = set(GuardName.__args__)  # type: ignore[attr-defined]
    for row in REASONS.values():
        assert {row.guard, row.guard_joining} <= names
        assert row.fix
        assert row.sees


@pytest.mark.parametrize(
    ("missing", "changes"),
    [
        ("who is in the roll-out group", {"slots": None}),
        ("what the console holds", {"profile": None}),
        ("the application in Entra", {"entra": None}),
        ("whether the Entra account is enabled (User.Read.All)", {"account": AccountState.UNKNOWN}),
        ("who is assigned to the application", {"assigned": None}),
        ("which certificate Entra signs with", {"entra": replace(ENTRA, signing=None)}),
        (
            "whether Mimecast accepts a response signed with an expired certificate",
            {"entra": replace(ENTRA, signing_expired=True)},
        ),
        ("what Entra issues as NameID", {"name_id": NameIdState.UNKNOWN}),
        ("which addresses exist at Mimecast", {"address": AddressState.UNKNOWN}),
    ],
)
def test_unknown_names_the_missing_input(missing: str, changes: dict[str, Any]) -> None:
    assert outcome(**changes) == Outcome(Result.UNKNOWN, missing=missing)


@pytest.mark.parametrize(
    ("missing", "changes"),
    [
        ("the application in Entra", {"entra": None}),
        ("what the console holds", {"profile": None}),
        ("who is in the roll-out group", {"slots": None}),
        ("who is assigned to the application", {"assigned": None}),
        ("what Entra issues as NameID", {"name_id": NameIdState.UNKNOWN}),
        ("whether the Entra account is enabled (User.Read.All)", {"account": AccountState.UNKNOWN}),
        ("what the console holds", {"profile": replace(PROFILE, presumed=True)}),
    ],
)
def test_unknown_names_the_missing_input_for_the_tile_too(missing: str, changes: dict[str, Any]) -> None:
    assert outcome(TILE, **({"entra": BY_TILE} | changes)) == Outcome(Result.UNKNOWN, missing=missing)


UNREAD: dict[Missing, dict[str, Any]] = {
    Missing.ACCOUNT: {"account": AccountState.UNKNOWN},
    Missing.ASSIGNMENTS: {"assigned": None},
    Missing.SIGNING: {"signing": None},
    Missing.EXPIRED: {"signing_expired": True},
    Missing.NAME_ID: {"name_id": NameIdState.UNKNOWN},
    Missing.ADDRESSES: {"address": AddressState.UNKNOWN},
}


@pytest.mark.parametrize("missing", UNREAD)
@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (way, reason)
        for way, rows in ((Way.FROM_MIMECAST, FROM_MIMECAST), (TILE, FROM_MY_APPS))
        for reason in rows
    ],
)
def test_an_unknown_input_hides_no_refusal_that_does_not_depend_on_it(
    missing: Missing, way: Way, reason: Reason
) -> None:
    changes = (FROM_MIMECAST if way is Way.FROM_MIMECAST else FROM_MY_APPS)[reason]
    entra = changes.get("entra", ENTRA)
    unread = {key: value for key, value in UNREAD[missing].items() if not hasattr(entra, key)}
    of_entra = {
        key: value for key, value in UNREAD[missing].items() if hasattr(entra, key) and key != "assigned"
    }
    if missing is Missing.ASSIGNMENTS:
        unread = UNREAD[missing]
    if {*unread} & {*changes} or (of_entra and reason in (Reason.SIGNATURE, Reason.NO_CERTIFICATE)):
        return  # The same input: unknown instead of wrong.
    found = outcome(way, **{**changes, **unread, "entra": replace(entra, **of_entra)})
    assert found.fails or found.result is Result.NOT_OFFERED
    assert found.reason is reason


@pytest.mark.parametrize("way", Way)
def test_what_signs_is_unknown_and_not_wrong(way: Way) -> None:
    unknown = Outcome(Result.UNKNOWN, missing=Missing.SIGNING)
    assert outcome(way, replace(BY_TILE, signing=None, needs_certificate=True)) == unknown


@pytest.mark.parametrize(
    ("state", "reason", "missing"),
    [
        (AddressState.ABSENT, Reason.NOT_AT_MIMECAST, None),
        (AddressState.UNKNOWN, None, Missing.ADDRESSES),
    ],
)
def test_a_password_needs_an_address_as_well(
    state: AddressState, reason: Reason | None, missing: Missing | None
) -> None:
    """Whoever is in no group is not sent to Entra, so nothing there can refuse them."""
    result = Result.REFUSED if reason else Result.UNKNOWN
    found = outcome(slots=frozenset(), address=state, account=AccountState.NONE)
    assert found == Outcome(result, reason, missing, through_entra=False)


def test_from_the_tile_people_without_a_profile_are_in_no_group() -> None:
    assert outcome(TILE, BY_TILE, profile=False).reason is Reason.NOT_IN_GROUP
    unfinished = replace(PROFILE, thumbprint="")
    assert outcome(TILE, BY_TILE, profile=unfinished).reason is Reason.NOT_IN_GROUP


def test_further_identifiers_do_no_harm_after_the_first() -> None:
    more = (MIMECAST.identifier, "https://other")
    for way, entra in ((Way.FROM_MIMECAST, ENTRA), (TILE, BY_TILE)):
        assert outcome(way, replace(entra, identifiers=more)).result is Result.ENTRA


def test_without_required_assignment_everybody_gets_in_but_has_no_tile() -> None:
    for assigned in (False, None):
        anybody = replace(ENTRA, assignment_required=False)
        assert outcome(entra=anybody, assigned=assigned).result is Result.ENTRA
    assert (
        outcome(TILE, replace(BY_TILE, assignment_required=False), assigned=False).reason
        is Reason.NOT_ASSIGNED
    )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (outcome(), "signs in through Entra"),
        (outcome(slots=None), "unknown: who is in the roll-out group"),
        (
            outcome(account=AccountState.DISABLED),
            "refused by Entra: the Entra account is disabled (AADSTS50057)",
        ),
        (
            outcome(TILE, replace(BY_TILE, saml=False)),
            "no tile in My Apps: the application does not use SAML for single sign-on",
        ),
        (outcome(TILE, replace(BY_TILE, hidden=True)), "no tile in My Apps"),
    ],
)
def test_an_outcome_reads_as_a_clause(found: Outcome, text: str) -> None:
    assert str(found) == text


@pytest.mark.parametrize(
    ("url", "starts"),
    [
        ("https://eu-api.mimecast.com/login/saml", True),
        ("HTTPS://EU-API.mimecast.com", True),
        ("https://login.mimecast.com/", True),
        ("http://login.mimecast.com/", False),
        ("https://de-api.mimecast.com/login/saml", False),
        ("https://example.com/eu-api.mimecast.com/", False),
        ("https://login.mimecast.com/?next=https://example.com/", True),
        ("https://example.com/?next=https://login.mimecast.com/", False),
    ],
)
def test_only_a_sign_in_page_of_the_account_starts_a_sign_in(url: str, starts: bool) -> None:
    assert MIMECAST.starts_sign_in(url) is starts


def test_an_application_that_does_not_exist_has_no_tile() -> None:
    missing = Outcome(Result.NOT_OFFERED, Reason.APPLICATION_MISSING)
    assert outcome(TILE, replace(BY_TILE, exists=False)) == missing
    assert outcome(entra=replace(ENTRA, exists=False)).reason is Reason.APPLICATION_MISSING


def test_whoever_is_in_two_groups_is_sent_where_the_first_profile_says() -> None:
    elsewhere = replace(PROFILE, login_url="https://example.com/")
    case = replace(CASE, slots=frozenset(ProfileSlot))
    both = {ProfileSlot.SECOND: elsewhere, ProfileSlot.FIRST: PROFILE}
    assert judge(Way.FROM_MIMECAST, ENTRA, MIMECAST, both, case).result is Result.ENTRA
    open_first = {ProfileSlot.SECOND: PROFILE, ProfileSlot.FIRST: replace(PROFILE, enforces_portal=False)}
    assert judge(Way.FROM_MIMECAST, ENTRA, MIMECAST, open_first, case).result is Result.PASSWORD


@pytest.mark.parametrize(
    "changes",
    [{"assigned": False}, {"entra": replace(BY_TILE, hidden=True)}],
)
def test_the_tile_is_not_offered(changes: dict[str, Any]) -> None:
    assert outcome(TILE, **({"entra": BY_TILE} | changes)).result is Result.NOT_OFFERED


@pytest.mark.parametrize("account", [AccountState.NONE, AccountState.DISABLED, AccountState.SHARED])
def test_whoever_cannot_sign_in_at_microsoft_does_not_reach_my_apps(account: AccountState) -> None:
    """Also where the tile would only open Mimecast's page, and the person has a password there."""
    found = outcome(TILE, account=account, slots=frozenset())
    assert found.result is Result.REFUSED
    assert outcome(account=account, slots=frozenset()).result is Result.PASSWORD


def test_whoever_is_in_two_groups_gets_in_by_the_certificate_of_either_profile() -> None:
    both = {ProfileSlot.FIRST: PROFILE, ProfileSlot.SECOND: replace(PROFILE, thumbprint="B")}
    case = replace(CASE, slots=frozenset(ProfileSlot))
    for signing in ("A", "B"):
        for way in Way:
            assert judge(way, replace(ENTRA, signing=signing), MIMECAST, both, case).result is Result.ENTRA
    only_first = replace(CASE, slots=IN)
    assert (
        judge(Way.FROM_MIMECAST, replace(ENTRA, signing="B"), MIMECAST, both, only_first).reason
        is Reason.SIGNATURE
    )
