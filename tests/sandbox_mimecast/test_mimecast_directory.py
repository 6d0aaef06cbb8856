"""Users, imports, groups, audit log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.sandbox_mimecast.helpers import GATEWAY, TIMEOUT, Api, internal_domain
from tests.support.sandboxes import RunningSandbox, seed_document

CREATE = "/api/user/create-user"
UPDATE = "/api/user/update-user"
LIST = "/api/user/get-internal-users"
CREATE_GROUP = "/api/directory/create-group"
FIND = "/api/directory/find-groups"
ADD = "/api/directory/add-group-member"
REMOVE = "/api/directory/remove-group-member"
MEMBERS = "/api/directory/get-group-members"
DELETE_GROUP = "/api/directory/delete-group"
V2_GROUPS = "/directory/cloud-gateway/v1/groups"
FORBIDDEN = "err_xdk_operation_forbidden_for_address"


@pytest.fixture(scope="module", autouse=True)
def domain(sandbox: RunningSandbox, api: Api) -> None:
    internal_domain(api, sandbox, "example.com")


@pytest.fixture(autouse=True)
def switches_off(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    for name in ("visibility_seconds", "purge_seconds", "import_rows_per_second", "import_delay_seconds"):
        sandbox.control.delete("settings", f"mimecast.{name}")


def seed(sandbox: RunningSandbox, **content: Any) -> None:
    sandbox.control.seed({"mimecast": seed_document()["mimecast"] | content})


# Users


def test_a_user_is_created_read_updated_and_never_shows_a_password(api: Api) -> None:
    desired = {
        "emailAddress": "Ada@example.com",
        "name": "Ada Example",
        "password": "S3cret-phrase",
        "forcePasswordChange": True,
    }
    (created,) = api.ok(CREATE, desired)
    assert set(created) == {"emailAddress", "id"}
    assert created["emailAddress"] == "ada@example.com"
    assert api.code(CREATE, desired) == "err_user_already_exists"
    (read,) = api.ok(UPDATE, {"emailAddress": "ada@example.com"})
    assert read == {
        "emailAddress": "ada@example.com",
        "name": "Ada Example",
        "forcePasswordChange": True,
        "passwordNeverExpires": False,
        "accountLocked": False,
        "accountDisabled": False,
        "allowSmtp": True,
        "allowPop": True,
    }
    (changed,) = api.ok(UPDATE, {"emailAddress": "ada@example.com", "accountDisabled": True, "name": "Ada"})
    assert (changed["accountDisabled"], changed["name"], changed["forcePasswordChange"]) == (
        True,
        "Ada",
        True,
    )


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"emailAddress": "ada@elsewhere.example"}, FORBIDDEN),
        ({"emailAddress": "no address"}, "err_validation_invalid_email_address"),
        ({"emailAddress": f"{'a' * 250}@example.com"}, "err_validation_invalid_email_address"),
        ({"emailAddress": ""}, "err_validation_blank"),
        ({"name": "Nobody"}, "err_validation_null"),
        ({"emailAddress": "short@example.com", "password": "short"}, "err_validation_password"),
    ],
)
def test_invalid_users_are_refused(api: Api, item: dict[str, Any], code: str) -> None:
    assert api.code(CREATE, item) == code


def test_a_failure_echoes_its_item(api: Api) -> None:
    desired = [{"emailAddress": "batch@example.com"}, {"emailAddress": "x@elsewhere.example"}]
    envelope = api.legacy(CREATE, *desired)
    assert [item["emailAddress"] for item in envelope["data"]] == ["batch@example.com"]
    (failure,) = envelope["fail"]
    assert failure["key"] == {"emailAddress": "x@elsewhere.example"}
    assert failure["errors"][0]["retryable"] is False


def test_an_unknown_user_is_not_updated_and_six_are_too_many(api: Api) -> None:
    assert api.code(UPDATE, {"emailAddress": "nobody@example.com"}) == FORBIDDEN
    items = [{"emailAddress": f"u{number}@example.com"} for number in range(6)]
    assert api.post(UPDATE, {"data": items}).status_code == 400


def test_there_is_no_user_in_a_send_only_domain(sandbox: RunningSandbox, api: Api) -> None:
    seed(sandbox, domains=[{"name": "sendonly.example", "sendOnly": True}])
    assert api.code(CREATE, {"emailAddress": "ada@sendonly.example"}) == FORBIDDEN


def test_listing_pages_through_a_domain(sandbox: RunningSandbox, api: Api) -> None:
    many = {"domain": "many.example", "count": 250, "source": "ldap"}
    seed(sandbox, domains=[{"name": "many.example"}], addresses=[many])
    rows: list[dict[str, Any]] = []
    pagination: dict[str, Any] = {"pageSize": 100}
    pages = 0
    while True:
        envelope = api.legacy(LIST, {"domain": "many.example"}, **pagination)
        (found,) = envelope["data"]
        rows += found["users"]
        pages += 1
        meta = envelope["meta"]["pagination"]
        assert meta["pageSize"] == len(found["users"]) == found["userCount"]
        assert meta["totalCount"] == 252
        assert ("previous" in meta) == (pages > 1)
        if "next" not in meta:
            break
        pagination = {"pageToken": meta["next"]}
    assert pages == 3
    assert len({row["emailAddress"] for row in rows}) == 252
    assert rows[-1] == {
        "name": "User 250",
        "emailAddress": "user-00250@many.example",
        "domain": "many.example",
        "alias": False,
        "addressType": "created_by_ldap_sync",
        "source": "ldap",
    }


def test_the_v2_list_tells_who_is_disabled(api: Api) -> None:
    api.ok(CREATE, {"emailAddress": "listed@example.com", "name": "Listed"})
    api.ok(UPDATE, {"emailAddress": "listed@example.com", "accountDisabled": True})
    listed: dict[str, Any] = {}
    token = ""
    while not listed:
        document = api.v2("GET", "/user/cloud-gateway/v1/users", params={"pageToken": token}).json()
        found = [user for user in document["users"] if user["emailAddress"] == "listed@example.com"]
        listed = found[0] if found else {}
        token = document["meta"].get("nextPage", "")
        assert listed or token
    assert (listed["disabled"], listed["isAlias"], listed["source"]) == (True, False, "cloud")


def test_new_users_may_be_late_in_lists(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.control.set("mimecast.visibility_seconds", 60)
    api.ok(CREATE, {"emailAddress": "late@example.com"})
    (found,) = api.ok(LIST, {"domain": "example.com"}, pageSize=500)
    assert "late@example.com" not in [user["emailAddress"] for user in found["users"]]
    assert api.ok(UPDATE, {"emailAddress": "late@example.com"})


def test_aliases_are_listed_as_aliases(api: Api) -> None:
    api.ok(CREATE, {"emailAddress": "primary@example.com"})
    (alias,) = api.ok("/api/user/update-alias", {"aliasFor": "primary@example.com", "alias": "p@example.com"})
    assert (alias["alias"], alias["aliasFor"], alias["isInternal"]) == (
        "p@example.com",
        "primary@example.com",
        True,
    )
    assert api.ok("/api/user/get-aliases", {"emailAddress": "primary@example.com"}) == [alias]
    assert api.code(CREATE, {"emailAddress": "p@example.com"}) == "err_user_already_exists"
    assert (
        api.ok("/api/user/remove-alias", {"aliasFor": "primary@example.com", "alias": "p@example.com"}) == []
    )
    assert api.ok("/api/user/get-aliases", {"emailAddress": "primary@example.com"}) == []


def test_a_purged_address_disappears_after_a_while(sandbox: RunningSandbox, api: Api) -> None:
    api.ok(CREATE, {"emailAddress": "purged@example.com"})
    purge = {"emailAddresses": ["purged@example.com"]}
    assert api.ok("/api/user/add-to-purge-list", purge) == []
    assert api.ok(UPDATE, {"emailAddress": "purged@example.com"})
    assert api.ok("/api/user/remove-from-purge-list", purge) == []
    assert api.ok("/api/user/add-to-purge-list", purge) == []
    sandbox.control.set("mimecast.purge_seconds", 0)
    assert api.code(UPDATE, {"emailAddress": "purged@example.com"}) == FORBIDDEN
    assert api.ok(CREATE, {"emailAddress": "purged@example.com"})


# Import


def import_csv(api: Api, content: str, **argument: Any) -> requests.Response:
    header = json.dumps({"data": [{"fileType": "csv", **argument}]})
    return api.session.post(
        f"{GATEWAY}/api/user/import-users",
        data=content.encode(),
        headers={"x-mc-arg": header, "Content-Type": "application/json"},
        timeout=TIMEOUT,
    )


def test_an_import_is_processed_after_its_response(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.control.set("mimecast.import_delay_seconds", 3600)
    (group,) = api.ok(CREATE_GROUP, {"description": "imported"})
    rows = "email,name\nimp1@example.com,Import One\nimp2@elsewhere.example,Two\nimp3@example.com,Three\n"
    (started,) = import_csv(api, rows, groupId=group["id"]).json()["data"]
    status = "/api/user/get-import-status"
    (pending,) = api.ok(status, {"id": started["id"]})
    assert (pending["status"], pending["totalUsers"], pending["successfulImportedUsers"]) == ("pending", 3, 0)
    assert api.code(UPDATE, {"emailAddress": "imp1@example.com"}) == FORBIDDEN
    sandbox.control.set("mimecast.import_delay_seconds", 0)
    deadline = time.monotonic() + 10
    while (done := api.ok(status, {"id": started["id"]})[0])["status"] != "complete":
        assert time.monotonic() < deadline
    assert done["successfulImportedUsers"] == 2
    assert api.ok(UPDATE, {"emailAddress": "imp1@example.com"})[0]["name"] == "Import One"
    (found,) = api.ok(MEMBERS, {"id": group["id"]})
    assert [member["emailAddress"] for member in found["groupMembers"]] == [
        "imp1@example.com",
        "imp3@example.com",
    ]
    assert found["groupMembers"][0]["type"] == "created_by_import"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("email,name\nx@example.com,X", "err_import_invalid_file"),
        ("Email,Name\nx@example.com,X\n", "err_import_invalid_file"),
        ("email,password\nx@example.com,short\n", "err_validation_password"),
    ],
)
def test_a_bad_file_is_refused(api: Api, content: str, code: str) -> None:
    envelope = import_csv(api, content).json()
    assert (envelope["data"], envelope["fail"][0]["errors"][0]["code"]) == ([], code)


# Groups


def test_group_names_are_found_by_part_and_may_repeat(api: Api) -> None:
    (first,) = api.ok(CREATE_GROUP, {"description": "sso-pilot"})
    (second,) = api.ok(CREATE_GROUP, {"description": "sso-pilot"})
    assert first["id"] != second["id"]
    assert set(first) == {"id", "description", "parentId", "source", "userCount", "folderCount"}
    (found,) = api.ok(FIND, {"query": "SO-PIL", "source": "cloud"}, pageSize=100)
    assert (found["query"], found["source"]) == ("SO-PIL", "cloud")
    assert [folder["description"] for folder in found["folders"]] == ["sso-pilot", "sso-pilot"]
    (page,) = api.v2("GET", V2_GROUPS, params={"query": "sso-pilot", "pageSize": "1"}).json()["groups"]
    assert (page["id"], page["groupCount"]) == (first["id"], 0)


def test_members_are_addresses_or_domains(api: Api) -> None:
    api.ok(CREATE, {"emailAddress": "member@example.com", "name": "Member"})
    (group,) = api.ok(CREATE_GROUP, {"description": "members"})
    item = {"id": group["id"], "emailAddress": "member@example.com"}
    (link,) = api.ok(ADD, {**item, "notes": "pilot"})
    assert link == {
        "id": link["id"],
        "folderId": group["id"],
        "emailAddress": "member@example.com",
        "internal": True,
    }
    again = api.legacy(ADD, item)
    assert again["data"] == []
    error = {
        "code": "err_folder_group_member_already_exists",
        "message": "Group member already exists",
        "retryable": False,
    }
    assert again["fail"] == [{"key": item, "errors": [error]}]
    api.ok(ADD, {"id": group["id"], "domain": "partner.example"})
    (found,) = api.ok(MEMBERS, {"id": group["id"]}, pageSize=500)
    assert found["groupMembers"] == [
        {
            "emailAddress": "member@example.com",
            "domain": "example.com",
            "internal": True,
            "type": "created_manually",
            "name": "Member",
            "notes": "pilot",
        },
        {
            "emailAddress": "",
            "domain": "partner.example",
            "internal": False,
            "type": "",
            "name": "",
            "notes": "",
        },
    ]
    assert api.code(DELETE_GROUP, {"id": group["id"]}) == "err_folder_not_empty"
    api.ok(REMOVE, item, {"id": group["id"], "domain": "partner.example"})
    assert api.code(REMOVE, item) == "err_folder_email_address_not_found"
    assert api.ok(DELETE_GROUP, {"id": group["id"]}) == []
    assert api.code(MEMBERS, {"id": group["id"]}) == "err_folder_not_found"


def test_a_group_with_children_stays(api: Api) -> None:
    (parent,) = api.ok(CREATE_GROUP, {"description": "parent"})
    (child,) = api.ok(CREATE_GROUP, {"description": "child", "parentId": parent["id"]})
    assert child["parentId"] == parent["id"]
    assert api.code(DELETE_GROUP, {"id": parent["id"]}) == "err_folder_not_empty"
    (renamed,) = api.ok("/api/directory/update-group", {"id": child["id"], "description": "renamed"})
    assert (renamed["id"], renamed["description"]) == (child["id"], "renamed")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "err_validation_at_least_one_not_null"),
        ({"emailAddress": "nonsense"}, "err_validation_invalid_email_address"),
        ({"emailAddress": "x@example.com", "notes": "n" * 101}, "err_validation_size"),
    ],
)
def test_invalid_members_are_refused(api: Api, changes: dict[str, str], code: str) -> None:
    (group,) = api.ok(CREATE_GROUP, {"description": "no member"})
    assert api.code(ADD, {"id": group["id"], **changes}) == code


def test_special_groups_refuse_writes(api: Api) -> None:
    (found,) = api.ok(FIND, {"query": "Permitted Senders"})
    (group,) = found["folders"]
    assert api.code(ADD, {"id": group["id"], "emailAddress": "x@example.com"}) == FORBIDDEN


def test_v2_groups_and_members(api: Api) -> None:
    identifier = api.v2("POST", V2_GROUPS, json={"description": "v2 group"}).json()["id"]
    path = f"{V2_GROUPS}/{identifier}"
    body = {"groupMembers": [{"emailAddress": "v2@example.com", "note": "pilot"}, {"emailAddress": "bad"}]}
    added = api.v2("POST", f"{path}/members", json=body).json()
    assert added == {"results": [{"success": True}, {"success": False}]}
    group = api.v2("GET", path).json()
    assert (group["description"], group["userCount"], group["groupCount"]) == ("v2 group", 1, 0)
    (member,) = api.v2("GET", f"{path}/members").json()["groupMembers"]
    assert (member["emailAddress"], member["note"]) == ("v2@example.com", "pilot")
    removed = api.v2("POST", f"{path}/remove-members", json={"groupMembers": body["groupMembers"][:1]})
    assert removed.json() == {"results": [{"success": True}]}
    assert api.ok(DELETE_GROUP, {"id": identifier}) == []
    assert api.v2("GET", path).status_code == 404


# Audit log


def test_deletions_are_in_the_audit_log(sandbox: RunningSandbox, api: Api) -> None:
    """Of groups, members, aliases, pending domains and directory integrations."""
    start = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S+0000}"
    (group,) = api.ok(CREATE_GROUP, {"description": "deleted-group"})
    api.ok(ADD, {"id": group["id"], "emailAddress": "deleted-member@example.com"})
    api.ok(REMOVE, {"id": group["id"], "emailAddress": "deleted-member@example.com"})
    api.ok("/api/directory/delete-group", {"id": group["id"]})
    owner = "alias-owner@example.com"
    alias = {"aliasFor": owner, "alias": "deleted-alias@example.com"}
    api.ok(CREATE, {"emailAddress": owner, "name": "Owner"})
    api.ok("/api/user/update-alias", alias)
    api.ok("/api/user/remove-alias", alias)
    (pending,) = api.ok("/api/domain/create-domain", {"domain": "deleted-domain.example"})
    api.ok("/api/domain/delete-pending-domain", {"domain": "deleted-domain.example", "id": pending["id"]})
    path = "/directory/cloud-gateway/v1/integrations/m365"
    made = {"description": "deleted-integration", "tenantDomain": "contoso.onmicrosoft.com"}
    integration = api.v2("POST", path, json=made).json()["id"]
    assert api.v2("DELETE", f"{path}/{integration}").status_code == 204
    end = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S+0000}"
    span = {"startDateTime": start, "endDateTime": end}
    events = api.ok("/api/audit/get-audit-events", {**span, "query": "deleted-"})
    gone = [each["eventInfo"].partition(", Date")[0] for each in events]
    assert [each for each in gone if "eleted " in each or "emoved " in each or each.endswith("ed")] == [
        "Directory integration deleted-integration deleted",
        "Pending domain deleted-domain.example deleted",
        f"Alias deleted-alias@example.com of {owner} removed",
        "Action Performed - Deleted deleted-group",
        "Action Performed - Removed deleted-member@example.com from deleted-group",
    ]


def test_group_changes_are_in_the_audit_log(api: Api) -> None:
    (group,) = api.ok(CREATE_GROUP, {"description": "audited"})
    api.ok(ADD, {"id": group["id"], "emailAddress": "audited@example.com"})
    now = datetime.now(UTC)
    span = {
        "startDateTime": (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "endDateTime": (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
    }
    events = api.ok("/api/audit/get-audit-events", {**span, "query": "audited"})
    assert [event["auditType"] for event in events] == ["Folder Log Entry"] * 2
    assert set(events[0]) == {"id", "auditType", "user", "eventTime", "eventInfo", "category"}
    assert "audited@example.com to audited" in events[0]["eventInfo"]
    assert api.code("/api/audit/get-audit-events", {}) == "err_validation_null"
    assert api.code("/api/audit/get-audit-events", {**span, "endDateTime": "today"}) == "err_validation_date"
