"""Tokens for people, by name and password, device code or refresh token, and the requests that precede them.

Sources: Microsoft's "OAuth 2.0 Resource Owner Password Credentials", "OAuth 2.0 device authorization grant flow",
"ID token claims reference" and the requests of msal and the Azure CLI. The authorities ``organizations`` and ``common``
stand for the person's own tenant. The clients are Microsoft's own public ones; a person's permissions are the client's
delegated ones, limited by their own role in the directory. The setting ``entra.administrators`` lists the user
principal names of Application Administrators (default: none); all others can read no object.

Not simulated: multi-factor authentication at the token endpoint, consent, and the authorization code flow.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from sandbox.entra.objects import PASSWORDS, USERS
from sandbox.entra.odata import Document
from sandbox.entra.tokens import (
    ADMINISTRATOR_SCOPES,
    LIFETIME_SECONDS,
    TokenRefusedError,
    issue,
    issue_id_token,
    missing,
    tenant_id,
)
from sandbox.hosts import DEVICE_LOGIN_HOST, GRAPH_HOST
from sandbox.world import World

AUTHORITIES = ("common", "organizations")
"""Authorities that do not name a tenant."""

CLIENTS: Mapping[str, str] = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e": "Microsoft Graph Command Line Tools",
}
"""Microsoft's public clients, known in every tenant."""

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_DEVICES = "entra.deviceCodes"
_REFRESH = "entra.refreshTokens"
_DEVICE_LIFE = timedelta(minutes=15)
_POLL_SECONDS = 5
_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ23456789"
_CODE_LENGTH = 9
_OF_OPENID = {"openid", "profile", "email", "offline_access"}


def grants() -> Mapping[str, Callable[[World, Mapping[str, str]], Document]]:
    """The handlers of tokens for people, by grant type."""
    return {"password": _by_password, _DEVICE_GRANT: _by_device_code, "refresh_token": _by_refresh_token}


def realm(world: World, name: str) -> Document:
    """The realm, which msal requests before it sends a password: whether the domain signs in here."""
    domain = name.rpartition("@")[2]
    known = any(each["id"].casefold() == domain.casefold() for each in world.all("entra.domains"))
    return {
        "ver": "1.0",
        "account_type": "Managed" if known else "Unknown",
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }


def begin_device_sign_in(world: World, form: Mapping[str, str]) -> Document:
    """Start the device code flow.

    Raises:
        TokenRefusedError
    """
    client = _client(form)
    _resource(form.get("scope"))
    code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    device = secrets.token_urlsafe(32)
    expires = world.now() + _DEVICE_LIFE
    world.put(
        _DEVICES,
        device,
        {
            "userCode": code,
            "client": client,
            "expires": expires.isoformat(),
            "user": None,
            "scope": form.get("scope"),
        },
    )
    address = f"https://{DEVICE_LOGIN_HOST}/device"
    return {
        "user_code": code,
        "device_code": device,
        "verification_uri": address,
        "expires_in": int(_DEVICE_LIFE.total_seconds()),
        "interval": _POLL_SECONDS,
        "message": f"To sign in, use a web browser to open the page {address} and enter the code {code} to"
        " authenticate.",
    }


def approve_device(world: World, code: str, user: Document) -> bool:
    """Authorize the device with this code to act for the person. Returns whether there is one."""
    for device, document in world.items(_DEVICES):
        waits = document["user"] is None and world.now() < datetime.fromisoformat(document["expires"])
        if waits and document["userCode"] == code.strip().upper():
            world.put(_DEVICES, device, {**document, "user": user["id"]})
            return True
    return False


def _by_password(world: World, form: Mapping[str, str]) -> Document:
    client = _client(form)
    resource = _resource(form.get("scope"))
    user = next(iter(world.having(USERS, "userPrincipalName", [form.get("username") or ""])), None)
    known = world.get(PASSWORDS, user["id"]) if user else None
    if user is None or known is None or known["password"] != form.get("password"):
        raise _refused(
            "invalid_grant", 50126, "Error validating credentials due to invalid username or password."
        )
    return _tokens(world, user, client, resource, form)


def _by_device_code(world: World, form: Mapping[str, str]) -> Document:
    client = _client(form)
    device = form.get("device_code") or ""
    document = world.get(_DEVICES, device)
    if document is None or document["client"] != client:
        raise _refused("bad_verification_code", 70019, "The verification code is not valid.")
    if world.now() >= datetime.fromisoformat(document["expires"]):
        raise _refused("expired_token", 70020, "The provided device code has expired.")
    user = world.get(USERS, document["user"] or "")
    if user is None:
        message = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        raise _refused("authorization_pending", 70016, message)
    world.delete(_DEVICES, device)
    form = {
        **form,
        "scope": document["scope"],
    }  # Sent at the start of the flow; the client need not repeat it.
    return _tokens(world, user, client, _resource(document["scope"]), form)


def _by_refresh_token(world: World, form: Mapping[str, str]) -> Document:
    client = _client(form)
    document = world.get(_REFRESH, form.get("refresh_token") or "")
    user = world.get(USERS, document["user"]) if document else None
    if document is None or document["client"] != client or user is None:
        raise _refused("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
    return _tokens(world, user, client, _resource(form.get("scope")), form)


def _client(form: Mapping[str, str]) -> str:
    client = (form.get("client_id") or "").casefold()
    if not client:
        raise missing("client_id")
    if client not in CLIENTS:
        message = f"Application with identifier '{form.get('client_id')}' was not found in the directory."
        raise _refused("unauthorized_client", 700016, message)
    return client


def _refused(error: str, code: int, message: str) -> TokenRefusedError:
    return TokenRefusedError(HTTPStatus.BAD_REQUEST, error, code, message)


def _resource(scope: str | None) -> str:
    """The token's audience: the resource of the scopes; Graph if they name only permissions."""
    if not scope:
        raise missing("scope")
    resources = {
        each.rpartition("/")[0] if "://" in each else f"https://{GRAPH_HOST}"
        for each in scope.split()
        if each not in _OF_OPENID
    }
    if len(resources) > 1:
        message = f"The provided value for the input parameter 'scope' is not valid: {scope} names several resources."
        raise _refused("invalid_request", 28000, message)
    return next(iter(resources), f"https://{GRAPH_HOST}")


def _tokens(world: World, user: Document, client: str, resource: str, form: Mapping[str, str]) -> Document:
    if not user["accountEnabled"]:
        raise _refused("invalid_grant", 50057, "The user account is disabled.")
    administrators: list[str] = world.setting("entra.administrators", [])
    is_administrator = user["userPrincipalName"].casefold() in {each.casefold() for each in administrators}
    person: dict[str, Any] = {
        "name": user["displayName"],
        "oid": user["id"],
        "sub": user["id"],
    }
    access = issue(
        world,
        resource,
        appid=client,
        appidacr="0",
        idtyp="user",
        scp=" ".join(ADMINISTRATOR_SCOPES) if is_administrator else "User.Read",
        upn=user["userPrincipalName"],
        **person,
    )
    response: Document = {
        "token_type": "Bearer",
        "scope": form.get("scope"),
        "expires_in": LIFETIME_SECONDS,
        "ext_expires_in": LIFETIME_SECONDS,
        "access_token": access,
    }
    asked = set((form.get("scope") or "").split())
    if "offline_access" in asked:
        response["refresh_token"] = secrets.token_urlsafe(48)
        world.put(_REFRESH, response["refresh_token"], {"user": user["id"], "client": client})
    if "openid" in asked:
        response["id_token"] = issue_id_token(
            world, client, preferred_username=user["userPrincipalName"], **person
        )
    if form.get("client_info") == "1":
        info = json.dumps({"uid": user["id"], "utid": tenant_id(world)}).encode()
        response["client_info"] = base64.urlsafe_b64encode(info).rstrip(b"=").decode("ascii")
    return response
