"""``mimecast-sso ci check``: check, inside a job, that its identity can read what it needs and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mimecast_sso.operations import tenant
from mimecast_sso.operations.ci import inside, workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import FileState, Workflow
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.preflight.command import print_sections, sections
from mimecast_sso.operations.preflight.purpose import Purpose
from mimecast_sso.operations.preflight.statements import fine, missing, note
from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.provenance import How, Statement, Verdict

_SOURCE = "the repository"


def check(forge: Forge, stack: str, output: Output) -> Exit:
    """Print the checks of the job's identity."""
    opened = open_stack(stack)
    tenant.reach(opened)
    found = (
        ("Job", inside.ask(forge, opened.environment)),
        ("Workflow files", _files(opened.root, forge)),
        *sections(opened, Purpose.PREVIEW),
    )
    return print_sections(found, output)


def _files(root: Path, forge: Forge) -> Iterator[Statement]:
    choice = workflows.chosen(root, forge)
    if choice is None:
        yield missing(
            "files", f"none was written. Write them: mimecast-sso ci init {forge}", How.LIVE, _SOURCE
        )
        return
    for each in workflows.compare(root, choice):
        yield _file(each, str(each.path.relative_to(root)), choice.command)


def _file(workflow: Workflow, path: str, command: str) -> Statement:
    match workflow.state:
        case FileState.CURRENT:
            return fine(path, "current, as written by this version", How.LIVE, _SOURCE)
        case FileState.ABSENT:
            return missing(path, f"does not exist. Write it: {command}", How.LIVE, _SOURCE)
        case FileState.CHANGED:
            return note(path, "changed by hand since it was written", How.LIVE, _SOURCE)
        case FileState.OTHER:
            return Statement(
                f"written by another version. Write it again: {command}",
                How.LIVE,
                _SOURCE,
                Verdict.WARNS,
                path,
            )
