"""``mimecast-sso`` as a separate process, without the half second that importing it takes.

A server that has imported the command forks one process per run, with its own memory, environment, folder, output and
exit code. Runs that depend on variables that Python reads at start-up are started normally.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("mimecast-sso"))
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")
_SERVER = "tests.support.command_server"
_ROOT = Path(__file__).resolve().parents[2]


def run(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run ``mimecast-sso WORDS`` in that folder and environment. Returns its exit code and output."""
    if _of_the_interpreter(environment) != _of_the_interpreter(os.environ):
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=folder,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout
    order = {"words": [PROGRAM, *words], "folder": str(folder), "environment": dict(environment)}
    said, output = os.pipe()
    code, ended = os.pipe()
    socket.send_fds(_server(os.getpid()), [json.dumps(order).encode()], [output, ended])
    os.close(output)
    os.close(ended)
    with os.fdopen(said, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    with os.fdopen(code, encoding="ascii") as stream:
        told = stream.read()
    if not told:
        raise RuntimeError(f"{_SERVER} ended:\n{text}")
    return int(told), text


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_OF_THE_INTERPRETER)}


@cache
def _server(_pid: int) -> socket.socket:
    """This process's server; it ends with this process, which holds the other end of its socket."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        subprocess.Popen([sys.executable, "-m", _SERVER], cwd=_ROOT, stdin=there)
    return here
