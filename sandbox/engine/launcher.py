"""Runs a Pulumi program in Python for the engine: started as a script, told what to do on standard input.

The counterpart of the Pulumi CLI's language host for Python, made of the SDK's public names. The engine
starts it before it has anything to tell, so that the SDK is imported meanwhile.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import os
import runpy
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import pulumi
from pulumi.runtime import Settings, configure, run_in_stack, set_all_config
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

_ALREADY_SHOWN = 32
_MESSAGE_LIMIT = 400 * 1024 * 1024


class _Engine(engine_pb2_grpc.EngineStub):
    """The engine without debug messages: the SDK sends a dozen for each resource, which nobody reads."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        send = self.Log

        def log(request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.severity != engine_pb2.DEBUG:
                return send(request, *args, **kwargs)
            return None

        self.Log = log  # type: ignore[assignment]


def main() -> int:
    """Run the program and give its exit code."""
    order = json.loads(sys.stdin.readline())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    channel = grpc.insecure_channel(
        order["engine"], options=[("grpc.max_receive_message_length", _MESSAGE_LIMIT)]
    )
    # Programs and their children may read these variables, which the CLI's language host sets.
    os.environ["PULUMI_CONFIG"] = json.dumps(order["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(order["secretKeys"])
    set_all_config(order["config"], order["secretKeys"])
    configure(
        Settings(
            project=order["project"],
            stack=order["stack"],
            monitor=order["engine"],
            engine=_Engine(channel),
            parallel=order["parallel"],
            dry_run=order["dryRun"],
            organization="organization",
            root_directory=order["root"],
        )
    )
    program = Path(order["program"])
    folder = program if program.is_dir() else program.parent
    os.chdir(folder)
    sys.argv = [str(program)]
    if program.is_file():
        sys.path.insert(0, str(folder))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # A registration blocks a thread until it is done: this bounds how many are under way.
    pool = concurrent.futures.ThreadPoolExecutor(4 * order["parallel"])
    loop.set_default_executor(pool)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return _run(loop, program)


def _run(loop: asyncio.AbstractEventLoop, program: Path) -> int:
    def execute() -> None:
        if program.is_dir() and not (program / "__main__.py").exists():
            pulumi.log.error(f"unable to find main python program `__main__.py` in `{program}`")
            sys.exit(_ALREADY_SHOWN)
        runpy.run_path(str(program), run_name="__main__")

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


def _of_program(error: BaseException, program: Path) -> TracebackType | None:
    """The traceback from the first frame of the program's own files on; all of it if there is none."""
    folder = str(program if program.is_dir() else program.parent)
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(folder) and "site-packages" not in file:
            return trace
        trace = trace.tb_next
    return error.__traceback__


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of unfinished registrations have nothing left to say
