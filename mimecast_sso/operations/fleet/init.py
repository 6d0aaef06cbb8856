"""``mimecast-sso fleet init``: write the set-up files of a deployment service for every stack."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.fleet import set_ups, stack_files
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.fleet.set_ups import Place, Service
from mimecast_sso.operations.project import find_project
from mimecast_sso.operations.stacks import SANDBOX_STACK
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import count


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command."""

    select: tuple[str, ...]
    repository: str
    branch: str
    organization: str
    client_id: str
    schedule: str
    out: Path | None


def write(service: Service, given: Options) -> Exit:
    """Write the files of the selected stacks except the sandbox's. Raises OperationError before anything is written."""
    project = find_project()
    selected = [
        each for each in stack_files.share_of(project, given.select, (1, 1)) if each.name != SANDBOX_STACK
    ]
    _require_readable(selected)
    place = Place(
        given.repository, given.branch, given.organization, project.name,
        project.stack_files.relative_to(project.root).as_posix().removeprefix("."),
        given.client_id, given.schedule,
    )  # fmt: skip
    found = set_ups.files(service, place, selected)
    root = given.out or project.root
    for path, text in found.items():
        try:
            write_text(root / path, text)
        except OSError as error:
            raise OperationError(f"{root / path} cannot be written: {error.strerror}.") from None
    click.echo(f"# Wrote {count(len(found), 'file')} for {count(len(selected), 'stack')} in {root}.")
    for line in _next(service, selected, root):
        click.echo(line)
    return Exit.FINE


def _require_readable(selected: Sequence[Listed]) -> None:
    if not selected:
        raise OperationError("No stack other than the sandbox's is selected. Change --select.")
    broken = [each for each in selected if each.problem]
    if broken:
        raise OperationError(
            f"The file of stack {foreign.name(broken[0].name)} cannot be used: {foreign.one_line(broken[0].problem)}"
        )


def _next(service: Service, selected: Sequence[Listed], root: Path) -> list[str]:
    if service is Service.OPERATOR:
        return [
            "# Secrets: PULUMI_ACCESS_TOKEN in mimecast-sso; ARM_CLIENT_SECRET, MIMECAST_CLIENT_ID and",
            "# MIMECAST_CLIENT_SECRET of each stack in a secret with the name of its Stack.",
            f"kubectl apply --filename {shlex.quote(str(root / 'operator'))}",
        ]
    pushes = [f"pulumi deployment settings push --stack {each.name}" for each in selected]
    return [
        *pushes,
        "# MIMECAST_CLIENT_ID and MIMECAST_CLIENT_SECRET of each stack: an ESC environment that its file names.",
        f"pulumi up --cwd {shlex.quote(str(root / 'schedules'))} --stack all",
    ]
