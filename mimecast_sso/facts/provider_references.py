"""The references to provider classes that a state may hold under ``__provider`` of this project's resources.

A state names the provider of a dynamic resource by a pickle, which the engine's plugin loads with every credential of
the environment at hand. Those of this project are plain references of a few bytes to a class without attributes; a
pickle may hold any program. So a state's pickles are compared as text, never loaded, before an engine sees them.

Source: Pulumi's Python SDK (`pulumi.dynamic`), Python's pickle format. `tests/providers/test_pickles.py` compares these
with what the SDK writes, and with the states of released versions.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mimecast_sso.facts.json_types import JSON

_MIMECAST = "providers.mimecast.resources"
_ENTRA = "providers.entra.resources"

PROVIDERS: Final[Mapping[str, tuple[str, str]]] = {
    "pulumi-python:dynamic/mimecast:AddressBook": (_MIMECAST, "AddressBookProvider"),
    "pulumi-python:dynamic/mimecast:AuthenticationProfile": (_MIMECAST, "AuthenticationProfileProvider"),
    "pulumi-python:dynamic/mimecast:DirectoryIntegration": (_MIMECAST, "DirectoryIntegrationProvider"),
    "pulumi-python:dynamic/mimecast:Domain": (_MIMECAST, "DomainProvider"),
    "pulumi-python:dynamic/mimecast:DomainVerification": (_MIMECAST, "DomainVerificationProvider"),
    "pulumi-python:dynamic/mimecast:Group": (_MIMECAST, "GroupProvider"),
    "pulumi-python:dynamic/mimecast:GroupMembership": (_MIMECAST, "GroupMembershipProvider"),
    "pulumi-python:dynamic/entra:AccountPassword": (_ENTRA, "AccountPasswordProvider"),
    "pulumi-python:dynamic/entra:ActiveSigningCertificate": (_ENTRA, "ActiveSigningCertificateProvider"),
    "pulumi-python:dynamic/entra:DefaultReplyUrl": (_ENTRA, "DefaultReplyUrlProvider"),
    "pulumi-python:dynamic/entra:RetiredSigningCertificate": (_ENTRA, "RetiredSigningCertificateProvider"),
}
"""Type of a resource → module and class of its provider."""

KEY = "__provider"
"""The property that holds a provider."""
_PROTOCOLS = (4, 5)
"""Python's default up to 3.13, and from 3.14 on."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A resource whose provider is not this project's provider for its type."""

    urn: str
    type: str


def foreign(resources: Iterable[Mapping[str, JSON]]) -> Iterator[Foreign]:
    """The resources of a state with a foreign ``__provider``; those without one are left out."""
    for resource in resources:
        type_ = str(resource.get("type") or "")
        known = references(type_)
        for part in ("inputs", "outputs"):
            properties = resource.get(part)
            held = properties.get(KEY) if isinstance(properties, Mapping) else None
            if held is not None and held not in known:
                yield Foreign(str(resource.get("urn") or type_), type_)
                break


def references(type_: str) -> tuple[str, ...]:
    """The allowed values for a type, in each version of the pickle format; none for a foreign type."""
    if type_ not in PROVIDERS:
        return ()
    return tuple(_reference(*PROVIDERS[type_], protocol) for protocol in _PROTOCOLS)


def _reference(module: str, name: str, protocol: int) -> str:
    """The pickle of an instance without attributes: its class, by name, called without arguments; base64."""
    frame = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() + b"\x94" for text in (module, name))
    frame += b"\x93\x94)\x81\x94."
    header = b"\x80" + bytes([protocol]) + b"\x95" + len(frame).to_bytes(8, "little")
    return base64.b64encode(header + frame).decode()
