"""CONTRIBUTING.md: its recipes work on a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.settings import ConfigurationError, from_values

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
REASONS = "mimecast_sso/facts/sign_in_reasons.py"
SIGN_IN = "mimecast_sso/assessment/sign_in.py"
TEST = "tests/assessment/test_sign_in.py"


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str) -> list[str]:
    """The code of a recipe, in order."""
    return re.findall(r"```python\n(.*?)```", section(title), re.DOTALL)


def edit(file: Path, *changes: tuple[str, Callable[[str], str]]) -> None:
    """Replace what each pattern finds, once."""
    text = file.read_text(encoding="utf-8")
    for pattern, change in changes:
        text, number = re.subn(
            pattern, lambda found, change=change: change(found[0]), text, count=1, flags=re.DOTALL
        )
        assert number == 1, pattern
    file.write_text(text, encoding="utf-8")


def indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("mimecast_sso", "providers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / TEST).parent.mkdir(parents=True)
    shutil.copy(ROOT / TEST, tmp_path / TEST)
    return tmp_path


def passes(copy: Path) -> bool:
    words = [
        "-m",
        "pytest",
        "-q",
        "--noconftest",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *words, "--rootdir", str(copy), str(copy / TEST)],
        cwd=copy, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "passed" in done.stdout, done.stdout + done.stderr
    return done.returncode == 0


def test_a_new_guard_is_one_row_and_one_test(copy: Path) -> None:
    row, line, entry = blocks("A new guard is one row and one test")
    member, _, row = row.partition("\n\n")
    edit(
        copy / REASONS,
        (r"class Reason\(.*?(?=\n\n\n)", lambda found: f"{found}\n    {member}"),
        (r"REASONS[^\n]*= \{\n", lambda found: f"{found}{indented(row)}"),
    )
    edit(
        copy / SIGN_IN,
        (r"    needs_certificate: bool = False\n", lambda found: f"{found}    encrypts: bool = False\n"),
        (
            r"        _refused_if\(case\.name_id is NameIdState\.EMPTY[^\n]*\n    \)\n",
            lambda _: indented(line),
        ),
    )
    assert not passes(copy), "a reason that no test reaches is noticed"
    edit(copy / TEST, (r"FROM_MIMECAST:[^\n]*\{\n", lambda found: f"{found}    {entry}"))
    assert passes(copy)


def test_a_new_region_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"region": "nz", "accountCode": "CNZ25A118", "certificates": "2029-11-01"}
    with pytest.raises(ConfigurationError, match="is not a region's code"):
        from_values(values)
    row = replace(REGIONS["au"], code="nz", name="New Zealand", host="nz-api.mimecast.com")
    monkeypatch.setitem(REGIONS, "nz", row)
    assert from_values(values).reply_url == "https://nz-api.mimecast.com/login/saml"


def test_the_files_of_every_recipe_exist() -> None:
    found = set(re.findall(r"`((?:mimecast_sso|providers|sandbox|tests|tools)/[\w./-]+)`", PAGE))
    assert len(found) > 25
    assert [each for each in sorted(found) if "NAME" not in each and not (ROOT / each).exists()] == []
