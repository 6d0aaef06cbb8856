"""Microsoft's own clients on the sandbox's Entra: the Graph library with its typed models, and the Azure CLI."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import credentials
from tests.judges.service_providers import AZ, HERE, PYTHON, needs
from tests.support.sandboxes import ADA, GROUP, RunningSandbox

pytestmark = pytest.mark.judges

NOT_SIMULATED = {"status": 501, "code": "NotImplemented", "dated": True}
ABSENT = {"status": 404, "code": "Request_ResourceNotFound", "dated": True}


@pytest.fixture(scope="module")
def walked(sandbox: RunningSandbox) -> dict[str, Any]:
    """What Microsoft's library read, step by step."""
    needs(PYTHON)
    question = {
        "tenant": credentials.TENANT_ID,
        "client_id": credentials.DEPLOYER_CLIENT_ID,
        "client_secret": credentials.DEPLOYER_CLIENT_SECRET,
        "owner": credentials.DEPLOYER_OBJECT_ID,
    }
    done = subprocess.run(
        [str(PYTHON), str(HERE / "python" / "graph.py")],
        env={"PATH": os.environ["PATH"], **sandbox.env},
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    response: dict[str, Any] = json.loads(done.stdout)
    return response


def test_people_are_read_by_page_by_number_and_by_name(walked: dict[str, Any]) -> None:
    people = walked["people"]
    assert (people["paged"], people["count"], people["mail"]) == (True, True, ADA)
    assert people["found"] == [ADA]
    assert people["members"] == ["User"]


def test_refusals_are_found_where_graph_puts_them(walked: dict[str, Any]) -> None:
    people = walked["people"]
    assert people["nobody"] == ABSENT
    assert people["bad filter"] == {"status": 400, "code": "BadRequest", "dated": True}
    assert people["search alone"] == {"status": 400, "code": "Request_UnsupportedQuery", "dated": True}


def test_functions_and_casts_that_are_not_simulated_are_not_reported_as_missing_objects(
    walked: dict[str, Any],
) -> None:
    assert walked["people"]["delta"] == [NOT_SIMULATED] * 3
    assert walked["people"]["cast"] == NOT_SIMULATED
    assert walked["life"]["gone"]["users"] == NOT_SIMULATED


def test_a_batch_gets_a_response_per_request(walked: dict[str, Any]) -> None:
    assert walked["batch"] == {"/users": 200, "/users/nobody%40example.com": 404, "/domains": 200}


def test_the_life_cycle_of_a_deployed_application(walked: dict[str, Any]) -> None:
    life = walked["life"]
    assert life["certificate"] == {
        "kind": "AsymmetricX509Cert Verify",
        "end": True,
        "der": True,
        "active": True,
    }
    assert life["keys"] == ["AsymmetricX509Cert Verify", "X509CertAndPassword Sign"]
    assert (life["mode"], life["assigned"], life["assignments"]) == ("saml", "User Ada Lovelace", 1)
    assert life["again"]["status"] == 400
    assert life["policies"] == [True]


def test_a_deleted_application_is_listed_restored_and_purged(walked: dict[str, Any]) -> None:
    gone = walked["life"]["gone"]
    assert gone["with a foreign identifier"]["code"] == "DeletingSamlSpNotAllowed"
    assert (gone["after"], gone["listed"], gone["restored"]) == (ABSENT, [True], "Judged")
    assert gone["purged"] == ABSENT


def test_the_audit_log_says_who_deleted_what(walked: dict[str, Any]) -> None:
    log = [each for each in walked["logs"] if each["target"] == [["Application", "Judged"]]]
    assert [each["activity"] for each in log][:4] == [
        "Hard Delete application",
        "Delete application",
        "Restore application",
        "Delete application",
    ]
    assert all(each["dated"] and each["by"] == "Single sign-on deployment" for each in log)


def test_the_tenant_reads_as_a_tenant(walked: dict[str, Any]) -> None:
    assert walked["organization"] == [credentials.TENANT_ID]
    assert credentials.TENANT_DOMAIN in walked["domains"]
    assert "Mimecast" in walked["templates"]


# The Azure CLI

Az = Callable[..., Any]


@pytest.fixture(scope="module")
def az(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """``az`` with a home of its own, logged in as the deploying principal."""
    needs(AZ)
    home: Path = tmp_path_factory.mktemp("az")

    def run(*words: str) -> Any:
        done = subprocess.run(
            [str(AZ), "-m", "azure.cli", *words, "--output", "json"],
            env={
                "PATH": os.environ["PATH"],
                "AZURE_CONFIG_DIR": str(home),
                "AZURE_CORE_COLLECT_TELEMETRY": "false",
                **sandbox.env,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    (account,) = run(
        "login",
        "--service-principal",
        "--allow-no-subscriptions",
        *("--username", credentials.DEPLOYER_CLIENT_ID),
        *("--password", credentials.DEPLOYER_CLIENT_SECRET),
        *("--tenant", credentials.TENANT_ID),
    )
    assert account["tenantId"] == credentials.TENANT_ID
    return run


def test_az_lists_applications_people_and_groups(sandbox: RunningSandbox, az: Az) -> None:
    sandbox.instantiate("Judged by az")
    names = ("--query", "[].displayName")
    assert az("ad", "app", "list", "--display-name", "Judged by", *names) == ["Judged by az"]
    assert az("ad", "sp", "list", "--display-name", "Judged by", *names) == ["Judged by az"]
    assert az("ad", "user", "show", "--id", ADA, "--query", "mail") == ADA
    assert az("ad", "group", "member", "list", "--group", GROUP, "--query", "[].mail") == [ADA]


def test_az_restores_and_purges_what_holds_an_identifier(sandbox: RunningSandbox, az: Az) -> None:
    """The commands that the product names where a deleted application holds the identifier."""
    made = sandbox.instantiate("Judged and deleted")["application"]["id"]
    url = f"https://graph.microsoft.com/v1.0/directory/deletedItems/{made}"
    az("ad", "app", "delete", "--id", made)
    az("rest", "--method", "post", "--url", f"{url}/restore")
    assert az("ad", "app", "show", "--id", made, "--query", "displayName") == "Judged and deleted"
    az("ad", "app", "delete", "--id", made)
    az("rest", "--method", "delete", "--url", url)
    listed = "https://graph.microsoft.com/v1.0/directory/deletedItems/microsoft.graph.application"
    assert az("rest", "--url", listed, "--query", f"value[?id=='{made}']") == []
