"""Addresses that Mimecast itself creates with an internal domain: nobody signs in with them.

Source: responses of the vendor in public traffic (austinkelleher/graph-mimecast), for two of three domains. Assumed:
the names are the same in every account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DOMAIN_ADDRESSES: Final[Mapping[str, str]] = {
    "abuse": "Domain abuse address",
    "postmaster": "Domain postMaster address",
}
"""Names, by the part before the @."""


def is_of_a_domain(address: str, name: str) -> bool:
    """Whether Mimecast created the address; one with a name of its own may be a person's."""
    return DOMAIN_ADDRESSES.get(address.partition("@")[0]) == name
