"""Many reads of Microsoft Graph in few calls, by JSON batching.

Source: Microsoft Graph's "Combine multiple HTTP requests using JSON batching": a call takes 20 requests, the responses
come in any order, each has a status of its own, and the batch succeeds when every one of its requests fails. Requests
are throttled one by one ("Throttling and batching"), so those refused with 429 are sent again, after the time that
their ``Retry-After`` names.

Example::

    principal, owners = client.batch([
        Read("/servicePrincipals/5b0c…", {"select": "id,accountEnabled"}),
        Read("/servicePrincipals/5b0c…/owners"),
    ])
    if principal.error is None:
        print(principal.one()["accountEnabled"], len(owners.rows()))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from providers.entra.errors import GraphError, Unreachable, from_response

PATH = "/$batch"
READS_PER_CALL = 20
LONGEST_WAIT_SECONDS = 60.0
_ROUNDS = 6
"""One, and five more for what was throttled or unavailable: as often as a single read is tried."""
_TRANSIENT = frozenset({429, 502, 503, 504})
_OK = range(200, 300)
_NEXT = "@odata.nextLink"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """One GET: ``path`` below Graph's version, ``query`` by option without its ``$``, as for `GraphClient.get`."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Path and query as a batch takes them."""
        path = quote(self.path, safe="/$@:'(),=;!*+&%")
        options = {f"${name}": value for name, value in self.query.items()}
        return f"{path}?{urlencode(options, quote_via=quote, safe='$')}" if options else path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one read: an object, all rows of a collection, or the ``error`` that it ended with."""

    read: Read
    document: Json = field(default_factory=dict, repr=False)
    error: GraphError | None = None

    def one(self) -> Json:
        """The object. Raises ``error`` if there is one."""
        if self.error is not None:
            raise self.error
        return self.document

    def rows(self) -> list[Json]:
        """The rows of all pages of a collection. Raises ``error`` if there is one."""
        return _rows(self.read, self.one())


@dataclass(frozen=True, slots=True)
class _Response:
    """One response of a batch."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def wait(self) -> float | None:
        """Seconds that ``Retry-After`` asks for; None where it is absent or no number."""
        stated = self.headers.get("retry-after", "")
        return float(stated) if stated.isdecimal() else None


Post = Callable[[Json], Json]
"""Sends the body of a batch. Raises GraphError when the batch as a whole fails."""

NextPage = Callable[[str, str], Json]
"""Reads the next page of the collection at a path, by its link. Raises GraphError."""


def run(
    reads: Iterable[Read], *, post: Post, next_page: NextPage, sleep: Callable[[float], None]
) -> tuple[Outcome, ...]:
    """The outcomes of ``reads``, in their order.

    Raises:
        GraphError: a batch as a whole failed. What happens to one read is in its outcome.
    """
    wanted = list(reads)
    outcomes: dict[int, Outcome] = {}
    pending: Sequence[int] = range(len(wanted))
    for attempt in range(_ROUNDS):
        responses: dict[int, _Response] = {}
        for chunk in _chunks(pending):
            responses |= _send(post, {number: wanted[number] for number in chunk})
        last = attempt + 1 == _ROUNDS
        again = [] if last else [n for n, response in responses.items() if response.status in _TRANSIENT]
        for number in responses.keys() - set(again):
            outcomes[number] = _outcome(wanted[number], responses[number], next_page)
        if not again:
            break
        sleep(_wait([responses[number] for number in again], attempt))
        pending = sorted(again)
    return tuple(outcomes[number] for number in range(len(wanted)))


def _send(post: Post, reads: Mapping[int, Read]) -> dict[int, _Response]:
    """One call. A read without a response counts as one that failed."""
    requests = [{"id": str(number), "method": "GET", "url": read.url} for number, read in reads.items()]
    rows = post({"requests": requests}).get("responses")
    if not isinstance(rows, list):
        raise Unreachable(f"Microsoft Graph, POST {PATH}: the response is not that of a batch")
    found = {str(row.get("id")): _response(row) for row in rows if isinstance(row, dict)}
    missing = _Response(0, {}, {"error": {"code": "", "message": "the batch has no response to it"}})
    return {number: found.get(str(number), missing) for number in reads}


def _response(row: Json) -> _Response:
    status, headers = row.get("status"), row.get("headers")
    named = headers.items() if isinstance(headers, dict) else ()
    return _Response(
        status if isinstance(status, int) else 0,
        {str(name).lower(): str(value) for name, value in named},
        row.get("body"),
    )


def _wait(responses: Iterable[_Response], attempt: int) -> float:
    """The longest time that one of them asks for; those that say nothing are given 1, 2, 4 … seconds."""
    asked = (2.0**attempt if response.wait is None else response.wait for response in responses)
    return min(max(asked), LONGEST_WAIT_SECONDS)


def _outcome(read: Read, response: _Response, next_page: NextPage) -> Outcome:
    if response.status not in _OK:
        return Outcome(read, error=_error(read, response))
    if not isinstance(response.body, dict):
        return Outcome(
            read, error=Unreachable(f"Microsoft Graph, GET {read.path}: the response is no object")
        )
    try:
        return Outcome(read, _whole(read, response.body, next_page))
    except GraphError as error:
        return Outcome(read, error=error)


def _whole(read: Read, page: Json, next_page: NextPage) -> Json:
    """The document with the rows of its further pages."""
    if _NEXT not in page:
        return page
    rows = _rows(read, page)
    while link := page.get(_NEXT):
        page = next_page(read.path, str(link))
        rows = [*rows, *_rows(read, page)]
    return {"value": rows}


def _rows(read: Read, page: Json) -> list[Json]:
    value = page.get("value")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Unreachable(f"Microsoft Graph, GET {read.path}: the response is not a collection")
    return value


def _error(read: Read, response: _Response) -> GraphError:
    request_id = response.headers.get("request-id", "")
    return from_response("GET", read.path, response.status, response.body, request_id)


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(numbers)
    while chunk := list(islice(iterator, READS_PER_CALL)):
        yield chunk
