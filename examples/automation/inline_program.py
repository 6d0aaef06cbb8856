"""Automation API, inline program: the component in a program of one's own, configured by code.

    python examples/automation/inline_program.py

Needs the Pulumi CLI on the PATH, and an environment in which this project is installed (``pip install .``) and active:
the providers run in a Python of their own, the first on the PATH. Credentials come from ``ARM_*`` and ``MIMECAST_*``.
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
    """What Pulumi runs."""
    assessment = assess(settings_from_values(CONFIGURATION))
    judge(assessment)
    sso = PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment))
    pulumi.export("identifier", sso.identifier)


def main() -> int:
    """Deploys it. A guard's refusal is a CommandError, with its text."""
    stack = automation.create_or_select_stack("inline", project_name="portal-inline", program=program)
    for key in ("region", "accountCode"):  # Before each write the providers compare the account with these.
        stack.set_config(f"mimecast-sso:{key}", automation.ConfigValue(CONFIGURATION[key]))
    try:
        result = stack.up(on_output=print)
    except automation.CommandError:
        return 1
    print(f"identifier: {result.outputs['identifier'].value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
