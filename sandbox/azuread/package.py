"""The installed `pulumi_azuread` package, read without importing it: the import takes longer than the whole start."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path


def sdk_version() -> str:
    """The plugin version that the SDK asks for, `6.11.1`.

    Raises:
        ModuleNotFoundError: the SDK is not installed.
    """
    spec = find_spec("pulumi_azuread")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("pulumi_azuread is not installed")
    file = Path(spec.submodule_search_locations[0]) / "pulumi-plugin.json"
    return str(json.loads(file.read_text(encoding="utf-8"))["version"])
