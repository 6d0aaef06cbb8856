"""The life cycle of a domain, with real DNS updates as proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dns.tsig
import dns.update
import pytest

from sandbox import credentials
from tests.sandbox_mimecast.helpers import Api, default_api, internal_domain, publish, send
from tests.support.sandboxes import RunningSandbox, seed_document

CREATE = "/api/domain/create-domain"
PENDING = "/api/domain/get-pending-domain"
INTERNAL = "/api/domain/get-internal-domain"
VERIFY = "/api/domain/verify-domain"
DELETE = "/api/domain/delete-pending-domain"
V2 = "/domain/cloud-gateway/v1"
OTHER_ACCOUNT = "CUK77B200"


@pytest.fixture(scope="module", autouse=True)
def zones(sandbox: RunningSandbox) -> None:
    key = {
        "name": credentials.TSIG_KEY_NAME,
        "algorithm": credentials.TSIG_ALGORITHM,
        "secret": credentials.TSIG_SECRET,
    }
    names = ("proved.example", "alias.example", "expiring.example", "parent.example", "v2.example")
    sandbox.control.seed({"dns": {"zones": [{"name": name, "tsig": key} for name in names]}})


@pytest.fixture(scope="module")
def other(sandbox: RunningSandbox) -> None:
    """Another customer, who has foreign.example."""
    mimecast: dict[str, Any] = {
        "accountCode": OTHER_ACCOUNT,
        "region": "eu",
        "clientId": "other-client",
        "clientSecret": "other-secret",
        "administrator": {"emailAddress": "administrator@foreign.example", "password": "other-password-1"},
        "domains": [{"name": "foreign.example"}],
    }
    sandbox.control.seed({"mimecast": mimecast})


@pytest.fixture(autouse=True)
def clock(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    sandbox.control.delete("settings", "clock.offset_seconds")


def names_of(api: Api, path: str) -> list[str]:
    return [item["domain"] for item in api.ok(path)]


def test_a_domain_becomes_internal_by_a_txt_record_at_its_apex(sandbox: RunningSandbox, api: Api) -> None:
    (created,) = api.ok(CREATE, {"domain": "proved.example", "inboundType": "known"})
    assert set(created) == {"id", "domain", "token", "created", "expiry"}
    lasting = [datetime.strptime(created[name], "%Y-%m-%dT%H:%M:%S%z") for name in ("created", "expiry")]
    assert (lasting[1] - lasting[0]).days == 30
    assert api.ok("/api/domain/get-verification-code", {"domain": "proved.example"}) == [
        {"domain": "proved.example", "token": created["token"]}
    ]
    assert api.code(VERIFY, {"domain": "proved.example"}) == "err_domain_verification_failed"
    assert publish(sandbox, "proved.example", f"mimecast={created['token']}") == "NOERROR"
    assert api.code(VERIFY, {"domain": "proved.example"}) == "err_domain_verification_failed"
    assert publish(sandbox, "proved.example", created["token"]) == "NOERROR"
    assert api.ok(VERIFY, {"domain": "proved.example"}) == [{"domain": "proved.example"}]
    (internal,) = api.ok(INTERNAL, {"domain": "proved.example"})
    assert internal == {
        "id": internal["id"],
        "domain": "proved.example",
        "sendOnly": False,
        "local": False,
        "inboundType": "known",
    }
    assert "proved.example" not in names_of(api, PENDING)
    (listed,) = api.ok("/api/user/get-internal-users", {"domain": "proved.example"})
    assert [user["emailAddress"] for user in listed["users"]] == [
        "abuse@proved.example",
        "postmaster@proved.example",
    ]
    assert api.code(CREATE, {"domain": "proved.example"}) == "err_domain_already_exists"


def test_a_cname_also_proves_a_domain(sandbox: RunningSandbox, api: Api) -> None:
    (created,) = api.ok(CREATE, {"domain": "alias.example"})
    key = dns.tsig.Key(credentials.TSIG_KEY_NAME, credentials.TSIG_SECRET, credentials.TSIG_ALGORITHM)
    update = dns.update.UpdateMessage("alias.example", keyring=key)
    update.add(created["token"], 60, "CNAME", "validate-domain.mimecast.com.")
    assert send(sandbox, update) == "NOERROR"
    assert api.ok(VERIFY, {"domain": "alias.example", "inboundType": "any"})
    assert api.ok(INTERNAL, {"domain": "alias.example"})[0]["inboundType"] == "any"


def test_a_subdomain_of_an_own_domain_is_internal_at_once(sandbox: RunningSandbox, api: Api) -> None:
    internal_domain(api, sandbox, "parent.example")
    (created,) = api.ok(CREATE, {"domain": "mail.parent.example"})
    assert set(created) == {"id", "domain"}
    assert "mail.parent.example" in names_of(api, INTERNAL)


@pytest.mark.usefixtures("other")
def test_another_accounts_domains_and_subdomains_are_refused(sandbox: RunningSandbox, api: Api) -> None:
    assert api.code(CREATE, {"domain": "foreign.example"}) == "err_domain_already_exists"
    assert api.code(CREATE, {"domain": "mail.foreign.example"}) == "err_domain_parent_managed"
    sandbox.control.set("mimecast.domain_conflict", "silent")
    assert api.ok(CREATE, {"domain": "foreign.example"}) == []
    sandbox.control.set("mimecast.domain_conflict", "fail")
    assert "foreign.example" not in names_of(api, INTERNAL)


def test_one_item_of_a_batch_may_fail(api: Api) -> None:
    envelope = api.legacy(
        CREATE, {"domain": "batch.example"}, {"domain": "no domain"}, {"domain": "@x.example"}
    )
    assert [item["domain"] for item in envelope["data"]] == ["batch.example"]
    assert [failure["key"] for failure in envelope["fail"]] == [
        {"domain": "no domain"},
        {"domain": "@x.example"},
    ]


def test_a_code_expires_after_thirty_days_and_can_be_renewed(sandbox: RunningSandbox, api: Api) -> None:
    (created,) = api.ok(CREATE, {"domain": "expiring.example"})
    publish(sandbox, "expiring.example", created["token"])
    sandbox.control.set("clock.offset_seconds", 31 * 86_400)
    later = default_api(sandbox)
    assert "expiring.example" in names_of(later, PENDING)
    assert later.code(VERIFY, {"domain": "expiring.example"}) == "err_domain_token_expired"
    response = later.v2(
        "POST", f"{V2}/pending-domains/generate-token", json={"domains": ["expiring.example", "no.example"]}
    )
    assert response.json() == {
        "results": [
            {"domain": "expiring.example", "token": created["token"], "status": "extended"},
            {"domain": "no.example", "status": "failed"},
        ]
    }
    assert later.ok(VERIFY, {"domain": "expiring.example"})


def test_only_a_pending_domain_can_be_deleted(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.control.seed(
        {"mimecast": {**seed_document()["mimecast"], "domains": [{"name": "staying.example"}]}}
    )
    (created,) = api.ok(CREATE, {"domain": "deleted.example"})
    (second,) = api.ok(CREATE, {"domain": "kept.example"})
    assert api.code(DELETE, {"domain": "deleted.example", "id": second["id"]}) == "err_domain_not_found"
    assert api.ok(DELETE, {"domain": "deleted.example", "id": created["id"]}) == []
    assert "deleted.example" not in names_of(api, PENDING)
    assert api.v2("DELETE", f"{V2}/pending-domains/{second['id']}").status_code == 204
    assert "kept.example" not in names_of(api, PENDING)
    identifier = api.ok(INTERNAL, {"domain": "staying.example"})[0]["id"]
    assert api.v2("DELETE", f"{V2}/internal-domains/{identifier}").status_code == 501
    assert api.v2("DELETE", f"{V2}/pending-domains/{identifier}").status_code == 404


def test_v2_lists_page_by_page(sandbox: RunningSandbox, api: Api) -> None:
    for number in range(3):
        api.ok(CREATE, {"domain": f"page{number}.example"})
    names, token, path = [], None, f"{V2}/pending-domains"
    for _ in range(50):
        query = {"pageSize": "1"} | ({"pageToken": token} if token else {})
        document = api.v2("GET", path, params=query).json()
        names += [item["domain"] for item in document["domains"]]
        token = document["meta"].get("nextPage")
        if token is None:
            break
    assert names == [item["domain"] for item in api.v2("GET", path).json()["domains"]]
    sandbox.control.set("mimecast.v2_next_page", "pagination.nextPageToken")
    meta = api.v2("GET", path, params={"pageSize": "1"}).json()["meta"]
    sandbox.control.delete("settings", "mimecast.v2_next_page")
    assert set(meta["pagination"]) == {"nextPageToken"}
    assert api.v2("GET", path, params={"pageSize": "101"}).status_code == 400


def test_v2_creates_verifies_and_edits(sandbox: RunningSandbox, api: Api) -> None:
    body = {"domains": [{"domain": "v2.example", "inboundType": "backup_mx"}]}
    (created,) = api.v2("POST", f"{V2}/pending-domains", json=body).json()["results"]
    assert created["status"] == "created"
    assert api.v2("GET", f"{V2}/pending-domains/{created['id']}").json()["token"] == created["token"]
    (failed,) = api.v2("POST", f"{V2}/pending-domains/verify", json={"domains": ["v2.example"]}).json()[
        "results"
    ]
    assert failed["status"] == "failed"
    publish(sandbox, "v2.example", created["token"])
    (done,) = api.v2("POST", f"{V2}/pending-domains/verify", json={"domains": ["v2.example"]}).json()[
        "results"
    ]
    assert done["status"] == "verified"
    path = f"{V2}/internal-domains/{created['id']}"
    assert api.v2("GET", path).json()["inboundType"] == "backup_mx"
    assert api.v2("PATCH", path, json={"inboundType": "smtp"}).json()["inboundType"] == "smtp"
    assert api.v2("PATCH", path, json={"inboundType": "nonsense"}).status_code == 400
    assert api.v2("PATCH", path, json={}).status_code == 400
