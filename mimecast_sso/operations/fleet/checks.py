"""The checks of one stack: each returns a section of the report with its own exit code."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from mimecast_sso.facts.engine_documents import StateResource
from mimecast_sso.facts.stack_names import legal
from mimecast_sso.operations import assessing, certificate_expiry, drift_check, tenant
from mimecast_sso.operations.assess.command import statements_of
from mimecast_sso.operations.assess.survey import Question, survey
from mimecast_sso.operations.broker import CredentialsError
from mimecast_sso.operations.deployment import engine_name
from mimecast_sso.operations.drift_check import confirmation_age
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.preflight import command as preflights
from mimecast_sso.operations.reports.model import Entry, Level, Section, of_statements
from mimecast_sso.operations.stacks import Stack, StackFileError
from mimecast_sso.operations.state import NoStateError, StateError
from mimecast_sso.operations.verify.run import verify
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import ConfigurationError
from mimecast_sso.text.wording import count
from providers.entra.errors import CredentialsMissing, GraphError, Unreachable
from providers.mimecast.errors import AccountMismatch, MimecastError

Check = Callable[[Stack], Section]
"""Check one stack's tenants. Raises any error that `failed` has a row for."""

CAUSES: Mapping[str, str] = {
    "stack-file": "The stack file cannot be used",
    "credentials": "There are no credentials",
    "not-deployed": "There is no state",
    "state": "The state cannot be read",
    "entra-credentials": "Entra ID issued no token",
    "entra-unreachable": "Entra ID gave no usable response in time",
    "entra": "Entra ID refused a read",
    "mimecast": "Mimecast could not be read",
    "refused": "Refused",
    "stack": "It could not be checked",
    "unexpected": "It could not be checked, because of a bug in this program",
}
"""Why a stack, or one of its sides, is unknown."""

NOT_READ = "fleet"
"""Prefix of the id of an entry that says why a stack is unknown."""


def _drift(stack: Stack) -> Section:
    found = drift_check.compare(stack, _engine(stack, "drift"))
    section = replace(found.section(), exit=int(found.exit))
    assessment = found.assessment.value
    if assessment is None:
        return section
    assessing.require_tenants_of(assessment.settings, assessment.snapshot)
    account = assessment.snapshot.account
    return section if account.is_known else _with_reason(section, "mimecast", account.source)


def _assess(stack: Stack) -> Section:
    question = Question(stack.settings(), complete=True, root=stack.root)
    found = survey(question, stack.environment, stack.deadline)
    return _section(stack, "assess", statements_of(found))


def _verify(stack: Stack) -> Section:
    found = verify(stack, _engine(stack, "verify"), None, person=None, by="mimecast-sso fleet verify")
    return _section(stack, "verify", found)


def _preflight(stack: Stack) -> Section:
    found = list(preflights.ask(stack))
    named = [replace(each, subject=f"{title}: {each.subject}") for title, each in found]
    exit_code = preflights.exit_of([each for _, each in found])
    # What only a write would show is unknown for every stack, and does not call for attention.
    usual = [
        _as_note(each) if each.verdict is Verdict.UNKNOWN and exit_code is Exit.FINE else each
        for each in named
    ]
    return replace(_section(stack, "preflight", usual), exit=int(exit_code))


def _as_note(statement: Statement) -> Statement:
    return replace(statement, verdict=Verdict.NOTE)


def _expiry(stack: Stack) -> Section:
    settings, graph = stack.settings(), tenant.graph(stack)
    reading = certificate_expiry.check(graph, stack.name, settings, _recorded(stack))
    section = _section(stack, "expiry", [reading.statement])
    named = reading.expiry.named if reading.expiry else None
    if reading.expiry is None or named is None:
        return section
    left = math.ceil((named.not_after - reading.expiry.now) / timedelta(days=1))
    confirmed = confirmation_age(settings, reading.expiry.now)
    figures = {"certificateDays": left} | ({} if confirmed is None else {"confirmationDays": confirmed})
    return replace(section, figures=figures, summary=f"the certificate expires in {count(left, 'day')}")


CHECKS: Mapping[str, Check] = {
    "drift": _drift,
    "assess": _assess,
    "verify": _verify,
    "preflight": _preflight,
    "expiry": _expiry,
}


def _engine(stack: Stack, check: str) -> Engine:
    return Engine(stack, engine_name(), f"fleet {check}")


def _recorded(stack: Stack) -> Sequence[StateResource]:
    """The resources in the state; none if it cannot be read, which does not affect a date."""
    try:
        return _engine(stack, "expiry").resources()
    except OperationError:
        return ()


def _section(stack: Stack, check: str, found: Sequence[Statement]) -> Section:
    settings = stack.settings()
    entries = sorted(of_statements(check, found), key=lambda each: (each.level.rank, each.id))
    levels = Counter(each.level for each in entries)
    words = {Level.URGENT: "urgent", Level.LOOK: "open", Level.UNKNOWN: "not read"}
    summary = ", ".join(f"{levels[level]} {word}" for level, word in words.items() if levels[level])
    return Section(
        stack.name,
        settings.account_code,
        settings.region,
        summary or "fine",
        tuple(entries),
        exit=int(exit_of(found)),
    )


# -- What could not be read ----------------------------------------------------------------------------------------

_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (CredentialsError, "credentials"),
    (NoStateError, "not-deployed"),
    (StateError, "state"),
    (ConfigurationError, "stack-file"),
    (StackFileError, "stack-file"),
    (CredentialsMissing, "entra-credentials"),
    (Unreachable, "entra-unreachable"),
    (GraphError, "entra"),
    (AccountMismatch, "refused"),
    (MimecastError, "mimecast"),
    (OperationError, "stack"),
)
"""The first match is the cause, by which the overview groups stacks."""


def failed(listed: Listed, error: Exception) -> Section:
    """The row of a stack that could not be checked: unknown, with the cause."""
    code = error.code if isinstance(error, OperationError) else Exit.ERROR
    refused = code is Exit.REFUSED or isinstance(error, AccountMismatch)
    cause = next((name for kind, name in _CAUSES if isinstance(error, kind)), "unexpected")
    text = f"{type(error).__name__}: {error}" if cause == "unexpected" else str(error)
    if cause == "not-deployed":
        text = f"It was never deployed. Deploy it: mimecast-sso up --stack {listed.name}"
    section = Section(
        legal(listed.name), listed.account, listed.region, exit=int(Exit.REFUSED if refused else Exit.ERROR)
    )
    return _with_reason(section, "refused" if refused else cause, text)


def _with_reason(section: Section, cause: str, why: str) -> Section:
    """The section with an entry that says why the stack, or one of its sides, is unknown."""
    title = CAUSES[cause]
    entry = Entry(f"{NOT_READ}/{cause}", Level.UNKNOWN, title, How.UNKNOWN, " ".join(why.split()))
    return replace(section, summary=section.summary or title, entries=(entry, *section.entries))
