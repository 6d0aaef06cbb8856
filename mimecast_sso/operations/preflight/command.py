"""What ``mimecast-sso preflight`` does."""

from __future__ import annotations

from collections import Counter

from mimecast_sso.operations import tenant
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.preflight import dns, engine, entra, mimecast
from mimecast_sso.operations.preflight.statements import CONNECTION
from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.provenance import Verdict


def preflight(stack: str, output: Output) -> Exit:
    """Checks that a deployment has what it needs, writing nothing, and prints what it finds."""
    opened = open_stack(stack)
    tenant.reach(opened)
    settings = opened.settings()
    verdicts: Counter[Verdict] = Counter()
    unreached = False
    for title, statements in (
        ("Engine", engine.ask(opened)),
        ("Microsoft Entra ID", entra.ask(opened, settings)),
        ("Mimecast", mimecast.ask(opened, settings)),
        ("DNS", dns.ask(opened, settings)),
    ):
        output.line(title)
        for statement in statements:
            output.entry(statement, title)
            verdicts[statement.verdict] += 1
            unreached |= statement.subject == CONNECTION
    missing, unknown = verdicts[Verdict.MISSING], verdicts[Verdict.UNKNOWN]
    output.line(f"{missing} missing, {unknown} unknown. Nothing was written.")
    if missing:
        return Exit.PREFLIGHT
    return Exit.ERROR if unreached else Exit.FINE
