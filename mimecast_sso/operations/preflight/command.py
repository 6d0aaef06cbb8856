"""What ``mimecast-sso preflight`` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from mimecast_sso.operations import tenant
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.preflight import dns, engine, entra, mimecast
from mimecast_sso.operations.preflight.purpose import Purpose
from mimecast_sso.operations.preflight.statements import CONNECTION
from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.provenance import Statement, Verdict

Sections = Iterable[tuple[str, Iterable[Statement]]]


def preflight(stack: str, output: Output, purpose: Purpose = Purpose.DEPLOY) -> Exit:
    """Checks that a stack's credentials are what they are for, writing nothing, and prints what it finds."""
    opened = open_stack(stack)
    tenant.reach(opened)
    return print_sections(sections(opened, purpose), output)


def sections(opened: Stack, purpose: Purpose) -> Iterator[tuple[str, Iterable[Statement]]]:
    """What each side says, asked when it is iterated over."""
    settings = opened.settings()
    yield "Engine", engine.ask(opened)
    yield "Microsoft Entra ID", entra.ask(opened, settings, purpose)
    yield "Mimecast", mimecast.ask(opened, settings, purpose)
    if purpose is Purpose.DEPLOY:  # A preview publishes nothing.
        yield "DNS", dns.ask(opened, settings)


def print_sections(found: Sections, output: Output) -> Exit:
    """Prints sections of statements; 5 where something is missing or wrong, 1 where a side could not be asked."""
    verdicts: Counter[Verdict] = Counter()
    unreached = False
    for title, statements in found:
        output.line(title)
        for statement in statements:
            output.entry(statement, title)
            verdicts[statement.verdict] += 1
            unreached |= statement.subject == CONNECTION
    wrong = f"{verdicts[Verdict.FAILS]} wrong, " if verdicts[Verdict.FAILS] else ""
    missing, unknown = verdicts[Verdict.MISSING], verdicts[Verdict.UNKNOWN]
    output.line(f"{wrong}{missing} missing, {unknown} unknown. Nothing was written.")
    if missing or wrong:
        return Exit.PREFLIGHT
    return Exit.ERROR if unreached else Exit.FINE
