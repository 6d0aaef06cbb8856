"""Automation API, local program: previews stacks of a clone, as a portal or a fleet runner would.

    python examples/automation/local_program.py prod-eu prod-us

Needs the Pulumi CLI on the PATH. Ends with 0 where nothing would change, 2 where something would, 1 where a preview
failed or a guard refused it; the log of the preview, which is shown, says why.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi import automation

CLONE = Path(__file__).resolve().parents[2]


def main(stacks: list[str]) -> int:
    """Previews the stacks one after the other."""
    codes = [preview(stack) for stack in stacks]
    return 1 if 1 in codes else max(codes, default=0)


def preview(name: str) -> int:
    """The exit code of one stack."""
    stack = automation.select_stack(name, work_dir=str(CLONE))
    try:
        summary = stack.preview(on_output=print).change_summary
    except automation.CommandError:
        return 1
    changes = [f"{count} to {operation}" for operation, count in summary.items() if operation != "same"]
    print(f"{name}: {', '.join(changes) or 'no change'}")
    return 2 if changes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
