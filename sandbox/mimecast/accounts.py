"""Accounts, and the calls that read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from starlette.responses import JSONResponse, Response

from mimecast_sso.facts.regions import REGIONS, Region
from sandbox.mimecast import rest
from sandbox.mimecast.envelope import Function, Item, Page, Result
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

ACCOUNTS = "mimecast.accounts"

_DASHBOARD = "Account | Dashboard | Read"
_SETTINGS = "Account | Settings | Read"


_PACKAGES = ("Single Sign On [1031]", "Secure Email Gateway [1001]")
"""Names and numbers are EMU, in the format of recorded ones; the switch ``mimecast.packages`` overrides them."""


def region_of(world: World, account: str) -> Region:
    """The grid that hosts an account."""
    document = world.get(ACCOUNTS, account) or {}
    return REGIONS[document["region"]]


def of_administrator(world: World, address: str) -> dict[str, Any] | None:
    """The account that an administrator signs in to."""
    for account in world.all(ACCOUNTS):
        if account["administrator"]["emailAddress"] == address.lower():
            return account
    return None


def _users_by_account(documents: Iterable[tuple[str, dict[str, Any]]]) -> Counter[str]:
    return Counter(user["account"] for _, user in documents)


def _get_account(caller: Caller, _: list[Item], __: Page) -> Result:
    """One item with every field of the recorded responses; most values are invented."""
    account = caller.world.get(ACCOUNTS, caller.account) or {}
    administrator = account["administrator"]["emailAddress"]
    users = caller.world.derived("mimecast.users", _users_by_account)
    found = {
        "region": account["region"],
        "archive": False,
        "gateway": True,
        "passphrase": "",
        "supportCode": "7QK4",
        "maxRetention": 30,
        "maxRetentionConfirmed": True,
        "minRetentionEnabled": False,
        "automatedSegmentPurge": True,
        "type": "full",
        "policyInheritance": False,
        "databaseCode": f"{account['region']}term1",
        "searchReason": False,
        "contentAdministratorDefaultView": "Metadata",
        "adminSessionTimeout": 60,
        "exportApi": False,
        "exgestAllowQuery": False,
        "exgestAllowExtraction": False,
        "expressAccount": False,
        "cybergraphV2Enabled": False,
        "mailPlatform": "Microsoft 365",
        "accountCode": account["accountCode"],
        "accountName": account["name"],
        "adminEmail": administrator,
        "contactEmail": administrator,
        "contactName": "Example Administrator",
        "telephone": "",
        "domain": administrator.partition("@")[2],
        "userCount": users[caller.account],
        "mimecastId": account["mimecastId"],
        "packages": caller.world.setting("mimecast.packages", list(_PACKAGES)),
    }
    return Result(data=[found])


def _whoami(call: rest.Call) -> Response:
    """Hyphenated keys as clients read them; the values of ``version`` and ``type`` are EMU."""
    codes = {"cg": call.caller.account}
    return JSONResponse(
        {"version": "1", "type": "application", "account-codes": codes, "home-account": codes}
    )


def _gateway_details(call: rest.Call) -> Response:
    """Field names as clients read them; states, host names and SPF text are EMU."""
    region = region_of(call.caller.world, call.caller.account).code
    return JSONResponse(
        {
            "accountCode": call.caller.account,
            "region": region,
            "protectionMode": "full",
            "status": "ok",
            "outboundEnabled": True,
            "outboundHostnames": [f"{region}-smtp-outbound-1.mimecast.com"],
            "inboundMxRecords": {"hostname": f"{region}-smtp-inbound-1.mimecast.com", "priority": 10},
            "spf": f"v=spf1 include:{region}._netblocks.mimecast.com ~all",
        }
    )


FUNCTIONS = {"/api/account/get-account": Function(_get_account, _DASHBOARD)}

ROUTES = (
    rest.Route("GET", "/identity/whoami", _whoami),
    rest.Route("GET", "/email/cloud-gateway/v1/gateway-details", _gateway_details, _SETTINGS),
)
