"""The console, the portal and My Apps in a real browser, which runs the pages' scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from mimecast_sso.facts.profile_form import TICKED, FormSection
from mimecast_sso.facts.regions import REGIONS
from sandbox import credentials
from sandbox.environment import environment
from sandbox.run_sheets import Dialogue, read
from tests.support import chromium
from tests.support.deployments import Deployments, due
from tests.support.projects import Project

pytestmark = [
    pytest.mark.skipif(
        chromium.installed() is None, reason="no Chromium or Chrome is on the PATH of this machine"
    ),
    pytest.mark.xdist_group("browser"),  # They share a deployment.
]

ADA, GRACE = "ada@example.com", "grace@example.com"
CONSOLE = "https://login-eu.mimecast.com/administration/"
MY_APPS = "https://myapps.microsoft.com/"
APPLICATION = "Mimecast Personal Portal"


@pytest.fixture(scope="module")
def made(deployments: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A first deployment, with console work due; its roll-out group has Ada in it already."""
    with deployments.project(tmp_path_factory.mktemp("project"), due) as fresh:
        (group,) = [
            each
            for each in fresh.control.documents("mimecast.groups")
            if each["description"] == "Personal Portal single sign-on"
        ]
        member = {
            "account": group["account"],
            "group": group["number"],
            "who": ADA,
            "added": group["created"],
        }
        fresh.control.put("mimecast.members", f"{group['number']}/{ADA}", member)
        yield fresh


@pytest.fixture
def page(made: Project) -> Iterator[Page]:
    with chromium.browser(environment(made.home)) as page:
        yield page


def sign_in_to_entra(page: Page, address: str, password: str = credentials.USER_PASSWORD) -> None:
    page.get_by_label("E-mail or user name").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def fill(page: Page, dialogue: Dialogue) -> None:
    """Every line of the run sheet into the control with this label, as somebody does who reads the sheet."""
    for label, value in dialogue.values.items():
        control = page.get_by_label(label, exact=True)
        if control.get_attribute("type") == "checkbox":
            control.set_checked(value == TICKED)
        elif control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(label=value)
        else:
            control.fill(value)


def test_the_console_work_and_both_ways_in(made: Project, page: Page) -> None:
    sheet_file = made.home / "run-sheet/sandbox.html"
    sheet = read(sheet_file)
    page.goto(sheet_file.as_uri())
    chromium.screenshot(page, "run-sheet")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        note = page.get_by_text("whichever the list offers").bounding_box()
        assert note is not None
        assert note["width"] > 100, "the long certificate leaves no room for the notes"
    page.set_viewport_size({"width": 1280, "height": 900})

    page.goto(CONSOLE)
    chromium.screenshot(page, "console-login")
    page.get_by_label("Email Address").fill(credentials.administrator_address("example.com"))
    page.get_by_label("Password").fill(credentials.ADMINISTRATOR_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    for section, menu in (
        (FormSection.PROFILE, "Authentication Profiles"),
        (FormSection.SETTINGS, "Application Settings"),
    ):
        page.get_by_role("link", name=menu, exact=True).click()
        page.locator("#new").click()
        fill(page, sheet.dialogues[section])
        chromium.screenshot(page, menu.lower().replace(" ", "-"))
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#errors")).to_have_count(0)
        chromium.screenshot(page, f"{menu.lower().replace(' ', '-')}-saved")

    # From Mimecast's own page, over two forms that submit themselves.
    page.goto(REGIONS["eu"].sign_on_url)
    chromium.screenshot(page, "portal-login")
    page.get_by_label("Email Address").fill(ADA)
    page.get_by_role("button", name="Next").click()
    expect(page).to_have_title("Sign in")
    chromium.screenshot(page, "entra-sign-in")
    sign_in_to_entra(page, ADA)
    expect(page.locator("#signed-in")).to_have_text(f"Signed in to the Mimecast Personal Portal as {ADA}")
    chromium.screenshot(page, "portal")

    # From the tile: people who are signed in to Entra enter only their address.
    page.goto(MY_APPS)
    chromium.screenshot(page, "my-apps")
    page.get_by_role("link", name=APPLICATION).click()
    page.get_by_label("Email Address").fill(ADA)
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#signed-in")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Email Address")).to_be_visible()


def test_refusals_are_pages_that_say_why(page: Page) -> None:
    page.goto(MY_APPS)
    sign_in_to_entra(page, GRACE, "wrong")
    expect(page.locator("#problem")).to_contain_text("AADSTS50126")
    chromium.screenshot(page, "entra-wrong-password")
    page.goto(REGIONS["eu"].sign_on_url)
    page.get_by_label("Email Address").fill(GRACE)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Single sign-on is not set up or not enforced")).to_be_visible()
    chromium.screenshot(page, "portal-password")
