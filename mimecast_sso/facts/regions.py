"""The nine Mimecast regions and the SAML values each one gives.

Sources: Microsoft's "Mimecast" gallery tutorial (identifier, reply and sign-on URL of eu, us, za, au and jer)
and its revision that adds de, usb, ca and uspcom; Mimecast's global base URL list (hosts and account code
prefixes); JumpCloud's and SecureAuth's Mimecast guides (IdP-initiated reply URL of the Personal Portal).
"""

from __future__ import annotations

from dataclasses import dataclass

_REGIONS_WITH_CONSOLE_HOST = frozenset({"eu", "us", "za", "au", "jer"})
"""From Microsoft's tutorial "Mimecast Admin Console"."""


@dataclass(frozen=True, slots=True)
class Region:
    """One Mimecast grid. ``host`` serves both the SAML endpoints and the regional API."""

    code: str
    name: str
    host: str
    account_prefix: str | None
    """Prefix of the grid's account codes; ``None`` if no source states it."""

    def identifier(self, account_code: str) -> str:
        """The SAML entity id that Mimecast uses towards Entra (other identity providers get another form)."""
        return f"https://{self.host}/sso/{account_code}"

    @property
    def reply_url(self) -> str:
        """The assertion consumer service for sign-ins that start at Mimecast."""
        return f"https://{self.host}/login/saml"

    @property
    def sign_on_url(self) -> str:
        """The page of the Personal Portal that starts a sign-in."""
        return f"https://{self.host}/login/saml"

    @property
    def console_url(self) -> str:
        """The Administration Console's sign-in page; the generic one if no source names the region's."""
        if self.code in _REGIONS_WITH_CONSOLE_HOST:
            return f"https://login-{self.code}.mimecast.com/administration/"
        return "https://login.mimecast.com/administration/"

    @property
    def idp_initiated_reply_url(self) -> str:
        """The assertion consumer service for sign-ins that start in My Apps."""
        return f"https://{self.host}/login/sso/mpp"


REGIONS: dict[str, Region] = {
    region.code: region
    for region in (
        Region("eu", "Europe (except Germany)", "eu-api.mimecast.com", "CUK"),
        Region("de", "Germany", "de-api.mimecast.com", "CDE"),
        Region("us", "United States A", "us-api.mimecast.com", "CUSA"),
        Region("usb", "United States B", "usb-api.mimecast.com", "CUSB"),
        Region("uspcom", "United States public sector", "uspcom-api.mimecast-pscom-us.com", None),
        Region("ca", "Canada", "ca-api.mimecast.com", "CCA"),
        Region("za", "South Africa", "za-api.mimecast.com", "CSA"),
        Region("au", "Australia", "au-api.mimecast.com", "CAU"),
        Region("jer", "Offshore (Jersey)", "jer-api.mimecast.com", None),
    )
}

RETIRED_HOSTS: dict[str, str | None] = {
    "webmail-uk.mimecast.com": "eu",
    "webmail-us.mimecast.com": "us",
    "webmail-za.mimecast.com": "za",
    "webmail.mimecast-offshore.com": "jer",
    # Country codes that a translation of the 2016 tutorial turned into "fr" and "be"; no such host existed.
    "webmail-fr.mimecast.com": "eu",
    "webmail-be.mimecast.com": "us",
}
"""Hosts that tutorials of 2016 to 2018 print, and the region whose values replace them."""

REGION_NAMES: dict[str, str] = {
    "uk": "eu",
    "gb": "eu",
    "europe": "eu",
    "germany": "de",
    "usa": "us",
    "canada": "ca",
    "south africa": "za",
    "australia": "au",
    "jersey": "jer",
    "offshore": "jer",
}
"""Other names of a region, and its code."""
