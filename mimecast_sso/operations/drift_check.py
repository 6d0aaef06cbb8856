"""What ``mimecast-sso drift`` does: the live world, people, certificates and the console against the stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from mimecast_sso.operations import assessing, certificate_expiry, certificate_losses, drift, tenant
from mimecast_sso.operations.deployment import failed
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.tenant import connect
from mimecast_sso.operations.verify import confirmation
from mimecast_sso.provenance import Statement, Verdict, lines, not_checked
from mimecast_sso.settings import Settings
from providers.entra.errors import GraphError


def check(opened: Stack, engine: Engine) -> Exit:
    """Compares and prints; changes nothing."""
    settings = opened.settings()
    outcome = engine.run("preview", "--refresh", quiet=True)
    if outcome.code:
        return failed(outcome, dry=True)
    found = drift.report(outcome.events)
    click.echo("\n".join(found.lines()))
    assessment = assessing.try_to_assess(opened, settings, engine)
    people = assessing.people(assessment)
    certificates = _certificates(opened, settings, engine.resources())
    console = _console(opened, settings)
    statements = (*people, *certificates, *console)
    click.echo("\n".join((*lines(statements), *not_checked(statements))))
    changed = any(each.verdict is Verdict.DIFFERS for each in console)
    if changed:
        click.echo(
            "If a change of the console concerns this profile, its confirmation is stale. Record that: mimecast-sso "
            f"verify --stack {opened.name}"
        )
    return Exit.CHANGES if found.found or changed else exit_of((*people, *certificates))


def _certificates(
    opened: Stack, settings: Settings, resources: Iterable[Mapping[str, Any]]
) -> tuple[Statement, ...]:
    """When the live certificate expires, and which external changes a deployment undid."""
    try:
        graph = tenant.graph(opened)
    except GraphError as error:
        return (certificate_expiry.unread(error).statement,)
    reading = certificate_expiry.check(graph, settings, resources)
    if reading.expiry is None:
        return (reading.statement,)
    live, configured = reading.expiry.certificates, settings.certificates
    changes = certificate_losses.check(graph, reading.principal, live, configured, resources)
    return (reading.statement, *changes)


def _console(opened: Stack, settings: Settings) -> Sequence[Statement]:
    """What changed in the console since the confirmation; nothing without one."""
    lane = settings.certificates.active_generation.profile
    confirmed = settings.authentication_profile.confirmed_of(lane)
    if confirmed is None:
        return ()
    return confirmation.check(confirmation.read_log(lambda: connect(opened), confirmed), confirmed)
