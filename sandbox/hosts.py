"""The host names that the sandbox serves.

They are listed here, without loading any emulator, because the listener's certificate must contain them.
"""

from __future__ import annotations

from mimecast_sso.facts.regions import REGIONS

LOGIN_HOST = "login.microsoftonline.com"
GRAPH_HOST = "graph.microsoft.com"
STS_HOST = "sts.windows.net"
MANAGEMENT_HOST = "management.azure.com"
DEVICE_LOGIN_HOST = "login.microsoft.com"
MY_APPS_HOSTS = ("myapps.microsoft.com", "launcher.myapps.microsoft.com")

ENTRA_HOSTS: tuple[str, ...] = (
    LOGIN_HOST,
    GRAPH_HOST,
    STS_HOST,
    MANAGEMENT_HOST,
    DEVICE_LOGIN_HOST,
    *MY_APPS_HOSTS,
)

MIMECAST_HOSTS: tuple[str, ...] = (
    "api.services.mimecast.com",
    "uk-api.services.mimecast.com",
    "us-api.services.mimecast.com",
    "api.mimecast.com",
    "login.mimecast.com",
    *(region.host for region in REGIONS.values()),
    *(f"login-{code}.mimecast.com" for code in REGIONS),
)

SERVED: tuple[str, ...] = (*ENTRA_HOSTS, *MIMECAST_HOSTS)
