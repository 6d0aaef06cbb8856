"""Large blocks of memory are returned to the system, in this process and in those that it starts."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from mimecast_sso.operations.memory import OF_CHILDREN

GLIBC = platform.libc_ver()[0] == "glibc"
# By default glibc keeps the second block: it has freed one of that size, and a small one lies above.
PROGRAM = """
import sys
from pathlib import Path
from mimecast_sso.operations.memory import return_large_blocks
if sys.argv[1:] == ["set"]:
    return_large_blocks()
for _ in range(2):
    block = b"x" * (30 << 20)
    above = b"x" * 100_000
    del block
(resident,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
print(int(resident.split()[1]) // 1024)
"""


def resident(*words: str, **environment: str) -> int:
    """Megabytes of a process that has freed its large blocks."""
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC or sys.platform != "linux", reason="another C library")
def test_blocks_are_returned_by_the_function_and_by_the_variable() -> None:
    kept = resident()
    assert resident("set") <= kept - 20
    assert resident(**OF_CHILDREN) <= kept - 20
