"""People who sign in continuously: several threads use the portal's and Entra's pages while something else runs.

Each sign-in is complete, through every form starting at the portal's page, with unmodified sessions. Some people keep
their session at Entra, like an open browser; others have none and enter their password.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import requests

from mimecast_sso.facts.regions import REGIONS
from sandbox import credentials
from sandbox.browser import Browser, Page

_ANEW_EVERY = 5
_MOST_PAGES = 6


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sign-in that did not reach the portal: person, start and end (``time.monotonic``), and the message shown."""

    address: str
    started: float
    ended: float
    reason: str


@dataclass(slots=True)
class Tally:
    """The number of completed sign-ins, and the refused ones."""

    ended: int = 0
    refused: list[Refusal] = field(default_factory=list)


class SignIns:
    """Signs these people in repeatedly, from ``threads`` threads; a context manager.

    ``pause`` seconds are waited after each sign-in, so that a deployment beside it gets its share of the machine.
    """

    def __init__(
        self, home: Path, people: Sequence[str], *, region: str = "eu", threads: int = 4, pause: float = 0.0
    ) -> None:
        self._home = home
        self._people = people
        self._start_page = REGIONS[region].sign_on_url
        self._pause = pause
        self._tally = Tally()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._under_way = 0
        self._held = False
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"sign-ins-{number}", daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> SignIns:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def tally(self) -> Tally:
        """The results so far."""
        with self._changed:
            return Tally(self._tally.ended, list(self._tally.refused))

    def wait_for(self, number: int, *, within: float) -> Tally:
        """Wait until so many sign-ins have completed in total. Raises AssertionError after ``within`` seconds."""
        with self._changed:
            reached = self._changed.wait_for(lambda: self._tally.ended >= number, within)
        assert reached, f"{self.tally.ended} of {number} sign-ins in {within} s"
        return self.tally

    def wait_for_more(self, number: int, *, within: float = 60.0) -> Tally:
        """Wait until so many more have completed, all of them started before the wait ended."""
        return self.wait_for(self.tally.ended + number, within=within)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let running sign-ins complete and start no others, so that none is under way when the clock is moved."""
        with self._changed:
            self._held = True
            self._changed.wait_for(lambda: not self._under_way)
        try:
            yield
        finally:
            with self._changed:
                self._held = False
                self._changed.notify_all()

    def _run(self, number: int) -> None:
        turn = number
        browser = Browser(self._home)
        while not self._stopping.is_set():
            address = self._people[turn % len(self._people)]
            if turn % _ANEW_EVERY == 0:
                browser = Browser(self._home)
            with self._changed:
                self._changed.wait_for(lambda: not self._held)
                self._under_way += 1
            started = time.monotonic()
            reason = self._sign_in(browser, address)
            with self._changed:
                self._under_way -= 1
                self._tally.ended += 1
                if reason:
                    self._tally.refused.append(Refusal(address, started, time.monotonic(), reason))
                self._changed.notify_all()
            turn += len(self._threads)
            self._stopping.wait(self._pause)

    def _sign_in(self, browser: Browser, address: str) -> str:
        """Why the person did not reach the portal; "" if they did."""
        typed = {
            "login": {"emailAddress": address},
            "saml-request": {},
            "sign-in": {"login": address, "passwd": credentials.USER_PASSWORD},
            "saml-response": {},
        }
        try:
            page = browser.open(self._start_page)
            for _ in range(_MOST_PAGES):
                if page.text("signed-in") is not None:
                    return ""
                step = next((name for name in typed if page.form(name) is not None), None)
                if step is None:
                    return _reason(page)
                page = browser.submit(page.form(step), typed.pop(step))
        except requests.RequestException as error:
            return f"{type(error).__name__}: {error}"
        return _reason(page)


def _reason(page: Page) -> str:
    found = (page.text(identifier) for identifier in ("reason", "error", "problem"))
    return next(
        (text for text in found if text), f"{page.url} responded with {page.status}: {page.hints()[:2]}"
    )
