"""Measures the code, and how many files a contributor opens to answer nine common questions ("hunts").

    .venv/bin/python tools/house.py

Complexity is measured by ruff (McCabe, rule C901), whose version is locked; lengths are lines of functions, docstrings
included. `docs/architecture.md` has the figures of the last release, and the hunts; a test keeps the hunts current.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("mimecast_sso", "components", "providers", "sandbox")
LONG = 40
MOST_FILES = 3

Hunt = tuple[str, tuple[tuple[str, str], ...]]
"""A question, and the files with its answer: path and name in it. Each file imports from the next."""

HUNTS: tuple[Hunt, ...] = (
    (
        "Where is the reply URL of a region decided?",
        (("mimecast_sso/settings/model.py", "reply_url"), ("mimecast_sso/facts/regions.py", "reply_url")),
    ),
    (
        "What refuses a run?",
        (
            ("mimecast_sso/assessment/guards/__init__.py", "check"),
            ("mimecast_sso/assessment/guards/losses.py", "find"),
            ("mimecast_sso/facts/sign_in_reasons.py", "REASONS"),
        ),
    ),
    (
        "Where does a message about people's sign-in come from?",
        (
            ("mimecast_sso/operations/assessing.py", "on_deploy"),
            ("mimecast_sso/assessment/sentences.py", "on_deploy"),
        ),
    ),
    (
        "What decides the state of the console's profile?",
        (
            ("providers/mimecast/edge/authentication_profile.py", "AuthenticationProfile"),
            ("mimecast_sso/console/attestation.py", "state"),
        ),
    ),
    (
        "Who belongs in the roll-out group?",
        (("mimecast_sso/settings/model.py", "members"), ("mimecast_sso/settings/roll_out.py", "members")),
    ),
    (
        "How is a lost response settled?",
        (("providers/mimecast/groups.py", "provide_group"), ("providers/mimecast/settling.py", "settle")),
    ),
    (
        "How does a key of a stack file become a setting?",
        (
            ("mimecast_sso/settings/reading.py", "from_values"),
            ("mimecast_sso/settings/model.py", "Settings"),
            ("mimecast_sso/settings/roll_out.py", "RollOut"),
        ),
    ),
    (
        "What does Save in the console do to whom?",
        (
            ("mimecast_sso/operations/assessing.py", "on_save"),
            ("mimecast_sso/assessment/sentences.py", "on_save"),
            ("mimecast_sso/assessment/forecast.py", "sent_by_save"),
        ),
    ),
    (
        "Where is a call to Microsoft Graph made?",
        (
            ("providers/entra/signing_certificates.py", "activate"),
            ("providers/entra/protocols.py", "Graph"),
            ("providers/entra/graph.py", "GraphClient"),
        ),
    ),
)


def problems() -> Iterator[str]:
    """Problems of the hunts: a missing name, a file that does not import from the next, too many files."""
    for question, stops in HUNTS:
        if len(stops) > MOST_FILES:
            yield f"{question} takes {len(stops)} files"
        for path, name in stops:
            if name not in _names(path):
                yield f"{question} {path} has no {name}"
        for (path, _), (following, _) in pairwise(stops):
            if not _leads(path, following):
                yield f"{question} {path} does not lead to {following}"


def table() -> str:
    """The hunts as a Markdown table."""
    rows = ["| question | files, in reading order |", "|---|---|"]
    for question, stops in HUNTS:
        files = " → ".join(f"[`{path}`](../{path}) (`{name}`)" for path, name in stops)
        rows.append(f"| {question} | {files} |")
    return "\n".join(rows)


def figures() -> Iterator[str]:
    """Number, length and complexity of the functions of each top-level package, as rows of the page's table."""
    for room in ROOMS:
        lengths = sorted(_lengths(room), reverse=True)
        complexity = _complexity(room)
        longest, where = lengths[0]
        path, name = where.split()
        yield (
            f"| `{room}` | {len(lengths):,} | {sum(each > LONG for each, _ in lengths)} | "
            f"{longest} (`{name}` in `{Path(path).name}`) | {mean(complexity):.1f} | {max(complexity)} |"
        )


def _leads(path: str, following: str) -> bool:
    text = (ROOT / path).read_text(encoding="utf-8")
    module = following.removesuffix(".py").replace("/", ".")
    package, _, name = module.rpartition(".")
    imported = re.search(rf"from {re.escape(package)} import (\([^)]*\b{name}\b|[^(\n]*\b{name}\b)", text)
    return module in text or imported is not None


def _names(path: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Assign):
            found |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return found


def _lengths(room: str) -> Iterator[tuple[int, str]]:
    for file in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield lines, f"{file.relative_to(ROOT)} {node.name}"


def _complexity(room: str) -> list[int]:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "C901",
        "--exit-zero",
    ]
    command += ["--config", "lint.mccabe.max-complexity=0", "--output-format", "json", room]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [int(re.findall(r"\((\d+) > 0\)", row["message"])[0]) for row in json.loads(printed)]


def main() -> None:
    """Print figures, hunts and problems; exit with 1 if there is a problem."""
    sys.stdout.write("\n".join([*figures(), "", table(), ""]))
    if found := list(problems()):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
