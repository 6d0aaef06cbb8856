"""Request a directory synchronisation at Mimecast and wait for it, with a limit and progress; writes nothing.

Mimecast runs it independently. An interrupted wait loses nothing: the next call finds the current run and waits for it,
or requests another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from mimecast_sso.facts.mimecast_api import SYNCHRONISATION_PAGE
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.terminal import say
from mimecast_sso.provenance import How, Known, Statement, Verdict, live, unknown
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count, people
from providers.mimecast.address_book import Listing
from providers.mimecast.client import MimecastClient
from providers.mimecast.directory_run import Connected, Progress, Step, connected, request_run, steps
from providers.mimecast.errors import MimecastError, RateLimited, TransportError

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0
_REMINDER = 60.0
"""Seconds between progress lines."""

_GRAIN = timedelta(seconds=2)
"""More than the second that Mimecast's times are truncated to."""

_UNCHANGED = "Nothing else was changed: the stack file and the roll-out group are as before."


@dataclass
class Clock:
    """The clock of a wait."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class _Waiting:
    """The state of a wait, and what it has printed."""

    client: MimecastClient
    before: Connected
    clock: Clock
    steps: tuple[Step, ...] = ()
    unread: str = ""
    said: dict[str, Progress] = field(default_factory=dict)

    def look(self) -> None:
        """Read the progress. A failed reading is retried until the time is up."""
        try:
            self.steps, self.unread = steps(self.client, self.before, self.steps), ""
        except (TransportError, RateLimited) as error:
            self.unread = " ".join(str(error).split())

    @property
    def is_over(self) -> bool:
        over = (Progress.ENDED, Progress.FAILED)
        return not self.unread and bool(self.steps) and all(each.progress in over for each in self.steps)

    def news(self) -> Iterator[str]:
        """Print a line for each connection with new progress."""
        for number, each in enumerate(self.steps):
            key = f"{number}"
            if self.said.get(key) is not each.progress and each.progress is not Progress.ASKED:
                self.said[key] = each.progress
                yield f"  {quoted(each.description)} {_in_words(each)}"


def synchronise(client: MimecastClient, minutes: float, clock: Clock | None = None) -> None:
    """Request a run of every enabled directory connection, and return once all have ended. Prints progress.

    Args:
        client: The client of the account.
        minutes: Maximum time to wait.
        clock: Measures time and sleeps.

    Raises:
        OperationError: It did not end in time (`Exit.PARTLY`), or a run failed.
        MimecastError: There is nothing to run, or Mimecast refuses it.
    """
    clock = clock or Clock()
    before = _settled(client, clock)
    names = enumerate_some([quoted(each.description) for each in before.connections])
    if before.running:
        say(
            f"A directory synchronisation is already under way: {enumerate_some(before.running)}. Waiting for that "
            "one. If somebody was added in Entra after it started, rerun this afterwards."
        )
    elif request_run(client, before):
        say(f"Asked Mimecast to synchronise {names}.")
    else:
        say(
            f"Asked Mimecast to synchronise {names}. Its response was lost; whether it applied the request is unknown, "
            "and the connections will show it."
        )
    waiting = _Waiting(client, before, clock)
    try:
        _wait(waiting, minutes * 60)
    except KeyboardInterrupt:
        say(f"Stopped waiting. The synchronisation continues at Mimecast. {_UNCHANGED}")
        raise
    failed = [each for each in waiting.steps if each.progress is Progress.FAILED]
    if failed:
        raise OperationError(
            f"The directory synchronisation failed: {_each_in_words(failed)}. {_UNCHANGED} Fix the connection in the "
            f"console ({SYNCHRONISATION_PAGE}) and rerun"
        )


def _settled(client: MimecastClient, clock: Clock) -> Connected:
    """The connections, once a run that ends now would have a later time than the last one (whole seconds)."""
    before = connected(client)
    just = [each for each in before.connections if each.last_sync and client.now() - each.last_sync < _GRAIN]
    if not just:
        return before
    clock.sleep(_GRAIN.total_seconds())
    return connected(client)


def _wait(waiting: _Waiting, seconds: float) -> None:
    clock = waiting.clock
    started, reminded, pause = clock.monotonic(), clock.monotonic(), _FIRST_PAUSE
    while True:
        waiting.look()
        for line in waiting.news():
            say(line)
        if waiting.is_over:
            return
        now = clock.monotonic()
        left = seconds - (now - started)
        if left <= 0:
            raise OperationError(_out_of_time(waiting, seconds), Exit.PARTLY)
        if now - reminded >= _REMINDER:
            reminded = now
            say(f"  still waiting, {count(round((now - started) / 60), 'minute')} so far")
        clock.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _out_of_time(waiting: _Waiting, seconds: float) -> str:
    minutes = f"{seconds / 60:g} {'minute' if seconds == 60 else 'minutes'}"  # noqa: PLR2004 (a minute)
    if waiting.unread:
        state = f"Mimecast could not be read: {waiting.unread}"
    else:
        open_ = [each for each in waiting.steps if each.progress not in (Progress.ENDED, Progress.FAILED)]
        state = _each_in_words(open_)
    return (
        f"After {minutes} the directory synchronisation had not ended, as far as Mimecast shows: {state}. It may "
        f"still be running at Mimecast. {_UNCHANGED} Rerun this to wait again, with a larger --wait if it takes longer"
    )


def _each_in_words(found: Iterable[Step]) -> str:
    return "; ".join(f"{quoted(each.description)} {_in_words(each)}" for each in found)


def _in_words(step: Step) -> str:
    match step.progress:
        case Progress.RUNNING:
            return "is running"
        case Progress.ENDED:
            return f"has run{f', at {shown(step.last_sync)}' if step.last_sync else ''}"
        case Progress.FAILED:
            return f"failed: {step.why}"
        case _:
            last = (
                f"its last run is still that of {shown(step.last_sync)}"
                if step.last_sync
                else "it has never run"
            )
            return f"has not started: {last}"


def absent(client: MimecastClient, addresses: Collection[str]) -> Iterator[Statement]:
    """Chosen people without an address at Mimecast after the run, who could not sign in."""
    found: Known[frozenset[str]]
    try:
        found = live(frozenset(addresses) - Listing(client).of(addresses).keys(), "Mimecast")
    except MimecastError as error:
        found = unknown(error)
    if found.value is None:
        yield Statement("whether they have addresses at Mimecast", How.UNKNOWN, found.source, Verdict.UNKNOWN)
    elif found.value:
        who = sorted(found.value)
        verb = "has" if len(who) == 1 else "have"
        yield found.states(
            f"{people(len(who))} of the roll-out {verb} no address at Mimecast after the synchronisation, and could "
            f"not sign in: {enumerate_some(who)}",
            Verdict.WARNS,
        )
