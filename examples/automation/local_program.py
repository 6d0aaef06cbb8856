"""Automation API, local program: previews stacks of a clone, as a self-service portal or fleet tool would.

    python examples/automation/local_program.py prod-eu prod-us

Needs the Pulumi CLI on the PATH. Exits with 0 if nothing would change, 2 if something would, and 1 if a preview failed
or a guard refused; the printed log of the preview gives the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi import automation

CLONE = Path(__file__).resolve().parents[2]


def main(stacks: list[str]) -> int:
    """Preview the stacks one after the other."""
    codes = [preview(stack) for stack in stacks]
    return 1 if 1 in codes else max(codes, default=0)


def preview(name: str) -> int:
    """Preview one stack. Returns its exit code."""
    try:
        stack = automation.select_stack(name, work_dir=str(CLONE))
        summary = stack.preview(on_output=print).change_summary
    except automation.StackNotFoundError:
        print(f"{name}: the backend has no such stack; create it: pulumi stack init {name}")
        return 1
    except automation.CommandError:
        return 1
    changes = [f"{count} to {operation}" for operation, count in summary.items() if operation != "same"]
    print(f"{name}: {', '.join(changes) or 'no change'}")
    return 2 if changes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
