"""Starts the plugin as Pulumi's engine does: the port goes to standard output, requests come over gRPC."""

from __future__ import annotations

import os
import signal
import sys
import threading

from sandbox.azuread.guard import RefusedError, require_sandbox

REFUSED = 1


def main() -> int:
    """Runs until it is told to stop. Outside a running sandbox it says so on standard error and ends with 1."""
    try:
        require_sandbox(os.environ)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED

    # After the guard, so that a refused start costs nothing.
    from sandbox.azuread.package import sdk_version  # noqa: PLC0415
    from sandbox.azuread.server import serve  # noqa: PLC0415

    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    server, port = serve(sdk_version())
    print(port, flush=True)
    told.wait()
    server.stop(grace=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
