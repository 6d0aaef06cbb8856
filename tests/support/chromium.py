"""The Chromium that is on this machine, headless, which reaches a sandbox and trusts it, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, sync_playwright

from sandbox.environment import running

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_PAGE_TIMEOUT_MS = 20_000


def installed() -> str | None:
    """The browser's path, or None when this machine has none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser(environment: dict[str, str]) -> Iterator[Page]:
    """A page of a fresh browser; with ``SCREENSHOTS`` set, `picture` keeps what it shows in that folder."""
    trusted = _key_hash(Path(environment["SANDBOX_HOME"]))
    with _launched(environment["HTTPS_PROXY"], f"--ignore-certificate-errors-spki-list={trusted}") as page:
        yield page


@contextmanager
def without_network() -> Iterator[Page]:
    """The same for files on this machine: every request goes to a proxy that is not there."""
    with _launched("http://127.0.0.1:9") as page:
        yield page


@contextmanager
def _launched(proxy: str, *flags: str) -> Iterator[Page]:
    arguments = [*_QUIET, *flags]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's own sandbox does not run as root.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=installed(), args=arguments, proxy={"server": proxy}
        )
        try:
            page = chromium.new_page(viewport={"width": 1100, "height": 800})
            page.set_default_timeout(_PAGE_TIMEOUT_MS)
            yield page
        finally:
            chromium.close()


def picture(page: Page, name: str) -> None:
    """Keeps a screenshot of the whole page, when a folder for them is named."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def _key_hash(home: Path) -> str:
    """The hash by which Chromium is told which server key to trust: SHA-256 of its public half, in base64."""
    process = running(home)
    assert process is not None
    host, _, port = process.listener.rpartition(":")
    certificate = ssl.get_server_certificate((host, int(port)))
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode("ascii")
