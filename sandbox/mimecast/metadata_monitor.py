"""Monitor Metadata URL: certificates that a profile takes from its identity provider's metadata.

Documented: the check box, but not its effect. All EMU: the metadata is read when a response arrives and the last read
is older than ``mimecast.metadata_interval_seconds`` (default 0: on every response); every signing certificate in it is
trusted instead of the one in the form; a certificate no longer listed stays trusted for
``mimecast.metadata_keep_seconds`` (default 900); an unavailable document changes nothing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from mimecast_sso.saml import metadata
from mimecast_sso.saml.errors import MalformedMetadata
from sandbox.mimecast import metadata_import, policy
from sandbox.mimecast.metadata_import import MetadataUnavailableError
from sandbox.world import World

READINGS = "mimecast.metadataReadings"

_KEEP_SECONDS = 900


async def refresh(world: World, account: str) -> None:
    """Read the metadata of the account's monitoring profiles whose last read is too old."""
    for profile in policy.profiles(world, account):
        url = profile.form["metadataUrl"]
        if profile.form["monitorMetadataUrl"] and url and _is_old(world, profile.number, url):
            try:
                content = await asyncio.to_thread(metadata_import.fetch, world, url)
                found = metadata.parse(content).signing_certificates
            except (MetadataUnavailableError, MalformedMetadata):
                continue
            _keep(world, profile.number, url, found)


def certificates(world: World, profile: policy.Profile) -> tuple[str, ...]:
    """The certificates (base64 DER) that a profile trusts: those of monitored metadata, else the form's."""
    reading = _reading(world, profile.number, profile.form["metadataUrl"])
    if not profile.form["monitorMetadataUrl"] or reading is None:
        return (profile.form["certificate"],)
    since = world.now() - timedelta(seconds=world.setting("mimecast.metadata_keep_seconds", _KEEP_SECONDS))
    return tuple(
        body
        for body, seen in reading["certificates"].items()
        if seen == reading["read"] or datetime.fromisoformat(seen) > since
    )


def _is_old(world: World, number: int, url: str) -> bool:
    reading = _reading(world, number, url)
    interval = timedelta(seconds=world.setting("mimecast.metadata_interval_seconds", 0))
    if reading is None:
        return True
    age = world.now() - datetime.fromisoformat(reading["read"])
    return not timedelta() <= age < interval  # The clock may have been moved back.


def _reading(world: World, number: int, url: str) -> dict[str, Any] | None:
    reading = world.get(READINGS, str(number))
    return reading if reading and reading["url"] == url else None


def _keep(world: World, number: int, url: str, found: tuple[str, ...]) -> None:
    now = world.now().isoformat()
    before = _reading(world, number, url)
    known = before["certificates"] if before else {}
    world.put(
        READINGS,
        str(number),
        {"url": url, "read": now, "certificates": {**known, **dict.fromkeys(found, now)}},
    )
