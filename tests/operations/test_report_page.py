"""The HTML report in a real browser: wide, on a phone, dark, printed, by keyboard, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.operations.reports.history import Day
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.operations.reports.render import render
from mimecast_sso.provenance import How
from tests.support import chromium

pytestmark = [
    pytest.mark.skipif(
        chromium.installed() is None, reason="no Chromium or Chrome is on the PATH of this machine"
    ),
    pytest.mark.xdist_group("report-page"),
]

AT = datetime(2026, 11, 30, 7, tzinfo=UTC)
WIDTHS = (1280, 390)
PUBLIC = CLOUDS["public"]
HOSTILE = "<img src=x onerror=alert(1)> ::error:: ##vso[x] \u202ereversed @everyone https://evil.example"

URGENT = Section(
    stack="prod-eu",
    account="CUK97A123",
    region="eu",
    summary="214 people cannot sign in; 1 difference",
    figures={"signIn": 214, "certificateDays": 411, "confirmationDays": 17},
    links={
        "Entra: single sign-on": PUBLIC.single_sign_on_page("5e1f…", "7c1d…"),
        "Mimecast: Administration Console": REGIONS["eu"].console_url,
    },
    entries=(
        Entry(
            "service-principal/activeCertificate/changed",
            Level.URGENT,
            "Service principal activeCertificate changed",
            How.LIVE,
            "Microsoft Graph",
            {
                "recorded": ("CF7F1D0B7E0A4C0C8E5B3B8E7D5A1F2E3C4B5A69",),
                "live": ("51FC9A3E2B1D4C5F6A7B8C9D0E1F2A3B4C5D6E7F",),
                "desired": ("CF7F1D0B7E0A4C0C8E5B3B8E7D5A1F2E3C4B5A69",),
            },
            'app "Cert bot" (7c1…), 29 Nov 22:14 UTC: Update service principal',
            {
                "restore": "mimecast-sso up --stack prod-eu --refresh",
                "at once": "mimecast-sso roll-out back --stack prod-eu",
            },
        ),
    ),
)
LOOK = Section(
    stack="prod-us",
    account="CUSA97A125",
    region="us",
    summary="1 difference",
    figures={"signIn": 40, "certificateDays": 58, "confirmationDays": 340},
    entries=(Entry("application/owner/unmanaged/x", Level.LOOK, HOSTILE, How.LIVE, "Microsoft Graph"),),
)
FINE = Section("dev-eu", "CUK97A124", "eu", "as recorded", figures={"signIn": 3, "certificateDays": 1068})
UNREAD = Section(
    stack="lab-eu",
    summary="some of it could not be read",
    entries=(
        Entry(
            "drift/people",
            Level.UNKNOWN,
            "people: who signs in",
            How.UNKNOWN,
            "Mimecast refused the credentials",
        ),
    ),
)
REPORT = Report("drift", AT, 2, (URGENT, LOOK, FINE, UNREAD))


def days() -> tuple[Day, ...]:
    levels = {"prod-eu": Level.FINE, "prod-us": Level.LOOK, "dev-eu": Level.FINE, "lab-eu": Level.FINE}
    return tuple(Day(date(2026, 11, 1) + timedelta(days=each), levels) for each in range(29))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("report") / "drift.html"
    page.write_text(render(REPORT, "html", days()), encoding="utf-8")
    return page


@pytest.fixture
def page(file: Path) -> Iterator[Page]:
    with chromium.without_network() as opened:
        asked: list[str] = []
        problems: list[str] = []

        def ask(request: Request) -> None:
            asked.append(request.url)

        opened.on("request", ask)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("dialog", lambda dialog: problems.append(dialog.message))
        opened.goto(file.as_uri())
        yield opened
        assert asked == [file.as_uri()], "the page is one file"
        assert problems == []


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_shows_what_matters_first(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    chromium.screenshot(page, f"drift-report-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.get_by_role("heading", level=1)).to_have_text("Drift of 4 stacks")
    status = page.get_by_role("row", name="prod-eu").locator(".badge")
    assert status.evaluate("node => node.getBoundingClientRect().right") <= width, (
        "without scrolling sideways"
    )
    tiles = page.get_by_label("Stacks by status").get_by_role("listitem")
    expect(tiles.first).to_contain_text("urgent")
    for section in REPORT.sections:
        expect(page.get_by_role("heading", level=2, name=section.stack)).to_be_visible()
    console = page.get_by_role("link", name="Mimecast: Administration Console")
    expect(console).to_have_attribute("href", "https://login-eu.mimecast.com/administration/")


@pytest.mark.parametrize(
    ("name", "width", "height"), [("drift-report", 1160, 900), ("drift-report-phone", 390, 844)]
)
def test_the_pictures_of_the_docs(page: Page, name: str, width: int, height: int) -> None:
    """``SCREENSHOTS=docs/pictures`` draws them again; in view is what an engineer has to see first."""
    page.set_viewport_size({"width": width, "height": height})
    chromium.screenshot(page, name, whole=False)
    expect(page.get_by_role("heading", level=2, name="prod-eu")).to_be_in_viewport()
    expect(page.get_by_role("row", name="prod-eu")).to_be_in_viewport()


def test_what_is_unknown_says_why(page: Page) -> None:
    unknown = page.get_by_role("region", name="lab-eu").locator("article")
    expect(unknown).to_contain_text("refused the credentials")
    expect(unknown).to_contain_text("why")
    assert "known unknown" not in " ".join(unknown.inner_text().split())


def test_the_strip_ends_with_this_report(page: Page) -> None:
    last = page.get_by_role("region", name="prod-eu").locator(".strip li").last
    expect(last).to_have_attribute("title", "2026-11-30: urgent")


def test_names_from_a_directory_stay_text(page: Page) -> None:
    assert page.locator("article img").count() == 0
    expect(page.get_by_role("heading", level=3).filter(has_text="<img src=x")).to_be_visible()
    assert "\u202e" not in page.content()


def test_by_keyboard_and_by_screen_reader(page: Page) -> None:
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    for stack in ("prod-eu", "prod-us", "dev-eu", "lab-eu"):
        assert stack in reached
    assert any(each.startswith("mimecast-sso up --stack prod-eu") for each in reached)
    page.get_by_role("link", name="prod-us").press("Enter")
    assert page.url.endswith("#stack-2")
    for meter in page.get_by_role("meter").all():
        assert meter.get_attribute("aria-label")
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    chromium.screenshot(page, f"drift-report-{scheme}")
    ratios = page.evaluate(
        """() => {
          const rgb = text => text.match(/[0-9.]+/g).map(Number);
          const light = color => { const [r, g, b] = rgb(color).slice(0, 3).map(each => {
            each /= 255; return each <= .03928 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4; });
            return .2126 * r + .7152 * g + .0722 * b; };
          const behind = node => { for (; node; node = node.parentElement) {
            const color = getComputedStyle(node).backgroundColor;
            if ((rgb(color)[3] ?? 1) > 0) return color; } return "rgb(255, 255, 255)"; };
          return [...document.querySelectorAll("h1, h2, h3, p, dt, dd, td, th, code, .badge, a, .tiles li")]
            .filter(node => node.textContent.trim() && !node.closest(".hidden")).map(node => {
              const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
              return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), node.textContent.trim().slice(0, 40)]; });
        }"""
    )
    assert [each for each in ratios if each[0] < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints_in_black_on_white(page: Page, scheme: str) -> None:
    page.emulate_media(media="print", color_scheme=scheme)  # type: ignore[arg-type]
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert (
        page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert len(page.pdf(format="A4")) > 10_000
