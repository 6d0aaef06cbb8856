"""The DNS server that publishes the proof of a domain."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.operations.preflight.statements import fine, missing, note, unknown
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import Settings
from providers.mimecast.errors import DnsUpdateError


def ask(stack: Stack, settings: Settings) -> Iterator[Statement]:
    """Whether the server serves its zone."""
    if settings.dns.publish == "none":
        yield note("proof records", "published by hand, or by your own resource", How.CONFIGURED, "dns")
        return
    # dnspython takes 0.1 s to load, and every command loads this module.
    from providers.mimecast.dns_update import find_zone, update_server  # noqa: PLC0415

    try:
        server = update_server(settings.dns.model_dump(), stack.environment)
        primary = find_zone(server)
    except DnsUpdateError as error:
        yield missing("name server", str(error))
        return
    yield fine("name server", f"{server.server} serves zone {server.zone} (primary {primary})")
    yield unknown("key for updates", "only an update shows whether the server accepts the key")
