"""Runs a Pulumi program in Python for the engine: a script that reads its order from standard input.

The counterpart of the Pulumi CLI's language host for Python, built on the SDK's public names. The engine starts it
before it has an order, so that the SDK is imported meanwhile.

Unsupported features are found while the program is read, and no resource with an object is registered before that is
complete: the SDK registers concurrently, and earlier resources would already exist.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import grpc
import pulumi
from pulumi.runtime import Settings, configure, run_in_stack, set_all_config
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2_grpc

_ALREADY_SHOWN = 32
_MESSAGE_LIMIT = 400 * 1024 * 1024
_PATIENCE = 0.5  # seconds
# Each wait of the SDK creates short-lived objects for all outputs. With Python's default thresholds these cause one
# full collection after the other over all of the program's resources.
_COLLECT_AFTER = (50_000, 20, 20)
_APART = 1e-4  # seconds between groups of responses, for each call under way
Refuse = Callable[[str], NoReturn]
_Call = concurrent.futures.Future[Any]


class _Engine(engine_pb2_grpc.EngineStub):
    """The engine's client without debug messages: the SDK sends a dozen per resource, which no one reads."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        send = self.Log

        def log(request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.severity != engine_pb2.DEBUG:
                return send(request, *args, **kwargs)
            return None

        self.Log = log  # type: ignore[assignment]


class _Monitor(resource_pb2_grpc.ResourceMonitorStub):
    """The monitor's client; sends no resource before `release`: until then the program may still be refused."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._released = threading.Event()
        self._invokes = self._begun = 0
        self._seen = -1
        register, invoke = self.RegisterResource, self.Invoke

        def hold(request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.custom and not request.type.startswith(
                "pulumi:providers:"
            ):  # an invoke may need these
                self._released.wait()
            return register(request, *args, **kwargs)

        def count(*args: Any, **kwargs: Any) -> Any:
            self._invokes += 1
            self._begun += 1
            try:
                return invoke(*args, **kwargs)
            finally:
                self._invokes -= 1

        self.RegisterResource = hold  # type: ignore[assignment]
        self.Invoke = count  # type: ignore[assignment]

    def release(self) -> None:
        """Send what was held back: the program has been read."""
        self._released.set()

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Release early if the program itself waits for something other than an invoke under way.

        Before the program has been read, the loop runs only while one of the program's calls waits.
        """
        if not self._invokes and self._begun == self._seen:
            self.release()
        elif not self._released.is_set():
            self._seen = self._begun
            loop.call_later(_PATIENCE, self.watch, loop)


class _Pool(concurrent.futures.ThreadPoolExecutor):
    """The threads of the program's calls: each call blocks one until it is done; `size` limits the calls under way.

    Once the program has been read (`reading` is false), responses are passed on in groups: on every response the SDK
    waits again for all missing outputs (`wait_for_rpcs`). The more calls are under way, the longer until the next
    group, so that the cost per resource stays constant.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        super().__init__(size)
        self.reading = True
        self._loop = loop
        self._open = 0
        self._group: list[tuple[_Call, _Call]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Call:
        """Start a call. This method and those below run in the loop's thread."""
        response: _Call = concurrent.futures.Future()
        response.set_running_or_notify_cancel()  # from now on it cannot be cancelled
        self._open += 1

        def done(call: _Call) -> None:
            self._loop.call_soon_threadsafe(self._join, call, response)

        super().submit(function, *args, **kwargs).add_done_callback(done)
        return response

    def _join(self, call: _Call, response: _Call) -> None:
        if not self._group:
            self._loop.call_later(0.0 if self.reading else _APART * self._open, self._hand_out)
        self._group.append((call, response))

    def _hand_out(self) -> None:
        for call, response in self._group:
            if error := call.exception():
                response.set_exception(error)
            else:
                response.set_result(call.result())
        self._open -= len(self._group)
        self._group.clear()


def main() -> int:
    """Run the program. Returns its exit code."""
    gc.set_threshold(*_COLLECT_AFTER)
    order = json.loads(sys.stdin.readline())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    channel = grpc.insecure_channel(
        order["engine"], options=[("grpc.max_receive_message_length", _MESSAGE_LIMIT)]
    )
    engine, monitor = _Engine(channel), _Monitor(channel)
    _configure(order, engine, monitor)
    program = Path(order["program"])
    _enter(program)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pool = _Pool(loop, 4 * order["parallel"])
    loop.set_default_executor(pool)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def refuse(feature: str) -> NoReturn:
        engine.Log(engine_pb2.LogRequest(severity=engine_pb2.ERROR, message=order["refusal"].format(feature)))
        _leave(_ALREADY_SHOWN)

    _guard(refuse)
    try:
        return _run(loop, program, monitor, pool)
    finally:
        pool.shutdown()  # what a failed program has registered is still created, and its outputs are still sent


def _configure(order: dict[str, Any], engine: _Engine, monitor: _Monitor) -> None:
    """Configure the SDK, and the variables that the CLI's language host sets for programs and their children."""
    os.environ["PULUMI_CONFIG"] = json.dumps(order["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(order["secretKeys"])
    set_all_config(order["config"], order["secretKeys"])
    configure(
        Settings(
            project=order["project"],
            stack=order["stack"],
            monitor=monitor,
            engine=engine,
            parallel=order["parallel"],
            dry_run=order["dryRun"],
            organization="organization",
            root_directory=order["root"],
        )
    )


def _enter(program: Path) -> None:
    """Set working folder, arguments and import path as Python does for a program that it runs."""
    folder = program if program.is_dir() else program.parent
    os.chdir(folder)
    sys.argv = [str(program)]
    if program.is_file():
        sys.path.insert(0, str(folder))


def _run(loop: asyncio.AbstractEventLoop, program: Path, monitor: _Monitor, pool: _Pool) -> int:
    def execute() -> None:
        if program.is_dir() and not (program / "__main__.py").exists():
            pulumi.log.error(f"unable to find main python program `__main__.py` in `{program}`")
            sys.exit(_ALREADY_SHOWN)
        loop.call_later(_PATIENCE, monitor.watch, loop)
        try:
            runpy.run_path(str(program), run_name="__main__")
        finally:
            pool.reading = False
            monitor.release()

    try:
        loop.run_until_complete(run_in_stack(execute))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except Exception as error:
        text = "".join(traceback.format_exception(error.with_traceback(_of_program(error, program))))
        pulumi.log.error(f"Program failed with an unhandled exception:\n{text}")
        return _ALREADY_SHOWN
    return 0


def _guard(refuse: Refuse) -> None:
    """Refuse a program that uses something the engine does not support."""
    begin = pulumi.Resource.__init__

    def init(  # noqa: PLR0917 (the SDK's)
        self: pulumi.Resource,
        t: str,
        name: str,
        custom: bool,
        props: Any = None,
        opts: pulumi.ResourceOptions | None = None,
        remote: bool = False,
        dependency: bool = False,
        package_ref: Any = None,
    ) -> None:
        if not dependency:
            for feature in _refused(t, props, opts or pulumi.ResourceOptions(), remote, package_ref):
                refuse(f"{feature} ('{name}', {t})")
        begin(self, t, name, custom, props, opts, remote, dependency, package_ref)

    pulumi.Resource.__init__ = init  # type: ignore[method-assign]

    def replace(holder: Any, name: str, feature: str) -> None:
        if hasattr(holder, name):  # newer than some SDKs
            setattr(holder, name, lambda *_, **__: refuse(feature))

    for hook in ("ResourceHook", "ErrorHook"):
        replace(getattr(pulumi, hook, None), "__init__", "a resource hook")
    for function in ("register_stack_transform", "register_resource_transform", "register_invoke_transform"):
        replace(pulumi.runtime, function, "a stack transform")
    replace(pulumi.runtime, "call", "a method of a resource")


def _refused(t: str, props: Any, opts: Any, remote: bool, package_ref: Any) -> Iterator[str]:
    used = {
        "a stack reference": t == "pulumi:pulumi:StackReference",
        f"the resource type {t}": t.startswith("pulumi:index:"),
        "Resource.get": opts.id is not None or opts.urn is not None,
        "a remote component": remote,
        "a parameterised package": package_ref is not None,
        "an asset or archive": _has_asset(props),
    }
    yield from (feature for feature, used_here in used.items() if used_here)
    for name in ("transforms", "hooks", "replace_with", "replacement_trigger", "state_migrations",
                 "env_var_mappings", "plugin_download_url"):  # fmt: skip
        if _is_given(getattr(opts, name, None)):
            yield f"the resource option {name}"


def _is_given(option: Any) -> bool:
    if isinstance(option, pulumi.ResourceHookBinding):
        return any(vars(option).values())  # Merging options creates an empty one.
    return option not in (None, [], "")


def _has_asset(value: Any) -> bool:
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        return True
    if getattr(type(value), "_pulumi_input_type", False):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(map(_has_asset, value))


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # faster than shutting the interpreter down


def _of_program(error: BaseException, program: Path) -> TracebackType | None:
    """The traceback starting at the first frame in the program's own files; all of it if there is none."""
    folder = str(program if program.is_dir() else program.parent)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(folder) and "site-packages" not in file:
            return trace
        trace = trace.tb_next
    return error.__traceback__


if __name__ == "__main__":
    _leave(main())
