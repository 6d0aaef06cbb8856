"""The CI services (forges) that workflow files are written for."""

from __future__ import annotations

from enum import StrEnum


class Forge(StrEnum):
    """A CI service, by its name in commands."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE_DEVOPS = "azure-devops"

    @property
    def display_name(self) -> str:
        """Its name in sentences."""
        return {Forge.GITHUB: "GitHub", Forge.GITLAB: "GitLab", Forge.AZURE_DEVOPS: "Azure DevOps"}[self]
