"""The base of all sections of the settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NAMESPACE = "mimecast-sso"
REFUSED = "Refused by guard"
"""Prefix of every guard's refusal, in programs, commands and logs."""
SECRET = "[secret]"  # noqa: S105  (placeholder for a secret that was not decrypted)

SECRET_KEYS = frozenset({"addressPasswords", "dns.tsig.secret", "mimecastClientSecret"})


class SettingsSection(BaseModel):
    """A section of the configuration: unknown keys are refused, and it is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
