"""The token endpoint, and the discovery documents that client libraries read first.

Sources: Microsoft's "OAuth 2.0 client credentials flow", "OpenID Connect on the identity platform" and "Microsoft Entra
authentication and authorization error codes". Tokens for people are in ``user_tokens``.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.entra import user_tokens
from sandbox.entra.tokens import (
    KEY_ID,
    LIFETIME_SECONDS,
    TokenRefusedError,
    base64url,
    deployer_of,
    is_tenant,
    issue,
    missing,
    no_tenant,
    public_key,
    roles,
    tenant_id,
)
from sandbox.hosts import GRAPH_HOST, LOGIN_HOST, STS_HOST
from sandbox.world import World

_DEFAULT = "/.default"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenEndpoints:
    """The token handlers of ``login.microsoftonline.com``."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def instance_discovery(self, _: Request) -> Response:
        """The hosts of the same cloud; msal and azure-identity ask for them first."""
        return JSONResponse(
            {
                "tenant_discovery_endpoint": f"https://{LOGIN_HOST}/common/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {
                        "preferred_network": LOGIN_HOST,
                        "preferred_cache": STS_HOST,
                        "aliases": [LOGIN_HOST, STS_HOST],
                    }
                ],
            }
        )

    async def openid_configuration(self, request: Request) -> Response:
        """The tenant's OpenID Connect discovery document."""
        named = request.path_params["tenant"]
        if named.casefold() in user_tokens.AUTHORITIES:
            base, issuer = (
                f"https://{LOGIN_HOST}/{named.casefold()}",
                f"https://{LOGIN_HOST}/{{tenantid}}/v2.0",
            )
        elif is_tenant(self._world, named):
            base = f"https://{LOGIN_HOST}/{tenant_id(self._world)}"
            issuer = f"{base}/v2.0"
        else:
            return _refusal(no_tenant(named), self._world.now())
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": GRAPH_HOST,
            }
        )

    async def keys(self, _: Request) -> Response:
        """The public key of access tokens."""
        numbers = public_key(self._world).public_numbers()
        return JSONResponse(
            {
                "keys": [
                    {
                        "kty": "RSA",
                        "use": "sig",
                        "kid": KEY_ID,
                        "n": base64url(numbers.n.to_bytes(256, "big")),
                        "e": base64url(numbers.e.to_bytes(3, "big")),
                    }
                ]
            }
        )

    async def token(self, request: Request) -> Response:
        """Issue a token for an application or a person."""
        form = await _form(request)
        try:
            client_id, secret = _basic_credentials(request.headers.get("authorization"))
            form.setdefault("client_id", client_id)
            form.setdefault("client_secret", secret)
            response = self._grant(request.path_params["tenant"], form)
        except TokenRefusedError as refusal:
            return _refusal(refusal, self._world.now())
        return JSONResponse(response, headers={"Cache-Control": "no-store"})

    async def user_realm(self, request: Request) -> Response:
        """Whether people of this domain sign in with a password here."""
        return JSONResponse(user_tokens.realm(self._world, request.path_params["name"]))

    async def device_code(self, request: Request) -> Response:
        """Start the device code flow."""
        form = await _form(request)
        try:
            self._check_authority(request.path_params["tenant"])
            return JSONResponse(user_tokens.begin_device_sign_in(self._world, form))
        except TokenRefusedError as refusal:
            return _refusal(refusal, self._world.now())

    def _check_authority(self, named: str) -> None:
        if named.casefold() not in user_tokens.AUTHORITIES and not is_tenant(self._world, named):
            raise no_tenant(named)

    def _grant(self, named: str, form: Mapping[str, str]) -> dict[str, Any]:
        self._check_authority(named)
        grant_type = form.get("grant_type")
        if not grant_type:
            raise missing("grant_type")
        for_person = user_tokens.grants().get(grant_type)
        if for_person is not None:
            return for_person(self._world, form)
        if grant_type != "client_credentials":
            message = f"The app requested an unsupported grant type '{grant_type}'."
            raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", 70003, message)
        if named.casefold() in user_tokens.AUTHORITIES:
            message = (
                "No tenant-identifying information found in either the request or implied by any provided"
                " credentials."
            )
            raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", 50059, message)
        deployer = self._authenticated_client(form)
        audience = _audience(form.get("scope"))
        return _token_response(_application_token(self._world, deployer, audience))

    def _authenticated_client(self, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = form.get("client_id") or ""
        if not client_id:
            raise missing("client_id")
        deployer = deployer_of(self._world, client_id)
        if deployer is None:
            message = f"Application with identifier '{client_id}' was not found in the directory."
            raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "unauthorized_client", 700016, message)
        assertion = form.get("client_assertion")
        if assertion:
            _check_assertion(assertion, form.get("client_assertion_type"), client_id, self._world.now())
        elif not form.get("client_secret"):
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise TokenRefusedError(HTTPStatus.UNAUTHORIZED, "invalid_client", 7000218, message)
        elif form["client_secret"] != deployer["clientSecret"]:
            message = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret"
                f" value, not the client secret ID, for a secret added to app '{client_id}'."
            )
            raise TokenRefusedError(HTTPStatus.UNAUTHORIZED, "invalid_client", 7000215, message)
        return deployer


def _application_token(world: World, deployer: Mapping[str, Any], audience: str) -> str:
    return issue(
        world,
        audience,
        app_displayname=deployer["displayName"],
        appid=deployer["clientId"],
        appidacr="1",
        idtyp="app",
        oid=deployer["objectId"],
        sub=deployer["objectId"],
        roles=list(roles(world, deployer)),
    )


def _token_response(token: str) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "ext_expires_in": LIFETIME_SECONDS,
        "access_token": token,
    }


def _audience(scope: str | None) -> str:
    if not scope:
        raise missing("scope")
    if not scope.endswith(_DEFAULT):
        message = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value"
            " with /.default suffixed to the resource identifier (application ID URI)."
        )
        raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_scope", 1002012, message)
    return scope.removesuffix(_DEFAULT)


def _check_assertion(assertion: str, kind: str | None, client_id: str, now: datetime) -> None:
    """Read a client assertion without verifying it: its signer's certificate is not registered."""
    import jwt  # noqa: PLC0415

    problem = None
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        problem = "Failed to read the client assertion."
    else:
        subject_is_client = {str(claims.get(name)).casefold() for name in ("iss", "sub")} == {
            client_id.casefold()
        }
        federated = claims.get("aud") == "api://AzureADTokenExchange"
        if kind != _JWT_BEARER or not (subject_is_client or federated):
            problem = "Client assertion is not within its issuer, subject or type."
        elif float(claims.get("exp", 0)) <= now.timestamp():
            problem = "Client assertion is not within its valid time range."
    if problem:
        raise TokenRefusedError(HTTPStatus.UNAUTHORIZED, "invalid_client", 700024, problem)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _basic_credentials(header: str | None) -> tuple[str, str]:
    """Client id and secret from HTTP basic authentication, which the endpoint accepts like form fields."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _refusal(refusal: TokenRefusedError, now: datetime) -> Response:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    body = {
        "error": refusal.error,
        "error_description": f"{refusal} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
        "error_codes": [refusal.code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://{LOGIN_HOST}/error?code={refusal.code}",
    }
    return Response(json.dumps(body), status_code=refusal.status, media_type="application/json")
