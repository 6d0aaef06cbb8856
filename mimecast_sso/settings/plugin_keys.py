"""Keys of the azuread plugin that would make it write to another tenant than the one that guards read.

The plugin prefers its keys in a stack file (``azuread:tenantId``) to the ``ARM_*`` variables. The project's own reads
of Microsoft Graph know the variables only. A pull request that changes a stack file could thus send a deployment, and
its credentials, elsewhere, past the guards.

Source: "azuread: Installation & Configuration" in the Pulumi Registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_NAMESPACE: Final = "azuread"
_HARMLESS: Final = frozenset({"partnerId", "disableTerraformPartnerId"})
_VARIABLES: Final = {"metadataHost": "ARM_METADATA_HOSTNAME"}
"""Keys whose variable is not the key in capitals."""
_DEFAULTS: Final = {"environment": "public", "useCli": "true"}


def conflicts(config: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    """A text for each key of the plugin that differs from the environment; values are not shown.

    Args:
        config: The engine's flat map of full keys to text.
        environment: The environment with the ``ARM_*`` variables.
    """
    for full_key, value in sorted(config.items()):
        namespace, _, key = full_key.partition(":")
        if namespace != _NAMESPACE or key in _HARMLESS:
            continue
        variable = _VARIABLES.get(key) or f"ARM_{re.sub(r'(?=[A-Z])', '_', key).upper()}"
        stated = environment.get(variable) or _DEFAULTS.get(key, "")
        if value.strip().casefold() != stated.strip().casefold():
            yield (
                f"{full_key} differs from {variable}: the azuread plugin would use the key, but the guards read with "
                f"{variable}. Remove the key, and set {variable} if the value is right"
            )
