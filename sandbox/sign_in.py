"""Signs a person in to the Mimecast Personal Portal, from the portal's page through every form on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimecast_sso.facts.regions import REGIONS
from sandbox import credentials
from sandbox.browser import Browser, Page
from sandbox.lifecycle import control

_MOST_STEPS = 10


class RefusedError(Exception):
    """The sign-in did not reach the portal; the message is the one shown to the person."""


class PasswordAskedError(RefusedError):
    """Mimecast asks for a password instead of sending the person to Entra."""


def sign_in(home: Path, address: str, *, region: str | None = None, password: str | None = None) -> str:
    """Sign ``address`` in on the sandbox in ``home``. Returns the portal's message.

    Raises:
        RefusedError: Entra or Mimecast refuses, or asks for a password instead of sending the person to Entra.
        NotRunningError: nothing runs in ``home``.
    """
    start = REGIONS[region or _seeded_region(home)].sign_on_url
    typed = {
        "login": {"emailAddress": address},
        "saml-request": {},
        "sign-in": {
            "login": _principal_name(home, address),
            "passwd": password or credentials.USER_PASSWORD,
        },
        "saml-response": {},
    }
    browser = Browser(home)
    page = browser.open(start)
    for _ in range(_MOST_STEPS):
        signed_in = page.text("signed-in")
        if signed_in is not None:
            return signed_in[0].lower() + signed_in[1:]
        _stop_when_refused(page)
        name = next((name for name in typed if page.form(name) is not None), None)
        if name is None:
            raise RefusedError(f"{page.url} returned {page.status} without a form to continue with")
        # The same page again means that it rejected the input; sending it once more would not help.
        page = browser.submit(page.form(name), typed.pop(name))
    raise RefusedError(f"the sign-in did not finish; the last page was {page.url}")


def _stop_when_refused(page: Page) -> None:
    for identifier in ("error", "reason", "problem"):
        text = page.text(identifier)
        if text is not None:
            raise RefusedError(text)
    if page.form("password") is not None:
        raise PasswordAskedError(" ".join(["Mimecast asks for a password.", *page.hints()[:1]]))


def _seeded_region(home: Path) -> str:
    accounts: list[dict[str, Any]] = control(home).documents("mimecast.accounts")
    if not accounts:
        raise RefusedError("the sandbox has no Mimecast account yet: mimecast-sso sandbox seed --stack NAME")
    return str(accounts[0]["region"])


def _principal_name(home: Path, address: str) -> str:
    """The user name of the person with this address: it may differ, and people know theirs."""
    for user in control(home).documents("entra.users"):
        if (user["mail"] or "").casefold() == address.casefold():
            return str(user["userPrincipalName"])
    return address
