"""Signs everybody in, once or repeatedly while something else runs. Each sign-in is complete and uses a new browser."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from sandbox import sign_in
from sandbox.lifecycle import control

_THREADS = 4
_PAUSE = 0.05
"""Seconds between two sign-ins of a thread, so that other processes get their share of the machine."""

ENTRA, PASSWORD, REFUSED, LOST = "entra", "password", "refused", "no response"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of a sign-in.

    Attributes:
        result: ``entra``, ``password`` (Mimecast asks for one), ``refused``, or ``no response`` (from the sandbox).
        reason: The message shown to the person, if refused.
        began: Seconds since the epoch on this machine's clock; ``ended`` likewise.
    """

    address: str
    result: str
    reason: str
    began: float
    ended: float

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def everybody(home: Path) -> list[str]:
    """The mail addresses of all users of the sandbox's Entra, sorted."""
    found = (user["mail"] for user in control(home).documents("entra.users"))
    return sorted({str(mail).lower() for mail in found if mail})


def once(home: Path, addresses: Sequence[str]) -> Iterator[Attempt]:
    """Sign each person in once; yield the results as they complete."""
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(lambda address: attempt(home, address), addresses)


def over_and_over(
    home: Path, addresses: Sequence[str], until: Callable[[], bool], say: Callable[[Attempt], None]
) -> None:
    """Sign all of them in, in turn and from several threads, until stopped; report each sign-in when it ends."""
    turns, lock = itertools.count(), threading.Lock()

    def run() -> None:
        while not until():
            with lock:
                address = addresses[next(turns) % len(addresses)]
            found = attempt(home, address)
            with lock:
                say(found)
            time.sleep(_PAUSE)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def attempt(home: Path, address: str) -> Attempt:
    """One sign-in."""
    began = time.time()
    result, reason = ENTRA, ""
    try:
        sign_in.sign_in(home, address)
    except sign_in.PasswordAskedError:
        result = PASSWORD
    except sign_in.RefusedError as error:
        result, reason = REFUSED, str(error)
    except requests.RequestException as error:
        result, reason = LOST, type(error).__name__
    return Attempt(address, result, reason, began, time.time())
