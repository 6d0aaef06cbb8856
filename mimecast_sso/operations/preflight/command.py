"""What ``mimecast-sso preflight`` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mimecast_sso.operations import tenant
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.preflight import dns, engine, entra, mimecast
from mimecast_sso.operations.preflight.statements import CONNECTION
from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.provenance import Statement, Verdict

_SECTIONS = (
    ("Engine", lambda stack, _: engine.ask(stack)),
    ("Microsoft Entra ID", entra.ask),
    ("Mimecast", mimecast.ask),
    ("DNS", dns.ask),
)


def preflight(stack: str, output: Output) -> Exit:
    """Checks that a deployment has what it needs, writing nothing, and prints what it finds."""
    found = []
    title = ""
    for section, statement in ask(open_stack(stack)):
        if section != title:
            title = section
            output.line(title)
        output.entry(statement, title)
        found.append(statement)
    verdicts = Counter(each.verdict for each in found)
    missing, unknown = verdicts[Verdict.MISSING], verdicts[Verdict.UNKNOWN]
    output.line(f"{missing} missing, {unknown} unknown. Nothing was written.")
    return exit_of(found)


def ask(stack: Stack) -> Iterator[tuple[str, Statement]]:
    """Everything that a deployment needs, as soon as it is known, with the title of its section."""
    tenant.reach(stack)
    settings = stack.settings()
    for title, part in _SECTIONS:
        yield from ((title, statement) for statement in part(stack, settings))


def exit_of(statements: Sequence[Statement]) -> Exit:
    """5 where something is missing, 1 where a side could not be asked, else fine."""
    if any(each.verdict is Verdict.MISSING for each in statements):
        return Exit.PREFLIGHT
    return Exit.ERROR if any(each.subject == CONNECTION for each in statements) else Exit.FINE
