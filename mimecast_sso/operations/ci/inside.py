"""Checks of a job's environment: the CI service it runs on, and how it signs in to Entra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.preflight.statements import fails, fine, missing, note
from mimecast_sso.provenance import How, Statement, Verdict

_JOB: Mapping[Forge, str] = {
    Forge.GITHUB: "GITHUB_ACTIONS",
    Forge.GITLAB: "GITLAB_CI",
    Forge.AZURE_DEVOPS: "TF_BUILD",
}
_TOKEN: Mapping[Forge, tuple[tuple[str, ...], str]] = {
    Forge.GITHUB: (
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        "Give the job the permission id-token: write. Forks never have it",
    ),
    Forge.GITLAB: (("ARM_OIDC_TOKEN",), "Give the job id_tokens: ARM_OIDC_TOKEN"),
    Forge.AZURE_DEVOPS: (
        ("ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID", "SYSTEM_ACCESSTOKEN"),
        "Give the step env: SYSTEM_ACCESSTOKEN: $(System.AccessToken), and the id of the service connection",
    ),
}
_SECRETS = (
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_SECRET_FILE_PATH",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PATH",
)
_PASSPHRASE = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
_HERE = "this job's environment"


def ask(forge: Forge, environment: Mapping[str, str]) -> Iterator[Statement]:
    """Statements about the job's environment."""
    if environment.get(_JOB[forge]):
        yield fine("job", f"runs on {forge.display_name}", How.LIVE, _HERE)
    else:
        yield missing(
            "job", f"{_JOB[forge]} is not set: run this in a job of {forge.display_name}", How.LIVE, _HERE
        )
    yield from _token(forge, environment)
    if forge is Forge.GITHUB:
        yield from _runner(environment)
    if held := _set(environment, _PASSPHRASE):
        yield fails(
            "passphrase",
            f"{held[0]} is set. Previews and drift reports need no passphrase: remove it from their environment",
            How.LIVE,
            _HERE,
        )


def _token(forge: Forge, environment: Mapping[str, str]) -> Iterator[Statement]:
    names, way_out = _TOKEN[forge]
    secrets = _set(environment, _SECRETS)
    lacking = [name for name in names if not environment.get(name)]
    if secrets:
        yield Statement(
            f"{secrets[0]} is set, which is a long-lived secret. Use a federated credential instead",
            How.LIVE,
            _HERE,
            Verdict.WARNS,
            "token",
        )
    elif lacking:
        yield missing("token", f"{' and '.join(lacking)} not set. {way_out}", How.LIVE, _HERE)
    else:
        yield fine("token", "the forge's own, exchanged at Entra", How.LIVE, _HERE)


def _runner(environment: Mapping[str, str]) -> Iterator[Statement]:
    kind = environment.get("RUNNER_ENVIRONMENT")
    if kind == "self-hosted":
        yield Statement(
            "self-hosted: later jobs can read what this one leaves behind. Use GitHub-hosted runners for pull requests",
            How.LIVE,
            _HERE,
            Verdict.WARNS,
            "runner",
        )
    elif kind:
        yield note("runner", kind, How.LIVE, _HERE)


def _set(environment: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if environment.get(name)]
