"""A managed identity from the endpoint that ``ARM_MSI_ENDPOINT`` names, requested as the azuread provider does.

azure-identity finds the endpoints of Azure's own services, but does not read this variable. Source of the
request: "How to use managed identities … to acquire an access token" (Microsoft), and azuread's guide "Authenticating
using Managed Identity".
"""

from __future__ import annotations

import time
from typing import Any

import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from providers import network

_VERSION = "2018-02-01"
_TIMEOUT_SECONDS = 30
_DEFAULT = "/.default"


class ManagedIdentityEndpoint:
    """A credential for azure-identity's users. ``client_id`` names a user-assigned identity, or is ""."""

    def __init__(self, endpoint: str, client_id: str) -> None:
        self._endpoint = endpoint
        self._client = {"client_id": client_id} if client_id else {}

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for a scope that ends in ``/.default``. Raises ClientAuthenticationError if there is none."""
        query = {"api-version": _VERSION, "resource": scopes[0].removesuffix(_DEFAULT), **self._client}
        session = requests.Session()
        session.trust_env = False  # The endpoint is local to the machine; a proxy would be another machine.
        try:
            response = session.get(
                self._endpoint, params=query, headers={"Metadata": "true"}, timeout=_TIMEOUT_SECONDS
            )
            found = response.json()
            if response.ok:
                return AccessToken(str(found["access_token"]), int(time.time()) + int(found["expires_in"]))
            reason = (
                f"HTTP {response.status_code}: {found.get('error_description') or found.get('error') or ''}"
            )
        except (requests.RequestException, ValueError, KeyError, AttributeError) as error:
            reason = network.reason(error)
        raise ClientAuthenticationError(reason)
