"""``mimecast-sso preflight``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

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
    """Check a stack's credentials for a purpose, without writing, and print the findings."""
    return print_sections(sections(open_stack(stack), purpose), output)


def sections(opened: Stack, purpose: Purpose = Purpose.DEPLOY) -> Iterator[tuple[str, Iterable[Statement]]]:
    """The sections of both sides; each is read when it is iterated over."""
    tenant.reach(opened)
    settings = opened.settings()
    yield "Engine", engine.ask(opened)
    yield "Microsoft Entra ID", entra.ask(opened, settings, purpose)
    yield "Mimecast", mimecast.ask(opened, settings, purpose)
    if purpose is Purpose.DEPLOY:  # A preview publishes no DNS record.
        yield "DNS", dns.ask(opened, settings)


def ask(stack: Stack) -> Iterator[tuple[str, Statement]]:
    """The sections of a deployment's checks with their titles, each as soon as it is known."""
    for title, statements in sections(stack):
        yield from ((title, statement) for statement in statements)


def print_sections(found: Sections, output: Output) -> Exit:
    """Print sections of statements; return their `exit_of`."""
    printed = []
    for title, statements in found:
        output.line(title)
        for statement in statements:
            output.entry(statement, title)
            printed.append(statement)
    verdicts = Counter(each.verdict for each in printed)
    wrong = f"{verdicts[Verdict.FAILS]} wrong, " if verdicts[Verdict.FAILS] else ""
    missing, unknown = verdicts[Verdict.MISSING], verdicts[Verdict.UNKNOWN]
    output.line(f"{wrong}{missing} missing, {unknown} unknown. Nothing was written.")
    return exit_of(printed)


def exit_of(statements: Sequence[Statement]) -> Exit:
    """5 if something is missing or wrong, 1 if a side could not be read, else 0."""
    if {Verdict.MISSING, Verdict.FAILS} & {each.verdict for each in statements}:
        return Exit.PREFLIGHT
    return Exit.ERROR if any(each.subject == CONNECTION for each in statements) else Exit.FINE
