"""The assessment of a stack for commands: reads both tenants once; needs an engine only for the stack's state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from mimecast_sso.assessment import sentences, synchronisation
from mimecast_sso.assessment.assessment import Assessment, assess, of, written_addresses
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import from_state
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.operations import tenant
from mimecast_sso.operations.engine import Engine, RunOutcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import How, Known, Statement, Verdict, unknown
from mimecast_sso.settings import Settings
from providers.deadline import UNLIMITED, Deadline
from providers.entra import credentials
from providers.entra.errors import GraphError
from providers.mimecast import MimecastClient, MimecastError, from_environment
from providers.mimecast.accounts import check_account
from providers.mimecast.errors import AccountMismatch

NOT_READ: Final = MimecastError("Mimecast was not read")
"""In the place of a client, where Mimecast is not asked."""
_BOTH = "Entra, Mimecast"
PEOPLE = "people"
"""The subject of statements on who signs in."""


def record_of(engine: Engine | None) -> Known[Record]:
    """The record of the last deployment, if the engine can read it."""
    if engine is None:
        return unknown("there is no engine to read the stack's state")
    try:
        return from_state(engine.recorded())
    except OperationError as error:
        return unknown(error)


def assess_stack(
    stack: Stack, settings: Settings, engine: Engine | None, *, destroys: bool = False
) -> Assessment:
    """Read both tenants and forecast. Raises GraphError if Entra cannot be reached at all."""
    graph = tenant.graph(stack)
    return assess(
        settings,
        record_of(engine),
        stack=stack.name,
        cloud=credentials.cloud(stack.environment),
        graph=graph,
        mimecast=mimecast(stack.environment, settings, stack.deadline),
        root=stack.root,
        destroys=destroys,
    )


def mimecast(
    environment: Mapping[str, str], settings: Settings, deadline: Deadline = UNLIMITED
) -> MimecastClient | MimecastError:
    """A client of the account, or why there is none."""
    try:
        return from_environment(environment, client_id=settings.mimecast_client_id or "", deadline=deadline)
    except MimecastError as error:
        return error


def of_run(stack: Stack, settings: Settings, engine: Engine, outcome: RunOutcome) -> Known[Assessment]:
    """The assessment of a run's program; read again if it handed nothing over. Unknown if Entra cannot be reached."""
    if outcome.snapshot is None:
        return try_to_assess(stack, settings, engine)
    written = written_addresses(settings, stack.root)
    return Known(of(settings, outcome.snapshot, written, stack=stack.name), How.LIVE, _BOTH)


def try_to_assess(stack: Stack, settings: Settings, engine: Engine | None) -> Known[Assessment]:
    """The assessment of `assess_stack`; unknown, with the reason, if Entra cannot be read."""
    try:
        return Known(assess_stack(stack, settings, engine), How.LIVE, _BOTH)
    except GraphError as error:
        return unknown(error)


def of_application(stack: Stack, settings: Settings, engine: Engine) -> Known[Assessment]:
    """An assessment that knows the application alone, for what depends on nothing else: Mimecast is not read.

    The program that runs afterwards reads everything. Unknown, with the reason, if Entra cannot be read.
    """
    scope = Scope(settings, credentials.cloud(stack.environment), record_of(engine))
    try:
        snapshot = take(scope, tenant.graph(stack), NOT_READ)
    except GraphError as error:
        return unknown(error)
    return Known(of(settings, snapshot, (), stack=stack.name), How.LIVE, "Entra")


def require_tenants_of(settings: Settings, snapshot: Snapshot) -> None:
    """Raise OperationError, with the code of a refusal, if the credentials belong to other tenants than configured."""
    account = snapshot.account.value
    if account is not None:
        try:
            check_account(account, settings.account_code, settings.region)
        except AccountMismatch:
            raise OperationError(
                f"The Mimecast credentials are for account {account.code} in region {account.region}, not "
                f"{settings.account_code} in region {settings.region}. Use the credentials of "
                f"{settings.account_code}, or correct --account-code and --region (in a stack file: "
                "mimecast-sso:accountCode and mimecast-sso:region).",
                Exit.REFUSED,
            ) from None
    if settings.tenant_id and snapshot.tenant_id and snapshot.tenant_id.lower() != settings.tenant_id:
        raise OperationError(
            f"The Entra credentials are for tenant {snapshot.tenant_id}, but mimecast-sso:tenantId is "
            f"{settings.tenant_id}. Use the credentials of that tenant, or correct the key.",
            Exit.REFUSED,
        )


def on_save(stack: Stack, settings: Settings, engine: Engine) -> tuple[Statement, ...]:
    """The effect on people's sign-in of saving the console form that is due."""
    found = try_to_assess(stack, settings, engine)
    return _effects("What Save does to people's sign-in", sentences.on_save, found)


def on_deploy(stack: Stack, settings: Settings, engine: Engine) -> tuple[Statement, ...]:
    """The effect on people's sign-in of deploying a configuration, which may differ from the stack file."""
    found = try_to_assess(stack, settings, engine)
    return _effects("What this does to people's sign-in", sentences.on_deploy, found)


def of_each(found: Known[Assessment]) -> tuple[Statement, ...]:
    """People whose sign-in deploying the configuration changes, or who fail, by name."""
    return _effects("Whose sign-in changes", sentences.of_each, found)


def _effects(
    subject: str, says: Callable[[Assessment], Iterable[Statement]], found: Known[Assessment]
) -> tuple[Statement, ...]:
    if found.value is None:
        return (Statement(subject, How.UNKNOWN, found.source, Verdict.UNKNOWN),)
    return tuple(says(found.value))


def people(assessment: Known[Assessment]) -> tuple[Statement, ...]:
    """People who sign in through Entra now, and people who cannot."""
    if assessment.value is None:
        return (Statement("who signs in", How.UNKNOWN, assessment.source, Verdict.UNKNOWN, PEOPLE),)
    found = assessment.value
    statements = (
        sentences.who_signs_in(found.forecast, Instant.NOW),
        *sentences.broken(found.forecast),
        *sentences.perhaps_saved(found),
        *sentences.lately(found.snapshot),
    )
    return (
        *(replace(each, subject=PEOPLE) for each in statements),
        *(
            replace(each, subject="Conditional Access")
            for each in sentences.conditional_access(found.snapshot)
        ),
        *sentences.clock(found.snapshot),
        *synchronisation.of_desired(found.desired),
    )
