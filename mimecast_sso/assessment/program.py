"""The assessment of a Pulumi program, before it registers anything.

A program with one component::

    assessment = assess(settings())
    judge(assessment)
    PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment))

A program with several components assesses and judges all of them first, so that a refusal of the second does not leave
the first deployed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pulumi

from mimecast_sso.assessment import assessment as tenants
from mimecast_sso.assessment import guards, hand_over, plan_digest, sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.live_tenant import uncreatable, unpublishable
from mimecast_sso.assessment.recorded import in_program
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.settings import (
    REFUSED,
    Address,
    ConfigurationError,
    Settings,
    Written,
    from_engine,
    written_elsewhere,
)
from mimecast_sso.settings.plugin_keys import conflicts
from providers.entra import credentials
from providers.entra.errors import GraphError, Unreachable
from providers.entra.graph import GraphClient, shared_client
from providers.mimecast import Credentials, MimecastClient, MimecastError, from_environment, shared_client_of

_passed: dict[int, str] = {}
"""The verdicts that are not logged yet, by the identity of the assessment, which its component keeps alive."""


def settings() -> Settings:
    """The configuration of the running stack; on the sandbox, with the values that commands wrote.

    Raises:
        ConfigurationError: It cannot be used.
    """
    written = Written.on_sandbox(pulumi.get_stack(), os.environ)
    return from_engine(pulumi.runtime.get_config_env(), written)


def assess(
    settings: Settings,
    *,
    component: str = "",
    mimecast: Credentials | None = None,
    graph: GraphClient | None = None,
    root: Path | None = None,
) -> Assessment:
    """Read both tenants and forecast the run's effect on people's sign-in. Writes nothing.

    Args:
        settings: The validated configuration of one component.
        component: Name of the component, in a program with several; "" with one.
        mimecast: Credentials of the account. Without them, ``MIMECAST_CLIENT_ID`` and ``MIMECAST_CLIENT_SECRET`` of
            the environment, else the settings' ``mimecastClientId`` and ``mimecastClientSecret``.
        graph: Microsoft Graph. Without it, the tenant of the ``ARM_*`` variables.
        root: The project's folder, to which CSV files are relative; the working folder by default.

    Raises:
        ConfigurationError: A CSV file cannot be used, or the stack file points the azuread plugin at another tenant.
        pulumi.RunError: Entra cannot be read, or does not have a configured user, group or owner.
    """
    written = tenants.written_addresses(settings, root or Path.cwd())
    if graph is None:
        _refuse_other_tenant()
    snapshot = _read(settings, written, component, _client(settings, mimecast), graph)
    if not component:
        hand_over.write(snapshot, os.environ)
    found = tenants.of(settings, snapshot, written, stack=pulumi.get_stack())
    problems = [
        *snapshot.directory.problems,
        *unpublishable(settings, snapshot),
        *uncreatable(settings, snapshot, found.desired.addresses),
    ]
    if problems:
        # An assigned group that somebody deleted, for example: who cannot sign in since then is said first.
        _say_what_is((found,))
        raise pulumi.RunError("\n".join(problems))
    return found


def _read(
    settings: Settings,
    written: Sequence[Address],
    component: str,
    mimecast: MimecastClient | MimecastError,
    graph: GraphClient | None,
) -> Snapshot:
    try:
        return tenants.read(
            settings,
            in_program(component),
            written,
            cloud=graph.cloud if graph else credentials.cloud(os.environ),
            graph=graph or shared_client(),
            mimecast=mimecast,
        )
    except Unreachable as error:
        raise pulumi.RunError(f"Entra could not be read: {error}") from None
    except GraphError as error:
        raise pulumi.RunError(f"Entra refused the ARM_* credentials or a request: {error}") from None


def judge(*assessments: Assessment, root: Path | None = None) -> None:
    """Refuse what a guard refuses, and warn of overrides; in the preview of one component, log the plan's digest too.

    That an assessment passed is logged once its component has passed the last guard (`say_that_it_passed`).

    Args:
        assessments: One for each component.
        root: The project's folder, whose other stack files are compared; the working folder by default.

    Raises:
        pulumi.RunError: A guard refuses, another stack file of the account names the same domain, or a command expects
            another plan.
    """
    judgements = [guards.check(each) for each in assessments]
    for text in (text for judgement in judgements for text in judgement.warnings):
        pulumi.log.warn(text)
    refusals = [text for judgement in judgements for text in judgement.refusals]
    if refusals:
        _say_what_is(assessments)
        raise pulumi.RunError("\n".join(refusals))
    folder = (root or Path.cwd()) / "stacks"
    shared = [
        text for each in assessments for text in written_elsewhere(each.settings, pulumi.get_stack(), folder)
    ]
    if shared:
        raise pulumi.RunError("\n".join(shared))
    _passed.update({id(each): found.summary for each, found in zip(assessments, judgements, strict=True)})
    if len(assessments) == 1 and assessments[0].snapshot.record.is_known:
        _refuse_other_plan(assessments[0])
        if pulumi.runtime.is_dry_run():
            pulumi.log.info(f"{plan_digest.ANNOUNCED}{plan_digest.digest(assessments[0])}")


def say_that_it_passed(assessment: Assessment) -> None:
    """Log the guards' verdict on an assessment that was judged; the component does it, after its own guard."""
    summary = _passed.pop(id(assessment), None)
    if summary:
        pulumi.log.info(summary)


def _refuse_other_plan(assessment: Assessment) -> None:
    """Raise RunError if a command compared the plan with a reviewed one, and it has changed since."""
    expected = os.environ.get(plan_digest.EXPECTED)
    if not expected:
        return
    now = plan_digest.digest(assessment)
    if now == expected:
        return
    what = plan_digest.in_words(plan_digest.different(now, expected))
    raise pulumi.RunError(
        f"{REFUSED} reviewed-plan: {what} changed while this run was being started, so it would deploy another plan "
        "than the reviewed one.\n"
        "  What to do: review the plan again, and deploy the digest that it prints: "
        f"{assessment.command('preview')}."
    )


def _refuse_other_tenant() -> None:
    problems = list(conflicts(pulumi.runtime.get_config_env(), os.environ))
    if problems:
        raise ConfigurationError(problems)


def _say_what_is(assessments: tuple[Assessment, ...]) -> None:
    for each in assessments:
        for statement in (*sentences.clock(each.snapshot), *sentences.broken(each.forecast)):
            pulumi.log.warn(str(statement))
    for key, value in assessments[0].snapshot.recorded.stack_outputs.items():
        pulumi.export(key, value)  # Otherwise the engine would show all of them as removed.


def _client(settings: Settings, passed: Credentials | None) -> MimecastClient | MimecastError:
    if passed is not None:
        return shared_client_of(passed)
    try:
        return from_environment(
            client_id=settings.mimecast_client_id or "",
            client_secret=str(settings.mimecast_client_secret or ""),
        )
    except MimecastError as error:
        return error
