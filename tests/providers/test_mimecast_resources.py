"""The resources as the engine uses them: the SDK's provider process over gRPC, on the sandbox."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from providers.mimecast.resources import (
    AddressBookProvider,
    AuthenticationProfileProvider,
    DomainProvider,
    DomainVerificationProvider,
    GroupMembershipProvider,
    GroupProvider,
)
from sandbox import credentials
from tests.providers.plugin import UNKNOWN, Plugin, refusal, running
from tests.providers.test_mimecast_profile import CERTIFICATE, FORM, PRINTS, THUMBPRINT
from tests.support.sandboxes import ACCOUNT_CODE, RunningSandbox, seed_document, started

PASSWORD = "Canary-user-pässword/1"
TSIG = {
    "name": credentials.TSIG_KEY_NAME,
    "algorithm": credentials.TSIG_ALGORITHM,
    "secret": credentials.TSIG_SECRET,
}
CONFIG = {
    "region": "eu",
    "accountCode": ACCOUNT_CODE,
    # The name server of a real zone: nothing may be sent to it from a sandbox.
    "dns": json.dumps({"publish": "rfc2136", "server": "192.0.2.53", "zone": "proof.example", "tsig": TSIG}),
    "addressPasswords": json.dumps(
        {
            "secret@example.com": {"password": PASSWORD, "confirmation": PASSWORD},
            "unequal@example.com": {"password": PASSWORD, "confirmation": "another canary"},
        }
    ),
}


def tenant() -> dict[str, Any]:
    document = seed_document()
    document["mimecast"] |= {
        "domains": [{"name": "example.com"}, {"name": "kept.example", "inboundType": "any"}],
        "users": [
            {"emailAddress": "there@example.com", "name": "There Already"},
            {"emailAddress": "synced@example.com", "name": "Synced", "source": "ldap"},
        ],
        "groups": [{"description": "Already there", "members": ["there@example.com"]}],
    }
    document["dns"]["zones"].append({"name": "proof.example", "tsig": TSIG})
    return document


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with started(tmp_path_factory.mktemp("mimecast"), tenant()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def shared_plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as plugin:
        plugin.configure(**CONFIG)
        yield plugin
    output = "".join(plugin.output)
    for canary in (credentials.MIMECAST_CLIENT_SECRET, credentials.TSIG_SECRET, PASSWORD, "another canary"):
        assert canary not in output


@pytest.fixture
def plugin(shared_plugin: Plugin, world: RunningSandbox) -> Iterator[Plugin]:
    yield shared_plugin
    world.control.faults()


def drop_response(world: RunningSandbox, path: str, times: int = 1) -> None:
    """The write takes effect, but its response never arrives."""
    world.control.faults(
        {"host": ".*", "method": "POST", "path": path, "times": times, "after_commit": True, "drop": True}
    )


def fail_before(world: RunningSandbox, path: str, times: int = 1) -> None:
    world.control.faults({"host": ".*", "method": "POST", "path": path, "times": times, "status": 500})


def calls(world: RunningSandbox, path: str) -> int:
    return len(world.control.journal(path=path))


# -- Domain and verification ----------------------------------------------------------------------------------


def domain(name: str, mode: str = "ensure") -> dict[str, str]:
    return {"domain": name, "mode": mode, "inboundType": "known"}


def test_a_domain_from_registration_to_proof(plugin: Plugin) -> None:
    inputs = plugin.inputs(DomainProvider, domain("Proof.Example."))
    assert inputs == domain("proof.example")
    id_, outputs = plugin.create(DomainProvider, inputs)
    assert (id_, outputs["state"], outputs["registered"]) == ("proof.example", "pending", True)
    assert (outputs["proofName"], outputs["proofType"]) == ("proof.example", "TXT")
    assert outputs["proofValue"]
    assert plugin.read(DomainProvider, id_, outputs) == (id_, outputs, inputs)

    by_hand = {"domain": "proof.example", "proofValue": outputs["proofValue"], "publish": "none"}
    _, pending = plugin.create(DomainVerificationProvider, by_hand)
    assert pending["state"] == "pending"
    assert outputs["proofValue"] in pending["nextStep"]
    assert plugin.diff(DomainVerificationProvider, id_, pending, by_hand) == ("DIFF_SOME", [])

    by_update = by_hand | {"publish": "rfc2136"}
    verified = plugin.update(DomainVerificationProvider, id_, pending, by_update)
    assert (verified["state"], verified["nextStep"]) == ("verified", "")
    # Once verified, neither an empty proof nor another way of publishing is a change.
    assert (
        plugin.diff(DomainVerificationProvider, id_, verified, by_hand | {"proofValue": ""})[0] == "DIFF_NONE"
    )
    _, read, read_inputs = plugin.read(DomainVerificationProvider, id_, verified)
    assert (read, read_inputs) == (verified, by_update)

    _, internal, unchanged = plugin.read(DomainProvider, id_, outputs)
    assert (internal["state"], internal["proofValue"], unchanged) == ("internal", "", inputs)
    plugin.delete(DomainProvider, id_, internal)
    assert plugin.read(DomainProvider, id_, internal)[0] == id_, "no API removes an internal domain"


def test_a_pending_domain_registered_by_the_stack_is_deleted(plugin: Plugin) -> None:
    id_, outputs = plugin.create(DomainProvider, domain("brief.example"))
    plugin.delete(DomainProvider, id_, outputs)
    assert plugin.read(DomainProvider, id_, outputs) == ("", {}, {})
    plugin.delete(DomainProvider, id_, outputs)


def test_an_existing_pending_domain_stays(plugin: Plugin) -> None:
    id_, _ = plugin.create(DomainProvider, domain("older.example"))
    _, outputs = plugin.create(DomainProvider, domain("older.example"))
    assert outputs["registered"] is False
    plugin.delete(DomainProvider, id_, outputs)
    assert plugin.read(DomainProvider, id_, outputs)[0] == id_


def test_a_registration_whose_response_is_lost_is_found_again(plugin: Plugin, world: RunningSandbox) -> None:
    drop_response(world, "/api/domain/create-domain")
    _, outputs = plugin.create(DomainProvider, domain("lost.example"))
    assert (outputs["state"], outputs["registered"]) == ("pending", True)


def test_ensure_leaves_an_internal_domain_and_register_keeps_its_inbound_type(plugin: Plugin) -> None:
    id_, outputs = plugin.create(DomainProvider, domain("kept.example"))
    assert (outputs["state"], outputs["registered"]) == ("internal", False)
    _, read, inputs = plugin.read(DomainProvider, id_, outputs)
    assert (read["inboundType"], inputs) == ("known", domain("kept.example"))
    strict = domain("kept.example", "register")
    drifted = plugin.read(DomainProvider, id_, outputs | strict)[2]
    assert drifted["inboundType"] == "any"
    plugin.update(DomainProvider, id_, outputs, strict)
    assert plugin.read(DomainProvider, id_, outputs | strict)[2] == strict


def test_a_required_domain_must_exist(plugin: Plugin) -> None:
    line = refusal(plugin, "create", DomainProvider, domain("absent.example", "require"))
    assert line.startswith("ResourceError: absent.example is not an internal domain")


def test_a_different_domain_is_a_replacement_and_an_expired_proof_an_update(plugin: Plugin) -> None:
    outputs = domain("a.example") | {
        "state": "pending",
        "registered": True,
        "expires": "2099-01-01T00:00:00Z",
    }
    assert plugin.diff(DomainProvider, "a", outputs, domain("b.example"))[1] == ["domain"]
    assert plugin.diff(DomainProvider, "a", outputs, domain("a.example")) == ("DIFF_UNKNOWN", [])
    ended = outputs | {"expires": "2020-01-01T00:00:00Z"}
    assert plugin.diff(DomainProvider, "a", ended, domain("a.example")) == ("DIFF_SOME", [])


# -- Address book ---------------------------------------------------------------------------------------------


def book(on_removal: str = "forget", adopt: tuple[str, ...] = (), /, **names: str) -> dict[str, Any]:
    addresses = {f"{local}@example.com": {"name": name} for local, name in names.items()}
    return {"addresses": addresses, "onRemoval": on_removal, "adopt": list(adopt)}


def live(world: RunningSandbox) -> dict[str, dict[str, Any]]:
    return {user["emailAddress"]: user for user in world.control.documents("mimecast.users")}


def test_a_book_from_creation_to_removal(plugin: Plugin, world: RunningSandbox) -> None:
    spelt = {"Ann@Example.COM": {"name": " Ann "}, "there@example.com": {"name": "There Already"}}
    inputs = plugin.inputs(AddressBookProvider, {"addresses": spelt, "onRemoval": "disable", "adopt": []})
    assert inputs["addresses"] == {
        "ann@example.com": {"name": "Ann"},
        "there@example.com": {"name": "There Already"},
    }
    id_, outputs = plugin.create(AddressBookProvider, inputs)
    assert outputs["created"] == ["ann@example.com"]
    assert plugin.read(AddressBookProvider, id_, outputs) == (id_, outputs, inputs)

    renamed = inputs | {"addresses": {"ann@example.com": {"name": "Anne"}}}
    outputs = plugin.update(AddressBookProvider, id_, outputs, renamed)
    assert live(world)["ann@example.com"]["name"] == "Anne"
    assert not live(world)["there@example.com"].get("accountDisabled"), "it was there before the book"

    plugin.delete(AddressBookProvider, id_, outputs)
    assert live(world)["ann@example.com"]["accountDisabled"] is True


def test_drift_is_reported_for_changed_and_missing_addresses_only(
    plugin: Plugin, world: RunningSandbox
) -> None:
    inputs = book(drift1="One", drift2="Two", drift3="")
    id_, outputs = plugin.create(AddressBookProvider, inputs)
    changed = world.control.get("mimecast.users", "drift1@example.com")
    assert changed
    world.control.put("mimecast.users", "drift1@example.com", changed | {"name": "Changed"})
    world.control.delete("mimecast.users", "drift2@example.com")
    with running(world.env) as another:
        another.configure(**CONFIG)
        _, _, seen = another.read(AddressBookProvider, id_, outputs)
    assert seen["addresses"] == {
        "drift1@example.com": {"name": "Changed"},
        "drift3@example.com": {"name": ""},
    }


@pytest.mark.parametrize("fault", [drop_response, fail_before], ids=["response lost", "failed before"])
def test_addresses_are_created_once_whatever_happens(
    plugin: Plugin, world: RunningSandbox, fault: Any
) -> None:
    prefix = "lost" if fault is drop_response else "failed"
    inputs = book(**{f"{prefix}{number}": f"Person {number}" for number in range(3)})
    fault(world, "/api/user/create-user", 2)
    _, outputs = plugin.create(AddressBookProvider, inputs)
    assert outputs["created"] == sorted(inputs["addresses"])
    assert {a: live(world)[a]["name"] for a in inputs["addresses"]} == {
        a: entry["name"] for a, entry in inputs["addresses"].items()
    }


def test_an_address_that_differs_needs_adopt(plugin: Plugin, world: RunningSandbox) -> None:
    _, first = plugin.create(AddressBookProvider, book(differs="Old"))
    assert first["created"] == ["differs@example.com"]
    line = refusal(plugin, "create", AddressBookProvider, book(differs="New", untouched="X"))
    assert "Nothing was written" in line
    assert "untouched@example.com" not in live(world)
    plugin.create(AddressBookProvider, book("forget", ("differs@example.com",), differs="New"))
    assert live(world)["differs@example.com"]["name"] == "New"


def test_a_synchronised_address_is_refused(plugin: Plugin) -> None:
    assert "directory synchronisation" in refusal(
        plugin, "create", AddressBookProvider, book("forget", ("synced@example.com",), synced="Other")
    )


def test_removal_can_be_refused_in_the_preview(plugin: Plugin) -> None:
    olds = book("refuse", x="X") | {"created": []}
    line = refusal(plugin, "diff", AddressBookProvider, "address-book", olds, book("refuse"))
    assert "x@example.com" in line
    assert "x@example.com" in refusal(plugin, "delete", AddressBookProvider, "address-book", olds)


def test_an_address_outside_the_account_is_a_clear_error(plugin: Plugin) -> None:
    inputs = {"addresses": {"a@elsewhere.example": {"name": "A"}}, "onRemoval": "forget", "adopt": []}
    line = refusal(plugin, "create", AddressBookProvider, inputs)
    assert "not in a domain of this account" in line


def test_a_password_is_set_by_its_version_and_kept_nowhere(plugin: Plugin, world: RunningSandbox) -> None:
    addresses = {"secret@example.com": {"name": "Secret", "passwordVersion": 1}}
    inputs = plugin.inputs(AddressBookProvider, {"addresses": addresses, "onRemoval": "forget", "adopt": []})
    assert inputs["addresses"]["secret@example.com"]["passwordVersion"] == "1"
    id_, outputs = plugin.create(AddressBookProvider, inputs)
    assert plugin.read(AddressBookProvider, id_, outputs)[1:] == (outputs, inputs)
    set_first = live(world)["secret@example.com"]["password"]

    after = world.control.journal(path="/api/user/update-user")
    plugin.update(AddressBookProvider, id_, outputs, inputs)
    assert len(world.control.journal(path="/api/user/update-user")) == len(after), "same version, no call"
    changed = json.loads(json.dumps(inputs).replace('"1"', '"2"'))
    outputs = plugin.update(AddressBookProvider, id_, outputs, changed)
    assert len(world.control.journal(path="/api/user/update-user")) == len(after) + 1
    assert set_first
    text = json.dumps([inputs, outputs], ensure_ascii=False)
    for form in (PASSWORD, PASSWORD.encode().hex(), base64.b64encode(PASSWORD.encode()).decode()):
        assert form not in text


def test_a_preview_names_whose_password_is_set(caplog: pytest.LogCaptureFixture) -> None:
    olds = book(old="Old", both="Both") | {"created": []}
    news = book(old="Old", both="Both", new="New")
    for address in ("both@example.com", "new@example.com"):
        news["addresses"][address]["passwordVersion"] = "1"
    AddressBookProvider().diff("address-book", olds, news)
    (line,) = caplog.messages
    assert line.endswith("will be set, which revokes the people's application tokens: both@example.com")


def test_password_and_confirmation_must_agree_before_any_call(plugin: Plugin) -> None:
    def failures(address: str) -> list[tuple[str, str]]:
        news = {
            "addresses": {address: {"name": "", "passwordVersion": "1"}},
            "onRemoval": "forget",
            "adopt": [],
        }
        return plugin.check(AddressBookProvider, news)[1]

    assert failures("unequal@example.com") == [
        ("", "In mimecast-sso:addressPasswords, password and confirmation differ for unequal@example.com")
    ]
    assert "has no password for none@example.com" in failures("none@example.com")[0][1]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"addresses": {"no address": {"name": ""}}}, "addresses"),
        ({"addresses": {"a@example.com": {}, "A@example.com": {}}}, "addresses"),
        ({"addresses": "a@example.com"}, "addresses"),
        ({"onRemoval": "purge"}, "onRemoval"),
        ({"adopt": ["x"]}, "adopt"),
    ],
)
def test_malformed_books_fail_in_the_preview(plugin: Plugin, change: dict[str, Any], key: str) -> None:
    _, failures = plugin.check(AddressBookProvider, book(a="A") | change)
    assert [property_ for property_, _ in failures] == [key]


def test_unknown_values_pass_through(plugin: Plugin) -> None:
    unknown = {"addresses": {"Ann@example.com": {"name": UNKNOWN}}, "onRemoval": "forget", "adopt": []}
    inputs, failures = plugin.check(AddressBookProvider, unknown)
    assert (inputs["addresses"]["Ann@example.com"]["name"], failures) == (UNKNOWN, [])
    olds = book(x="X") | {"created": []}
    assert plugin.diff(AddressBookProvider, "b", olds, unknown | {"addresses": UNKNOWN})[0] == "DIFF_UNKNOWN"
    assert plugin.check(DomainProvider, domain(UNKNOWN))[0]["domain"] == UNKNOWN
    form = FORM | {"certificate": UNKNOWN}
    assert plugin.check(AuthenticationProfileProvider, {"form": form, "thumbprint": UNKNOWN})[1] == []


# -- Groups ---------------------------------------------------------------------------------------------------


def test_a_group_is_created_once_renamed_in_place_and_removed(plugin: Plugin, world: RunningSandbox) -> None:
    drop_response(world, "/api/directory/create-group")
    id_, outputs = plugin.create(GroupProvider, {"description": "Roll-out"})
    assert (id_, outputs["created"]) == ("Roll-out", True)
    again = plugin.create(GroupProvider, {"description": "Roll-out"})[1]
    assert again["created"] is False, "a second run finds the one that is there"
    assert plugin.read(GroupProvider, id_, outputs) == (id_, outputs, {"description": "Roll-out"})

    renamed = plugin.update(GroupProvider, id_, outputs, {"description": "Roll-out 2"})
    assert plugin.read(GroupProvider, id_, renamed)[2] == {"description": "Roll-out 2"}
    assert plugin.read(GroupProvider, id_, outputs) == ("", {}, {})
    plugin.delete(GroupProvider, id_, renamed)
    left = {each["description"] for each in world.control.documents("mimecast.groups")}
    assert not {"Roll-out", "Roll-out 2"} & left


def test_an_existing_group_stays(plugin: Plugin) -> None:
    id_, outputs = plugin.create(GroupProvider, {"description": "Already there"})
    plugin.delete(GroupProvider, id_, outputs)
    assert plugin.read(GroupProvider, id_, outputs)[0] == id_


def members(group: str, *addresses: str, hold: bool = False) -> dict[str, Any]:
    return {"group": group, "members": sorted(addresses), "hold": hold}


def test_membership_is_the_switch(plugin: Plugin, world: RunningSandbox) -> None:
    plugin.create(GroupProvider, {"description": "Switch"})
    held = members("Switch", "there@example.com", "synced@example.com", hold=True)
    id_, outputs = plugin.create(GroupMembershipProvider, held)
    assert plugin.read(GroupMembershipProvider, id_, outputs)[2] == held, "who is held back is no drift"
    assert plugin.read(GroupMembershipProvider, id_, outputs | {"hold": False})[2]["members"] == []

    drop_response(world, "/api/directory/add-group-member")
    open_ = held | {"hold": False}
    outputs = plugin.update(GroupMembershipProvider, id_, outputs, open_)
    assert plugin.read(GroupMembershipProvider, id_, outputs) == (id_, outputs, open_)

    narrowed = members("Switch", "there@example.com", hold=True)
    outputs = plugin.update(GroupMembershipProvider, id_, outputs, narrowed)
    assert plugin.read(GroupMembershipProvider, id_, outputs | {"hold": False})[2]["members"] == [
        "there@example.com"
    ]

    drop_response(world, "/api/directory/remove-group-member")
    plugin.delete(GroupMembershipProvider, id_, outputs)
    assert plugin.read(GroupMembershipProvider, id_, outputs | {"hold": False})[2]["members"] == []


def test_a_forced_replacement_removes_nothing(plugin: Plugin, world: RunningSandbox) -> None:
    """``pulumi up --replace`` creates what already exists, and then deletes it: the roll-out group would be empty."""
    id_, group = plugin.create(GroupProvider, {"description": "Replaced"})
    plugin.create(GroupProvider, {"description": "Replaced"})
    plugin.delete_here(GroupProvider, id_, group)
    inside = members("Replaced", "there@example.com", "synced@example.com")
    id_, outputs = plugin.create(GroupMembershipProvider, inside)
    fewer = members("Replaced", "there@example.com")
    assert plugin.create(GroupMembershipProvider, fewer)[0] == id_
    plugin.delete_here(GroupMembershipProvider, id_, outputs)
    assert plugin.read(GroupMembershipProvider, id_, outputs)[2] == fewer, "only who left the list is removed"

    people = {"one@example.com": {"name": "One"}, "two@example.com": {"name": "Two"}}
    book = plugin.inputs(AddressBookProvider, {"addresses": people, "onRemoval": "disable", "adopt": []})
    id_, outputs = plugin.create(AddressBookProvider, book)
    plugin.create(AddressBookProvider, book)
    plugin.delete_here(AddressBookProvider, id_, outputs)
    assert not [address for address in people if live(world)[address].get("accountDisabled")]

    id_, outputs = plugin.create(DomainProvider, domain("replaced.example"))
    plugin.create(DomainProvider, domain("replaced.example"))
    plugin.delete_here(DomainProvider, id_, outputs)
    assert plugin.read(DomainProvider, id_, outputs)[0] == id_


def test_members_added_by_hand_are_drift_and_removed_only_if_recorded(plugin: Plugin) -> None:
    id_, outputs = plugin.create(GroupMembershipProvider, members("Already there"))
    assert outputs["members"] == []
    _, seen, _ = plugin.read(GroupMembershipProvider, id_, outputs)
    assert seen["members"] == ["there@example.com"]
    plugin.update(GroupMembershipProvider, id_, seen, members("Already there"))
    assert plugin.read(GroupMembershipProvider, id_, outputs)[1]["members"] == []


def test_membership_of_a_missing_group(plugin: Plugin) -> None:
    desired = members("No such group", "there@example.com")
    assert 'no cloud group called "No such group"' in refusal(
        plugin, "create", GroupMembershipProvider, desired
    )
    assert plugin.read(GroupMembershipProvider, "x", desired) == ("", {}, {})
    plugin.delete(GroupMembershipProvider, "x", desired)
    assert plugin.diff(GroupMembershipProvider, "x", desired, members("Other"))[1] == ["group"]


# -- Authentication profile -----------------------------------------------------------------------------------


def test_the_profile_is_due_until_its_fingerprint_is_confirmed(plugin: Plugin, world: RunningSandbox) -> None:
    pem = f"-----BEGIN CERTIFICATE-----\n{CERTIFICATE}\n-----END CERTIFICATE-----\n"
    before = calls(world, "/.*")
    news = {"form": FORM | {"certificate": pem}, "thumbprint": THUMBPRINT.lower(), "confirmed": None}
    inputs = plugin.inputs(AuthenticationProfileProvider, news)
    assert inputs == {"form": FORM | {"certificate": CERTIFICATE}, "thumbprint": THUMBPRINT}
    id_, outputs = plugin.create(AuthenticationProfileProvider, inputs)
    assert (outputs["state"], outputs["criticalFingerprint"]) == ("due", PRINTS.critical)
    word = {
        "fingerprint": PRINTS.critical,
        "by": "ada@example.com",
        "at": "2026-11-01T09:00:00Z",
        "evidence": "x",
    }
    claimed = plugin.update(AuthenticationProfileProvider, id_, outputs, inputs | {"confirmed": word})
    assert claimed["state"] == "claimed"
    assert plugin.read(AuthenticationProfileProvider, id_, claimed) == (
        id_,
        claimed,
        inputs | {"confirmed": word},
    )

    changed = inputs | {
        "form": inputs["form"] | {"issuerUrl": "https://sts.windows.net/other/"},
        "confirmed": word,
    }
    due = plugin.update(AuthenticationProfileProvider, id_, claimed, changed)
    assert (due["state"], due["previousForm"]) == ("due", inputs["form"])
    assert plugin.read(AuthenticationProfileProvider, id_, due)[1] == due
    again = plugin.update(
        AuthenticationProfileProvider, id_, due, changed | {"confirmed": word | {"by": "x"}}
    )
    assert again["previousForm"] == inputs["form"], "the console still holds what was confirmed"
    back = plugin.update(AuthenticationProfileProvider, id_, again, inputs | {"confirmed": word})
    assert (back["state"], "previousForm" in back) == ("claimed", False)
    assert calls(world, "/.*") == before, "nothing is read from or written to Mimecast"


def test_a_malformed_profile_fails_without_showing_values(plugin: Plugin) -> None:
    news = {"form": FORM | {"certificate": "AAAA"}, "thumbprint": THUMBPRINT}
    assert plugin.check(AuthenticationProfileProvider, news)[1] == [
        ("", "thumbprint is not the SHA-1 thumbprint of form.certificate")
    ]


# -- The process ----------------------------------------------------------------------------------------------


def test_nothing_is_done_with_another_account(world: RunningSandbox) -> None:
    with running(world.env) as plugin:
        plugin.configure(**(CONFIG | {"accountCode": "CUK99A999"}))
        line = refusal(plugin, "create", DomainProvider, domain("foreign.example"))
        assert "are for account CUK25A118, but mimecast-sso:accountCode is CUK99A999" in line
        # A refresh with the wrong credentials must not take everything for deleted.
        refusal(plugin, "read", DomainProvider, "x", domain("example.com") | {"registered": False})


def test_errors_are_one_line_without_secrets(world: RunningSandbox) -> None:
    wrong = "canary-wrong-secret"
    with running(world.env | {"MIMECAST_CLIENT_SECRET": wrong}) as plugin:
        plugin.configure(**CONFIG)
        line = refusal(plugin, "create", DomainProvider, domain("x.example"))
        assert "Mimecast refuses the client id and secret" in line
        assert wrong not in line
        # A defect as well: here inputs that no check lets pass.
        assert "Unexpected KeyError" in refusal(plugin, "create", AuthenticationProfileProvider, {})
    assert wrong not in "".join(plugin.output)


def test_malformed_configuration_is_one_line(world: RunningSandbox) -> None:
    with running(world.env) as plugin:
        plugin.configure(**(CONFIG | {"addressPasswords": "canary-password"}))
        line = refusal(plugin, "check", GroupProvider, {"description": "x"})
        assert line == "ResourceError: mimecast-sso:addressPasswords must be a map"


def test_credentials_may_come_from_the_stack_configuration(world: RunningSandbox) -> None:
    environment = {key: value for key, value in world.env.items() if not key.startswith("MIMECAST_")}
    with running(environment) as plugin:
        plugin.configure(**CONFIG)
        assert "MIMECAST_CLIENT_ID is not set" in refusal(
            plugin, "create", GroupProvider, {"description": "C"}
        )
        plugin.configure(
            **CONFIG,
            mimecastClientId=credentials.MIMECAST_CLIENT_ID,
            mimecastClientSecret=credentials.MIMECAST_CLIENT_SECRET,
        )
        # The SDK configures a provider class once in a process: another class brings the new configuration.
        assert plugin.create(AddressBookProvider, book())[0] == "address-book"
