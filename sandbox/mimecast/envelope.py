"""The legacy family's conventions: always POST, ``{meta, data}`` in, ``{meta, data, fail}`` out.

Items are processed, and fail, individually, with HTTP 200 (documented). The HTTP status for a batch that is too large
and for a malformed payload is not documented: 400 here (EMU).

Public clients rely on two leniencies: a ``pageToken`` below ``meta`` that is ``null`` or empty counts as absent, and a
body may be the ``str`` of a Python dictionary, with single quotes.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from sandbox.mimecast import ids
from sandbox.mimecast.oauth import Caller

Item = dict[str, Any]
Row = TypeVar("Row")

_DEFAULT_PAGE = 25
_LARGEST_PAGE = 500


class ItemError(Exception):
    """One item of a call fails; others are unaffected. ``code`` and ``field`` are Mimecast's."""

    def __init__(self, code: str, message: str, *, field: str | None = None, retryable: bool = False) -> None:
        self.code = code
        self.message = message
        self.field = field
        self.retryable = retryable
        super().__init__(f"{code}: {message}")

    def as_document(self) -> Item:
        """The entry in ``errors``."""
        document: Item = {"code": self.code, "message": self.message, "retryable": self.retryable}
        return document if self.field is None else {**document, "field": self.field}


class CallError(Exception):
    """The whole call fails: a malformed payload, or a batch that is too large."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page; ``size`` is ``None`` if not given."""

    start: int = 0
    size: int | None = None

    def cut(self, rows: Sequence[Row], *, total: bool = True) -> tuple[list[Row], Item]:
        """The rows of the page and ``meta.pagination``: its ``pageSize`` is the number of rows returned."""
        size = min(self.size or _DEFAULT_PAGE, _LARGEST_PAGE)
        chosen = list(rows[self.start : self.start + size])
        pagination: Item = {"pageSize": len(chosen)}
        if total:
            pagination["totalCount"] = len(rows)
        if self.start + size < len(rows):
            pagination["next"] = _page_token(self.start + size, size)
        if self.start > 0:
            pagination["previous"] = _page_token(max(self.start - size, 0), size)
        return chosen, pagination


@dataclass(slots=True)
class Result:
    """The result of a function."""

    data: list[Item] = field(default_factory=list)
    fail: list[Item] = field(default_factory=list)
    pagination: Item | None = None


Handle = Callable[[Caller, list[Item], Page], Result]


@dataclass(frozen=True, slots=True)
class Function:
    """One legacy function: its handler, the role permission that it needs, and its maximum number of items."""

    handle: Handle
    permission: str | None = None
    limit: int | None = None


def each(work: Callable[[Caller, Item], Item | None], *required: str) -> Handle:
    """A function that processes its items individually; fields in ``required`` are mandatory in each."""

    def handle(caller: Caller, items: list[Item], _: Page) -> Result:
        result = Result()
        for item in items:
            try:
                require(item, *required)
                done = work(caller, item)
            except ItemError as error:
                result.fail.append({"key": item, "errors": [error.as_document()]})
            else:
                if done is not None:
                    result.data.append(done)
        return result

    return handle


def listing(read: Callable[[Caller, Item, Page], tuple[Item, Item]], *required: str) -> Handle:
    """A function that takes at most one item and returns one object with a page of rows in it."""

    def handle(caller: Caller, items: list[Item], page: Page) -> Result:
        item = items[0] if items else {}
        try:
            require(item, *required)
            found, pagination = read(caller, item, page)
        except ItemError as error:
            return Result(fail=[{"key": item, "errors": [error.as_document()]}])
        return Result(data=[found], pagination=pagination)

    return handle


def run(function: Function, caller: Caller, body: bytes) -> Response:
    """Run a legacy function on a request body."""
    try:
        items, page = _read(body)
        if function.limit is not None and len(items) > function.limit:
            raise CallError("err_validation_size", f"At most {function.limit} items are allowed")  # noqa: TRY301
        with caller.world.transaction():
            result = function.handle(caller, items, page)
    except CallError as error:
        failure = {"code": error.code, "message": error.message, "retryable": False}
        return _respond(400, Result(fail=[{"errors": [failure]}]))
    except ids.MalformedIdError:
        return Response(status_code=400)
    return _respond(200, result)


def require(item: Item, *names: str) -> None:
    """Check that mandatory fields are present.

    Raises:
        ItemError: one is missing.
    """
    for name in names:
        if name not in item:
            raise ItemError("err_validation_null", "must not be null", field=name)


def text(item: Item, name: str, default: str = "") -> str:
    """A string field of an item.

    Raises:
        CallError: it is something else.
    """
    value = item.get(name, default)
    if not isinstance(value, str):
        raise CallError("err_deserialise", f"Payload is malformed: {name} is not a string")
    return value


def flag(item: Item, name: str, default: bool = False) -> bool:
    """A boolean field of an item.

    Raises:
        CallError: it is something else.
    """
    value = item.get(name, default)
    if not isinstance(value, bool):
        raise CallError("err_deserialise", f"Payload is malformed: {name} is not a boolean")
    return value


def parse_json(body: bytes) -> Any:
    """Parse a client's JSON.

    Raises:
        ValueError: it is invalid, or has values that could not be written back (a lone surrogate, NaN).
    """
    try:
        document = json.loads(body)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return document


def _read(body: bytes) -> tuple[list[Item], Page]:
    """The items and the requested page; an empty body and ``{}`` mean no items: clients rely on it."""
    try:
        document = _document(body) if body.strip() else {}
    except ValueError as error:
        raise CallError("err_deserialise", "Payload is malformed") from error
    if not isinstance(document, dict):
        raise CallError("err_deserialise", "Payload is malformed")
    items = document.get("data", [])
    if _has_null(items):
        raise CallError("err_deserialise", "Payload is malformed or contains null objects")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CallError("err_deserialise", "Payload is malformed: data is not a list of objects")
    return items, _page(document.get("meta") or {})


def _document(body: bytes) -> Any:
    """Parse JSON, or the ``str`` of a Python dictionary.

    Raises:
        ValueError: neither.
    """
    try:
        return parse_json(body)
    except ValueError as error:
        if not body.lstrip().startswith(b"{"):
            raise
        try:
            # Written back as JSON, so that values that JSON does not have (bytes, sets) are refused.
            return parse_json(json.dumps(ast.literal_eval(body.decode())).encode())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise error from None


def _has_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_null(child) for child in value.values())
    if isinstance(value, list):
        return any(_has_null(child) for child in value)
    return value is None


def _page(meta: object) -> Page:
    pagination = (meta.get("pagination") or {}) if isinstance(meta, dict) else None
    if not isinstance(pagination, dict):
        raise CallError("err_deserialise", "Payload is malformed: meta")
    size = pagination.get("pageSize")
    if size is not None and (not isinstance(size, int) or size < 1):
        raise CallError("err_deserialise", "Payload is malformed: pageSize")
    token = pagination.get("pageToken")
    if token in (None, ""):
        return Page(0, size)
    if not isinstance(token, str):
        raise CallError("err_deserialise", "Payload is malformed: pageToken")
    kept = ids.unpack(token)
    start, kept_size = kept.get("start"), kept.get("size")
    if not isinstance(start, int) or not isinstance(kept_size, int):
        raise ids.MalformedIdError
    return Page(start, size or kept_size)


def _page_token(start: int, size: int) -> str:
    return ids.pack({"start": start, "size": size})


def _respond(status: int, result: Result) -> Response:
    meta: Item = {"status": status}
    if result.pagination is not None:
        meta["pagination"] = result.pagination
    return JSONResponse({"meta": meta, "data": result.data, "fail": result.fail}, status_code=status)
