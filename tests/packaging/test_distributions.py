"""What the product, the sandbox and their locks install into an environment."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.environments import build, clone, install, locked, pinned
from tools.repack import repack

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, SANDBOX, DEV = (
    ROOT / name for name in ("requirements.txt", "sandbox/requirements.txt", "requirements/dev.txt")
)
PRODUCT = ("components", "mimecast_sso", "providers")
SERVES = {"starlette", "uvicorn", "trustme", "python-multipart"}
"""What only the sandbox needs. (PyJWT is missing here: azure-identity needs it, too.)"""

_IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def files(folder: Path, *packages: str) -> set[str]:
    """Everything in the packages but byte code and what packages them."""
    return {
        file.relative_to(folder).as_posix()
        for package in packages
        for file in (folder / package).rglob("*")
        if file.is_file()
        and file.suffix != ".pyc"
        and not {"build", "dist"} & set(file.relative_to(folder).parts)
        and not any(part.endswith(".egg-info") for part in file.parts)
        and file.name not in {"pyproject.toml", "requirements.txt"}
    }


def modules(of: set[str]) -> list[str]:
    """The names of the modules among the files; ``__main__`` is run and not imported."""
    names = [
        file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for file in of
        if file.endswith(".py")
    ]
    return sorted(name for name in names if not name.endswith("__main__"))


def in_wheel(wheel: Path) -> set[str]:
    """The files that a wheel puts beside other packages, its own description left out."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}


def run(python: Path, *words: str, cwd: Path, code: int = 0) -> str:
    """A command of an environment, far from the sources."""
    done = subprocess.run(
        [str(python), *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    assert in_wheel(wheel) == files(ROOT, *PRODUCT)


def test_a_wheel_made_from_the_source_distribution_is_the_same(
    sources: Path, wheel: Path, tmp_path: Path
) -> None:
    archive = build(sources, "sdist", tmp_path)
    repack(archive, 1_700_000_000)
    shutil.unpack_archive(archive, tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert in_wheel(build(unpacked, "wheel", tmp_path)) == in_wheel(wheel)


def packed(archive: Path, *members: dict[str, Any]) -> bytes:
    """A source distribution of empty files, repacked."""
    with tarfile.open(archive, "w:gz") as made:
        for fields in members:
            member = tarfile.TarInfo()
            for name, value in fields.items():
                setattr(member, name, value)
            made.addfile(member)
    repack(archive, 1_700_000_000)
    return archive.read_bytes()


def test_a_source_distribution_is_the_same_on_every_machine(tmp_path: Path) -> None:
    """Times, owners, modes and the order of files differ; before, they were packed as they were."""
    here = {"mtime": 5, "uid": 0, "uname": "root"}
    there = {"mtime": 7.5, "uid": 1000, "uname": "ada"}
    assert packed(
        tmp_path / "here.tar.gz",
        {"name": "a/b", "mode": 0o644} | here,
        {"name": "a/run", "mode": 0o755} | here,
    ) == packed(
        tmp_path / "there.tar.gz",
        {"name": "a/run", "mode": 0o700} | there,
        {"name": "a/b", "mode": 0o664} | there,
    )


def test_the_installed_product_works_with_its_lock_alone(wheel: Path, tmp_path: Path) -> None:
    python = locked(tmp_path / "venv", RUNTIME)
    install(python, wheel)
    run(python, "-c", _IMPORT, *modules(files(ROOT, *PRODUCT)), cwd=tmp_path)
    said = run(python.with_name("mimecast-sso"), "--version", cwd=tmp_path)
    assert said == "mimecast-sso 0.2.0\n"
    lost = run(python.with_name("mimecast-sso"), "preview", "--stack", "prod-eu", cwd=tmp_path, code=1)
    assert f"There is no Pulumi.yaml in {tmp_path} or above it" in lost


def test_the_installed_sandbox_works_with_its_lock_alone(
    wheel: Path, sandbox_wheel: Path, tmp_path: Path
) -> None:
    assert in_wheel(sandbox_wheel) == files(ROOT, "sandbox")
    python = locked(tmp_path / "venv", SANDBOX)
    install(python, wheel)
    install(python, sandbox_wheel)
    run(python, "-c", _IMPORT, *modules(files(ROOT, "sandbox")), cwd=tmp_path)
    assert "Run a command" in run(python, "-m", "sandbox", "--help", cwd=tmp_path)


def test_the_lock_of_a_real_tenant_has_nothing_that_only_the_sandbox_needs() -> None:
    runtime, sandbox = pinned(RUNTIME), pinned(SANDBOX)
    assert set(sandbox) >= SERVES
    assert not SERVES & set(runtime)


@pytest.mark.parametrize(("greater", "smaller"), [(SANDBOX, RUNTIME), (DEV, SANDBOX)])
def test_each_lock_holds_the_one_before_it(greater: Path, smaller: Path) -> None:
    assert pinned(smaller).items() <= pinned(greater).items()


@pytest.mark.parametrize("lock", [RUNTIME, SANDBOX, DEV])
def test_every_pin_has_hashes(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    pins = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert all("==" in lines[number] and "--hash=sha256:" in lines[number + 1] for number in pins)


def test_a_release_has_an_sbom_of_all_that_its_lock_pins(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    (folder / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(
        ["make", "-o", ".venv/dev", "dist"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name for path in (folder / "dist").iterdir() if not path.name.startswith(".")}
    for name, lock in (("mimecast-sso", RUNTIME), ("mimecast-sso-sandbox", SANDBOX)):
        document = json.loads((folder / "dist" / f"{name}.cdx.json").read_text())
        assert document["bomFormat"] == "CycloneDX"
        main = document["metadata"]["component"]
        assert (main["name"], main["version"]) == (name, "0.2.0")
        pins = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))
        assert {each["name"]: each["version"] for each in document["components"]} == pins
        assert all(each["externalReferences"][0]["hashes"] for each in document["components"])
        archive = name.replace("-", "_")
        with tarfile.open(folder / "dist" / f"{archive}-0.2.0.tar.gz") as sources:
            assert len({member.mtime for member in sources}) == 1
        made -= {f"{name}.cdx.json", f"{archive}-0.2.0.tar.gz", f"{archive}-0.2.0-py3-none-any.whl"}
    assert made == {"SHA256SUMS"}
