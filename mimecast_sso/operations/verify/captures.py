"""Find Mimecast's sign-in request (SAML AuthnRequest) in a capture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.saml import authn_request
from mimecast_sso.saml.authn_request import AuthnRequest, Binding
from mimecast_sso.saml.errors import MalformedRequest
from mimecast_sso.text.files import UnreadableTextError, parse_json, read_text
from mimecast_sso.text.wording import count

_FIELD = "SAMLRequest"
_SIZE_LIMIT = 256 * 1024 * 1024
_LONGEST_NAME = 250
"""Characters. A sign-in request is longer, even deflated and in base64."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A sign-in request, and the address that the browser sent it to, if known."""

    request: AuthnRequest
    sent_to: str | None


def captured(given: str) -> Captured:
    """Find the sign-in request in a redirect URL, a HAR file, a form's text, its base64 value, or a file of these.

    The last sign-in request of a HAR file is used. Nothing else of the file is kept: no cookie, no assertion.

    Raises:
        OperationError: There is no readable request. The message quotes nothing of the input.
    """
    if not given.strip():
        raise OperationError(
            "An empty text is not a SAML sign-in request. Pass a HAR file, the URL of the redirect, or the value."
        )
    text = _content(given.strip())
    if text == given.strip() and _looks_like_a_file(text):
        what = "is a folder" if Path(text).is_dir() else "does not exist"
        raise OperationError(
            f"The file {text} {what}. Pass a HAR file, the URL of the redirect, or the value itself."
        )
    if text.startswith(("https://", "http://")):
        return _of_url(text)
    if text.startswith("{"):
        return _of_har(text)
    if f"{_FIELD}=" in text:
        values = parse_qs(text).get(_FIELD)
        return Captured(_parsed(values[0] if values else "", "post", "redirect"), None)
    return Captured(_parsed(unquote(text) if "%" in text else text, "post", "redirect"), None)


def _looks_like_a_file(text: str) -> bool:
    """Whether the input is meant to be a file name: it begins or ends like one, and is too short for a request."""
    return (
        (
            text.lower().endswith((".har", ".txt", ".json", ".xml", ".b64"))
            or text.startswith(("/", "./", "../", "~", "\\"))
        )
        and len(text) < _LONGEST_NAME
        and "\n" not in text
        and "://" not in text
    )


def _content(given: str) -> str:
    path = Path(given)
    try:
        if not path.is_file():
            return given
        if path.stat().st_size > _SIZE_LIMIT:
            raise OperationError(
                f"{path} is larger than {_SIZE_LIMIT // 1024 // 1024} MB. Record only the sign-in, or pass the URL of "
                "the redirect."
            )
        return read_text(path).strip()
    except UnreadableTextError as error:
        raise OperationError(
            f"{path} {error.why}. Pass a HAR file, the URL of the redirect, or the value itself."
        ) from None
    except OSError:
        return given  # For example, too long for a file name.


def _of_url(url: str) -> Captured:
    try:
        values = parse_qs(urlsplit(url).query).get(_FIELD)
    except ValueError:  # A host such as [::1 without its bracket.
        raise OperationError("The URL is malformed. Copy it again, with all of its characters.") from None
    if not values:
        raise OperationError(
            f"The URL has no {_FIELD} parameter. Capture the redirect to the identity provider."
        )
    return Captured(_parsed(values[0], "redirect", "post"), _without_query(url))


def _of_har(text: str) -> Captured:
    try:
        entries = parse_json(text)["log"]["entries"]
        requests = [entry["request"] for entry in entries]
        found = [
            (value, binding, str(request["url"]))
            for request in requests
            for value, binding in _values(request)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(
            "The file is not a browser's HAR file (HTTP Archive). Save the recording of the developer tools as HAR."
        ) from None
    if not found:
        raise OperationError(
            f"The HAR file has no {_FIELD} in its {count(len(requests), 'request')}. Start the recording before you "
            "sign in, preserve the log across page loads, and save it again."
        )
    value, binding, url = found[-1]
    return Captured(_parsed(value, binding), _without_query(url))


def _values(request: dict[str, JSON]) -> Iterator[tuple[str, Binding]]:
    for value in parse_qs(urlsplit(str(request["url"])).query).get(_FIELD, []):
        yield value, "redirect"
    posted = request.get("postData") or {}
    values = [str(each["value"]) for each in posted.get("params") or () if each.get("name") == _FIELD]
    for value in values or parse_qs(str(posted.get("text") or "")).get(_FIELD, []):
        yield (unquote(value) if "%" in value else value), "post"


def _parsed(value: str, *bindings: Binding) -> AuthnRequest:
    problem = ""
    for binding in bindings:
        # A form's text that was pasted without percent encoding has blanks for plus signs.
        try:
            return authn_request.parse(value.replace(" ", "+"), binding=binding)
        except MalformedRequest as error:
            problem = problem or str(error)
    raise OperationError(f"Not a SAML sign-in request: {problem.splitlines()[0]}")


def _without_query(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
