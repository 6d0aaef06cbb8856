"""Preflight: whether a deployment has what it needs, on both sides, asked without writing anything.

Every line says how it is known: read live, or unknown. What cannot be seen is never shown as fine; only what is
known to be missing fails the preflight (exit code 5).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import click

from components.settings import AddressSource, DomainMode, Ownership, Settings
from facts import graph_permissions as permissions
from facts.entra import PREMIUM_PLANS
from facts.mimecast_api import (
    CREATE_DOMAIN,
    CREATE_USER,
    FIND_GROUPS,
    GET_ACCOUNT,
    GET_GROUP_MEMBERS,
    GET_INTERNAL_DOMAIN,
    GET_INTERNAL_USERS,
    GET_PENDING_DOMAIN,
    REMOVE_GROUP_MEMBER,
)
from facts.mimecast_audit import GET_AUDIT_EVENTS
from operations import orphans, tenant
from operations.exit_codes import Exit
from operations.stacks import Stack, open_stack
from providers.entra import applications, credentials
from providers.entra.errors import CredentialsMissing, GraphError, NotFound, Refused
from providers.entra.graph import GraphClient
from providers.entra.odata import literal
from providers.mimecast.accounts import AccountMismatch, require
from providers.mimecast.address_book import Listing
from providers.mimecast.audit import events_since
from providers.mimecast.client import MimecastClient
from providers.mimecast.domains import list_domains
from providers.mimecast.errors import DnsUpdateError, Forbidden, MimecastError
from providers.mimecast.groups import find_group, list_members
from providers.mimecast.names import domain_of, enumerate_some
from providers.mimecast.session import from_environment

_LIVE = "read live"
_A_MOMENT = timedelta(minutes=1)
_PLUGIN = "pulumi-resource-azuread"


class Standing(StrEnum):
    """What became of one question."""

    FINE = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"
    NOTE = "note"
    """Neither needed nor wrong, and worth knowing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One answer: about what, its text, and how it is known."""

    standing: Standing
    subject: str
    text: str
    how: str = _LIVE

    def __str__(self) -> str:
        how = f" [{self.how}]" if self.how else ""
        return f"  {self.standing:8}{self.subject}: {self.text}{how}"


def _fine(subject: str, text: str, how: str = _LIVE) -> Line:
    return Line(Standing.FINE, subject, text, how)


def _missing(subject: str, text: str, how: str = _LIVE) -> Line:
    return Line(Standing.MISSING, subject, text, how)


def _unknown(subject: str, why: object) -> Line:
    return Line(Standing.UNKNOWN, subject, str(why), "")


@click.command("preflight")
@click.option("--stack", "-s", required=True, help="The stack, as in stacks/Pulumi.<stack>.yaml.")
def preflight(stack: str) -> Exit:
    """Say whether a deployment has what it needs, writing nothing. Exit code 5 when something is missing."""
    opened = open_stack(stack)
    tenant.reach(opened)
    settings = opened.settings()
    missing = unknown = 0
    for title, lines in (
        ("Engine", _engine(opened)),
        ("Microsoft Entra ID", _entra(opened, settings)),
        ("Mimecast", _mimecast(opened, settings)),
        ("DNS", _dns(opened, settings)),
    ):
        click.echo(title)
        for line in lines:
            click.echo(line)
            missing += line.standing is Standing.MISSING
            unknown += line.standing is Standing.UNKNOWN
    click.echo(f"{missing} missing, {unknown} unknown. Nothing was written.")
    return Exit.PREFLIGHT if missing else Exit.FINE


# -- Engine ---------------------------------------------------------------------------------------------------


def _engine(stack: Stack) -> Iterator[Line]:
    path = stack.environment.get("PATH")
    cli, plugin = shutil.which("pulumi", path=path), shutil.which(_PLUGIN, path=path)
    if cli:
        yield _fine("Pulumi CLI", cli, "found on PATH")
    elif stack.on_sandbox:
        yield Line(
            Standing.NOTE, "Pulumi CLI", "not there; the embedded engine serves on the sandbox", "PATH"
        )
    else:
        yield _missing(
            "Pulumi CLI", "real tenants need it (https://www.pulumi.com/docs/install/)", "not on PATH"
        )
    home = Path(stack.environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = plugin or next(iter(sorted(map(str, home.glob("plugins/resource-azuread-v*")))), None)
    if installed:
        yield _fine("azuread plugin", installed, "found on this machine")
    elif stack.environment.get("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "").lower() in ("1", "true"):
        if stack.on_sandbox:
            yield Line(Standing.NOTE, "azuread plugin", "the sandbox's stand-in serves", "this machine")
        else:
            yield _missing("azuread plugin", "and downloading it is switched off", "not on this machine")
    else:
        yield Line(Standing.NOTE, "azuread plugin", "downloaded by the first run", "not on this machine")


# -- Entra ----------------------------------------------------------------------------------------------------


def _entra(stack: Stack, settings: Settings) -> Iterator[Line]:
    try:
        graph = tenant.graph(stack)
        token = graph.claims()
    except CredentialsMissing as error:
        yield _missing("credentials", str(error))
        yield _unknown("everything else at Entra", "it was not asked without credentials")
        return
    except GraphError as error:
        yield _unknown("Entra", error)
        return
    way = credentials.method(stack.environment)
    yield _fine("credentials", f"{way}, tenant {token.get('tid') or stack.environment.get('ARM_TENANT_ID')}")
    yield from _permissions(token, settings)
    if settings.application.notification_emails:
        yield Line(
            Standing.NOTE,
            "notification addresses",
            "Entra may not send its mails before a certificate ends for applications configured by Graph; open the "
            "application's single sign-on page in the portal once. Whether somebody did is unknown",
            "Microsoft's documentation",
        )
    checks: tuple[tuple[str, Callable[[GraphClient, Settings], Iterator[Line]]], ...] = (
        ("licence", _licence),
        ("template", _template),
        ("application", _applications),
        ("owner", lambda graph, settings: _owner(graph, settings, token)),
    )
    for subject, check in checks:
        try:
            yield from check(graph, settings)
        except GraphError as error:
            yield _unknown(subject, error)


def _permissions(token: dict[str, object], settings: Settings) -> Iterator[Line]:
    roles = token.get("roles")
    if not isinstance(roles, list):
        who = "a person's" if token.get("scp") else "one without roles"
        yield _unknown("permissions", f"the token is {who}: what it allows depends on directory roles")
        return
    held = frozenset(map(str, roles))
    for need in permissions.needs(
        manage_claims=settings.application.claims is Ownership.MANAGE,
        manage_assignments=settings.assign.mode is Ownership.MANAGE,
        check_assignments=settings.assign.mode is Ownership.VERIFY,
        groups=bool(settings.assign.groups),
        users=bool(settings.assign.users or settings.assign.groups),
    ):
        role = need.met(held)
        if role:
            yield _fine("permission", f"{need.what}: {role}", "read live, from the token")
        else:
            yield _missing(
                "permission", f"{need.what}: {' or '.join(need.one_of)}", "read live, from the token"
            )
    for need in permissions.OPTIONAL:
        if not need.met(held):
            text = f"{need.what}: {need.one_of[0]} is not granted; without it, {need.loses} stays unknown"
            yield Line(Standing.NOTE, "permission", text, "read live, from the token")


def _licence(graph: GraphClient, settings: Settings) -> Iterator[Line]:
    if not settings.assign.groups:
        return
    try:
        skus = list(graph.list("/subscribedSkus"))
    except Refused as error:
        yield _unknown("licence for groups (P1)", error)
        return
    plans = {
        PREMIUM_PLANS[plan["servicePlanId"]]
        for sku in skus
        if sku.get("capabilityStatus") == "Enabled"
        for plan in sku.get("servicePlans") or ()
        if plan.get("servicePlanId") in PREMIUM_PLANS
    }
    if plans:
        yield _fine("licence for groups", ", ".join(sorted(plans)))
    else:
        yield _missing(
            "licence for groups", "assigning groups needs Entra ID P1; assign people, or buy it for them"
        )


def _template(graph: GraphClient, settings: Settings) -> Iterator[Line]:
    if settings.application.adopt:
        return
    for template in settings.application.template:
        query = f"displayName eq {literal(template)}"
        found = next(iter(graph.list("/applicationTemplates", filter=query, select="id,displayName")), None)
        if found is None and "-" in template and " " not in template:
            found = _by_id(graph, template)
        if found:
            yield _fine("template", f'"{found["displayName"]}", id {found["id"]}')
            return
    names = ", ".join(settings.application.template)
    if settings.application.allow_non_gallery:
        yield Line(Standing.NOTE, "template", f"none of {names}; a non-gallery application will be made")
    else:
        yield _missing("template", f"the gallery has none of {names}. Set mimecast-sso:application.template")


def _by_id(graph: GraphClient, template: str) -> dict[str, object] | None:
    try:
        return graph.get(f"/applicationTemplates/{template}", select="id,displayName")
    except (NotFound, Refused):
        return None


def _applications(graph: GraphClient, settings: Settings) -> Iterator[Line]:
    adopt = settings.application.adopt
    for client_id, name in applications.with_identifier(graph, settings.identifier):
        text = f'"{name}" (client id {client_id}) has identifier {settings.identifier}'
        if adopt and client_id != adopt:
            yield _missing("application", f"{text}, and {adopt} is to be adopted: two cannot share it")
        elif adopt:
            yield _fine("application", f"{text}, and is adopted")
        else:
            yield Line(
                Standing.NOTE,
                "application",
                f"{text}: this stack's own, or one to adopt (mimecast-sso:application.adopt)",
            )
    if not adopt:
        for orphan in orphans.search(graph, settings):
            text = f"client id {orphan.client_id} has the wanted name and template, made {orphan.created}"
            yield Line(Standing.NOTE, "application", f"{text}: this stack's own, or one to adopt")


def _owner(graph: GraphClient, settings: Settings, token: dict[str, object]) -> Iterator[Line]:
    """Whoever holds only OwnedBy must own what it adopts: both the application and its service principal."""
    adopt, roles = settings.application.adopt, token.get("roles") or ()
    if adopt is None:
        return
    try:
        live = applications.read(graph, adopt)
    except NotFound as error:
        yield _missing("application to adopt", str(error))
        return
    yield _fine("application to adopt", f'"{live.display_name}", object {live.object_id}')
    if isinstance(roles, list) and permissions.OWNED in roles and "Application.ReadWrite.All" not in roles:
        me = str(token.get("oid") or "")
        owned = {"service principal": [owner.object_id for owner in live.owners]}
        owned["application"] = [str(o["id"]) for o in graph.list(f"/applications/{live.object_id}/owners")]
        for what, owners in owned.items():
            if me in owners:
                yield _fine(f"owner of the {what}", "the deploying principal")
            else:
                yield _missing(
                    f"owner of the {what}",
                    f"{permissions.OWNED} changes only what it owns: add {me or 'the deploying principal'} to its "
                    "owners, or grant Application.ReadWrite.All",
                )


# -- Mimecast -------------------------------------------------------------------------------------------------


def _mimecast(stack: Stack, settings: Settings) -> Iterator[Line]:
    try:
        client = from_environment(stack.environment, client_id=settings.mimecast_client_id or "")
        account = require(client, settings.account_code, settings.region)
    except AccountMismatch as error:
        yield _missing("account", str(error))
        return
    except Forbidden as error:
        yield _fine("credentials", "MIMECAST_CLIENT_ID and MIMECAST_CLIENT_SECRET")
        yield _missing("permission", f"{GET_ACCOUNT.permission}: {error}")
        return
    except MimecastError as error:
        yield _missing("credentials", str(error))
        yield _unknown("everything else at Mimecast", "it was not asked without credentials")
        return
    yield _fine("credentials and account", f"{account.code} ({account.name}), region {account.region}")
    registers = any(domain.mode is not DomainMode.REQUIRE for domain in settings.domains)
    probes: list[tuple[str, Callable[[], str | None]]] = [
        (GET_INTERNAL_DOMAIN.permission, lambda: _domains(client, pending=False)),
    ]
    if registers:
        probes.append((GET_PENDING_DOMAIN.permission, lambda: _domains(client, pending=True)))
    probes += [
        (f"{GET_INTERNAL_USERS.permission} (addresses)", lambda: _addresses(client, settings)),
        (FIND_GROUPS.permission, lambda: _group(client, settings)),
        (GET_GROUP_MEMBERS.permission, lambda: _members(client, settings)),
        (GET_AUDIT_EVENTS.permission, lambda: _audit(client)),
    ]
    for subject, probe in probes:
        try:
            seen = probe()
            if seen is None:
                yield _unknown(f"permission {subject}", "there is nothing yet that could be read with it")
            else:
                yield _fine(f"permission {subject}", seen)
        except Forbidden as error:
            yield _missing(f"permission {subject}", str(error))
        except MimecastError as error:
            yield _unknown(f"permission {subject}", error)
    writes = [CREATE_USER.permission, REMOVE_GROUP_MEMBER.permission]
    writes += [CREATE_DOMAIN.permission] if registers else []
    if settings.addresses.source is AddressSource.SYNCHRONISED:
        writes.remove(CREATE_USER.permission)
    for permission in writes:
        yield _unknown(f"permission {permission} (to write)", "Mimecast shows it only by refusing a write")
    yield _synchronisation(client, settings)


def _domains(client: MimecastClient, *, pending: bool) -> str:
    found = sorted(list_domains(client, pending=pending))
    return f"{len(found)} domains{': ' if found else ''}{enumerate_some(found, 5)}"


def _addresses(client: MimecastClient, settings: Settings) -> str | None:
    wanted = _known_addresses(client, settings)
    found = Listing(client).of(wanted)
    return f"{len(found)} of {len(wanted)} configured addresses are there" if wanted else None


def _known_addresses(client: MimecastClient, settings: Settings) -> list[str]:
    """Configured addresses in domains that the account has: of another domain Mimecast lists nothing."""
    internal = list_domains(client, pending=False)
    named = {address.address for address in settings.addresses.explicit} | set(settings.assign.users)
    return sorted(address for address in named if domain_of(address) in internal)


def _group(client: MimecastClient, settings: Settings) -> str:
    group = find_group(client, settings.roll_out.group)
    return f'roll-out group "{settings.roll_out.group}" {"is there" if group else "is not there yet"}'


def _members(client: MimecastClient, settings: Settings) -> str | None:
    group = find_group(client, settings.roll_out.group)
    return f'"{group.name}" has {len(list_members(client, group))} members' if group else None


def _audit(client: MimecastClient) -> str:
    events_since(client, datetime.now(UTC) - _A_MOMENT)
    return "the audit log can be read"


def _synchronisation(client: MimecastClient, settings: Settings) -> Line:
    subject = "directory synchronisation"
    wanted = settings.addresses.source is AddressSource.SYNCHRONISED
    try:
        addresses = Listing(client).of(_known_addresses(client, settings)).values()
    except MimecastError as error:
        return _unknown(subject, error)
    synchronised = sum(address.synchronised for address in addresses)
    if synchronised:
        text = f"on: it owns {synchronised} of {len(addresses)} configured addresses that are there"
        if wanted:
            return _fine(subject, text)
        return Line(Standing.NOTE, subject, f"{text}; it may change or remove them")
    return _unknown(
        subject,
        f"it owns none of the {len(addresses)} configured addresses that are there, and no documented call tells "
        f"whether it is on{'; mimecast-sso:addresses.source needs it' if wanted else ''}",
    )


# -- DNS ------------------------------------------------------------------------------------------------------


def _dns(stack: Stack, settings: Settings) -> Iterator[Line]:
    if settings.dns.publish == "none":
        yield Line(Standing.NOTE, "proof records", "published by hand, or by your own resource", "configured")
        return
    # dnspython takes a tenth of a second to load, and every command loads this module.
    from providers.mimecast.dns_update import find_zone, update_server  # noqa: PLC0415

    try:
        server = update_server(settings.dns.model_dump(), stack.environment)
        primary = find_zone(server)
    except DnsUpdateError as error:
        yield _missing("name server", str(error))
        return
    yield _fine("name server", f"{server.server} serves zone {server.zone} (primary {primary})")
    yield _unknown(
        "key for updates", "a server shows whether it takes the key only when something is updated"
    )
