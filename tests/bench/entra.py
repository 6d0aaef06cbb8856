"""The Entra side of a deployment: how long it takes, and how many calls Microsoft Graph gets.

The calls are those that the sandbox's Graph counted, of the azuread plugin and of the project's own handlers alike.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.figures import Figure, median, seconds, timed
from tests.support.projects import Ended, Project, project

GRAPH = "graph.microsoft.com"
RUNS = 3


def measure() -> Iterator[tuple[str, Figure]]:
    """``deploy_*`` of a first ``mimecast-sso up``, ``noop_*`` of one that changes nothing, ``verify_s``."""
    with tempfile.TemporaryDirectory() as folder, project(Path(folder), "embedded") as made:
        before = _calls(made)
        yield "deploy_s", seconds(timed(lambda: _well(made.up)))
        yield "deploy_graph_calls", Figure(_calls(made) - before, "")
        made.do_the_console_work()
        _well(made.up)
        before = _calls(made)
        yield "noop_s", seconds(timed(lambda: _well(made.up)))
        yield "noop_graph_calls", Figure(_calls(made) - before, "")
        yield "verify_s", seconds(median(lambda: _well(lambda: made.sso("verify")), RUNS))


def _well(command: Callable[[], Ended]) -> None:
    ended = command()
    if ended.code:
        raise SystemExit(ended.text)


def _calls(made: Project) -> int:
    return len(made.control.journal(host=GRAPH))
