"""The sandbox's Mimecast administrator: fills in the console's pages from a run sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mimecast_sso.facts.profile_form import FIELDS, PROVIDER_NAMES, TICKED, UNTICKED, FormSection
from mimecast_sso.facts.regions import REGIONS
from sandbox import credentials
from sandbox.browser import Browser, Page
from sandbox.lifecycle import control
from sandbox.run_sheets import Dialogue, UnreadableError, read

_PAGES = {
    FormSection.PROFILE: ("authentication-profiles", "authentication-profile", "Description"),
    FormSection.SETTINGS: (
        "application-settings",
        "application-settings",
        "Application Settings Description",
    ),
}
_LABELS = {field.key: field.label for field in FIELDS}
_METADATA, _CERTIFICATE = _LABELS["metadataUrl"], _LABELS["certificate"]
_LONGEST_SHOWN = 60


class CannotFillError(Exception):
    """The run sheet cannot be read, or the console rejects its values."""


def fill(home: Path, file: Path) -> Iterator[str]:
    """Fill the console's forms from the run sheet. Returns the typed values, one line per field.

    Existing definitions are edited, missing ones are created.

    Raises:
        CannotFillError
        NotRunningError: nothing runs in ``home``.
    """
    try:
        sheet = read(file)
    except UnreadableError as error:
        raise CannotFillError(str(error)) from error
    if sheet.region not in REGIONS:
        raise CannotFillError(f"{file}: unknown region {sheet.region}; the regions are {', '.join(REGIONS)}")
    console = f"https://login-{sheet.region}.mimecast.com/administration"
    browser = Browser(home)
    who = _sign_in(home, browser, console, sheet.account)
    yield f"signed in to {urlsplit(console).hostname} as {who}"
    for section, (folder, form, name_label) in _PAGES.items():
        dialogue = sheet.dialogues[section]
        page = _open(browser, f"{console}/{folder}", dialogue, name_label)
        if section is FormSection.PROFILE and _wants_import(dialogue):
            page = _import(browser, page, form, dialogue)
        yield f"{section.value}: entering {len(dialogue.values)} fields"
        yield from _type(page, dialogue)
        _save(browser, page, form)
        yield "  saved"


def _sign_in(home: Path, browser: Browser, console: str, account: str) -> str:
    found = control(home).get("mimecast.accounts", account)
    if found is None:
        raise CannotFillError(
            f"the sandbox has no Mimecast account {account}. Seed its stack: mimecast-sso sandbox seed --stack NAME"
        )
    address = str(found["administrator"]["emailAddress"])
    form = browser.open(f"{console}/").form("login")
    typed = {"emailAddress": address, "password": credentials.ADMINISTRATOR_PASSWORD}
    page = browser.submit(form, typed)
    if page.form("login") is not None:
        raise CannotFillError(f"the console refuses to sign in {address}: {' '.join(page.hints())}")
    return address


def _open(browser: Browser, url: str, dialogue: Dialogue, name_label: str) -> Page:
    listed = browser.open(url)
    # Match by name first: the path of a reused sheet may still end in the button for a new definition.
    names = (dialogue.values.get(name_label, ""), dialogue.path.rpartition(">")[2].strip())
    existing = next((link for name in names if name and (link := listed.link(name))), None)
    return browser.open(existing or f"{url}/new")


def _wants_import(dialogue: Dialogue) -> bool:
    """Whether the certificate comes from the metadata: the sheet has a metadata URL and no certificate."""
    return bool(dialogue.values.get(_METADATA)) and not dialogue.values.get(_CERTIFICATE)


def _import(browser: Browser, page: Page, form: str, dialogue: Dialogue) -> Page:
    """Press Import next to the Metadata URL; return the filled form."""
    page.controls()[_METADATA].value = dialogue.values[_METADATA]
    filled = browser.press(page.form(form), "action", "import")
    errors = filled.items("errors")
    if errors:
        raise CannotFillError(f"the console cannot import the metadata: {'; '.join(errors)}")
    # The import filled in this field; the sheet's empty value must not overwrite it.
    del dialogue.values[_CERTIFICATE]
    return filled


def _type(page: Page, dialogue: Dialogue) -> Iterator[str]:
    controls = page.controls()
    for label, value in dialogue.values.items():
        if label not in controls:
            raise CannotFillError(f'the form of the console has no field "{label}"')
        shown = _enter(label, controls[label], value)
        yield f"  {label}: {shown if len(shown) <= _LONGEST_SHOWN else f'{shown[:_LONGEST_SHOWN]}…'}"


def _enter(label: str, control: Any, value: str) -> str:
    """Type, tick or choose a value. Returns the line that reports it."""
    if getattr(control, "type", "") == "checkbox":
        if value not in {TICKED, UNTICKED}:
            raise CannotFillError(f'"{label}" is a check box; the run sheet says "{value}"')
        control.checked = value == TICKED
        return value
    if control.tag == "select":
        return _choose(label, control, value)
    control.value = value
    return value or "(left empty)"


def _choose(label: str, control: Any, value: str) -> str:
    """Choose an entry of the list; depending on the console's version, Entra has one of two names there."""
    options = {
        " ".join(option.text_content().split()): option.get("value") for option in control.iter("option")
    }
    names = (value, *PROVIDER_NAMES) if value in PROVIDER_NAMES else (value,)
    chosen = next((name for name in names if name in options), None)
    if chosen is None:
        offered = ", ".join(name for name in options if name)
        raise CannotFillError(
            f'the list "{label}" does not offer "{value}"; it offers {offered or "nothing"}'
        )
    control.value = options[chosen]
    return chosen


def _save(browser: Browser, page: Page, form: str) -> None:
    after = browser.submit(page.form(form))
    errors = after.items("errors")
    if errors or after.status >= 400:  # noqa: PLR2004 - the first client error
        raise CannotFillError(
            f"the console does not accept the form: {'; '.join(errors) or f'status {after.status}'}"
        )
