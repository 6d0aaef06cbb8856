"""A sandbox for tests: a real process in its own home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import credentials, lifecycle
from sandbox.control_client import Control
from sandbox.environment import environment
from tests.support import commands

DOMAIN = "example.com"
ACCOUNT_CODE = "CUK25A118"

# Not assigned yet; each test assigns what it needs.
ADA = "ada@example.com"
GRACE = "grace@example.com"
ALAN = "alan@example.com"
WITHOUT_MAIL = "kay@contoso.onmicrosoft.com"
GROUP = "Mimecast Personal Portal users"
CLI_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The client id of the Azure CLI, which acts for people."""


def seed_document() -> dict[str, Any]:
    """The default seed: one tenant, four people, one group of which Ada is a member, one Mimecast account."""
    return {
        "tenant": {"id": credentials.TENANT_ID, "domain": credentials.TENANT_DOMAIN},
        "deployer": {
            "clientId": credentials.DEPLOYER_CLIENT_ID,
            "clientSecret": credentials.DEPLOYER_CLIENT_SECRET,
            "objectId": credentials.DEPLOYER_OBJECT_ID,
        },
        "templates": [{"displayName": "Mimecast Personal Portal"}, {"displayName": "Mimecast"}],
        "users": [
            _user("Ada Lovelace", ADA, ADA),
            _user("Grace Hopper", GRACE, GRACE),
            _user("Alan Turing", ALAN, ALAN),
            _user("Alan Kay", None, WITHOUT_MAIL),
        ],
        "groups": [{"displayName": GROUP, "members": [ADA]}],
        "mimecast": {
            "accountCode": ACCOUNT_CODE,
            "region": "eu",
            "clientId": credentials.MIMECAST_CLIENT_ID,
            "clientSecret": credentials.MIMECAST_CLIENT_SECRET,
            "administrator": {
                "emailAddress": credentials.administrator_address(DOMAIN),
                "password": credentials.ADMINISTRATOR_PASSWORD,
            },
        },
        "dns": {
            "zones": [
                {
                    "name": DOMAIN,
                    "tsig": {
                        "name": credentials.TSIG_KEY_NAME,
                        "algorithm": credentials.TSIG_ALGORITHM,
                        "secret": credentials.TSIG_SECRET,
                    },
                }
            ]
        },
    }


def _user(name: str, mail: str | None, principal_name: str) -> dict[str, Any]:
    return {
        "displayName": name,
        "mail": mail,
        "userPrincipalName": principal_name,
        "password": credentials.USER_PASSWORD,
    }


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A started and seeded sandbox: ``env`` for child processes, ``control`` for the control plane."""

    home: Path
    env: dict[str, str]
    control: Control

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Within the block, this process's clients reach the sandbox, as its children do."""
        with pytest.MonkeyPatch.context() as process:
            for name, value in self.env.items():
                process.setenv(name, value)
            yield

    def session(self) -> requests.Session:
        """A session that reaches the vendors' host names through the proxy and trusts the sandbox only."""
        session = requests.Session()
        session.trust_env = False
        session.proxies = {"https": self.env["HTTPS_PROXY"], "http": self.env["HTTP_PROXY"]}
        session.verify = self.env["REQUESTS_CA_BUNDLE"]
        return session

    def graph(self) -> requests.Session:
        """A session that carries the deploying principal's Graph token."""
        return self._with_token(
            grant_type="client_credentials",
            client_id=credentials.DEPLOYER_CLIENT_ID,
            client_secret=credentials.DEPLOYER_CLIENT_SECRET,
        )

    def portal(self, name: str) -> requests.Session:
        """A session that carries a person's Graph token; they are an administrator of applications from now on."""
        self.control.set("entra.administrators", [name])
        return self._with_token(
            grant_type="password",
            client_id=CLI_CLIENT_ID,
            username=name,
            password=credentials.USER_PASSWORD,
        )

    def instantiate(self, name: str, template: str = "Mimecast") -> dict[str, Any]:
        """A new application from the gallery: ``application`` and ``servicePrincipal``."""
        templates, graph = "https://graph.microsoft.com/v1.0/applicationTemplates", self.graph()
        found = graph.get(f"{templates}?$filter=displayName eq '{template}'", timeout=30).json()["value"]
        response = graph.post(
            f"{templates}/{found[0]['id']}/instantiate", json={"displayName": name}, timeout=30
        )
        response.raise_for_status()
        made: dict[str, Any] = response.json()
        return made

    def _with_token(self, **form: str) -> requests.Session:
        session = self.session()
        response = session.post(
            f"https://login.microsoftonline.com/{credentials.TENANT_ID}/oauth2/v2.0/token",
            data={**form, "scope": "https://graph.microsoft.com/.default"},
            timeout=30,
        )
        response.raise_for_status()
        session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return session


@contextmanager
def started(home: Path, document: dict[str, Any] | None = None) -> Iterator[RunningSandbox]:
    """A sandbox in ``home``, seeded with ``document`` (default: ``seed_document``), stopped at the end."""
    with commands.forking():
        process, _ = lifecycle.start(home)
    try:
        control = Control(process.proxy_port, home)
        control.seed(seed_document() if document is None else document)
        yield RunningSandbox(home, environment(home), control)
    finally:
        lifecycle.stop(home)
