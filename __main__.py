"""The Pulumi program: settings, snapshot, forecast, guards, one component, outputs."""

import os
from pathlib import Path

import pulumi

from components.personal_portal_sso import PersonalPortalSso, PersonalPortalSsoArgs
from mimecast_sso.assessment import guards, sentences
from mimecast_sso.assessment.assessment import Assessment, assess
from mimecast_sso.assessment.recorded import in_program
from mimecast_sso.settings import ConfigurationError, Settings, from_engine
from providers.entra import credentials
from providers.entra.errors import GraphError
from providers.entra.graph import shared_client
from providers.mimecast import MimecastClient, MimecastError, from_environment


def main() -> None:
    """Registers everything. Raises RunError for a configuration that cannot be used, and for what a guard refuses."""
    root = Path(__file__).resolve().parent
    try:
        settings = from_engine(pulumi.runtime.get_config_env())
        assessment = _assess(settings, root)
        _judge(assessment)
        sso = PersonalPortalSso(
            "mimecast-personal-portal",
            PersonalPortalSsoArgs(settings=settings, root=root, assessment=assessment),
        )
    except ConfigurationError as error:
        raise pulumi.RunError(
            f"The configuration of stack {pulumi.get_stack()} cannot be used.\n{error}"
        ) from None
    for key, value in sso.outputs.items():
        pulumi.export(key, value)


def _assess(settings: Settings, root: Path) -> Assessment:
    try:
        assessment = assess(
            settings,
            in_program(),
            cloud=credentials.cloud(os.environ),
            graph=shared_client(),
            mimecast=_mimecast(settings),
            root=root,
        )
    except GraphError as error:
        raise pulumi.RunError(
            f"Entra could not be reached or refused the ARM_* credentials: {error}"
        ) from None
    problems = assessment.snapshot.directory.problems
    if problems:
        raise pulumi.RunError("\n".join(problems))
    return assessment


def _mimecast(settings: Settings) -> MimecastClient | MimecastError:
    try:
        return from_environment(
            client_id=settings.mimecast_client_id or "",
            client_secret=str(settings.mimecast_client_secret or ""),
        )
    except MimecastError as error:
        return error


def _judge(assessment: Assessment) -> None:
    """Logs what the guards say. What they refuse is raised, with the stack's outputs as they are."""
    judgement = guards.check(assessment)
    for text in judgement.warnings:
        pulumi.log.warn(text)
    if judgement.refusals:
        for statement in sentences.broken(assessment.forecast):
            pulumi.log.warn(str(statement))
        for key, value in assessment.snapshot.recorded.outputs.items():
            pulumi.export(key, value)  # Else the engine would show every one as removed.
        raise pulumi.RunError("\n".join(judgement.refusals))
    pulumi.log.info(judgement.summary)


main()
