"""Lets the plugin start only in a running sandbox, with nothing else behind the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from sandbox.environment import handshake
from sandbox.hosts import ENTRA_HOSTS

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RefusedError(Exception):
    """This is not a sandbox. The message gives the reason and the fix."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the sandbox's stand-in for the azuread plugin does not start: {reason}. It only works inside a running "
            "sandbox (`mimecast-sso sandbox run -- COMMAND`). For a real tenant, install the published plugin: "
            "`pulumi plugin install resource azuread`."
        )


def require_sandbox(environment: Mapping[str, str]) -> None:
    """Check that all traffic goes to the sandbox that `SANDBOX_INSTANCE` names.

    Raises:
        RefusedError: the proxy is missing, not on loopback, or not that sandbox; or a host of Microsoft's would be
            reached without it.
    """
    instance = environment.get("SANDBOX_INSTANCE", "")
    if not instance:
        raise RefusedError("SANDBOX_INSTANCE is not set")
    proxies = {environment[name] for name in ("HTTPS_PROXY", "https_proxy") if environment.get(name)}
    # An empty lower-case variable disables the upper-case one.
    if not proxies or not environment.get("https_proxy", "unset"):
        raise RefusedError("HTTPS_PROXY is not set")
    for proxy in proxies:
        if _instance_behind(proxy) != instance:
            raise RefusedError(f"the proxy {proxy} is not the sandbox {instance}")
    for host in ENTRA_HOSTS:
        require_proxied(host, environment)


def require_proxied(host: str, environment: Mapping[str, str]) -> None:
    """Check that clients send requests for this host to the proxy; loopback needs none.

    Stricter than any client: an entry of NO_PROXY counts with and without its port, in both spellings of the
    variable.

    Raises:
        RefusedError
    """
    if host in _LOOPBACK:
        return
    for name in ("NO_PROXY", "no_proxy"):
        for entry in environment.get(name, "").replace(",", " ").split():
            pattern = entry.lower().partition(":")[0] if entry.count(":") == 1 else entry.lower()
            if pattern == "*" or host.lower().endswith(pattern.lstrip("*")):
                raise RefusedError(f"{name} contains {entry}, so {host} would be reached without the sandbox")


def _instance_behind(proxy: str) -> str | None:
    """The instance id that the sandbox behind the proxy reports."""
    address = urlsplit(proxy)
    if address.hostname not in _LOOPBACK or address.port is None:
        raise RefusedError(f"the proxy {proxy} is not on loopback")
    return handshake(address.port)
