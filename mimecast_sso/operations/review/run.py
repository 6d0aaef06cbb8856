"""``mimecast-sso review``: read the change, review each affected stack, write the comment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from mimecast_sso.operations.change.repository import Repository
from mimecast_sso.operations.change.scope import ChangeScope, Data, changed_code, find, write_out
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.output import write_report
from mimecast_sso.operations.project import Project, find_project
from mimecast_sso.operations.review import comment, forms, rehearsal
from mimecast_sso.operations.review.look import look
from mimecast_sso.operations.review.model import Review, StackReview
from mimecast_sso.operations.stacks import SANDBOX_STACK
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import count

NOTHING = "The change does not affect a deployment: no comment."


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    base: str
    head: str
    form: Format
    out: Path | None = None
    full: Path | None = None
    live: bool = True
    rehearse: bool = False
    reviewed: str | None = None
    states: Mapping[str, Path] = field(default_factory=dict)
    """Exported states, by stack."""


def run(asked: Asked) -> Exit:
    """Review a change and write the comment. Raises OperationError if the change cannot be read."""
    project = find_project()
    repository = Repository(project.root)
    base, head = repository.commit(asked.base), repository.commit(asked.head)
    with tempfile.TemporaryDirectory(prefix="mimecast-sso-") as folder:
        start = repository.merge_base(base, head)
        before = write_out(repository, project, start, Path(folder, "before"))
        after = write_out(repository, project, head, Path(folder, "after"))
        scope = _elsewhere(find(repository, project, before, after, (base, head)))
        if not scope.stacks:
            click.echo(NOTHING)
            return Exit.FINE
        found = _reviewed(asked, project, repository, scope, (before, after))
    _write(found, asked)
    return found.exit


def _elsewhere(scope: ChangeScope) -> ChangeScope:
    """Leave out the sandbox's stack if no sandbox is in use."""
    if "SANDBOX_INSTANCE" in os.environ:
        return scope
    return replace(scope, stacks=tuple(each for each in scope.stacks if each != SANDBOX_STACK))


def superseded(out: Path | None) -> Exit:
    """Write the text that replaces a comment while a newer commit is reviewed."""
    _put(out, comment.SUPERSEDED)
    return Exit.FINE


def _reviewed(
    asked: Asked, project: Project, repository: Repository, scope: ChangeScope, data: tuple[Data, Data]
) -> Review:
    unread = _why_unread(asked, project, repository, scope)
    stacks = []
    for name in scope.stacks:
        stack = look(name, project, *data, unread=bool(unread))
        if name in scope.behind:
            text = f"{foreign.name(asked.base)} changed this stack's file as well; only the head's changes are reviewed"
            stack = replace(stack, unknown=(*stack.unknown, text))
        stacks.append(stack)
    if asked.rehearse:
        problem = rehearsal.why_not(scope, approved=asked.reviewed == scope.head)
        recorded = {name: rehearsal.recorded_people(file) for name, file in asked.states.items()}
        stacks = [*rehearsal.rehearse(repository, scope, data, stacks, recorded=recorded, problem=problem)]
    return Review(
        base_name=asked.base,
        base=scope.base,
        head=scope.head,
        at=datetime.now(UTC),
        stacks=tuple(stacks),
        identity=os.environ.get("ARM_CLIENT_ID", "") if not unread else "",
        code=scope.code,
        unread=unread,
    )


def _why_unread(asked: Asked, project: Project, repository: Repository, scope: ChangeScope) -> str:
    """Why no live tenant is read; "" if they are.

    A preview runs the checked-out code, so that has to be the base's, or the head's after a reviewer approved it.
    """
    if not asked.live:
        return "--no-live was given"
    if scope.code and asked.reviewed is None:
        changed = count(len(scope.code), "file")
        return (
            f"the change includes code ({changed}), which nobody approved to run with these credentials. A reviewer "
            f"approves it with --reviewed {scope.head}"
        )
    if scope.code and asked.reviewed != scope.head:
        return f"--reviewed names another commit than {scope.head}, so the approved commit is not the reviewed one"
    trusted = scope.head if scope.code else scope.base
    if changed_code(repository, project, trusted) and changed_code(repository, project, scope.head):
        return f"the checked-out code, which would run, is not that of {trusted[:7]}. Check out that commit"
    return ""


def _write(found: Review, asked: Asked) -> None:
    if asked.full is not None:
        write_report(asked.full, comment.render(found, whole=True))
    _put(asked.out, forms.render(found, asked.form))
    if asked.out is not None:
        click.echo(f"{_counts(found.stacks)}: {asked.out}")


def _counts(stacks: tuple[StackReview, ...]) -> str:
    words: Mapping[Exit, str] = {
        Exit.ERROR: "unknown",
        Exit.REFUSED: "cannot be deployed as is",
        Exit.CHANGES: "with changes",
        Exit.FINE: "unchanged",
    }
    exits = [each.exit for each in stacks]
    return ", ".join(f"{exits.count(code)} {word}" for code, word in words.items() if code in exits)


def _put(out: Path | None, text: str) -> None:
    if out is None:
        click.echo(text, nl=False)
    else:
        write_report(out, text)
