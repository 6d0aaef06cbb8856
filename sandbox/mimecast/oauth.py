"""API 2.0 credentials: the token endpoint, and the callers of bearer tokens.

Tokens last 1,800 seconds (the vendor's guide). Switches: ``mimecast.token_seconds``; ``mimecast.tokens_expired_before``
(an ISO time: tokens issued earlier have expired); ``mimecast.gateway_errors`` (``flat`` or ``nested``, the two shapes
in which clients read ``token_expired``).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from sandbox.world import World

APPLICATIONS = "mimecast.applications"
TOKENS = "mimecast.tokens"
TOKEN_PATH = "/oauth/token"

_LIFETIME_SECONDS = 1800
_TOKENS_KEPT = 500
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: an API application of one account."""

    world: World
    account: str
    client_id: str


class TokenError(Exception):
    """The bearer token is rejected; ``response`` is the gateway's."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__("401")


def gateway_error(status: int, code: str, message: str, *, retryable: bool = False) -> Response:
    """An error response of the gateway itself, in the format of integrators' fixtures."""
    error = {"code": code, "message": message, "retryable": retryable}
    return JSONResponse({"fail": [{"errors": [error]}]}, status_code=status)


def issue(world: World, content_type: str, body: bytes) -> Response:
    """Handle ``POST /oauth/token``: form fields only. Basic authentication is not accepted (EMU)."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        return gateway_error(400, "invalid_request", f"Content-Type must be {_FORM}")
    form = {key: values[-1] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        return gateway_error(400, "unsupported_grant_type", "grant_type must be client_credentials")
    application = world.get(APPLICATIONS, form.get("client_id", ""))
    if application is None or not secrets.compare_digest(
        application["clientSecret"].encode(), form.get("client_secret", "").encode()
    ):
        return gateway_error(401, "invalid_client_identifier", "Client credentials are invalid")
    lifetime = int(world.setting("mimecast.token_seconds", _LIFETIME_SECONDS))
    token = secrets.token_urlsafe(48)
    now = world.now()
    with world.transaction():
        # Expired ones are kept: their bearer must get ``token_expired``, not ``invalid``.
        world.keep_newest(TOKENS, _TOKENS_KEPT)
        world.put(
            TOKENS,
            _key(token),
            {
                "clientId": application["clientId"],
                "account": application["account"],
                "issued": now.isoformat(),
                "expires": (now + timedelta(seconds=lifetime)).isoformat(),
            },
        )
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": lifetime})


def authenticate(world: World, authorization: str) -> Caller:
    """The caller of an Authorization header.

    Raises:
        TokenError: the token is missing, unknown or expired.
    """
    scheme, _, token = authorization.partition(" ")
    document = world.get(TOKENS, _key(token.strip())) if scheme.lower() == "bearer" else None
    if document is None:
        raise TokenError(_enveloped("invalid_access_token", "Access token is invalid", retryable=False))
    if _has_expired(world, document):
        raise TokenError(_expired(world))
    return Caller(world, document["account"], document["clientId"])


def _has_expired(world: World, document: dict[str, Any]) -> bool:
    valid_from = world.setting("mimecast.tokens_expired_before", "")
    if valid_from and datetime.fromisoformat(document["issued"]) < datetime.fromisoformat(valid_from):
        return True
    return datetime.fromisoformat(document["expires"]) <= world.now()


def _expired(world: World) -> Response:
    code, message = "token_expired", "Access token has expired"
    if world.setting("mimecast.gateway_errors", "flat") == "nested":
        return _enveloped(code, message, retryable=True)
    return JSONResponse({"fail": [{"code": code, "message": message, "retryable": True}]}, status_code=401)


def _enveloped(code: str, message: str, *, retryable: bool) -> Response:
    error = {"code": code, "message": message, "retryable": retryable}
    return JSONResponse({"meta": {"status": 401}, "data": [], "fail": [{"errors": [error]}]}, status_code=401)


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
