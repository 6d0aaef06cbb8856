"""The address book as a state machine: edits on both sides, faults and crashes, in any order.

The configuration is edited, the tenant is changed externally, responses are lost, refused or corrupted, and the
process is killed between two of its calls, so that the state is not updated. After every successful run the tenant
matches the configuration, nobody was created twice, nobody disappeared, and a refresh reports exactly the
differences.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from providers.edge import ResourceError
from providers.mimecast.process import process
from providers.mimecast.resources import AddressBookProvider
from providers.mimecast.session import Session
from tests.providers.vendor import LOST, Adapter, Directory, Reply, asks_only, client, legacy, refused, user
from tests.support import state_machines

ADDRESSES = [
    f"{name}@{domain}" for name in ("a", "b", "c", "d+x") for domain in ("example.com", "example.org")
]
SYNCHRONISED = "synced@example.com"
NAMES = ("", "Ada", "Grace")
FAULTS = ("ok", "ok", "before", "after", "quota", "malformed", "crash before", "crash after")

address = st.sampled_from(ADDRESSES)
name = st.sampled_from(NAMES)


class Killed(BaseException):
    """The process is gone: nothing that follows in it happens."""


class Tenant(Directory):
    """A directory whose writes and listings meet the faults set for them, one each."""

    def __init__(self) -> None:
        super().__init__({SYNCHRONISED: user(SYNCHRONISED, "Synced", "ldap")}, page=3)
        self.faults: list[str] = []
        self.writes = 0

    def respond(self, path: str, body: Any) -> Reply:
        if path == "/api/account/get-account":
            return legacy({"accountCode": "CUK25A118", "region": "eu", "accountName": "x"})
        if path == "/api/user/get-internal-users" or asks_only(path, body):
            return super().respond(path, body)
        return self._written(path, body)

    def _written(self, path: str, body: Any) -> Reply:
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "crash before":
            raise Killed
        if fault == "before":
            return refused(500, "internal_server_error_1")
        if fault == "quota":
            return Reply({}, 429, {"X-RateLimit-Reset": "50"})
        self.writes += 1
        response = self._write(path, body["data"][0])
        if fault == "crash after":
            raise Killed
        if fault == "malformed":
            return Reply(b"<html>")
        return Reply(error=LOST) if fault == "after" else response


class Book(RuleBasedStateMachine):
    """One address book, its configuration, its state, and the tenant."""

    @initialize()
    def start(self) -> None:
        self.tenant = Tenant()
        self.config: dict[str, dict[str, str]] = {}
        self.adopt: set[str] = set()
        self.state: dict[str, Any] | None = None
        self.everybody: set[str] = {SYNCHRONISED}
        """Everyone who was ever in the tenant and was not removed in the console."""

    # -- Edits on both sides ----------------------------------------------------------------------------------

    @rule(address=address, name=name)
    def configure(self, address: str, name: str) -> None:
        self.config[address] = {"name": name}

    @rule(address=address)
    def leave_out(self, address: str) -> None:
        self.config.pop(address, None)

    @rule(address=address)
    def allow_adoption(self, address: str) -> None:
        self.adopt.add(address)

    @rule(named=st.sampled_from(["", "Synced", "Another name"]))
    def want_the_synchronised_one(self, named: str) -> None:
        self.config[SYNCHRONISED] = {"name": named}

    @rule(address=address, name=name)
    def console_adds_or_renames(self, address: str, name: str) -> None:
        self.tenant.users.setdefault(address, user(address, name))["name"] = name
        self.everybody.add(address)

    @rule(address=address)
    def console_removes(self, address: str) -> None:
        self.tenant.users.pop(address, None)
        self.everybody.discard(address)

    # -- Runs -------------------------------------------------------------------------------------------------

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=6))
    def run(self, faults: list[str]) -> None:
        self.tenant.faults = list(faults)
        self._run()
        self.tenant.faults = []

    @rule()
    def run_until_it_ends_well(self) -> None:
        if self._refusable():
            before = deepcopy(self.tenant.users)
            assert self._run() == "refused"
            assert self.tenant.users == before, "a refused run writes nothing"
            return
        assert self._run() == "done"
        self._is_as_wanted()
        written = self.tenant.writes
        assert self._run() == "done"
        assert self.tenant.writes == written, "a second run writes nothing"
        assert self._refreshed() == self.config, "a refresh finds nothing"

    @rule()
    def refresh_is_exact(self) -> None:
        if self.state is None:
            return
        recorded = self.state["addresses"]
        live = self.tenant.users
        expected = {
            each: {"name": entry["name"] and live[each]["name"]}
            for each, entry in recorded.items()
            if each in live
        }
        assert self._refreshed() == expected

    @rule()
    def refresh_into_the_state(self) -> None:
        if self.state is not None:
            found = self._new_process().read("address-book", deepcopy(self.state))
            self.state = found.outs if found.id else None

    @invariant()
    def nobody_is_lost_or_there_twice(self) -> None:
        assert self.everybody <= self.tenant.users.keys()
        assert len(self.tenant.users) == len({each.lower() for each in self.tenant.users})
        assert self.tenant.users[SYNCHRONISED]["name"] == "Synced"

    # -- Inside -----------------------------------------------------------------------------------------------

    def _new_process(self) -> AddressBookProvider:
        mimecast = client(Adapter(self.tenant.respond))
        process._session = Session(mimecast, "CUK25A118", "eu")
        return AddressBookProvider()

    def _run(self) -> str:
        """What an update does: check, then create or update; the state changes only when that ends well."""
        provider = self._new_process()
        desired = {"addresses": self.config, "onRemoval": "forget", "adopt": sorted(self.adopt)}
        inputs = provider.check({}, deepcopy(desired)).inputs
        present = set(self.tenant.users)
        try:
            if self.state is None:
                outputs = provider.create(inputs).outs
            else:
                outputs = provider.update("address-book", deepcopy(self.state), inputs).outs
        except Killed:
            return "killed"
        except ResourceError as refusal:
            return "refused" if "Nothing was written" in str(refusal) else "failed"
        finally:
            self.everybody |= set(self.tenant.users) - present
        self.state = outputs
        return "done"

    def _refreshed(self) -> dict[str, dict[str, str]]:
        found = self._new_process().read("address-book", deepcopy(self.state))
        return (found.inputs or {}).get("addresses", {})

    def _refusable(self) -> bool:
        """Whether somebody is configured differently, and is neither this book's nor to be adopted."""
        managed = self.state["addresses"].keys() if self.state else set()
        for each, entry in self.config.items():
            live = self.tenant.users.get(each)
            if live is None or entry["name"] in ("", live["name"]):
                continue
            if live["source"] == "ldap" or each not in {*managed, *self.adopt}:
                return True
        return False

    def _is_as_wanted(self) -> None:
        for each, entry in self.config.items():
            assert entry["name"] in ("", self.tenant.users[each]["name"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.mimecast.address_book._PAUSES", (0.0, 0.0, 0.0))


def run_machine(lives: int, steps: int) -> None:
    before = process._session
    try:
        state_machines.run(Book, lives, steps)
    finally:
        process._session = before


def test_the_book_converges_whatever_happens() -> None:
    run_machine(40, 25)


@pytest.mark.soak
def test_the_book_converges_in_long_runs() -> None:
    run_machine(600, 50)
