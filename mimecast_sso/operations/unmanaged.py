"""What others added to the deployed objects, and who added it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.operations import actors, assessing, tenant
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.terminal import say
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.text import foreign
from providers.entra.graph import GraphClient
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError

SUBJECT = "unmanaged objects"


def after_refresh(stack: Stack, engine: Engine) -> Exit:
    """Say what a refreshing run did not remove, since others added it; changes found if there is anything.

    What could not be read is said, too. Raises OperationError if the stack file has errors.
    """
    settings = stack.settings()
    found = assessing.try_to_assess(stack, settings, engine)
    if found.value is None:
        say(f"Whether others added anything is unknown: {found.source}")
        return Exit.FINE
    mimecast = assessing.mimecast(stack.environment, settings, stack.deadline)
    read = list(statements(found.value, tenant.graph(stack), mimecast))
    added = any(each.verdict is Verdict.DIFFERS for each in read)
    if added:
        say(
            f"\nThis run did not remove what others added. To keep or remove it: {found.value.command('drift')}"
        )
    for statement in read:
        if statement.verdict is not Verdict.FINE:
            say(f"    {foreign.one_line(statement.brief)}")
    return Exit.CHANGES if added else Exit.FINE


def statements(
    assessment: Assessment, graph: GraphClient, mimecast: MimecastClient | MimecastError
) -> Iterator[Statement]:
    """One for each object, with the words of ``drift``; then what was not looked at.

    The audit logs are read only if there is an object. A log that cannot be read leaves its actor unknown.
    """
    unread = list(drift.not_looked_at(assessment))
    found = drift.unmanaged(assessment)
    for each in actors.name_actors(found, graph, mimecast) if found else ():
        who = each.actor.value or f"unknown ({each.actor.source})"
        yield Statement(f"{each.text}; added by: {who}", How.LIVE, each.source, Verdict.DIFFERS, SUBJECT)
    if not found and not unread:
        yield Statement("none", How.LIVE, "Entra, Mimecast", Verdict.FINE, SUBJECT)
    for statement in unread:
        yield replace(statement, subject=SUBJECT)
