"""Starts the plugin as Pulumi's engine does: the port goes to standard output, requests come over gRPC."""

from __future__ import annotations

import os
import signal
import sys

from sandbox.azuread.guard import RefusedError, require_sandbox

REFUSED = 1


def main() -> int:
    """Run until SIGINT or SIGTERM. Outside a running sandbox, print an error and return 1."""
    try:
        require_sandbox(os.environ)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED

    # After the guard, so that a refused start costs nothing.
    from sandbox.azuread.package import sdk_version  # noqa: PLC0415
    from sandbox.azuread.server import serve  # noqa: PLC0415

    # Blocked before any thread starts, then waited for: a handler could run just before its flag is checked.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    server, port = serve(sdk_version())
    print(port, flush=True)
    signal.sigwait(signals)
    server.stop(grace=None)
    # Stop at once, as the published plugin does: the engine has already cancelled its calls.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
