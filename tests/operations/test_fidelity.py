"""``mimecast-sso fidelity record``: a sandbox compared with itself, without and with planted differences and values."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from mimecast_sso.operations.cli import commands
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fidelity import command, exchanges
from mimecast_sso.operations.fidelity.command import document, make_calls
from mimecast_sso.operations.fidelity.comparison import Compared, Recording
from mimecast_sso.operations.fidelity.exchanges import READING_POSTS, Recorder, name_of, require_read
from mimecast_sso.operations.fidelity.expectations import expectations
from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.provenance import Verdict
from sandbox import credentials
from sandbox.control_client import Control
from tests.support.commands import forking

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("fidelity_tool", ROOT / "tools" / "fidelity.py")
assert _SPEC is not None
assert _SPEC.loader is not None
tool = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tool)

pytestmark = pytest.mark.xdist_group("fidelity")

UPDATE_USER = "/api/user/update-user"
_CHANGED = "PLANTED"


@dataclass(frozen=True, slots=True)
class World:
    """A deployed sandbox, and what was recorded in all of its variants."""

    control: Control
    home: Path
    recorded: Sequence[exchanges.Exchange]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("world")
    with tool.world(home) as control, tool.entered(home):
        yield World(control, home, tool.in_all_worlds(control))


# -- The expectations -------------------------------------------------------------------------------------------------


def test_the_expectations_are_what_the_sandbox_returns_today(world: World) -> None:
    assert tool.TARGET.read_text() == tool.text(world.recorded), "run tools/fidelity.py"


def test_every_read_of_the_commands_is_expected(world: World) -> None:
    """What commands ask without an engine; update-user, which may write, is never recorded."""
    before = len(world.control.journal())
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    for words in (
        ["preflight", "--stack", "sandbox"],
        ["verify", "--stack", "sandbox"],
        ["drift", "--stack", "sandbox", "--fast"],
        ["roll-out", "status", "--stack", "sandbox"],
        [
            *("assess", "--region", "eu", "--account-code", "CUK25A118"),
            *(
                "--csv",
                str(world.home / "people.csv"),
                "--stack-file",
                str(world.home / "Pulumi.assessed.yaml"),
            ),
        ],
    ):
        with forking():
            done = subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode in (Exit.FINE, Exit.ERROR, Exit.CHANGES, Exit.PREFLIGHT), done.stderr
    asked = {_named(entry) for entry in world.control.journal(after=before) if _is_of_an_api(entry)}
    others = {name for name in asked if UPDATE_USER not in name} - expectations().calls.keys()
    assert len(asked) > 20
    assert not others


def _is_of_an_api(entry: dict[str, Any]) -> bool:
    return entry["host"] in ("graph.microsoft.com", "api.services.mimecast.com")


def _named(entry: dict[str, Any]) -> str:
    query = quote(entry["query"], safe="=&$")
    body = entry["body"] if entry["host"].endswith("mimecast.com") else None
    return name_of(entry["method"], f"https://{entry['host']}{entry['path']}?{query}", body)


# -- Nothing but reads ------------------------------------------------------------------------------------------------


def test_a_recording_only_reads(world: World) -> None:
    before = len(world.control.journal())
    tool.calls()
    entries = [entry for entry in world.control.journal(after=before) if _is_of_an_api(entry)]
    sent = {(entry["method"], entry["path"]) for entry in entries}
    assert len(sent) > 25
    assert {method for method, _ in sent} == {"GET", "POST"}
    posts = {(entry["path"], entry["batched"]) for entry in entries if entry["method"] == "POST"}
    alone = {"/v1.0/$batch", *READING_POSTS}
    assert posts <= {*((each, False) for each in alone), ("/v1.0/identity/conditionalAccess/evaluate", True)}


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PATCH", "https://graph.microsoft.com/v1.0/applications/1", {}),
        ("DELETE", "https://graph.microsoft.com/v1.0/applications/1", None),
        ("PUT", "https://api.services.mimecast.com/user", {}),
        ("POST", "https://graph.microsoft.com/v1.0/applications", {}),
        ("POST", "https://graph.microsoft.com/v1.0/$batch", {"requests": [{"id": "1", "method": "PATCH"}]}),
        ("POST", "https://graph.microsoft.com/v1.0/$batch", {}),
        ("POST", f"https://api.services.mimecast.com{UPDATE_USER}", {"data": [{"emailAddress": "a@b"}]}),
        ("POST", "https://api.services.mimecast.com/api/domain/create-domain", {"data": []}),
    ],
)
def test_what_may_write_is_not_sent(method: str, url: str, body: Any) -> None:
    with pytest.raises(OperationError, match="so it was not sent"):
        require_read(requests.Request(method, url, json=body).prepare())


# -- A sandbox compared with itself -----------------------------------------------------------------------------------


def compared(
    change: Callable[[requests.PreparedRequest, requests.Response], None] | None = None,
) -> list[Compared]:
    """The calls of the entered sandbox, whose responses somebody changes on the way."""
    recorder = _Changed(change) if change else Recorder()
    troubles = make_calls(open_stack("sandbox"), recorder)
    return Recording(recorder.exchanges, expectations()).compare(troubles)


class _Changed(Recorder):
    def __init__(self, change: Callable[[requests.PreparedRequest, requests.Response], None]) -> None:
        super().__init__()
        self._change = change

    def through(self, adapter: BaseAdapter) -> BaseAdapter:
        return super().through(_Between(adapter, self._change))


class _Between(BaseAdapter):
    """A proxy that changes responses."""

    def __init__(
        self, inner: BaseAdapter, change: Callable[[requests.PreparedRequest, requests.Response], None]
    ) -> None:
        super().__init__()
        self._inner = inner
        self._change = change

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        response = self._inner.send(request, *args, **options)
        assert response.content is not None
        self._change(request, response)
        return response

    def close(self) -> None:
        self._inner.close()


def test_a_sandbox_does_not_differ_from_itself(world: World) -> None:
    found = compared()
    assert [each.why for each in found if each.verdict is Verdict.DIFFERS] == []
    fine = [each for each in found if each.verdict is Verdict.FINE]
    assert len(fine) > 35
    assert exit_of([each.statement() for each in found]) is Exit.FINE


def _body(response: requests.Response, change: Callable[[Any], object]) -> None:
    body = json.loads(response.content)
    change(body)
    response._content = json.dumps(body).encode()


def _at(path: str, change: Callable[[Any], object]) -> Callable[..., None]:
    def plant(request: requests.PreparedRequest, response: requests.Response) -> None:
        if path in str(request.url):
            _body(response, change)

    return plant


def _in_batch(path: str, change: Callable[[Any], object]) -> Callable[..., None]:
    def plant(request: requests.PreparedRequest, response: requests.Response) -> None:
        if not str(request.url).endswith("$batch"):
            return
        asked = {each["id"]: each["url"] for each in json.loads(request.body or b"{}")["requests"]}

        def planted(body: Any) -> None:
            for each in body["responses"]:
                if path in asked[each["id"]] and each["status"] == 200:
                    change(each["body"])

        _body(response, planted)

    return plant


def _header(path: str, name: str, value: str | None) -> Callable[..., None]:
    def plant(request: requests.PreparedRequest, response: requests.Response) -> None:
        if path in str(request.url):
            response.headers.pop(name, None)
            if value is not None:
                response.headers[name] = value

    return plant


def _status(path: str, status: int, body: Any = None) -> Callable[..., None]:
    def plant(request: requests.PreparedRequest, response: requests.Response) -> None:
        if path in str(request.url):
            response.status_code = status
            if body is not None:
                response._content = json.dumps(body).encode()

    return plant


PLANTED = {
    "a key is missing": (
        _at("/get-account", lambda body: body["data"][0].pop("packages")),
        {"POST /api/account/get-account": "data[].packages: missing"},
    ),
    "a key is renamed": (
        _at("/get-internal-domain", lambda body: body["data"][0].update(zone=body["data"][0].pop("domain"))),
        {"POST /api/domain/get-internal-domain": "data[].(unlisted): text, which the sandbox does not have"},
    ),
    "a number is a text": (
        _at("/get-account", lambda body: body["data"][0].update(userCount="7")),
        {"POST /api/account/get-account": "data[].userCount: text, the sandbox has integer"},
    ),
    "a list is an object": (
        _at("/find-groups", lambda body: body["data"][0].update(folders={})),
        {"POST /api/directory/find-groups": "data[].folders: object, the sandbox has list"},
    ),
    "a value is null": (
        _at("/get-group-members", lambda body: body["data"][0]["groupMembers"][0].update(emailAddress=None)),
        {"POST /api/directory/get-group-members": "null, the sandbox has text"},
    ),
    "a row lacks a key": (
        _at("/get-group-members", lambda body: body["data"][0]["groupMembers"][0].pop("emailAddress")),
        {"POST /api/directory/get-group-members": "missing in some rows"},
    ),
    "a nested key in a batch": (
        _in_batch("/owners", lambda body: body["value"].append({"id": "1"})),
        {"/owners": "missing"},
    ),
    "another status": (
        _status("/subscribedSkus", 400, {"error": {"code": "BadRequest", "message": "No"}}),
        {"GET /subscribedSkus": "status: 400, the sandbox returns 200"},
    ),
    "another code": (
        _status(
            "/get-pending-domain",
            403,
            {"fail": [{"errors": [{"code": "other", "message": "", "retryable": False}]}]},
        ),
        {"POST /api/domain/get-pending-domain": "code: (unlisted), the sandbox has app_forbidden"},
    ),
    "a header is missing": (
        _header("/get-connection", "X-RateLimit-Reset", None),
        {"POST /api/directory/get-connection": "header x-ratelimit-reset: missing, the sandbox has number"},
    ),
    "a header in another form": (
        _header("/get-connection", "X-RateLimit-Reset", "2026-11-29T00:00:00Z"),
        {"POST /api/directory/get-connection": "x-ratelimit-reset: date-time, the sandbox has number"},
    ),
    "another media type": (
        _header("/subscribedSkus", "Content-Type", "text/html"),
        {"GET /subscribedSkus": "header content-type: another type, the sandbox has JSON"},
    ),
    "no next page": (
        _at("select=id&%24top=1", lambda body: body.pop("@odata.nextLink", None)),
        {"GET /users?$select=id&$top=1": "paging"},
    ),
    "a next page by another name": (
        _at(
            "/v1/users?pageSize=1", lambda body: body["meta"].update(cursor=body["meta"].pop("nextPage", ""))
        ),
        {"GET /user/cloud-gateway/v1/users?pageSize=1": "(unlisted)"},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_named_and_no_other(world: World, name: str) -> None:
    plant, expected = PLANTED[name]
    found = {each.call: each.why for each in compared(plant) if each.verdict is Verdict.DIFFERS}
    for call, text in expected.items():
        assert [why for differing, why in found.items() if call in differing and text in why], found
    unexpected = [differing for differing in found if not any(call in differing for call in expected)]
    assert unexpected == []


def test_refused_and_failed_calls_are_unknown(world: World) -> None:
    world.control.set(
        "mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: ["Account | Dashboard | Read"]}
    )
    try:
        found = {each.call: each for each in compared()}
    finally:
        world.control.set("mimecast.permissions", {})
    assert found["POST /api/domain/get-internal-domain"].verdict is Verdict.UNKNOWN
    assert found["POST /api/domain/get-pending-domain"].verdict is Verdict.NOT_POSSIBLE
    assert exit_of([each.statement() for each in found.values()]) is Exit.ERROR
    busy = {each.call: each for each in compared(_status("/get-internal-domain", 503))}
    assert busy["POST /api/domain/get-internal-domain"].why == "no usable response: 503"


def test_a_service_that_cannot_be_reached_is_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIMECAST_CLIENT_SECRET", "wrong")
    found = {each.call: each.verdict for each in compared() if each.service == exchanges.MIMECAST}
    assert found.pop("POST /oauth/token") is Verdict.UNKNOWN
    assert set(found.values()) == {Verdict.UNKNOWN}


def test_the_command_writes_a_report(world: World, tmp_path: Path) -> None:
    report = tmp_path / "fidelity.json"
    done = CliRunner().invoke(
        commands,
        ["fidelity", "record", "--stack", "sandbox", "--report", str(report), "--quiet"],
        standalone_mode=False,
    )
    assert (done.exception, done.return_value) == (None, Exit.FINE), done.output
    assert f"Report: {report}" in done.output
    written = json.loads(report.read_text())
    assert written["expectations"] == expectations().digest
    assert len(written["calls"]) == len(expectations().calls)


def test_another_account_is_refused_before_anything_is_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_stack("sandbox")
    values = {**opened.values(), "accountCode": "COTHER1A1"}
    monkeypatch.setattr("mimecast_sso.operations.stacks.Stack.values", lambda _: values)
    with pytest.raises(OperationError) as refused:
        make_calls(opened, Recorder())
    assert refused.value.code is Exit.REFUSED


# -- No value in the report -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Raw:
    """One response as it came."""

    request: requests.PreparedRequest
    status: int
    headers: dict[str, str]
    body: Any


@pytest.fixture(scope="module")
def raw(world: World) -> list[Raw]:
    found: list[Raw] = []

    def keep(request: requests.PreparedRequest, response: requests.Response) -> None:
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        found.append(Raw(request, response.status_code, dict(response.headers), body))

    compared(keep)
    return found


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, (*path, key))
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _places(each, (*path, index))


def _planted(body: Any, place: tuple[Any, ...], how: str) -> Any:
    """The body with a value of the tenant at a place: in place of the present one, beside it, or as its key."""
    changed = deepcopy(body)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    value = {_CHANGED: _CHANGED, f"extension_{_CHANGED}_id": [{f"{_CHANGED}.example": {_CHANGED: 1}}]}
    if not place:
        return (
            value if how == "value" else {**value, "fail": [{"code": _CHANGED}], "error": {"code": _CHANGED}}
        )
    if how == "key" and isinstance(holder, dict):
        holder[f"{_CHANGED}@{place[-1]}"] = holder.pop(place[-1])
    else:
        holder[place[-1]] = _CHANGED if how == "value" else value
    return changed


@settings(max_examples=100)
@given(data=st.data())
def test_no_value_of_the_tenant_is_in_the_report(raw: list[Raw], data: st.DataObject) -> None:
    """Values are planted in bodies (as values, keys, codes, dictionaries), headers, paths and links."""
    recorder = Recorder()
    for each in data.draw(st.lists(st.sampled_from(raw), min_size=1, max_size=4)):
        body = each.body
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.sampled_from(list(_places(body)))) if body is not None else ()
            body = _planted(body, place, data.draw(st.sampled_from(["value", "key", "dictionary"])))
        response = requests.Response()
        response.status_code = data.draw(st.sampled_from([each.status, 200, 400, 403, 404, 429, 500]))
        response.headers.update(
            {name: data.draw(st.sampled_from([value, _CHANGED])) for name, value in each.headers.items()}
        )
        response.headers[f"x-{_CHANGED}"] = _CHANGED
        response.raw = io.BytesIO(json.dumps(body).encode())
        recorder.note(_elsewhere(each.request, data), response)
    found = Recording(recorder.exchanges, expectations()).compare()
    report = json.dumps(document(found, expectations()))
    said = " ".join(str(each.statement().document()) for each in found)
    assert _CHANGED.lower() not in (report + said).lower()
    assert set(_words(json.loads(report))) <= _vocabulary()


def _elsewhere(request: requests.PreparedRequest, data: st.DataObject) -> requests.PreparedRequest:
    """The request, or one that a tenant's link led to."""
    if not data.draw(st.booleans()):
        return request
    moved = request.copy()
    moved.url = f"{request.url}{'&' if '?' in str(request.url) else '?'}{_CHANGED}={_CHANGED}"
    if data.draw(st.booleans()):
        moved.url = moved.url.replace("/v1.0/", f"/v1.0/{_CHANGED}/")
    return moved


def _words(report: Any) -> Iterator[str]:
    """All names of keys in the bodies of a report."""
    for call in report["calls"]:
        for response in call["responses"].values():
            yield from _keys(response["body"])


def _keys(shape: Any) -> Iterator[str]:
    if isinstance(shape, dict):
        for name, inner in shape.get("keys", {}).items():
            yield name.removesuffix("?")
            yield from _keys(inner)
        yield from _keys(shape.get("items"))


def _vocabulary() -> set[str]:
    found = {"(unlisted)"}
    for call in expectations().calls.values():
        for response in call.responses.values():
            found |= set(_keys(response.shape.document()))
    return found


def test_a_name_is_revealed_by_name_only(raw: list[Raw]) -> None:
    (account, *_) = [each for each in raw if str(each.request.url).endswith("/get-account")]
    body = deepcopy(account.body)
    body["data"][0] |= {"tier": 1, "costCentre": "x"}
    recorder = _noted(account, body)
    found = Recording(recorder.exchanges, expectations(), frozenset({"tier"})).compare()
    report = json.dumps(document(found, expectations()))
    assert "data[].tier: integer" in report
    assert "costCentre" not in report
    assert frozenset({"costCentre"}) <= frozenset().union(*(each.names for each in found))


def _noted(each: Raw, body: Any) -> Recorder:
    """What is recorded of that exchange with another body."""
    recorder = Recorder()
    response = requests.Response()
    response.status_code = 200
    response.headers.update(each.headers)
    response.raw = io.BytesIO(json.dumps(body).encode())
    recorder.note(each.request, response)
    return recorder


@pytest.mark.parametrize("other", [{}, [], None, 99])
def test_a_response_in_a_batch_without_a_known_id_is_left_out(raw: list[Raw], other: Any) -> None:
    (batch, *_) = [each for each in raw if str(each.request.url).endswith("/$batch")]
    whole = _noted(batch, batch.body).exchanges
    body = deepcopy(batch.body)
    body["responses"][0]["id"] = other
    assert len(_noted(batch, body).exchanges) == len(whole) - 1


def test_names_left_out_go_to_the_terminal_and_not_to_the_report(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = _at("/get-account", lambda body: body["data"][0].update({_CHANGED: _CHANGED}))
    monkeypatch.setattr(command, "Recorder", lambda: _Changed(plant))
    report, out = tmp_path / "fidelity.json", tmp_path / "out.txt"
    done = CliRunner().invoke(
        commands,
        ["fidelity", "record", "--stack", "sandbox", "--report", str(report), "--out", str(out)],
        standalone_mode=False,
    )
    assert done.return_value is Exit.CHANGES
    assert _CHANGED in done.stderr
    assert _CHANGED not in report.read_text() + out.read_text()
