"""Many new addresses: imported by file, followed to the end, and counted only once they are listed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from mimecast_sso.facts.mimecast_import import ROWS_PER_FILE
from providers.mimecast import MimecastClient, PartlyDone, user_import
from providers.mimecast.address_book import DesiredAddress, Listing, converge
from providers.mimecast.resources import AddressBookProvider
from tests.providers.plugin import Plugin, refusal, running
from tests.providers.test_mimecast_resources import CONFIG
from tests.providers.vendor import LOST, Adapter, Directory, Reply, client, failure, legacy, refused, user
from tests.support import fault_table
from tests.support.sandboxes import RunningSandbox, seed_document, started

IMPORT, STATUS = "/api/user/import-users", "/api/user/get-import-status"
CREATE, LIST = "/api/user/create-user", "/api/user/get-internal-users"
FEW = 3
"""From how many on the tests here import."""


class Importer(Directory):
    """A directory that accepts files. ``responses`` are the results of uploads: ``ok``, ``lost`` or ``forbidden``."""

    def __init__(self, users: dict[str, dict[str, Any]], responses: list[str] | None = None) -> None:
        super().__init__(users, page=100)
        self.responses = responses or []
        self.statuses: list[dict[str, Any]] = []
        self.left_out: set[str] = set()
        self.files: list[list[list[str]]] = []

    def take(self, request: requests.PreparedRequest) -> Reply:
        argument = json.loads(request.headers["x-mc-arg"])["data"][0]
        assert argument == {"allowAddressMigration": False, "clearGroup": False, "fileType": "csv"}
        response = self.responses.pop(0) if self.responses else "ok"
        if response == "forbidden":
            return refused(403, "app_forbidden")
        assert isinstance(request.body, bytes)
        content = request.body.decode()
        assert content.endswith("\n")
        rows = list(csv.reader(content.splitlines()))
        assert rows[0] == ["email", "name"]
        self.files.append(rows[1:])
        for address, name in rows[1:]:
            if address not in self.left_out:
                self.users[address] = user(address, name)
        return Reply(error=LOST) if response == "lost" else legacy({"id": "eN1"})

    def respond(self, path: str, body: Any) -> Reply:
        if path == STATUS:
            done = {"id": "eN1", "status": "complete"}
            return legacy(self.statuses.pop(0) if self.statuses else done)
        if path == "/api/domain/get-internal-domain":
            return legacy({"domain": "example.com", "id": "1", "inboundType": "known"})
        if path == "/api/domain/get-pending-domain":
            return legacy()
        return super().respond(path, body)


class Gateway(Adapter):
    """Hands files to the directory as they come."""

    def __init__(self, directory: Importer) -> None:
        super().__init__(directory.respond)
        self._directory = directory

    def _reply(self, request: requests.PreparedRequest) -> Reply:
        if request.path_url == IMPORT:
            return self._directory.take(request)
        return super()._reply(request)


def people(count: int, **more: DesiredAddress) -> dict[str, DesiredAddress]:
    return {f"person{number}@example.com": DesiredAddress(f"Person {number}") for number in range(count)} | {
        f"{local}@example.com": want for local, want in more.items()
    }


def apply(mimecast: MimecastClient, desired: dict[str, DesiredAddress], **options: Any) -> tuple[str, ...]:
    options = {"pause": lambda _: None, "import_from": FEW} | options
    return converge(mimecast, Listing(mimecast), desired, **options)


def test_many_addresses_are_one_file_and_few_are_calls() -> None:
    directory = Importer({"person0@example.com": user("person0@example.com", "Person 0")})
    gateway = Gateway(directory)
    assert len(apply(client(gateway), people(5))) == 4
    assert [len(file) for file in directory.files] == [4]
    assert CREATE not in gateway.paths
    few = Gateway(Importer({}))
    apply(client(few), people(2))
    assert few.paths.count(CREATE) == 2
    assert IMPORT not in few.paths


def test_a_long_book_is_several_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_import, "ROWS_PER_FILE", 4)
    directory = Importer({})
    apply(client(Gateway(directory)), people(10))
    assert [len(file) for file in directory.files] == [4, 4, 2]
    assert ROWS_PER_FILE * 10 == 100_000


def test_passwords_and_formulas_go_by_call_as_they_are() -> None:
    directory = Importer({})
    gateway = Gateway(directory)
    special = {
        "secret": DesiredAddress("Secret", "canary-password"),
        "sum": DesiredAddress("=1+1"),
        "at": DesiredAddress("@SUM(A1)"),
        "tab": DesiredAddress("\t=1"),
        "+plus": DesiredAddress("Plus"),
    }
    apply(client(gateway), people(4, **special))
    assert gateway.paths.count(CREATE) == len(special)
    assert directory.users["sum@example.com"]["name"] == "=1+1"
    (upload,) = [request for request in gateway.requests if request.path_url == IMPORT]
    assert isinstance(upload.body, bytes)
    assert b"canary" not in upload.body
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in directory.files[0] for cell in row)


def test_quotes_and_commas_arrive_whole() -> None:
    directory = Importer({})
    apply(
        client(Gateway(directory)),
        people(3, comma=DesiredAddress('Lovelace, "Ada"'), umlaut=DesiredAddress("Zoë")),
    )
    assert directory.users["comma@example.com"]["name"] == 'Lovelace, "Ada"'
    assert directory.users["umlaut@example.com"]["name"] == "Zoë"


def test_an_import_is_followed_while_there_is_progress() -> None:
    directory = Importer({})
    directory.statuses = [
        {"status": word, "totalUsers": 3, "successfulImportedUsers": done}
        for word, done in (("pending", 0), ("whatever the vendor says", 1), ("whatever the vendor says", 3))
    ]
    pauses: list[float] = []
    apply(client(Gateway(directory)), people(3), pause=pauses.append)
    assert len(pauses) == 3


def test_the_wait_for_a_stuck_import_ends(caplog: pytest.LogCaptureFixture) -> None:
    directory = Importer({})
    directory.statuses = [{"status": "unheard of", "successfulImportedUsers": 0}] * 1000
    pauses: list[float] = []
    apply(client(Gateway(directory)), people(3), pause=pauses.append)
    assert sum(pauses) < 2 * user_import.STALLED_SECONDS
    assert "did not finish" in caplog.text


def test_missing_rows_are_created_by_calls_that_report_the_reason() -> None:
    directory = Importer({})
    directory.left_out = {"person1@example.com", "person2@example.com"}
    created = apply(client(Gateway(directory)), people(5))
    assert len(created) == 5
    assert sorted(directory.creations) == sorted(directory.left_out)

    class Strict(Importer):
        def respond(self, path: str, body: Any) -> Reply:
            if path == CREATE:
                return legacy(fail=[failure("err_validation_blank")])
            return super().respond(path, body)

    strict = Strict({})
    strict.left_out = {"person1@example.com"}
    with pytest.raises(PartlyDone, match=r"1 of 5 addresses .*person1@example.com.* a field is empty"):
        apply(client(Gateway(strict)), people(5))
    assert len(strict.users) == 4


def test_a_lost_response_is_settled_by_the_listing() -> None:
    directory = Importer({}, ["lost"])
    assert len(apply(client(Gateway(directory)), people(5))) == 5
    assert len(directory.files) == 1


def test_a_role_without_the_permission_creates_them_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    directory = Importer({}, ["forbidden"])
    gateway = Gateway(directory)
    assert len(apply(client(gateway), people(5))) == 5
    assert gateway.paths.count(CREATE) == 5
    assert "Directories | Import | Edit" in caplog.text


def test_addresses_outside_the_account_are_named_and_the_others_created() -> None:
    directory = Importer({})
    desired = people(3) | {"a@elsewhere.example": DesiredAddress("A")}
    with pytest.raises(PartlyDone, match=r"a@elsewhere.example.*elsewhere.example is not an internal domain"):
        apply(client(Gateway(directory)), desired)
    assert len(directory.users) == 3


LOCALS = st.sampled_from("abcdefgh")


@settings(max_examples=100)
@given(
    before=st.dictionaries(LOCALS, st.sampled_from(["Ada", "Grace"]), max_size=4),
    desired=st.dictionaries(LOCALS, st.sampled_from(["", "Ada", "Grace", "=1+1"]), min_size=1),
    responses=st.lists(st.sampled_from(["ok", "lost", "forbidden"]), max_size=4),
    left_out=st.sets(LOCALS),
)
def test_files_and_calls_together_converge(
    before: dict[str, str], desired: dict[str, str], responses: list[str], left_out: set[str]
) -> None:
    def addresses(names: dict[str, str]) -> dict[str, str]:
        return {f"{local}@example.com": name for local, name in names.items()}

    directory = Importer({a: user(a, name) for a, name in addresses(before).items()}, responses)
    directory.left_out = {f"{local}@example.com" for local in left_out}
    book = {address: DesiredAddress(name) for address, name in addresses(desired).items()}
    created: set[str] = set()
    for _ in range(6):
        try:
            created |= {*apply(client(Gateway(directory)), book, adopt=list(book))}
            break
        except PartlyDone:
            continue
    assert directory.users.keys() == addresses(before | desired).keys()
    for address, want in book.items():
        assert want.name in ("", directory.users[address]["name"])
    assert set(directory.creations).isdisjoint(
        {row[0] for file in directory.files for row in file} - directory.left_out
    )
    assert len(directory.creations) == len(set(directory.creations))
    untouched = addresses(before).keys() - book.keys()
    assert all(directory.users[address]["name"] == addresses(before)[address] for address in untouched)


# -- Against the sandbox --------------------------------------------------------------------------------------

COUNT = user_import.IMPORT_FROM
FAULTS = ("error-before", "quota", "malformed", "drop-after")
LONG = ("token-expired", "drop-before", "error-after", "truncated", "wrong-type", "unavailable", "quota-bare")


CASES = ("budget", *(f"{kind}-{path}" for kind in (*FAULTS, *LONG) for path in ("import", "status")))


def domain_of(case: str) -> str:
    return f"{case}.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"] |= {"domains": [{"name": domain_of(case)} for case in CASES]}
    with started(tmp_path_factory.mktemp("import"), document) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as process:
        process.configure(**CONFIG)
        yield process


def big_book(case: str) -> dict[str, Any]:
    people = (f"person{number:04d}@{domain_of(case)}" for number in range(COUNT))
    return {"addresses": {each: {"name": each[:10]} for each in people}, "onRemoval": "forget", "adopt": []}


def test_a_big_book_costs_few_calls(plugin: Plugin, world: RunningSandbox) -> None:
    before = len(world.control.journal())
    world.control.set("mimecast.import_delay_seconds", 0.3)
    id_, outputs = plugin.create(AddressBookProvider, big_book("budget"))
    world.control.set("mimecast.import_delay_seconds", None)
    assert len(outputs["created"]) == COUNT
    journal = world.control.journal(host="api.services.mimecast.com")[before:]
    paths = [entry["path"] for entry in journal]
    assert (paths.count(IMPORT), paths.count(CREATE)) == (1, 0)
    pages = COUNT // 100 + 1
    assert len(paths) <= pages + 15
    assert plugin.read(AddressBookProvider, id_, outputs) == (id_, outputs, big_book("budget"))
    # The engine was killed before it could record that: the next run finds everybody there.
    assert plugin.create(AddressBookProvider, big_book("budget"))[1]["created"] == []
    paths = [entry["path"] for entry in world.control.journal()[before:]]
    assert paths.count(IMPORT) + paths.count(CREATE) == 1


@pytest.mark.parametrize("fault", [*FAULTS, *(pytest.param(each, marks=pytest.mark.soak) for each in LONG)])
@pytest.mark.parametrize("path", [IMPORT, STATUS], ids=["import", "status"])
def test_after_any_import_fault_every_address_exists_once(
    plugin: Plugin,
    world: RunningSandbox,
    path: str,
    fault: str,
    record_property: Callable[[str, object], None],
) -> None:
    record_property(*fault_table.cell(path.rpartition("/")[2], fault))
    case = f"{fault}-{'import' if path == IMPORT else 'status'}"
    book = big_book(case)
    world.control.faults({"path": path, "kind": fault})
    try:
        _, outputs = plugin.create(AddressBookProvider, book)
        assert world.control.fault_rules()[0]["times"] == 0, "the fault did not strike"
    finally:
        world.control.faults()
    assert len(outputs["created"]) == COUNT
    live = [user["emailAddress"] for user in world.control.documents("mimecast.users")]
    mine = [each for each in live if each.startswith("person") and each.endswith(f"@{domain_of(case)}")]
    assert sorted(mine) == sorted(book["addresses"])


def test_a_domain_of_somebody_else_is_a_clear_error(plugin: Plugin) -> None:
    book = big_book("other")
    line = refusal(plugin, "create", AddressBookProvider, book)
    assert f"{COUNT} of {COUNT} addresses could not be written" in line
    assert "other.example is not an internal domain of this account" in line
