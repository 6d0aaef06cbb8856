"""Waiting for a directory synchronisation, by what Mimecast's connections show. No network, no time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.synchronising import Clock, absent, synchronise
from mimecast_sso.provenance import Verdict
from providers.mimecast.errors import Forbidden, IntegrationUnusable, MimecastError
from tests.providers.vendor import LOST, Adapter, Reply, Time, client, legacy, refused

EXECUTE, READ = "/api/directory/execute-sync", "/api/directory/get-connection"
REQUEST = "/directory/cloud-gateway/v1/integrations/sync-requests"
BEFORE, AFTER = "2026-11-22T06:00:00+0000", "2026-11-22T09:00:00+0000"
STARTED = legacy({"type": "AZURE_ACTIVE_DIRECTORY", "syncStatus": "started"})


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "eN1",
        "description": "Entra",
        "enabled": True,
        "status": "ok",
        "lastSync": BEFORE,
        "syncRunning": False,
    } | changes


IDLE, RUNNING, DONE = row(), row(syncRunning=True), row(lastSync=AFTER)


class Account:
    """What the connections show, reading by reading; the last one stays."""

    def __init__(self, *readings: Reply | list[dict[str, Any]], asked: Reply = STARTED) -> None:
        self._readings: Iterator[Reply | list[dict[str, Any]]] = iter(readings)
        self._now: Reply | list[dict[str, Any]] = []
        self._asked = asked
        self.time = Time()
        self.adapter = Adapter(self._respond)

    def _respond(self, path: str, _: Any) -> Reply:
        if path == EXECUTE:
            return self._asked
        if path == REQUEST:
            return Reply(None, 204)
        self._now = next(self._readings, self._now)
        return legacy(*self._now) if isinstance(self._now, list) else self._now

    def synchronise(self, minutes: float = 30) -> None:
        clock = Clock(lambda: self.time.now, self.time.sleep)
        synchronise(client(self.adapter), minutes, clock)

    @property
    def requests(self) -> list[str]:
        return [each for each in self.adapter.paths if each in (EXECUTE, REQUEST)]


def test_it_requests_once_and_reports_progress(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account([IDLE], [IDLE], [RUNNING], [RUNNING], [DONE])
    account.synchronise()
    assert account.requests == [EXECUTE]
    assert capsys.readouterr().out.splitlines() == [
        'Asked Mimecast to synchronise "Entra".',
        '  "Entra" is running',
        '  "Entra" has run, at 2026-11-22 09:00:00Z',
    ]


def test_every_enabled_connection_is_waited_for() -> None:
    other, disabled = row(description="Second", id="eN2"), row(description="Off", enabled=False)
    account = Account(
        [IDLE, other, disabled],
        [DONE, other, disabled],
        [DONE, other | {"lastSync": AFTER}, disabled],
    )
    account.synchronise()
    assert len(account.time.slept) == 1, "after the first look only the second was open"


def test_of_two_with_one_description_each_is_waited_for() -> None:
    account = Account([IDLE, IDLE], [DONE, IDLE], [DONE, DONE])
    account.synchronise()
    assert len(account.time.slept) == 1


def test_a_lost_response_is_settled_by_what_the_connections_show(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account([IDLE], [RUNNING], [DONE], asked=Reply(None, 504))
    account.synchronise()
    assert account.requests == [EXECUTE], "never repeated"
    assert "Asked Mimecast to synchronise" in capsys.readouterr().out

    unread = Account([IDLE], refused(503, ""), asked=Reply(None, 504))
    with pytest.raises(OperationError, match="Mimecast could not be read"):
        unread.synchronise(minutes=1)
    assert unread.requests == [EXECUTE]
    capsys.readouterr()

    late = Account([IDLE], [IDLE], [IDLE], [RUNNING], [DONE], asked=Reply(error=LOST))
    late.synchronise()
    assert late.requests == [EXECUTE]
    assert "Its response was lost; whether it applied the request is unknown" in capsys.readouterr().out


def test_a_running_synchronisation_is_awaited_instead_of_requesting_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    account = Account([RUNNING], [RUNNING], [IDLE])
    account.synchronise()
    assert account.requests == []
    assert "already under way: Entra. Waiting for that one" in capsys.readouterr().out


def test_a_run_that_ended_this_second_is_told_from_the_next_one() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    just = row(lastSync=now.isoformat())
    account = Account([just], [just], [just], [row(lastSync=(now + timedelta(seconds=2)).isoformat())])
    account.synchronise()
    assert account.time.slept[0] == 2, "before it asked"
    assert account.adapter.paths.index(EXECUTE) == 2, "after it had looked twice"


@pytest.mark.parametrize(
    ("readings", "state"),
    [
        (([IDLE],), '"Entra" has not started: its last run is still that of 2026-11-22 06:00:00Z'),
        (([row(lastSync=None)],), '"Entra" has not started: it has never run'),
        (([IDLE], [RUNNING]), '"Entra" is running'),
    ],
)
def test_it_ends_in_time_and_says_what_is_known(
    readings: tuple[list[dict[str, Any]], ...], state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account(*readings)
    with pytest.raises(OperationError) as caught:
        account.synchronise(minutes=5)
    text = str(caught.value)
    assert caught.value.code is Exit.PARTLY
    assert (
        f"After 5 minutes the directory synchronisation had not ended, as far as Mimecast shows: {state}"
        in text
    )
    assert "Nothing else was changed" in text
    assert sum(account.time.slept) == pytest.approx(300)
    assert capsys.readouterr().out.count("still waiting") == 4


def test_what_cannot_be_read_for_a_moment_ends_nothing() -> None:
    broken = refused(503, "")
    account = Account([IDLE], broken, broken, broken, broken, [DONE])
    account.synchronise()

    gone = Account([IDLE], broken)
    with pytest.raises(OperationError, match="Mimecast could not be read: ") as caught:
        gone.synchronise(minutes=1)
    assert caught.value.code is Exit.PARTLY


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        (([IDLE], [RUNNING], [row(status="auth_failed")]), "failed: its status at Mimecast is auth_failed"),
        (([IDLE], [row(status="error", lastSync=AFTER)]), "failed: its status at Mimecast is error"),
        (([IDLE], []), "failed: Mimecast no longer has it"),
    ],
)
def test_a_run_that_failed_is_no_success(readings: tuple[list[dict[str, Any]], ...], why: str) -> None:
    with pytest.raises(OperationError, match=why) as caught:
        Account(*readings).synchronise()
    assert caught.value.code is Exit.ERROR
    assert "Nothing else was changed" in str(caught.value)


def test_a_connection_that_had_a_problem_before_may_still_recover() -> None:
    Account([row(status="error")], [row(status="error")], [DONE]).synchronise()


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([], "the account has no directory connection"),
        ([row(enabled=False)], "all directory connections are disabled"),
    ],
)
def test_without_a_connection_nothing_is_asked(found: list[dict[str, Any]], why: str) -> None:
    account = Account(found)
    with pytest.raises(IntegrationUnusable, match=why):
        account.synchronise()
    assert account.requests == []


def test_the_other_api_family_is_used_if_the_first_is_refused() -> None:
    account = Account([IDLE], [DONE], asked=refused(403, "app_forbidden"))
    account.synchronise()
    assert account.requests == [EXECUTE, REQUEST]


def test_a_refusal_is_an_error_and_nothing_is_waited_for() -> None:
    account = Account([IDLE], asked=refused(400, "err_x"))
    with pytest.raises(MimecastError):
        account.synchronise()
    assert account.time.slept == []
    with pytest.raises(Forbidden):
        Account(refused(403, "app_forbidden")).synchronise()


def test_interrupting_it_reports_that_the_run_continues(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account([IDLE], [RUNNING])

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synchronise(client(account.adapter), 30, Clock(sleep=interrupted))
    assert "Stopped waiting. The synchronisation continues at Mimecast." in capsys.readouterr().out


def test_people_still_without_an_address_are_named() -> None:
    def addresses(path: str, _: Any) -> Reply:
        users = [{"emailAddress": "ada@example.com", "name": "Ada", "source": "ldap"}]
        return legacy({"users": users}) if path == "/api/user/get-internal-users" else refused(500, "x")

    def said(respond: Callable[[str, Any], Reply], *people: str) -> list[tuple[Verdict, str]]:
        return [(each.verdict, each.text) for each in absent(client(Adapter(respond)), people)]

    assert said(addresses, "ada@example.com") == []
    ((verdict, text),) = said(addresses, "ada@example.com", "grace@example.com")
    assert verdict is Verdict.WARNS
    assert text.startswith("1 person of the roll-out has no address at Mimecast after the synchronisation")
    assert text.endswith("grace@example.com")
    ((verdict, _),) = said(lambda *_: refused(403, "app_forbidden"), "ada@example.com")
    assert verdict is Verdict.UNKNOWN
