"""The machine that runs the deployment: its engine and the azuread plugin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from mimecast_sso.operations.preflight.lines import Line, fine, missing, note
from mimecast_sso.operations.stacks import Stack

_PLUGIN = "pulumi-resource-azuread"


def ask(stack: Stack) -> Iterator[Line]:
    """What of it is on this machine."""
    path = stack.environment.get("PATH")
    cli, plugin = shutil.which("pulumi", path=path), shutil.which(_PLUGIN, path=path)
    if cli:
        yield fine("Pulumi CLI", cli, "found on PATH")
    elif stack.on_sandbox:
        yield note("Pulumi CLI", "not there; the embedded engine serves on the sandbox", "PATH")
    else:
        yield missing(
            "Pulumi CLI", "real tenants need it (https://www.pulumi.com/docs/install/)", "not on PATH"
        )
    home = Path(stack.environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = plugin or next(iter(sorted(map(str, home.glob("plugins/resource-azuread-v*")))), None)
    if installed:
        yield fine("azuread plugin", installed, "found on this machine")
    elif stack.environment.get("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "").lower() in ("1", "true"):
        if stack.on_sandbox:
            yield note("azuread plugin", "the sandbox's stand-in serves", "this machine")
        else:
            yield missing(
                "azuread plugin",
                "downloading it is switched off; install it: pulumi plugin install resource azuread",
                "not on this machine",
            )
    else:
        yield note("azuread plugin", "downloaded by the first run", "not on this machine")
