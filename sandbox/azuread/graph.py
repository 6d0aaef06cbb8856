"""Microsoft Graph for one configured provider: sign-in, requests, retries, and errors as users see them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from sandbox.azuread.guard import RefusedError, require_proxied
from sandbox.azuread.settings import Settings

if TYPE_CHECKING:
    import requests

Document: TypeAlias = dict[str, Any]

_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.FAILED_DEPENDENCY, HTTPStatus.TOO_MANY_REQUESTS}
_LONGEST_WAIT = 61.0
_DEFAULT_PATIENCE = 300.0
_REQUEST_SECONDS = 60.0
_SIGN_IN_ATTEMPTS = 5
_EARLY = 300.0  # a token is renewed this many seconds before it expires
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class FailedError(Exception):
    """A failed operation; the message is for the user."""


class GraphError(FailedError):
    """A refused request. `status` is the HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
        super().__init__(f"unexpected status {status} ({status} {phrase}) with error: {code}: {message}")
        self.status = status


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """For the calls inside: for how many seconds throttled and failing requests are retried."""
    token = _deadline.set(time.monotonic() + (seconds or _DEFAULT_PATIENCE))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Prefix the error of a refused request with the operation."""
    try:
        yield
    except GraphError as error:
        raise FailedError(f"{what}: {error}") from error


class Graph:
    """Requests as the configured identity. Safe for concurrent use: one HTTP session per thread, one shared token.

    Raises `FailedError` if the sign-in is refused, including on construction.
    """

    def __init__(self, settings: Settings, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._sessions = threading.local()
        self.settings = self._discovered(settings) if settings.metadata_host else settings
        self._signing_in = threading.Lock()
        self._token = ""
        self._token_ends = 0.0
        self.object_id: str = _claims(self._bearer()).get("oid", "")
        if not self.object_id:
            raise FailedError("building client: the access token carries no object id (claim `oid`)")

    def get(self, path: str, *, beta: bool = False, **options: str) -> Document:
        """One object. `options` are OData's: `select`, `filter`."""
        return self._request("GET", self._url(path, beta=beta), options)

    def find(self, path: str, **options: str) -> Document | None:
        """One object, or None if it does not exist."""
        try:
            return self._request("GET", self._url(path), options)
        except GraphError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, path: str, *, beta: bool = False, **options: str) -> list[Document]:
        """Every page of a collection."""
        page = self.get(path, beta=beta, **options)
        items: list[Document] = list(page["value"])
        while "@odata.nextLink" in page:
            page = self._request("GET", page["@odata.nextLink"], {})
            items += page["value"]
        return items

    def post(self, path: str, body: Document) -> Document:
        return self._request("POST", self._url(path), {}, body)

    def patch(self, path: str, body: Document) -> None:
        self._request("PATCH", self._url(path), {}, body)

    def delete(self, path: str) -> None:
        self._request("DELETE", self._url(path), {})

    def reference(self, object_id: str) -> Document:
        """The body that links a directory object."""
        return {"@odata.id": self._url(f"/directoryObjects/{object_id}")}

    def _url(self, path: str, *, beta: bool = False) -> str:
        return f"{self.settings.graph_url}/{'beta' if beta else 'v1.0'}{path}"

    def _request(
        self, method: str, url: str, options: Mapping[str, str], body: Document | None = None
    ) -> Document:
        deadline = _deadline.get() or time.monotonic() + _DEFAULT_PATIENCE
        query = {f"${name}": value for name, value in options.items()}
        pause = 1.0
        while True:
            headers = {"Authorization": f"Bearer {self._bearer()}", "Accept": "application/json"}
            response = self._send(method, url, params=query, json=body, headers=headers)
            if response.ok:
                return _document(response)
            wait = _retry_after(response, pause)
            if not _is_retried(response.status_code) or time.monotonic() + wait > deadline:
                raise _graph_error(response)
            if self._stopped.wait(wait):
                raise FailedError("cancelled")
            pause = min(pause * 2, _LONGEST_WAIT)

    def _send(self, method: str, url: str, **arguments: Any) -> requests.Response:
        # Imported late: the first calls do not need it, and the plugin starts in half the time.
        import requests  # noqa: PLC0415

        try:
            require_proxied(urlsplit(url).hostname or "", os.environ)
        except RefusedError as refusal:
            raise FailedError(str(refusal)) from refusal
        session = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
        try:
            return session.request(method, url, timeout=_REQUEST_SECONDS, **arguments)
        except requests.RequestException as error:
            raise FailedError(f'{method.title()} "{url}": {_reason(error)}') from error

    def _bearer(self) -> str:
        with self._signing_in:
            if time.monotonic() > self._token_ends:
                token = self._sign_in()
                self._token = token["access_token"]
                lifetime = float(token.get("expires_in", 0))
                self._token_ends = time.monotonic() + max(lifetime - _EARLY, lifetime / 2)
            return self._token

    def _discovered(self, settings: Settings) -> Settings:
        """The endpoints that a metadata host names, instead of the public cloud's."""
        address = f"https://{settings.metadata_host}"
        url = f"{address}/metadata/endpoints?api-version=2022-09-01"
        failed = f'retrieving metadata from endpoint "{address}": '
        try:
            response = self._send("GET", url)
        except FailedError as error:
            raise FailedError(f"{failed}performing request: {error}") from error
        if response.status_code != HTTPStatus.OK:
            raise FailedError(f"{failed}unexpected status code {response.status_code}")
        found = _document(response)
        graph, login = found["microsoftGraphResourceId"], found["authentication"]["loginEndpoint"]
        return replace(settings, graph_url=graph.rstrip("/"), login_url=login.rstrip("/"))

    def _sign_in(self) -> Document:
        settings = self.settings
        url = f"{settings.login_url}/{settings.tenant_id}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials", "scope": f"{settings.graph_url}/.default",
            "client_id": settings.client_id, "client_secret": settings.client_secret,
        }  # fmt: skip
        for attempt in range(_SIGN_IN_ATTEMPTS):
            try:
                response = self._send("POST", url, data=form, headers={"Accept": "application/json"})
            except FailedError as error:
                raise FailedError(f"{_REFUSED}cannot request token: {error}") from error
            last = attempt + 1 == _SIGN_IN_ATTEMPTS
            if response.ok or last or not _is_retried(response.status_code):
                break
            self._stopped.wait(_retry_after(response, 2.0**attempt))
        if response.ok:
            return _document(response)
        raise FailedError(
            f"{_REFUSED}received HTTP status {response.status_code} with response: {response.text}"
        )


_REFUSED = "building client: unable to obtain access token: clientCredentialsToken: "


def _claims(token: str) -> Document:
    """The claims of an access token, unverified: they only serve to find the caller's own object id."""
    payload = token.split(".")[1] if token.count(".") > 1 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_retried(status: int) -> bool:
    server_side = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    return status in _RETRIED or server_side


def _retry_after(response: requests.Response, otherwise: float) -> float:
    stated = response.headers.get("Retry-After", "")
    return float(stated) if stated.isdecimal() else otherwise


def _document(response: requests.Response) -> Document:
    if not response.content:
        return {}
    try:
        document = response.json()
    except ValueError as error:
        raise FailedError(f"unmarshaling response body: {error}") from error
    return document if isinstance(document, dict) else {"value": document}


def _graph_error(response: requests.Response) -> GraphError:
    try:
        error = response.json()["error"]
        return GraphError(response.status_code, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return GraphError(response.status_code, "", response.text)


def _reason(error: Exception) -> str:
    """The wording of Go's HTTP client, where known."""
    text = str(error)
    if "RemoteDisconnected" in text or "ConnectionReset" in text:
        return "EOF"
    if "Tunnel connection failed" in text:
        return text.rpartition("Tunnel connection failed: ")[2].rstrip(")'\"")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    return "connection refused" if "Connection refused" in text else text
