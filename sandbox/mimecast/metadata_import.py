"""The form's Import button: issuer, login URL and certificate from an identity provider's metadata.

Documented: the button and the fields that it fills in. EMU: that the logout URL is left unchanged, and the errors. The
document is fetched through the sandbox's own proxy, so only hosts of the sandbox can be reached.
"""

from __future__ import annotations

import asyncio

import requests

from mimecast_sso.saml import metadata, names
from mimecast_sso.saml.errors import MalformedMetadata
from sandbox.environment import TRUST_FILE, read_process
from sandbox.world import World

_TIMEOUT = 10.0


class MetadataUnavailableError(Exception):
    """The metadata is not available; the message is for the form."""


async def imported_fields(world: World, url: str) -> dict[str, str]:
    """The values that the button fills in, by field key.

    Raises:
        MetadataUnavailableError: the document cannot be fetched or is no identity provider's metadata.
    """
    if not url:
        raise MetadataUnavailableError("Enter the address to import from.")
    content = await asyncio.to_thread(fetch, world, url)
    try:
        provider = metadata.parse(content)
    except MalformedMetadata as error:
        raise MetadataUnavailableError(f"Not an identity provider's metadata: {error}.") from error
    certificates = provider.signing_certificates
    return {
        "issuerUrl": provider.entity_id,
        "loginUrl": provider.single_sign_on_urls.get(names.BINDING_POST, ""),
        "certificate": certificates[0] if certificates else "",
    }


def fetch(world: World, url: str) -> bytes:
    """The document at a URL. Raises MetadataUnavailableError."""
    process = read_process(world.home)
    if process is None:
        raise MetadataUnavailableError("The sandbox does not know its own proxy.")
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {"https": f"http://{process.proxy}", "http": f"http://{process.proxy}"}
            session.verify = str(world.home / TRUST_FILE)
            response = session.get(url, timeout=_TIMEOUT)
            response.raise_for_status()
            return response.content
    except (requests.RequestException, ValueError) as error:
        raise MetadataUnavailableError(f"The document cannot be fetched ({type(error).__name__}).") from error
