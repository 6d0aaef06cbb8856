"""Bulk import of addresses: upload a CSV file, which Mimecast processes asynchronously, and wait for the end.

The report of an import is not used: it has the number of rows, but not which ones. Callers list the addresses
afterwards. A row for an existing address sets its name, so the same file can be sent twice.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from mimecast_sso.facts.mimecast_import import (
    ARGUMENT_HEADER,
    COLUMNS,
    ENDED,
    GET_IMPORT_STATUS,
    IMPORT_USERS,
    ROWS_PER_FILE,
)
from mimecast_sso.text.characters import is_formula
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError, UnclearOutcome
from providers.mimecast.responses import Json

_log = logging.getLogger(__name__)

IMPORT_FROM = 500
"""Minimum number of new addresses for a file. Fewer fit into one window of the quota as single calls (800 calls in
recordings), each of which returns the reason of a failure."""

STALLED_SECONDS = 120.0
"""Seconds without progress after which the wait for an import ends."""

LONGEST_SECONDS = 3600.0
_FIRST_POLL = 0.5
_LONGEST_POLL = 10.0
_ARGUMENT = json.dumps(
    {"data": [{"allowAddressMigration": False, "clearGroup": False, "fileType": "csv"}]},
    separators=(",", ":"),
)


def fits_in_a_file(address: str, name: str) -> bool:
    """Whether a row can be written unchanged: no cell looks like a formula to a spreadsheet."""
    return name.isprintable() and not any(is_formula(cell) for cell in (address, name))


def files(addresses: Sequence[str]) -> Iterator[Sequence[str]]:
    """The addresses of each file, in order."""
    for start in range(0, len(addresses), ROWS_PER_FILE):
        yield addresses[start : start + ROWS_PER_FILE]


def import_file(client: MimecastClient, names: Mapping[str, str], pause: Callable[[float], None]) -> None:
    """Send one file (address → name) and wait for the end of the import, as long as there is progress.

    Raises:
        UnclearOutcome: It is unknown whether Mimecast accepted the file.
        MimecastError: It did not.
    """
    response = client.upload(IMPORT_USERS, {ARGUMENT_HEADER: _ARGUMENT}, _csv(names)).accepted(
        "import a file"
    )
    number = str(response.data[0].get("id") or "") if response.data else ""
    if not number:
        raise UnclearOutcome(
            "Mimecast's response to the import contains no id", method="POST", path=IMPORT_USERS.path
        )
    _follow(client, number, pause)


def _csv(names: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(names.items())
    return text.getvalue().encode()


def _follow(client: MimecastClient, number: str, pause: Callable[[float], None]) -> None:
    seen: Json = {}
    waited = unchanged = 0.0
    poll = _FIRST_POLL
    while unchanged < STALLED_SECONDS and waited < LONGEST_SECONDS:
        pause(poll)
        waited, unchanged = waited + poll, unchanged + poll
        poll = min(poll * 1.5, _LONGEST_POLL)
        try:
            response = client.legacy(GET_IMPORT_STATUS, {"id": number}).accepted("read the import's status")
        except MimecastError as error:
            _log.warning(
                "The status of the running import cannot be read, so the addresses are listed now: %s", error
            )
            return
        status = response.data[0] if response.data else {}
        if _has_ended(status):
            return
        if status != seen:
            seen, unchanged = status, 0.0
    _log.warning(
        "An import of addresses did not finish within %d seconds; the addresses are listed now", waited
    )


def _has_ended(status: Json) -> bool:
    total, done = status.get("totalUsers"), status.get("successfulImportedUsers")
    if isinstance(total, int) and isinstance(done, int) and 0 < total <= done:
        return True
    return str(status.get("status") or "").strip().lower().startswith(ENDED)
