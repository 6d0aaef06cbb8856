"""What the review of a change found. Data only.

No person's address is in it but those that the change itself adds or removes.
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
        people: How many.
        fix: What to do about it.
        when: At which instant, as a clause.
    """

    why: str
    people: int
    fix: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a guard refuses."""

    guard: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A kind of sign-in that failed while the change was rehearsed.

    Attributes:
        why: What the person read.
        people: How many people.
        sign_ins: How many sign-ins.
        first: Seconds after the deployment of the head began; ``last`` likewise.
    """

    why: str
    people: int
    sign_ins: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A deployment of the head on a sandbox that holds the base.

    Attributes:
        base: How many people signed in through Entra on the base, of ``base_of`` whom Mimecast sent there.
        head: The same on the head, once everything counts.
        refused: Why the head could not be deployed; "" where it was.
        lost: Sign-ins that failed from the deployment of the head on, of people who got in on the base.
        problem: Why there is no rehearsal; "" where there is one.
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
    """What a change does to one stack.

    Attributes:
        now: How many people sign in through Entra now; ``None``: not known. ``after``: once the change counts.
        more: How many of them are new; ``less``: how many no longer do.
        lost: Who would lose their sign-in, or be sent to Entra and not get in.
        not_ready: Who would not get in once console work lets them into the roll-out.
        broken: Who cannot sign in now.
        console: Fields of the console form that a person has to set, by profile; none: confirm it again.
        overridden: Guards that would refuse and are overridden, with reason and date.
        keys: Configuration keys that the change sets.
        added: Addresses that the change itself adds; ``removed`` likewise.
        unknown: What could not be read, and is not needed to judge the change.
        unread: Whether live tenants were not to be read (`Review.unread` says why).
        error: Why the stack could not be reviewed; "" where it was.
        plan: The digest of its plan.
        note: What else there is to know, such as that its file is deleted.
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
    console: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    overridden: tuple[str, ...] = ()
    changes: tuple[Planned, ...] = ()
    keys: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unread: bool = False
    error: str = ""
    plan: str = ""
    note: str = ""
    rehearsal: Rehearsal | None = None

    @property
    def exit(self) -> Exit:
        """1 not known, 4 cannot be deployed, 2 changes something or needs a person, else 0."""
        rehearsed = self.rehearsal
        if self.error:
            return Exit.ERROR
        if self.refusals or (rehearsed and (rehearsed.lost or rehearsed.refused)):
            return Exit.REFUSED
        if self.unread:
            return Exit.CHANGES if rehearsed and not rehearsed.problem else Exit.ERROR
        return Exit.CHANGES if self.changes or self.console or self.note else Exit.FINE

    @property
    def lost_people(self) -> int:
        """How many people would lose their sign-in."""
        return sum(each.people for each in self.lost)

    @property
    def console_fields(self) -> int:
        """How many fields a person has to set."""
        return sum(map(len, self.console.values()))


@dataclass(frozen=True, slots=True)
class Review:
    """What a change does.

    Attributes:
        base: Name of what is changed, with its commit; ``head``: the commit that changes it.
        at: When both tenants were read.
        identity: Who read them; "" where nobody did.
        code: Paths of changed code.
        unread: Why live tenants were not read; "" where they were.
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
