"""GitHub's API for comments, on loopback: enough for GitHub's own CLI to post, list page by page, and edit.

It is reached as api.github.com through its own proxy, with a certificate of its own authority.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

HOST = "api.github.com"
BOT = "github-actions[bot]"
_PAGE = 2
"""Small, so that tests need a second page."""


@dataclass(slots=True)
class Comments:
    """The comments of pull request 7 of acme/sso, and how to reach them."""

    environment: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def add(self, body: str, who: str = BOT) -> int:
        """A new comment, and its id."""
        self.rows.append({"id": len(self.rows) + 1, "body": body, "user": {"login": who}})
        return len(self.rows)

    def respond(self, method: str, path: str, document: Any) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers."""
        self.asked.append(f"{method} {path}")
        one = re.fullmatch(r"/repos/acme/sso/issues/comments/(\d+)", path)
        if one:
            row = self.rows[int(one[1]) - 1]
            row["body"] = document["body"] if method == "PATCH" else row["body"]
            return 200, row, {}
        address, _, query = path.partition("?")
        if address != "/repos/acme/sso/issues/7/comments":
            return 404, {"message": "Not Found"}, {}
        if method == "POST":
            return 201, self.rows[self.add(document["body"]) - 1], {}
        page = int(dict(each.split("=") for each in query.split("&")).get("page", 1))
        shown = self.rows[(page - 1) * _PAGE : page * _PAGE]
        more = (
            {"Link": f'<https://{HOST}{address}?page={page + 1}>; rel="next"'}
            if page * _PAGE < len(self.rows)
            else {}
        )
        return 200, shown, more


@contextmanager
def github(folder: Path) -> Iterator[Comments]:
    """The API, and an environment in which ``gh`` reaches nothing else."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    comments = Comments()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(comments, context))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    comments.environment = {
        "HTTPS_PROXY": f"http://127.0.0.1:{server.server_port}",
        "SSL_CERT_FILE": str(folder / "authority.pem"),
        "GH_TOKEN": "t",
        "GH_CONFIG_DIR": str(folder / "gh"),
        "GH_NO_UPDATE_NOTIFIER": "1",
    }
    try:
        yield comments
    finally:
        server.shutdown()
        server.server_close()


def _handler(comments: Comments, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def _respond(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body, headers = comments.respond(
                self.command, self.path, json.loads(text) if text else None
            )
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _respond  # noqa: N815  (named by the protocol)

        def log_message(self, *_: object) -> None:
            """Print nothing during tests."""

    return Handler
