"""Read many Microsoft Graph resources in few calls with JSON batching.

Source: Microsoft Graph's "Combine multiple HTTP requests using JSON batching". A batch takes up to 20 requests. The
responses come in any order, and each has its own status: a batch returns 200 even if every request in it fails. Each
request is throttled on its own ("Throttling and batching"), so a request that gets 429 is sent again after the time in
its ``Retry-After`` header.

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
from urllib.parse import quote, urlencode

from mimecast_sso.facts.json_types import JSON
from providers.entra.documents import document
from providers.entra.errors import GraphError, Unreachable, from_response

PATH = "/$batch"
READS_PER_CALL = 20
LONGEST_WAIT_SECONDS = 60.0
_ROUNDS = 6
"""One try and five retries, the same as for a single request."""
_TRANSIENT = frozenset({429, 502, 503, 504})
_OK = range(200, 300)
_NEXT = "@odata.nextLink"
COUNTING = {"ConsistencyLevel": "eventual"}
"""Without this header nothing is counted ("Advanced query capabilities on Microsoft Entra ID objects")."""

Json = dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Read:
    """One GET request: ``path`` below the API version, ``query`` options without the ``$``, as in `GraphClient.get`.

    With a ``question``, a POST that changes nothing, such as an evaluation. A ``counted`` collection is only counted:
    `ReadOutcome.count`.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    question: Mapping[str, JSON] | None = None
    counted: bool = False

    @property
    def method(self) -> str:
        """The method of the request."""
        return "GET" if self.question is None else "POST"

    @property
    def request(self) -> Json:
        """The request in a batch, without an id."""
        request: Json = {"method": self.method, "url": self.url}
        if self.counted:
            request["headers"] = COUNTING
        if self.question is not None:
            request |= {"headers": {"Content-Type": "application/json"}, "body": self.question}
        return request

    @property
    def url(self) -> str:
        """The relative URL of the request."""
        path = quote(self.path, safe="/$@:'(),=;!*+&%")
        options = {f"${name}": value for name, value in self.query.items()}
        return f"{path}?{urlencode(options, quote_via=quote, safe='$')}" if options else path


def number_of(path: str) -> Read:
    """The number of objects in a collection: `ReadOutcome.count`."""
    return Read(path, {"count": "true", "select": "id", "top": "1"}, counted=True)


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """The result of one read: an object, the rows of a collection, or an ``error``."""

    read: Read
    document: Json = field(default_factory=dict, repr=False)
    error: GraphError | None = None

    def one(self) -> Json:
        """Return the object. Raises ``error`` if the read failed."""
        if self.error is not None:
            raise self.error
        return self.document

    def count(self) -> int:
        """Return the number of objects in a counted collection. Raises ``error``, or Unreachable without a number."""
        number = self.one().get("@odata.count")
        if not isinstance(number, int):
            raise Unreachable(
                f"Microsoft Graph, {self.read.method} {self.read.path}: the response has no count"
            )
        return number

    def rows(self) -> list[Json]:
        """Return the rows of all pages. Raises ``error`` if the read failed, Unreachable if it is no collection."""
        return rows_of(self.read, self.one())


@dataclass(frozen=True, slots=True)
class _Response:
    """One response in a batch."""

    status: int
    headers: Mapping[str, str]
    body: JSON

    @property
    def wait(self) -> float | None:
        """Seconds in ``Retry-After``; None if the header is absent or not a number."""
        stated = self.headers.get("retry-after", "")
        return float(stated) if stated.isdecimal() else None


Post = Callable[[Json], Json]
"""Sends a batch. Raises GraphError if the batch itself fails."""

NextPage = Callable[[str, str], Json]
"""Reads the next page of the collection at a path, given its link. Raises GraphError."""


def run(
    reads: Iterable[Read], *, post: Post, next_page: NextPage, sleep: Callable[[float], None]
) -> tuple[ReadOutcome, ...]:
    """Return the outcomes of ``reads``, in the order of ``reads``.

    Raises:
        GraphError: a batch itself failed. The failure of one read is in its outcome.
    """
    desired = list(reads)
    outcomes: dict[int, ReadOutcome] = {}
    pending: Sequence[int] = range(len(desired))
    for attempt in range(_ROUNDS):
        responses: dict[int, _Response] = {}
        for chunk in _chunks(pending):
            responses |= _send(post, {number: desired[number] for number in chunk})
        last = attempt + 1 == _ROUNDS
        again = [] if last else [n for n, response in responses.items() if response.status in _TRANSIENT]
        for number in responses.keys() - set(again):
            outcomes[number] = _outcome(desired[number], responses[number], next_page)
        if not again:
            break
        sleep(_wait([responses[number] for number in again], attempt))
        pending = sorted(again)
    return tuple(outcomes[number] for number in range(len(desired)))


def _send(post: Post, reads: Mapping[int, Read]) -> dict[int, _Response]:
    """Send one batch. A read without a response is a failed read."""
    requests = [{"id": str(number)} | read.request for number, read in reads.items()]
    rows = post({"requests": requests}).get("responses")
    if not isinstance(rows, list):
        raise Unreachable(f"Microsoft Graph, POST {PATH}: the response is not a batch response")
    found = {str(row.get("id")): _response(row) for row in rows if isinstance(row, dict)}
    missing = _Response(0, {}, {"error": {"code": "", "message": "the batch response does not contain it"}})
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
    """Return the longest requested wait; without ``Retry-After`` a response counts as 1, 2, 4 … seconds."""
    asked = (2.0**attempt if response.wait is None else response.wait for response in responses)
    return min(max(asked), LONGEST_WAIT_SECONDS)


def _outcome(read: Read, response: _Response, next_page: NextPage) -> ReadOutcome:
    if response.status not in _OK:
        return ReadOutcome(read, error=_error(read, response))
    if not isinstance(response.body, dict):
        return ReadOutcome(
            read,
            error=Unreachable(f"Microsoft Graph, {read.method} {read.path}: the response is not an object"),
        )
    try:
        return ReadOutcome(read, _whole(read, document(read.method, read.path, response.body), next_page))
    except GraphError as error:
        return ReadOutcome(read, error=error)


def _whole(read: Read, page: Json, next_page: NextPage) -> Json:
    """Return the document, with the rows of all further pages."""
    if _NEXT not in page or read.counted:
        return page
    return {"value": [row for each in pages(read, page, next_page) for row in rows_of(read, each)]}


def pages(read: Read, page: Json, next_page: NextPage) -> Iterator[Json]:
    """The pages of a collection, from its first one. Raises GraphError, also where the pages lead in a circle."""
    seen: set[str] = set()
    while True:
        yield page
        link = str(page.get(_NEXT) or "")
        if not link:
            return
        if link in seen:
            raise Unreachable(
                f"Microsoft Graph, {read.method} {read.path}: the next page is one that was already read"
            )
        seen.add(link)
        page = next_page(read.path, link)


def rows_of(read: Read, page: Json) -> list[Json]:
    """The rows of a page. Raises Unreachable where it is none, or where a row has no property at all."""
    value = page.get("value")
    if not isinstance(value, list) or not all(isinstance(row, dict) and row for row in value):
        raise Unreachable(
            f"Microsoft Graph, {read.method} {read.path}: the response is not a collection of objects"
        )
    return value


def _error(read: Read, response: _Response) -> GraphError:
    request_id = response.headers.get("request-id", "")
    return from_response(read.method, read.path, response.status, response.body, request_id)


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(numbers)
    while chunk := list(islice(iterator, READS_PER_CALL)):
        yield chunk
