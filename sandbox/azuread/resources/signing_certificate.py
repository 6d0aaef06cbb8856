"""Token signing certificates of service principals.

Calls and messages: hashicorp/terraform-provider-azuread,
`internal/services/serviceprincipals/service_principal_token_signing_certificate_resource.go`.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import defaultdict

from sandbox.azuread import validation
from sandbox.azuread.graph import Document, FailedError, Graph, GraphError, naming
from sandbox.azuread.resources.base import ResourceType, known_parts, last_part, parts
from sandbox.azuread.schema import Property, Table, computed, required
from sandbox.azuread.wire import Properties

# A removal rewrites the whole list of keys.
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_NOT_FOUND = 404


class ServicePrincipalTokenSigningCertificate(ResourceType):
    table = Table(
        "ServicePrincipalTokenSigningCertificate",
        (
            Property(
                "displayName",
                optional=True,
                computed=True,
                replaces=True,
                validate=validation.matches("^CN=.+$|^$"),
            ),
            Property("endDate", optional=True, computed=True, replaces=True, validate=validation.rfc3339),
            computed("keyId"),
            required("servicePrincipalId", validate=validation.service_principal_id, replaces=True),
            computed("startDate"),
            computed("thumbprint"),
            computed("value", secret=True),
        ),
    )
    ID = "([^/]+)/tokenSigningCertificate/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        principal = last_part(planned["servicePrincipalId"])
        named = f'Service Principal (Service Principal: "{principal}")'
        requested = {"displayName": planned["displayName"], "endDateTime": planned["endDate"]}
        body = {key: value for key, value in requested.items() if value}
        with _locks[principal], naming(f"Could not add token signing certificate to {named}"):
            added = graph.post(f"/servicePrincipals/{principal}/addTokenSigningCertificate", body)
        with naming(f"Waiting for token signing certificate credential for {named}"):
            keys = graph.get(f"/servicePrincipals/{principal}")["keyCredentials"]
        # Graph returns the signing key of the pair; all other callers see the verifying key.
        for key in keys:
            if key["usage"] == "Verify" and key["customKeyIdentifier"] == added["customKeyIdentifier"]:
                return f"{principal}/tokenSigningCertificate/{key['keyId']}"
        raise FailedError(f"Could not determine key ID for newly added token signing certificate for {named}")

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        principal, key_id = found
        with naming(
            f'[service_principal_id] Retrieving Service Principal (Service Principal: "{principal}")'
        ):
            live = graph.find(f"/servicePrincipals/{principal}", select="keyCredentials")
        key = _key(live["keyCredentials"], key_id) if live else None
        if key is None:
            return None
        value = key.get("key") or ""
        return {
            "id": resource_id, "servicePrincipalId": f"/servicePrincipals/{principal}", "keyId": key_id,
            "displayName": key.get("displayName") or "", "value": value,
            "startDate": key.get("startDateTime") or "", "endDate": key.get("endDateTime") or "",
            "thumbprint": _thumbprint(value),
        }  # fmt: skip

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        """Remove this resource's key pair. (With several, the published plugin removes a different one.)"""
        principal, key_id = known_parts(self.ID, resource_id)
        named = f'Service Principal (Service Principal: "{principal}")'
        with _locks[principal]:
            try:
                live = graph.get(f"/servicePrincipals/{principal}")
            except GraphError as error:
                cause = "Service Principal was not found" if error.status == _NOT_FOUND else str(error)
                raise FailedError(f"[service_principal_id] Retrieving {named}: {cause}") from error
            key = _key(live["keyCredentials"], key_id)
            if key is None:
                return
            pair = key["customKeyIdentifier"]
            kept = {
                name: [entry for entry in live.get(name) or [] if entry.get("customKeyIdentifier") != pair]
                for name in ("keyCredentials", "passwordCredentials")
            }
            with naming(f'Removing token signing certificate credentials "{key_id}" from {named}'):
                graph.patch(f"/servicePrincipals/{principal}", kept)


def _key(keys: list[Document], key_id: str) -> Document | None:
    return next((key for key in keys if key["keyId"].lower() == key_id.lower()), None)


def _thumbprint(certificate: str) -> str:
    # Thumbprints are SHA-1 by definition; nothing trusts them.
    return (
        hashlib.sha1(base64.b64decode(certificate), usedforsecurity=False).hexdigest().upper()
        if certificate
        else ""
    )
