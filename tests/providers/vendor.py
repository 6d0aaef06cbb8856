"""Mimecast as a requests transport adapter: scripted responses, or a tiny directory of users. No network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from providers.mimecast.client import Credentials, MimecastClient
from providers.mimecast.limits import Clock

SECRET = "canary-client-secret"
TOKEN = "canary-access-token"
CREDENTIALS = Credentials("client", SECRET)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, sleep=self.sleep, jitter=lambda: 0.5)


@dataclass
class Reply:
    """One response; ``body`` is JSON unless it is bytes, ``error`` is raised instead of responding."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None


def legacy(*data: dict[str, Any], fail: Iterable[dict[str, Any]] = (), **pagination: Any) -> Reply:
    meta: dict[str, Any] = {"status": 200}
    if pagination:
        meta["pagination"] = pagination
    return Reply({"meta": meta, "data": list(data), "fail": list(fail)})


def failure(code: str, key: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "errors": [{"code": code, "message": f"text of {code}", "retryable": False, **more}]
    }
    return entry | ({"key": key} if key else {})


def refused(status: int, code: str) -> Reply:
    return Reply({"fail": [{"errors": [{"code": code, "message": "x", "retryable": False}]}]}, status)


def unreachable() -> Exception:
    return requests.exceptions.ConnectionError(
        MaxRetryError(None, "/", NewConnectionError(None, "refused"))  # type: ignore[arg-type]
    )


LOST = requests.exceptions.ConnectionError("Connection aborted", ConnectionResetError())


class Adapter(BaseAdapter):
    """Responds with ``respond(path, body)``; handles token calls itself. Records the requests."""

    def __init__(self, respond: Callable[[str, Any], Reply]) -> None:
        super().__init__()
        self.requests: list[requests.PreparedRequest] = []
        self.tokens = 0
        self.token_reply: Callable[[], Reply] | None = None
        self._respond = respond
        self._lock = threading.Lock()

    @property
    def paths(self) -> list[str]:
        return [request.path_url for request in self.requests if request.path_url != "/oauth/token"]

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(r.body or "null") for r in self.requests if r.path_url.split("?")[0] == path]

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # type: ignore[override]
        with self._lock:
            self.requests.append(request)
            reply = self._reply(request)
        if reply.error is not None:
            raise reply.error
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update(reply.headers)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        response.raw = BytesIO(b"" if reply.body is None else content)
        response.url, response.request = request.url or "", request
        return response

    def close(self) -> None:
        pass

    def _reply(self, request: requests.PreparedRequest) -> Reply:
        if request.path_url == "/oauth/token":
            self.tokens += 1
            if self.token_reply:
                return self.token_reply()
            return Reply(
                {"access_token": f"{TOKEN}-{self.tokens}", "token_type": "Bearer", "expires_in": 1800}
            )
        body = json.loads(request.body) if request.body else None
        return self._respond(request.path_url, body)


def scripted(*responses: Reply) -> Adapter:
    """Responds with one after the other, whatever is asked."""
    queue = list(responses)
    return Adapter(lambda _path, _body: queue.pop(0))


def client(adapter: Adapter, time: Time | None = None) -> MimecastClient:
    return MimecastClient(CREDENTIALS, adapter=adapter, clock=(time or Time()).clock)


def asks_only(path: str, body: Any) -> bool:
    """Whether an update names only addresses, which changes nothing and returns the settings."""
    return path == "/api/user/update-user" and all(item.keys() == {"emailAddress"} for item in body["data"])


class Directory:
    """Users of one account, by the rules of the reference; ``faults`` says what becomes of each write in turn.

    A fault is ``before`` (server failure, nothing done), ``after`` (done, response lost), ``quota`` or ``ok``.
    """

    def __init__(self, users: dict[str, dict[str, Any]], faults: Iterable[str] = (), page: int = 2) -> None:
        self.users = users
        self.creations: list[str] = []
        self.passwords: dict[str, list[str]] = {}
        self._faults = list(faults)
        self._page = page

    def respond(self, path: str, body: Any) -> Reply:
        if path == "/api/user/get-internal-users":
            return self._list(body)
        if asks_only(path, body):
            return self._settings(body)
        fault = self._faults.pop(0) if self._faults else "ok"
        if fault == "before":
            return refused(500, "internal_server_error_1")
        if fault == "quota":
            return Reply({}, 429, {"X-RateLimit-Reset": "50"})
        reply = self._write(path, body["data"][0])
        return Reply(error=LOST) if fault == "after" else reply

    def _settings(self, body: Any) -> Reply:
        known = [
            self.users[item["emailAddress"]] for item in body["data"] if item["emailAddress"] in self.users
        ]
        return legacy(
            *(
                {"emailAddress": each["emailAddress"], "accountDisabled": each.get("disabled", False)}
                for each in known
            )
        )

    def _list(self, body: Any) -> Reply:
        domain = body["data"][0]["domain"]
        rows = [row for row in self.users.values() if row["domain"] == domain]
        start = int(body["meta"]["pagination"].get("pageToken", 0))
        paging = {"pageSize": self._page, "totalCount": len(rows)}
        if start + self._page < len(rows):
            paging["next"] = str(start + self._page)
        return legacy({"users": rows[start : start + self._page]}, **paging)

    def _write(self, path: str, item: dict[str, Any]) -> Reply:
        address = item["emailAddress"]
        known = address in self.users
        if path == "/api/user/create-user" and known:
            return legacy(fail=[failure("err_user_already_exists", {"emailAddress": address})])
        if path == "/api/user/create-user":
            self.creations.append(address)
            self.users[address] = user(address, item.get("name", ""))
        elif not known:
            return legacy(
                fail=[failure("err_xdk_operation_forbidden_for_address", {"emailAddress": address})]
            )
        else:
            self.users[address] |= {"name": item.get("name", self.users[address]["name"])}
            if "accountDisabled" in item:
                self.users[address]["disabled"] = item["accountDisabled"]
        if "password" in item:
            self.passwords.setdefault(address, []).append(item["password"])
        return legacy({"emailAddress": address})


def user(address: str, name: str, source: str = "cloud", *, alias: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "emailAddress": address,
        "domain": address.rpartition("@")[2],
        "alias": alias,
        "addressType": "created_manually",
        "source": source,
    }
