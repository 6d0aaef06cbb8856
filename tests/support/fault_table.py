"""The table of writes and kinds of fault that pytest prints after a run, including runs in several processes."""

from __future__ import annotations

import json
from typing import Any

_PROPERTY = "fault table"
_SHOWN = {"passed": "ok", "failed": "FAILED"}


def cell(write: str, fault: str) -> tuple[str, str]:
    """The name that tests pass to ``record_property``."""
    return _PROPERTY, json.dumps([write, fault])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table if it is not empty: a pytest hook."""
    outcomes: dict[tuple[str, str], str] = {}
    for outcome, shown in _SHOWN.items():
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == _PROPERTY:
                    write, fault = json.loads(value)
                    outcomes[write, fault] = shown
    if not outcomes:
        return
    writes = sorted({write for write, _ in outcomes})
    faults = sorted({fault for _, fault in outcomes})
    width = max(map(len, writes))
    terminalreporter.write_sep("=", "what is asked is there once: writes and kinds of fault")
    terminalreporter.write_line("  ".join([" " * width, *faults]))
    for write in writes:
        cells = (outcomes.get((write, fault), "").ljust(len(fault)) for fault in faults)
        terminalreporter.write_line("  ".join([write.ljust(width), *cells]).rstrip())
