"""GitLab's API for one project, on loopback: merge request 7 with its notes, commit statuses, issues."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ME, MALLORY = 5, 6
_ROOT = "/api/v4"
_PROJECT = f"{_ROOT}/projects/3"
_PAGE = 2
"""Small, so that tests need a second page."""


@dataclass(slots=True)
class Project:
    """Project 3 in its API."""

    url: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """How the next writes end: ``429`` or ``500`` before they are applied, ``lost`` after that, "" for success."""
    statuses: list[tuple[str, str]] = field(default_factory=list)
    jobs: list[dict[str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a job of the project that has the token."""
        return {
            "CI_API_V4_URL": f"{self.url}{_ROOT}",
            "CI_PROJECT_ID": "3",
            "CI_PIPELINE_ID": "9",
            "SSO_GITLAB_TOKEN": "t",
        }

    def note(self, body: str, author: int = ME) -> dict[str, Any]:
        """A new note of the merge request."""
        self.notes.append({"id": len(self.notes) + 41, "body": body, "author": {"id": author}})
        return self.notes[-1]

    def issue(self, author: int = ME, **fields: Any) -> dict[str, Any]:
        """A new issue."""
        iid = len(self.issues) + 1
        self.issues.append({"iid": iid, "state": "opened", "author": {"id": author}, **fields})
        return self.issues[-1]

    def respond(self, method: str, path: str, sent: dict[str, str]) -> Any:
        """The response to a call; None if the object does not exist."""
        if path == f"{_ROOT}/user":
            return {"id": ME}
        for pattern, work in _ROUTES.items():
            found = re.fullmatch(f"{method_of(pattern)} {_PROJECT}{path_of(pattern)}", f"{method} {path}")
            if found:
                return work(self, sent, *found.groups())
        return None

    def change(self, iid: str, sent: dict[str, str]) -> dict[str, Any]:
        """Update an issue."""
        row = self.issues[int(iid) - 1]
        row["description"] = sent.get("description", row["description"])
        row["state"] = {"close": "closed", "reopen": "opened"}.get(sent.get("state_event", ""), row["state"])
        return row

    def listed(self, sent: dict[str, str]) -> list[dict[str, Any]]:
        """Issues by label and author."""
        author = int(sent["author_id"])
        return [
            each
            for each in self.issues
            if each["author"]["id"] == author and each["labels"] == sent["labels"]
        ]


def method_of(pattern: str) -> str:
    return pattern.split(" ", 1)[0]


def path_of(pattern: str) -> str:
    return pattern.split(" ", 1)[1]


def _edit(project: Project, sent: dict[str, str], number: str) -> Any:
    row = next(each for each in project.notes if each["id"] == int(number))
    row["body"] = sent["body"]
    return row


_ROUTES: dict[str, Any] = {
    r"GET /merge_requests/7": lambda project, _: project.request,
    r"GET /merge_requests/7/notes": lambda project, _: project.notes,
    r"POST /merge_requests/7/notes": lambda project, sent: project.note(sent["body"]),
    r"GET /merge_requests/7/notes/(\d+)": lambda project, _, number: next(
        each for each in project.notes if each["id"] == int(number)
    ),
    r"PUT /merge_requests/7/notes/(\d+)": _edit,
    r"POST /statuses/([0-9a-f]{40})": lambda project, sent, sha: (
        project.statuses.append((sha, sent["state"])) or {}
    ),
    r"GET /pipelines/9/jobs": lambda project, _: project.jobs,
    r"GET /issues": lambda project, sent: project.listed(sent),
    r"POST /issues": lambda project, sent: project.issue(**sent),
    r"PUT /issues/(\d+)": lambda project, sent, iid: project.change(iid, sent),
    r"GET /issues/(\d+)/notes": lambda project, _, iid: [
        {"id": number, "body": body, "author": {"id": ME}, "system": False}
        for number, (of, body) in reversed([*enumerate(project.comments)])
        if of == int(iid)
    ],
    r"POST /issues/(\d+)/notes": lambda project, sent, iid: (
        project.comments.append((int(iid), sent["body"])) or {}
    ),
}


@contextmanager
def gitlab() -> Iterator[Project]:
    """The API of a project."""
    project = Project()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(project))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    project.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield project
    finally:
        server.shutdown()
        server.server_close()


def _handler(project: Project) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            address = urlsplit(self.path)
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            sent = dict(parse_qsl(address.query)) | dict(parse_qsl(form, keep_blank_values=True))
            known = self.headers.get("PRIVATE-TOKEN") == "t"
            fault = project.faults.pop(0) if self.command != "GET" and project.faults else ""
            if fault.isdigit():
                self.send_response(int(fault))
                self.end_headers()
                return
            body = project.respond(self.command, address.path, sent) if known else None
            if fault:  # Applied, and nobody learns of it.
                self.close_connection = True
                return
            self.send_response(200 if body is not None else 404)
            if isinstance(body, list):
                page = int(sent.get("page", 1))
                more = page * _PAGE < len(body)
                body = body[(page - 1) * _PAGE : page * _PAGE]
                self.send_header("x-next-page", str(page + 1) if more else "")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST = do_PUT = _respond  # noqa: N815  (named by the protocol)

        def log_message(self, *_: object) -> None:
            """Print nothing during tests."""

    return Handler
