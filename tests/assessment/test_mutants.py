"""What the tests of this folder would notice: mutants of the sign-in forecast (docs/soak.md)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import mutants

SHARE_KILLED = 95


@pytest.mark.soak
def test_mutants_of_the_assessment_are_noticed(tally: Callable[[str, int, str], None]) -> None:
    found = mutants.run()
    tally("assessment_mutants", found.total, "mutants")
    tally("assessment_mutants_killed", int(found.share), "%")
    unlisted = sorted(set(found.survivors) - mutants.accepted().keys())
    assert found.share >= SHARE_KILLED, "\n".join(unlisted)
    assert not unlisted, "\n".join(unlisted)
