"""The sandbox's name server: authoritative for the zones of the world, with dynamic update.

Queries follow RFC 1034 and RFC 2308 (negative answers carry the SOA record), updates RFC 2136, signatures
RFC 8945. No recursion, no zone transfer: queries outside the zones are refused.

Documents: ``dns.zones`` by zone name has ``name``, ``serial`` and ``tsig`` (``name``, ``algorithm``, ``secret``);
``dns.records`` by ``<zone>/<owner>/<type>`` has ``zone``, ``name``, ``type``, ``ttl`` and ``values`` in the
presentation format. A zone's SOA and NS records are derived from its document. Names are absolute and lower case.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from dataclasses import dataclass
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update

from sandbox.world import World

ZONES = "dns.zones"
RECORDS = "dns.records"

_log = logging.getLogger(__name__)

_MASTER = "ns.sandbox.invalid."
_NEGATIVE_TTL = 60
_APEX_TTL = 3600
_CLASSIC_PAYLOAD = 512
_TCP_IDLE_SECONDS = 30.0
_TSIG_FUDGE = 300
_CNAME_CHAIN_LIMIT = 8
_BIND_ATTEMPTS = 20
_HEADER_LENGTH = 12

_IN = dns.rdataclass.IN
_SOA = dns.rdatatype.SOA
_NS = dns.rdatatype.NS
_CNAME = dns.rdatatype.CNAME
_ANY = dns.rdatatype.ANY
_TRANSFERS = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)


class _RefusedError(Exception):
    """Ends with a response that has only a response code."""

    def __init__(self, rcode: dns.rcode.Rcode) -> None:
        self.rcode = rcode
        super().__init__(dns.rcode.to_text(rcode))


# ---------------------------------------------------------------- zones


def seed(world: World, document: dict[str, Any]) -> None:
    """Add the missing zones of a seed document's ``dns`` part, with their ``records`` if given."""
    for requested in document.get("dns", {}).get("zones", []):
        name = _text(dns.name.from_text(requested["name"]))
        if world.get(ZONES, name) is not None:
            continue
        world.put(ZONES, name, {"name": name, "serial": 1, "tsig": requested.get("tsig")})
        for record in requested.get("records", []):
            owner = _text(dns.name.from_text(record["name"], dns.name.from_text(name)))
            document = {
                "zone": name,
                "name": owner,
                "type": record["type"],
                "ttl": record.get("ttl", _APEX_TTL),
                "values": record["values"],
            }
            world.put(RECORDS, _record_key(name, owner, record["type"]), document)


def lookup(world: World, name: str, rdtype: str) -> list[str]:
    """The values that a resolver would return, as text: TXT strings joined, names without the final dot.

    Empty for an absent name or type, and for a name outside the zones.
    """
    try:
        owner = dns.name.from_text(name)
    except (dns.exception.DNSException, UnicodeError):
        return []
    zone = _zone_of(world, owner)
    if zone is None:
        return []
    requested = dns.rdatatype.from_text(rdtype)
    found = _resolve(zone, owner, requested)
    return [_plain(rdata) for rrset in found if rrset.rdtype == requested for rdata in rrset]


def _plain(rdata: dns.rdata.Rdata) -> str:
    if rdata.rdtype == dns.rdatatype.TXT:
        strings: tuple[bytes, ...] = rdata.strings  # type: ignore[attr-defined]
        return b"".join(strings).decode("utf-8", "replace")
    return rdata.to_text().removesuffix(".")


def _text(name: dns.name.Name) -> str:
    return name.to_text().lower()


def _record_key(zone: str, owner: str, rdtype: str) -> str:
    return f"{zone}/{owner}/{rdtype}"


class _Zone:
    """A zone in memory: its document, and its record sets by owner and type."""

    def __init__(self, world: World, document: dict[str, Any]) -> None:
        self._world = world
        self._document = document
        self.tsig: dict[str, str] | None = document["tsig"]
        self.origin = dns.name.from_text(document["name"])
        serial = document["serial"]
        soa = f"{_MASTER} hostmaster.{document['name']} {serial} 3600 600 604800 {_NEGATIVE_TTL}"
        self.sets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rdataset.Rdataset] = {
            (self.origin, _SOA): dns.rdataset.from_text(_IN, _SOA, _APEX_TTL, soa),
            (self.origin, _NS): dns.rdataset.from_text(_IN, _NS, _APEX_TTL, _MASTER),
        }
        for record in world.all(RECORDS):
            if record["zone"] == document["name"]:
                rdataset = dns.rdataset.from_text_list(_IN, record["type"], record["ttl"], record["values"])
                self.sets[dns.name.from_text(record["name"]), rdataset.rdtype] = rdataset

    def types(self, owner: dns.name.Name) -> set[dns.rdatatype.RdataType]:
        """The record types of the name."""
        return {rdtype for name, rdtype in self.sets if name == owner}

    def exists(self, name: dns.name.Name) -> bool:
        """Whether the name or a name below it has records (an empty non-terminal exists)."""
        return any(owner.is_subdomain(name) for owner, _ in self.sets)

    def rrset(self, owner: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.rrset.RRset:
        """The record set as it appears in an answer. It must exist."""
        rdataset = self.sets[owner, rdtype]
        return dns.rrset.from_rdata_list(owner, rdataset.ttl, list(rdataset))

    def save(self) -> None:
        """Write the records back and increment the serial in one transaction."""
        zone = self._document["name"]
        requested = {
            _record_key(zone, _text(owner), dns.rdatatype.to_text(rdtype)): {
                "zone": zone,
                "name": _text(owner),
                "type": dns.rdatatype.to_text(rdtype),
                "ttl": rdataset.ttl,
                "values": [rdata.to_text() for rdata in rdataset],
            }
            for (owner, rdtype), rdataset in self.sets.items()
            if not self.made_up(owner, rdtype)
        }
        with self._world.transaction():
            for key, record in self._world.items(RECORDS):
                if record["zone"] == zone and key not in requested:
                    self._world.delete(RECORDS, key)
            for key, record in requested.items():
                self._world.put(RECORDS, key, record)
            self._world.put(ZONES, zone, {**self._document, "serial": self._document["serial"] + 1})

    def made_up(self, owner: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> bool:
        """Whether the records are derived from the zone's document; updates cannot change those."""
        return owner == self.origin and rdtype in (_SOA, _NS)


def _zone_of(world: World, name: dns.name.Name) -> _Zone | None:
    """The most specific zone that contains the name."""
    documents = {dns.name.from_text(document["name"]): document for document in world.all(ZONES)}
    origins = [origin for origin in documents if name.is_subdomain(origin)]
    return _Zone(world, documents[max(origins, key=len)]) if origins else None


# ---------------------------------------------------------------- queries


def _resolve(zone: _Zone, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> list[dns.rrset.RRset]:
    """The answer section: the requested records, after the aliases in this zone that lead to them."""
    answer: list[dns.rrset.RRset] = []
    for _ in range(_CNAME_CHAIN_LIMIT):
        types = zone.types(name)
        found = types if rdtype == _ANY else types & {rdtype}
        answer += [zone.rrset(name, each) for each in sorted(found)]
        if found or _CNAME not in types:
            break
        alias = zone.rrset(name, _CNAME)
        answer.append(alias)
        name = alias[0].target
    return answer


def _answer_query(world: World, query: dns.message.Message, response: dns.message.Message) -> None:
    if len(query.question) != 1:
        raise _RefusedError(dns.rcode.FORMERR)
    question = query.question[0]
    zone = _zone_of(world, question.name)
    if zone is None or question.rdclass != _IN or question.rdtype in _TRANSFERS:
        raise _RefusedError(dns.rcode.REFUSED)
    response.flags |= dns.flags.AA
    response.answer = _resolve(zone, question.name, question.rdtype)
    if response.answer:
        return
    soa = zone.rrset(zone.origin, _SOA)
    soa.update_ttl(_NEGATIVE_TTL)
    response.authority = [soa]
    if not zone.exists(question.name):
        response.set_rcode(dns.rcode.NXDOMAIN)


# ---------------------------------------------------------------- updates (RFC 2136, section 3)


def _answer_update(world: World, update: dns.update.UpdateMessage) -> None:
    if len(update.zone) != 1:
        raise _RefusedError(dns.rcode.FORMERR)
    document = world.get(ZONES, _text(update.zone[0].name))
    if document is None:
        raise _RefusedError(dns.rcode.NOTAUTH)
    zone = _Zone(world, document)
    _check_prerequisites(zone, update.prerequisite)
    if not _may_update(update, zone):
        raise _RefusedError(dns.rcode.REFUSED)
    for rrset in update.update:
        _prescan(zone, rrset)
    before = _with_ttls(zone)
    for rrset in update.update:
        _apply(zone, rrset)
    if _with_ttls(zone) != before:
        zone.save()


def _with_ttls(zone: _Zone) -> dict[Any, tuple[int, dns.rdataset.Rdataset]]:
    return {key: (rdataset.ttl, rdataset) for key, rdataset in zone.sets.items()}


def _may_update(update: dns.update.UpdateMessage, zone: _Zone) -> bool:
    if zone.tsig is None or not update.had_tsig:
        return False
    return update.keyname == dns.name.from_text(zone.tsig["name"])


def _check_prerequisites(zone: _Zone, prerequisites: list[dns.rrset.RRset]) -> None:
    exact: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], set[dns.rdata.Rdata]] = {}
    for rrset in prerequisites:
        _require_in_zone(zone, rrset.name)
        if rrset.deleting is None:
            exact.setdefault((rrset.name, rrset.rdtype), set()).update(rrset)
        else:
            _check_existence(zone, rrset)
    for key, values in exact.items():
        if set(zone.sets.get(key, ())) != values:
            raise _RefusedError(dns.rcode.NXRRSET)


def _check_existence(zone: _Zone, rrset: dns.rrset.RRset) -> None:
    must_exist = rrset.deleting == dns.rdataclass.ANY
    types = zone.types(rrset.name)
    if rrset.rdtype == _ANY:
        if bool(types) != must_exist:
            raise _RefusedError(dns.rcode.NXDOMAIN if must_exist else dns.rcode.YXDOMAIN)
    elif (rrset.rdtype in types) != must_exist:
        raise _RefusedError(dns.rcode.NXRRSET if must_exist else dns.rcode.YXRRSET)


def _require_in_zone(zone: _Zone, name: dns.name.Name) -> None:
    if not name.is_subdomain(zone.origin):
        raise _RefusedError(dns.rcode.NOTZONE)


def _prescan(zone: _Zone, rrset: dns.rrset.RRset) -> None:
    _require_in_zone(zone, rrset.name)
    deletes_rrsets = rrset.deleting == dns.rdataclass.ANY
    if dns.rdatatype.is_metatype(rrset.rdtype) and not (deletes_rrsets and rrset.rdtype == _ANY):
        raise _RefusedError(dns.rcode.FORMERR)


def _apply(zone: _Zone, rrset: dns.rrset.RRset) -> None:
    if zone.made_up(rrset.name, rrset.rdtype):
        return
    if rrset.deleting is None:
        _add(zone, rrset)
    elif rrset.deleting == dns.rdataclass.NONE:
        _delete_records(zone, rrset)
    else:
        types = zone.types(rrset.name) if rrset.rdtype == _ANY else {rrset.rdtype}
        for rdtype in types:
            if not zone.made_up(rrset.name, rdtype):
                zone.sets.pop((rrset.name, rdtype), None)


def _add(zone: _Zone, rrset: dns.rrset.RRset) -> None:
    types = zone.types(rrset.name)
    # A CNAME must be its name's only record; RFC 2136 3.4.2.2 ignores an addition that would break that.
    if (rrset.rdtype == _CNAME and types - {_CNAME}) or (rrset.rdtype != _CNAME and _CNAME in types):
        return
    key = (rrset.name, rrset.rdtype)
    old = [] if rrset.rdtype == _CNAME else list(zone.sets.get(key, ()))
    zone.sets[key] = dns.rdataset.from_rdata_list(rrset.ttl, [*old, *rrset])


def _delete_records(zone: _Zone, rrset: dns.rrset.RRset) -> None:
    key = (rrset.name, rrset.rdtype)
    old = zone.sets.get(key)
    if old is None:
        return
    left = [rdata for rdata in old if rdata not in rrset]
    if left:
        zone.sets[key] = dns.rdataset.from_rdata_list(old.ttl, left)
    else:
        del zone.sets[key]


# ---------------------------------------------------------------- messages and signatures


class _Responder:
    """Turns the bytes of a request into those of its response."""

    def __init__(self, world: World) -> None:
        self._world = world

    def respond(self, wire: bytes, *, datagram: bool) -> bytes | None:
        """The response, or ``None`` if the message is not a request."""
        if len(wire) < _HEADER_LENGTH or struct.unpack("!H", wire[2:4])[0] & dns.flags.QR:
            return None
        try:
            query = dns.message.from_wire(wire, keyring=self._key)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadKey, dns.tsig.BadAlgorithm):
            return _unsigned_tsig_error(wire, dns.rcode.BADKEY)
        except dns.tsig.BadSignature:
            return _unsigned_tsig_error(wire, dns.rcode.BADSIG)
        except dns.tsig.BadTime:
            return self._bad_time(wire)
        except dns.exception.DNSException:
            return _format_error(wire)
        return self._answer(query, datagram)

    def _answer(self, query: dns.message.Message, datagram: bool) -> bytes:
        response = dns.message.make_response(query)
        try:
            if isinstance(query, dns.update.UpdateMessage):
                _answer_update(self._world, query)
            elif query.opcode() == dns.opcode.QUERY:
                _answer_query(self._world, query, response)
            else:
                raise _RefusedError(dns.rcode.NOTIMP)  # noqa: TRY301 -- the one place that sets response codes
        except _RefusedError as refusal:
            response.set_rcode(refusal.rcode)
        if not datagram:
            return response.to_wire(max_size=65535)
        size = query.payload if query.edns >= 0 else _CLASSIC_PAYLOAD
        return response.to_wire(max_size=size, prefer_truncation=True)

    def _key(self, message: dns.message.Message, name: dns.name.Name) -> dns.tsig.Key | None:
        """The key of that name: of the zone to update, else of any zone (whose update is then refused)."""
        zones = self._world.all(ZONES)
        if isinstance(message, dns.update.UpdateMessage) and message.zone:
            zones.sort(key=lambda document: document["name"] != _text(message.zone[0].name))
        for document in zones:
            key = document["tsig"]
            if key and dns.name.from_text(key["name"]) == name:
                return dns.tsig.Key(name, key["secret"], key["algorithm"])
        return None

    def _bad_time(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire, keyring=False)
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.NOTAUTH)
        key = self._key(query, _keyname(query))
        if key is None:
            return response.to_wire()
        now = int(time.time()).to_bytes(6, "big")
        response.use_tsig(
            key, query.keyname, tsig_error=dns.rcode.BADTIME, other_data=now, algorithm=key.algorithm
        )
        response.request_mac = query.mac or b""
        return response.to_wire()


def _unsigned_tsig_error(wire: bytes, error: dns.rcode.Rcode) -> bytes:
    """NOTAUTH with the error in an unsigned TSIG record (RFC 8945, 5.2): no key is known to sign with."""
    query = dns.message.from_wire(wire, keyring=False)
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.NOTAUTH)
    algorithm = query.keyalgorithm or dns.tsig.default_algorithm
    text = f'{algorithm} {int(time.time())} {_TSIG_FUDGE} 0 "" {query.id} {int(error)} 0'
    tsig = dns.rdata.from_text(dns.rdataclass.ANY, dns.rdatatype.TSIG, text)
    response.tsig = dns.rrset.from_rdata(_keyname(query), 0, tsig)
    return response.to_wire()


def _keyname(signed: dns.message.Message) -> dns.name.Name:
    return signed.keyname or dns.name.root


def _format_error(wire: bytes) -> bytes:
    """A bare header, for a request of which nothing else could be read."""
    request_id, flags = struct.unpack("!HH", wire[:4])
    opcode_bits = flags & 0x7800
    return struct.pack("!HHHHHH", request_id, dns.flags.QR | opcode_bits | dns.rcode.FORMERR, 0, 0, 0, 0)


# ---------------------------------------------------------------- transports


@dataclass(frozen=True, slots=True)
class Handle:
    """A running name server; ``port`` is the same for UDP and TCP."""

    port: int
    _datagrams: asyncio.DatagramTransport
    _streams: asyncio.Server

    def close(self) -> None:
        """Stop serving."""
        self._datagrams.close()
        self._streams.close()


async def serve(world: World, host: str, port: int) -> Handle:
    """Serve the zones of ``world`` on UDP and TCP; port 0 picks a port that is free on both.

    Raises:
        OSError: the port is taken.
    """
    for _ in range(_BIND_ATTEMPTS - 1):
        try:
            return await _serve(world, host, port)
        except OSError:
            if port:
                raise
    return await _serve(world, host, port)


async def _serve(world: World, host: str, port: int) -> Handle:
    responder = _Responder(world)

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _converse(responder, reader, writer)

    streams = await asyncio.start_server(stream, host, port)
    bound: int = streams.sockets[0].getsockname()[1]
    try:
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(responder), (host, bound))
    except OSError:
        streams.close()
        raise
    return Handle(bound, datagrams, streams)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, responder: _Responder) -> None:
        self._responder = responder
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            answer = self._responder.respond(data, datagram=True)
        except Exception:
            _log.exception("handling a datagram failed")
            return
        if answer is not None:
            self._transport.sendto(answer, addr)


async def _converse(
    responder: _Responder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Respond to requests on one TCP connection, each prefixed with its length, until the client closes it."""
    try:
        while True:
            length = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), _TCP_IDLE_SECONDS), "big")
            wire = await asyncio.wait_for(reader.readexactly(length), _TCP_IDLE_SECONDS)
            answer = responder.respond(wire, datagram=False)
            if answer is None:
                return
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        return
    finally:
        writer.close()
