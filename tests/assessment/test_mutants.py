"""Mutation tests: the tests in this folder notice changes of the sign-in forecast (docs/soak.md)."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest

from tests.support import mutants

SHARE_KILLED = 95


@pytest.mark.soak
def test_mutants_of_the_assessment_are_noticed(tally: Callable[[str, int, str], None]) -> None:
    """Survivors that nobody has looked at are told; too many of them are a failure."""
    found = mutants.run()
    tally("assessment_mutants", found.total, "mutants")
    tally("assessment_mutants_killed", int(found.share), "%")
    unlisted = "\n".join(sorted(set(found.survivors) - mutants.accepted().keys()))
    assert found.share >= SHARE_KILLED, unlisted
    if unlisted:
        warnings.warn(f"Not in {mutants.ACCEPTED.name}:\n{unlisted}", stacklevel=1)
