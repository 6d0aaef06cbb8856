"""The token endpoint, and the discovery documents that client libraries read before they use it.

Sources: Microsoft's "OAuth 2.0 client credentials flow", "OAuth 2.0 Resource Owner Password Credentials", "OpenID
Connect on the identity platform", "Access token claims reference" and "Microsoft Entra authentication and
authorization error codes".

A person gets a token too, by name and password, for the public client of the Azure CLI: so the log of the directory
can say that a person did something. The setting ``entra.administrators`` lists the user principal names of those who
are Application Administrators (default: nobody); everybody else may read no object.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mimecast_sso.facts.entra import CLOUDS
from sandbox.hosts import GRAPH_HOST, LOGIN_HOST, STS_HOST
from sandbox.world import World

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LIFETIME_SECONDS = 3599
TENANT = "tenant"
TENANTS = "entra.tenant"
DEPLOYERS = "entra.deployers"
_USERS = "entra.users"
_PASSWORDS = "entra.passwords"

_GRAPH = f"https://{GRAPH_HOST}"
_GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
_DEFAULT = "/.default"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KEY_ID = "sandbox"
_CLI_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
_CLOUD = CLOUDS["public"]

LEAST_ROLES: tuple[str, ...] = (
    "Application.Read.All",
    "Application.ReadWrite.OwnedBy",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "Domain.Read.All",
    "Group.Read.All",
    "Policy.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
    "User.Read.All",
)
"""The least application permissions of a deployment, and the one that the sign-in log wants."""

DEFAULT_ROLES: tuple[str, ...] = (*LEAST_ROLES, "Directory.Read.All")
"""With the one that the directory's audit log wants besides."""

ADMINISTRATOR_SCOPES = ("Application.ReadWrite.All", "AuditLog.Read.All", "Directory.Read.All")
"""What an Application Administrator may do through a client that acts for people."""


class InvalidTokenError(Exception):
    """A bearer token that Graph does not accept."""


class TokenRefusedError(Exception):
    """The token endpoint's refusal: an OAuth error with Entra's own code in the description."""

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        self.status = status
        self.error = error
        self.code = code
        super().__init__(f"AADSTS{code}: {message}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The service principal behind a token, with its application permissions; or a person, with what they may do."""

    client_id: str
    object_id: str
    roles: tuple[str, ...]
    display_name: str = ""
    user_principal_name: str = ""
    """"" for a service principal."""


def tenant_id(world: World) -> str | None:
    """The id of the world's only tenant, once it is seeded."""
    tenant = world.get(TENANTS, TENANT)
    return None if tenant is None else str(tenant["id"])


def is_tenant(world: World, name: str) -> bool:
    """Whether a path segment names the tenant: by id, or by one of its verified domains."""
    domains = {domain["id"].casefold() for domain in world.all("entra.domains") if domain["isVerified"]}
    return name == tenant_id(world) or name.casefold() in domains


class TokenEndpoints:
    """Handlers of ``login.microsoftonline.com`` that deal with tokens."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def instance_discovery(self, _: Request) -> Response:
        """Which hosts are the same cloud; msal and azure-identity ask before anything else."""
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
        if not is_tenant(self._world, named):
            return _refusal(_no_tenant(named), self._world.now())
        base = f"https://{LOGIN_HOST}/{tenant_id(self._world)}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
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
        numbers = _public_key(self._world).public_numbers()
        return JSONResponse(
            {
                "keys": [
                    {
                        "kty": "RSA",
                        "use": "sig",
                        "kid": _KEY_ID,
                        "n": _base64url(numbers.n.to_bytes(256, "big")),
                        "e": _base64url(numbers.e.to_bytes(3, "big")),
                    }
                ]
            }
        )

    async def token(self, request: Request) -> Response:
        """The client credentials flow."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            client_id, secret = _basic_credentials(request.headers.get("authorization"))
            form.setdefault("client_id", client_id)
            form.setdefault("client_secret", secret)
            answer = self._grant(request.path_params["tenant"], form)
        except TokenRefusedError as refusal:
            return _refusal(refusal, self._world.now())
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _grant(self, named: str, form: Mapping[str, str]) -> dict[str, Any]:
        if not is_tenant(self._world, named):
            raise _no_tenant(named)
        grant_type = form.get("grant_type")
        if not grant_type:
            raise _missing("grant_type")
        if grant_type == "password":
            return _answer(_user_token(self._world, form))
        if grant_type != "client_credentials":
            message = f"The app requested an unsupported grant type '{grant_type}'."
            raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", 70003, message)
        deployer = self._authenticated_client(form)
        audience = _audience(form.get("scope"))
        return _answer(_application_token(self._world, deployer, audience))

    def _authenticated_client(self, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = form.get("client_id") or ""
        if not client_id:
            raise _missing("client_id")
        deployer = self._world.get(DEPLOYERS, client_id)
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


def authenticate(world: World, header: str | None) -> Caller:
    """The caller behind an ``Authorization`` header.

    Raises:
        InvalidTokenError: none, not ours, for another audience, or expired.
    """
    import jwt  # noqa: PLC0415 - loaded by the first request, not by the start

    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("Access token is empty.")
    try:
        claims = jwt.decode(
            token,
            _public_key(world),
            algorithms=["RS256"],
            audience=[_GRAPH, f"{_GRAPH}/", _GRAPH_APP_ID],
            # The world has its own clock.
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.InvalidAudienceError as error:
        raise InvalidTokenError("Access token validation failure. Invalid audience.") from error
    except jwt.InvalidTokenError as error:
        raise InvalidTokenError(
            "IDX14100: the access token cannot be read or its signature is invalid."
        ) from error
    if not claims["nbf"] <= world.now().timestamp() < claims["exp"]:
        raise InvalidTokenError("Lifetime validation failed, the token is expired.")
    may = claims["roles"] if claims["idtyp"] == "app" else claims["scp"].split()
    name = claims.get("app_displayname") if claims["idtyp"] == "app" else claims.get("name")
    return Caller(claims["appid"], claims["oid"], tuple(may), name or "", claims.get("upn") or "")


def roles(world: World, deployer: Mapping[str, Any]) -> Iterable[str]:
    """The deployer's application permissions; the setting ``entra.deployer_roles`` overrides them."""
    return world.setting("entra.deployer_roles", deployer.get("roles") or list(DEFAULT_ROLES))


def _application_token(world: World, deployer: Mapping[str, Any], audience: str) -> str:
    return _issue(
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


def _user_token(world: World, form: Mapping[str, str]) -> str:
    """What a person may do is what the client may do for people, as far as their own role in the directory goes."""
    if form.get("client_id") != _CLI_CLIENT_ID:
        message = f"Application with identifier '{form.get('client_id')}' was not found in the directory."
        raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "unauthorized_client", 700016, message)
    audience = _audience(form.get("scope"))
    name = (form.get("username") or "").casefold()
    user = next((each for each in world.all(_USERS) if each["userPrincipalName"].casefold() == name), None)
    known = world.get(_PASSWORDS, user["id"]) if user else None
    if user is None or known is None or known["password"] != form.get("password"):
        message = "Error validating credentials due to invalid username or password."
        raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_grant", 50126, message)
    administrators: list[str] = world.setting("entra.administrators", [])
    is_administrator = name in {each.casefold() for each in administrators}
    return _issue(
        world,
        audience,
        appid=_CLI_CLIENT_ID,
        appidacr="0",
        idtyp="user",
        name=user["displayName"],
        oid=user["id"],
        sub=user["id"],
        scp=" ".join(ADMINISTRATOR_SCOPES) if is_administrator else "User.Read",
        upn=user["userPrincipalName"],
    )


def _issue(world: World, audience: str, **of_caller: Any) -> str:
    import jwt  # noqa: PLC0415

    from sandbox.entra.keys import token_key  # noqa: PLC0415

    tenant = tenant_id(world) or ""
    now = int(world.now().timestamp())
    issuer = _CLOUD.issuer(tenant)
    claims = {
        "aud": audience,
        "iss": issuer,
        "idp": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "tenant_region_scope": "EU",
        "tid": tenant,
        "uti": _base64url(uuid.uuid4().bytes),
        "ver": "1.0",
        **of_caller,
    }
    return jwt.encode(claims, token_key(world), algorithm="RS256", headers={"kid": _KEY_ID})


def _answer(token: str) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "ext_expires_in": LIFETIME_SECONDS,
        "access_token": token,
    }


def _public_key(world: World) -> RSAPublicKey:
    from sandbox.entra.keys import token_key  # noqa: PLC0415

    return token_key(world).public_key()


def _audience(scope: str | None) -> str:
    if not scope:
        raise _missing("scope")
    if not scope.endswith(_DEFAULT):
        message = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value"
            " with /.default suffixed to the resource identifier (application ID URI)."
        )
        raise TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_scope", 1002012, message)
    return scope.removesuffix(_DEFAULT)


def _check_assertion(assertion: str, kind: str | None, client_id: str, now: datetime) -> None:
    """Read a client assertion as far as the sandbox can: its signer's certificate is registered nowhere."""
    import jwt  # noqa: PLC0415

    problem = None
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        problem = "Failed to read the client assertion."
    else:
        subject_is_client = claims.get("iss") == claims.get("sub") == client_id
        federated = claims.get("aud") == "api://AzureADTokenExchange"
        if kind != _JWT_BEARER or not (subject_is_client or federated):
            problem = "Client assertion is not within its issuer, subject or type."
        elif float(claims.get("exp", 0)) <= now.timestamp():
            problem = "Client assertion is not within its valid time range."
    if problem:
        raise TokenRefusedError(HTTPStatus.UNAUTHORIZED, "invalid_client", 700024, problem)


def _basic_credentials(header: str | None) -> tuple[str, str]:
    """Client id and secret from HTTP basic authentication, which the endpoint takes as well as form fields."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _missing(parameter: str) -> TokenRefusedError:
    message = f"The request body must contain the following parameter: '{parameter}'."
    return TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", 900144, message)


def _no_tenant(name: str) -> TokenRefusedError:
    message = f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID."
    return TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", 90002, message)


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


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
