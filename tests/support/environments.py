"""Virtual environments that hold exactly what a lock file pins, made without a package index."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9_.-]+)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>[^\\]+))?", re.MULTILINE
)


def pinned(lock: Path) -> dict[str, str]:
    """Names and versions that a lock file pins for this machine."""
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
    """Installs a wheel, and nothing that it depends on."""
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
