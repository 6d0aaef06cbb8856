"""What every section of the settings shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NAMESPACE = "mimecast-sso"
REFUSED = "Refused by guard"
"""How the text of a guard's refusal begins, whoever reads it: program, command, log."""
SECRET = "[secret]"  # noqa: S105  (what stands for a secret that was not decrypted)

SECRET_KEYS = frozenset({"addressPasswords", "dns.tsig.secret", "mimecastClientSecret"})


class SettingsSection(BaseModel):
    """A part of the configuration: unknown keys are refused, nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
