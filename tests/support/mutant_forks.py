"""A pytest plugin that tests mutants in forks of a session that has collected the tests.

mutmut collects the tests once more for each mutant, which takes several times as long as the tests. Run in mutmut's
copy of the project (``mutants/``) with ``-p tests.support.mutant_forks``; results go where mutmut looks for them.

Code that runs while a module is imported was run without the mutant, so that a survivor may be one of that code:
mutmut itself has to test the survivors again.
"""

from __future__ import annotations

import json
import math
import os
import resource
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SURVIVED, KILLED, NO_TEST, TIMEOUT = 0, 1, 33, -24
"""mutmut's exit codes."""
_SHORTEST_LIMIT, _LIMIT_FACTOR = 20, 20
"""Processor time of a mutant in seconds, and in multiples of what its tests take."""
_META = ".meta"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mutant, the file that holds its result, and the tests that reach its function, the shortest first."""

    name: str
    meta: Path
    tests: tuple[pytest.Item, ...]
    seconds: float


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Tests each mutant instead of running the tests."""
    running: dict[int, Mutant] = {}
    for mutant in mutants(session.items):
        if not mutant.tests:
            _save(mutant, NO_TEST)
            continue
        if len(running) == (os.cpu_count() or 1):
            _wait_for_one(running)
        running[_started(mutant, session)] = mutant
    while running:
        _wait_for_one(running)
    return True


def mutants(items: Sequence[pytest.Item]) -> Iterator[Mutant]:
    """All mutants that mutmut has generated, with their tests among these."""
    stats = json.loads(Path("mutmut-stats.json").read_text(encoding="utf-8"))
    seconds: Mapping[str, float] = stats["duration_by_test"]
    by_id = {each.nodeid: each for each in items}
    for meta in sorted(Path().rglob(f"*{_META}")):
        for name in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]:
            function = name.partition("__mutmut_")[0]
            reaching = [
                each for each in stats["tests_by_mangled_function_name"].get(function, ()) if each in by_id
            ]
            reaching.sort(key=lambda each: seconds.get(each, 0))
            total = sum(seconds.get(each, 0) for each in reaching)
            yield Mutant(name, meta, tuple(by_id[each] for each in reaching), total)


def _started(mutant: Mutant, session: pytest.Session) -> int:
    """Test a mutant in a fork; give its process id."""
    child = os.fork()
    if child:
        return child
    outcome = SURVIVED
    try:
        limit = _SHORTEST_LIMIT + math.ceil(mutant.seconds * _LIMIT_FACTOR)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        os.environ["MUTANT_UNDER_TEST"] = mutant.name
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        outcome = KILLED if _fails(mutant.tests, session) else SURVIVED
    except BaseException:
        # Whatever happens, a child must not go on as the session.
        outcome = KILLED
    finally:
        os._exit(outcome)


def _fails(tests: Sequence[pytest.Item], session: pytest.Session) -> bool:
    following: list[Any] = [*tests[1:], None]
    for test, then in zip(tests, following, strict=True):
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=then)
        if session.testsfailed:
            return True
    return False


def _wait_for_one(running: dict[int, Mutant]) -> None:
    child, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    _save(running.pop(child), TIMEOUT if code < 0 else code)


def _save(mutant: Mutant, code: int) -> None:
    document = json.loads(mutant.meta.read_text(encoding="utf-8"))
    document["exit_code_by_key"][mutant.name] = code
    mutant.meta.write_text(json.dumps(document, indent=4), encoding="utf-8")
