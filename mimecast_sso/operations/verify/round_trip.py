"""A sign-in from end to end on the sandbox, through plain HTML pages as a person would use them.

Never on a real tenant: a password alone must not sign anybody in there, so sign-ins are read from the logs instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from lxml import html

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.verify.captures import Captured
from mimecast_sso.saml import authn_request
from mimecast_sso.saml.errors import MalformedRequest
from mimecast_sso.text.foreign import quoted
from providers.network import reason

PASSWORD = "SANDBOX_USER_PASSWORD"  # noqa: S105  (the name of a variable)

_TIMEOUT_SECONDS = 30
_MOST_PAGES = 8
_REFUSALS = ("error", "reason", "problem")


class NotSignedIn(Exception):  # noqa: N818  (the finding itself)
    """The sign-in did not reach the portal; the message is what the last page shows."""


@dataclass(frozen=True, slots=True)
class SignInPerson:
    """A person who signs in: the address for Mimecast and the user name for Entra."""

    address: str
    user_name: str
    password: str


class Walk:
    """A separate browser for one person on the sandbox.

    Raises:
        OperationError: The environment is not a sandbox's.
    """

    def __init__(self, environment: Mapping[str, str], person: SignInPerson) -> None:
        proxy = environment.get("HTTPS_PROXY", "")
        if "SANDBOX_INSTANCE" not in environment or urlsplit(proxy).hostname != "127.0.0.1":
            raise OperationError(
                "Sign-ins with a password run on the sandbox only, and this environment is not one."
            )
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.proxies = {"https": proxy, "http": proxy}
        self._session.verify = environment["REQUESTS_CA_BUNDLE"]
        self._person = person
        self.asked: Captured | None = None
        """Mimecast's sign-in request, after one was sent."""

    def from_mimecast(self, sign_on_url: str) -> str:
        """Sign in from Mimecast's page (SP-initiated), and return the portal's text. Raises NotSignedIn."""
        return self._through(self._open(sign_on_url))

    def from_my_apps(self, my_apps_url: str, application: str) -> str:
        """Sign in from the application's tile (IdP-initiated), and return the portal's text. Raises NotSignedIn."""
        page = self._open(my_apps_url)
        if page.form("sign-in") is not None:
            page = self._submit(page, "sign-in")
        tile = page.link(application)
        if tile is None:
            raise NotSignedIn(f"My Apps shows no tile {quoted(application)}. {page.refusal()}".strip())
        return self._through(self._open(tile))

    def _through(self, page: _Page) -> str:
        left = ["login", "saml-request", "sign-in", "saml-response"]
        for _ in range(_MOST_PAGES):
            signed_in = page.text("signed-in")
            if signed_in is not None:
                return signed_in
            form = next((name for name in left if page.form(name) is not None), None)
            if form is None or page.text("problem") is not None:
                break
            if form == "saml-request":
                self._note(page.form(form))
            left.remove(form)  # A page that appears twice would not accept the same input the second time.
            page = self._submit(page, form)
        raise NotSignedIn(page.refusal())

    def _note(self, form: Any) -> None:
        try:
            asked = authn_request.parse(form.fields["SAMLRequest"])
        except (MalformedRequest, KeyError) as error:
            raise NotSignedIn(f"Mimecast's sign-in request cannot be read: {error}") from None
        self.asked = Captured(asked, form.action)

    def _open(self, url: str) -> _Page:
        return self._load("GET", url)

    def _submit(self, page: _Page, name: str) -> _Page:
        form = page.form(name)
        if form is None:
            raise NotSignedIn(page.refusal())
        typed = {
            "login": {"emailAddress": self._person.address},
            "sign-in": {"login": self._person.user_name, "passwd": self._person.password},
        }.get(name, {})
        for field, value in typed.items():
            form.fields[field] = value
        return self._load(form.method, form.action, data=form.form_values())

    def _load(self, method: str, url: str, **options: Any) -> _Page:
        try:
            return _Page(self._session.request(method, url, timeout=_TIMEOUT_SECONDS, **options))
        except requests.RequestException as error:
            raise NotSignedIn(f"{url} could not be reached: {reason(error)}") from None


class _Page:
    """A loaded page; forms and elements are found by their id."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._root: Any = cast("Any", html.fromstring(response.content or b"<html/>", base_url=response.url))
        self._root.make_links_absolute()

    def form(self, identifier: str) -> Any | None:
        found = next((form for form in self._root.forms if form.get("id") == identifier), None)
        if found is not None:
            found.action = found.action or self._response.url
        return found

    def text(self, identifier: str) -> str | None:
        element = self._root.get_element_by_id(identifier, None)
        return None if element is None else " ".join(element.text_content().split())

    def link(self, text: str) -> str | None:
        return next(
            (a.get("href") for a in self._root.iter("a") if " ".join(a.text_content().split()) == text), None
        )

    def refusal(self) -> str:
        """Why this page is not the portal, in the page's own words."""
        for identifier in _REFUSALS:
            said = self.text(identifier)
            if said:
                return said
        if self.form("password") is not None:
            return "Mimecast asks for a password: single sign-on is not enforced for this address."
        return f"{self._response.url}: HTTP {self._response.status_code}, and no form to continue with."
