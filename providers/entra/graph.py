"""A small client for Microsoft Graph v1.0: tokens, retries of repeatable requests, typed errors."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.files import parse_json
from providers import calls, network
from providers.authorization import Bearer
from providers.deadline import UNLIMITED, Deadline, DeadlinePassed
from providers.entra import batching
from providers.entra.batching import Read, ReadOutcome
from providers.entra.credentials import Method, cloud, credential, method, refusal
from providers.entra.documents import document
from providers.entra.errors import ObjectNotFound, Refused, Unreachable, from_response
from providers.network import INSTEAD_OF_IT
from providers.pauses import Pauses

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from urllib3.response import BaseHTTPResponse

_TIMEOUT_SECONDS = 30
_RENEWED_BEFORE_SECONDS = 300
_RETRIES = 5
_LONGEST_WAIT_SECONDS = 60
_DOTS_OF_A_JWT = 2
_AT_TOKEN_ENDPOINT = frozenset({Method.CERTIFICATE, Method.SECRET, Method.OIDC})
"""The methods that get their token there; the others ask a program or an endpoint of the machine."""
_ENTRA_REFUSAL = re.compile(r"AADSTS\d|\b(invalid|unauthorized|unsupported)_[a-z]+\b")
"""Codes of Entra and of OAuth 2.0 (RFC 6749, 5.2)."""
_pauses = Pauses("Microsoft Graph is overloaded or limits the number of requests")
_WITH_PASSWORD = re.compile(r"//\S+@")
"""The name and the password in the address of a proxy."""


class GraphClient:
    """Calls Graph as the application of the ``ARM_*`` variables. Safe to share between threads.

    ``deadline`` ends every wait, including for a token. ``through`` wraps the network, to record exchanges; token
    requests are not wrapped.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        deadline: Deadline = UNLIMITED,
        through: Callable[[BaseAdapter], BaseAdapter] = lambda adapter: adapter,
    ) -> None:
        self._environment = dict(environment)
        self._deadline = deadline
        self.cloud = cloud(environment)
        host = self.cloud.graph_host
        self._base = f"https://{host}/v1.0"
        self._scope = f"https://{host}/.default"
        self._credential = credential(environment, deadline)
        self._session = requests.Session()
        # Setting a property to a value may be repeated; 429 means that it was not done.
        self._session.mount("https://", through(_retrying(deadline, "GET", "PATCH")))
        # A batch changes nothing: it has only reads and questions here.
        self._session.mount(self._base + batching.PATH, through(_retrying(deadline, "POST")))
        self._held: AccessToken | None = None
        self._date: datetime | None = None

    def get(self, path: str, **query: str) -> dict[str, JSON]:
        """Read an object. Raises GraphError, or NotFound if it does not exist."""
        params = {f"${name}": value for name, value in query.items()}
        return document("GET", path, self._call("GET", path, params=params))

    def list(self, path: str, **query: str) -> Iterator[dict[str, JSON]]:
        """Read a collection, page by page. Raises GraphError, also for a next page on another host."""
        read = Read(path, query)
        for page in batching.pages(read, self.get(path, **query), self._next_page):
            yield from batching.rows_of(read, page)

    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]:
        """Read objects and whole collections, 20 requests per call.

        Throttled requests, and those to an unavailable service, are retried up to five times after the time
        that Graph requests. A failed read does not raise: its error is in its outcome.

        Raises:
            GraphError: a batch itself failed: no token, no connection, or not a batch response.
        """
        return batching.run(
            reads,
            post=lambda body: self._call("POST", batching.PATH, json=body),
            next_page=self._next_page,
            sleep=self._sleep,
        )

    def now(self) -> datetime:
        """The service's time: the Date header of its last response. Raises GraphError."""
        if self._date is None:
            # Every tenant has this object; whether the token may read it does not matter, only the date.
            with contextlib.suppress(Refused, ObjectNotFound):
                self._call("GET", "/organization", params={"$select": "id"})
        return self._date or datetime.now(UTC)

    def claims(self) -> dict[str, JSON]:
        """The claims of the access token about its holder: ``tid``, ``oid``, ``roles`` or ``scp``. Raises GraphError.

        Read without verification: Graph verifies the token; this only predicts what it allows.
        """
        token = self._token()
        middle = token.split(".")[1] if token.count(".") == _DOTS_OF_A_JWT else ""
        try:
            found = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        except ValueError:
            return {}  # Microsoft may change the form of its tokens at any time.
        return found if isinstance(found, dict) else {}

    def patch(self, path: str, values: Mapping[str, JSON]) -> None:
        """Set properties of an object. Raises GraphError."""
        self._call("PATCH", path, json=values)

    def _next_page(self, path: str, link: str) -> dict[str, JSON]:
        if not link.startswith(f"{self._base}/"):
            raise Refused(f"Microsoft Graph, GET {path}: the next page is on another host and was not read")
        return document("GET", path, self._call("GET", link.removeprefix(self._base)))

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            token = self._token()
            response = self._send(token, method, path, **options)
            if response.status_code == requests.codes.unauthorized:
                # Revoked, or expired by another clock than this one: nothing was done, so it is sent once more.
                self._discard(token)
                response = self._send(self._token(), method, path, **options)
        except DeadlinePassed as error:
            raise Unreachable(f"Gave up waiting for Microsoft Graph ({method} {path}): {error}") from None
        except OSError as error:  # Also of requests, and of a file of certificates that is missing.
            raise Unreachable(
                f"Microsoft Graph could not be reached for {method} {path}: {network.reason(error)}"
            ) from None
        self._note_date(response)
        body = _json(response)
        if body is None and response.content:
            raise Unreachable(
                f"Microsoft Graph, {method} {path}: the response (HTTP {response.status_code}) is not Graph's; "
                f"{INSTEAD_OF_IT}"
            )
        if response.status_code >= requests.codes.multiple_choices:  # Redirects are not followed.
            raise from_response(
                method, path, response.status_code, body, response.headers.get("request-id", "")
            )
        if not isinstance(body, dict):
            raise Unreachable(f"Microsoft Graph, {method} {path}: the response is not a JSON object")
        return body

    def _send(
        self,
        token: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        with calls.logged("Graph", method, path) as call:
            response = self._session.request(
                method,
                self._base + path,
                headers=headers,
                auth=Bearer(token),
                timeout=self._deadline.left(_TIMEOUT_SECONDS),
                allow_redirects=False,
                **options,
            )
            call.ended = response.status_code
        return response

    def _sleep(self, seconds: float) -> None:
        try:
            self._deadline.check(seconds)
            _pauses.announce(seconds)
            self._deadline.sleep(seconds)
        except DeadlinePassed as error:
            raise Unreachable(f"Microsoft Graph asked for a pause: {error}") from None

    def _note_date(self, response: requests.Response) -> None:
        # Without a readable date, keep the previous one.
        with contextlib.suppress(KeyError, ValueError, OverflowError):
            self._date = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)

    def _token(self) -> str:
        from azure.core.exceptions import AzureError  # noqa: PLC0415  (loaded only if needed)

        held = self._held
        if held is None or held.expires_on - time.time() < _RENEWED_BEFORE_SECONDS:
            try:
                # Cached here, because azure-identity starts the Azure CLI again for every token.
                with calls.logged("Entra", "token", self._scope) as call:
                    held = self._held = self._credential.get_token(self._scope)
                    call.ended = "issued"
            except AzureError as error:
                # The first line names the AADSTS code; the rest is advice for interactive use.
                first = next(iter(str(error).splitlines()), type(error).__name__)
                reason = _WITH_PASSWORD.sub("//…@", first.removeprefix("Authentication failed: "))
                if _is_of_network(error):
                    raise Unreachable(
                        f"The token endpoint of Entra ({self.cloud.login_host}) could not be reached: "
                        f"{network.reason(error, otherwise=reason)}"
                    ) from None
                if method(self._environment) in _AT_TOKEN_ENDPOINT and not _is_of_entra(error):
                    raise Unreachable(
                        f"The token endpoint of Entra ({self.cloud.login_host}) gave no usable response; "
                        f"{INSTEAD_OF_IT}"
                    ) from None
                raise refusal(self._environment, reason) from None
        return held.token

    def _discard(self, token: str) -> None:
        # Another thread may have renewed it meanwhile; that token is kept.
        if self._held is not None and self._held.token == token:
            self._held = None
            self._credential = credential(self._environment, self._deadline)  # The old one keeps the token.


def _is_of_entra(error: BaseException | None) -> bool:
    """Whether Entra itself refused the sign-in, with a code, rather than whatever responded in its place."""
    while error is not None:
        if _ENTRA_REFUSAL.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_of_network(error: BaseException | None) -> bool:
    """Whether a failed sign-in never reached Entra; azure-identity reports that as a failed authentication."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError  # noqa: PLC0415

    while error is not None:
        if isinstance(error, (ServiceRequestError, ServiceResponseError)):
            return True
        # As requests raises it, also for a file of certificates that is missing; a file or program of the credentials
        # that is missing has a number.
        if isinstance(error, OSError) and error.errno is None:
            return True
        error = error.__cause__ or error.__context__
    return False


_passed: dict[str, str] = {}
_clients: list[GraphClient] = []
_lock = threading.Lock()
_OF_A_CREDENTIAL = ("ARM_CLIENT_", "ARM_OIDC_", "ARM_USE_")


def use_credentials(variables: Mapping[str, str]) -> None:
    """Make `shared_client` use these ``ARM_*`` variables instead of the environment's; if empty, the environment's."""
    with _lock:
        if variables != _passed:
            _passed.clear()
            _passed.update(variables)
            _clients.clear()


def shared_client() -> GraphClient:
    """The process's client: one token for all threads."""
    with _lock:
        if not _clients:
            _clients.append(GraphClient(_environment()))
        return _clients[0]


def _environment() -> Mapping[str, str]:
    if not _passed:
        return os.environ
    # The passed credential is complete: a certificate of the environment would take precedence.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_A_CREDENTIAL)}
    return kept | _passed


class _Retry(Retry):
    """Pauses no longer than a deadline allows."""

    deadline = UNLIMITED

    def new(self, **changes: Any) -> _Retry:
        created = super().new(**changes)
        created.deadline = self.deadline
        return created

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Seconds that the service asks for; without a header that makes sense, None: the usual pause."""
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        asked = self.get_retry_after(response) if response is not None else None
        seconds = asked or self.get_backoff_time()
        self.deadline.check(seconds)
        _pauses.announce(seconds)
        super().sleep(response)


def _retrying(deadline: Deadline, *methods: str) -> HTTPAdapter:
    retry = _Retry(
        total=_RETRIES,
        backoff_factor=1,
        backoff_jitter=1,
        backoff_max=_LONGEST_WAIT_SECONDS,
        retry_after_max=_LONGEST_WAIT_SECONDS,
        allowed_methods=set(methods),
        status_forcelist=(429, 502, 503, 504),
        redirect=0,
        raise_on_status=False,  # The last response says more than that there were too many.
    )
    retry.deadline = deadline
    return HTTPAdapter(max_retries=retry)


def _json(response: requests.Response) -> JSON:
    """Return the parsed body: an empty object for a response that has none, None if it is not JSON.

    Nothing under 200 is not an empty object: a list that was lost on the way would be taken for an empty one.
    """
    if not response.content:
        return {} if response.status_code == requests.codes.no_content else None
    try:
        return parse_json(response.content)
    except ValueError:
        return None
