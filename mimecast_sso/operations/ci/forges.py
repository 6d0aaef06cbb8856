"""The forges whose workflows are written."""

from __future__ import annotations

from enum import StrEnum


class Forge(StrEnum):
    """A forge, as commands call it."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE_DEVOPS = "azure-devops"
