"""The state of the provider's process: its part of the stack configuration, and the session with the account."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi.dynamic import Config

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.names import email_address
from providers.edge import NAMESPACE, ResourceError
from providers.mimecast.client import Credentials, MimecastClient
from providers.mimecast.session import Session, from_environment, shared_client_of


@dataclass(frozen=True, slots=True)
class _Password:
    password: str = field(repr=False)
    confirmation: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of providers: from the stack, or from a `providers.tenants.TenantsProvider`.

    Attributes:
        client_id: From the stack configuration; the environment's takes precedence.
        passed: Credentials that the program passed; they take precedence over the environment's.
    """

    account_code: str = ""
    region: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    passed: Credentials | None = None
    passwords: Mapping[str, _Password] = field(default_factory=dict, repr=False)
    dns: Mapping[str, JSON] = field(default_factory=dict, repr=False)


class Process:
    """Configuration and session of this process. All provider classes and all threads share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None
        self.configuration = Configuration()

    def configure(self, configuration: Configuration) -> None:
        """Set the configuration; a different one opens another session."""
        with self._lock:
            if configuration != self.configuration:
                self.configuration, self._session = configuration, None

    def session(self) -> Session:
        """The session, opened once. Raises ResourceError or AuthenticationError if a setting or secret is missing."""
        with self._lock:
            if self._session is None:
                self._session = self._opened()
            return self._session

    def _opened(self) -> Session:
        known = self.configuration
        for key, value in (("accountCode", known.account_code), ("region", known.region)):
            if not value:
                raise ResourceError(
                    f"{NAMESPACE}:{key} is not set, so the Mimecast account cannot be checked"
                )
        return Session(_client(known), known.account_code, known.region)


def _client(known: Configuration) -> MimecastClient:
    if known.passed:
        return shared_client_of(known.passed)
    return from_environment(client_id=known.client_id, client_secret=known.client_secret)


def read_configuration(config: Config) -> Configuration:
    """The providers' part of a stack's configuration. Raises ResourceError for a value of the wrong type."""

    def text(key: str) -> str:
        return str(config.get(f"{NAMESPACE}:{key}") or "")

    def structure(key: str) -> Mapping[str, JSON]:
        value = config.get(f"{NAMESPACE}:{key}") or {}
        try:
            value = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            value = None
        if not isinstance(value, Mapping):
            raise ResourceError(f"{NAMESPACE}:{key} must be a map")
        return value

    return Configuration(
        account_code=text("accountCode"),
        region=text("region"),
        client_id=text("mimecastClientId"),
        client_secret=text("mimecastClientSecret"),
        passed=Credentials(text("clientId"), text("clientSecret")) if text("clientId") else None,
        passwords=_passwords(structure("addressPasswords")),
        dns=structure("dns"),
    )


def _passwords(entries: Mapping[str, JSON]) -> dict[str, _Password]:
    found = {}
    for address, entry in entries.items():
        values = entry if isinstance(entry, Mapping) else {}
        try:
            key = email_address(address)
        except ValueError:
            raise ResourceError(f"{NAMESPACE}:addressPasswords has a key that is not an address") from None
        found[key] = _Password(str(values.get("password") or ""), str(values.get("confirmation") or ""))
    return found


process = Process()
