"""Installs an azuread plugin where deployments on the sandbox find it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote

from mimecast_sso.text.machine_user import default_pulumi_home
from sandbox.azuread.package import sdk_version

EXECUTABLE = "pulumi-resource-azuread"
_PROJECT_ROOT = Path(__file__).resolve().parents[2]
MARK = "# The sandbox's stand-in for the azuread plugin."
"""The line that tells its script from a published plugin."""
# A shell starts the interpreter: a script's first line cannot name one whose path contains a space.
_SCRIPT = """#!/bin/sh
{mark}
exec {interpreter} -P -c {program} "$@"
"""
_PROGRAM = (
    "import sys; sys.path.insert(0, {root!r}); from sandbox.azuread.__main__ import main; sys.exit(main())"
)


def install(pulumi_home: Path) -> Path | None:
    """Make an azuread plugin available in `pulumi_home`, the sandbox's own, under the SDK's version.

    A published plugin takes precedence: one on PATH, or one of the SDK's version in the user's own Pulumi home
    (`PULUMI_HOME`, else `~/.pulumi`; engines look for exactly that version). The sandbox's home then gets a link to it,
    for engines that look only there. Otherwise it gets the stand-in: a script that starts the running interpreter.

    Safe to repeat; replaces what an earlier call installed if the choice has changed since.

    Returns:
        The stand-in's executable, or None when a published plugin is used.
    """
    folder = pulumi_home / "plugins" / _folder_name()
    target = folder / EXECUTABLE
    published = find_published(pulumi_home, os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    if published is not None:
        _replace(target, lambda path: path.symlink_to(published))
        return None
    program = _PROGRAM.format(root=str(_PROJECT_ROOT))
    text = _SCRIPT.format(interpreter=quote(sys.executable), mark=MARK, program=quote(program))
    if target.is_symlink() or not target.is_file() or target.read_text(encoding="utf-8") != text:
        _replace(target, lambda path: _write(path, text))
    return target


def find_published(pulumi_home: Path, environment: Mapping[str, str]) -> Path | None:
    """This machine's published plugin, if any; not looked for in `pulumi_home`."""
    on_path = shutil.which(EXECUTABLE, path=environment.get("PATH"))
    homes = {default_pulumi_home()}
    if environment.get("PULUMI_HOME"):
        homes.add(Path(environment["PULUMI_HOME"]))
    candidates = [Path(on_path)] if on_path else []
    candidates += [
        home / "plugins" / _folder_name() / EXECUTABLE
        for home in sorted(homes)
        if home.resolve() != pulumi_home.resolve()
    ]
    return next((path.resolve() for path in candidates if _is_published(path)), None)


def _folder_name() -> str:
    return f"resource-azuread-v{sdk_version()}"


def _is_published(path: Path) -> bool:
    """Whether it is an executable other than a sandbox's stand-in."""
    if not path.is_file() or not os.access(path, os.X_OK):
        return False
    with path.open("rb") as file:
        return MARK.encode() not in file.read(1024)


def _replace(target: Path, make: Callable[[Path], None]) -> None:
    """Write the file next to its target, then rename it: an engine may be starting it right now."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    make(fresh)
    fresh.replace(target)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
