"""The proof of ownership of a domain, in its two forms. Source: Mimecast's support articles on registering a domain."""

from __future__ import annotations

CNAME_TYPE = "CNAME"
CNAME_TARGET = "validate-domain.mimecast.com"
"""Instead of the TXT record at the apex: a CNAME record at ``<code>.<domain>`` that points here."""


def cname_name(domain: str, code: str) -> str:
    """The name of the CNAME form of the proof."""
    return f"{code}.{domain}"


def proof_record(domain: str, code: str, record_type: str) -> tuple[str, str]:
    """Name and value of the proof record of this type: ``TXT`` or ``CNAME``."""
    if record_type == CNAME_TYPE:
        return cname_name(domain, code), CNAME_TARGET
    return domain, code
