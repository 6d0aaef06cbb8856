"""The files that ``mimecast-sso assess`` writes: the people, and a stack file that fits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from mimecast_sso.assessment.candidates import Candidate, Candidates, problem, way_out
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.settings import NAMESPACE
from mimecast_sso.text import foreign

COLUMNS = (
    "address",
    "user principal name",
    "assigned",
    "in roll-out group",
    "would sign in",
    "reason",
    "what is wrong",
    "what to do",
)


def write_people(path: Path, found: Candidates) -> None:
    """Write one row per person, sorted by address. Raises OperationError."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(map(foreign.cell, _row(person, found.snapshot)) for person in found.people)
    _write(path, text.getvalue())


def _row(person: Candidate, snapshot: Snapshot) -> Iterator[str]:
    account, outcome = person.forecast.account, person.outcome
    yield person.forecast.address
    yield (account.user_principal_name if account else "") or ""
    yield _yes_or_no(person.assigned)
    yield _yes_or_no(person.in_group)
    yield _yes_or_no(person.would_sign_in)
    yield str(outcome.reason or "")
    yield problem(outcome)
    yield way_out(outcome, snapshot)


def _yes_or_no(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


def refuse_to_overwrite(path: Path, *, force: bool) -> None:
    """Raise OperationError if the stack file already exists."""
    if path.exists() and not force:
        raise OperationError(
            f"{path} already exists and was not overwritten. Name another file with --stack-file, or overwrite it with "
            "--force."
        )


def write_stack_file(path: Path, values: Mapping[str, object], snapshot: Snapshot) -> None:
    """Write a stack file. Raises OperationError."""
    comment = f"Fits both tenants as they were on {snapshot.entra_now:%Y-%m-%d}. Nobody is in the roll-out group yet."
    _write(path, stack_file(values, comment))


def stack_file(values: Mapping[str, object], comment: str) -> str:
    """The content of a stack file, with a comment at its top."""
    config = {f"{NAMESPACE}:{key}": value for key, value in values.items()}
    body = yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True, width=4096)
    return f"# yaml-language-server: $schema=schema.json\n# {comment}\n{body}"


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror}.") from None
