"""Any number of Entra tenants and Mimecast accounts in one sandbox: each credential works only for its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox import credentials
from sandbox.credentials import Tenants
from tests.support.projects import Project, unseeded
from tests.support.sandboxes import RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"
API = "https://api.services.mimecast.com"
STACKS = ("prod-eu", "prod-us")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with unseeded(tmp_path_factory.mktemp("tenants"), "embedded") as fresh:
        for name in ("sandbox", *STACKS):
            own = () if name == "sandbox" else ("--own-tenants",)
            ended = fresh.sandbox("seed", "--stack", name, *own)
            assert ended.code == 0, ended.text
        yield fresh


def opened(made: Project, stack: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "credentials", stack],
        cwd=made.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def entra_token(sandbox: RunningSandbox, tenant: str, variables: dict[str, str]) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": variables["ARM_CLIENT_ID"],
        "client_secret": variables["ARM_CLIENT_SECRET"],
        "scope": "https://graph.microsoft.com/.default",
    }
    return sandbox.session().post(f"{LOGIN}/{tenant}/oauth2/v2.0/token", data=form, timeout=30)


def people(sandbox: RunningSandbox, token: str) -> set[str]:
    asked = {"requests": [{"id": "1", "method": "GET", "url": "/users?$select=mail"}]}
    bearer = {"Authorization": f"Bearer {token}"}
    one = sandbox.session().get(f"{GRAPH}/users?$select=mail", headers=bearer, timeout=30)
    batch = sandbox.session().post(f"{GRAPH}/$batch", json=asked, headers=bearer, timeout=30)
    found: list[dict[str, Any]] = one.json()["value"]
    assert batch.json()["responses"][0]["body"]["value"] == found, "a batch is of the same tenant"
    return {each["mail"] for each in found}


def test_a_token_opens_the_tenant_that_issued_it(made: Project) -> None:
    assert {"ada@example.com", "grace@example.com"} <= people(
        made.running,
        entra_token(made.running, credentials.TENANT_ID, Tenants().variables()).json()["access_token"],
    )
    for stack in STACKS:
        variables = opened(made, stack)
        response = entra_token(made.running, variables["ARM_TENANT_ID"], variables)
        assert people(made.running, response.json()["access_token"]) == {
            "identity@example.com",
            "visitor@example.com",
        }


def test_credentials_of_one_tenant_open_no_other(made: Project) -> None:
    eu, us = (opened(made, stack) for stack in STACKS)
    assert not set(eu.values()) & set(us.values())
    refused = entra_token(made.running, us["ARM_TENANT_ID"], eu)
    assert refused.json()["error_codes"] == [700016]
    unknown = entra_token(made.running, "6c000000-0000-4000-8000-000000000009", eu)
    assert unknown.status_code == 400


def test_an_account_of_its_own_per_stack(made: Project) -> None:
    codes = []
    for stack in STACKS:
        variables = opened(made, stack)
        session = made.running.session()
        form = {
            "grant_type": "client_credentials",
            "client_id": variables["MIMECAST_CLIENT_ID"],
            "client_secret": variables["MIMECAST_CLIENT_SECRET"],
        }
        token = session.post(f"{API}/oauth/token", data=form, timeout=30).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        account = session.post(
            f"{API}/api/account/get-account", json={"data": []}, headers=bearer, timeout=30
        )
        codes.append(account.json()["data"][0]["accountCode"])
    assert codes == ["CUK00A002", "CUSA00A003"]


def test_own_tenants_are_those_of_a_stack(made: Project) -> None:
    ended = made.sandbox("seed", "--tenant", "ten", "--own-tenants")
    assert ended.code == 64
    assert "--own-tenants needs --stack" in ended.text
