"""What an identity is for."""

from enum import StrEnum


class Purpose(StrEnum):
    """What the credentials are to be used for: a deployment writes; previews and drift reports read, and only read."""

    DEPLOY = "deploy"
    PREVIEW = "preview"
