"""Domains: pending until ownership is proved, then internal permanently.

Documented: the four rules of create-domain, the TXT record at the domain's apex with exactly the code, the CNAME
alternative, 30 days of validity, renewal by generate-token, and that no call deletes an internal domain.
Not documented, so EMU: every failure code, the format of the code, the effect of expiry (the domain stays listed and
cannot be verified until renewed), bodies of v2 create and verify. Switches: ``mimecast.domain_conflict``
(``fail`` or ``silent``: whether a refused domain is named in ``fail``), ``mimecast.domain_addresses`` (whether
abuse@ and postmaster@ are created with a domain).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import idna
from starlette.responses import JSONResponse, Response

from sandbox import dns
from sandbox.mimecast import audit, clock, ids, rest, users
from sandbox.mimecast.envelope import Function, Item, ItemError, Page, Result, each, text
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

DOMAINS = "mimecast.domains"

_REGISTER = "Directories | Internal | Register New Domain"
_READ = "Directories | Internal | Read"
_EDIT = "Directories | Internal | Edit"
_EXTERNAL = "Directories | External | Read"

_INBOUND_TYPES = ("any", "smtp", "ldap", "known")
_INBOUND_TYPES_V2 = (*_INBOUND_TYPES, "backup_mx", "smtp_null")
_DEFAULT_INBOUND_TYPE = "known"
_VALIDITY = timedelta(days=30)
_CNAME_TARGET = "validate-domain.mimecast.com"
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_REGISTER_LIMIT = 50
_READ_LIMIT = 500


def internal(world: World, account: str, name: str) -> dict[str, Any] | None:
    """The account's internal domain of that name."""
    document = world.get(DOMAINS, _key(account, name))
    return document if document and document["state"] == "internal" else None


def add_internal(world: World, account: str, name: str, **properties: Any) -> None:
    """Store an internal domain, with the addresses that are created with one."""
    domain = {**_new(world, account, name, _DEFAULT_INBOUND_TYPE), **properties}
    _make_internal(world, domain)


def _key(account: str, name: str) -> str:
    return f"{account}/{name}"


def _all(caller: Caller, state: str) -> list[dict[str, Any]]:
    domains = caller.world.of_account(DOMAINS, caller.account)
    return [domain for domain in domains if domain["state"] == state]


def owner(world: World, name: str) -> str | None:
    """The account whose internal domain this is, among all accounts."""
    return world.derived(DOMAINS, _owners).get(name)


def _owners(documents: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, domain in documents:
        if domain["state"] == "internal":
            found.setdefault(domain["domain"], domain["account"])
    return found


def _name(item: Item) -> str:
    """The domain named in an item, in its ASCII form (EMU: that IDN names are returned in it)."""
    given = text(item, "domain").strip().lower()
    if not given:
        raise ItemError("err_validation_blank", "must not be blank", field="domain")
    try:
        name = given if given.isascii() else idna.encode(given, uts46=True).decode()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise ItemError("err_validation_invalid_domain", "is not a domain name", field="domain")
    return name


def _inbound_type(item: Item, default: str, allowed: tuple[str, ...]) -> str:
    chosen = text(item, "inboundType", default)
    if chosen not in allowed:
        raise ItemError("err_validation_enum", f"must be one of {', '.join(allowed)}", field="inboundType")
    return chosen


def _new(world: World, account: str, name: str, inbound_type: str) -> dict[str, Any]:
    now = world.now()
    return {
        "number": ids.next_number(world),
        "account": account,
        "domain": name,
        "state": "pending",
        "token": secrets.token_hex(16),
        "inboundType": inbound_type,
        "created": now.isoformat(),
        "expires": (now + _VALIDITY).isoformat(),
        "local": False,
        "sendOnly": False,
    }


def _put(world: World, domain: dict[str, Any]) -> None:
    world.put(DOMAINS, _key(domain["account"], domain["domain"]), domain)


def _make_internal(world: World, domain: dict[str, Any]) -> None:
    _put(world, {**domain, "state": "internal"})
    name, account = domain["domain"], domain["account"]
    if world.setting("mimecast.domain_addresses", True):
        users.add(world, account, f"abuse@{name}", "Domain abuse address")
        users.add(world, account, f"postmaster@{name}", "Domain postMaster address")
    audit.record(world, account, audit.Event.DOMAIN, "", f"Internal domain {name} is registered")


# ---------------------------------------------------------------- rules


def _register(caller: Caller, item: Item, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Apply the four rules of create-domain; the domain as it is afterwards."""
    world, account = caller.world, caller.account
    name = _name(item)
    inbound_type = _inbound_type(item, _DEFAULT_INBOUND_TYPE, allowed)
    if owner(world, name) or world.get(DOMAINS, _key(account, name)):
        raise ItemError("err_domain_already_exists", "Domain is already managed")
    domain = _new(world, account, name, inbound_type)
    parent_owner = _parent_owner(world, name)
    if parent_owner not in (None, account):
        raise ItemError("err_domain_parent_managed", "Parent domain is managed by another account")
    if parent_owner == account:
        _make_internal(world, domain)
        return {**domain, "state": "internal"}
    _put(world, domain)
    return domain


def _parent_owner(world: World, name: str) -> str | None:
    parent = name.partition(".")[2]
    while "." in parent:
        found = owner(world, parent)
        if found is not None:
            return found
        parent = parent.partition(".")[2]
    return None


def _pending(caller: Caller, name: str) -> dict[str, Any]:
    domain = caller.world.get(DOMAINS, _key(caller.account, name))
    if domain is None or domain["state"] != "pending":
        raise ItemError("err_domain_not_found", "Pending domain is not found")
    return domain


def _verify(caller: Caller, item: Item, allowed: tuple[str, ...]) -> dict[str, Any]:
    world = caller.world
    domain = _pending(caller, _name(item))
    inbound_type = _inbound_type(item, domain["inboundType"], allowed)
    if datetime.fromisoformat(domain["expires"]) <= world.now():
        raise ItemError("err_domain_token_expired", "Verification code has expired")
    if not _is_proved(world, domain):
        raise ItemError("err_domain_verification_failed", "Verification record not found", retryable=True)
    if owner(world, domain["domain"]):
        raise ItemError("err_domain_already_exists", "Domain is already managed")
    verified = {**domain, "inboundType": inbound_type}
    _make_internal(world, verified)
    return verified


def _is_proved(world: World, domain: dict[str, Any]) -> bool:
    name, token = domain["domain"], domain["token"]
    if token in dns.lookup(world, name, "TXT"):
        return True
    aliases = dns.lookup(world, f"{token}.{name}", "CNAME")
    return _CNAME_TARGET in [alias.lower() for alias in aliases]


# ---------------------------------------------------------------- legacy functions


def _create_domain(caller: Caller, item: Item) -> Item | None:
    try:
        domain = _register(caller, item, _INBOUND_TYPES)
    except ItemError as error:
        silent = caller.world.setting("mimecast.domain_conflict", "fail") == "silent"
        if silent and error.code in ("err_domain_already_exists", "err_domain_parent_managed"):
            return None
        raise
    if domain["state"] == "internal":
        return {"id": _id(caller, domain), "domain": domain["domain"]}
    return _pending_document(caller, domain)


def _id(caller: Caller, domain: dict[str, Any]) -> str:
    return ids.encode(caller.world, ids.Kind.DOMAIN, domain["account"], domain["number"])


def _pending_document(caller: Caller, domain: dict[str, Any]) -> Item:
    return {
        "id": _id(caller, domain),
        "domain": domain["domain"],
        "token": domain["token"],
        "created": clock.on_the_wire(domain["created"]),
        "expiry": clock.on_the_wire(domain["expires"]),
    }


def _internal_document(caller: Caller, domain: dict[str, Any]) -> Item:
    return {
        "id": _id(caller, domain),
        "domain": domain["domain"],
        "sendOnly": domain["sendOnly"],
        "local": domain["local"],
        "inboundType": domain["inboundType"],
    }


def _read_pending(caller: Caller, items: list[Item], _: Page) -> Result:
    return Result(data=[_pending_document(caller, domain) for domain in _chosen(caller, items, "pending")])


def _read_internal(caller: Caller, items: list[Item], _: Page) -> Result:
    return Result(data=[_internal_document(caller, domain) for domain in _chosen(caller, items, "internal")])


def _chosen(caller: Caller, items: list[Item], state: str) -> list[dict[str, Any]]:
    """The requested domains, or all; unknown names are ignored (EMU)."""
    requested = {text(item, "domain").lower() for item in items if "domain" in item}
    return [domain for domain in _all(caller, state) if not requested or domain["domain"] in requested]


def _delete_pending(caller: Caller, item: Item) -> None:
    domain = _pending(caller, _name(item))
    if ids.decode(caller.world, ids.Kind.DOMAIN, text(item, "id")) != domain["number"]:
        raise ItemError("err_domain_not_found", "Pending domain is not found")
    _forget_pending(caller, domain)


def _forget_pending(caller: Caller, domain: dict[str, Any]) -> None:
    caller.world.delete(DOMAINS, _key(caller.account, domain["domain"]))
    info = f"Pending domain {domain['domain']} deleted"
    audit.record(caller.world, caller.account, audit.Event.PENDING_DOMAIN_DELETED, "", info)


def _get_code(caller: Caller, item: Item) -> Item:
    domain = _pending(caller, _name(item))
    return {"domain": domain["domain"], "token": domain["token"]}


def _verify_domain(caller: Caller, item: Item) -> Item:
    return {"domain": _verify(caller, item, _INBOUND_TYPES)["domain"]}


def _provision_status(caller: Caller, item: Item) -> Item:
    name = _name(item)
    domain = caller.world.get(DOMAINS, _key(caller.account, name))
    if domain is None:
        raise ItemError("err_domain_not_found", "Domain is not found")
    return {"domain": name, "status": "pending" if domain["state"] == "pending" else "provisioned"}


FUNCTIONS = {
    "/api/domain/create-domain": Function(each(_create_domain, "domain"), _REGISTER, _REGISTER_LIMIT),
    "/api/domain/get-pending-domain": Function(_read_pending, _REGISTER, _READ_LIMIT),
    "/api/domain/delete-pending-domain": Function(
        each(_delete_pending, "domain", "id"), _REGISTER, _READ_LIMIT
    ),
    "/api/domain/get-verification-code": Function(each(_get_code, "domain"), _REGISTER, _REGISTER_LIMIT),
    "/api/domain/verify-domain": Function(each(_verify_domain, "domain"), _REGISTER, _REGISTER_LIMIT),
    "/api/domain/get-provision-status": Function(
        each(_provision_status, "domain"), _REGISTER, _REGISTER_LIMIT
    ),
    "/api/domain/get-internal-domain": Function(_read_internal, _READ, _READ_LIMIT),
}


# ---------------------------------------------------------------- v2 operations


def _pending_item(caller: Caller, domain: dict[str, Any]) -> Item:
    return {
        "id": _id(caller, domain),
        "domain": domain["domain"],
        "token": domain["token"],
        "local": domain["local"],
        "sendOnly": domain["sendOnly"],
        "inboundType": domain["inboundType"],
        "createdDateTime": clock.on_the_wire(domain["created"]),
        "expiryDateTime": clock.on_the_wire(domain["expires"]),
    }


def _list_pending(call: rest.Call) -> Response:
    pending = _all(call.caller, "pending")
    return call.page("domains", pending, lambda domain: _pending_item(call.caller, domain))


def _list_internal(call: rest.Call) -> Response:
    internals = _all(call.caller, "internal")
    return call.page("domains", internals, lambda domain: _internal_document(call.caller, domain))


def _list_external(call: rest.Call) -> Response:
    nothing: list[Item] = []
    return call.page("domains", nothing, dict)


def _identified(call: rest.Call, state: str) -> dict[str, Any]:
    number = call.identified("domain_id", ids.Kind.DOMAIN)
    for domain in _all(call.caller, state):
        if domain["number"] == number:
            return domain
    raise rest.not_found()


def _get_pending(call: rest.Call) -> Response:
    return JSONResponse(_pending_item(call.caller, _identified(call, "pending")))


def _remove_pending(call: rest.Call) -> Response:
    _forget_pending(call.caller, _identified(call, "pending"))
    return Response(status_code=204)


def _get_internal(call: rest.Call) -> Response:
    return JSONResponse(_internal_document(call.caller, _identified(call, "internal")))


def _patch_internal(call: rest.Call) -> Response:
    body = call.body()
    if "inboundType" not in body:
        raise rest.RestError(400, "err_validation_null", "inboundType must not be null")
    domain = {
        **_identified(call, "internal"),
        "inboundType": _inbound_type(body, "", _INBOUND_TYPES_V2),
    }
    _put(call.caller.world, domain)
    audit.record(
        call.caller.world,
        call.caller.account,
        audit.Event.DOMAIN,
        "",
        f"Internal domain {domain['domain']} edited",
    )
    return JSONResponse(_internal_document(call.caller, domain))


def _as_items(values: list[Any]) -> list[Item]:
    """Both plausible forms of a list of domains: objects, and plain names."""
    items = [{"domain": value} if isinstance(value, str) else value for value in values]
    if not all(isinstance(item, dict) for item in items):
        raise rest.RestError(400, "err_deserialise", "Payload is malformed: domains")
    return items


def _create_pending(call: rest.Call) -> Response:
    results = []
    for item in _as_items(call.list_of("domains", _REGISTER_LIMIT)):
        try:
            domain = _register(call.caller, item, _INBOUND_TYPES_V2)
        except ItemError as error:
            results.append({"domain": item.get("domain"), "status": "failed", "code": error.code})
        else:
            results.append({**_pending_item(call.caller, domain), "status": "created"})
    return JSONResponse({"results": results})


def _generate_token(call: rest.Call) -> Response:
    """Extend codes by 30 days from now (documented); the code itself stays the same (EMU)."""
    world = call.caller.world
    results: list[Item] = []
    for item in _as_items(call.list_of("domains", _REGISTER_LIMIT)):
        try:
            domain = _pending(call.caller, _name(item))
        except ItemError:
            results.append({"domain": item.get("domain"), "status": "failed"})
            continue
        _put(world, {**domain, "expires": (world.now() + _VALIDITY).isoformat()})
        results.append({"domain": domain["domain"], "token": domain["token"], "status": "extended"})
    return JSONResponse({"results": results})


def _verify_pending(call: rest.Call) -> Response:
    results: list[Item] = []
    for item in _as_items(call.list_of("domains", _REGISTER_LIMIT)):
        try:
            domain = _verify(call.caller, item, _INBOUND_TYPES_V2)
        except ItemError as error:
            results.append({"domain": item.get("domain"), "status": "failed", "code": error.code})
        else:
            results.append({"domain": domain["domain"], "status": "verified"})
    return JSONResponse({"results": results})


_BASE = "/domain/cloud-gateway/v1"

ROUTES = (
    rest.Route("GET", f"{_BASE}/pending-domains", _list_pending, _REGISTER, rest.PAGED),
    rest.Route("POST", f"{_BASE}/pending-domains", _create_pending, _REGISTER),
    rest.Route("POST", f"{_BASE}/pending-domains/generate-token", _generate_token, _REGISTER),
    rest.Route("POST", f"{_BASE}/pending-domains/verify", _verify_pending, _REGISTER),
    rest.Route("GET", f"{_BASE}/pending-domains/{{domain_id}}", _get_pending, _REGISTER),
    rest.Route("DELETE", f"{_BASE}/pending-domains/{{domain_id}}", _remove_pending, _REGISTER),
    rest.Route("GET", f"{_BASE}/internal-domains", _list_internal, _READ, rest.PAGED),
    rest.Route("GET", f"{_BASE}/internal-domains/{{domain_id}}", _get_internal, _READ),
    rest.Route("PATCH", f"{_BASE}/internal-domains/{{domain_id}}", _patch_internal, _EDIT),
    rest.Route("GET", f"{_BASE}/external-domains", _list_external, _EXTERNAL, rest.PAGED),
)
