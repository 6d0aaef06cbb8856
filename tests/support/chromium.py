"""The installed Chromium, headless, which reaches and trusts a sandbox and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from sandbox import browse

_PAGE_TIMEOUT_MS = 20_000


def installed() -> str | None:
    """The browser's path, or None if none is installed."""
    return browse.installed()


@contextmanager
def browser(environment: dict[str, str], width: int = 1100) -> Iterator[Page]:
    """A page of a new browser, ``width`` pixels wide.

    With ``SCREENSHOTS`` set, `screenshot` keeps what it shows in that folder.
    """
    trusted = browse.trust_flag(Path(environment["SANDBOX_HOME"]))
    with _launched(environment["HTTPS_PROXY"], trusted, width=width) as page:
        yield page


@contextmanager
def without_network() -> Iterator[Page]:
    """The same for local files: every request goes to a proxy that does not exist."""
    with _launched("http://127.0.0.1:9") as page:
        yield page


@contextmanager
def _launched(proxy: str, *flags: str, width: int = 1100) -> Iterator[Page]:
    arguments = [*browse.QUIET, *flags]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's own sandbox does not run as root.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=installed(), args=arguments, proxy={"server": proxy}
        )
        try:
            page = chromium.new_page(viewport={"width": width, "height": 800})
            page.set_default_timeout(_PAGE_TIMEOUT_MS)
            yield page
        finally:
            chromium.close()


def screenshot(page: Page, name: str, *, whole: bool = True) -> None:
    """Save a screenshot of the page, or of what is in view, if a folder is configured."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=whole)
