"""The account of the credentials, compared with the configuration before anything else is done.

This applies to reads as well: a refresh with another account's credentials would treat every object as deleted.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from mimecast_sso.facts.mimecast_api import ACCOUNT_PAGE, GET_ACCOUNT
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.text.foreign import quoted
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import AccountMismatch, MalformedResponse

__all__ = ["Account", "AccountCheck", "AccountMismatch", "check_account", "read_account", "require"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """The live account: ``code`` in capitals, ``region`` in the vendor's spelling (no list of values exists)."""

    code: str
    region: str
    name: str
    packages: tuple[str, ...] | None = None
    """The packages of its subscription, such as ``Journal Services [1053]``; None if not in the response."""


def read_account(client: MimecastClient) -> Account:
    """The account that the credentials belong to. Raises MimecastError."""
    response = client.legacy(GET_ACCOUNT, {}).accepted("read the account")
    if not response.data or not response.data[0].get("accountCode"):
        raise MalformedResponse("Mimecast's response contains no account", method="POST", path=response.path)
    item = response.data[0]
    return Account(
        code=str(item["accountCode"]),
        region=str(item.get("region") or ""),
        name=str(item.get("accountName") or ""),
        packages=_packages(item.get("packages")),
    )


def _packages(value: object) -> tuple[str, ...] | None:
    """Packages as texts, as recorded, or as objects with a name, which a public client expects as well."""
    if not isinstance(value, list):
        return None
    names = (each.get("name") if isinstance(each, dict) else each for each in value)
    return tuple(str(name) for name in names if name)


def check_account(live: Account, account_code: str, region: str) -> list[str]:
    """Compare the live account with the configured one; return warnings.

    Raises:
        AccountMismatch: the code differs, or the live region is a known one and differs.
    """
    if live.code.upper() != account_code.upper():
        raise AccountMismatch(
            f"The Mimecast credentials are for account {live.code}, but mimecast-sso:accountCode is {account_code}. "
            f"Nothing was changed. Use the credentials of {account_code}, or correct the key ({ACCOUNT_PAGE})",
            configured=account_code,
            live=live.code,
        )
    if live.region.lower() in REGIONS:
        if live.region.lower() != region:
            raise AccountMismatch(
                f"Mimecast account {live.code} is in region {live.region}, but mimecast-sso:region is {region}. "
                f"Nothing was changed. Set mimecast-sso:region to {live.region.lower()}",
                configured=region,
                live=live.region,
            )
        return []
    warning = (
        f"Mimecast reports that account {live.code} is in region {quoted(live.region)}, which this "
        f"project does not know; the configured region {region} was not checked"
    )
    return [warning]


def require(client: MimecastClient, account_code: str, region: str) -> Account:
    """The live account, if it is the configured one; an unknown region string is logged as a warning.

    Raises AccountMismatch, or any `MimecastError` of the call.
    """
    live = read_account(client)
    for warning in check_account(live, account_code, region):
        _log.warning(warning)
    return live


class AccountCheck:
    """Compares once, in the first thread."""

    def __init__(self, client: MimecastClient, account_code: str, region: str) -> None:
        self._client = client
        self._account_code = account_code
        self._region = region
        self._lock = threading.Lock()
        self._passed = False

    def pass_once(self) -> None:
        """Raise AccountMismatch unless the account is the configured one; warn about an unknown region."""
        with self._lock:
            if self._passed:
                return
            require(self._client, self._account_code, self._region)
            self._passed = True
