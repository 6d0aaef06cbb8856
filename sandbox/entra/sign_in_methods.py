"""A person's sign-in method, and the requested authentication contexts that it meets.

Public reports say that a request for ``PasswordProtectedTransport`` is met by a sign-in with a password, and refused
(AADSTS75011) for who signed in by multi-factor authentication, Windows Hello, integrated Windows authentication or
without a password. The method is a property of the person (``signInMethod`` in a seed document, ``sandbox person``);
who has none signs in by multi-factor authentication. Assumed: ``Password`` is met whenever a password was typed, and
``urn:federation:authentication:windows`` by integrated Windows authentication alone.

The sign-in page asks everybody for the password: what differs is what Entra says of the sign-in.
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
"""The methods, with what Entra calls each in its refusal. Assumed: the words for all but the first two."""

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
    """Let a person sign in by this method from now on.

    Raises:
        ValueError: there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"unknown sign-in method: {method}; the methods are {', '.join(METHODS)}")
    world.put(COLLECTION, user_id, {"method": method})


def of(world: World, user: Document) -> str:
    """The method by which a person signs in."""
    kept = world.get(COLLECTION, user["id"]) or {"method": DEFAULT}
    return str(kept["method"])


def meets(method: str, contexts: Iterable[str]) -> bool:
    """Whether a sign-in by this method is one of those asked for; none asked for means any."""
    wanted = frozenset(contexts)
    return not wanted or bool(wanted & _MET.get(method, frozenset()))


def references(method: str) -> tuple[str, ...]:
    """The values of the claim that names the methods of a sign-in."""
    return _REFERENCES[method]
