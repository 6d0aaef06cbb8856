"""The two logs, joined person by person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.verify import sign_ins
from mimecast_sso.operations.verify.confirmation import Log
from mimecast_sso.provenance import How, Statement, Verdict, not_checked
from providers.entra import sign_ins as entra_sign_ins
from providers.entra.errors import Refused
from providers.entra.sign_ins import SignIn
from providers.mimecast.audit import Events, LogOn

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR_AGO = NOW - timedelta(hours=1)
ADA, GRACE = "ada@example.com", "grace@example.com"


def issued(at: datetime, who: str = ADA, error: int = 0) -> SignIn:
    return SignIn(at, f"id-{who}", who, error, "")


def log_on(at: datetime, who: str = ADA, *, succeeded: bool = True) -> LogOn:
    return LogOn(at, who, succeeded, "Reason: no such person" if not succeeded else "Method: SAML")


def joined(entra: list[SignIn], mimecast: list[LogOn], **addresses: str) -> dict[str, Verdict]:
    return {person.address: person.verdict for person in sign_ins.join(entra, mimecast, addresses, NOW)}


def test_a_log_on_right_after_the_assertion_proves_it() -> None:
    after = HOUR_AGO + timedelta(seconds=3)
    assert joined([issued(HOUR_AGO)], [log_on(after)]) == {ADA: Verdict.FINE}
    assert joined([issued(HOUR_AGO)], [log_on(HOUR_AGO - timedelta(seconds=40))]) == {ADA: Verdict.FINE}


@pytest.mark.parametrize(
    "mimecast",
    [
        [],
        [log_on(HOUR_AGO + timedelta(seconds=2), succeeded=False)],
        [log_on(HOUR_AGO + timedelta(minutes=40))],
        [log_on(HOUR_AGO - timedelta(minutes=30))],
        [log_on(HOUR_AGO, GRACE)],
    ],
)
def test_an_assertion_without_a_log_on_is_issued_and_not_accepted(mimecast: list[LogOn]) -> None:
    (person,) = sign_ins.join([issued(HOUR_AGO)], mimecast, {}, NOW)
    assert (person.verdict, "not accepted by Mimecast" in person.text) == (Verdict.FAILS, True)


def test_a_fresh_one_is_waited_for_unless_mimecast_refused_it() -> None:
    just_now = NOW - timedelta(minutes=2)
    assert joined([issued(just_now)], []) == {ADA: Verdict.WAITING}
    refused = [log_on(just_now, succeeded=False)]
    assert joined([issued(just_now)], refused) == {ADA: Verdict.FAILS}


def test_the_last_sign_in_counts() -> None:
    later = HOUR_AGO + timedelta(minutes=30)
    assert joined([issued(HOUR_AGO), issued(later)], [log_on(HOUR_AGO)]) == {ADA: Verdict.FAILS}
    assert joined([issued(HOUR_AGO), issued(later)], [log_on(later)]) == {ADA: Verdict.FINE}


def test_people_are_joined_by_the_address_that_mimecast_is_told() -> None:
    entra = [SignIn(HOUR_AGO, "id-1", "ada@contoso.onmicrosoft.com", 0, "")]
    found = sign_ins.join(entra, [log_on(HOUR_AGO)], {"id-1": ADA}, NOW)
    assert [(person.address, person.verdict) for person in found] == [(ADA, Verdict.FINE)]


def test_entras_refusals_count_when_they_are_configuration() -> None:
    assert joined([issued(HOUR_AGO, error=50126)], []) == {}, "a wrong password tells nothing"
    (person,) = sign_ins.join([issued(HOUR_AGO, error=50105)], [], {}, NOW)
    assert (person.verdict, "AADSTS50105" in person.text) == (Verdict.FAILS, True)


class Graph:
    """Responds as Graph would."""

    def __init__(self, rows: list[dict[str, Any]] | Refused) -> None:
        self._rows = rows
        self.filters: list[str] = []

    def list(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        self.filters.append(query["filter"])
        if isinstance(self._rows, Refused):
            raise self._rows
        return iter(self._rows if path == "/auditLogs/signIns" else [])

    def now(self) -> datetime:
        return NOW


def checked(graph: Graph, log: Log, *members: str) -> list[Statement]:
    return list(sign_ins.check(graph, "client", HOUR_AGO, log, members))  # type: ignore[arg-type]


def row(at: str, who: str = ADA) -> dict[str, Any]:
    return {"createdDateTime": at, "userId": "1", "userPrincipalName": who, "status": {"errorCode": 0}}


def test_the_summary_names_who_was_not_seen_yet() -> None:
    graph = Graph([row("2026-11-22T11:30:00.1234567Z")])
    log = Log(Events((), (log_on(datetime(2026, 11, 22, 11, 30, 2, tzinfo=UTC)),)))
    (summary,) = checked(graph, log, ADA, GRACE)
    assert summary.verdict is Verdict.FINE
    assert summary.text == f"1 proved ({ADA}), 1 without a sign-in yet ({GRACE})"
    assert graph.filters[0] == "appId eq 'client' and createdDateTime ge 2026-11-22T11:00:00Z"
    (nobody,) = checked(Graph([]), log, ADA)
    assert (nobody.verdict, exit_of([nobody])) == (Verdict.WAITING, 0)


def test_nobody_is_said_to_have_no_sign_in_where_the_log_does_not_go_back_that_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log(Events((), (log_on(datetime(2026, 11, 22, 11, 30, 2, tzinfo=UTC)),)))
    graph, half_a_year_ago = Graph([row("2026-11-22T11:30:00Z")]), NOW - timedelta(days=180)
    (summary,) = sign_ins.check(graph, "client", half_a_year_ago, log, (ADA, GRACE))  # type: ignore[arg-type]
    assert summary.text == (
        f"1 proved ({ADA}), 1 without a sign-in since 2026-10-23 12:00:00Z; Entra keeps its log for 30 days ({GRACE})"
    )
    monkeypatch.setattr(entra_sign_ins, "MOST", 1)
    (summary,) = checked(
        Graph([row("2026-11-22T11:30:00Z"), row("2026-11-22T11:20:00Z", GRACE)]), log, ADA, GRACE
    )
    assert summary.text == (
        f"1 proved ({ADA}), 1 without a sign-in since 2026-11-22 11:30:00Z; only the newest 1 entries were read "
        f"({GRACE})"
    )


def test_each_person_who_fails_has_a_line() -> None:
    found = checked(Graph([row("2026-11-22T11:30:00Z")]), Log(Events((), ())), ADA)
    assert [check.verdict for check in found] == [Verdict.FAILS, Verdict.FAILS]
    assert (
        "issued by Entra at 2026-11-22T11:30:00Z, not accepted by Mimecast: no log-on followed"
        in found[1].text
    )
    assert exit_of(found) == 2


@pytest.mark.parametrize(
    ("code_", "said", "ends"),
    [
        ("Authentication_RequestFromNonPremiumTenantOrB2CTenant", "P1 licence", 0),
        ("Authentication_MSGraphPermissionMissing", "AuditLog.Read.All", 0),
        ("UnknownError", "was not read", 1),
    ],
)
def test_a_log_that_cannot_be_read_says_why_and_is_never_fine(code_: str, said: str, ends: int) -> None:
    found = checked(Graph(Refused("no", code=code_)), Log(Events((), ())))
    assert said in str(found[0])
    assert found[0].how is How.UNKNOWN
    assert exit_of(found) == ends
    assert list(not_checked(found))[-1] == "Not checked: sign-ins since 2026-11-22T11:00:00Z."
    assert exit_of(checked(Graph([]), Log(None, "no permission"))) == 1
