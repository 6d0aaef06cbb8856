"""Evidence from the first proof to a contradiction, with the commands that people type, on the sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mimecast_sso.facts.regions import REGIONS
from sandbox.browser import Browser
from tests.support.deployments import Deployments, due_for_a_pilot
from tests.support.projects import Project

ADA, GRACE = "ada@example.com", "grace@example.com"
GROUP = "Personal Portal single sign-on"


@pytest.fixture
def made(deployments: Deployments, tmp_path: Path) -> Iterator[Project]:
    with deployments.project(tmp_path, due_for_a_pilot) as fresh:
        yield fresh


def capture(made: Project, file: Path) -> str:
    """What a browser's recording holds after Ada's sign-in began: the request, and things nobody should keep."""
    browser = Browser(made.home)
    page = browser.submit(browser.open(REGIONS["eu"].sign_on_url).form("login"), {"emailAddress": ADA})
    form = page.form("saml-request")
    assert form is not None
    fields = [{"name": name, "value": value} for name, value in form.form_values()]
    request = {"method": "POST", "url": form.action, "postData": {"params": fields}}
    cookies = [{"name": "session", "value": "canary-cookie"}]
    file.write_text(json.dumps({"log": {"entries": [{"request": {**request, "cookies": cookies}}]}}))
    return str(file)


def in_group(made: Project) -> set[str]:
    return {member["who"] for member in made.control.documents("mimecast.members")}


def results(text: str) -> dict[str, str]:
    """Result by check, of the first line where there are several."""
    rows = (re.split(r" {2,}", line, maxsplit=2) for line in text.splitlines())
    found: dict[str, str] = {}
    for row in rows:
        if len(row) == 3:
            found.setdefault(row[1], row[0])
    return found


def state(text: str) -> str:
    """The profile's state in the outputs of a deployment, where a changed one stands after the old one."""
    lines = re.findall(r"^ *authenticationProfile\.state: (.+)$", text, flags=re.MULTILINE)
    assert lines, text
    return str(re.findall(r'"(\w+)"', lines[-1])[-1])


@pytest.mark.soak
def test_from_a_claim_to_a_proof_to_a_contradiction(made: Project, tmp_path: Path) -> None:
    nothing = made.sso("verify")
    assert (nothing.code, "due: nobody has confirmed" in nothing.text) == (0, True), nothing.text
    assert results(nothing.text)["sign-in from Mimecast (SP-initiated)"] == "waiting"
    sheet = (made.home / "run-sheet/sandbox.html").read_text()
    made.do_the_console_work()
    assert state(made.up().text) == "claimed"

    recording = capture(made, tmp_path / "sign-in.har")
    proved = made.sso("verify", "--saml-request", recording, "--by", ADA)
    assert proved.code == 0, proved.text
    assert re.search(r"^fine +authentication profile +proved: ", proved.text, re.MULTILINE)
    assert {what: result for what, result in results(proved.text).items() if "request" in what} == {
        "sign-in request: issuer": "fine",
        "sign-in request: destination": "fine",
        "sign-in request: reply URL": "fine",
        "sign-in request: contexts": "fine",
    }
    copy = made.written.read_text()
    assert "https://eu-api.mimecast.com/sso/CUK25A118" in copy
    assert "canary" not in copy
    assert state(made.up().text) == "proved"
    assert made.sso("preview").code == 0
    drift = made.sso("drift")
    assert (drift.code, "shows no change of profiles" in drift.text) == (0, True), drift.text

    # Somebody ticks a context in the console, as in a new profile.
    row = r'(data-field="passwordProtectedContext".*?<code>)not ticked'
    (tmp_path / "other.html").write_text(re.sub(row, r"\1ticked", sheet, flags=re.DOTALL))
    assert made.sandbox("administrator", str(tmp_path / "other.html")).code == 0
    drifted = made.sso("drift")
    assert drifted.code == 2, drifted.text
    assert "Existing Authentication Profile Changed, by administrator@example.com" in drifted.text

    stale = made.sso("verify")
    assert (stale.code, "stale: compare the console" in stale.text) == (2, True), stale.text
    made.configure(rollOut={"group": GROUP, "who": "pilot", "pilot": [ADA, GRACE]})
    up = made.up()
    assert (up.code, state(up.text)) == (0, "stale"), up.text
    assert "stale: console work is due" in up.text
    assert in_group(made) == {ADA}, "nobody is removed, and nobody is added"

    contradicted = made.sso("verify", "--saml-request", capture(made, tmp_path / "later.har"))
    assert contradicted.code == 2, contradicted.text
    assert results(contradicted.text)["sign-in request: contexts"] == "DIFFERS"
    assert "configured: none" in contradicted.text
    assert state(made.up().text) == "contradicted"
    assert in_group(made) == {ADA}
    again = (made.home / "run-sheet/sandbox.html").read_text()
    assert "authentication contexts urn:oasis" in again

    made.do_the_console_work()
    old = made.sso("verify", "--saml-request", recording)
    assert (old.code, "before the confirmation" in old.text) == (4, True), old.text
    assert state(made.up().text) == "claimed"
    assert in_group(made) == {ADA, GRACE}


def test_an_audit_log_that_cannot_be_read_is_unknown(made: Project) -> None:
    made.do_the_console_work()
    made.control.faults({"path": "/api/audit/.*", "status": 403, "times": 1000})
    unknown = made.sso("verify")
    assert unknown.code == 1, unknown.text
    assert "the audit log was not read [unknown: " in unknown.text
    assert re.search(r"Not checked: .*console since", unknown.text)
    assert "Account | Logs | Read" in unknown.text


def test_an_old_confirmation_holds_new_people(made: Project) -> None:
    # Later than the roll-out group: a confirmation from before that is about another one.
    made.control.set("clock.offset_seconds", 2 * 24 * 3600)
    made.do_the_console_work()
    written = made.home / "stacks/Pulumi.sandbox.written.json"
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    assert f'"at": "{day}T' in written.read_text(), "by Mimecast's clock, not by this machine's"
    made.control.set("clock.offset_seconds", None)
    assert made.up().code == 0
    written.write_text(re.sub(r'"at": "20\d\d-', '"at": "2001-', written.read_text()))
    made.configure(rollOut={"group": GROUP, "who": "all"})
    up = made.up()
    assert (up.code, state(up.text)) == (0, "stale"), up.text
    assert in_group(made) == {ADA}
    assert "the confirmation expired on 2002-" in (made.home / "run-sheet/sandbox.md").read_text()
