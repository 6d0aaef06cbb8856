"""Reaching live tenants: every way to sign in without a secret, through unmodified azure-identity and the whole
preflight; failures; and whose clock is used."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from mimecast_sso.operations import tenant
from mimecast_sso.operations.cli import main
from mimecast_sso.operations.stacks import open_stack
from sandbox import credentials
from sandbox.environment import environment
from tests.support.identities import HEADER, AzureCli, Service, azure_cli, federated, service
from tests.support.projects import Ended, Project, project
from tests.support.sandboxes import RunningSandbox

ADA = "ada@example.com"
NOTHING = {"ARM_CLIENT_SECRET": "", "ARM_USE_CLI": "false"}
Run = Callable[[dict[str, str]], Ended]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("credentials"), "embedded") as fresh:
        yield fresh


@pytest.fixture
def az(tmp_path: Path) -> AzureCli:
    return azure_cli(tmp_path / "azure-cli")


@pytest.fixture
def identity(made: Project) -> Iterator[Service]:
    """The endpoint of a managed identity, which is the deploying principal here."""
    sandbox = RunningSandbox(made.home, environment(made.home), made.control)
    header = sandbox.graph().headers["Authorization"]
    with service(lambda: str(header).removeprefix("Bearer ")) as running:
        yield running


@pytest.fixture
def preflight(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """The command in this process, with the sandbox's environment without a secret, changed."""
    monkeypatch.chdir(made.folder)

    def run(changes: dict[str, str]) -> Ended:
        for name, value in (environment(made.home) | NOTHING | changes).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["mimecast-sso", "preflight", "--stack", "sandbox"])
        with pytest.raises(SystemExit) as ended:
            main()
        text = " ".join(capsys.readouterr().out.split())
        return Ended(int(ended.value.code or 0), text)

    yield run
    made.control.set("entra.administrators", None)


def in_front(az: AzureCli) -> dict[str, str]:
    return {"ARM_USE_CLI": "true", "PATH": f"{az.folder}{os.pathsep}{os.environ['PATH']}"}


def without_az(folder: Path) -> str:
    """A PATH on which everything is but the Azure CLI."""
    return os.pathsep.join(
        each for each in os.environ["PATH"].split(os.pathsep) if shutil.which("az", path=each) is None
    ) or str(folder)


def test_a_person_of_the_azure_cli(made: Project, preflight: Run, az: AzureCli) -> None:
    made.control.set("entra.administrators", [ADA])
    az.login_person(ADA)
    ended = preflight(in_front(az))
    assert ended.code == 0, ended.text
    assert f"fine credentials: Azure CLI, tenant {credentials.TENANT_ID}" in ended.text
    assert "the token is a person's: what it allows depends on directory roles" in ended.text
    (asked,) = az.tokens()  # Once, however many calls of Graph follow.
    assert asked.startswith("account get-access-token --output json --resource https://graph.microsoft.com ")


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        pytest.param(
            {"IDENTITY_ENDPOINT": "{url}", "IDENTITY_HEADER": HEADER}, "2019-08-01", id="App Service"
        ),
        pytest.param({"ARM_MSI_ENDPOINT": "{url}"}, "2018-02-01", id="ARM_MSI_ENDPOINT"),
        pytest.param({"AZURE_POD_IDENTITY_AUTHORITY_HOST": "{host}"}, "2018-02-01", id="virtual machine"),
    ],
)
def test_a_managed_identity(preflight: Run, identity: Service, variables: dict[str, str], asked: str) -> None:
    host = identity.url.removesuffix("/metadata/identity/oauth2/token")
    found = {name: value.format(url=identity.url, host=host) for name, value in variables.items()}
    ended = preflight({"ARM_USE_MSI": "true", **found})
    assert ended.code == 0, ended.text
    assert "fine credentials: managed identity, tenant" in ended.text
    assert ("UNKNOWN credentials of azuread" in ended.text) is ("IDENTITY_ENDPOINT" in variables)
    ((_, path, _),) = identity.asked
    for part in (f"api-version={asked}", "resource=https://graph.microsoft.com"):
        assert part in unquote(path)
    assert f"client_id={credentials.DEPLOYER_CLIENT_ID}" in path, "a user-assigned one"


def test_a_pipeline_signs_in_with_its_own_token(preflight: Run, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(federated())
    ended = preflight({"ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(file)})
    assert ended.code == 0, ended.text
    with service() as github:
        variables = {"ACTIONS_ID_TOKEN_REQUEST_URL": github.url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "good"}
        ended = preflight({"ARM_USE_OIDC": "true", "ARM_USE_AKS_WORKLOAD_IDENTITY": "false", **variables,
                           "ARM_OIDC_TOKEN_FILE_PATH": ""})  # fmt: skip
    assert ended.code == 0, ended.text
    assert "fine credentials: OpenID Connect token" in ended.text
    assert len(github.asked) == 1


def test_an_azure_cli_that_gives_no_token(preflight: Run, az: AzureCli, tmp_path: Path) -> None:
    remedy = f"run az login --tenant {credentials.TENANT_ID}, or set ARM_CLIENT_SECRET"
    absent = preflight({"ARM_USE_CLI": "true", "PATH": without_az(tmp_path)})
    nobody = preflight(in_front(az))
    az.login({"grant_type": "password"})
    refused = preflight(in_front(az) | {"ARM_USE_OIDC": "true"})
    for ended, reason in (
        (absent, "Azure CLI not found on path"),
        (nobody, "Please run 'az login'"),
        (refused, "ERROR: AADSTS900144"),
    ):
        assert ended.code == 5, ended.text
        assert f"MISSING credentials: No token for Microsoft Graph from Azure CLI: {reason}" in ended.text
        assert remedy in ended.text
        assert "ARM_USE_CLI=false" in ended.text
        assert "UNKNOWN everything else at Entra" in ended.text
    assert "is set, but there is no token: set ARM_OIDC_TOKEN" in refused.text


def test_a_managed_identity_that_is_refused(preflight: Run, identity: Service) -> None:
    identity.refuses = True
    for variables in (
        {"IDENTITY_ENDPOINT": identity.url, "IDENTITY_HEADER": HEADER},
        {"ARM_MSI_ENDPOINT": identity.url},
    ):
        ended = preflight({"ARM_USE_MSI": "true", **variables})
        assert ended.code == 5, ended.text
        assert "MISSING credentials: No token for Microsoft Graph from managed identity" in ended.text
        assert "Identity not found" in ended.text
        assert HEADER not in ended.text
        first = "ARM_MSI_ENDPOINT" if "ARM_MSI_ENDPOINT" in variables else "IDENTITY_ENDPOINT"
        assert f"ARM_USE_MSI is true, so {first} was used" in ended.text


def test_a_pipeline_that_is_refused(preflight: Run, tmp_path: Path) -> None:
    with service() as github:
        variables = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": github.url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bad-token",
        }
        ended = preflight({"ARM_USE_OIDC": "true", **variables})
    assert ended.code == 5, ended.text
    assert "could not be fetched from ACTIONS_ID_TOKEN_REQUEST_URL: HTTP 401" in ended.text
    assert "permission id-token: write" in ended.text
    assert "bad-token" not in ended.text
    ended = preflight({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(tmp_path / "none")})
    assert ended.code == 5, ended.text
    assert "ARM_OIDC_TOKEN_FILE_PATH names a file that cannot be read" in ended.text


def test_the_time_of_a_confirmation_is_mimecasts_or_said_to_be_this_machines(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    for name, value in environment(made.home).items():
        monkeypatch.setenv(name, value)
    made.control.set("clock.offset_seconds", 3600)
    try:
        asked = tenant.mimecast_time(open_stack("sandbox"))
    finally:
        made.control.set("clock.offset_seconds", None)
    now = datetime.now(UTC)
    assert timedelta(minutes=59) < asked.at - now < timedelta(minutes=61)
    assert not asked.note
    monkeypatch.setenv("MIMECAST_CLIENT_SECRET", "wrong")
    local = tenant.mimecast_time(open_stack("sandbox"))
    assert timedelta(0) <= local.at - now < timedelta(minutes=5)
    assert local.note.startswith("The time is this machine's, because Mimecast's could not be read: ")


@pytest.mark.parametrize("host", [r"login\.microsoftonline\.com", r"graph\.microsoft\.com"])
def test_a_page_of_the_network_is_unknown_and_never_missing(made: Project, preflight: Run, host: str) -> None:
    page = {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>Sign in to Wi-Fi</html>"}
    made.control.faults({"host": host, "path": ".*", "times": 99, **page})
    try:
        ended = preflight({"ARM_CLIENT_SECRET": credentials.DEPLOYER_CLIENT_SECRET})
    finally:
        made.control.faults()
    assert ended.code == 1, ended.text
    assert "UNKNOWN connection:" in ended.text
    assert "MISSING" not in ended.text
