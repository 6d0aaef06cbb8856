"""Sources of tokens for machines without a secret: the Azure CLI's command, and services of Azure and of CI.

Each returns the token that the sandbox's Entra issues for it. `az` supports ``version``, ``account show`` and ``account
get-access-token`` in the Azure CLI's documented format; the services respond as Microsoft documents the endpoints of
managed identities (App Service, instance metadata), and as GitHub and Azure DevOps document those of their pipelines.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from sandbox import credentials
from tests.support.sandboxes import CLI_CLIENT_ID

HEADER = "the secret of this machine's identity endpoint"
DEPLOYER = {
    "grant_type": "client_credentials",
    "client_id": credentials.DEPLOYER_CLIENT_ID,
    "client_secret": credentials.DEPLOYER_CLIENT_SECRET,
}

# The shell starts Python, whose path may contain a space; for Python this line is a string.
_AZ = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import json, sys, time
from datetime import datetime
from pathlib import Path

here, words = Path(__file__).parent, [word for word in sys.argv[1:] if word not in ("-o=json",)]
with (here / "asked").open("a") as asked:
    asked.write(" ".join(sys.argv[1:]) + "\\n")
login = json.loads((here / "login.json").read_text())
options = dict(zip(words[2::2], words[3::2]))
if words == ["version"]:
    print(json.dumps({{"azure-cli": "2.80.0", "azure-cli-core": "2.80.0", "extensions": {{}}}}))
elif login is None:
    sys.exit("ERROR: Please run 'az login' to setup account.")
elif words[:2] == ["account", "show"]:
    user = {{"name": login.get("username") or login["client_id"],
            "type": "user" if "username" in login else "servicePrincipal"}}
    print(json.dumps({{"id": "{tenant}", "isDefault": True, "name": "N/A(tenant level account)", "state": "Enabled",
                      "tenantId": "{tenant}", "user": user}}))
elif words[:2] == ["account", "get-access-token"]:
    import requests
    scope = options.get("--scope") or options["--resource"].rstrip("/") + "/.default"
    tenant = options.get("--tenant", "{tenant}")
    url = f"https://login.microsoftonline.com/{{tenant}}/oauth2/v2.0/token"
    response = requests.post(url, data={{**login, "scope": scope}}, timeout=30)
    if not response.ok:
        sys.exit("ERROR: " + response.json()["error_description"])
    until = int(time.time()) + int(response.json()["expires_in"])
    print(json.dumps({{"accessToken": response.json()["access_token"], "expires_on": until,
                      "expiresOn": datetime.fromtimestamp(until).strftime("%Y-%m-%d %H:%M:%S.%f"),
                      "subscription": "{tenant}", "tenant": tenant, "tokenType": "Bearer"}}))
else:
    sys.exit("ERROR: not an az command that this one knows: " + " ".join(words))
"""


@dataclass(frozen=True, slots=True)
class AzureCli:
    """An ``az`` in a separate folder, placed first on the PATH."""

    folder: Path

    def login(self, form: Mapping[str, str] | None) -> None:
        """The signed-in person, as the parameters for the token endpoint; None for nobody."""
        (self.folder / "login.json").write_text(json.dumps(form), encoding="utf-8")

    def login_person(self, name: str) -> None:
        """Signs a person of the tenant in."""
        form = {"grant_type": "password", "client_id": CLI_CLIENT_ID}
        self.login({**form, "username": name, "password": credentials.USER_PASSWORD})

    def tokens(self) -> list[str]:
        """All commands so far that requested a token."""
        file = self.folder / "asked"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [line for line in lines if "get-access-token" in line]


def azure_cli(folder: Path) -> AzureCli:
    """The command, with nobody signed in."""
    folder.mkdir()
    command = folder / "az"
    command.write_text(_AZ.format(python=sys.executable, tenant=credentials.TENANT_ID), encoding="utf-8")
    command.chmod(0o755)
    made = AzureCli(folder)
    made.login(None)
    return made


def federated() -> str:
    """The token of another issuer, for a workload of CI."""
    claims = {"aud": "api://AzureADTokenExchange", "iss": "https://ci.example.com", "exp": 4102444800}
    return jwt.encode(claims, "any key of at least thirty-two bytes")


@dataclass
class Service:
    """A loopback service: its address, and its requests as (method, path with query, Authorization)."""

    url: str = ""
    refuses: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def identity_token(self, headers: Mapping[str, str], _: dict[str, list[str]]) -> tuple[int, Any]:
        """GitHub's and Azure DevOps' services, which accept a bearer token."""
        if "good" not in headers.get("Authorization", ""):
            return 401, {}
        return 200, {"value": federated(), "oidcToken": federated()}

    def managed_identity(
        self, headers: Mapping[str, str], query: dict[str, list[str]], token: Callable[[], str]
    ) -> tuple[int, Any]:
        """The endpoint of App Service (by its header), or the metadata service of virtual machines."""
        app_service = headers.get("X-IDENTITY-HEADER") == HEADER and query["api-version"] == ["2019-08-01"]
        machine = headers.get("Metadata") == "true" and query["api-version"] == ["2018-02-01"]
        if self.refuses or not (app_service or machine):
            reason = "Identity not found"
            described = {"error": "invalid_request", "error_description": reason}
            return 400, {
                "statusCode": 400,
                "message": reason,
            } if "X-IDENTITY-HEADER" in headers else described
        lifetime = {"expires_in": "3600", "expires_on": "4102444800"}
        return 200, {
            "access_token": token(),
            "resource": query["resource"][0],
            "token_type": "Bearer",
            **lifetime,
        }


@contextmanager
def service(token: Callable[[], str] | None = None) -> Iterator[Service]:
    """A pipeline's service, or with ``token`` the endpoint of a managed identity that returns it."""
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            made.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
            query = parse_qs(urlsplit(self.path).query)
            headers = dict(self.headers.items())
            found = (
                made.managed_identity(headers, query, token) if token else made.identity_token(headers, query)
            )
            body = json.dumps(found[1]).encode()
            self.send_response(found[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/metadata/identity/oauth2/token"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
