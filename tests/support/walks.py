"""Sign-ins as people make them, from Mimecast's page and from My Apps, and how they end in the forecast's words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests

from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.facts.sign_in_reasons import REASONS
from sandbox import credentials
from sandbox.browser import Browser, Page

_MOST_PAGES = 8
_MY_APPS = "https://myapps.microsoft.com/"


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in: the address at Mimecast, and what is typed at Entra."""

    address: str
    login: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sign-in ended; ``text`` is what the person read last."""

    result: Result
    text: str

    def fits(self, outcome: Outcome) -> bool:
        """Whether a verdict says the same: the result, and Entra's code where the reason has one."""
        if outcome.result is not self.result:
            return False
        code = REASONS[outcome.reason].code if outcome.reason else ""
        return self.result is not Result.REFUSED or (code in self.text if code else "AADSTS" not in self.text)


def walk(home: Path, way: Way, person: Person, tile: str, *, region: str = "eu") -> Ending:
    """Signs a person in. ``tile`` is the application's name in My Apps."""
    browser = Browser(home)
    typed = {
        "login": {"emailAddress": person.address},
        "saml-request": {},
        "sign-in": {"login": person.login, "passwd": credentials.USER_PASSWORD},
        "saml-response": {},
    }
    try:
        if way is Way.FROM_MIMECAST:
            return _to_the_end(browser, browser.open(REGIONS[region].sign_on_url), typed)
        page = browser.open(_MY_APPS)
        page = browser.submit(page.form("sign-in"), typed.pop("sign-in"))
        if page.text("error") is not None:
            return Ending(Result.REFUSED, _words(page))
        address = page.link(tile)
        if address is None:
            return Ending(Result.NOT_OFFERED, _words(page))
        return _to_the_end(browser, browser.open(address), typed)
    except requests.RequestException as error:
        return Ending(Result.REFUSED, f"no page: {type(error).__name__}")


def _to_the_end(browser: Browser, page: Page, typed: dict[str, dict[str, str]]) -> Ending:
    for _ in range(_MOST_PAGES):
        if page.text("signed-in") is not None:
            return Ending(Result.ENTRA, page.text("signed-in") or "")
        if page.form("password") is not None:
            return Ending(Result.PASSWORD, _words(page))
        step = next((name for name in typed if page.form(name) is not None), None)
        if step is None or any(page.text(each) is not None for each in ("error", "reason", "problem")):
            return Ending(Result.REFUSED, _words(page))
        page = browser.submit(page.form(step), typed.pop(step))
    raise AssertionError(f"the sign-in did not come to an end: {page.url}")


def _words(page: Page) -> str:
    found = [text for each in ("error", "reason", "problem") if (text := page.text(each))]
    return " ".join([*found, *page.hints()]) or f"{page.url} answered {page.status}"
