"""The rehearsal of a change: deploy the base on a sandbox, then the head on top of it, while everybody signs in.

It needs no secret, and runs in an environment without any: the sandbox's are public. The code of both commits runs
unchanged, the sandbox's included, so a change of anything but stack files, tables and documentation is rehearsed only
where no credential can be read.

The product never imports the sandbox; its commands are a fixed interface.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TypedDict

from mimecast_sso.assessment.assessment import written_addresses
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.operations.change.repository import Repository
from mimecast_sso.operations.change.scope import ChangeScope, Data
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.review.model import Lost, Rehearsal, StackReview
from mimecast_sso.settings import REFUSED, ConfigurationError, from_file
from mimecast_sso.text import foreign
from mimecast_sso.text.files import parse_json, read_text
from mimecast_sso.text.terminals import READ_BY_PROGRAMS

_KEPT = ("ENGINE", "LANG", "LC_ALL", "PATH", "TMPDIR", "VIRTUAL_ENV")
"""Environment variables that a rehearsal keeps."""
CREDENTIALS = (
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ARM_ACCESS_KEY",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PATH",
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_SECRET_FILE_PATH",
    "ARM_OIDC_REQUEST_TOKEN",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_TOKEN_FILE_PATH",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "GOOGLE_CREDENTIALS",
    "MIMECAST_CLIENT_SECRET",
    "MIMECAST_SSO_CREDENTIALS",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "SYSTEM_ACCESSTOKEN",
)
"""Environment variables that hold a credential, or lead to one."""
MAIN = "from mimecast_sso.operations.cli import main; main()"
"""What `python -c` runs as the command: it finds the code of the folder it is started in."""
_ENTRA, _PASSWORD, _FAILED = "entra", "password", "refused"
_SETTLES = 3.0
"""Seconds of sign-ins after the last deployment."""
_LIMIT = 600
"""Time limit for one command, in seconds."""
_BY = ("--by", "rehearsal@example.com", "--evidence", "filled in by the rehearsal")


class Attempt(TypedDict):
    """One sign-in, as a line of ``python -m sandbox sign-ins``; times in seconds since 1970."""

    address: str
    result: str
    reason: str
    began: float
    ended: float


def why_not(scope: ChangeScope, *, approved: bool) -> str:
    """Why a change is not rehearsed here; "" if it is."""
    if not (scope.code or scope.beside) or approved or "SANDBOX_INSTANCE" in os.environ:
        return ""
    found = [each for each in CREDENTIALS if os.environ.get(each)]
    if not found:
        return ""
    return f"it would run the head's code where {found[0]} can be read. Rehearse in a job without credentials"


def recorded_people(file: Path) -> frozenset[str]:
    """People in roll-out groups and the address book of an exported state. Raises OperationError."""
    try:
        exported = parse_json(read_text(file))
        record = in_state(exported["deployment"].get("resources") or [])
        members = [each.members for each in record.memberships.values()]
        book = frozenset(record.addresses)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(
            f"{foreign.name(str(file))} is not an exported state. Write one: pulumi stack export --stack STACK --file "
            "FILE"
        ) from None
    return frozenset(each for each in book.union(*members) if not each.startswith("@"))


def rehearse(
    repository: Repository,
    scope: ChangeScope,
    data: tuple[Data, Data],
    stacks: Sequence[StackReview],
    *,
    recorded: Mapping[str, frozenset[str]],
    problem: str,
) -> Iterator[StackReview]:
    """Add its rehearsal to each review.

    Args:
        repository: The project's repository.
        scope: The change.
        data: The data of the merge base and of the head.
        stacks: The reviews without rehearsals.
        recorded: People of the last deployment, by stack, if its state is known.
        problem: Why there is no rehearsal; "" where there is one.
    """
    if problem:
        yield from (replace(each, rehearsal=Rehearsal(problem=problem)) for each in stacks)
        return
    before, after = data
    with tempfile.TemporaryDirectory(prefix="mimecast-sso-") as folder:
        trees = (Path(folder, "base"), Path(folder, "head"))
        for tree, commit in zip(trees, (scope.start, scope.head), strict=True):
            _check_out(repository, commit, tree)
        for number, each in enumerate(stacks):
            deployed = each.stack in before.stacks
            if each.error or each.stack not in after.stacks:
                yield each
                continue
            stage = _Stage(each.stack, Path(folder, f"sandbox-{number}"))
            people = recorded.get(each.stack, frozenset()).union(*(_listed(one, each.stack) for one in data))
            stage.people.write_text("".join(f"{address}\n" for address in sorted(people)), encoding="utf-8")
            yield replace(each, rehearsal=_rehearsed(stage, trees, deployed=deployed))


def _check_out(repository: Repository, commit: str, tree: Path) -> None:
    tree.mkdir()
    repository.write_tree(commit, tree)
    if not (tree / ".venv").exists():
        (tree / ".venv").symlink_to(sys.prefix)  # The Pulumi CLI needs the one that Pulumi.yaml names.


def _listed(data: Data, stack: str) -> frozenset[str]:
    """The addresses that a stack lists in its file or in a CSV file; its deployment refuses invalid ones."""
    if stack not in data.stacks:
        return frozenset()
    try:
        found = written_addresses(from_file(data.file(stack)), data.root)
    except ConfigurationError:
        return frozenset()
    return frozenset(each.address for each in found)


def _rehearsed(stage: _Stage, trees: tuple[Path, Path], *, deployed: bool) -> Rehearsal:
    base, head = trees
    try:
        with stage.running(base if deployed else head):
            if deployed:
                stage.deploy(base)
            if deployed:
                stage.seed(head, "--keep-groups")
            first = stage.sign_ins(head)
            return _on_the_base(stage, head, first)
    except OperationError as error:
        return Rehearsal(problem=foreign.one_line(str(error)))


def _on_the_base(stage: _Stage, head: Path, first: Sequence[Attempt]) -> Rehearsal:
    """Deploy the head while everybody signs in."""
    found = Rehearsal(base=_count(first, _ENTRA), base_of=_count(first, _ENTRA, _FAILED))
    with stage.signing_in(head) as attempts:
        began = time.time()
        refused = stage.deploy(head, may_be_refused=True)
        time.sleep(_SETTLES)
    last = stage.sign_ins(head)
    return replace(
        found,
        head=_count(last, _ENTRA),
        head_of=_count(last, _ENTRA, _FAILED),
        refused=refused,
        lost=tuple(lost([*attempts, *last], first, began)),
    )


def _count(attempts: Iterable[Attempt], *results: str) -> int:
    return sum(1 for each in attempts if each["result"] in results)


def lost(attempts: Sequence[Attempt], first: Iterable[Attempt], began: float) -> Iterator[Lost]:
    """Failed sign-ins since then, of people who got in before, by message.

    A person who leaves the roll-out on purpose during a sign-in enters a password the next time; that is no loss.

    Args:
        attempts: Sign-ins since the head's deployment began, including everybody's last one.
        first: One sign-in of everybody before.
        began: When the head's deployment began.
    """
    inside = {each["address"] for each in first if each["result"] == _ENTRA}
    later = sorted(
        (each for each in attempts if each["ended"] >= began), key=lambda each: float(each["ended"])
    )
    found: dict[str, list[Attempt]] = {}
    for address in inside:
        mine = [each for each in later if each["address"] == address]
        for each, after in zip_longest(mine, mine[1:]):
            if each["result"] == _FAILED and not (after and after["result"] == _PASSWORD):
                found.setdefault(_without_names(str(each["reason"])), []).append(each)
    for why, those in sorted(found.items()):
        yield Lost(
            why=why,
            people=len({each["address"] for each in those}),
            sign_ins=len(those),
            first=max(0.0, min(each["began"] for each in those) - began),
            last=max(each["ended"] for each in those) - began,
        )


_NAME = re.compile(r"'[^']*'|\S+@\S+")


def _without_names(reason: str) -> str:
    """The message without names and addresses, so that it is the same for everybody."""
    return _NAME.sub("…", foreign.one_line(reason))


# -- The sandbox's commands -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stage:
    """A separate sandbox for one stack."""

    stack: str
    home: Path

    @contextmanager
    def running(self, tree: Path) -> Iterator[None]:
        """Start it, and seed it for the stack in ``tree``."""
        self.home.mkdir()
        self.sandbox(tree, "start")
        try:
            self.seed(tree)
            yield
        finally:
            self.sandbox(tree, "stop")

    @property
    def people(self) -> Path:
        """A file with the people in the tenants that the stack file does not name."""
        return self.home.with_suffix(".people")

    def seed(self, tree: Path, *options: str) -> None:
        """Add to the tenants what a tree's stack file refers to."""
        self.sandbox(tree, "seed", "--stack", self.stack, "--people", str(self.people), *options)

    def deploy(self, tree: Path, *, may_be_refused: bool = False) -> str:
        """Deploy a tree, do the due console work, and deploy again; return why it is refused, else "".

        Raises OperationError if it fails, or is refused and must not be.
        """
        refused = self._up(tree)
        if refused:
            if may_be_refused:
                return refused
            raise OperationError(f"the base cannot be deployed on the sandbox: {refused}")
        sheets = sorted((self.home / "run-sheet").glob(f"{self.stack}*.html"))
        for sheet in sheets:
            self.sandbox(tree, "administrator", str(sheet))
            second = ["--profile", "second"] if sheet.stem.endswith("-second") else []
            self._sso(tree, "confirm", *_BY, *second)
        return self._up(tree) if sheets else ""

    def _up(self, tree: Path) -> str:
        done = self._sso(tree, "up", "--yes", codes=(Exit.FINE, Exit.REFUSED))
        if done.returncode == Exit.FINE:
            return ""
        lines = [line[line.index(REFUSED) :] for line in done.stdout.splitlines() if REFUSED in line]
        return _without_names(lines[0]).rstrip(".") if lines else "a guard refuses"

    def sign_ins(self, tree: Path) -> list[Attempt]:
        """Sign everybody in once."""
        return [*map(json.loads, self.sandbox(tree, "sign-ins").splitlines())]

    @contextmanager
    def signing_in(self, tree: Path) -> Iterator[list[Attempt]]:
        """Sign everybody in repeatedly inside the block; the attempts are available after it."""
        stop, attempts = self.home / "stop", list[Attempt]()
        with tempfile.TemporaryFile("w+", encoding="utf-8") as lines:
            running = subprocess.Popen(
                [sys.executable, "-m", "sandbox", "sign-ins", "--until", str(stop)],
                cwd=tree,
                env=self._environment(),
                stdout=lines,
                stdin=subprocess.DEVNULL,
            )
            try:
                yield attempts
            finally:
                stop.touch()
                running.wait(_LIMIT)
                stop.unlink()
            lines.seek(0)
            attempts += map(json.loads, lines)

    def sandbox(self, tree: Path, *words: str) -> str:
        """The output of a command of the sandbox. Raises OperationError if it fails."""
        return self._run(tree, words, (0,)).stdout

    def _sso(
        self, tree: Path, verb: str, *words: str, codes: Sequence[int] = (Exit.FINE,)
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", MAIN, verb, "--stack", self.stack, *words]
        return self._run(tree, ["run", "--", *command], codes)

    def _run(
        self, tree: Path, words: Sequence[str], codes: Sequence[int]
    ) -> subprocess.CompletedProcess[str]:
        # The working folder is first on Python's path: if the tree contains this package, its own is used.
        try:
            done = subprocess.run(
                [sys.executable, "-m", "sandbox", *words],
                cwd=tree,
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OperationError(f"a command of the sandbox ({words[0]}) took more than {_LIMIT} s") from None
        if done.returncode not in codes:
            said = done.stdout.strip().splitlines()
            raise OperationError(f"{_what(words)} ended with {done.returncode}: {_error(said)}")
        return done

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return (
            kept
            | {"HOME": str(self.home), "SANDBOX_HOME": str(self.home), "NO_COLOR": "1"}
            | READ_BY_PROGRAMS
        )


def _what(words: Sequence[str]) -> str:
    return f"mimecast-sso {words[5]}" if words[0] == "run" else f"mimecast-sso sandbox {words[0]}"


def _error(lines: Sequence[str]) -> str:
    """The line with the error, without names."""
    found = next((each for each in lines if "error" in each.lower()), lines[-1] if lines else "no output")
    return _without_names(found)[:300]
