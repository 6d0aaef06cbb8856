"""For tests only: a language host for Python, because the Go module proxy serves the Pulumi CLI without one.

The Pulumi CLI starts it as ``pulumi-language-python`` with the address of its engine, reads the port from the first
line of its output and calls the published service ``LanguageRuntime``. It supports what the tests of this project need:
programs in a virtual environment installed by pip. Everything else, such as code generation, other toolchains and
debuggers, is not implemented. Never use it for a real tenant: install the published Pulumi CLI.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

_EXECUTOR = Path(__file__).with_name("program.py")
_ALREADY_SHOWN = 32
"""The exit code of a program that has logged its error itself."""
_PATIENCE = 5.0  # seconds for an interrupted program to end

# Run by the program's interpreter: a package that needs a provider plugin has a file that names it.
_NEEDED_PLUGINS = """
import json, pathlib, sys
files = [file for folder in sys.path for file in pathlib.Path(folder or ".").glob("*/pulumi-plugin.json")]
print(json.dumps([json.loads(file.read_text()) for file in files]))
"""


@dataclass(frozen=True, slots=True)
class _Environment:
    """The Python environment of a project: the virtual environment that Pulumi.yaml names, or the one on the PATH."""

    virtualenv: Path | None

    @classmethod
    def of(cls, info: language_pb2.ProgramInfo, context: grpc.ServicerContext) -> _Environment:
        """Read the project's runtime options."""
        options = MessageToDict(info.options)
        toolchain = options.get("toolchain", "pip")
        if toolchain != "pip":
            _refuse(context, f"the language host for tests does not support the toolchain {toolchain!r}")
        named = options.get("virtualenv")
        return cls(Path(info.root_directory, named) if named else None)

    @property
    def python(self) -> str:
        """The interpreter."""
        if self.virtualenv is not None:
            return str(self.virtualenv / "bin" / "python")
        return os.environ.get("PULUMI_PYTHON_CMD") or shutil.which("python3") or "python"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of its processes."""
        if self.virtualenv is None:
            return dict(os.environ)
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        path = f"{self.virtualenv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return kept | {"VIRTUAL_ENV": str(self.virtualenv), "PATH": path}

    def require(self, context: grpc.ServicerContext) -> None:
        """Refuse the call if the virtual environment is missing."""
        if self.virtualenv is not None and not Path(self.python).exists():
            _refuse(context, f"the virtual environment {self.virtualenv} does not exist. Run: pulumi install")

    def ask(self, *arguments: str) -> str:
        """Run the interpreter. Returns its output."""
        command = [self.python, *arguments]
        done = subprocess.run(command, env=self.variables, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout


class _Program:
    """A running program. It writes to the host's output, which the CLI shows."""

    def __init__(self, environment: _Environment, request: language_pb2.RunRequest, engine: str) -> None:
        options = {
            "monitor": request.monitor_address,
            "engine": engine,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
        }
        # Programs and their children may read these two; the SDK has functions for them.
        config = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        entry = [request.info.entry_point, *request.args]
        self._popen = subprocess.Popen(
            # -P: the executor's folder must not hide modules
            [environment.python, "-P", str(_EXECUTOR), json.dumps(options), *entry],
            cwd=request.pwd or None,
            env=environment.variables | config,
            stdin=subprocess.DEVNULL,
        )

    def wait(self) -> language_pb2.RunResponse:
        """The program's result."""
        code = self._popen.wait()
        if code == _ALREADY_SHOWN:
            return language_pb2.RunResponse(bail=True)
        error = f"program exited with non-zero exit code: {code}" if code else ""
        return language_pb2.RunResponse(error=error)

    def interrupt(self) -> None:
        """Give the program a few seconds to end."""
        self._popen.send_signal(signal.SIGINT)
        try:
            self._popen.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The service; `engine` is the address that programs log to."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._programs: list[_Program] = []

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """Receive the engine's address, if it was not given at the start."""
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Report no version: this is not part of a Pulumi release."""
        return plugin_pb2.PluginInfo()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """The provider plugins of the installed packages."""
        environment = _Environment.of(request.info, context)
        environment.require(context)
        packages = [
            plugin_pb2.PackageDependency(
                kind="resource",
                name=plugin["name"],
                version=f"v{plugin['version'].removeprefix('v')}",
                server=plugin.get("server", ""),
            )
            for plugin in json.loads(environment.ask("-c", _NEEDED_PLUGINS))
            if plugin.get("resource")
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def Run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run a program and wait for its end."""
        environment = _Environment.of(request.info, context)
        environment.require(context)
        program = _Program(environment, request, self._engine)
        self._programs.append(program)
        context.add_callback(program.interrupt)
        return program.wait()

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """Interrupt the running program."""
        self.interrupt()
        return Empty()

    def interrupt(self) -> None:
        """Interrupt every program."""
        for program in self._programs:
            program.interrupt()

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Create the virtual environment and install requirements.txt; yields pip's output."""
        environment = _Environment.of(request.info, context)
        folder = Path(request.info.program_directory)
        commands = [[environment.python, "-m", "pip", "install", "-r", "requirements.txt"]]
        if not (folder / "requirements.txt").exists():
            commands = []
        if environment.virtualenv is not None:
            commands.insert(0, [_Environment(None).python, "-m", "venv", str(environment.virtualenv)])
        for command in commands:
            with subprocess.Popen(
                command,
                cwd=folder,
                env=environment.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process:
                for line in process.stdout or ():
                    yield language_pb2.InstallDependenciesResponse(stdout=line)
            if process.returncode:
                _refuse(context, f"{' '.join(command)}: exit code {process.returncode}")

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        """No options: there is only one toolchain."""
        return language_pb2.RuntimeOptionsResponse()

    def Template(
        self, request: language_pb2.TemplateRequest, context: grpc.ServicerContext
    ) -> language_pb2.TemplateResponse:
        """Nothing to do for a new project: pip reads its requirements.txt."""
        return language_pb2.TemplateResponse()

    def About(
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        """The interpreter and its version."""
        environment = _Environment.of(request.info, context)
        version = environment.ask("--version").removeprefix("Python ").strip()
        return language_pb2.AboutResponse(executable=environment.python, version=version)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """The installed packages."""
        environment = _Environment.of(request.info, context)
        environment.require(context)
        only = () if request.transitiveDependencies else ("--not-required",)
        listed = json.loads(environment.ask("-m", "pip", "list", "--format", "json", *only))
        found = [
            language_pb2.DependencyInfo(name=package["name"], version=package["version"])
            for package in listed
        ]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def GenerateProgram(
        self, request: language_pb2.GenerateProgramRequest, context: grpc.ServicerContext
    ) -> language_pb2.GenerateProgramResponse:
        """Refuse code generation: `pulumi import` works without it."""
        _refuse(context, "the language host for tests generates no code. Import with --generate-code=false")


def _refuse(context: grpc.ServicerContext, why: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, why)


def main() -> None:
    """Serve until the CLI interrupts or exits, which closes its pipe."""
    host = LanguageHost(sys.argv[-1] if len(sys.argv) > 1 else "")
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(), options=unlimited)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.buffer.read()
    host.interrupt()
    server.stop(None)


if __name__ == "__main__":
    main()
