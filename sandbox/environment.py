"""Where a sandbox lives, whether it runs, and the environment variables that a client needs to reach it.

A running sandbox is recognised by its handshake, not by its process file alone: the file of a killed process is
stale, and another process may have its port by now.
"""

from __future__ import annotations

import http.client
import json
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox import credentials

PRODUCT = "mimecast-sso sandbox"
PROCESS_FILE = "process.json"
TRUST_FILE = "trust.pem"
HANDSHAKE_PATH = "/.sandbox/handshake"

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
_HANDSHAKE_TIMEOUT = 5.0


class NotRunningError(Exception):
    """No sandbox is running in this home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"the sandbox is not running (home: {home}). Start it: mimecast-sso sandbox start")


@dataclass(frozen=True, slots=True)
class Process:
    """A running sandbox; ``proxy``, ``listener`` and ``dns`` are ``127.0.0.1:port``."""

    pid: int
    instance: str
    proxy: str
    listener: str
    dns: str
    started: str

    @property
    def proxy_port(self) -> int:
        """The port of the proxy and of the control plane."""
        return int(self.proxy.rpartition(":")[2])

    def as_dict(self) -> dict[str, Any]:
        """The content of the process file."""
        return asdict(self)


def home() -> Path:
    """The sandbox's folder: ``SANDBOX_HOME``, else ``.sandbox`` in the project's root."""
    configured = os.environ.get("SANDBOX_HOME")
    return Path(configured).resolve() if configured else _PROJECT_ROOT / ".sandbox"


def instance(home: Path) -> str:
    """The instance id of the sandbox in ``home``, created once and kept across restarts."""
    file = home / "instance"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(str(uuid.uuid4()))
    return file.read_text(encoding="utf-8").strip()


def read_process(home: Path) -> Process | None:
    """The content of the process file, unchecked. Raises PermissionError: whether another user's runs is unknown."""
    try:
        return Process(**json.loads((home / PROCESS_FILE).read_text(encoding="utf-8")))
    except PermissionError:
        raise
    except (OSError, ValueError, TypeError):
        return None


def running(home: Path) -> Process | None:
    """The sandbox running in ``home``; removes a stale or unreadable process file."""
    process = read_process(home)
    if process is not None and handshake(process.proxy_port) == process.instance:
        return process
    with suppress(OSError):  # Starting it says what is wrong with the folder.
        (home / PROCESS_FILE).unlink(missing_ok=True)
    return None


def handshake(port: int) -> str | None:
    """The instance id of the sandbox on this loopback port, or ``None`` if no sandbox responds there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HANDSHAKE_TIMEOUT)
    try:
        connection.request("GET", HANDSHAKE_PATH)
        handshake = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    if not isinstance(handshake, dict) or handshake.get("product") != PRODUCT:
        return None
    return str(handshake.get("instance"))


def state_folder(home: Path) -> Path:
    """Where stacks deployed on the sandbox keep their state (a ``file://`` backend)."""
    return home / "state"


def stack_files_folder(home: Path) -> Path:
    """Where commands keep their records of deployments on the sandbox, and rehearsals their stack files."""
    return home / "stacks"


def output_folders(home: Path) -> tuple[Path, ...]:
    """Where commands put run sheets and undo records of stacks deployed on the sandbox."""
    return home / "run-sheet", home / "roll-out"


def pulumi_home(home: Path) -> Path:
    """The ``PULUMI_HOME`` of deployments on the sandbox."""
    return home / "pulumi-home"


def environment(home: Path) -> dict[str, str]:
    """The variables that point an unmodified client at the running sandbox.

    Raises:
        NotRunningError: nothing runs in ``home``.
    """
    process = running(home)
    if process is None:
        raise NotRunningError(home)
    proxy = f"http://{process.proxy}"
    trust = str(home / TRUST_FILE)
    loopback = "localhost,127.0.0.1,::1"
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "SSL_CERT_FILE": trust,
        "REQUESTS_CA_BUNDLE": trust,
        "CURL_CA_BUNDLE": trust,
        "ARM_TENANT_ID": credentials.TENANT_ID,
        "ARM_CLIENT_ID": credentials.DEPLOYER_CLIENT_ID,
        "ARM_CLIENT_SECRET": credentials.DEPLOYER_CLIENT_SECRET,
        "ARM_USE_CLI": "false",
        "MIMECAST_CLIENT_ID": credentials.MIMECAST_CLIENT_ID,
        "MIMECAST_CLIENT_SECRET": credentials.MIMECAST_CLIENT_SECRET,
        # DNS does not go through the proxy; this replaces the server in a stack's configuration.
        "MIMECAST_SSO_DNS_SERVER": process.dns,
        "PULUMI_BACKEND_URL": state_folder(home).as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": credentials.PULUMI_PASSPHRASE,
        "PULUMI_HOME": str(pulumi_home(home)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # For commands that sign a seeded person in the way a person does.
        "SANDBOX_USER_PASSWORD": credentials.USER_PASSWORD,
        "SANDBOX_HOME": str(home),
        "SANDBOX_INSTANCE": process.instance,
    }
