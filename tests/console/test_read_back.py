"""A copy of the console's forms: what is accepted, and what it is compared with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mimecast_sso.console import attestation, read_back
from mimecast_sso.console.read_back import FORMAT, UnusableReadBackError
from mimecast_sso.facts.profile_form import FIELDS, Control, FormSection
from mimecast_sso.text.certificates import thumbprint_of

CERTIFICATE = "MAEC"
FORM: dict[str, str | bool] = {
    field.key: field.control is not Control.CHECK_BOX and f"value of {field.key}" for field in FIELDS
} | {"certificate": CERTIFICATE, "provider": "Azure Active Directory"}
THUMBPRINT = thumbprint_of(CERTIFICATE)
URL = "https://login-eu.mimecast.com/administration/"


def document(**changes: Any) -> dict[str, Any]:
    forms = [
        {
            "url": f"{URL}{number}",
            "values": {field.label: FORM[field.key] for field in FIELDS if field.section is section},
        }
        for number, section in enumerate(FormSection)
    ]
    return {"format": FORMAT, "readAt": "2026-11-29T09:00:00.000Z", "forms": forms} | changes


def with_value(label: str, value: object) -> dict[str, Any]:
    found = document()
    for form in found["forms"]:
        if label in form["values"]:
            form["values"][label] = value
    return found


def differing(found: dict[str, Any]) -> tuple[list[str], list[str]]:
    read = read_back.parse(json.dumps(found))
    critical, cosmetic = read_back.differences(read, FORM, THUMBPRINT)
    return list(map(str, critical)), list(map(str, cosmetic))


def test_the_same_values_agree() -> None:
    assert differing(document()) == ([], [])


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_each_field_is_compared(field: Any) -> None:
    other = not FORM[field.key] if field.control is Control.CHECK_BOX else "another value"
    critical, cosmetic = differing(with_value(field.label, other))
    (said,) = critical if field.critical else cosmetic
    assert said.startswith(f"{field.label}: the console has ")
    assert (critical == []) is not field.critical


def test_a_field_that_was_not_seen_is_a_difference() -> None:
    found = document()
    del found["forms"][1]
    critical, _ = differing(found)
    assert "Group: not in the forms that were read, desired is value of group" in critical


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Provider", "Microsoft Entra ID"),
        ("Issuer URL", "  value of issuerUrl "),
        (
            "Identity Provider Certificate (Metadata)",
            "-----BEGIN CERTIFICATE-----\nMA\nEC\n-----END CERTIFICATE-----",
        ),
    ],
)
def test_equivalent_values_agree(label: str, value: str) -> None:
    assert differing(with_value(label, value)) == ([], [])


def test_a_former_label_is_known() -> None:
    found = document()
    values = found["forms"][0]["values"]
    former = "Enforce SAML Authentication for Mimecast Personal Portal *"
    values[former] = values.pop("Enforce SAML Authentication for Mimecast Web Apps")
    assert differing(found) == ([], [])


def test_a_certificate_is_shown_by_its_thumbprint() -> None:
    critical, _ = differing(with_value("Identity Provider Certificate (Metadata)", "MAED"))
    (said,) = critical
    assert (
        f"the console has the certificate {thumbprint_of('MAED')}, desired is the certificate {THUMBPRINT}"
        in said
    )


def test_console_values_cannot_control_a_terminal() -> None:
    critical, _ = differing(with_value("Login URL", "x\x1b[2J\n::error::y"))
    assert critical == ["Login URL: the console has x : :error::y, desired is value of loginUrl"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"secret": "hunter2"}', "is not what the bookmark"),
        (json.dumps(document(forms=[])), "holds no form"),
        (json.dumps(document(forms=[{"url": 1, "values": {}}])), "holds no form"),
        (
            json.dumps(document(forms=[{"url": "https://evil.example/", "values": {}}])),
            "not read in the Mimecast",
        ),
        (
            json.dumps(document(forms=[{"url": "https://mimecast.com.evil.example/", "values": {}}])),
            "not read in the",
        ),
        (json.dumps(document(readAt="yesterday")), "when it was read"),
        (json.dumps(document(readAt="2026-11-29T09:00:00")), "when it was read"),
        (" " * 1_000_001, "is too long"),
    ],
)
def test_other_files_are_refused_and_not_quoted(text: str, said: str) -> None:
    with pytest.raises(UnusableReadBackError) as refused:
        read_back.parse(text)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_forms_of_two_consoles_are_refused() -> None:
    found = document()
    found["forms"][1]["url"] = "https://login-us.mimecast.com/administration/"
    with pytest.raises(UnusableReadBackError, match="several consoles"):
        read_back.parse(json.dumps(found))


def test_read_is_between_claimed_and_proved() -> None:
    critical = attestation.fingerprints(FORM, THUMBPRINT).critical
    confirmed = {"fingerprint": critical, "at": "2026-11-29T09:00:00Z"}
    read = {"fingerprint": critical, "at": "2026-11-29T09:00:00Z"}
    sent = {"fingerprint": critical, "at": "2026-11-29T10:00:00Z", "differs": []}

    def state(**evidence: Any) -> str:
        return attestation.state(FORM, THUMBPRINT, confirmed, evidence)

    assert state() == "claimed"
    assert state(readBack=read) == "read"
    assert state(readBack=read | {"at": "2026-11-28T09:00:00Z"}) == "claimed"
    assert state(readBack=read | {"fingerprint": "v1:another"}) == "claimed"
    assert state(readBack=read, request=sent) == "proved"
    assert state(readBack=read, change={"at": "2026-11-29T11:00:00Z"}) == "stale"
    assert "read" in attestation.OPENS


def test_the_bookmarklet_holds_every_label_and_sends_nothing() -> None:
    script = read_back.bookmarklet()
    assert script.startswith("javascript:")
    assert '"' not in script
    for sends in ("fetch", "XMLHttpRequest", "sendBeacon", "WebSocket", "cookie", "localStorage"):
        assert sends not in script
