"""The address book: what it plans, what it refuses, and that it converges after any lost or corrupted response."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.mimecast import AddressesRefused, PartlyDone
from providers.mimecast.address_book import DesiredAddress, Listing, converge, disable, list_addresses
from tests.providers.vendor import Adapter, Directory, Reply, client, failure, legacy, scripted, user

ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.org"


def apply(directory: Directory, desired: dict[str, DesiredAddress], **options: Any) -> tuple[str, ...]:
    mimecast = client(Adapter(directory.respond))
    return converge(mimecast, Listing(mimecast), desired, pause=lambda _: None, **options)


def test_missing_addresses_are_created_and_matching_ones_adopted() -> None:
    directory = Directory({ADA: user(ADA, "Ada")})
    assert apply(directory, {ADA: DesiredAddress("Ada"), GRACE: DesiredAddress("Grace")}) == (GRACE,)
    assert directory.users[GRACE]["name"] == "Grace"
    assert apply(directory, {ADA: DesiredAddress("Ada"), GRACE: DesiredAddress("Grace")}) == ()
    assert directory.creations == [GRACE]


def test_each_domain_is_listed_once_while_nothing_is_written() -> None:
    directory = Directory({a: user(a, "") for a in (ADA, GRACE, ALAN)}, page=100)
    adapter = Adapter(directory.respond)
    mimecast = client(adapter)
    listing = Listing(mimecast)
    for _ in range(2):
        assert listing.of([ADA, GRACE, ALAN]).keys() == {ADA, GRACE, ALAN}
    assert adapter.paths == ["/api/user/get-internal-users"] * 2


def test_an_address_that_slipped_between_pages_is_not_taken_for_deleted() -> None:
    people = [f"{letter}@example.com" for letter in "abcdef"]
    directory = Directory({a: user(a, "") for a in people}, page=2)
    pages = 0

    def respond(path: str, body: Any) -> Reply:
        nonlocal pages
        response = directory.respond(path, body)
        pages += 1
        if (
            pages == 1
        ):  # One goes, one comes: as many as before, and "c" moves to the page that was just read.
            del directory.users["a@example.com"]
            directory.users["g@example.com"] = user("g@example.com", "")
        return response

    mimecast = client(Adapter(respond))
    assert "c@example.com" not in Listing(mimecast).of(people)
    directory.users = {a: user(a, "") for a in people}
    pages = 0
    listing = Listing(mimecast)
    assert "c@example.com" in listing.of(people, absent_for_sure=True)
    calls = pages
    assert listing.of(["nobody@example.com"], absent_for_sure=True) == {}
    assert pages == calls, "twice is enough"


def test_a_different_existing_address_needs_adopt() -> None:
    directory = Directory({ADA: user(ADA, "A. Lovelace")})
    with pytest.raises(AddressesRefused, match=r"Nothing was written.*ada@example.com.*adopt"):
        apply(directory, {ADA: DesiredAddress("Ada"), GRACE: DesiredAddress("Grace")})
    assert GRACE not in directory.users
    apply(directory, {ADA: DesiredAddress("Ada"), GRACE: DesiredAddress("Grace")}, adopt=[ADA])
    assert directory.users[ADA]["name"] == "Ada"


def test_an_adopted_address_is_enabled_again_and_no_other() -> None:
    directory = Directory({a: user(a, "") | {"disabled": True} for a in (ADA, GRACE, ALAN)})
    apply(directory, {a: DesiredAddress() for a in (ADA, GRACE, ALAN)}, adopt=[ADA, ALAN], managed=[ALAN])
    assert [directory.users[a]["disabled"] for a in (ADA, GRACE, ALAN)] == [False, True, True]


def test_adopted_and_disabled_addresses_are_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {f"p{number}@example.com": DesiredAddress() for number in range(12)}
    directory = Directory({a: user(a, "") | {"disabled": a == "p3@example.com"} for a in people}, page=100)
    adapter = Adapter(directory.respond)
    mimecast = client(adapter)
    converge(mimecast, Listing(mimecast), people, pause=lambda _: None)
    assert adapter.paths.count("/api/user/update-user") == 3, "five a call"
    assert "cannot sign in: p3@example.com. The addresses already existed" in caplog.text
    assert directory.users["p3@example.com"]["disabled"], "nothing was changed"

    caplog.clear()
    converge(mimecast, Listing(mimecast), people, managed=list(people), pause=lambda _: None)
    assert adapter.paths.count("/api/user/update-user") == 3, "what is managed already is not asked for again"
    monkeypatch.setattr("providers.mimecast.address_book.DISABLED_SAMPLE", 5)
    converge(mimecast, Listing(mimecast), people, pause=lambda _: None)
    assert "7 of 12 existing addresses were not read" in caplog.text


def test_a_managed_address_is_renamed() -> None:
    directory = Directory({ADA: user(ADA, "A. Lovelace")})
    apply(directory, {ADA: DesiredAddress("Ada")}, managed=[ADA])
    assert directory.users[ADA]["name"] == "Ada"


def test_a_synchronised_address_is_never_changed() -> None:
    directory = Directory({ADA: user(ADA, "A. Lovelace", "ldap")})
    for options in ({}, {"adopt": [ADA]}, {"managed": [ADA]}):
        with pytest.raises(AddressesRefused, match="directory synchronisation"):
            apply(directory, {ADA: DesiredAddress("Ada")}, **options)
    with pytest.raises(AddressesRefused, match="directory synchronisation"):
        apply(directory, {ADA: DesiredAddress("", "p")}, managed=[ADA], set_password=[ADA])
    assert apply(directory, {ADA: DesiredAddress("A. Lovelace")}) == ()


def test_an_alias_is_refused() -> None:
    with pytest.raises(AddressesRefused, match="alias"):
        apply(Directory({ADA: user(ADA, "Ada", alias=True)}), {ADA: DesiredAddress("Ada")})


def test_passwords_go_to_new_and_managed_addresses_only(caplog: pytest.LogCaptureFixture) -> None:
    directory = Directory({a: user(a, "") for a in (ADA, GRACE)})
    desired = {a: DesiredAddress("", f"password of {a}") for a in (ADA, GRACE, ALAN)}
    apply(directory, desired, managed=[GRACE], set_password=[ADA, GRACE, ALAN])
    assert directory.passwords == {GRACE: [f"password of {GRACE}"], ALAN: [f"password of {ALAN}"]}
    assert f"revokes the people's application tokens: {GRACE}" in caplog.text
    assert f"password of {GRACE}" not in caplog.text


def test_vendor_spelling_does_not_matter() -> None:
    directory = Directory({ADA: user("Ada@Example.COM", "Ada") | {"domain": "example.com"}})
    assert apply(directory, {ADA: DesiredAddress("Ada")}) == ()


def test_a_partial_success_names_the_rest_and_the_next_run_does_only_that() -> None:
    directory = Directory({}, faults=["ok", "before", "before", "before", "before"])
    mimecast = client(Adapter(directory.respond))
    desired = {ADA: DesiredAddress("Ada"), GRACE: DesiredAddress("Grace")}
    with pytest.raises(PartlyDone, match=r"1 of 2 addresses could not be written: .*Rerun"):
        converge(mimecast, Listing(mimecast), desired, pause=lambda _: None)
    assert len(directory.users) == 1
    apply(directory, desired)
    assert sorted(directory.creations) == [ADA, GRACE]


def test_an_unknown_domain_has_no_addresses() -> None:
    response = legacy(fail=[failure("err_xdk_operation_forbidden_for_address")])
    assert list_addresses(client(scripted(response)), "elsewhere.example") == {}


def test_disabling_skips_missing_and_synchronised_addresses() -> None:
    directory = Directory({ADA: user(ADA, ""), GRACE: user(GRACE, "", "ldap")})
    mimecast = client(Adapter(directory.respond))
    disable(mimecast, Listing(mimecast), [ADA, GRACE, "gone@example.com"])
    assert directory.users[ADA]["disabled"] is True
    assert "disabled" not in directory.users[GRACE]


NAMES = st.sampled_from(["", "Ada", "Grace", "Alan"])
ADDRESSES = st.sampled_from(
    [f"{n}@{d}" for n in ("a", "b", "c", "d+x") for d in ("example.com", "example.org")]
)


@settings(max_examples=120)
@given(
    before=st.dictionaries(ADDRESSES, NAMES, max_size=8),
    desired=st.dictionaries(ADDRESSES, NAMES, min_size=1, max_size=8),
    faults=st.lists(st.sampled_from(["ok", "before", "after", "quota"]), max_size=30),
)
def test_the_book_converges_and_creates_nobody_twice(
    before: dict[str, str], desired: dict[str, str], faults: list[str]
) -> None:
    directory = Directory({a: user(a, n) for a, n in before.items()}, faults, page=3)
    book = {address: DesiredAddress(name) for address, name in desired.items()}
    for _ in range(len(faults) + 1):
        try:
            apply(directory, book, adopt=list(book))
            break
        except PartlyDone:
            continue
    for address, name in desired.items():
        assert name in ("", directory.users[address]["name"])
    assert set(directory.users) == before.keys() | desired.keys()
    assert sorted(directory.creations) == sorted(desired.keys() - before.keys())
    untouched = before.keys() - desired.keys()
    assert {a: directory.users[a]["name"] for a in untouched} == {a: before[a] for a in untouched}


class _Scanned(list[str]):
    def __contains__(self, _: object) -> bool:
        raise AssertionError("with 100,000 addresses, as many look-ups in a list take minutes")


def test_long_lists_are_not_searched_for_each_address() -> None:
    desired = {
        ADA: DesiredAddress("Ada"),
        GRACE: DesiredAddress("Grace", "secret"),
        ALAN: DesiredAddress("Alan"),
    }
    directory = Directory({ADA: user(ADA, "Else"), GRACE: user(GRACE, "Grace")})
    created = apply(directory, desired, adopt=_Scanned([ADA, GRACE]), set_password=_Scanned([GRACE]))
    assert created == (ALAN,)
    assert directory.users[ADA]["name"] == "Ada"
