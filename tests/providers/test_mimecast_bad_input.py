"""Bad input, resource by resource: refused before any call, by the name of the input and in one line."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.dynamic import ResourceProvider

from providers.mimecast.resources import (
    AddressBookProvider,
    AuthenticationProfileProvider,
    DomainProvider,
    DomainVerificationProvider,
    GroupMembershipProvider,
    GroupProvider,
)
from tests.providers.test_mimecast_profile import FORM, THUMBPRINT

LONG_DOMAIN = f"{'x' * 60}.{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 60}.example"
LONG_ADDRESS = f"{'a' * 64}@{'x' * 60}.{'y' * 60}.{'z' * 60}.example"

BAD_DOMAINS: dict[str, Any] = {
    "malformed": "exa mple.com",
    "empty": "",
    "absent": None,
    "an address": "ada@example.com",
    "254+ characters": LONG_DOMAIN,
    "control characters": "exam\x07ple.com",
    "formula": "=1+1.example.com",
}
BAD_ADDRESSES: dict[str, Any] = {
    "malformed": "ada",
    "empty": "",
    "254+ characters": LONG_ADDRESS,
    "control characters": "a\x00da@example.com",
    "line break": "ada@example.com\nbcc:x@example.com",
}

Properties = dict[str, Any]


def domain(value: Any) -> Properties:
    return {"domain": value, "mode": "ensure", "inboundType": "known"}


def verification(value: Any) -> Properties:
    return {"domain": value, "proofValue": "", "publish": "none"}


def book(addresses: Any) -> Properties:
    return {"addresses": addresses, "onRemoval": "forget", "adopt": []}


def membership(members: Any, group: Any = "Roll-out") -> Properties:
    return {"group": group, "members": members, "hold": False}


def profile(**changes: Any) -> Properties:
    return {"form": FORM | changes, "thumbprint": THUMBPRINT}


def cases() -> list[Any]:
    found: list[tuple[str, type[ResourceProvider], Properties, str]] = []
    for what, value in BAD_DOMAINS.items():
        found.append((f"domain {what}", DomainProvider, domain(value), "domain"))
        found.append((f"verification {what}", DomainVerificationProvider, verification(value), "domain"))
        if isinstance(value, str):
            found.append(
                (f"member domain {what}", GroupMembershipProvider, membership([f"@{value}"]), "members")
            )
    for what, value in BAD_ADDRESSES.items():
        found.append((f"book {what}", AddressBookProvider, book({value: {"name": ""}}), "addresses"))
        found.append((f"member {what}", GroupMembershipProvider, membership([value]), "members"))
        adopting = book({}) | {"adopt": [value]}
        found.append((f"adopt {what}", AddressBookProvider, adopting, "adopt"))
    named = {"ada@example.com": {"name": "A\nda"}}
    found += [
        ("domain mode", DomainProvider, domain("example.com") | {"mode": "take"}, "mode"),
        ("domain type", DomainProvider, domain("example.com") | {"inboundType": "all"}, "inboundType"),
        ("publish", DomainVerificationProvider, verification("example.com") | {"publish": "ftp"}, "publish"),
        ("book doubled", AddressBookProvider, book({"A@example.com": {}, "a@example.com": {}}), "addresses"),
        ("book name", AddressBookProvider, book(named), "addresses"),
        ("book no map", AddressBookProvider, book(["ada@example.com"]), "addresses"),
        ("group empty", GroupProvider, {"description": " "}, "description"),
        ("group control characters", GroupProvider, {"description": "Roll\x07out"}, "description"),
        ("group number", GroupProvider, {"description": 7}, "description"),
        ("membership no list", GroupMembershipProvider, membership("ada@example.com"), "members"),
        ("membership no group", GroupMembershipProvider, membership([], ""), "group"),
        ("profile no map", AuthenticationProfileProvider, {"form": "x", "thumbprint": THUMBPRINT}, "form"),
        ("thumbprint", AuthenticationProfileProvider, {"form": FORM, "thumbprint": "xyz"}, ""),
        ("certificate", AuthenticationProfileProvider, profile(certificate="not base64!"), ""),
    ]
    return [pytest.param(*case, id=name) for name, *case in found]


@pytest.mark.parametrize(("provider", "inputs", "key"), cases())
def test_it_is_refused_by_name(provider: type[ResourceProvider], inputs: Properties, key: str) -> None:
    failures = provider().check({}, inputs).failures
    assert [failure.property for failure in failures] == [key]
    assert "\n" not in failures[0].reason
    assert "\x07" not in failures[0].reason


def test_doubled_names_of_lists_count_once() -> None:
    checked = GroupMembershipProvider().check(
        {}, membership(["B@example.com", "a@example.com", "b@EXAMPLE.com"])
    )
    assert checked.inputs["members"] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("provider", "inputs", "key", "normal"),
    [
        (DomainProvider, domain("Bücher.example"), "domain", "xn--bcher-kva.example"),
        (DomainVerificationProvider, verification("BÜCHER.example."), "domain", "xn--bcher-kva.example"),
        (
            AddressBookProvider,
            book({"Ada+x@Bücher.example": {"name": "Zoë"}}),
            "addresses",
            {"ada+x@xn--bcher-kva.example": {"name": "Zoë"}},
        ),
        (
            GroupMembershipProvider,
            membership(["ada@Bücher.example", "@Bücher.example"]),
            "members",
            ["@xn--bcher-kva.example", "ada@xn--bcher-kva.example"],
        ),
    ],
)
def test_international_domains_get_their_ascii_form(
    provider: type[ResourceProvider], inputs: Properties, key: str, normal: Any
) -> None:
    checked = provider().check({}, inputs)
    assert (checked.failures, checked.inputs[key]) == ([], normal)
