"""The result of the review of a change. Data only.

It contains no person's address except those that the change itself adds or removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mimecast_sso.assessment.planned import Planned
from mimecast_sso.operations.exit_codes import Exit, badness, worst


@dataclass(frozen=True, slots=True)
class PeopleByReason:
    """People who cannot sign in for one reason.

    Attributes:
        why: The reason, as a clause.
        people: Number of people.
        fix: The remedy.
        when: At which instant, as a clause.
    """

    why: str
    people: int
    fix: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal of a guard."""

    guard: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A kind of sign-in that failed while the change was rehearsed.

    Attributes:
        why: The message that the person read.
        people: Number of people.
        sign_ins: Number of sign-ins.
        first: Seconds between the start of the head's deployment and the first one; ``last`` likewise.
    """

    why: str
    people: int
    sign_ins: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A deployment of the head on a sandbox with the base deployed.

    Attributes:
        base: Number of people who signed in through Entra on the base, of ``base_of`` that Mimecast sent there.
        head: The same on the head, once every change is effective.
        refused: Why the head could not be deployed; "" if it was.
        lost: Failed sign-ins since the deployment of the head, of people who got in on the base.
        problem: Why there is no rehearsal; "" if there is one.
    """

    base: int = 0
    base_of: int = 0
    head: int = 0
    head_of: int = 0
    refused: str = ""
    lost: tuple[Lost, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StackReview:
    """The effect of a change on one stack.

    Attributes:
        now: Number of people who sign in through Entra now; ``None``: unknown. ``after``: once the change is effective.
        more: Number of new ones; ``less``: number of people who no longer do.
        lost: People who would lose their sign-in, or be sent to Entra and not get in.
        not_ready: People who would not get in once they are in the roll-out.
        broken: People who cannot sign in now; ``broken_tiles``: from My Apps alone.
        console: Fields of the console form that a person has to set, by profile; none: confirm it again.
        overridden: Guards that would refuse and are overridden, with reason and date.
        keys: Configuration keys that the change sets.
        added: Addresses that the change itself adds; ``removed`` likewise.
        unseen: Keys that the change concerns and only the engine reads, so that the review does not cover them.
        unknown: Unread facts that the review of the change does not need.
        unread: Whether live tenants were left unread (`Review.unread` says why).
        error: Why the stack could not be reviewed; "" if it was.
        plan: The digest of its plan.
        note: A further note, such as that its file is deleted.
    """

    stack: str
    account: str = ""
    region: str = ""
    now: int | None = None
    after: int | None = None
    more: int = 0
    less: int = 0
    lost: tuple[PeopleByReason, ...] = ()
    not_ready: tuple[PeopleByReason, ...] = ()
    broken: tuple[PeopleByReason, ...] = ()
    broken_tiles: tuple[PeopleByReason, ...] = ()
    console: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    overridden: tuple[str, ...] = ()
    changes: tuple[Planned, ...] = ()
    keys: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unread: bool = False
    error: str = ""
    plan: str = ""
    note: str = ""
    rehearsal: Rehearsal | None = None

    @property
    def exit(self) -> Exit:
        """1 unknown, 4 refused, 2 changes something or needs console work, else 0."""
        rehearsed = self.rehearsal
        if self.error:
            return Exit.ERROR
        if self.refusals or (rehearsed and (rehearsed.lost or rehearsed.refused)):
            return Exit.REFUSED
        if self.unread:
            return Exit.CHANGES if rehearsed and not rehearsed.problem else Exit.ERROR
        return Exit.CHANGES if self.changes or self.console or self.note or self.unseen else Exit.FINE

    @property
    def lost_people(self) -> int:
        """Number of people who would lose their sign-in."""
        return sum(each.people for each in self.lost)

    @property
    def console_fields(self) -> int:
        """Number of console fields to set."""
        return sum(map(len, self.console.values()))


@dataclass(frozen=True, slots=True)
class Review:
    """The effect of a change.

    Attributes:
        base: Name and commit of the base; ``head``: the commit with the change.
        at: When both tenants were read.
        identity: The identity that read them; "" if they were not read.
        code: Paths of changed code.
        unread: Why live tenants were not read; "" if they were.
    """

    base_name: str
    base: str
    head: str
    at: datetime
    stacks: tuple[StackReview, ...] = ()
    identity: str = ""
    code: tuple[str, ...] = ()
    unread: str = ""

    @property
    def exit(self) -> Exit:
        """The worst of its stacks."""
        return worst(each.exit for each in self.stacks)

    @property
    def ordered(self) -> tuple[StackReview, ...]:
        """The stacks, the worst first."""
        return tuple(sorted(self.stacks, key=lambda each: (badness(each.exit), each.stack)))
