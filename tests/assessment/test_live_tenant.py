"""The program's statements before a run changes domains and addresses."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import live_tenant
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.facts import resource_types as types
from mimecast_sso.provenance import Statement
from mimecast_sso.provenance import live as known
from mimecast_sso.settings import Address, Domain, DomainMode
from providers.mimecast import DomainStatus
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.domains import DomainState
from tests.assessment.worlds import World, values

ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.com"


def status(domain: str, state: DomainState = DomainState.INTERNAL, inbound: str = "known") -> DomainStatus:
    return DomainStatus(domain, state, inbound, "id", "token", "2099-01-01T00:00:00Z")


def tenant(*domains: DomainStatus, **addresses: LiveAddress) -> LiveTenant:
    return LiveTenant(
        {domain.domain: domain for domain in domains},
        {f"{local}@example.com": live for local, live in addresses.items()},
    )


def live(address: str, name: str, *, synchronised: bool = False, alias: bool = False) -> LiveAddress:
    return LiveAddress(address, name, synchronised, alias)


def about_addresses(world: LiveTenant, *people: Address, check_only: bool = False) -> list[Statement]:
    return list(live_tenant.address_statements(world, people, check_only=check_only))


def about(world: LiveTenant, *domains: Domain) -> list[Statement]:
    return list(live_tenant.domain_statements(world, domains))


def test_without_changes_there_are_no_statements() -> None:
    world = tenant(status("example.com"), ada=live(ADA, "Ada"))
    assert about_addresses(world, Address(address=ADA, name="Ada")) == []
    assert about_addresses(world, Address(address=ADA)) == []
    assert about_addresses(world, Address(address=ADA), check_only=True) == []
    assert about(world, Domain(name="example.com")) == []


def test_addresses_are_counted_and_the_first_twenty_named() -> None:
    people = [Address(address=f"person{number:02d}@example.com") for number in range(25)]
    (said,) = about_addresses(tenant(status("example.com")), *people)
    assert said.text.startswith("25 addresses are created at Mimecast: person00@example.com")
    assert "person19@example.com and 5 more" in said.text
    assert "person20" not in said.text


def test_only_a_refresh_creates_an_address_again_that_is_gone() -> None:
    people = [Address(address=each) for each in (ADA, GRACE)]
    created, gone = live_tenant.address_statements(
        tenant(status("example.com")), people, check_only=False, recorded={GRACE}
    )
    assert created.text == f"1 address is created at Mimecast: {ADA}"
    assert gone.text == f"1 address is no longer at Mimecast: {GRACE}. A run with --refresh creates it again"
    assert gone.warns


def test_other_names_and_what_may_not_be_changed() -> None:
    world = tenant(
        status("example.com"),
        ada=live(ADA, "A. Lovelace"),
        grace=live(GRACE, "G. Hopper", synchronised=True),
        alan=live(ALAN, "Alan", alias=True),
    )
    renamed, fixed = about_addresses(
        world,
        Address(address=ADA, name="Ada"),
        Address(address=GRACE, name="Grace"),
        Address(address=ALAN),
    )
    assert 'ada@example.com ("A. Lovelace" becomes "Ada")' in renamed.text
    assert "manages or adopts them" in renamed.text
    assert fixed.warns
    assert f"{ALAN}, {GRACE}" in fixed.text


def test_addresses_in_unverified_domains() -> None:
    for world in (tenant(), tenant(status("example.com", DomainState.PENDING))):
        (said,) = about_addresses(world, Address(address=ADA))
        assert said.text.startswith("1 address is on hold until the domain is verified, then created")


def test_missing_addresses_that_are_only_checked() -> None:
    world = tenant(status("example.com"), ada=live(ADA, "whoever", synchronised=True))
    (said,) = about_addresses(
        world, Address(address=ADA, name="Ada"), Address(address=GRACE), check_only=True
    )
    assert said.warns
    assert said.text.startswith(f"1 of 2 assigned people is not at Mimecast and cannot sign in: {GRACE}")


def test_registering_reports_its_effect_on_mail_flow() -> None:
    (said,) = about(tenant(), Domain(name="example.com", inboundType="any"))
    assert said.warns
    for part in (
        "changes mail flow",
        "once verified",
        "inbound type any",
        "mode: require",
    ):
        assert part in said.text
    (at_once, _) = about(tenant(status("example.com")), Domain(name="mail.example.com"))
    assert "at once (its parent domain is internal)" in at_once.text


def test_a_changed_inbound_type_is_reported_only_if_it_is_enforced() -> None:
    world = tenant(status("example.com", inbound="any"))
    (said,) = about(world, Domain(name="example.com", mode=DomainMode.REGISTER))
    assert "changes from any to known" in said.text
    assert about(world, Domain(name="example.com")) == []


def test_a_required_domain_that_does_not_exist() -> None:
    (said,) = about(tenant(), Domain(name="example.com", mode=DomainMode.REQUIRE))
    assert "the run will fail" in said.text
    assert about(tenant(status("example.com")), Domain(name="example.com", mode=DomainMode.REQUIRE)) == []


def test_what_removal_would_do() -> None:
    (pending,) = about(tenant(status("example.com", DomainState.PENDING)), Domain(name="example.com"))
    assert "valid until 2099" in pending.text
    assert "deleted there when it is removed from" in pending.text
    (expired,) = about(tenant(status("example.com", DomainState.EXPIRED)), Domain(name="example.com"))
    assert "reissued" in expired.text
    left, stays = about(tenant(status("old.example", DomainState.PENDING), status("older.example")))
    assert "old.example. Deleted now if this stack registered it, otherwise unchanged" in left.text
    assert "older.example. They are left unchanged," in stays.text


INTERNAL = status("example.com")


@pytest.mark.parametrize(
    ("world", "people", "check_only"),
    [
        pytest.param(tenant(INTERNAL), [Address(address=ADA)], False, id="one is created"),
        pytest.param(
            tenant(INTERNAL), [Address(address=ADA), Address(address=GRACE)], False, id="two are created"
        ),
        pytest.param(tenant(), [Address(address=ADA)], True, id="one is looked for later"),
        pytest.param(
            tenant(INTERNAL, ada=live(ADA, "A")),
            [Address(address=ADA, name="Ada")],
            False,
            id="one has another name",
        ),
        pytest.param(
            tenant(INTERNAL, ada=live(ADA, "A"), grace=live(GRACE, "")),
            [Address(address=ADA, name="Ada"), Address(address=GRACE, name="Grace")],
            False,
            id="two have other names",
        ),
        pytest.param(
            tenant(
                INTERNAL,
                ada=live(ADA, "A", synchronised=True),
                grace=live(GRACE, "Grace", synchronised=True),
                alan=live(ALAN, "", alias=True),
            ),
            [Address(address=ADA, name="Ada"), Address(address=GRACE, name="Grace"), Address(address=ALAN)],
            False,
            id="a synchronised one and an alias cannot be changed",
        ),
        pytest.param(
            tenant(INTERNAL, alan=live(ALAN, "", alias=True)), [Address(address=ALAN)], False, id="an alias"
        ),
        pytest.param(tenant(INTERNAL), [Address(address=ADA)], True, id="one of one is missing"),
        pytest.param(
            tenant(INTERNAL, ada=live(ADA, "A", synchronised=True)),
            [Address(address=ADA)],
            False,
            id="nothing",
        ),
        pytest.param(
            tenant(INTERNAL, ada=live(ADA, "A")),
            [Address(address=each) for each in (ADA, GRACE, ALAN)],
            True,
            id="two of three are missing",
        ),
    ],
)
def test_statements_about_addresses(
    world: LiveTenant, people: list[Address], check_only: bool, snapshot: SnapshotAssertion
) -> None:
    said = about_addresses(world, *people, check_only=check_only)
    assert [f"{each.verdict}: {each}" for each in said] == snapshot


REQUIRED = Domain(name="example.com", mode=DomainMode.REQUIRE)


@pytest.mark.parametrize(
    ("world", "domains"),
    [
        pytest.param(tenant(), [Domain(name="example.com", inboundType="any")], id="registered"),
        pytest.param(
            tenant(status("com")), [Domain(name="mail.example.com")], id="registered below an internal one"
        ),
        pytest.param(
            tenant(status("com", DomainState.PENDING)),
            [Domain(name="mail.example.com")],
            id="registered below a pending one",
        ),
        pytest.param(tenant(), [REQUIRED], id="required and absent"),
        pytest.param(
            tenant(status("example.com", DomainState.PENDING)), [REQUIRED], id="required and pending"
        ),
        pytest.param(tenant(INTERNAL), [REQUIRED], id="required and internal"),
        pytest.param(
            tenant(status("example.com", inbound="any")),
            [Domain(name="example.com", mode=DomainMode.REGISTER)],
            id="the inbound type changes",
        ),
        pytest.param(
            tenant(status("example.com", inbound="")),
            [Domain(name="example.com", mode=DomainMode.REGISTER)],
            id="the inbound type is unknown",
        ),
        pytest.param(
            tenant(status("example.com", DomainState.PENDING)), [Domain(name="example.com")], id="pending"
        ),
        pytest.param(
            tenant(DomainStatus("example.com", DomainState.PENDING, "", "id")),
            [Domain(name="example.com")],
            id="pending without a date",
        ),
        pytest.param(
            tenant(status("example.com", DomainState.EXPIRED)), [Domain(name="example.com")], id="expired"
        ),
        pytest.param(
            tenant(
                INTERNAL,
                status("b.example", DomainState.PENDING),
                status("a.example", DomainState.EXPIRED),
                status("d.example"),
                status("c.example"),
            ),
            [Domain(name="example.com")],
            id="others are there",
        ),
        pytest.param(
            tenant(INTERNAL, status("b.example", DomainState.PENDING)),
            [Domain(name="new.example"), Domain(name="b.example")],
            id="an absent one does not hide the next",
        ),
    ],
)
def test_statements_about_domains(
    world: LiveTenant, domains: list[Domain], snapshot: SnapshotAssertion
) -> None:
    assert [f"{each.verdict}: {each}" for each in about(world, *domains)] == snapshot


ZONE = {
    "publish": "rfc2136",
    "server": "ns1.example.com",
    "zone": "example.com",
    "tsig": {"name": "k.", "secret": "c2VjcmV0"},
}


@pytest.mark.parametrize(
    ("domain", "dns", "refused"),
    [
        ({"name": "example.org"}, ZONE, True),
        ({"name": "example.org", "mode": "register"}, ZONE, True),
        ({"name": "notexample.com"}, ZONE, True),
        ({"name": "mail.example.com"}, ZONE, False),
        ({"name": "example.com"}, ZONE, False),
        ({"name": "example.org", "mode": "require"}, ZONE, False),
        ({"name": "example.net"}, ZONE, False),
        ({"name": "mail.example.net"}, ZONE, False),
        ({"name": "example.org"}, {"publish": "none"}, False),
    ],
)
def test_a_domain_whose_proof_cannot_be_published_is_named_before_the_run(
    domain: dict[str, str], dns: dict[str, Any], refused: bool
) -> None:
    verified = {
        "example.net": status("example.net"),
        "example.org": status("example.org", DomainState.PENDING),
    }
    assessed = World(changes={"domains": known(verified)}).assess(values(domains=[domain], dns=dns))
    found = list(live_tenant.unpublishable(assessed.settings, assessed.snapshot))
    text = (
        f"mimecast-sso:domains names {domain['name']}, which is not in the zone {dns.get('zone')} of mimecast-sso:dns, "
        "so its proof record could not be published. Set dns.zone to the zone of the domain, or dns.publish to none "
        "and publish the record by hand."
    )
    assert found == ([text] if refused else [])


def test_where_domains_cannot_be_read_none_is_known_to_need_a_proof() -> None:
    assessed = World(unread=frozenset({"domains"})).assess(
        values(domains=[{"name": "example.org"}], dns=ZONE)
    )
    assert not list(live_tenant.unpublishable(assessed.settings, assessed.snapshot))


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, True),
        ({"domains": [{"name": "example.org"}]}, False),
        ({"addresses": {"source": "synchronised"}}, False),
    ],
)
def test_an_address_in_a_domain_that_nobody_registers_is_named_before_the_run(
    changes: dict[str, Any], refused: bool
) -> None:
    assessed = World().assess(values(**changes))
    named = ["zoe@example.org", ADA]
    found = list(live_tenant.uncreatable(assessed.settings, assessed.snapshot, named))
    said = "mimecast-sso:addresses names zoe@example.org, but Mimecast has no internal domain example.org"
    assert [text.startswith(said) for text in found] == ([True] if refused else [])


def test_an_address_that_is_recorded_or_whose_domain_is_unknown_is_not_refused() -> None:
    assessed = World(unread=frozenset({"domains"})).assess(values())
    assert not list(live_tenant.uncreatable(assessed.settings, assessed.snapshot, ["zoe@example.org"]))
    book = {"addresses": {"zoe@example.org": {"name": ""}}, "created": [], "adopt": []}
    recorded = RecordedResource("urn:pulumi:prod-eu::p::book::x", types.ADDRESS_BOOK, book)
    assessed = World(deployed=Record((recorded,))).assess(values())
    assert not list(live_tenant.uncreatable(assessed.settings, assessed.snapshot, ["zoe@example.org"]))
