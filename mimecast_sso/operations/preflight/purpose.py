"""The purpose of an identity."""

from enum import StrEnum


class Purpose(StrEnum):
    """The purpose of the credentials: a deployment writes; previews and drift reports only read."""

    DEPLOY = "deploy"
    PREVIEW = "preview"
