"""The directory integration: the handler's decisions, and the resource as the engine uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mimecast_sso.settings import ConfigurationError, from_values
from providers.mimecast import MimecastError, NotFound
from providers.mimecast.directory_integration import Mode, find_integration, normal, provide_integration
from providers.mimecast.errors import IntegrationUnusable
from providers.mimecast.resources import DirectoryIntegrationProvider
from tests.assessment.worlds import values
from tests.providers.plugin import Plugin, refusal, running
from tests.providers.test_mimecast_resources import CONFIG
from tests.providers.vendor import LOST, Adapter, Reply, client, legacy, refused
from tests.support.sandboxes import RunningSandbox, seed_document, started

NAME = "Entra"
ROW = {"id": "eN1", "description": NAME, "serverType": "azure_active_directory", "status": "ok"}
DETAILS = {"description": NAME, "enabled": True, "tenantDomain": "contoso.example", "maxUnlink": 1000}
WRITES = "/directory/cloud-gateway/v1/integrations/m365.*"

# -- The handler ----------------------------------------------------------------------------------------------


class Vendor:
    """One account's integrations, as far as a test asks for them."""

    def __init__(self, *rows: dict[str, Any], details: dict[str, Reply] | None = None) -> None:
        self.rows = list(rows)
        self.details = details or {"eN1": Reply(DETAILS)}
        self.write = Reply({"id": "eN1"}, 201)
        self.adapter = Adapter(self.respond)
        self.client = client(self.adapter)

    def respond(self, path: str, body: Any) -> Reply:
        if path == "/api/directory/get-connection":
            return legacy(*self.rows)
        if path.endswith("/integrations/m365") and body is not None:
            self.rows.append(ROW)
            return self.write
        if path.partition("?")[0].endswith("/integrations"):
            return Reply(
                {"integrations": [each | {"id": f"v2-{each['id']}"} for each in self.rows], "meta": {}}
            )
        return self.details.get(path.rpartition("/")[2], refused(404, "err_not_found"))

    @property
    def written(self) -> list[str]:
        return [each.method for each in self.adapter.requests if each.method in ("PATCH", "DELETE")]


def test_a_lost_response_to_its_creation_is_settled_by_looking_it_up() -> None:
    vendor = Vendor()
    vendor.write = Reply(error=LOST)
    made = provide_integration(vendor.client, NAME, Mode.ENSURE, {"tenantDomain": "contoso.example"})
    assert made.secure_id == "eN1"
    assert vendor.adapter.paths.count("/directory/cloud-gateway/v1/integrations/m365") == 1, "never repeated"


class _Late(Vendor):
    """An account that lists a new integration only after a number of pauses."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.left = pauses

    def respond(self, path: str, body: Any) -> Reply:
        if path == "/api/directory/get-connection" and self.left:
            return legacy()
        return super().respond(path, body)

    def sleep(self, _: float) -> None:
        self.left -= 1


@pytest.mark.parametrize("lost", [True, False])
def test_a_new_one_that_is_not_listed_at_once_is_waited_for(lost: bool) -> None:
    vendor, configured = _Late(2), {"tenantDomain": "contoso.example"}
    if lost:
        vendor.write = Reply(error=LOST)
    made = provide_integration(vendor.client, NAME, Mode.ENSURE, configured, sleep=vendor.sleep)
    assert made.secure_id == "eN1"
    assert vendor.adapter.paths.count("/directory/cloud-gateway/v1/integrations/m365") == 1


def test_of_one_that_is_not_listed_nobody_is_told_to_create_a_second() -> None:
    vendor, configured = _Late(9), {"tenantDomain": "contoso.example"}
    with pytest.raises(IntegrationUnusable, match=r"Rerun this once the console shows it"):
        provide_integration(vendor.client, NAME, Mode.ENSURE, configured, sleep=vendor.sleep)


def test_two_of_one_description_are_an_error() -> None:
    with pytest.raises(
        IntegrationUnusable, match=r'2 directory integrations called "Entra"\. Rename all but one'
    ):
        find_integration(Vendor(ROW, ROW).client, NAME)


def test_an_integration_of_another_kind_is_neither_read_nor_written() -> None:
    vendor = Vendor(ROW | {"serverType": "active_directory"}, details={"x": Reply({})})
    with pytest.raises(
        IntegrationUnusable, match=r"is not with Microsoft 365 .Mimecast calls it active_directory"
    ):
        provide_integration(vendor.client, NAME, Mode.ENSURE, {"enabled": True})
    assert vendor.written == []


def test_where_the_other_family_has_other_ids_its_own_is_used() -> None:
    found = find_integration(Vendor(ROW, details={"v2-eN1": Reply(DETAILS)}).client, NAME)
    assert found is not None
    assert (found.secure_id, found.properties["maxUnlink"]) == ("v2-eN1", "1,000")


def test_a_property_that_mimecast_does_not_show_is_no_difference() -> None:
    vendor = Vendor(ROW)
    provide_integration(vendor.client, NAME, Mode.ENSURE, {"connectorId": "c", "enabled": True})
    assert vendor.written == []


def test_the_required_one_is_never_written() -> None:
    vendor = Vendor(ROW)
    assert provide_integration(vendor.client, NAME, Mode.REQUIRE, {"enabled": True}).description == NAME
    with pytest.raises(IntegrationUnusable, match="enabled is true, configured is false"):
        provide_integration(vendor.client, NAME, Mode.REQUIRE, {"enabled": False})
    with pytest.raises(
        IntegrationUnusable, match='no directory integration called "Other", but its mode is require'
    ):
        provide_integration(vendor.client, "Other", Mode.REQUIRE, {})
    assert vendor.written == []


def test_a_vendor_error_is_not_taken_for_absence() -> None:
    vendor = Vendor(ROW, details={"eN1": refused(403, "app_forbidden")})
    with pytest.raises(MimecastError) as caught:
        find_integration(vendor.client, NAME)
    assert not isinstance(caught.value, NotFound | IntegrationUnusable)


def test_properties_are_compared_in_normal_form() -> None:
    read = {
        "domains": ["B.example", "a.example", "b\u00fccher.example"],
        "maxUnlink": 5000.0,
        "tenantDomain": "Contoso.Example",
        "info": "x",
    }
    assert normal(read) == {
        "domains": ["a.example", "b.example", "xn--bcher-kva.example"],
        "maxUnlink": "5,000",
        "tenantDomain": "contoso.example",
    }


# -- The setting ----------------------------------------------------------------------------------------------


def test_only_what_is_given_is_a_property() -> None:
    given = {"description": NAME, "tenantDomain": "Contoso.example", "maxUnlink": 1000, "domains": []}
    desired = from_values(values(directorySynchronisation=given)).directory_synchronisation
    assert desired is not None
    assert desired.properties == {"tenantDomain": "contoso.example", "maxUnlink": "1,000", "domains": []}
    assert from_values(values()).directory_synchronisation is None, "off unless it is asked for"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"description": NAME}, "also needs tenantDomain"),
        (
            {"description": NAME, "mode": "require", "maxUnlink": "7"},
            "is not one of Mimecast's limits: 0; 10",
        ),
        ({"description": "x" * 121, "mode": "require"}, "120"),
        ({"mode": "require"}, "description"),
    ],
)
def test_what_cannot_be_configured_says_why(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        from_values(values(directorySynchronisation=given))


# -- The resource ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"]["directoryConnections"] = [
        {"description": "Theirs", "tenantDomain": "contoso.example", "deleteUsers": True},
        {"description": "Old directory", "serverType": "active_directory"},
    ]
    with started(tmp_path_factory.mktemp("integration"), document) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as process:
        process.configure(**CONFIG)
        yield process


def connection(world: RunningSandbox, description: str) -> dict[str, Any]:
    documents = world.control.documents("mimecast.directoryConnections")
    (found,) = [each for each in documents if each["description"] == description]
    return found


def writes(world: RunningSandbox) -> int:
    return len([each for each in world.control.journal(path=WRITES) if each["method"] != "GET"])


PROVIDER = DirectoryIntegrationProvider


def desired(description: str, mode: str = "ensure", **properties: Any) -> dict[str, Any]:
    return {"description": description, "mode": mode, "properties": properties}


def test_an_integration_is_created_changed_read_and_kept_on_delete(
    plugin: Plugin, world: RunningSandbox
) -> None:
    inputs = plugin.inputs(
        PROVIDER, desired("Life", tenantDomain="Contoso.Example", maxUnlink=500, domains=[])
    )
    assert inputs["properties"] == {"tenantDomain": "contoso.example", "maxUnlink": "500", "domains": []}
    id_, outputs = plugin.create(PROVIDER, inputs)
    assert (id_, outputs["live"]["enabled"]) == ("Life", True)
    assert plugin.read(PROVIDER, id_, outputs) == (id_, outputs, inputs), "nothing changed"

    inputs = inputs | {"description": "Renamed", "properties": inputs["properties"] | {"syncContacts": True}}
    outputs = plugin.update(PROVIDER, id_, outputs, inputs)
    made = connection(world, "Renamed")
    assert (made["syncContacts"], made["maxUnlink"], outputs["live"]["syncContacts"]) == (True, "500", True)

    world.control.put("mimecast.directoryConnections", str(made["number"]), made | {"maxUnlink": "0"})
    _, drifted, now = plugin.read(PROVIDER, id_, outputs)
    assert now["properties"]["maxUnlink"] == drifted["live"]["maxUnlink"] == "0"

    before = writes(world)
    plugin.delete(PROVIDER, id_, outputs)
    assert writes(world) == before, "leaving management deletes nothing"
    world.control.delete("mimecast.directoryConnections", str(made["number"]))
    assert plugin.read(PROVIDER, id_, outputs)[0] == ""


def test_one_that_exists_keeps_what_is_not_configured(plugin: Plugin, world: RunningSandbox) -> None:
    plugin.create(PROVIDER, desired("Theirs", tenantDomain="contoso.example", syncContacts=True))
    found = connection(world, "Theirs")
    assert (found["deleteUsers"], found["syncContacts"]) == (True, True)


def test_an_integration_that_cannot_be_managed_is_refused(plugin: Plugin, world: RunningSandbox) -> None:
    before = writes(world)
    text = refusal(plugin, "create", PROVIDER, desired("Old directory", tenantDomain="contoso.example"))
    assert "is not with Microsoft 365" in text
    assert "mode is require" in refusal(plugin, "create", PROVIDER, desired("Nothing", "require"))
    _, failures = plugin.check(PROVIDER, desired("x", "force", colour="red"))
    assert [key for key, _ in failures] == ["mode", "properties"]
    assert writes(world) == before
