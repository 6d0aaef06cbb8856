"""Fingerprints that no release may change, and the run sheet."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from mimecast_sso.console.attestation import fingerprints, problems, state
from mimecast_sso.console.run_sheet import RunSheet, html, lock_out_warnings, markdown, text
from mimecast_sso.facts.profile_form import FIELDS, Control, FormSection

CONTENT = b"a certificate, as far as this test goes" * 20
CERTIFICATE = base64.b64encode(CONTENT).decode()
THUMBPRINT = hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest().upper()
TENANT = "7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01"

FORM: dict[str, str | bool] = {
    "description": "Entra | single `sign-on` <b>",
    "enforceAdministrationConsole": False,
    "enforcePersonalPortal": True,
    "enforceEndUserApplications": False,
    "provider": "Azure Active Directory",
    "metadataUrl": "",
    "monitorMetadataUrl": False,
    "issuerUrl": f"https://sts.windows.net/{TENANT}/",
    "loginUrl": f"https://login.microsoftonline.com/{TENANT}/saml2",
    "logoutUrl": f"https://login.microsoftonline.com/{TENANT}/saml2",
    "certificate": CERTIFICATE,
    "passwordProtectedContext": False,
    "integratedAuthenticationContext": False,
    "allowSingleSignOn": True,
    "applicationSettings": "Single sign-on",
    "group": "Single sign-on",
    "settingsProfile": "Entra | single `sign-on` <b>",
}
PRINTS = fingerprints(FORM, THUMBPRINT)


def test_fingerprints_are_pinned() -> None:
    # A change here re-opens finished console work in every stack: make a version 2 beside it instead.
    assert PRINTS.critical == "v1:8f9e1d0c8e81eda295b00fb0a35ec28a"
    assert PRINTS.cosmetic == "v1:11c679a44b2a4d60d5f40435262a48bf"


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_each_field_counts_in_its_own_fingerprint(field: object) -> None:
    key, critical = field.key, field.critical  # type: ignore[attr-defined]
    value = FORM[key]
    changed = fingerprints(FORM | {key: not value if isinstance(value, bool) else f"{value}x"}, THUMBPRINT)
    if key == "certificate":
        assert changed == PRINTS  # Its thumbprint counts, however the text is wrapped.
        changed = fingerprints(FORM, "00" * 20)
    assert (changed.critical != PRINTS.critical) is critical
    assert (changed.cosmetic != PRINTS.cosmetic) is not critical


def test_spelling_of_the_thumbprint_and_blanks_do_not_count() -> None:
    spelt = ":".join(re.findall("..", THUMBPRINT.lower()))
    assert fingerprints(FORM | {"issuerUrl": f" {FORM['issuerUrl']} "}, spelt) == PRINTS


def test_only_the_confirmed_fingerprint_claims() -> None:
    assert state(FORM, THUMBPRINT, None) == "due"
    assert state(FORM, THUMBPRINT, {"fingerprint": PRINTS.cosmetic}) == "due"
    assert state(FORM, THUMBPRINT, {"fingerprint": PRINTS.critical}) == "claimed"
    assert state(FORM, "00" * 20, {"fingerprint": PRINTS.critical}) == "due"


AT = "2026-11-22T10:00:00Z"
BEFORE, AFTER = "2026-11-22T09:59:59Z", "2026-11-22T10:00:01Z"


def request(at: str, *differs: str, of: str = PRINTS.critical) -> dict[str, object]:
    return {"request": {"fingerprint": of, "at": at, "differs": list(differs)}}


def change(at: str) -> dict[str, object]:
    return {"change": {"at": at}}


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (None, "claimed"),
        ({}, "claimed"),
        (request(AFTER), "proved"),
        (request(AT), "proved"),
        (request(BEFORE), "claimed"),
        (request(AFTER, of="v1:another"), "claimed"),
        (request(AFTER, "issuer"), "contradicted"),
        (request(BEFORE, "issuer"), "claimed"),
        (change(AFTER), "stale"),
        (change(AT), "claimed"),  # The change that was confirmed.
        (change(BEFORE), "claimed"),
        ({"expired": "2027-11-22"}, "stale"),
        # What a request shows is not all that a change may have touched.
        (request(AFTER) | change(AFTER), "stale"),
        (request(AFTER) | change(BEFORE), "proved"),
        (request(AFTER, "contexts") | change(AFTER), "contradicted"),
    ],
)
def test_evidence_after_the_confirmation_decides(evidence: dict[str, object] | None, expected: str) -> None:
    confirmed = {"fingerprint": PRINTS.critical, "at": AT}
    assert state(FORM, THUMBPRINT, confirmed, evidence) == expected
    assert state(FORM, THUMBPRINT, None, evidence) == "due"
    assert state(FORM, "00" * 20, confirmed, evidence) == "due"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"surprise": "x"}, "form.surprise is not a field"),
        ({"issuerUrl": True}, "form.issuerUrl must be a string"),
        ({"allowSingleSignOn": "yes"}, "form.allowSingleSignOn must be true or false"),
        ({"certificate": "?"}, "not the base-64 body"),
        ({"certificate": "AAAA"}, "thumbprint is not"),
    ],
)
def test_a_malformed_form_is_explained(change: dict[str, str | bool], text: str) -> None:
    assert text in problems(FORM | change, THUMBPRINT)[0]


def test_a_good_form_has_no_problems() -> None:
    assert problems(FORM, THUMBPRINT) == []
    assert problems(FORM | {"certificate": ""}, "") == []
    assert problems({k: v for k, v in FORM.items() if k != "group"}, THUMBPRINT) == ["form.group is missing"]


# -- Run sheet ------------------------------------------------------------------------------------------------


def sheet(previous: dict[str, str | bool] | None = None, state: str = "due") -> RunSheet:
    return RunSheet("prod-eu", "eu", "CUK25A118", FORM, previous, PRINTS, state)


class Tables(HTMLParser):
    """Reads the page as a program would: section → field → value."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.text = ""
        self._section = self._field = ""
        self._in_value = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attributes}
        if tag == "table":
            self._section = values["data-section"]
        elif tag == "tr" and "data-field" in values:
            self._field = values["data-field"]
            self.found.setdefault(self._section, {})[self._field] = ""
        elif tag == "code" and self.get_starttag_text() == "<code>" and self._field:
            self._in_value = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self._in_value = False
        elif tag == "tr":
            self._field = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_value:
            self.found[self._section][self._field] += data


def shown(value: str | bool) -> str:
    return value if isinstance(value, str) else {True: "ticked", False: "not ticked"}[value]


def test_the_page_holds_every_field_in_order_and_nothing_unescaped() -> None:
    page = html(sheet())
    tables = Tables()
    tables.feed(page)
    for section in FormSection:
        expected = {f.key: shown(FORM[f.key]) for f in FIELDS if f.section is section}
        assert tables.found[section.value] == expected
        assert list(tables.found[section.value]) == list(expected)
    assert "<b>" not in page
    assert "http-equiv" not in page
    assert "src=" not in page


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_markdown_holds_every_field_in_order_and_the_certificate_in_a_block() -> None:
    text = markdown(sheet())
    for number, section in enumerate(FormSection, start=1):
        part = text.split(f"## {number}. {section.value}\n")[1].split("\n## ")[0]
        table = [cells(line) for line in part.splitlines() if line.startswith("|")][2:]
        fields = [f for f in FIELDS if f.section is section]
        assert [row[0] for row in table] == [f.label for f in fields]
        for row, field in zip(table, fields, strict=True):
            value = FORM[field.key]
            if field.control is Control.CHECK_BOX:
                assert row[1] == shown(value)
            elif field.key == "metadataUrl":
                assert row[1] == "leave empty"
            elif field.key != "certificate":
                assert row[1].strip("` ").replace("\\|", "|") == value
    assert f"```text\n{CERTIFICATE}\n```" in text


def test_the_text_holds_every_field_in_order_ready_to_paste() -> None:
    lines = text(sheet(FORM | {"issuerUrl": "https://old.example/"})).splitlines()
    at = 0
    for field in FIELDS:
        at = lines.index(f"{field.label}:", at)
        value = FORM[field.key]
        assert lines[at + 1] == f"    {shown(value) or '(leave empty)'}"
    issuer = lines.index("Issuer URL:")
    assert lines[issuer + 2] == "    (before: https://old.example/)"
    pasted = {CERTIFICATE, str(FORM["issuerUrl"])}
    assert all(len(line) <= 130 for line in lines if line.strip() not in pasted)


def test_people_who_could_be_locked_out_are_named() -> None:
    always = " ".join(lock_out_warnings(FORM))
    for part in ("Account_Administrators_Authentication_Profile", "Permitted IP ranges", "not monitored"):
        assert part in always
    assert "not monitored" not in " ".join(lock_out_warnings(FORM | {"monitorMetadataUrl": True}))
    for render in (markdown, html, text):
        assert "if Account_Administrators_Authentication_Profile exists" in " ".join(render(sheet()).split())


@pytest.mark.parametrize("render", [markdown, html, text])
def test_the_sheet_says_what_an_administrator_must_know(render: object) -> None:
    tables = Tables()
    tables.feed(render(sheet()))  # type: ignore[operator]
    for needed in (
        "CUK25A118",
        "prod-eu",
        "Nothing until people are in the group",
        "Users & Groups > Applications > Authentication Profiles > New Authentication Profile"
        if render is html
        else "Authentication Profiles",
        'formerly "Enforce SAML Authentication for Mimecast Personal Portal"',
        "Account_Administrators_Authentication_Profile",
        "default authentication profile",
        "15 minutes",
        "Roll-back",
        f"confirm --stack prod-eu --fingerprint {PRINTS.critical} --by NAME --evidence TEXT",
        PRINTS.critical,
        PRINTS.cosmetic,
    ):
        assert needed in " ".join(tables.text.split())


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("enforceAdministrationConsole", "second Super Administrator"),
        ("enforceEndUserApplications", "refuse the password"),
    ],
)
def test_boxes_that_can_lock_people_out_come_with_a_warning(key: str, text: str) -> None:
    ticked = RunSheet("prod-eu", "eu", "CUK25A118", FORM | {key: True}, None, PRINTS, "due")
    assert text in markdown(ticked)
    assert text in html(ticked)
    assert text not in markdown(sheet())


def test_what_changes_is_shown_with_what_was() -> None:
    previous = FORM | {"issuerUrl": "https://old.example/", "allowSingleSignOn": False, "certificate": "b2xk"}
    text, page = markdown(sheet(previous)), html(sheet(previous))
    assert "| Field | Value | Before | Note |" in text
    assert "`https://old.example/`" in text
    assert "another certificate" in text
    assert "b2xk" not in text
    assert page.count('class="changed"') == 3
    assert "New Authentication Profile" not in text
    assert "Before" not in markdown(sheet(dict(FORM)))


def test_a_confirmed_sheet_says_that_no_work_is_left() -> None:
    assert "no action needed" in markdown(sheet(dict(FORM), "claimed"))
    assert "no action needed" in html(sheet(dict(FORM), "claimed"))


@pytest.mark.parametrize("render", [markdown, html])
def test_a_sheet_of_doubtful_work_says_why(render: object) -> None:
    seen = {
        "at": AFTER,
        "differs": ["issuer", "contexts"],
        "issuer": "https://other.example/",
        "contexts": [],
    }
    logged = {"at": AFTER, "event": "Existing Authentication Profile Changed"}
    for reached, evidence, why in (
        ("contradicted", {"request": seen}, "issuer https://other.example/; authentication contexts none"),
        ("stale", {"change": logged}, f'"Existing Authentication Profile Changed" at {AFTER}'),
        ("stale", {"expired": "2027-11-22"}, "expired on 2027-11-22"),
    ):
        text_of = unescape(render(RunSheet("s", "eu", "C", FORM, None, PRINTS, reached, evidence)))  # type: ignore[operator]
        assert why in text_of
        assert "confirm again" in text_of
