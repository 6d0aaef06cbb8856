"""The sandbox's pages for people: addresses, accounts with passwords, and a browser that reaches them.

A browser reaches the pages through the sandbox's proxy and must trust its throw-away authority. Chromium and its
relatives take both on the command line, with a separate profile folder; the person's own profile is unchanged.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mimecast_sso.facts.regions import REGIONS
from sandbox import credentials
from sandbox.environment import NotRunningError, Process, environment, running
from sandbox.lifecycle import control
from sandbox.mimecast import passwords

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "brave-browser",
    "microsoft-edge",
)
_ON_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
)
_PROFILE_FOLDER = "browser"
_MY_APPS = "https://myapps.microsoft.com/"
_PEOPLE_SHOWN = 10


def installed() -> str | None:
    """The path of a browser that takes its configuration on the command line, or ``None``."""
    found = (shutil.which(name) for name in BROWSERS)
    on_macos = (path for path in _ON_MACOS if sys.platform == "darwin" and Path(path).exists())
    return next((path for path in (*found, *on_macos) if path), None)


def has_display(variables: Mapping[str, str]) -> bool:
    """Whether a window can be shown."""
    return sys.platform == "darwin" or bool(variables.get("DISPLAY") or variables.get("WAYLAND_DISPLAY"))


def trust_flag(home: Path) -> str:
    """The value that makes Chromium trust this sandbox's server key, and no other untrusted key."""
    from cryptography import x509  # noqa: PLC0415 - only this command needs the library
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    host, _, port = _process(home).listener.rpartition(":")
    certificate = ssl.get_server_certificate((host, int(port)))
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(info).digest()).decode("ascii")
    return f"--ignore-certificate-errors-spki-list={digest}"


def command(home: Path, browser: str) -> list[str]:
    """The command line that opens the pages.

    Raises:
        NotRunningError: nothing runs in ``home``.
    """
    flags = [
        f"--user-data-dir={home / _PROFILE_FOLDER}",
        f"--proxy-server=http://{_process(home).proxy}",
        trust_flag(home),
        *QUIET,
    ]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's own sandbox does not run as root.
    return [browser, *flags, *(address for _, address, _ in _pages(home))]


def open_in(home: Path, browser: str) -> None:
    """Open the pages in a window that outlives this command.

    Raises:
        NotRunningError: nothing runs in ``home``.
        OSError: the browser does not start.
    """
    subprocess.Popen(
        command(home, browser),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def lines(home: Path, browser: str | None) -> Iterator[str]:
    """The settings for opening the pages in any browser.

    Raises:
        NotRunningError: nothing runs in ``home``.
    """
    variables = environment(home)
    yield "Pages:"
    for title, address, sign_in in _pages(home):
        yield f"  {title}: {address}"
        yield f"    {sign_in}"
    yield "People:"
    yield from (f"  {line}" for line in _people(home))
    yield "A browser needs both of these:"
    yield f"  proxy for HTTP and HTTPS: {variables['HTTPS_PROXY']}"
    yield f"  certificate authority: {variables['SSL_CERT_FILE']}"
    if browser is not None:
        yield "Open them all:"
        yield f"  {shlex.join(command(home, browser))}"


def _pages(home: Path) -> list[tuple[str, str, str]]:
    """Title and address of each page that a person starts from, and who signs in there."""
    found = [
        (
            f"Mimecast Administration Console, {account['accountCode']}",
            f"https://login-{account['region']}.mimecast.com/administration/",
            _administrator(account),
        )
        for account in control(home).documents("mimecast.accounts")
    ]
    regions = {account["region"] for account in control(home).documents("mimecast.accounts")}
    found += [
        ("Mimecast Personal Portal", REGIONS[code].sign_on_url, "people, as their profile requires")
        for code in sorted(regions)
    ]
    return [*found, ("My Apps", _MY_APPS, "people, with their password")]


def _administrator(account: Mapping[str, Mapping[str, str]]) -> str:
    administrator = account["administrator"]
    address = administrator["emailAddress"]
    if passwords.matches(credentials.ADMINISTRATOR_PASSWORD, administrator["password"]):
        return f"{address}, password {credentials.ADMINISTRATOR_PASSWORD}"
    return f"{address}, with its seeded password"


def _people(home: Path) -> Iterator[str]:
    plane = control(home)
    users = plane.documents("entra.users")
    for user in users[:_PEOPLE_SHOWN]:
        kept = plane.get("entra.passwords", user["id"]) or {}
        yield f"{user['userPrincipalName']}, password {kept.get('password') or '(none)'}"
    if len(users) > _PEOPLE_SHOWN:
        yield f"and {len(users) - _PEOPLE_SHOWN} more"
    if not users:
        yield "no people are seeded yet. Seed a stack: mimecast-sso sandbox seed --stack sandbox"


def _process(home: Path) -> Process:
    process = running(home)
    if process is None:
        raise NotRunningError(home)
    return process
