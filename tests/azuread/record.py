"""Records the published plugin's responses: `python -m tests.azuread.record`, with that plugin on the PATH."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandbox.azuread.install import EXECUTABLE, find_published
from tests.azuread import offline_cases, scenario
from tests.azuread.driver import Plugin, plugin_environment
from tests.support.sandboxes import started

FOLDER = Path(__file__).parent / "recorded"


def main() -> int:
    """Writes both recordings; what changed is for `git diff` to show."""
    published = find_published(Path(os.devnull), os.environ)
    if published is None:
        print(f"{EXECUTABLE} is neither on PATH nor in a Pulumi home", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as home,
        started(Path(home)) as sandbox,
        Plugin([str(published)], plugin_environment(sandbox.env), FOLDER) as plugin,
    ):
        plugin.configure({"version": "6.11.1"})
        offline = {
            name: scenario.ordered(offline_cases.outcome(case, plugin))
            for name, case in offline_cases.cases().items()
        }
        _write("offline.json", offline)
        _write("scenario.json", scenario.comparable(scenario.run(plugin, sandbox)))
    return 0


def _write(name: str, responses: dict[str, Any]) -> None:
    (FOLDER / name).write_text(json.dumps(responses, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
