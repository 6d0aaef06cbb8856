"""Sign-ins as people do them, from Mimecast's page and from My Apps, with their result in the forecast's terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests

from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.facts.sign_in_reasons import REASONS, Reason
from sandbox import credentials
from sandbox.browser import Browser, Page

_MOST_PAGES = 8
_NO_SUCH_TENANT = "AADSTS90002"
"""The sandbox has one tenant: it shows this instead of another tenant's sign-in page."""
_REFUSALS = ("error", "reason", "problem")
_MY_APPS = "https://myapps.microsoft.com/"


@dataclass(frozen=True, slots=True)
class Person:
    """A person who signs in: the address at Mimecast, and the user name at Entra."""

    address: str
    login: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of a sign-in; ``text`` is the last message shown."""

    result: Result
    text: str

    def fits(self, outcome: Outcome) -> bool:
        """Whether a verdict matches: the result, and Entra's code if the reason has one."""
        if outcome.result is not self.result:
            return False
        code = REASONS[outcome.reason].code if outcome.reason else ""
        if outcome.reason is Reason.SENT_ELSEWHERE:
            code = _NO_SUCH_TENANT
        return self.result is not Result.REFUSED or (code in self.text if code else "AADSTS" not in self.text)


def walk(home: Path, way: Way, person: Person, tile: str, *, region: str = "eu") -> Ending:
    """Sign a person in. ``tile`` is the application's name in My Apps."""
    browser = Browser(home)
    typed = {
        "login": {"emailAddress": person.address},
        "saml-request": {},
        "sign-in": {"login": person.login, "passwd": credentials.USER_PASSWORD},
        "saml-response": {},
        "password": {"password": credentials.USER_PASSWORD},
    }
    try:
        if way is Way.FROM_MIMECAST:
            return _to_the_end(browser, browser.open(REGIONS[region].sign_on_url), typed, person.address)
        page = browser.open(_MY_APPS)
        page = browser.submit(page.form("sign-in"), typed.pop("sign-in"))
        if _is_refusal(page):
            return Ending(Result.REFUSED, _words(page))
        address = page.link(tile)
        if address is None:
            return Ending(Result.NOT_OFFERED, _words(page))
        return _to_the_end(browser, browser.open(address), typed, person.address)
    except requests.RequestException as error:
        return Ending(Result.REFUSED, f"no page: {type(error).__name__}")


def _to_the_end(browser: Browser, page: Page, typed: dict[str, dict[str, str]], address: str) -> Ending:
    for _ in range(_MOST_PAGES):
        portal = page.text("signed-in")
        if portal is not None:
            got_in = Result.ENTRA if "password" in typed else Result.PASSWORD
            # Being in another person's portal does not count as signed in.
            return Ending(got_in if portal.endswith(f" {address}") else Result.REFUSED, portal)
        step = next((name for name in typed if page.form(name) is not None), None)
        if step is None or _is_refusal(page):
            return Ending(Result.REFUSED, _words(page))
        page = browser.submit(page.form(step), typed.pop(step))
    raise AssertionError(f"the sign-in did not come to an end: {page.url}")


def _is_refusal(page: Page) -> bool:
    return any(page.text(each) is not None for each in _REFUSALS)


def _words(page: Page) -> str:
    found = [text for each in _REFUSALS if (text := page.text(each))]
    return " ".join([*found, *page.hints()]) or f"{page.url} responded with {page.status}"
