"""Runs that change something without --yes: confirmed on a terminal, refused elsewhere before anything is written."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.deployments import Deployments, claimed
from tests.support.projects import Project

pytestmark = pytest.mark.xdist_group("confirmation")

_ASKED = b"[y/N]"


@pytest.fixture(scope="module")
def made(deployments: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with deployments.project(tmp_path_factory.mktemp("confirmation"), claimed) as deployed:
        yield deployed


def everything(made: Project) -> tuple[object, ...]:
    """What a run could have changed: the group, the application, and the stack's files and state."""
    written = sorted(
        (str(each), each.read_bytes())
        for folder in (made.folder / "stacks", made.home / "stacks", made.home / "state")
        for each in folder.rglob("*")
        if each.is_file()
    )
    assert any("/.pulumi/" in name for name, _ in written), "the state is elsewhere"
    collections = ("mimecast.members", "entra.servicePrincipals", "entra.applications")
    return (written, *(made.control.documents(each) for each in collections))


@pytest.mark.parametrize(
    "words",
    [
        ("up",),
        ("up", "--refresh"),
        ("down",),
        ("rotate next", "--start", "--apply"),
        ("roll-out widen", "--pilot", "ada@example.com", "--apply"),
    ],
    ids=" ".join,
)
def test_nobody_can_be_asked_without_a_terminal(made: Project, words: tuple[str, ...]) -> None:
    before = everything(made)
    ended = made.sso(*words)
    assert ended.code == 1, ended.text
    assert (
        "Nothing was changed: a deployment has to be confirmed on a terminal, and there is none."
        in ended.text
    )
    assert "mimecast-sso preview --stack sandbox" in ended.text
    assert "rerun this with --yes" in ended.text
    assert "--skip-preview" not in ended.text
    assert everything(made) == before


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_the_sandbox_shows_the_preview_and_asks(
    made: Project, answer: bytes, code: int
) -> None:
    application = made.configuration("application")
    made.configure(application=application | {"notificationEmails": [f"ops-{code}@example.com"]})
    before = everything(made)
    shown, ended = answered(made, answer, "up")
    assert ended == code, shown
    assert "1 to update" in shown
    assert "Deploy stack sandbox? [y/N]" in shown
    assert (everything(made) == before) is (code == 1)


def answered(made: Project, answer: bytes, *words: str) -> tuple[str, int]:
    """What a command printed on a terminal whose user gives each question the same answer, and its exit code."""
    ours, theirs = pty.openpty()
    process = made.start(*words, terminal=theirs)
    os.close(theirs)
    shown, asked = b"", 0
    with suppress(OSError):  # Linux's way to say that the other side is closed.
        while read := os.read(ours, 4096):
            shown += read
            if shown.count(_ASKED) > asked:
                asked += 1
                os.write(ours, answer)
    os.close(ours)
    return shown.decode(), process.wait()
