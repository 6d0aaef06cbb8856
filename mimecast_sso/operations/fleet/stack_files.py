"""``mimecast-sso stacks``: list the stacks, and render their files from layers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.fleet import layers, set_ups
from mimecast_sso.operations.fleet.selection import Listed, listed, select, shard
from mimecast_sso.operations.output import print_to
from mimecast_sso.operations.project import Project, find_project
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import count


def list_stacks(expressions: tuple[str, ...], share: tuple[int, int], *, form: str, out: Path | None) -> Exit:
    """Print the stacks that have a file; 1 if one of the files cannot be read."""
    found = share_of(find_project(), expressions, share)
    if form == "json":
        text = json.dumps([each.document() for each in found], indent=2, ensure_ascii=False) + "\n"
    elif form != "text":
        text = set_ups.matrix(set_ups.Matrix(form), [each for each in found if not each.problem])
    else:
        text = "".join(f"{line}\n" for line in _table(found))
    print_to(out, text)
    return Exit.ERROR if any(each.problem for each in found) else Exit.FINE


def render(expressions: tuple[str, ...], *, check: bool) -> Exit:
    """Render the stack files from their layers; write nothing if one would be invalid. Raises OperationError."""
    project = find_project()
    found = list(layers.render(project, share_of(project, expressions, (1, 1))))
    for name in layers.unused(project, listed(project)):
        click.echo(
            f"warning: {foreign.one_line(name)} is a layer that no stack uses: none has that tag or name.",
            err=True,
        )
    if not found:
        raise OperationError(
            f"No stack has a layer. Write common values into {project.stack_files / '_base.yaml'}, in the "
            "form of a stack file."
        )
    changed = [each for each in found if each.changed]
    for each in changed:
        if not check:
            write_text(each.file, each.text)
        verb = "differs from its layers in" if check else "written"
        click.echo(f"{foreign.one_line(each.file.name)} {verb}: {foreign.one_line(', '.join(each.changed))}")
    if not changed:
        click.echo(f"{count(len(found), 'stack file matches', 'stack files match')} the layers.")
    elif check:
        click.echo("Write them: mimecast-sso stacks render")
    return Exit.CHANGES if check and changed else Exit.FINE


def share_of(project: Project, expressions: Sequence[str], share: tuple[int, int]) -> tuple[Listed, ...]:
    """The share of the stacks that the expressions select. Raises OperationError if they select none."""
    return shard(selected(project, expressions), *share)


def selected(project: Project, expressions: Sequence[str]) -> tuple[Listed, ...]:
    """The stacks that the expressions select. Raises OperationError if they select none."""
    found = select(listed(project), expressions)
    if not found:
        known = foreign.one_line(", ".join(project.stacks())) or "none"
        raise OperationError(f"No stack is selected. Stacks: {known}.")
    return found


def _table(found: Sequence[Listed]) -> list[str]:
    width = max((len(each.name) for each in found), default=0)
    return [f"{foreign.one_line(each.name):<{width}}  {_described(each)}".rstrip() for each in found]


def _described(stack: Listed) -> str:
    if stack.problem:
        return foreign.one_line(stack.problem)
    account, region, tags = map(foreign.one_line, (stack.account, stack.region, ", ".join(stack.tags)))
    return f"{account:<16}  {region:<6}  {tags}"
