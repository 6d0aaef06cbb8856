"""The component's resource options apply to everything in it, including lookups and this project's resources."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sandbox import credentials
from tests.support import commands
from tests.support.projects import ROOT
from tests.support.sandboxes import ACCOUNT_CODE, ADA, DOMAIN, seed_document, started

PROGRAM = f"""
import pulumi
import pulumi_azuread as azuread
from mimecast_sso import (
    EntraCredentials, GraphClient, MimecastCredentials, PersonalPortalSso, PersonalPortalSsoArgs, TenantsProvider,
    TenantsProviderArgs, assess, judge, settings_from_values,
)
from marker import Marker

ENTRA = ("{credentials.TENANT_ID}", "{credentials.DEPLOYER_CLIENT_ID}", "{credentials.DEPLOYER_CLIENT_SECRET}")
MIMECAST = ("{credentials.MIMECAST_CLIENT_ID}", "{credentials.MIMECAST_CLIENT_SECRET}")


class Landing(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("company:index:Landing", name, None, opts)


tenant, client, secret = ENTRA
graph = GraphClient({{"ARM_TENANT_ID": tenant, "ARM_CLIENT_ID": client, "ARM_CLIENT_SECRET": secret}})
assessment = assess(
    settings_from_values({{
        "region": "eu",
        "accountCode": "{ACCOUNT_CODE}",
        "application": {{"signOn": "idp"}},
        "assign": {{"users": ["{ADA}"]}},
        "addresses": {{"source": "assigned"}},
        "rollOut": {{"who": "all"}},
        "certificates": {{"generations": [{{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}}], "active": "2026"}},
    }}),
    graph=graph,
    mimecast=MimecastCredentials(*MIMECAST),
)
judge(assessment)
entra = azuread.Provider("entra", tenant_id=tenant, client_id=client, client_secret=secret, use_cli=False)
tenants = TenantsProvider("tenants", TenantsProviderArgs(
    "{ACCOUNT_CODE}", "eu", *MIMECAST, entra=EntraCredentials(tenant, client, secret),
))
PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment, graph=graph), pulumi.ResourceOptions(
    parent=Landing("landing"), providers=[entra, tenants], depends_on=[Marker("first")],
))
"""
MARKER = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class MarkerProvider(ResourceProvider):
    def create(self, props):
        return CreateResult("marker", {})

class Marker(Resource, module="marker", name="Marker"):
    def __init__(self, name):
        super().__init__(MarkerProvider(), name, {})
"""
OF_A_TENANT = ("ARM_", "MIMECAST_")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The resources of the program, deployed with no credential in the environment."""
    home = tmp_path_factory.mktemp("options")
    folder = home / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: company\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "marker.py").write_text(MARKER)
    seed = seed_document()
    seed["mimecast"]["domains"] = [{"name": DOMAIN}]
    with started(home / "home", seed) as running:
        inherited = {**os.environ, **running.env}
        bare = {name: value for name, value in inherited.items() if not name.startswith(OF_A_TENANT)}

        def engine(*words: str) -> str:
            with commands.forking():
                done = subprocess.run(
                    [sys.executable, "-m", "sandbox.engine", *words, "--stack", "test"],
                    cwd=folder,
                    env={**bare, "PYTHONPATH": str(ROOT)},
                    capture_output=True,
                    text=True,
                    check=False,
                )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        engine("stack", "init")
        engine("up", "--yes", "--skip-preview")
        found: list[dict[str, str]] = json.loads(engine("stack", "export"))["deployment"]["resources"]
        return found


def test_providers_parent_and_dependencies_reach_everything(state: list[dict[str, str]]) -> None:
    of_the_component = [each for each in state if "PersonalPortalSso" in each["urn"]]
    assert all(
        "company:index:Landing$mimecast-sso:index:PersonalPortalSso" in each["urn"]
        for each in of_the_component
    )
    used = {each["provider"].split("::")[3] for each in of_the_component if each.get("provider")}
    assert used == {"entra", "tenants"}
    # A lookup by a default provider would have created one, and failed without credentials.
    assert [each["urn"] for each in state if each["urn"].endswith("azuread::default_6_11_1")] == []
    (marker,) = (each for each in state if each["type"] == "pulumi-python:dynamic/marker:Marker")
    assert all(each["created"] > marker["modified"] for each in of_the_component if each.get("provider"))


def test_a_configuration_without_domains_has_addresses(state: list[dict[str, str]]) -> None:
    (book,) = (each for each in state if each["type"].endswith("mimecast:AddressBook"))
    assert ADA in json.dumps(book["outputs"])
