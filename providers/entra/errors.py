"""Errors of Microsoft Graph, as one tree of exceptions. None contains a body, a header or a credential."""

# ruff: noqa: N818  (names state what happened)

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from mimecast_sso.facts.json_types import JSON
from providers.network import INSTEAD_OF_IT


class GraphError(Exception):
    """Base of this package's errors; ``code`` is Graph's error code, ``request_id`` is for support."""

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        details = ", ".join(part for part in (code, f"request {request_id}" if request_id else "") if part)
        super().__init__(f"{message} ({details})" if details else message)
        self.code = code
        self.request_id = request_id


class CredentialsMissing(GraphError):
    """The ``ARM_*`` variables are not a complete credential."""


class Unreachable(GraphError):
    """Graph, or the token endpoint, could not be reached, or kept failing."""


class ObjectNotFound(GraphError):
    """Graph does not have the object."""


class Refused(GraphError):
    """Graph refused the request: a missing permission, or a violated rule."""


class Forbidden(Refused):
    """The caller lacks a permission, or a role."""


class CertificateUnknown(GraphError):
    """The certificate to activate is not on the service principal."""


class NotTakenOver(GraphError):
    """Graph accepted a change, but reading it back shows another value."""


class CertificateInUse(GraphError):
    """The certificate to remove signs, or is the last valid one."""


class ForeignChange(GraphError):
    """The signing certificates were changed externally meanwhile; ``thumbprints`` are the affected ones."""

    def __init__(self, message: str, *, thumbprints: tuple[str, ...]) -> None:
        super().__init__(message)
        self.thumbprints = thumbprints


_NOT_OF_GRAPH = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
"""Statuses of throttling, and of a proxy: nothing is known about the object."""


_KINDS: Mapping[int, type[GraphError]] = {
    HTTPStatus.NOT_FOUND: ObjectNotFound,
    HTTPStatus.FORBIDDEN: Forbidden,
}


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _unexplained(status: int) -> str:
    """What is known from the status alone."""
    if _is_redirect(status):
        return f"the response is a redirect, which is not followed; {INSTEAD_OF_IT}"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "a proxy requires a sign-in; set user and password in HTTPS_PROXY"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Entra limits the number of requests, also after several retries; rerun in a few minutes"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "the service failed or is overloaded, also after several retries; rerun in a few minutes"
    return f"the response (HTTP {status}) is not Graph's; {INSTEAD_OF_IT}"


def from_response(method: str, path: str, status: int, body: JSON, request_id: str = "") -> GraphError:
    """Return the error for a response; ``body`` is the parsed JSON, or anything else.

    Source: Microsoft Graph's "Error responses and resource types". Without a ``request-id`` header, the request id is
    taken from the body. A refusal without Graph's ``error`` object comes from a gateway on the way: its 404 is not
    about the object, and its 403 not about permissions.
    """
    error = body.get("error") if isinstance(body, dict) else None
    explained = isinstance(error, dict) and bool(error)
    error = error if isinstance(error, dict) else {}
    inner = error.get("innerError")
    code = str(error.get("code") or status or "")
    message = str(error.get("message") or _unexplained(status))
    kind = _KINDS.get(status, Refused)
    if (
        not explained
        or status in _NOT_OF_GRAPH
        or _is_redirect(status)
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or not status
    ):
        kind = Unreachable
    return kind(
        f"Microsoft Graph, {method} {path}: {message}",
        code=code,
        request_id=request_id or str((inner if isinstance(inner, dict) else {}).get("request-id") or ""),
    )
