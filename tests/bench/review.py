"""The length of the comment on a change of 300 stacks, and the time to write it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mimecast_sso.assessment.planned import Action, Planned
from mimecast_sso.operations.reports.render import forge_length
from mimecast_sso.operations.review import comment
from mimecast_sso.operations.review.model import PeopleByReason, Refusal
from tests.bench.figures import Figure, seconds, timed
from tests.support.reviews import review, stack

STACKS = 300
LONGEST, SLOWEST = 60_000, 5.0


def measure() -> Iterator[tuple[str, Figure]]:
    """``review_300_chars`` as forges count them, and ``review_300_s``: each stack is refused or needs console work."""
    update = Planned(Action.UPDATE, "members of the roll-out group", "", {"members": ((), ("a",))})
    refused = stack(
        "",
        now=1,
        after=214,
        more=213,
        lost=(
            PeopleByReason(
                "not at Mimecast", 4, "directory sync, or leave them out of rollOut", "afterwards"
            ),
        ),
        refusals=(Refusal("unprepared-people", "4 people would be sent to Entra", "create them"),),
        changes=(update,),
    )
    due = stack("", console={"first": ("Issuer URL",)}, changes=(update,), plan=f"{'a' * 26}-{'b' * 12}")
    stacks = [replace((refused, due)[each % 2], stack=f"tenant-{each:03}-eu") for each in range(STACKS)]
    found = review(*stacks)
    written: list[str] = []
    taken = min(timed(lambda: written.append(comment.render(found))) for _ in range(3))
    length = forge_length(written[-1])
    yield "review_300_chars", Figure(length, "")
    yield "review_300_s", seconds(taken)
    if length > LONGEST or taken > SLOWEST:
        raise SystemExit(
            f"a comment on {STACKS} stacks has {length} characters and takes {taken:.1f} s; allowed are {LONGEST} and "
            f"{SLOWEST} s"
        )
