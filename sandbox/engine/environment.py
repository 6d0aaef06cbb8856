"""The environment of the engine's children: the sandbox's, or one without any network."""

from __future__ import annotations

import os

_LOOPBACK = "localhost,127.0.0.1,::1"
_INSTANCE = "SANDBOX_INSTANCE"
_CREDENTIALS = ("ARM_", "MIMECAST_CLIENT_")
_REFUSING_PROXY = "http://127.0.0.1:9"


def resolve(caller: dict[str, str]) -> dict[str, str]:
    """The environment for the engine and its children.

    The running sandbox's variables override the caller's, except for `PULUMI_*`, and for credentials if the caller
    already points at this sandbox: they may be those of a further tenant. Without a sandbox every proxy variable names
    a port that nothing listens on, so that no child can reach beyond this machine. Loopback is always excluded: gRPC
    clients honour the proxy too.
    """
    sandbox = _sandbox()
    if sandbox is None:
        proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), _REFUSING_PROXY)
        return caller | proxies | dict.fromkeys(("NO_PROXY", "no_proxy"), _LOOPBACK)
    inside = _INSTANCE in sandbox and caller.get(_INSTANCE) == sandbox[_INSTANCE]
    kept = ("PULUMI_", *(_CREDENTIALS if inside else ()))
    own = {key: value for key, value in caller.items() if key.startswith(kept)}
    return caller | sandbox | own


def _sandbox() -> dict[str, str] | None:
    try:
        from sandbox import environment as world  # noqa: PLC0415 (the engine also runs without the emulators)
    except ImportError:
        return None
    home = world.home()
    if not home.is_dir() or world.running(home) is None:
        return None
    return dict(world.environment(home))


def own() -> dict[str, str]:
    """`resolve` for this process; also exclude loopback from its own proxies."""
    environment = {"GRPC_VERBOSITY": "NONE"} | resolve(dict(os.environ))  # gRPC logs every cancelled call
    os.environ.update(environment)
    return environment
