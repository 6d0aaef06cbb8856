"""``make bench``: measures, prints, and writes ``build/bench.json``.

Seconds are wall-clock medians unless stated otherwise. Ratios compare the embedded engine with the Pulumi CLI, run
alternately; they are null if there is no Pulumi CLI on the PATH.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench import assessment, drift, engines, entra, fleet, mimecast, product, review
from tests.bench.figures import Figure
from tests.support import commands

OUTPUT = Path(__file__).resolve().parents[2] / "build" / "bench.json"


def main() -> int:
    """Measure the groups named on the command line: ``product``, ``engines``, ``entra``, ``mimecast``, ``assessment``,
    ``drift``, ``fleet``, ``review``.

    Without a name: all of them.
    """
    commands.enabled = False
    desired = sys.argv[1:] or [
        "product",
        "engines",
        "entra",
        "mimecast",
        "assessment",
        "drift",
        "fleet",
        "review",
    ]
    figures: dict[str, Figure] = {}
    for group in (product, engines, entra, mimecast, assessment, drift, fleet, review):
        if group.__name__.rpartition(".")[2] in desired:
            for name, figure in group.measure():
                figures[name] = figure
                print(f"{name:28} {figure}", flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    before = json.loads(OUTPUT.read_text()) if OUTPUT.is_file() else {}
    document = before | {name: figure.as_dict() for name, figure in figures.items()}
    OUTPUT.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"written: {OUTPUT.relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
