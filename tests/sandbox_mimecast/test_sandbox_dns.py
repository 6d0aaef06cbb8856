"""The name server, tested with dnspython's client."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import pytest

from sandbox import credentials, lifecycle
from sandbox import dns as name_server
from sandbox.world import World
from tests.sandbox_mimecast.helpers import TIMEOUT, send
from tests.support.sandboxes import RunningSandbox, started

ZONE = "example.com"
KEY = dns.tsig.Key(credentials.TSIG_KEY_NAME, credentials.TSIG_SECRET, credentials.TSIG_ALGORITHM)


def address(sandbox: RunningSandbox) -> tuple[str, int]:
    host, _, port = str(sandbox.control.status()["dns"]).rpartition(":")
    return host, int(port)


def ask(sandbox: RunningSandbox, name: str, rdtype: str, **options: Any) -> dns.message.Message:
    host, port = address(sandbox)
    query = dns.message.make_query(name, rdtype, **options)
    return dns.query.udp(query, host, port=port, timeout=TIMEOUT)


def change(zone: str = ZONE, key: dns.tsig.Key | None = KEY) -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(zone, keyring=key)


def texts(sandbox: RunningSandbox, name: str) -> list[str]:
    return sorted(rdata.to_text() for rrset in ask(sandbox, name, "TXT").answer for rdata in rrset)


def serial(sandbox: RunningSandbox) -> int:
    number: int = ask(sandbox, ZONE, "SOA").answer[0][0].serial
    return number


@pytest.mark.parametrize("tcp", [False, True])
def test_records_are_added_and_deleted(sandbox: RunningSandbox, tcp: bool) -> None:
    name = f"tcp-{tcp}.{ZONE}"
    before = serial(sandbox)
    update = change()
    update.add(
        f"tcp-{tcp}",
        300,
        "TXT",
        "one",
    )
    update.add(f"tcp-{tcp}", 300, "TXT", "two")
    assert send(sandbox, update, tcp=tcp) == "NOERROR"
    assert texts(sandbox, name) == ['"one"', '"two"']
    assert serial(sandbox) == before + 1
    update = change()
    update.delete(f"tcp-{tcp}", "TXT", "one")
    assert send(sandbox, update, tcp=tcp) == "NOERROR"
    assert texts(sandbox, name) == ['"two"']
    update = change()
    update.delete(f"tcp-{tcp}")
    assert send(sandbox, update, tcp=tcp) == "NOERROR"
    answer = ask(sandbox, name, "TXT")
    assert answer.rcode() == dns.rcode.NXDOMAIN


def test_an_addition_keeps_existing_records(sandbox: RunningSandbox) -> None:
    for value in ("v=spf1 -all", "code", "code"):
        update = change()
        update.add("apex", 300, "TXT", f'"{value}"')
        assert send(sandbox, update) == "NOERROR"
    assert texts(sandbox, f"apex.{ZONE}") == ['"code"', '"v=spf1 -all"']


def test_negative_answers_carry_the_soa(sandbox: RunningSandbox) -> None:
    absent = ask(sandbox, f"absent.{ZONE}", "TXT")
    no_data = ask(sandbox, ZONE, "MX")
    assert (absent.rcode(), no_data.rcode()) == (dns.rcode.NXDOMAIN, dns.rcode.NOERROR)
    for answer in (absent, no_data):
        assert answer.flags & dns.flags.AA
        assert not answer.answer
        assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA]


def test_a_name_above_others_exists(sandbox: RunningSandbox) -> None:
    update = change()
    update.add("deep.middle", 300, "A", "192.0.2.1")
    send(sandbox, update)
    assert ask(sandbox, f"middle.{ZONE}", "A").rcode() == dns.rcode.NOERROR


def test_other_zones_and_transfers_are_refused(sandbox: RunningSandbox) -> None:
    assert ask(sandbox, "example.net", "A").rcode() == dns.rcode.REFUSED
    assert ask(sandbox, ZONE, "AXFR").rcode() == dns.rcode.REFUSED


def test_an_alias_is_followed_and_stands_alone(sandbox: RunningSandbox) -> None:
    update = change()
    update.add("target", 300, "A", "192.0.2.2")
    update.add("alias", 300, "CNAME", f"target.{ZONE}.")
    send(sandbox, update)
    answer = ask(sandbox, f"ALIAS.{ZONE}", "A")
    assert [rrset.rdtype for rrset in answer.answer] == [dns.rdatatype.CNAME, dns.rdatatype.A]
    update = change()
    update.add("alias", 300, "TXT", "beside")
    assert send(sandbox, update) == "NOERROR"
    assert ask(sandbox, f"alias.{ZONE}", "TXT").answer[0].rdtype == dns.rdatatype.CNAME


def test_a_long_response_is_truncated_and_complete_over_tcp(sandbox: RunningSandbox) -> None:
    update = change()
    for number in range(12):
        update.add("long", 300, "TXT", f'"{number:02d}{"x" * 100}"')
    send(sandbox, update)
    assert ask(sandbox, f"long.{ZONE}", "TXT", use_edns=False).flags & dns.flags.TC
    host, port = address(sandbox)
    query = dns.message.make_query(f"long.{ZONE}", "TXT")
    whole, used_tcp = dns.query.udp_with_fallback(query, host, port=port, timeout=TIMEOUT)
    assert used_tcp or not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 12


# Signatures


def added(key: dns.tsig.Key | None, zone: str = ZONE, name: str = "signed") -> dns.update.UpdateMessage:
    update = change(zone, key)
    update.add(name, 300, "TXT", "value")
    return update


def test_an_unsigned_update_is_refused(sandbox: RunningSandbox) -> None:
    assert send(sandbox, added(None)) == "REFUSED"


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (dns.tsig.Key("unknown.", credentials.TSIG_SECRET), dns.tsig.PeerBadKey),
        (dns.tsig.Key(credentials.TSIG_KEY_NAME, "AAAA"), dns.tsig.PeerBadSignature),
        (
            dns.tsig.Key(credentials.TSIG_KEY_NAME, credentials.TSIG_SECRET, "hmac-sha512"),
            dns.tsig.PeerBadKey,
        ),
    ],
)
def test_a_wrong_key_is_named(sandbox: RunningSandbox, key: dns.tsig.Key, error: type[Exception]) -> None:
    with pytest.raises(error):
        send(sandbox, added(key))
    assert not texts(sandbox, f"signed.{ZONE}")


def test_a_signature_of_another_hour_is_refused(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:

    now = time.time()
    monkeypatch.setattr("dns.message.time.time", lambda: now - 3600)
    wire = added(KEY).to_wire()
    monkeypatch.undo()
    host, port = address(sandbox)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT)
        sock.sendto(wire, (host, port))
        answer = dns.message.from_wire(sock.recv(4096), keyring=False)
    assert answer.rcode() == dns.rcode.NOTAUTH
    assert answer.tsig is not None
    assert answer.tsig[0].error == 18  # BADTIME


def test_a_key_of_another_zone_is_refused(sandbox: RunningSandbox) -> None:
    other = dns.tsig.Key("other-key.", "b3RoZXItc2VjcmV0")
    tsig = {"name": "other-key.", "algorithm": "hmac-sha256", "secret": "b3RoZXItc2VjcmV0"}
    sandbox.control.seed({"dns": {"zones": [{"name": "other.example", "tsig": tsig}]}})
    assert send(sandbox, added(other)) == "REFUSED"
    assert send(sandbox, added(other, "other.example")) == "NOERROR"


def test_names_outside_the_zone(sandbox: RunningSandbox) -> None:
    assert send(sandbox, added(KEY, name="elsewhere.example.org.")) == "NOTZONE"
    assert send(sandbox, added(KEY, zone="example.org")) == "NOTAUTH"


# Prerequisites


def test_prerequisites_guard_an_update(sandbox: RunningSandbox) -> None:
    update = change()
    update.add("guarded", 300, "TXT", "old")
    send(sandbox, update)

    def guarded(*, absent: tuple[str, ...] = (), present: tuple[str, ...] = ()) -> str:
        update = change()
        if absent:
            update.absent(*absent)
        if present:
            update.present(*present)
        update.add("guarded-result", 300, "TXT", "done")
        return send(sandbox, update)

    assert guarded(absent=("guarded",)) == "YXDOMAIN"
    assert guarded(absent=("guarded", "TXT")) == "YXRRSET"
    assert guarded(present=("nothing",)) == "NXDOMAIN"
    assert guarded(present=("guarded", "A")) == "NXRRSET"
    assert guarded(present=("guarded", "TXT", "new")) == "NXRRSET"
    assert not texts(sandbox, f"guarded-result.{ZONE}")
    assert guarded(present=("guarded", "TXT", "old"), absent=("nothing",)) == "NOERROR"
    assert texts(sandbox, f"guarded-result.{ZONE}") == ['"done"']


def test_the_apex_keeps_its_soa_and_ns(sandbox: RunningSandbox) -> None:
    update = change()
    update.delete("@")
    update.delete("@", "NS")
    update.replace("@", 300, "NS", "ns.elsewhere.example.")
    assert send(sandbox, update) == "NOERROR"
    assert ask(sandbox, ZONE, "SOA").answer
    assert ask(sandbox, ZONE, "NS").answer[0][0].to_text() == "ns.sandbox.invalid."


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"\x12\x34" + b"\xff" * 30, struct.pack("!HHHHHH", 7, 0, 9, 9, 9, 9)]
)
def test_malformed_messages_do_not_stop_the_server(sandbox: RunningSandbox, junk: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(junk, address(sandbox))
    assert ask(sandbox, ZONE, "SOA").answer


# The world


def test_records_survive_a_restart(tmp_path: Path) -> None:
    with started(tmp_path) as sandbox:
        update = change()
        update.add("kept", 300, "TXT", "still here")
        send(sandbox, update)
        lifecycle.stop(tmp_path)
        lifecycle.start(tmp_path)
        assert texts(sandbox, f"kept.{ZONE}") == ['"still" "here"']


def test_lookup_joins_strings_and_tolerates_invalid_names(tmp_path: Path) -> None:
    world = World(tmp_path, "test")
    record = {"name": "www", "type": "TXT", "values": ['"one " "two"']}
    alias = {"name": "alias", "type": "CNAME", "values": [f"www.{ZONE}."]}
    name_server.seed(world, {"dns": {"zones": [{"name": ZONE, "tsig": None, "records": [record, alias]}]}})
    assert name_server.lookup(world, f"www.{ZONE}", "TXT") == ["one two"]
    assert name_server.lookup(world, f"alias.{ZONE}", "TXT") == ["one two"]
    assert name_server.lookup(world, f"alias.{ZONE}", "CNAME") == [f"www.{ZONE}"]
    assert name_server.lookup(world, "www.example.net", "TXT") == []
    assert name_server.lookup(world, f"{'x' * 64}.{ZONE}", "TXT") == []
