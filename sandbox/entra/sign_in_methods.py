"""A person's sign-in method, and the requested authentication contexts that it meets.

Public reports say that a request for ``PasswordProtectedTransport`` is met by a sign-in with a password, and refused
(AADSTS75011) for people who signed in with multi-factor authentication, Windows Hello, integrated Windows
authentication or without a password. The method is a property of the person (``signInMethod`` in a seed document,
``sandbox person``); the default is multi-factor authentication. Assumed: ``Password`` is met whenever a password was
typed, and ``urn:federation:authentication:windows`` only by integrated Windows authentication.

The sign-in page always asks for a password; only the reported method differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mimecast_sso.saml import names
from sandbox.entra.odata import Document
from sandbox.world import World

COLLECTION = "entra.signInMethods"
DEFAULT = "multiFactor"

_CLAIMS = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod"
_PASSWORD = f"{_CLAIMS}/password"
_MULTIPLE = "http://schemas.microsoft.com/claims/multipleauthn"

METHODS: Mapping[str, str] = {
    "password": "Password",
    "multiFactor": "Password, MultiFactor",
    "windowsHello": "X509, MultiFactor",
    "windowsIntegrated": "WindowsAuthentication",
    "passwordless": "FIDO, MultiFactor",
}
"""The methods, with Entra's names for them in its refusal. Assumed: all names but the first two."""

_MET: Mapping[str, frozenset[str]] = {
    "password": frozenset({names.CONTEXT_PASSWORD, names.CONTEXT_PASSWORD_PROTECTED}),
    "multiFactor": frozenset({names.CONTEXT_PASSWORD}),
    "windowsIntegrated": frozenset({names.CONTEXT_INTEGRATED}),
}

_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "password": (_PASSWORD,),
    "multiFactor": (_PASSWORD, _MULTIPLE),
    "windowsIntegrated": (f"{_CLAIMS}/windows",),
    "windowsHello": (f"{_CLAIMS}/x509", _MULTIPLE),
    "passwordless": (f"{_CLAIMS}/fido", _MULTIPLE),
}


def choose(world: World, user_id: str, method: str) -> None:
    """Set a person's sign-in method.

    Raises:
        ValueError: the method does not exist.
    """
    if method not in METHODS:
        raise ValueError(f"unknown sign-in method: {method}; the methods are {', '.join(METHODS)}")
    world.put(COLLECTION, user_id, {"method": method})


def of(world: World, user: Document) -> str:
    """A person's sign-in method."""
    kept = world.get(COLLECTION, user["id"]) or {"method": DEFAULT}
    return str(kept["method"])


def meets(method: str, contexts: Iterable[str]) -> bool:
    """Whether this method meets one of the requested contexts; without any, every method does."""
    requested = frozenset(contexts)
    return not requested or bool(requested & _MET.get(method, frozenset()))


def references(method: str) -> tuple[str, ...]:
    """The values of the claim for authentication methods."""
    return _REFERENCES[method]
