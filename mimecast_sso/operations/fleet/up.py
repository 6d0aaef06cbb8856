"""Deploy many stacks ring by ring: when a run stops, waits for a person, and continues.

The run's folder has its terms (rings, digests), and for each stack the state before, the deployment's result, and its
row. A run that is killed at any point continues from these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import uuid4

from mimecast_sso.operations.fleet.deploy_one import Deployment
from mimecast_sso.operations.fleet.deploying import End, deploy, end_of
from mimecast_sso.operations.fleet.rings import Ring
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.fleet.work import HELD, Work
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.reports.model import Entry, Level, Section
from mimecast_sso.operations.stacks import Stacks
from mimecast_sso.provenance import How
from mimecast_sso.text.wording import count


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions of a run.

    Attributes:
        stop_after: Number of failed stacks after which no further one is started.
        hold: Whether to wait for a person before the next ring.
        jobs: Number of stacks at a time.
        seconds: Time limit for reading the tenants of one stack.
    """

    stop_after: int
    hold: bool
    jobs: int
    seconds: float


class Why(StrEnum):
    """Why a run ended."""

    DONE = "done"
    HELD = "held"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a run.

    Attributes:
        text: Why it ended, as a sentence.
        sections: The row of every stack, deployed or not.
    """

    why: Why
    text: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a run: what to deploy, and what was deployed.

    Attributes:
        expect: The digest of each stack's reviewed plan, if there was a review.
    """

    work: Work
    run_id: str
    rings: tuple[Ring, ...]
    expect: Mapping[str, str]

    @staticmethod
    def terms(rings: Sequence[Ring], expect: Mapping[str, str]) -> dict[str, object]:
        """The stored form of a new run, which `of` reads."""
        return {
            "id": uuid4().hex,
            "rings": [
                {"name": ring.name, "stacks": [each.document() for each in ring.stacks]} for ring in rings
            ],
            "expect": dict(expect),
        }

    @classmethod
    def of(cls, work: Work) -> Record:
        """The run stored in a folder. Raises KeyError or TypeError if it is not a run of deployments."""
        rings = (
            Ring(str(ring["name"]), tuple(map(Listed.of, ring["stacks"]))) for ring in work.terms["rings"]
        )
        return cls(work, str(work.terms["id"]), tuple(rings), work.terms["expect"])

    def deployed(self, stack: str) -> Section | None:
        """The row of a stack that was deployed without a lost sign-in."""
        section = self.work.row(stack)
        return section if section and end_of(section) is End.DEPLOYED else None

    def left_in(self, ring: Ring) -> list[Listed]:
        """The stacks of a ring that are not deployed yet."""
        return [each for each in ring.stacks if self.deployed(each.name) is None]

    @property
    def released(self) -> int:
        """The last released ring; 0 is the first."""
        found = (self.work.read(HELD, "") or {}).get("ring")
        return found if isinstance(found, int) else 0

    def hold(self, position: int) -> None:
        """Store that the run waits before a ring; continuing the run releases that ring."""
        self.work.write(HELD, "", {"ring": position})

    @property
    def stacks(self) -> tuple[Listed, ...]:
        """All stacks, ring by ring."""
        return tuple(each for ring in self.rings for each in ring.stacks)


def run(record: Record, terms: Terms, project: Project, say: Callable[[str], None]) -> Ended:
    """Deploy the stacks that are not deployed yet, ring by ring.

    Args:
        record: The run, new or continued.
        terms: Its conditions.
        project: The project of the stacks.
        say: Prints a line for each finished stack, and for each ring.

    Raises:
        OperationError: The sandbox is not running, or the run's folder cannot be written.
    """
    stacks = Stacks(project, [each.name for each in record.stacks])
    failures = 0
    released = record.released
    why, text = Why.DONE, ""
    for position, ring in enumerate(record.rings):
        todo = record.left_in(ring)
        if not todo:
            continue
        if terms.hold and position > released:
            record.hold(position)
            why, text = Why.HELD, f"Paused before ring {ring.name}, so that a person can read the report."
            break
        say(f"Ring {ring.name} ({position + 1} of {len(record.rings)}): {count(len(todo), 'stack')}")
        attempt = _Ring(record, terms, stacks, ring, say, failures)
        attempt.run(todo)
        failures = attempt.failures
        if attempt.reason:
            why, text = Why.STOPPED, f"Stopped in ring {ring.name}: {attempt.reason}."
            break
    return Ended(why, text or _at_the_end(record), tuple(_rows(record)))


def _at_the_end(record: Record) -> str:
    left = sum(len(record.left_in(ring)) for ring in record.rings)
    return f"{count(left, 'stack')} not deployed." if left else "Every stack is deployed."


def _rows(record: Record) -> Iterator[Section]:
    for ring in record.rings:
        for each in ring.stacks:
            section = record.work.row(each.name) or _waiting(each)
            yield replace(section, entries=(*section.entries, _of_ring(ring)))


def _of_ring(ring: Ring) -> Entry:
    return Entry("up/ring", Level.INFO, f"Ring {ring.name}", How.CONFIGURED)


def _waiting(stack: Listed) -> Section:
    entry = Entry("up/not-started", Level.LOOK, "Its deployment has not started", How.CONFIGURED)
    return Section(stack.name, stack.account, stack.region, "not started", (entry,))


@dataclass(slots=True)
class _Ring:
    """One ring of a run. ``reason``: why the run stops here; "" if it does not."""

    record: Record
    terms: Terms
    stacks: Stacks
    ring: Ring
    say: Callable[[str], None]
    failures: int
    reason: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, todo: Sequence[Listed]) -> None:
        """Deploy its stacks; retry locked ones at the end."""
        ends = self._deploy(todo)
        locked = [each for each in todo if ends.get(each.name) is End.LOCKED]
        if locked and not self.reason:
            ends |= self._deploy(locked)
        still = [each for each in locked if ends[each.name] is End.LOCKED]
        self.failures += len(still)
        if still and self.failures >= self.terms.stop_after and not self.reason:
            self.reason = f"{count(len(still), 'stack')} locked by another deployment"

    def _deploy(self, todo: Sequence[Listed]) -> dict[str, End]:
        ends: dict[str, End] = {}
        with ThreadPoolExecutor(max_workers=self.terms.jobs, thread_name_prefix="ring") as pool:
            running = {pool.submit(self._one, each): each.name for each in todo}
            try:
                for done in as_completed(running):
                    end = done.result()
                    if end is not None:
                        ends[running[done]] = end
            except BaseException:
                # Ctrl-C: running deployments finish, as a single up does; no other starts.
                self.reason = self.reason or "it was interrupted"
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return ends

    def _one(self, listed: Listed) -> End | None:
        if self.reason:
            return None
        deployment = Deployment(self.record.work, listed.name, self.record.run_id)
        expect = self.record.expect.get(listed.name, "")
        section = deploy(
            listed, self.stacks, deployment,
            seconds=self.terms.seconds, expect=expect, stopped=lambda: bool(self.reason),
        )  # fmt: skip
        if section is None:
            return None
        # Stored here, because the waiting thread may have been interrupted.
        self.record.work.keep(section)
        end = end_of(section)
        with self._lock:
            self.say(f"{self.ring.name}: {listed.name}: {section.summary}")
            self._judge(listed, end)
        return end

    def _judge(self, listed: Listed, end: End) -> None:
        if end is End.LOST:
            self.reason = f"people lost their sign-in in {listed.name}"
        elif end is End.FAILED:
            self.failures += 1
            if self.failures >= self.terms.stop_after:
                self.reason = self.reason or f"{count(self.failures, 'stack')} failed"
