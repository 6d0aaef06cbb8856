"""A client of the control plane, for the ``sandbox`` command and for tests."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from sandbox import control_token, environment

_TIMEOUT = 120.0
_NOT_FOUND = 404
_FIRST_ERROR = 400


class ControlError(Exception):
    """The control plane refused a request."""


class Control:
    """A client of the sandbox in ``home`` whose proxy listens on ``port``.

    ``home`` defaults to ``SANDBOX_HOME``, else ``.sandbox``.
    """

    def __init__(self, port: int, home: Path | None = None) -> None:
        self._port = port
        self._home = home or environment.home()

    def status(self) -> dict[str, Any]:
        """Process, addresses, ``refused`` connections and ``unknown`` routes."""
        status: dict[str, Any] = self._call("GET", "status")
        return status

    def journal(
        self, *, host: str | None = None, path: str | None = None, after: int = 0
    ) -> list[dict[str, Any]]:
        """Journalled requests; ``path`` is a regular expression, ``after`` the number of an entry."""
        query = {"host": host, "path": path, "after": after}
        text = urlencode({name: value for name, value in query.items() if value is not None})
        entries: list[dict[str, Any]] = self._call("GET", f"journal?{text}")
        return entries

    def set(self, name: str, value: Any) -> None:
        """Set a switch."""
        self._call("PUT", f"settings/{name}", value)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Replace the fault rules; without any, clear them."""
        self._call("PUT", "faults", list(rules))

    def fault_rules(self) -> list[dict[str, Any]]:
        """The fault rules, with the remaining number of times."""
        rules: list[dict[str, Any]] = self._call("GET", "faults")
        return rules

    def seed(self, document: dict[str, Any]) -> None:
        """Add the contents of a seed document."""
        self._call("POST", "seed", document)

    def documents(self, collection: str) -> list[dict[str, Any]]:
        """All documents of a collection."""
        documents: list[dict[str, Any]] = self._call("GET", f"documents/{collection}")
        return documents

    def get(self, collection: str, key: str) -> dict[str, Any] | None:
        """One document."""
        document: dict[str, Any] | None = self._call("GET", _document(collection, key))
        return document

    def put(self, collection: str, key: str, document: dict[str, Any]) -> None:
        """Write a document directly, bypassing the emulators."""
        self._call("PUT", _document(collection, key), document)

    def delete(self, collection: str, key: str) -> None:
        """Remove a document directly, bypassing the emulators."""
        self._call("DELETE", _document(collection, key))

    def stop(self) -> None:
        """Ask the process to stop; it responds first."""
        self._call("POST", "stop")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            text = None if method in {"GET", "DELETE"} else json.dumps(body)
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"}
            connection.request(method, f"/.sandbox/{path}", text, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status == _NOT_FOUND:
            return None
        if response.status >= _FIRST_ERROR:
            raise ControlError(f"{method} {path}: {response.status} {content.decode('utf-8', 'replace')}")
        return json.loads(content) if content else None

    def _token(self) -> str:
        try:
            return control_token.read(self._home)
        except OSError as error:
            raise ControlError(
                f"{self._home / control_token.TOKEN_FILE} cannot be read: {error.strerror}. Only the user who started"
                " the sandbox can use its control plane. Start your own: SANDBOX_HOME=<another folder>"
                " mimecast-sso sandbox start"
            ) from None


def _document(collection: str, key: str) -> str:
    return f"documents/{collection}/{quote(key, safe='')}"
