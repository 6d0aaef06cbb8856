"""Creates ``.venv``, which make and the Pulumi CLI share, and installs the packages of a lock file.

    python3 tools/make_venv.py LOCK PROJECT...

LOCK is a requirements file with hashes. Each PROJECT is a folder of this repository, installed in editable mode.
Needs only Python. pip does the work, so the user's pip settings (mirror, proxy, trust) apply.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

VENV = Path(".venv")
_PYTHON = VENV / "bin" / "python"
_EVERY = 10  # packages between two lines of progress

_NO_VENV = """\
{python} cannot create virtual environments: its module {module} is missing. Install it (Debian, Ubuntu: \
apt install python3-venv), or name another Python: make PYTHON=python3.12"""
_NOT_CREATED = """\
{python} could not create the virtual environment {venv}: {reason}. {venv} was removed; fix that and rerun"""
_NOT_INSTALLED = """\
pip could not install the packages of {lock}; see its message above. To set a package index, mirror or proxy, use pip \
config. Fix that and rerun; installed packages are kept"""


class CannotError(Exception):
    """The environment cannot be created; the message gives the cause and the fix."""


def main(lock: str, *projects: str) -> int:
    """Create the environment. Returns the exit code."""
    try:
        if not _works():
            _create()
        _install(lock, projects)
    except CannotError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _works() -> bool:
    """Whether a complete environment exists; an incomplete one has no pip."""
    if not _PYTHON.exists():
        return False
    asked = subprocess.run([_PYTHON, "-m", "pip", "--version"], capture_output=True, check=False)
    return asked.returncode == 0


def _create() -> None:
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise CannotError(_NO_VENV.format(python=sys.executable, module=module))
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)
        raise
    if done.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        reason = (
            (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1].rstrip(".")
        )
        raise CannotError(_NOT_CREATED.format(python=sys.executable, venv=VENV, reason=reason))


def _install(lock: str, projects: Sequence[str]) -> None:
    pinned = sum("==" in line for line in Path(lock).read_text(encoding="utf-8").splitlines())
    print(f"Installing up to {pinned} locked packages into {VENV} ({lock})", flush=True)
    for line in _pip(lock, "--require-hashes", "--requirement", lock):
        print(f"  {line}", flush=True)
    editable = [word for project in projects for word in ("--editable", project)]
    for _ in _pip(lock, "--quiet", "--no-deps", "--no-build-isolation", *editable):
        pass
    if shutil.which("mimecast-sso") is None:  # Messages call the command by name.
        print(f'Installed. To call the commands by name: export PATH="$PWD/{VENV}/bin:$PATH"', flush=True)


def _pip(lock: str, *words: str) -> Iterator[str]:
    """Run ``pip install``; yields its progress. Raises CannotError."""
    command = [str(_PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--no-compile"]
    pip = subprocess.Popen(
        [*command, "--progress-bar", "off", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert pip.stdout is not None  # noqa: S101 (a pipe was asked for)
    yield from _progress(pip.stdout)
    if pip.wait():
        raise CannotError(_NOT_INSTALLED.format(lock=lock))


def _progress(said: Iterable[str]) -> Iterator[str]:
    """Pip's progress in a few lines."""
    found = 0
    for line in said:
        if line.startswith("Collecting "):
            found += 1
            if found % _EVERY == 0:
                yield f"{found} packages found"
        elif line.startswith("Installing collected packages"):
            yield f"installing {found} packages"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
