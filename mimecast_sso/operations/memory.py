"""Have the C library return large blocks of memory to the system as soon as they are free.

A book of 100,000 addresses is in the state, in events and in messages as one block of tens of megabytes each. glibc
keeps such blocks once it has freed one of their size (``M_MMAP_THRESHOLD`` in mallopt(3)), and the next ones do not fit
into the holes. A fixed threshold takes a sixth less memory, and the same time. Other C libraries ignore all this.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_THRESHOLD: Final = 1 << 18
"""Bytes."""
_M_MMAP_THRESHOLD: Final = -3
"""The option's number in glibc's malloc.h."""
OF_CHILDREN: Final[Mapping[str, str]] = {"MALLOC_MMAP_THRESHOLD_": str(_THRESHOLD)}
"""The variable that does the same in a process that is started with it, and in its children."""


def return_large_blocks() -> None:
    """Set the threshold in this process; does nothing if its C library has none."""
    import ctypes  # noqa: PLC0415 (only commands that run an engine need it)

    with suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
