"""Requests to the vendors carry this project's tokens, and nothing from the user's ``.netrc`` file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.pipeline.transport import HttpRequest
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from mimecast_sso.operations.verify import certificates
from providers.deadline import UNLIMITED
from providers.entra import federated_tokens
from providers.entra.graph import GraphClient
from providers.entra.token_transport import TokenTransport
from providers.mimecast import MimecastClient
from tests.providers.vendor import CREDENTIALS

_TENANT = "7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01"
_BODY = (
    b'{"value": "a token", "access_token": "a token", "token_type": "Bearer", "expires_in": 3600, "data": []}'
)


class _Wire(BaseAdapter):
    """Notes the Authorization header of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str | None] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.seen.append(request.headers.get("Authorization"))
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url or ""
        response.raw = HTTPResponse(BytesIO(_BODY), preload_content=False)
        response.headers["Content-Type"] = "application/json"
        return response

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Wire:
    """The network, on a machine whose user has credentials for every host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password a-password-of-the-user\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    found = _Wire()
    monkeypatch.setattr(HTTPAdapter, "send", lambda _, request, **options: found.send(request, **options))
    return found


def test_graph_gets_the_token(wire: _Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    client = GraphClient(
        {"ARM_TENANT_ID": _TENANT, "ARM_CLIENT_ID": _TENANT, "ARM_CLIENT_SECRET": "a secret"}
    )
    monkeypatch.setattr(client, "_token", lambda: "our-token")
    client.get("/organization")
    assert wire.seen == ["Bearer our-token"]


def test_mimecast_gets_the_token(wire: _Wire) -> None:
    MimecastClient(CREDENTIALS).v2("GET", "/identity/whoami")
    assert wire.seen == [None, "Bearer a token"]


def test_the_issuer_of_a_pipelines_token_gets_the_pipelines(wire: _Wire) -> None:
    variables = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://example.com/",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "ours",
    }
    assert federated_tokens.read(variables) == "a token"
    assert wire.seen == ["Bearer ours"]


def test_the_token_endpoint_gets_no_password_of_the_user(wire: _Wire) -> None:
    with TokenTransport(UNLIMITED) as transport:
        transport.send(HttpRequest("POST", "https://login.microsoftonline.com/token"))
    assert wire.seen == [None]


def test_the_federation_metadata_are_public(wire: _Wire) -> None:
    assert certificates.fetch("https://login.microsoftonline.com/metadata.xml") == _BODY
    assert wire.seen == [None]
