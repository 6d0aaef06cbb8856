"""Automation API, inline program: the component in your own program, configured by code.

    python examples/automation/inline_program.py

Needs the Pulumi CLI on the PATH, and an active environment with this project installed (``pip install .``): the
providers run in a separate process, with the first Python on the PATH. Credentials come from ``ARM_*`` and
``MIMECAST_*``.
"""

from __future__ import annotations

import sys
from typing import Any

import pulumi
from pulumi import automation

from mimecast_sso import PersonalPortalSso, PersonalPortalSsoArgs, assess, judge, settings_from_values

CONFIGURATION: dict[str, Any] = {
    "region": "eu",
    "accountCode": "CUK25A118",
    "domains": "example.com",
    "pilot": "ada@example.com",
    "addresses": {"list": [{"address": "ada@example.com", "name": "Ada Example"}]},
    "certificates": "2029-11-01",
}


def program() -> None:
    """The Pulumi program."""
    assessment = assess(settings_from_values(CONFIGURATION))
    judge(assessment)
    sso = PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment))
    pulumi.export("identifier", sso.identifier)


def main() -> int:
    """Deploy it. A guard's refusal is a CommandError with the guard's message."""
    stack = automation.create_or_select_stack("inline", project_name="portal-inline", program=program)
    for key in ("region", "accountCode"):  # The providers compare the account with these before each write.
        stack.set_config(f"mimecast-sso:{key}", automation.ConfigValue(CONFIGURATION[key]))
    try:
        result = stack.up(on_output=print)
    except automation.CommandError:
        return 1
    print(f"identifier: {result.outputs['identifier'].value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
