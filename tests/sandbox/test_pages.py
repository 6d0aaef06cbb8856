"""The pages in a real browser fit a small screen; and the output of ``browse``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from sandbox import browse, credentials
from tests.support import chromium
from tests.support.sandboxes import ACCOUNT_CODE, ADA, RunningSandbox, seed_document, started

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = "https://login-eu.mimecast.com/administration"
PORTAL = "https://eu-api.mimecast.com"
LOGIN = f"https://login.microsoftonline.com/{credentials.TENANT_ID}"
SMALL = 390
ADMINISTRATOR = "administrator@example.com"

needs_browser = pytest.mark.skipif(
    chromium.installed() is None, reason="no Chromium or Chrome is on the PATH of this machine"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One with an address, a profile and a group of names as long as they come."""
    document = seed_document()
    long = "a-group-name-without-any-blank-that-goes-on-and-on-as-those-of-directories-do"
    document["mimecast"] |= {
        "domains": [{"name": "a-rather-long-domain-name-of-a-subsidiary.example.com"}],
        "users": [{"emailAddress": f"{'long' * 14}@a-rather-long-domain-name-of-a-subsidiary.example.com"}],
        "groups": [{"description": long, "members": [f"{'long' * 14}@example.org"]}],
    }
    with started(tmp_path_factory.mktemp("pages"), document) as running:
        yield running


@pytest.fixture(scope="module")
def page(sandbox: RunningSandbox) -> Iterator[Page]:
    with chromium.browser(sandbox.env, width=SMALL) as page:
        page.goto(f"{CONSOLE}/")
        page.get_by_label("Email Address").fill(ADMINISTRATOR)
        page.get_by_label("Password").fill(credentials.ADMINISTRATOR_PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        yield page


PAGES = [
    f"{CONSOLE}/",
    f"{CONSOLE}/domains",
    f"{CONSOLE}/addresses",
    f"{CONSOLE}/groups",
    f"{CONSOLE}/application-settings",
    f"{CONSOLE}/application-settings/new",
    f"{CONSOLE}/authentication-profiles",
    f"{CONSOLE}/authentication-profiles/new",
    f"{CONSOLE}/audit-log",
    f"{CONSOLE}/nothing",
    f"{PORTAL}/login/saml",
    f"{PORTAL}/{'a-long-path-that-nobody-has' * 4}",
    f"{LOGIN}/my-apps",
    f"{LOGIN}/saml2",
    "https://login.microsoft.com/device",
    "https://myapps.microsoft.com/",
]


@needs_browser
@pytest.mark.parametrize("address", PAGES)
def test_pages_fit_a_small_screen(page: Page, address: str) -> None:
    page.goto(address)
    chromium.screenshot(page, address.partition("//")[2].replace("/", "_"))
    assert sticking_out(page) == []


@needs_browser
def test_forms_with_errors_fit_too(page: Page) -> None:
    page.goto(f"{CONSOLE}/authentication-profiles/new")
    page.get_by_role("button", name="Save").click()
    assert page.locator("#errors").is_visible()
    assert sticking_out(page) == []
    page.goto(f"{PORTAL}/login/saml")
    page.get_by_label("Email Address").fill(f"{'long' * 14}@example.com")
    page.get_by_role("button", name="Next").click()
    assert page.get_by_role("heading", name="cloud password").is_visible()
    assert sticking_out(page) == []


def sticking_out(page: Page) -> list[str]:
    """The elements that end beyond the screen, and those that hide what is too wide."""
    found: list[str] = page.evaluate(
        """width => [...document.querySelectorAll('body *')]
            .filter(each => each.getBoundingClientRect().right > width + 0.5
                || (each.tagName !== 'TEXTAREA' && each.tagName !== 'INPUT' && each.tagName !== 'SELECT'
                    && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
                    && getComputedStyle(each).display !== 'inline'))
            .map(each => `${each.tagName} ${each.id} ${each.textContent.trim().slice(0, 40)}`)""",
        SMALL,
    )
    return found


@needs_browser
def test_the_breadcrumb_of_a_profile_is_its_own(page: Page) -> None:
    page.goto(f"{CONSOLE}/authentication-profiles/new")
    assert "New Authentication Profile" in (page.locator("p.path").text_content() or "")
    page.goto(f"{CONSOLE}/authentication-profiles")
    page.get_by_role("link", name="Default Authentication Profile").click()
    path = page.locator("p.path").text_content() or ""
    assert path.endswith("Authentication Profiles > Default Authentication Profile")
    assert "New" not in path


# What a person is told


def told(sandbox: RunningSandbox, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("DISPLAY")}
    return subprocess.run(
        [sys.executable, "-m", "sandbox", "browse", *arguments],
        cwd=ROOT,
        env={**environment, "SANDBOX_HOME": str(sandbox.home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_browse_prints_addresses_passwords_proxy_and_authority(sandbox: RunningSandbox) -> None:
    response = told(sandbox)
    assert response.returncode == 0, response.stderr
    for text in (
        f"Mimecast Administration Console, {ACCOUNT_CODE}: {CONSOLE}/",
        f"{ADMINISTRATOR}, password {credentials.ADMINISTRATOR_PASSWORD}",
        "Mimecast Personal Portal: https://",
        "My Apps: https://myapps.microsoft.com/",
        f"{ADA}, password {credentials.USER_PASSWORD}",
        f"proxy for HTTP and HTTPS: {sandbox.env['HTTPS_PROXY']}",
        f"certificate authority: {sandbox.env['SSL_CERT_FILE']}",
    ):
        assert text in response.stdout, response.stdout
    assert "opened" not in response.stdout, "without a display there is no window"


def test_browse_opens_a_browser_that_is_set_up(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """A stand-in for the browser writes down how it was called."""
    stand_in = tmp_path / browse.BROWSERS[0]
    stand_in.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/called\n'
    )
    stand_in.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert "opened" not in told(sandbox, "--print", PATH=path, DISPLAY=":0").stdout
    response = told(sandbox, PATH=path, DISPLAY=":0")
    assert f"opened in {stand_in}" in response.stdout, response.stderr
    called = await_file(tmp_path / "called")
    assert f"--proxy-server={sandbox.env['HTTPS_PROXY']}" in called
    assert f"--user-data-dir={sandbox.home}/browser" in called
    assert f"{CONSOLE}/" in called
    assert any(each.startswith("--ignore-certificate-errors-spki-list=") for each in called)


def await_file(file: Path) -> list[str]:
    """The lines of a file that another process writes."""
    script = 'while [ ! -e "$0" ]; do sleep 0.05; done'
    subprocess.run(["/bin/sh", "-c", script, str(file)], timeout=30, check=True)
    return file.read_text().splitlines()
