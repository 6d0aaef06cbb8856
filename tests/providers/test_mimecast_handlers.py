"""Accounts, domains, proofs and groups: the handlers' decisions by the vendor's responses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimecast_sso.facts.mimecast_errors import MEMBER_ABSENT, MEMBER_EXISTS
from mimecast_sso.text.names import domain_name, email_address, enumerate_some, same_key
from providers.mimecast import (
    AccountMismatch,
    AmbiguousGroup,
    DnsUpdateError,
    DomainHeldElsewhere,
    DomainNotRegistered,
    GroupNotFound,
    PartlyDone,
    Rejected,
    UnclearOutcome,
    groups,
)
from providers.mimecast.accounts import Account, AccountCheck, check_account
from providers.mimecast.dns_update import find_zone, update_server
from providers.mimecast.domain_verification import ProofOutcome, verify_domain
from providers.mimecast.domains import DomainState, Mode, find_domain, provide_domain, remove_domain
from tests.providers.vendor import LOST, Adapter, Reply, Time, client, failure, legacy, scripted

NOW = datetime(2026, 3, 10, tzinfo=UTC)
NAME = "example.com"
INTERNAL = {"id": "eN1", "domain": NAME, "sendOnly": False, "local": False, "inboundType": "known"}
PENDING = {
    "id": "eN2",
    "domain": "Example.COM",
    "token": "3f7c",
    "created": "2026-03-02T09:00:00+0000",
    "expiry": "2026-04-01T09:00:00+0000",
}
STILL_PENDING = PENDING | {"expiry": "2099-04-01T09:00:00+0000"}
EXPIRED = PENDING | {"expiry": "2026-03-01T09:00:00Z"}
NOTHING = legacy()


# -- Accounts -------------------------------------------------------------------------------------------------


def test_the_configured_account_passes_once() -> None:
    adapter = Adapter(lambda _path, _body: legacy({"accountCode": "CUK25A118", "region": "eu"}))
    check = AccountCheck(client(adapter), "CUK25A118", "eu")
    check.pass_once()
    check.pass_once()
    assert len(adapter.paths) == 1


@pytest.mark.parametrize(
    ("live", "configured", "found"),
    [
        (Account("CUK99A999", "eu", ""), "CUK25A118", "CUK99A999"),
        (Account("CUK25A118", "de", ""), "eu", "de"),
    ],
)
def test_another_account_or_region_is_named(live: Account, configured: str, found: str) -> None:
    with pytest.raises(AccountMismatch) as caught:
        check_account(live, "CUK25A118", "eu")
    assert (caught.value.configured, caught.value.live) == (configured, found)
    assert configured in str(caught.value)
    assert found in str(caught.value)


def test_an_unknown_region_string_only_warns() -> None:
    assert "was not checked" in check_account(Account("CUK25A118", "emea-1", ""), "CUK25A118", "eu")[0]


# -- Names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelt", "normal"),
    [("Ada@Example.COM", "ada@example.com"), (" ada+x@bücher.example. ", "ada+x@xn--bcher-kva.example")],
)
def test_addresses_have_one_normal_form(spelt: str, normal: str) -> None:
    assert email_address(spelt) == normal
    assert email_address(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "a b@example.com",
        "ada@",
        "ada@com",
        "a\x00b@example.com",
        "a@b@",
        "x" * 65 + "@example.com",
        f"a@{'x' * 62}.{'y' * 62}.{'z' * 62}.{'w' * 62}.example",
    ],
)
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"e-mail address|domain name|invisible character"):
        email_address(text)


@pytest.mark.parametrize("text", ["ada@example.com", "example", "exa mple.com", "-a.example", "a..example"])
def test_malformed_domains_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="domain name"):
        domain_name(text)


@pytest.mark.parametrize(
    ("sent", "normal"),
    [
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("Ada@Bücher.Example", "ada@xn--bcher-kva.example"),
        (" X ", "x"),
    ],
)
def test_what_the_vendor_sends_is_compared_in_normal_form(sent: str, normal: str) -> None:
    assert same_key(sent) == normal


def test_long_enumerations_are_cut() -> None:
    assert enumerate_some(["a", "b", "c"], 2) == "a, b and 1 more"


# -- Domains --------------------------------------------------------------------------------------------------


def test_an_internal_domain_is_used_unchanged() -> None:
    adapter = scripted(legacy(INTERNAL | {"inboundType": "any"}))
    status, registered = provide_domain(client(adapter), NAME, Mode.ENSURE, "known", NOW)
    assert (status.state, status.inbound_type, status.proof_value, registered) == (
        DomainState.INTERNAL,
        "any",
        "",
        False,
    )
    assert adapter.paths == ["/api/domain/get-internal-domain"]


def test_an_absent_domain_is_registered_and_gives_its_proof() -> None:
    adapter = scripted(NOTHING, NOTHING, legacy(PENDING), NOTHING, legacy(PENDING))
    status, registered = provide_domain(client(adapter), NAME, Mode.ENSURE, "known", NOW)
    assert registered
    assert (status.state, status.proof_type, status.proof_name, status.proof_value) == (
        DomainState.PENDING,
        "TXT",
        NAME,
        "3f7c",
    )
    assert status.expires == "2026-04-01T09:00:00Z"


def test_a_registration_whose_response_is_lost_is_not_repeated() -> None:
    adapter = scripted(NOTHING, NOTHING, Reply(error=LOST), NOTHING, legacy(PENDING))
    _, registered = provide_domain(client(adapter), NAME, Mode.ENSURE, "known", NOW)
    assert registered
    assert adapter.paths.count("/api/domain/create-domain") == 1


def test_a_registration_that_was_not_applied_is_an_error() -> None:
    with pytest.raises(UnclearOutcome):
        provide_domain(
            client(scripted(NOTHING, NOTHING, Reply(error=LOST), NOTHING, NOTHING)),
            NAME,
            Mode.ENSURE,
            "known",
        )


def test_a_subdomain_of_an_own_domain_is_internal_at_once() -> None:
    adapter = scripted(NOTHING, NOTHING, legacy({"id": "eN1", "domain": NAME}), legacy(INTERNAL))
    assert provide_domain(client(adapter), NAME, Mode.ENSURE, "known", NOW)[0].state is DomainState.INTERNAL


@pytest.mark.parametrize(
    "response",
    [NOTHING, legacy(fail=[failure("err_domain_already_exists", {"domain": NAME})])],
    ids=["silence", "failure"],
)
def test_a_domain_of_another_account_is_a_clear_error(response: Reply) -> None:
    with pytest.raises(DomainHeldElsewhere, match="another Mimecast account manages it"):
        provide_domain(
            client(scripted(NOTHING, NOTHING, response, NOTHING, NOTHING)), NAME, Mode.ENSURE, "known"
        )


def test_any_other_refusal_is_shown_as_it_is() -> None:
    response = legacy(fail=[failure("err_validation_blank", field="domain")])
    with pytest.raises(Rejected, match="field domain"):
        provide_domain(
            client(scripted(NOTHING, NOTHING, response, NOTHING, NOTHING)), NAME, Mode.ENSURE, "known"
        )


def test_an_expired_proof_is_reissued() -> None:
    renewed = legacy(PENDING | {"token": "new"})
    results = Reply({"results": [{"domain": NAME, "token": "new", "status": "extended"}]})
    adapter = scripted(NOTHING, legacy(EXPIRED), results, NOTHING, renewed)
    status, _ = provide_domain(client(adapter), NAME, Mode.ENSURE, "known", NOW)
    assert (status.state, status.proof_value) == (DomainState.PENDING, "new")


@pytest.mark.parametrize("pending", [NOTHING, legacy(PENDING)])
def test_require_writes_nothing(pending: Reply) -> None:
    adapter = scripted(NOTHING, pending)
    with pytest.raises(DomainNotRegistered, match="mode is require"):
        provide_domain(client(adapter), NAME, Mode.REQUIRE, "known", NOW)
    assert len(adapter.paths) == 2


def test_register_keeps_the_inbound_type() -> None:
    adapter = scripted(legacy(INTERNAL | {"inboundType": "any"}), Reply(None, 204), legacy(INTERNAL))
    status, _ = provide_domain(client(adapter), NAME, Mode.REGISTER, "known", NOW)
    assert status.inbound_type == "known"
    assert adapter.paths[1] == "/domain/cloud-gateway/v1/internal-domains/eN1"


def test_a_lookup_that_fails_is_not_taken_for_absence() -> None:
    with pytest.raises(Rejected):
        find_domain(client(scripted(legacy(fail=[failure("err_x")]))), NAME)


def test_only_an_own_pending_domain_is_deleted(caplog: pytest.LogCaptureFixture) -> None:
    remove_domain(client(scripted(legacy(INTERNAL))), NAME, registered=True)
    assert "no API removes one" in caplog.text
    remove_domain(client(scripted(NOTHING, legacy(PENDING))), NAME, registered=False)
    assert "before this stack" in caplog.text
    adapter = scripted(NOTHING, legacy(PENDING), NOTHING)
    remove_domain(client(adapter), NAME, registered=True)
    assert adapter.bodies("/api/domain/delete-pending-domain") == [{"data": [{"domain": NAME, "id": "eN2"}]}]


# -- Verification ---------------------------------------------------------------------------------------------


def test_verification_relies_on_the_list_and_not_on_the_response() -> None:
    # After the refused and after the lost response, the internal domains are listed.
    adapter = scripted(
        NOTHING,
        legacy(STILL_PENDING),
        legacy(fail=[failure("err_domain_verification_failed")]),
        NOTHING,
        legacy(STILL_PENDING),
        Reply(error=LOST),
        legacy(INTERNAL),
    )
    published: list[str] = []
    time = Time()
    result = verify_domain(
        client(adapter), NAME, lambda status: published.append(status.proof_value), clock=time.clock
    )
    assert result.outcome is ProofOutcome.VERIFIED
    assert published == ["3f7c"]
    assert time.slept == [0.5]


def pending_until_asked_often(_path: str, _body: Any) -> Reply:
    return legacy(STILL_PENDING) if "pending" in _path else NOTHING


def test_the_wait_for_a_published_record_is_bounded() -> None:
    time = Time()
    result = verify_domain(
        client(Adapter(pending_until_asked_often)), NAME, lambda _: None, wait_seconds=60, clock=time.clock
    )
    assert result.outcome is ProofOutcome.PENDING
    assert "TXT record 3f7c at example.com" in result.next_step
    assert sum(time.slept) == pytest.approx(60)


def test_without_publishing_there_is_one_attempt() -> None:
    time = Time()
    adapter = Adapter(pending_until_asked_often)
    assert verify_domain(client(adapter), NAME, None, clock=time.clock).outcome is ProofOutcome.PENDING
    assert time.slept == []
    assert adapter.paths.count("/api/domain/verify-domain") == 1


def test_an_expired_proof_says_what_to_do() -> None:
    result = verify_domain(client(scripted(NOTHING, legacy(EXPIRED))), NAME, None)
    assert result.outcome is ProofOutcome.EXPIRED
    assert "reissues it" in result.next_step


def test_dns_configuration_is_complete_or_refused() -> None:
    with pytest.raises(DnsUpdateError, match=r"dns\.zone, .*dns\.tsig\.name, .*dns\.tsig\.secret"):
        update_server({"server": "ns1.example.com"}, {})
    whole = {"server": "ns1.example.com", "zone": NAME, "tsig": {"name": "k", "secret": "canary"}}
    assert "canary" not in repr(update_server(whole, {}))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:99999", "invalid port"),  # The system would call port 34463.
        ("127.0.0.1:0", "invalid port"),
        ("ns1..example.com", "cannot be resolved"),
        (f"{'x' * 70}.example.com", "cannot be resolved"),
    ],
)
def test_an_impossible_name_server_is_named(address: str, said: str) -> None:
    whole = {"server": address, "zone": NAME, "tsig": {"name": "k", "secret": "czM="}}
    with pytest.raises(DnsUpdateError, match=said) as refused:
        find_zone(update_server(whole, {}))
    assert address in str(refused.value)


def test_a_rehearsal_never_reaches_the_real_name_server(tmp_path: Any) -> None:
    whole = {"server": "ns1.example.com", "zone": NAME, "tsig": {"name": "k", "secret": "czM="}}
    environment = {"SANDBOX_INSTANCE": "i", "SANDBOX_HOME": str(tmp_path)}
    with pytest.raises(DnsUpdateError, match="is not running"):
        update_server(whole, environment)
    (tmp_path / "process.json").write_text('{"instance": "i", "dns": "127.0.0.1:5300"}')
    assert update_server(whole, environment).server == "127.0.0.1:5300"
    (tmp_path / "process.json").write_text('{"instance": "i", "dns": "192.0.2.1:53"}')
    with pytest.raises(DnsUpdateError):
        update_server(whole, environment)


# -- Groups ---------------------------------------------------------------------------------------------------


def folder(name: str, secure_id: str = "eN9", **more: Any) -> dict[str, Any]:
    return {"id": secure_id, "description": name, "source": "cloud", "parentId": "eNroot"} | more


def folders(*found: dict[str, Any]) -> Reply:
    return legacy({"query": "x", "folders": list(found)})


def members(*addresses: str) -> Reply:
    return legacy({"groupMembers": [{"emailAddress": address} for address in addresses]})


GROUP = groups.CloudGroup("sso", "eN9", "eNroot", 0)


def test_a_group_is_found_by_its_exact_name() -> None:
    found = groups.find_group(client(scripted(folders(folder("sso-pilot"), folder("sso", "eN7")))), "sso")
    assert found is not None
    assert found.secure_id == "eN7"


def test_two_groups_of_one_name_are_refused_unless_the_parent_tells() -> None:
    both = folders(folder("sso", "eN1"), folder("sso", "eN2", parentId="eNother"))
    with pytest.raises(AmbiguousGroup, match='2 cloud groups called "sso"'):
        groups.find_group(client(scripted(both)), "sso")
    found = groups.find_group(client(scripted(both)), "sso", parent_id="eNother")
    assert found is not None
    assert found.secure_id == "eN2"


def test_a_group_whose_creation_response_was_lost_is_not_created_twice() -> None:
    adapter = scripted(folders(), Reply(error=LOST), folders(), folders(folder("sso")))
    group, created = groups.provide_group(client(adapter), "sso", sleep=lambda _: None)
    assert created
    assert group.secure_id == "eN9"
    assert adapter.paths.count("/api/directory/create-group") == 1


def test_a_group_not_found_after_a_lost_response_is_an_error() -> None:
    adapter = scripted(folders(), Reply(error=LOST), *[folders()] * 4)
    with pytest.raises(UnclearOutcome):
        groups.provide_group(client(adapter), "sso", sleep=lambda _: None)


def test_a_name_that_mimecast_refuses_is_named_with_its_key() -> None:
    refused = legacy(fail=[failure("err_validation_size", message="too long", field="description")])
    with pytest.raises(Rejected) as caught:
        groups.provide_group(client(scripted(folders(), refused)), "x" * 300, sleep=lambda _: None)
    said = str(caught.value)
    assert f'refused to create the group "{"x" * 79}…" (mimecast-sso:rollOut.group)' in said
    assert "field description" in said


def test_renaming_can_be_repeated() -> None:
    adapter = scripted(folders(folder("new")), folders())
    assert groups.rename_group(client(adapter), "old", "new").name == "new"
    with pytest.raises(GroupNotFound):
        groups.rename_group(client(scripted(folders(), folders())), "old", "new")


def test_a_group_with_members_stays(caplog: pytest.LogCaptureFixture) -> None:
    adapter = scripted(folders(folder("sso")), members("ada@example.com"))
    groups.remove_group(client(adapter), "sso", created=True)
    assert "still has members" in caplog.text
    assert not adapter.bodies("/api/directory/delete-group")


def test_changes_already_applied_are_no_failures() -> None:
    adapter = scripted(
        members("alan@example.com"),
        legacy(fail=[failure("err_folder_group_member_already_exists", {"emailAddress": "ada@example.com"})]),
        legacy(fail=[failure("err_folder_email_address_not_found", {"emailAddress": "alan@example.com"})]),
    )
    present = groups.change_members(
        client(adapter), GROUP, add=["ada@example.com"], remove=["alan@example.com", "gone@example.com"]
    )
    assert present == {"ada@example.com"}


def test_members_come_in_batches_and_domains_by_name() -> None:
    adapter = scripted(members(), NOTHING, NOTHING)
    desired = {f"p{number}@example.com" for number in range(11)} | {"@example.org"}
    groups.change_members(client(adapter), GROUP, add=desired, remove=())
    first, second = adapter.bodies("/api/directory/add-group-member")
    assert (len(first["data"]), len(second["data"])) == (10, 2)
    assert {"id": "eN9", "domain": "example.org"} in first["data"]


def test_lost_member_writes_are_settled_by_listing_again() -> None:
    adapter = scripted(members(), Reply(error=LOST), members("ada@example.com"))
    assert groups.change_members(client(adapter), GROUP, add=["ada@example.com"], remove=()) == {
        "ada@example.com"
    }
    assert adapter.paths.count("/api/directory/add-group-member") == 1


class Members:
    """The members of one group, with a fault for each write in turn."""

    def __init__(self, present: set[str], faults: list[str]) -> None:
        self.present = set(present)
        self._faults = faults

    def respond(self, path: str, body: Any) -> Reply:
        if path.endswith("get-group-members"):
            return members(*sorted(self.present))
        fault = self._faults.pop(0) if self._faults else "ok"
        if fault == "before":
            return Reply(None, 503)
        fail = []
        for item in body["data"]:
            address, adding = item["emailAddress"], path.endswith("add-group-member")
            if (address in self.present) == adding:
                code = MEMBER_EXISTS if adding else MEMBER_ABSENT
                fail.append(failure(code, item))
            elif adding:
                self.present.add(address)
            else:
                self.present.discard(address)
        return Reply(error=LOST) if fault == "after" else legacy(fail=fail)


PEOPLE = st.sets(st.sampled_from([f"p{number}@example.com" for number in range(25)]))


@settings(max_examples=100)
@given(
    before=PEOPLE,
    desired=PEOPLE,
    leaving=PEOPLE,
    faults=st.lists(st.sampled_from(["ok", "before", "after"]), max_size=12),
)
def test_membership_converges_after_any_fault(
    before: set[str], desired: set[str], leaving: set[str], faults: list[str]
) -> None:
    group = Members(before, list(faults))
    mimecast = client(Adapter(group.respond))
    remove = leaving - desired
    for _ in range(len(faults) + 1):
        try:
            result = groups.change_members(mimecast, GROUP, add=desired, remove=remove)
            break
        except PartlyDone:
            continue
    assert group.present == result == (before | desired) - remove


def test_refused_members_are_named() -> None:
    response = legacy(
        fail=[failure("err_xdk_operation_forbidden_for_address", {"emailAddress": "b@example.com"})]
    )
    with pytest.raises(PartlyDone, match=r"1 of 2 members of .*\"sso\" could not be changed: b@example.com"):
        groups.change_members(
            client(scripted(members(), response)), GROUP, add=["a@example.com", "b@example.com"], remove=()
        )
