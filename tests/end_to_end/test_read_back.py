"""The console's forms read back in a real browser with the run sheet's bookmark, then confirmed from the file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Page, expect

from sandbox import credentials
from sandbox.environment import environment
from tests.support import chromium
from tests.support.deployments import Deployments, due
from tests.support.projects import Project

pytestmark = [
    pytest.mark.skipif(
        chromium.installed() is None, reason="no Chromium or Chrome is on the PATH of this machine"
    ),
    pytest.mark.xdist_group("read-back"),
]

CONSOLE = "https://login-eu.mimecast.com/administration/"
SAVED = {
    "Authentication Profiles": "Microsoft Entra ID single sign-on",
    "Application Settings": "Single sign-on",
}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def made(deployments: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with deployments.project(tmp_path_factory.mktemp("project"), due) as fresh:
        filled = fresh.sandbox("administrator", str(fresh.home / "run-sheet/sandbox.html"))
        assert filled.code == 0, filled.text
        yield fresh


@pytest.fixture
def page(made: Project) -> Iterator[Page]:
    with chromium.browser(environment(made.home)) as page:
        yield page


def sign_in(page: Page) -> None:
    page.goto(CONSOLE)
    page.get_by_label("Email Address").fill(credentials.administrator_address("example.com"))
    page.get_by_label("Password").fill(credentials.ADMINISTRATOR_PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def bookmark_of(page: Page, sheet: Path) -> str:
    """The script of the run sheet's bookmark."""
    page.goto(sheet.as_uri())
    address = page.get_by_role("link", name="Read back Mimecast").get_attribute("href") or ""
    return unquote(address.removeprefix("javascript:"))


def open_form(page: Page, menu: str, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=menu, exact=True).click()
    page.get_by_role("main").get_by_role("link", name=name, exact=True).click()


def read_back(page: Page, bookmark: str, file: Path) -> None:
    """Clicks the bookmark on both saved forms, and saves the file."""
    for menu, name in SAVED.items():
        open_form(page, menu, name)
        page.evaluate(bookmark)
    expect(page.get_by_role("dialog", name="Read back")).to_contain_text("17 in all")
    chromium.screenshot(page, "read-back")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save read-back.json").click()
    download.value.save_as(file)


def test_forms_that_are_as_desired_are_read_and_those_that_are_not_are_listed(
    made: Project, page: Page, tmp_path: Path
) -> None:
    by, first = ("--by", "administrator@example.com"), tmp_path / "first.json"
    bookmark = bookmark_of(page, made.home / "run-sheet/sandbox.html")
    sign_in(page)
    read_back(page, bookmark, first)
    confirmed = made.sso("confirm", *by, "--read-back", str(first))
    assert confirmed.code == 0, confirmed.text
    assert "Confirmed and read back v1:" in confirmed.text
    deployed = made.up()
    assert deployed.code == 0, deployed.text
    verified = made.sso("verify")
    assert "read: attested, and a copy of the console's forms agrees" in verified.text
    assert made.sandbox("login", "ada@example.com").code == 0
    attested = made.in_force()["authenticationProfile"]["confirmed"]

    open_form(page, "Authentication Profiles", SAVED["Authentication Profiles"])
    page.get_by_label("Allow Single Sign On", exact=True).set_checked(False)
    page.get_by_role("button", name="Save").click()
    second = tmp_path / "second.json"
    read_back(page, bookmark, second)
    differs = made.sso("confirm", *by, "--read-back", str(second))
    assert differs.code == 2, differs.text
    assert "Allow Single Sign On: the console has not ticked, desired is ticked" in differs.text
    assert "Nothing was recorded." in differs.text
    assert made.in_force()["authenticationProfile"]["confirmed"] == attested


def test_the_run_sheet_fits_a_phone(made: Project, page: Page) -> None:
    written = made.sso("run-sheet")
    assert written.code == 0, written.text
    page.set_viewport_size(PHONE)
    page.goto((made.home / "run-sheet/sandbox.html").as_uri())
    chromium.screenshot(page, "run-sheet-390")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.get_by_text("REHEARSAL with the")).to_be_visible()
    expect(page.get_by_role("link", name=CONSOLE)).to_be_visible()
    expect(page.get_by_text("Certificate expires")).to_be_visible()
    page.get_by_label("Done: Issuer URL").check()


def test_the_certificate_that_the_console_gets_comes_in_three_forms(made: Project, tmp_path: Path) -> None:
    pem, der = made.sso("certificate"), tmp_path / "signing.cer"
    assert made.sso("run-sheet").code == 0
    assert made.sso("certificate", "--format", "der", "--out", str(der)).code == 0
    body = made.sso("certificate", "--format", "base64-body").text.strip()
    certificate = x509.load_pem_x509_certificate(pem.text.encode())
    assert certificate.public_bytes(Encoding.DER) == der.read_bytes() == base64.b64decode(body, validate=True)
    assert body in (made.home / "run-sheet/sandbox.html").read_text(encoding="utf-8")
    refused = made.sso("certificate", "--format", "der")
    assert (refused.code, "give --out FILE" in refused.text) == (64, True)
