"""What the program says before a run changes domains and addresses."""

from __future__ import annotations

from mimecast_sso.assessment import live_tenant
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.provenance import Statement
from mimecast_sso.settings import Address, Domain, DomainMode
from providers.mimecast import DomainStatus
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.domains import State

ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.com"


def status(domain: str, state: State = State.INTERNAL, inbound: str = "known") -> DomainStatus:
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


def test_nothing_is_said_when_nothing_changes() -> None:
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
    assert "ada@example.com ('A. Lovelace' becomes 'Ada')" in renamed.text
    assert "manages them already or adopts them" in renamed.text
    assert fixed.warns
    assert f"{ALAN}, {GRACE}" in fixed.text


def test_addresses_of_domains_that_mimecast_does_not_own_yet() -> None:
    for world in (tenant(), tenant(status("example.com", State.PENDING))):
        (said,) = about_addresses(world, Address(address=ADA))
        assert said.text.startswith("1 address is made once the domain is internal at Mimecast")


def test_who_is_only_checked_and_missing() -> None:
    world = tenant(status("example.com"), ada=live(ADA, "whoever", synchronised=True))
    (said,) = about_addresses(
        world, Address(address=ADA, name="Ada"), Address(address=GRACE), check_only=True
    )
    assert said.warns
    assert said.text.startswith(f"1 of 2 assigned people are not at Mimecast and cannot sign in: {GRACE}")


def test_registering_says_what_it_does_to_mail() -> None:
    (said,) = about(tenant(), Domain(name="example.com", inboundType="any"))
    assert said.warns
    for part in (
        "changes mail flow",
        "as soon as its proof is verified",
        "inbound type any",
        "mode to require",
    ):
        assert part in said.text
    (at_once, _) = about(tenant(status("example.com")), Domain(name="mail.example.com"))
    assert "at once, because its parent domain is internal" in at_once.text


def test_an_inbound_type_that_changes_is_said_only_where_it_is_kept() -> None:
    world = tenant(status("example.com", inbound="any"))
    (said,) = about(world, Domain(name="example.com", mode=DomainMode.REGISTER))
    assert "becomes known, and is any" in said.text
    assert about(world, Domain(name="example.com")) == []


def test_a_required_domain_that_is_not_there() -> None:
    (said,) = about(tenant(), Domain(name="example.com", mode=DomainMode.REQUIRE))
    assert "the run will fail" in said.text
    assert about(tenant(status("example.com")), Domain(name="example.com", mode=DomainMode.REQUIRE)) == []


def test_what_removal_would_do() -> None:
    (pending,) = about(tenant(status("example.com", State.PENDING)), Domain(name="example.com"))
    assert "valid until 2099" in pending.text
    assert "deleted there when it leaves" in pending.text
    (expired,) = about(tenant(status("example.com", State.EXPIRED)), Domain(name="example.com"))
    assert "issued again" in expired.text
    left, stays = about(tenant(status("old.example", State.PENDING), status("older.example")))
    assert "old.example. Deleted now if this stack registered it, else left" in left.text
    assert "older.example. They stay as they are" in stays.text
