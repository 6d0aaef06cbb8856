"""Access tokens: issuing, claims, and the caller behind a token.

Sources: Microsoft's "Access token claims reference" and "Microsoft Entra authentication and authorization error
codes". Ids of tenants and clients are compared case-insensitively, as GUIDs are.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mimecast_sso.facts.entra import CLOUDS
from sandbox.hosts import GRAPH_HOST, LOGIN_HOST
from sandbox.world import World

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LIFETIME_SECONDS = 3599
TENANT = "tenant"
TENANTS = "entra.tenant"
DEPLOYERS = "entra.deployers"

_GRAPH = f"https://{GRAPH_HOST}"
_GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
KEY_ID = "sandbox"
ARM = ("https://management.azure.com", "https://management.core.windows.net")
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
"""The minimum application permissions of a deployment, and the one for the sign-in log."""

DEFAULT_ROLES: tuple[str, ...] = (*LEAST_ROLES, "Directory.Read.All")
"""`LEAST_ROLES`, and the permission for the directory audit log."""

ADMINISTRATOR_SCOPES = ("Application.ReadWrite.All", "AuditLog.Read.All", "Directory.Read.All")
"""The permissions of an Application Administrator through a client that acts for people."""


GRAPH_AUDIENCES = (_GRAPH, f"{_GRAPH}/", _GRAPH_APP_ID)
ARM_AUDIENCES = tuple(f"{host}{end}" for host in ARM for end in ("", "/"))


class InvalidTokenError(Exception):
    """A bearer token that Graph rejects."""


class TokenRefusedError(Exception):
    """A refusal of the token endpoint: an OAuth error with Entra's code in the description."""

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        self.status = status
        self.error = error
        self.code = code
        super().__init__(f"AADSTS{code}: {message}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The service principal or person behind a token, with their permissions."""

    client_id: str
    object_id: str
    roles: tuple[str, ...]
    display_name: str = ""
    user_principal_name: str = ""
    """"" for a service principal."""


def tenant_id(world: World) -> str | None:
    """The id of the current tenant, once it is seeded."""
    tenant = world.get(TENANTS, TENANT)
    return None if tenant is None else str(tenant["id"])


def is_tenant(world: World, name: str) -> bool:
    """Whether a path segment names the tenant, by id or by a verified domain."""
    domains = {domain["id"].casefold() for domain in world.all("entra.domains") if domain["isVerified"]}
    return name.casefold() in {(tenant_id(world) or "").casefold(), *domains}


def deployer_of(world: World, client_id: str) -> dict[str, Any] | None:
    """The deploying principal with this client id."""
    requested = client_id.casefold()
    return next((each for each in world.all(DEPLOYERS) if each["clientId"].casefold() == requested), None)


def authenticate(world: World, header: str | None, audiences: tuple[str, ...] = GRAPH_AUDIENCES) -> Caller:
    """The caller behind an ``Authorization`` header.

    Raises:
        InvalidTokenError: missing, invalid, for another audience, or expired.
    """
    import jwt  # noqa: PLC0415 - loaded by the first request, not at start

    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("Access token is empty.")
    try:
        claims = jwt.decode(
            token,
            public_key(world),
            algorithms=["RS256"],
            audience=list(audiences),
            # Expiry is checked against the world's clock.
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


def issue(world: World, audience: str, **of_caller: Any) -> str:
    """An access token for a resource."""
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
        "uti": base64url(uuid.uuid4().bytes),
        "ver": "1.0",
        **of_caller,
    }
    return _signed(world, claims)


def issue_id_token(world: World, client: str, **of_person: Any) -> str:
    """An OpenID Connect ID token: tells a client who signed in."""
    tenant, now = tenant_id(world) or "", int(world.now().timestamp())
    claims = {
        "aud": client,
        "iss": f"https://{LOGIN_HOST}/{tenant}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "tid": tenant,
        "ver": "2.0",
        **of_person,
    }
    return _signed(world, claims)


def _signed(world: World, claims: Mapping[str, Any]) -> str:
    import jwt  # noqa: PLC0415

    from sandbox.entra.keys import token_key  # noqa: PLC0415

    return jwt.encode(dict(claims), token_key(world), algorithm="RS256", headers={"kid": KEY_ID})


def public_key(world: World) -> RSAPublicKey:
    """The key for verifying access tokens."""
    from sandbox.entra.keys import token_key  # noqa: PLC0415

    return token_key(world).public_key()


def missing(parameter: str) -> TokenRefusedError:
    """The refusal of a request that lacks a parameter."""
    message = f"The request body must contain the following parameter: '{parameter}'."
    return TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", 900144, message)


def no_tenant(name: str) -> TokenRefusedError:
    """The refusal of a request to an unknown tenant."""
    message = f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID."
    return TokenRefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", 90002, message)


def base64url(data: bytes) -> str:
    """Bytes as base64url, as in tokens."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
