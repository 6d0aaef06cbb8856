"""Finding Mimecast's sign-in request in people's captures, and checking it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.console.attestation import Fingerprints
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.verify.captures import Captured, captured
from mimecast_sso.operations.verify.sign_in_request import compare
from mimecast_sso.saml import authn_request
from mimecast_sso.saml.authn_request import AuthnRequest
from mimecast_sso.saml.names import CONTEXT_PASSWORD_PROTECTED
from mimecast_sso.settings import ProfileSlot, from_values
from mimecast_sso.text.times import utc_text

LOGIN = "https://login.microsoftonline.com/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/saml2"
REQUEST = AuthnRequest(
    id="_1",
    issue_instant=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    destination=LOGIN,
    issuer="https://eu-api.mimecast.com/sso/CUK25A118",
    assertion_consumer_service_url="https://eu-api.mimecast.com/login/saml",
)
POSTED = authn_request.build(REQUEST)
REDIRECTED = f"{LOGIN}?{urlencode({'SAMLRequest': authn_request.build(REQUEST, binding='redirect')})}"
CANARY = "canary-cookie-and-assertion"
SETTINGS = from_values(
    {
        "region": "eu",
        "accountCode": "CUK25A118",
        "certificates": {"generations": [{"label": "a", "endDate": "2029-11-01T00:00:00Z"}], "active": "a"},
    }
)
PROFILE = RecordedProfile(
    slot=ProfileSlot.FIRST,
    form={"loginUrl": LOGIN, "passwordProtectedContext": False, "integratedAuthenticationContext": False},
    thumbprint="",
    fingerprints=Fingerprints("v1:a", "v1:b"),
    state="claimed",
    previous=None,
    confirmed=None,
    evidence=None,
)


def har(*requests: dict[str, Any]) -> str:
    secrets = {"headers": [{"name": "Cookie", "value": CANARY}], "cookies": [{"name": "c", "value": CANARY}]}
    response = {"postData": {"text": f"SAMLResponse={CANARY}"}, "method": "POST", "url": "https://x.example/"}
    entries = [{"request": {**secrets, **request}} for request in (*requests, response)]
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def posted(value: str = POSTED, *, as_text: bool = False) -> dict[str, Any]:
    form = {"SAMLRequest": value, "RelayState": CANARY}
    fields = [{"name": name, "value": each} for name, each in form.items()]
    data = {"text": urlencode(form)} if as_text else {"params": fields}
    return {"method": "POST", "url": f"{LOGIN}?client=x", "postData": data}


@pytest.mark.parametrize(
    "given",
    [
        REDIRECTED,
        POSTED,
        f"  {POSTED[:80]}\n{POSTED[80:]}  ",
        urlencode({"SAMLRequest": POSTED, "RelayState": "x"}),
        har({"method": "GET", "url": "https://x.example/"}, posted()),
        har(posted(as_text=True)),
        har(posted(POSTED.replace("+", "%2B").replace("=", "%3D"))),
        har({"method": "GET", "url": REDIRECTED}),
    ],
)
@pytest.mark.parametrize("as_file", [False, True])
def test_the_request_is_found_and_nothing_else_is_kept(given: str, as_file: bool, tmp_path: Path) -> None:
    if as_file:
        (tmp_path / "capture").write_text(given)
    found = captured(str(tmp_path / "capture") if as_file else given)
    assert found.request == REQUEST
    assert found.sent_to in (None, LOGIN)
    assert CANARY not in repr(found)


def test_the_last_request_of_a_recording_counts() -> None:
    other = authn_request.build(AuthnRequest("_0", REQUEST.issue_instant, None, "https://other.example/"))
    assert captured(har(posted(other), posted())).request == REQUEST


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "a SAML sign-in request"),
        (f"not base64, {CANARY}", "a SAML sign-in request"),
        ("https://login.microsoftonline.com/x/saml2?a=b", "no SAMLRequest parameter"),
        (" ", "An empty text is not"),
        ("https://[::1/?SAMLRequest=x", "The URL is malformed"),
        ('{"log": []}', "not a browser's HAR file"),
        ("{", "not a browser's HAR file"),
        (har(), "no SAMLRequest in its 1 request"),
        ("PCFET0NUWVBFIGEgWzwhRU5USVRZIGIgImMiPl0+PGEvPg==", "document type"),
        ("A" * 5000, "a SAML sign-in request"),
        ("nosuch.har", "nosuch.har does not exist"),
        ("/nowhere/recording", "/nowhere/recording does not exist"),
        ("~/recording", "~/recording does not exist"),
        ("/", "/ is a folder"),
        ("{" * 100_000, "not a browser's HAR file"),
    ],
)
def test_an_invalid_request_is_explained_and_not_quoted(given: str, said: str) -> None:
    with pytest.raises(OperationError, match=said) as refused:
        captured(given)
    assert CANARY not in str(refused.value)


def test_a_request_as_configured_agrees_in_every_aspect() -> None:
    assert [row.agrees for row in compare(SETTINGS, PROFILE, Captured(REQUEST, None))] == [True] * 4


@pytest.mark.parametrize(("minutes", "agrees"), [(14, None), (15, False)])
def test_a_request_contradicts_a_form_that_does_not_enforce_saml(minutes: int, agrees: bool | None) -> None:
    """Somebody confirmed it without saving it; soon after that Mimecast may act on the form before."""
    since = utc_text(REQUEST.issue_instant - timedelta(minutes=minutes))
    off = replace(
        PROFILE,
        form={**PROFILE.form, "enforcePersonalPortal": False},
        state="claimed",
        confirmed={"at": since},
    )
    *_, row = compare(SETTINGS, off, Captured(REQUEST, None))
    assert (row.aspect, row.agrees) == ("enforcement", agrees)
    assert len(compare(SETTINGS, replace(off, state="due"), Captured(REQUEST, None))) == 4


def test_each_difference_is_named_and_what_is_left_open_is_not_one() -> None:
    odd = AuthnRequest(
        id="_2",
        issue_instant=REQUEST.issue_instant,
        destination=None,
        issuer="eu-api.mimecast.com.CUK25A118",
        requested_authn_contexts=(CONTEXT_PASSWORD_PROTECTED,),
    )
    rows = {row.aspect: row for row in compare(SETTINGS, PROFILE, Captured(odd, None))}
    assert {aspect: row.agrees for aspect, row in rows.items()} == {
        "issuer": False,
        "destination": None,
        "replyUrl": None,
        "contexts": False,
    }
    assert (rows["contexts"].desired, rows["contexts"].sent) == ("none", CONTEXT_PASSWORD_PROTECTED)
    # Where the browser went counts where the request itself says nothing.
    sent = compare(SETTINGS, PROFILE, Captured(odd, "https://login.example/saml2"))
    assert {row.aspect: row.agrees for row in sent}["destination"] is False
