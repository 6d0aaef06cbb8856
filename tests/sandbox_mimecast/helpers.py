"""An API client, a browser and an identity provider, each as small as the tests allow."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import dns.query
import dns.tsig
import dns.update
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mimecast_sso.saml import names, response
from sandbox import credentials
from tests.support.sandboxes import RunningSandbox

GATEWAY = "https://api.services.mimecast.com"
REGION_HOST = "https://eu-api.mimecast.com"
CONSOLE = "https://login-eu.mimecast.com/administration"
TIMEOUT = 30


class Api:
    """Calls of one API application."""

    def __init__(self, sandbox: RunningSandbox, client_id: str, client_secret: str) -> None:
        self.session = sandbox.session()
        token = self.session.post(
            f"{GATEWAY}/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
            },
            timeout=TIMEOUT,
        )
        token.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def post(self, path: str, document: Any) -> requests.Response:
        """A legacy call with any body."""
        return self.session.post(GATEWAY + path, json=document, timeout=TIMEOUT)

    def legacy(self, path: str, *items: dict[str, Any], **pagination: Any) -> dict[str, Any]:
        """A legacy call's envelope; HTTP must be 200."""
        document: dict[str, Any] = {"data": list(items)}
        if pagination:
            document["meta"] = {"pagination": pagination}
        reply = self.post(path, document)
        assert reply.status_code == 200, reply.text
        envelope: dict[str, Any] = reply.json()
        assert set(envelope) == {"meta", "data", "fail"}
        return envelope

    def ok(self, path: str, *items: dict[str, Any], **pagination: Any) -> list[dict[str, Any]]:
        """The ``data`` of a legacy call without failures."""
        envelope = self.legacy(path, *items, **pagination)
        assert envelope["fail"] == []
        data: list[dict[str, Any]] = envelope["data"]
        return data

    def code(self, path: str, *items: dict[str, Any]) -> str:
        """The code of the only failure of a legacy call."""
        (failure,) = self.legacy(path, *items)["fail"]
        (error,) = failure["errors"]
        code: str = error["code"]
        return code

    def v2(self, method: str, path: str, **options: Any) -> requests.Response:
        """A v2 call."""
        return self.session.request(method, GATEWAY + path, timeout=TIMEOUT, **options)


def default_api(sandbox: RunningSandbox) -> Api:
    """The application that every seed has."""
    return Api(sandbox, credentials.MIMECAST_CLIENT_ID, credentials.MIMECAST_CLIENT_SECRET)


def internal_domain(api: Api, sandbox: RunningSandbox, domain: str) -> None:
    """Register a domain and prove it, as a client does."""
    (pending,) = api.ok("/api/domain/create-domain", {"domain": domain})
    assert publish(sandbox, domain, pending["token"]) == "NOERROR"
    assert api.ok("/api/domain/verify-domain", {"domain": domain}) == [{"domain": domain}]


def publish(sandbox: RunningSandbox, domain: str, value: str) -> str:
    """Add a TXT record by dynamic update; the response code."""
    key = dns.tsig.Key(credentials.TSIG_KEY_NAME, credentials.TSIG_SECRET, credentials.TSIG_ALGORITHM)
    update = dns.update.UpdateMessage(domain, keyring=key)
    update.add("@", 60, "TXT", value)
    return send(sandbox, update)


def send(sandbox: RunningSandbox, update: dns.update.UpdateMessage, *, tcp: bool = False) -> str:
    """Send an update to the sandbox's name server; the response code."""
    host, _, port = str(sandbox.control.status()["dns"]).rpartition(":")
    query = dns.query.tcp if tcp else dns.query.udp
    return query(update, host, port=int(port), timeout=TIMEOUT).rcode().name


@dataclass
class Form:
    """A form on a page, as a browser sees it."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, bool] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)


class Page(HTMLParser):
    """The forms and the text of a page."""

    def __init__(self, reply: requests.Response) -> None:
        super().__init__()
        self.url = reply.url
        self.status = reply.status_code
        self.forms: dict[str, Form] = {}
        self.links: dict[str, str] = {}
        self.text = ""
        self._form: Form | None = None
        self._inside: list[tuple[str, dict[str, str | None]]] = []
        self.feed(reply.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        name, value = attributes.get("name"), attributes.get("value") or ""
        if tag == "form":
            self._form = Form(urljoin(self.url, attributes.get("action") or self.url))
            self.forms[attributes.get("id") or ""] = self._form
        elif self._form is not None and tag == "input" and name:
            if attributes.get("type") == "checkbox":
                self._form.boxes[name] = "checked" in attributes
            else:
                self._form.values[name] = value
        if tag not in ("input", "meta", "link"):
            self._inside.append((tag, attributes))
        if self._form is not None and tag in ("select", "textarea") and name:
            self._form.values[name] = ""
        if self._form is not None and tag == "option" and "selected" in attributes:
            self._form.values[self._around("select", "name")] = value

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop()[0] != tag:
            pass
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if not self._inside or self._inside[-1][0] in ("style", "script"):
            return
        self.text += data
        tag, attributes = self._inside[-1]
        if tag == "a":
            self.links[data] = urljoin(self.url, attributes.get("href") or "")
        if self._form is None:
            return
        if tag == "label":
            self._form.labels[data.strip()] = attributes.get("for") or ""
        elif tag == "option":
            chosen = self._form.options.setdefault(self._around("select", "name"), {})
            chosen[data] = attributes.get("value") or ""
        elif tag == "textarea":
            self._form.values[attributes.get("name") or ""] += data

    def _around(self, tag: str, attribute: str) -> str:
        return next(
            attributes.get(attribute) or "" for each, attributes in reversed(self._inside) if each == tag
        )


class Browser:
    """Walks pages with an unmodified session."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.session = sandbox.session()

    def get(self, url: str) -> Page:
        """Open a page."""
        return Page(self.session.get(url, timeout=TIMEOUT))

    def send(self, form: Form, **values: str) -> Page:
        """Send a form with some of its fields filled in."""
        ticked = {name: "on" for name, is_ticked in form.boxes.items() if is_ticked}
        data = {**form.values, **ticked, **values}
        return Page(self.session.post(form.action, data=data, timeout=TIMEOUT))

    def administrator(self) -> Browser:
        """Sign in to the console."""
        page = self.get(f"{CONSOLE}/")
        address = credentials.administrator_address("example.com")
        page = self.send(
            page.forms["login"], emailAddress=address, password=credentials.ADMINISTRATOR_PASSWORD
        )
        assert "Account Code" in page.text
        return self

    def start(self, address: str) -> Page:
        """Enter an address on the portal's sign-in page."""
        return self.send(self.get(f"{REGION_HOST}/login/saml").forms["login"], emailAddress=address)

    def fill(self, url: str, form_id: str, **values: str | bool) -> Page:
        """Fill a form of the console by field name, booleans for its boxes, and save it."""
        form = self.get(url).forms[form_id]
        for name, value in values.items():
            if isinstance(value, bool):
                form.boxes[name] = value
            else:
                form.values[name] = value
        return self.send(form)


class IdentityProvider:
    """Signs what a test needs signed."""

    issuer = "https://sts.windows.net/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/"
    login_url = "https://login.microsoftonline.com/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/saml2"

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test identity provider")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365))
            .sign(self.key, hashes.SHA256())
        )

    @property
    def certificate_body(self) -> str:
        """What the console's form needs."""
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()

    def respond(self, in_response_to: str | None, name_id: str, **changes: Any) -> str:
        """A signed response for the sandbox's account; ``changes`` spoil it."""
        now = datetime.now(UTC)
        facts: dict[str, Any] = {
            "issuer": self.issuer,
            "name_id": name_id,
            "name_id_format": names.FORMAT_EMAIL,
            "audience": f"{REGION_HOST}/sso/CUK25A118",
            "recipient": f"{REGION_HOST}/login/saml",
            "in_response_to": in_response_to,
            "issued": now,
            "not_before": now - timedelta(minutes=1),
            "not_on_or_after": now + timedelta(minutes=10),
        }
        return response.build(response.Assertion(**(facts | changes)), self.key, self.certificate)
