"""Virtual environments with exactly the packages of a lock file, created without a package index."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]

_BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9_.-]+)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>[^\\]+))?", re.MULTILINE
)


def pinned(lock: Path) -> dict[str, str]:
    """Names and versions of a lock file's packages for this machine."""
    pins = {}
    for pin in _PIN.finditer(lock.read_text(encoding="utf-8")):
        if pin["marker"] is None or Marker(pin["marker"].strip()).evaluate():
            pins[pin["name"]] = pin["version"]
    return pins


def locked(folder: Path, lock: Path) -> Path:
    """An environment in ``folder`` with the packages of ``lock``, linked from the one that runs the tests.

    Returns:
        Its interpreter.
    """
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    for name in pinned(lock):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    return folder / "bin" / "python"


def install(python: Path, wheel: Path) -> None:
    """Install a wheel without its dependencies."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*command, "--no-compile", str(wheel)], check=True)


def clone(folder: Path) -> Path:
    """The files of the project in a new folder, as a clone has them."""
    for name in ("Makefile", "Pulumi.yaml", "README.md", "__main__.py", "pyproject.toml", "requirements.txt"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder)
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in (
        "components",
        "mimecast_sso",
        "providers",
        "requirements",
        "sandbox",
        "stacks",
        "tests/support",
        "tools",
    ):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    return folder


def build(source: Path, kind: str, into: Path) -> Path:
    """A wheel or sdist of a folder, built as pip does."""
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, f"build_{kind}", str(into)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return into / done.stdout.splitlines()[-1]
