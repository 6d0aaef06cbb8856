"""Stacks deployed by earlier releases, continued by this code: no change is planned or made."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.sign_in import sign_in
from tests.support.checkpoints import Checkpoint, identities, kept, restored, state_of
from tests.support.journal import may_change
from tests.support.projects import ENGINES

ADA = "ada@example.com"
NAMES = ("sandbox", "blue-green", "idp")


def test_every_checkpoint_of_the_first_release_is_there() -> None:
    """Without its files, what follows would be about nothing, and pass."""
    assert {str(checkpoint) for checkpoint in kept()} >= {f"0.1.0/{name}" for name in NAMES}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("checkpoint", kept(), ids=str)
def test_a_new_release_changes_nothing_of_what_an_earlier_one_deployed(
    tmp_path: Path, checkpoint: Checkpoint, engine: str
) -> None:
    """Whoever takes the new release sees an empty plan, may deploy it, and people sign in as before."""
    before = identities(checkpoint.state)
    # With any other line the summary would be longer.
    unchanged = f"Resources:\n    {len(before)} unchanged\n"
    with restored(checkpoint, tmp_path, engine) as made:
        planned = made.sso("preview")
        assert planned.code == 0, planned.text
        assert unchanged in planned.text

        done = made.up()
        assert done.code == 0, done.text
        assert unchanged in done.text
        assert "Console work is due" not in done.text
        assert [entry for entry in made.control.journal() if may_change(entry)] == []
        assert identities(state_of(made)) == before
        renamed = made.sso("preview")
        assert unchanged in renamed.text
        assert sign_in(made.home, ADA) == f"signed in to the Mimecast Personal Portal as {ADA}"
