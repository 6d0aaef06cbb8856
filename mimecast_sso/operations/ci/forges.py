"""The CI services (forges) that workflow files are written for."""

from __future__ import annotations

from enum import StrEnum


class Forge(StrEnum):
    """A CI service, by its name in commands."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE_DEVOPS = "azure-devops"
