"""Sign-ins that a rehearsal counts as lost, and where it refuses to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.operations.change.scope import ChangeScope
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.review import comment
from mimecast_sso.operations.review.model import Lost, Rehearsal
from mimecast_sso.operations.review.rehearsal import CREDENTIALS, lost, recorded_people, rehearse, why_not
from mimecast_sso.settings import from_values
from tests.assessment.worlds import attested, deployed, values
from tests.support.reviews import review, stack

ADA, GRACE = "ada@example.com", "grace@example.com"
REFUSED = f"AADSTS50105: {ADA} is not assigned to 'Mimecast Personal Portal'"
CODE = ChangeScope("b", "h", "s", ("prod-eu",), ("__main__.py",))
DATA = ChangeScope("b", "h", "s", ("prod-eu",), ())
SANDBOX = ChangeScope("b", "h", "s", ("prod-eu",), (), beside=("sandbox/server.py",))


def attempt(address: str, result: str, at: float, reason: str = "") -> dict[str, Any]:
    return {"address": address, "result": result, "reason": reason, "began": at, "ended": at + 0.5}


BEFORE = [attempt(ADA, "entra", 1), attempt(GRACE, "entra", 1)]


def test_refused_sign_ins_of_people_who_got_in_are_lost_by_what_they_read() -> None:
    later = [
        attempt(ADA, "refused", 12, REFUSED),
        attempt(GRACE, "refused", 13, REFUSED.replace(ADA, GRACE)),
        attempt(ADA, "refused", 14, REFUSED),
        attempt(ADA, "entra", 15),
        attempt(GRACE, "entra", 16),
    ]
    assert list(lost(later, BEFORE, 10)) == [
        Lost("AADSTS50105: \u2026 is not assigned to \u2026", people=2, sign_ins=3, first=2.0, last=4.5)
    ]


@pytest.mark.parametrize(
    "later",
    [
        [attempt(ADA, "refused", 5, REFUSED)],
        [attempt("alan@example.com", "refused", 12, REFUSED)],
        [attempt(ADA, "no response", 12, "ConnectTimeout")],
        [attempt(ADA, "refused", 12, REFUSED), attempt(ADA, "password", 13)],
        [attempt(ADA, "password", 12)],
    ],
    ids=["before it began", "who did not get in before", "the sandbox itself", "leaving meanwhile", "left"],
)
def test_other_failed_attempts_are_no_lost_sign_ins(later: list[dict[str, Any]]) -> None:
    assert list(lost(later, BEFORE, 10)) == []


def test_a_person_who_left_and_is_refused_again_and_again_is_lost() -> None:
    later = [attempt(ADA, "refused", at, REFUSED) for at in (12, 13, 14)] + [attempt(ADA, "password", 15)]
    assert [each.sign_ins for each in lost(later, BEFORE, 10)] == [2]


def test_code_is_not_rehearsed_where_a_credential_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_INSTANCE", raising=False)
    monkeypatch.setenv("MIMECAST_CLIENT_SECRET", "x")
    problem = why_not(CODE, approved=False)
    assert "where MIMECAST_CLIENT_SECRET can be read" in problem
    assert why_not(SANDBOX, approved=False) == problem, "a rehearsal runs the head's sandbox"
    assert why_not(CODE, approved=True) == ""
    assert why_not(DATA, approved=False) == ""
    (found,) = rehearse(
        None,  # type: ignore[arg-type]
        CODE,
        (None, None),  # type: ignore[arg-type]
        [stack("prod-eu", unread=True)],
        recorded={},
        problem=problem,
    )
    assert found.rehearsal == Rehearsal(problem=problem)
    assert found.exit == 1


def test_people_of_the_last_deployment_are_read_from_an_exported_state(tmp_path: Path) -> None:
    record = deployed(from_values(attested(values())), members=frozenset({GRACE, "@example.org"}))
    resources = [{"urn": each.urn, "type": each.type, "outputs": each.outputs} for each in record.resources]
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}))
    assert recorded_people(file) == {ADA, GRACE}
    file.write_bytes(file.read_text().encode("utf-16"))  # As PowerShell's > writes it.
    assert recorded_people(file) == {ADA, GRACE}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"deployment": null}'])
def test_a_file_that_is_not_an_exported_state_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(content)
    with pytest.raises(OperationError, match="is not an exported state"):
        recorded_people(file)


def test_without_credentials_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SANDBOX_INSTANCE", *CREDENTIALS):
        monkeypatch.delenv(name, raising=False)
    assert why_not(CODE, approved=False) == ""
    assert why_not(SANDBOX, approved=False) == ""


def test_its_row_and_its_table() -> None:
    fine = Rehearsal(base=1, base_of=1, head=207, head_of=214)
    text = comment.render(review(stack("prod-eu", unread=True, rehearsal=fine)))
    assert "base 1 of 1 signs in; head 207 of 214. While it takes effect: no sign-in lost." in text
    assert "\u26a0\ufe0f rehearsed only |" in text
    assert "### Single sign-on: 1 stack rehearsed, 0 sign-ins lost" in text
    assert "<b>prod-eu</b>: rehearsed only</summary>" in text
    bad = Rehearsal(2, 2, 0, 2, lost=(Lost("AADSTS50105 @x", 2, 31, 1.25, 9.0),))
    found = review(stack("prod-eu", unread=True, rehearsal=bad))
    assert found.exit == 4
    assert "1 stack rehearsed, 31 sign-ins lost" in comment.render(found)
    assert "| AADSTS50105 &#64;&#8203;x | 2 | 31 | 1.2 \u2026 9.0 |" in comment.render(found)
    refused = Rehearsal(2, 2, 2, 2, refused="Refused by guard administrators: nobody would be left")
    assert review(stack("prod-eu", rehearsal=refused)).exit == 4
