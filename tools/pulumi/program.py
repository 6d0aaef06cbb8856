"""For tests only: runs a Pulumi program for `language_host`, with the interpreter of the program's environment.

Arguments: the settings as JSON, the program, its arguments. The configuration is in the environment. The exit code
is the program's own, 1 after a ``RunError``, or 32 after any other exception; both have been logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pulumi
from pulumi.runtime import (
    Settings,
    configure,
    get_config_env,
    get_config_secret_keys_env,
    run_in_stack,
    set_all_config,
)

_ALREADY_SHOWN = 32


def main() -> int:
    """Run the program. Returns its exit code."""
    settings = json.loads(sys.argv[1])
    sys.argv = sys.argv[2:]
    set_all_config(get_config_env(), get_config_secret_keys_env())
    configure(Settings(**settings))
    # The SDK leaves tasks behind when a program fails, and asyncio would report each of them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Leaving the block waits for calls under way: what a failed program has registered is still created.
    with ThreadPoolExecutor(4 * max(settings["parallel"], 1)) as pool:
        loop.set_default_executor(pool)
        return _run(loop, sys.argv[0])


def _run(loop: asyncio.AbstractEventLoop, program: str) -> int:
    if Path(program).is_dir() and not Path(program, "__main__.py").exists():
        pulumi.log.error(f"unable to find main python program `__main__.py` in `{Path(program).resolve()}`")
        return _ALREADY_SHOWN

    def execute() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(run_in_stack(execute))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:
        pulumi.log.error(f"Program failed with an unhandled exception:\n{_trace(error)}")
        return _ALREADY_SHOWN
    return 0


def _trace(error: Exception) -> str:
    """The traceback starting at the program's first frame; all of it if the program was not reached."""
    program = None
    trace = error.__traceback__
    while trace is not None:
        file, trace = trace.tb_frame.f_code.co_filename, trace.tb_next
        if file == __file__:
            program = trace
    while program is not None and program.tb_frame.f_code.co_filename in (runpy.__file__, "<frozen runpy>"):
        program = program.tb_next
    return "".join(traceback.format_exception(error.with_traceback(program or error.__traceback__)))


if __name__ == "__main__":
    sys.exit(main())
