"""Reports that were written as JSON, read again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.reports.model import SCHEMA, Entry, Level, Report, Section
from mimecast_sso.provenance import How
from mimecast_sso.text.files import UnreadableTextError, read_text

_STACK = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""What Pulumi takes as the name of a stack."""


def read(file: Path) -> Report:
    """The report in a file that ``--format json`` wrote. Raises OperationError, which quotes nothing of the file."""
    try:
        document = json.loads(read_text(file))
        if document["schema"] != SCHEMA:
            raise OperationError(f"{file} has another schema than {SCHEMA}. Write it with this version.")
        return Report(
            command=str(document["command"]),
            at=datetime.fromisoformat(document["at"]),
            exit=int(document["exit"]),
            sections=tuple(_section(each) for each in document["stacks"]),
        )
    except UnreadableTextError as error:
        raise OperationError(f"{file} {error.why}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(f"{file} is not a report. Write it with --format json.") from None


def _section(document: Mapping[str, Any]) -> Section:
    stack = str(document["stack"])
    if not _STACK.fullmatch(stack):
        raise ValueError("not the name of a stack")
    return Section(
        stack=stack,
        account=str(document["account"]),
        region=str(document["region"]),
        summary=str(document["summary"]),
        entries=tuple(_entry(each) for each in document["entries"]),
        figures={str(name): int(value) for name, value in document["figures"].items()},
    )


def _entry(document: Mapping[str, Any]) -> Entry:
    return Entry(
        id=str(document["id"]),
        level=Level(document["level"]),
        text=str(document["text"]),
        how=How(document["how"]),
        source=str(document.get("source", "")),
        values={str(name): tuple(map(str, values)) for name, values in document.get("values", {}).items()},
        actor=str(document.get("actor", "")),
        commands={str(name): str(command) for name, command in document.get("commands", {}).items()},
    )
