"""Provider plugins as processes: finding, starting and stopping them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mimecast_sso.text.machine_user import pulumi_home
from sandbox.engine.children import Children, kill
from sandbox.engine.config import Project

_START_SECONDS = 20.0
_END_SECONDS = 5.0
DYNAMIC = "pulumi-python"

Log = Callable[[str, str], None]  # severity, text


class PluginError(Exception):
    """A plugin was not found, or did not start."""


class ReservedAddress:
    """A loopback address for the engine, reserved before its server is up so that children can start first.

    The port is held until then: gRPC shares ports, so if the system gave the same one to another engine or plugin
    meanwhile, that would receive this program's calls and understand none of them.
    """

    def __init__(self) -> None:
        self._held = socket.socket()
        # Needed for gRPC's server, which sets this option too, to bind. The system gives a held port to no one else.
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._held.bind(("127.0.0.1", 0))
        self._text = f"127.0.0.1:{self._held.getsockname()[1]}"

    def __str__(self) -> str:
        return self._text

    def release(self) -> None:
        """Release the port: the server listens there, or there will be none."""
        self._held.close()


@dataclass
class Process:
    """A running plugin that has reported its port."""

    path: str
    address: str
    popen: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ask it to exit; kill it if it does not."""
        if self.popen.poll() is not None:
            return
        kill(self.popen, signal.SIGINT)
        try:
            self.popen.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            kill(self.popen)
            self.popen.wait()


class PluginHost:
    """Starts the plugins of one run, some before they are requested; `engine` is the engine's address."""

    def __init__(
        self, project: Project, environment: Mapping[str, str], engine: str, log: Log, children: Children
    ) -> None:
        self._project = project
        self._environment = dict(environment)
        self._engine = engine
        self._log = log
        self._children = children
        self._processes: list[Process] = []
        self._early: dict[tuple[str, str], list[Future[Process]]] = {}
        self._pool = ThreadPoolExecutor(thread_name_prefix="plugins")
        self._lock = threading.Lock()
        self._warned: set[str] = set()
        self._stopped = False

    def start_early(self, package: str, version: str, config: Mapping[str, str]) -> None:
        """Start a plugin in the background that will probably be needed."""
        starting = self._pool.submit(self._start, package, version, config, warn=False)
        self._early.setdefault((package, version), []).append(starting)

    def start(self, package: str, version: str, config: Mapping[str, str]) -> Process:
        """A separate process for one provider resource, with the configuration of the package's namespace.

        Raises:
            PluginError: Not found, or it does not start; the text is the Pulumi CLI's.
        """
        with self._lock:
            waiting = self._early.get((package, version))
            early = waiting.pop() if waiting else None
        if early is None:
            return self._start(package, version, config, warn=True)
        process = early.result()
        self._warn_ambient(package, process.path)
        return process

    def _start(self, package: str, version: str, config: Mapping[str, str], *, warn: bool) -> Process:
        command = self._command(package, version)
        if warn:
            self._warn_ambient(package, command[-1])
        project = self._project
        options = {
            f"PULUMI_RUNTIME_{key.upper()}": str(value) for key, value in project.runtime_options.items()
        }
        own = {"PULUMI_PROJECT": project.name, "PULUMI_CONFIG": json.dumps(dict(config))}
        popen = self._children.start(
            [*command, self._engine],
            project.working_folder,
            self._environment | options | own,
            subprocess.DEVNULL,
        )
        process = Process(command[-1], "", popen)
        with self._lock:
            self._processes.append(process)
            stopped = self._stopped
        if stopped:
            process.stop()
            raise PluginError("the run has ended")
        self._handshake(process, "info" if package == DYNAMIC else "debug")
        return process

    def _handshake(self, process: Process, severity: str) -> None:
        """Read the port; later lines are log output."""
        out, err = process.popen.stdout, process.popen.stderr
        assert out is not None and err is not None  # noqa: S101, PT018 (pipes were asked for)
        said: list[str] = []
        reader = threading.Thread(target=self._drain, args=(err, severity, said), daemon=True)
        reader.start()
        timer = threading.Timer(_START_SECONDS, process.popen.kill)
        timer.daemon = True
        timer.start()
        line = out.readline().decode(errors="replace").strip()
        timer.cancel()
        if self._stopped:
            raise PluginError("the run has ended")
        if not line.isdigit():
            process.stop()
            reader.join(1.0)
            self._dump(process.path, [line, *said])
            raise PluginError(_misfit(process, line))
        process.address = f"127.0.0.1:{line}"
        threading.Thread(target=self._drain, args=(out, severity, []), daemon=True).start()

    def _dump(self, path: str, said: list[str]) -> None:
        self._log(
            "error",
            f"Detected that {path} exited prematurely.\n"
            "       This is *always* a bug in the provider. Please report the issue to the provider author "
            "as appropriate.\n\nTo assist with debugging we have dumped the STDOUT and STDERR streams of the "
            "plugin:\n\n" + "\n".join(said).strip(),
        )

    def _drain(self, stream: IO[bytes], severity: str, kept: list[str]) -> None:
        for raw in stream:
            line = raw.decode(errors="replace").rstrip("\n")
            kept.append(line)
            del kept[:-100]
            if not self._stopped:  # ignore its output while it is being stopped
                self._log(severity, line)

    def _command(self, package: str, version: str) -> list[str]:
        if package == DYNAMIC:
            # -u: the server writes its port to a buffered stream and does not flush it
            return [self._project.python(), "-u", "-m", "pulumi.dynamic"]
        name = f"pulumi-resource-{package}"
        ambient = shutil.which(name, path=self._environment.get("PATH"))
        if ambient is not None:
            return [ambient]
        cached = self._cached(package, version)
        if cached is None:
            requested = f" at version v{version}" if version else ""
            raise PluginError(
                f"no resource plugin '{name}' found in the workspace{requested} or on your $PATH"
            )
        if os.access(cached / name, os.X_OK):
            return [str(cached / name)]
        return [self._project.python(), "-u", str(cached)]

    def _cached(self, package: str, version: str) -> Path | None:
        """The exact version if installed, else the highest one that satisfies the request."""
        folder = pulumi_home(self._environment) / "plugins"
        exact = folder / f"resource-{package}-v{version}"
        if version and exact.is_dir():
            return exact
        requested = parse_version(version) or (0, 0, 0)
        found = []
        for path in folder.glob(f"resource-{package}-v*/"):
            have = parse_version(path.name.rsplit("-v", 1)[-1])
            if have is not None and have >= requested and (not version or have[0] == requested[0]):
                found.append((have, path))
        return max(found)[1] if found else None

    def _warn_ambient(self, package: str, path: str) -> None:
        if package == DYNAMIC or path in self._warned or not Path(path).name.startswith("pulumi-resource-"):
            return
        self._warned.add(path)
        if Path(path).parent.parent != pulumi_home(self._environment) / "plugins":
            self._log("warning", f"using pulumi-resource-{package} from $PATH at {path}")

    def stop(self) -> None:
        """Stop all processes."""
        with self._lock:
            self._stopped = True
            processes = list(self._processes)
        with ThreadPoolExecutor(len(processes) or 1) as pool:
            list(pool.map(Process.stop, processes))


def _misfit(process: Process, line: str) -> str:
    """Why a process is not a plugin, judged by its first line of output."""
    path = process.path
    if not line:
        return f"could not read plugin [{path}]: exit status {process.popen.wait()}"
    name = Path(path).name.removeprefix("pulumi-resource-")
    return (
        f"{name} (resource) plugin [{path}] wrote an invalid port to stdout: could not parse port: "
        f'strconv.Atoi: parsing "{line}": invalid syntax'
    )


def parse_version(text: str) -> tuple[int, int, int] | None:
    """A released version as numbers; None for anything else."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
