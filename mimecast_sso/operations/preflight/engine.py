"""The machine that runs the deployment: its engine and the azuread plugin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from mimecast_sso.operations.preflight.statements import fine, missing, note
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.machine_user import pulumi_home

_MACHINE = "this machine"
_PLUGIN = "pulumi-resource-azuread"


def ask(stack: Stack) -> Iterator[Statement]:
    """The statements about this machine."""
    path = stack.environment.get("PATH")
    cli, plugin = shutil.which("pulumi", path=path), shutil.which(_PLUGIN, path=path)
    if cli:
        yield fine("Pulumi CLI", cli, How.LIVE, "PATH")
    elif stack.on_sandbox:
        yield note("Pulumi CLI", "not found; the sandbox uses the embedded engine", How.LIVE, "PATH")
    else:
        text = "not found; real tenants need it (https://www.pulumi.com/docs/install/)"
        yield missing("Pulumi CLI", text, How.LIVE, "PATH")
    home = pulumi_home(stack.environment)
    installed = plugin or next(iter(sorted(map(str, home.glob("plugins/resource-azuread-v*")))), None)
    if installed:
        yield fine("azuread plugin", installed, How.LIVE, _MACHINE)
    elif stack.environment.get("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "").lower() in ("1", "true"):
        if stack.on_sandbox:
            yield note("azuread plugin", "not found; the sandbox uses its stand-in", How.LIVE, _MACHINE)
        else:
            text = "not found, and downloading it is switched off. Install it: pulumi plugin install resource azuread"
            yield missing("azuread plugin", text, How.LIVE, _MACHINE)
    else:
        yield note("azuread plugin", "not found; the first run downloads it", How.LIVE, _MACHINE)
