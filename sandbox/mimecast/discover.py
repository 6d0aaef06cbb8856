"""``discover-authentication``: the region and authentication methods of an address.

Clients show the request, ``region.api`` with its scheme, ``authenticate`` as a list, ``emailToken``, and that an
unknown address gets no ``region``. It needs no signature. EMU: ``SAML`` as the value under a profile that enforces
SAML for end user applications (the setting ``mimecast.discover_saml`` changes it), and that any application id works.
"""

from __future__ import annotations

import hashlib

from starlette.responses import Response

from sandbox.mimecast import accounts, envelope, policy, users
from sandbox.mimecast.envelope import Function, Item, each
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

PATH = "/api/login/discover-authentication"


def run(world: World, body: bytes) -> Response:
    """Handle the call, which needs no credentials."""
    return envelope.run(_FUNCTION, Caller(world, account="", client_id=""), body)


def _discover(caller: Caller, item: Item) -> Item:
    world = caller.world
    address = users.address_in(item)
    found: Item = {
        "emailAddress": address,
        "emailToken": hashlib.sha256(f"{world.instance}|{address}".encode()).hexdigest(),
        "authenticate": ["Basic-Cloud"],
    }
    user = users.anywhere(world, address)
    if user is None:
        return found
    profile = policy.effective(world, user["account"], address)
    if profile is not None and profile.is_set_up and profile.form["enforceEndUserApplications"]:
        found["authenticate"] = [world.setting("mimecast.discover_saml", "SAML")]
    found["region"] = {"api": f"https://{accounts.region_of(world, user['account']).host}"}
    return found


_FUNCTION = Function(each(_discover, "emailAddress"), None, 1)
