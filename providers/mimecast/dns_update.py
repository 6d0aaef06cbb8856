"""Publish a proof record by a DNS update (RFC 2136) signed with a shared key (TSIG, RFC 8945)."""

from __future__ import annotations

import binascii
import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.tsig
import dns.tsigkeyring
import dns.update

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import PROOF_RECORD_TYPE
from mimecast_sso.facts.mimecast_proof import CNAME_TYPE, proof_record
from mimecast_sso.text.names import domain_name
from providers.mimecast.errors import DnsUpdateError

TIMEOUT = 10.0
TTL = 300
_PORT = 53
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class UpdateServer:
    """A name server that accepts updates. ``key_secret`` is base 64 and never in its repr."""

    server: str
    """Host, or host:port."""
    zone: str
    key_name: str
    key_algorithm: str
    key_secret: str = field(repr=False)
    record_type: str = PROOF_RECORD_TYPE
    """The form of the proof: ``TXT`` or ``CNAME``."""


def update_server(
    configuration: Mapping[str, JSON], environment: Mapping[str, str] | None = None
) -> UpdateServer:
    """The server that ``mimecast-sso:dns`` describes. Raises DnsUpdateError naming what is missing.

    In a sandbox's environment (``SANDBOX_INSTANCE``, ``SANDBOX_HOME``) it is the sandbox's own name server,
    whatever is configured: a rehearsal of a production stack must not write into the real zone.
    """
    environment = os.environ if environment is None else environment
    tsig = configuration.get("tsig")
    tsig = tsig if isinstance(tsig, Mapping) else {}
    values = {
        "server": _sandbox_server(environment) or configuration.get("server"),
        "zone": configuration.get("zone"),
        "tsig.name": tsig.get("name"),
        "tsig.secret": tsig.get("secret"),
    }
    missing = [f"mimecast-sso:dns.{key}" for key, value in values.items() if not value]
    if missing:
        raise DnsUpdateError(f"Publishing by DNS update needs {', '.join(missing)}")
    try:
        zone = domain_name(str(values["zone"]))
    except ValueError as error:
        raise DnsUpdateError(f"mimecast-sso:dns.zone: {error}") from None
    return UpdateServer(
        server=str(values["server"]),
        zone=zone,
        key_name=str(values["tsig.name"]),
        key_algorithm=str(tsig.get("algorithm") or "hmac-sha256"),
        key_secret=str(values["tsig.secret"]),
        record_type=str(configuration.get("record") or PROOF_RECORD_TYPE),
    )


def publish_proof(server: UpdateServer, domain: str, code: str) -> None:
    """Add the proof record of ``domain`` to the existing ones. Repeating it changes nothing.

    Raises DnsUpdateError if the name is outside the zone, or the server cannot be reached or refuses.
    """
    name, value = proof_record(domain, code, server.record_type)
    zone = dns.name.from_text(server.zone)
    owner = dns.name.from_text(name)
    if not owner.is_subdomain(zone):
        raise DnsUpdateError(f"{name} is not in the zone {server.zone} of mimecast-sso:dns")
    update = dns.update.UpdateMessage(zone, keyring=_keyring(server), keyalgorithm=server.key_algorithm)
    text = f"{value}." if server.record_type == CNAME_TYPE else _quoted(value)
    update.add(owner.relativize(zone), TTL, server.record_type, text)
    address, port = _address(server.server)
    try:
        response = dns.query.tcp(update, address, timeout=TIMEOUT, port=port)
    except dns.tsig.PeerError as error:
        raise DnsUpdateError(
            f"The name server {server.server} refuses the key {server.key_name} of mimecast-sso:dns.tsig "
            f"({type(error).__name__}), so the proof of {domain} was not published. Correct its name, algorithm and "
            "secret, and rerun"
        ) from None
    except (OSError, dns.exception.DNSException) as error:
        raise DnsUpdateError(
            f"The name server {server.server} did not apply the update of {name}: {type(error).__name__}"
        ) from None
    if response.rcode() != dns.rcode.NOERROR:
        raise DnsUpdateError(
            f"The name server {server.server} refuses the update of {name} in zone {server.zone}: "
            f"{dns.rcode.to_text(response.rcode())}"
        )


def find_zone(server: UpdateServer) -> str:
    """Ask the server for its zone's SOA over TCP, and return the primary server's name. Writes nothing.

    Raises DnsUpdateError if the server cannot be reached or does not serve the zone.
    """
    address, port = _address(server.server)
    query = dns.message.make_query(dns.name.from_text(server.zone), dns.rdatatype.SOA)
    try:
        response = dns.query.tcp(query, address, timeout=TIMEOUT, port=port)
    except (OSError, dns.exception.DNSException) as error:
        raise DnsUpdateError(
            f"The name server {server.server} did not respond: {type(error).__name__}"
        ) from None
    for record in (record for rrset in response.answer for record in rrset):
        if record.rdtype == dns.rdatatype.SOA:
            return str(record.mname)
    raise DnsUpdateError(
        f"The name server {server.server} does not serve zone {server.zone}: {dns.rcode.to_text(response.rcode())}"
    )


def _keyring(server: UpdateServer) -> dict[dns.name.Name, dns.tsig.Key]:
    try:
        ring = dns.tsigkeyring.from_text({server.key_name: (server.key_algorithm, server.key_secret)})
    except (binascii.Error, ValueError, dns.exception.DNSException):
        raise DnsUpdateError("mimecast-sso:dns.tsig is malformed; its secret must be base 64") from None
    return dict(ring)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _host_and_port(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.startswith("[")):
        if not 0 < int(port) <= _HIGHEST_PORT:
            raise DnsUpdateError(f"The name server {server} of mimecast-sso:dns has an invalid port")
        return host.strip("[]"), int(port)
    return server.strip("[]"), _PORT


def _address(server: str) -> tuple[str, int]:
    host, port = _host_and_port(server)
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]), port
    except (OSError, UnicodeError, OverflowError):  # The latter two: not a host name, not a port.
        raise DnsUpdateError(f"The name server {server} of mimecast-sso:dns cannot be resolved") from None


def _sandbox_server(environment: Mapping[str, str]) -> str | None:
    instance, home = environment.get("SANDBOX_INSTANCE"), environment.get("SANDBOX_HOME")
    if not instance:
        return None
    try:
        process = json.loads((Path(home or "") / "process.json").read_text())
    except (OSError, ValueError):
        process = {}
    server = str(process.get("dns") or "")
    if process.get("instance") != instance or not _is_loopback(server):
        raise DnsUpdateError(
            "This environment is a sandbox's, but the sandbox is not running, so no DNS update is sent. "
            "Start it: mimecast-sso sandbox start"
        )
    return server


def _is_loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(_host_and_port(server)[0]).is_loopback
    except ValueError:
        return False
