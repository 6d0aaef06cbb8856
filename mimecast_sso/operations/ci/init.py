"""``mimecast-sso ci init``: the workflow files, and the commands that create the identities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.project import Project, find_project, misnamed
from mimecast_sso.text.wording import count

_SANDBOX = "sandbox"


def init(forge: Forge, stacks: Sequence[str], branch: str, *, force: bool) -> Exit:
    """Write the workflow files and print the one-time commands. Raises OperationError."""
    project = find_project()
    _require_root(project.root)
    choice = Choice(forge, deployed_stacks(project, stacks), branch)
    written = workflows.write(workflows.compare(project.root, choice), force=force)
    for each in written:
        click.echo(f"# Wrote {each.path.relative_to(project.root)}")
    if not written:
        click.echo("# The workflow files are current. Nothing was written.")
    click.echo()
    click.echo(workflows.set_up(choice), nl=False)
    return Exit.FINE


def deployed_stacks(project: Project, named: Sequence[str]) -> tuple[str, ...]:
    """The named stacks, else all stacks with a file but the sandbox's. Raises OperationError."""
    known = [stack for stack in project.stacks() if not stack.startswith(_SANDBOX)]
    unknown = sorted(set(named) - set(known))
    if unknown:
        missing = ", ".join(str(project.stack_file(stack)) for stack in unknown)
        raise OperationError(f"{count(len(unknown), 'stack')} without a file: {missing}. Write it first.")
    stacks = tuple(dict.fromkeys(named)) or tuple(known)
    for stack in stacks:
        if not is_stack_name(stack):
            # Workflow files and the printed commands of a shell hold the name.
            raise OperationError(misnamed(project.stack_file(stack)))
    if not stacks:
        raise OperationError(
            f"No stack but the sandbox has a file in {project.stack_files}. Write one first."
        )
    return stacks


def _require_root(root: Path) -> None:
    """CI services read workflow files only at the root of a repository."""
    above = next((folder for folder in root.parents if (folder / ".git").exists()), None)
    if not (root / ".git").exists() and above is not None:
        raise OperationError(
            f"The project is in a subfolder of the repository {above}, and CI services read workflow files only at its "
            "root. Give the project a repository of its own."
        )
