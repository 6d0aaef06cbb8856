"""Why a server could not be reached, in words; the libraries' own texts quote their objects, and a proxy's password.

The one place for these words, for Entra, Mimecast and every other server.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import requests
from urllib3.exceptions import DecodeError, MaxRetryError, NameResolutionError

INSTEAD_OF_IT: Final = "a proxy or the sign-in page of a network may have responded in its place"
"""The end of a sentence about a response that is not the server's."""

_FILE_OF_CERTIFICATES = "TLS CA certificate"
"""In the text of requests' OSError for a missing file, which is of no specific class."""
PLAIN_PROXY: Final = "appears to only use HTTP and not HTTPS"
"""In the text of urllib3's error for a TLS handshake with a proxy that has none; there is no specific class."""
_CHECK = "check SSL_CERT_FILE and REQUESTS_CA_BUNDLE"
# The first that applies: a proxy's failure is a failed connection as well.
_REASONS: Sequence[tuple[tuple[type[BaseException], ...], str]] = (
    (
        (
            requests.exceptions.InvalidProxyURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidURL,
        ),
        "HTTPS_PROXY is not the address of an HTTP proxy",
    ),
    ((requests.exceptions.ProxyError,), "the proxy of HTTPS_PROXY cannot be reached, or refuses this server"),
    ((requests.exceptions.SSLError,), f"there is no trusted TLS connection; {_CHECK}"),
    ((requests.exceptions.Timeout,), "no response in time"),
    (
        (requests.exceptions.ContentDecodingError, DecodeError, zlib.error),
        f"its response cannot be decoded; {INSTEAD_OF_IT}",
    ),
    ((NameResolutionError,), "its name cannot be resolved"),
    ((requests.exceptions.ConnectionError,), "the connection failed or broke"),
)


def reason(error: BaseException, otherwise: str = "") -> str:
    """The reason of a failed connection, as the end of a sentence.

    Args:
        error: The error of requests, urllib3 or azure-identity.
        otherwise: What is said of another kind of error; by default its class.
    """
    found = list(_chain(error))
    if any(PLAIN_PROXY in str(each) for each in found):
        return "HTTPS_PROXY begins with https://, but the proxy expects plain HTTP; begin it with http://"
    for kinds, text in _REASONS:
        if any(isinstance(each, kinds) for each in found):
            return text
    if any(_FILE_OF_CERTIFICATES in str(each) for each in found):
        return f"a file of certificates is missing; {_CHECK}"
    return otherwise or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it, as azure-core, requests and urllib3 keep them."""
    seen: set[int] = set()
    behind: list[object] = [error]
    while behind:
        each = behind.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        behind += [each.__cause__, each.__context__, getattr(each, "inner_exception", None), *each.args]
        behind += [each.reason] if isinstance(each, MaxRetryError) else []
