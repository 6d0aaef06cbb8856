"""The integration through which Mimecast synchronises addresses from a Microsoft 365 tenant: find, provide, rename.

People's addresses may come from it, so no function here deletes one. Mimecast's integrations have no unique name: they
are found by their description, and two with the same description are an error.

Sources: Mimecast's API 2.0 catalogue (``…/integrations/m365``: verbs, permissions) and a public client that was written
against the vendor's contract (properties, limits, ``{"id": …}`` on creation). Assumed: that the ids of get-connection
serve here as well; where one does not, that of the v2 list is tried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from urllib.parse import quote

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    INTEGRATION_EDIT,
    INTEGRATION_READ,
    INTEGRATIONS_PATH,
    MICROSOFT_365_PATH,
    SYNCHRONISATION_PAGE,
    UNLINK_LIMITS,
)
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import same_key
from providers.mimecast.client import MimecastClient
from providers.mimecast.directory_connection import ROWS, DirectoryConnection, read_connection
from providers.mimecast.errors import IntegrationUnusable, NotFound
from providers.mimecast.responses import Json
from providers.mimecast.settling import appeared, settle

_log = logging.getLogger(__name__)

PROPERTIES = (
    "acknowledgeDisabledAccounts",
    "connectorId",
    "deleteUsers",
    "domains",
    "enabled",
    "maxUnlink",
    "serverSubtype",
    "syncContacts",
    "syncGuestUsers",
    "tenantDomain",
)
"""The configurable properties, with Mimecast's names; ``description`` is the name."""

_UNLINK_LIMIT_BY_DIGITS = {limit.replace(",", ""): limit for limit in UNLINK_LIMITS}


class Mode(StrEnum):
    """What a stack may do with an integration."""

    ENSURE = "ensure"
    """A missing one is created, and the configured properties are enforced; others are left unchanged."""
    REQUIRE = "require"
    """It must exist with the configured properties; nothing is ever written."""


@dataclass(frozen=True, slots=True)
class Integration:
    """A Microsoft 365 integration as Mimecast has it.

    Attributes:
        connection: Its state and last run.
        properties: The `PROPERTIES` in the response, in normal form.
    """

    description: str
    connection: DirectoryConnection
    properties: Mapping[str, JSON]
    secure_id: str = field(default="", compare=False, repr=False)

    def differences(self, desired: Mapping[str, JSON]) -> dict[str, JSON]:
        """The desired properties that differ, with their live values; properties that are not shown are left out."""
        live = self.properties
        return {key: live[key] for key, value in desired.items() if key in live and live[key] != value}


def normal(properties: Mapping[str, JSON]) -> dict[str, JSON]:
    """Properties in normal form: domain names in lower case and sorted, limits in their written form."""
    found = {key: properties[key] for key in PROPERTIES if properties.get(key) is not None}
    if isinstance(found.get("domains"), list | tuple):
        found["domains"] = sorted({same_key(str(each)) for each in found["domains"]})
    if "tenantDomain" in found:
        found["tenantDomain"] = same_key(str(found["tenantDomain"]))
    if "maxUnlink" in found:
        digits = str(found["maxUnlink"]).strip().replace(",", "").removesuffix(".0")
        found["maxUnlink"] = _UNLINK_LIMIT_BY_DIGITS.get(digits, digits)
    return found


def find_integration(
    client: MimecastClient, description: str, connections: Iterable[DirectoryConnection] | None = None
) -> Integration | None:
    """The integration with this description; ``None`` if there is none.

    Args:
        client: The client of the account.
        description: The description in the console.
        connections: The account's connections, if they have just been read.

    Raises:
        IntegrationUnusable: Several have it, or it is not an integration with Microsoft 365.
    """
    known = read_connection(client) if connections is None else connections
    named = [each for each in known if each.description == description]
    if not named:
        return None
    if len(named) > 1:
        raise IntegrationUnusable(
            f"Mimecast has {len(named)} directory integrations called {quoted(description)}. Rename all but one "
            f"({SYNCHRONISATION_PAGE}), or set another mimecast-sso:directorySynchronisation.description"
        )
    row, secure_id = _details(client, named[0])
    return Integration(description, named[0], normal(row), secure_id)


def provide_integration(
    client: MimecastClient,
    description: str,
    mode: Mode,
    desired: Mapping[str, JSON],
    former: str = "",
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Integration:
    """Ensure that the integration exists with the desired properties, as ``mode`` allows. Repeatable.

    Args:
        client: The client of the account.
        description: Its description.
        mode: What a stack may do with it.
        desired: The configured properties, in normal form.
        former: Its previous description, if different; it is renamed in place.
        sleep: Pauses until a new one is listed.

    Raises:
        IntegrationUnusable: mode ``require``, and it is missing or differs; or as `find_integration`.
    """
    found = find_integration(client, description)
    if mode is Mode.REQUIRE:
        return _required(found, description, desired)
    before = find_integration(client, former) if former not in ("", description) else None
    if found is not None and before is not None:
        raise IntegrationUnusable(
            f"The directory integration {quoted(former)} cannot be renamed: Mimecast already has one "
            f"called {quoted(description)}"
        )
    existing = found or before
    if existing is None:
        return _create(client, description, desired, sleep)
    changed = {key: desired[key] for key in existing.differences(desired)}
    if found is None:
        changed["description"] = description
    return _change(client, existing, description, desired, changed) if changed else existing


def leave_integration(description: str) -> None:
    """Log that an integration that is no longer managed is kept, because people's addresses come from it."""
    _log.warning(
        "The directory integration %s stays at Mimecast, because people's addresses come from it. Delete it in the "
        "console (%s) if nobody needs it",
        description,
        SYNCHRONISATION_PAGE,
    )


def _required(found: Integration | None, description: str, desired: Mapping[str, JSON]) -> Integration:
    way_out = (
        f"Set it up in the console ({SYNCHRONISATION_PAGE}), or set mimecast-sso:directorySynchronisation.mode to "
        "ensure"
    )
    if found is None:
        raise IntegrationUnusable(
            f"Mimecast has no directory integration called {quoted(description)}, but its mode is require. {way_out}"
        )
    if differing := found.differences(desired):
        listed = "; ".join(
            f"{key} is {shown(live)}, configured is {shown(desired[key])}" for key, live in differing.items()
        )
        raise IntegrationUnusable(
            f"The directory integration {quoted(description)} differs, and its mode is require: {listed}. {way_out}"
        )
    return found


def shown(value: JSON) -> str:
    """A property's value in a sentence."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value) or "empty"
    return str(value)


def _create(
    client: MimecastClient, description: str, desired: Mapping[str, JSON], sleep: Callable[[float], None]
) -> Integration:
    def listed() -> Integration | None:
        return appeared(partial(find_integration, client, description), sleep)

    def create() -> Integration | None:
        client.v2(
            "POST",
            MICROSOFT_365_PATH,
            permission=INTEGRATION_EDIT,
            body={"description": description, **desired},
        )
        return listed()

    # Descriptions are not unique: a second call would create a second one, so a lost response is settled by a look-up.
    created = settle(create, listed)
    if created is None:
        raise IntegrationUnusable(
            f"Mimecast accepted the directory integration {quoted(description)} but does not list it yet. Rerun this "
            f"once the console shows it ({SYNCHRONISATION_PAGE}): until then a run would create a second one"
        )
    return created


def _change(
    client: MimecastClient,
    existing: Integration,
    description: str,
    desired: Mapping[str, JSON],
    changed: Mapping[str, JSON],
) -> Integration:
    path = f"{MICROSOFT_365_PATH}/{quote(existing.secure_id, safe='')}"

    def change() -> Integration:
        client.v2("PATCH", path, permission=INTEGRATION_EDIT, body=dict(changed))
        return find_integration(client, description) or existing

    def has_changed() -> Integration | None:
        found = find_integration(client, description)
        return found if found and not found.differences(desired) else None

    return settle(change, has_changed)


def _details(client: MimecastClient, connection: DirectoryConnection) -> tuple[Json, str]:
    """A connection's properties as a Microsoft 365 integration, and its id."""
    try:
        return _read(client, connection.secure_id), connection.secure_id
    except NotFound:
        pass
    rows = client.v2_list(INTEGRATIONS_PATH, ROWS, permission=INTEGRATION_READ)
    ids = [str(row.get("id") or "") for row in rows if row.get("description") == connection.description]
    for other in ids:
        if other not in ("", connection.secure_id):
            try:
                return _read(client, other), other
            except NotFound:
                continue
    raise IntegrationUnusable(
        f"The directory integration {quoted(connection.description)} is not with Microsoft 365"
        f"{f' (Mimecast calls it {connection.kind})' if connection.kind else ''}, so it can be neither read nor kept. "
        "Set another mimecast-sso:directorySynchronisation.description, or remove that key"
    )


def _read(client: MimecastClient, secure_id: str) -> Json:
    return client.v2("GET", f"{MICROSOFT_365_PATH}/{quote(secure_id, safe='')}", permission=INTEGRATION_READ)
