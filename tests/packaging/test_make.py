"""``make`` on other machines: odd folder names, a read-only checkout, and unsuitable Pythons.

Nothing is installed from a package index: the environment is prepared beforehand, and its marker tells make that it is
up to date.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap

import pytest

from tests.support.environments import ROOT, clone, install, locked

PLAIN = "clone"
KINDS = {
    "blank": "my projects",
    "hash": "a#1",
    "percent": "100%41",
    "question mark": "why?",
    "other letters": "Größe 日本",
    "quote": "o'clock",
}
SIGNED_IN = "signed in to the Mimecast Personal Portal as ada@example.com"
NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
ALL = "my #1 100%41? Größe"
COLUMNS, MOST_LINES = 80, 60
"""What a newcomer reads of a first ``make up``."""


class Clone:
    """A clone with the environment that ``make .venv/sandbox`` makes."""

    def __init__(self, folder: Path, home: Path | None, wheels: tuple[Path, Path]) -> None:
        self.folder = clone(folder)
        self._home = home
        python = locked(folder / ".venv", ROOT / "sandbox" / "requirements.txt")
        for wheel in wheels:
            install(python, wheel)
        for marker in ("runtime", "sandbox"):
            (folder / ".venv" / marker).touch()

    def make(self, *words: str, within: Sequence[str] = (), **variables: str) -> str:
        """Runs a target, with a command that starts it, that must end well; gives what it printed."""
        environment = {
            name: value for name, value in os.environ.items() if name != "SANDBOX_HOME"
        } | variables
        if self._home:
            environment["SANDBOX_HOME"] = str(self._home)
        done = make(self.folder, *words, "ENGINE=embedded", environment=environment, within=within)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def files(self) -> dict[str, int]:
        """What lies in the clone outside the environment, with the time of its last change."""
        found = (file for file in self.folder.rglob("*") if ".venv" not in file.parts)
        return {str(file): file.stat().st_mtime_ns for file in found}


def make(
    folder: Path, *words: str, environment: dict[str, str], within: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*within, "make", "--no-print-directory", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.soak
@pytest.mark.parametrize("name", KINDS.values(), ids=KINDS)
def test_a_folder_of_any_name(tmp_path: Path, name: str, wheel: Path, sandbox_wheel: Path) -> None:
    made = Clone(tmp_path / name, None, (wheel, sandbox_wheel))
    assert SIGNED_IN in made.make("up")
    assert "22 unchanged" in made.make("preview")
    assert "sandbox stopped" in made.make("down")


@contextmanager
def read_only(folder: Path) -> Iterator[Sequence[str]]:
    """While inside, nobody may write there; gives what commands are to be started with for that to count.

    Root ignores permission bits unless it drops the capability for that. Skips where it cannot.
    """
    within: list[str] = []
    if os.geteuid() == 0:
        if (program := shutil.which("setpriv")) is None:
            pytest.skip("root may write anywhere, and this machine has no setpriv")
        within = [program, "--bounding-set", "-dac_override,-dac_read_search"]
    subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
    try:
        yield within
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)


def test_a_read_only_checkout_of_an_odd_name_and_a_writable_home(
    tmp_path: Path, wheel: Path, sandbox_wheel: Path
) -> None:
    home, cache = tmp_path / "home" / ALL, tmp_path / "cache"
    made = Clone(tmp_path / ALL, home, (wheel, sandbox_wheel))
    before = made.files()
    with read_only(made.folder) as within:
        tried = subprocess.run([*within, "touch", str(made.folder / "x")], capture_output=True, check=False)
        assert tried.returncode != 0, "this checkout can be written"
        variables = {"XDG_CACHE_HOME": str(cache)}
        without_home = {**os.environ, **variables} | {"SANDBOX_HOME": ""}
        refused = make(made.folder, "up", "ENGINE=embedded", environment=without_home, within=within)
        assert refused.returncode != 0
        assert "Name another folder for the sandbox: SANDBOX_HOME=<folder>" in refused.stdout
        first = made.make("up", within=within, **variables)
        down = made.make("down", within=within, **variables)
    assert SIGNED_IN in first
    assert list((cache / "mimecast-sso" / "pycache").rglob("mimecast_sso/__init__.*.pyc")), (
        "byte code is kept"
    )
    shown = [wrap(line.replace(str(home), ".sandbox"), COLUMNS) or [""] for line in first.splitlines()]
    assert sum(map(len, shown)) <= MOST_LINES, first
    assert "sandbox stopped" in down
    assert made.files() == before


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Path]:
    """A clone without an environment; whatever make does, it must leave none that is half made."""
    folder = clone(tmp_path / PLAIN)
    yield folder
    assert not (folder / ".venv").exists()


def with_module(folder: Path, name: str, content: str) -> dict[str, str]:
    """An environment whose Python finds this module before its own."""
    modules = folder.parent / "modules"
    modules.mkdir()
    (modules / f"{name}.py").write_text(content)
    return {**os.environ, **NO_INDEX, "PYTHONPATH": str(modules)}


def test_an_old_python_is_refused_with_the_fix(bare: Path) -> None:
    old = with_module(bare, "sitecustomize", "import sys; sys.version_info = (3, 9, 18, 'final', 0)")
    done = make(bare, "up", environment=old)
    assert done.returncode != 0
    assert (
        "Python 3.11 or newer is needed, and python3 is 3.9. Name a newer one: make PYTHON=python3.12"
        in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_a_python_without_the_venv_module_is_refused_with_the_fix(bare: Path) -> None:
    missing = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'ensurepip' else f(n)"
    done = make(bare, "up", environment=with_module(bare, "sitecustomize", missing))
    assert done.returncode != 0
    assert (
        "its module ensurepip is missing. Install it (Debian, Ubuntu: apt install python3-venv)"
        in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_an_environment_that_cannot_be_created_leaves_nothing(bare: Path) -> None:
    broken = "import sys, venv; venv.main = lambda: sys.exit('No space left on device')"
    done = make(bare, "up", environment=with_module(bare, "sitecustomize", broken))
    assert done.returncode != 0
    assert (
        "could not create the virtual environment .venv: No space left on device. .venv was removed"
        in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_an_incomplete_environment_is_recreated(tmp_path: Path) -> None:
    """As after Ctrl-C: a Python, and no pip in it. The index is out of reach, so that it ends after that."""
    folder = clone(tmp_path / PLAIN)
    locked(folder / ".venv", folder / "requirements.txt")
    shutil.rmtree(next((folder / ".venv").glob("lib/python3*/site-packages")))
    done = make(folder, ".venv/runtime", environment={**os.environ, **NO_INDEX})
    assert done.returncode != 0
    assert "pip could not install the packages of requirements.txt; see its message above" in done.stdout
    assert (folder / ".venv" / "bin" / "pip").exists()
    assert not (folder / ".venv" / "runtime").exists()


@pytest.mark.parametrize(
    "variable",
    [
        "stack=prod-eu",
        "Stack=prod-eu",
        "STACKS=prod-eu",
        "STCK=prod-eu",
        "PULUMI_STACK=prod-eu",
        "engine=pulumi",
    ],
)
def test_a_mistyped_variable_runs_nothing(variable: str) -> None:
    done = make(ROOT, "--dry-run", "up", variable, environment=dict(os.environ))
    assert done.returncode != 0
    assert f"There is no variable {variable.partition('=')[0]}." in done.stdout


def test_other_variables_are_passed_on() -> None:
    words = ("SANDBOX_HOME=/tmp/x", "PIP_INDEX_URL=x", "HTTPS_PROXY=y", "STACK=prod-eu")
    done = make(ROOT, "--dry-run", "up", *words, environment=dict(os.environ))
    assert done.returncode == 0, done.stdout
    assert "mimecast-sso up --stack prod-eu" in done.stdout
