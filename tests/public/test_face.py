"""The public face of the package: what other programs import."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mimecast_sso

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = """
import mimecast_sso
from mimecast_sso import MimecastTenantArgs, PersonalPortalSso, assess

reveal_type(PersonalPortalSso.identifier)
reveal_type(MimecastTenantArgs([]).on_removal)
reveal_type(assess)
"""


@pytest.mark.parametrize("name", mimecast_sso.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(mimecast_sso, name)
    assert name in dir(mimecast_sso)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value), f"{name} has no docstring"


def test_a_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        mimecast_sso.nothing  # noqa: B018


def test_importing_the_package_loads_nothing_of_it() -> None:
    loaded = "import sys, mimecast_sso; print([m for m in ('pulumi', 'pydantic', 'components') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_type_checkers_and_programs_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "mimecast_sso" / "__init__.py").read_text())
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname or alias.name
        for statement in guard.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert imported == set(mimecast_sso.__all__)


@pytest.mark.parametrize(
    "name", [each for each in mimecast_sso.__all__ if each.endswith("Args") and each != "AddressArgs"]
)
def test_every_argument_is_described(name: str) -> None:
    """By its name, in the docstring's list of attributes."""
    arguments = getattr(mimecast_sso, name)
    described = inspect.getdoc(arguments) or ""
    missing = [field for field in arguments.__dataclass_fields__ if f"    {field}: " not in described]
    assert missing == []


@pytest.mark.parametrize("package", ["components", "mimecast_sso", "providers"])
def test_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_type_checkers_see_outputs_and_arguments(tmp_path: Path) -> None:
    program = tmp_path / "consumer.py"
    program.write_text(CONSUMER)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            f"--config-file={ROOT / 'pyproject.toml'}",
            f"--cache-dir={tmp_path / 'cache'}",
            str(program),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for revealed in (
        '"pulumi.output.Output[str]"',
        "Awaitable[str]",
        "-> mimecast_sso.assessment.assessment.Assessment",
    ):
        assert revealed in done.stdout
