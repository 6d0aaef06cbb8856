"""What ``mimecast-sso fidelity record`` does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from mimecast_sso.operations import tenant
from mimecast_sso.operations.assessing import require_tenants_of
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fidelity.comparison import Compared, Recording
from mimecast_sso.operations.fidelity.exchanges import ENTRA, MIMECAST, Recorder
from mimecast_sso.operations.fidelity.expectations import Expectations, expectations
from mimecast_sso.operations.fidelity.tour import visit
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.output import Output, exit_of
from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.operations.terminal import say
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.mimecast.accounts import require
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import AccountMismatch, MimecastError

_SCHEMA = 1


def record(stack: str, report: Path | None, revealed: Iterable[str], output: Output) -> Exit:
    """Makes the calls, compares, writes the report, and prints a statement for each call."""
    opened = open_stack(stack)
    recorder = Recorder()
    troubles = make_calls(opened, recorder)
    for trouble in troubles.values():
        say(trouble, err=True)
    compared = Recording(recorder.exchanges, expectations(), frozenset(revealed)).compare(troubles)
    target = report or opened.outputs / "fidelity.json"
    _write(target, document(compared, expectations()))
    output.table([each.statement() for each in compared])
    _say_what_is_left_out(compared)
    output.line(
        f"Report: {target}. It names no value of these tenants. Nothing was written to either of them."
    )
    return exit_of([each.statement() for each in compared])


def make_calls(stack: Stack, recorder: Recorder) -> dict[str, str]:
    """Makes all calls on a stack's tenants; gives, by service, why one could not be asked.

    Raises OperationError, with the code of a refusal, where the credentials are for other tenants than are meant.
    """
    settings = stack.settings()
    tenant.reach(stack)
    troubles: dict[str, str] = {}
    graph: GraphClient | GraphError
    mimecast: MimecastClient | MimecastError
    try:
        graph = GraphClient(stack.environment, deadline=stack.deadline, through=recorder.through)
        graph.claims()
    except GraphError as error:
        graph, troubles[ENTRA] = error, str(error)
    try:
        mimecast = tenant.account(stack, settings.mimecast_client_id, through=recorder.through)
        require(mimecast, settings.account_code, settings.region)
    except AccountMismatch as error:
        raise OperationError(str(error), Exit.REFUSED) from None
    except MimecastError as error:
        mimecast, troubles[MIMECAST] = error, str(error)
    snapshot = visit(settings, graph, mimecast)
    if snapshot is not None:
        require_tenants_of(settings, snapshot)
    return troubles


def document(compared: Sequence[Compared], expected: Expectations) -> dict[str, object]:
    """The report: its texts are those of the expectations and of this program, and none of the tenants'."""
    return {
        "schema": _SCHEMA,
        "release": version("mimecast-sso"),
        "expectations": expected.digest,
        "calls": [each.document() for each in compared],
    }


def _write(file: Path, report: dict[str, object]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise OperationError(f"{file} cannot be written: {error.strerror}.") from None


def _say_what_is_left_out(compared: Sequence[Compared]) -> None:
    names = sorted(frozenset().union(*(each.names for each in compared)))
    if names:
        say(
            f"Not in the report: {count(len(names), 'name')} that the sandbox does not have, because each may be a "
            f"value of your tenant: {enumerate_some(names, 40)}. To include one: --reveal NAME",
            err=True,
        )
