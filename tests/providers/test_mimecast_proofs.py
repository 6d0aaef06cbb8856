"""The proof of a domain: by TXT or CNAME, and reissued after it expired."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.tsig
import dns.update
import pytest

from mimecast_sso.facts.mimecast_proof import CNAME_TARGET, cname_name
from providers.mimecast.resources import DomainProvider, DomainVerificationProvider
from sandbox import credentials
from tests.providers.plugin import Plugin, running
from tests.providers.test_mimecast_resources import CONFIG, tenant
from tests.sandbox_mimecast.helpers import send
from tests.support.sandboxes import RunningSandbox, started

NAME = "proof.example"
INPUTS = {"domain": NAME, "mode": "ensure", "inboundType": "known"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RunningSandbox]:
    with started(tmp_path, tenant()) as sandbox:
        yield sandbox


@pytest.fixture
def plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as process:
        process.configure(**CONFIG)
        yield process


def verification(outputs: dict[str, Any]) -> dict[str, str]:
    return {"domain": NAME, "proofValue": outputs["proofValue"], "publish": "none"}


def test_a_cname_record_is_accepted(plugin: Plugin, world: RunningSandbox) -> None:
    _, domain = plugin.create(DomainProvider, INPUTS)
    id_, pending = plugin.create(DomainVerificationProvider, verification(domain))
    name = cname_name(NAME, domain["proofValue"])
    assert f"CNAME record {name} that points to {CNAME_TARGET}" in pending["nextStep"]

    key = dns.tsig.Key(credentials.TSIG_KEY_NAME, credentials.TSIG_SECRET, credentials.TSIG_ALGORITHM)
    update = dns.update.UpdateMessage(NAME, keyring=key)
    update.add(name + ".", 60, "CNAME", CNAME_TARGET + ".")
    assert send(world, update) == "NOERROR"
    verified = plugin.update(DomainVerificationProvider, id_, pending, verification(domain))
    assert verified["state"] == "verified"


def test_a_cname_record_is_published_by_dns_update(world: RunningSandbox) -> None:
    configuration = {**json.loads(CONFIG["dns"]), "record": "CNAME"}
    with running(world.env) as plugin:
        plugin.configure(**(CONFIG | {"dns": json.dumps(configuration)}))
        _, domain = plugin.create(DomainProvider, INPUTS)
        desired = verification(domain) | {"publish": "rfc2136"}
        id_, verified = plugin.create(DomainVerificationProvider, desired)
        assert verified["state"] == "verified"
        plugin.update(DomainVerificationProvider, id_, verified, desired)
    records = [(r["name"], r["type"]) for r in world.control.documents("dns.records")]
    (proof,) = [record for record in records if record[1] in ("TXT", "CNAME")]
    assert proof == (f"{cname_name(NAME, domain['proofValue'])}.", "CNAME")


def test_an_expired_proof_is_reissued_after_a_refresh(plugin: Plugin, world: RunningSandbox) -> None:
    id_, domain = plugin.create(DomainProvider, INPUTS)
    document = world.control.get("mimecast.domains", "CUK25A118/proof.example")
    assert document
    world.control.put(
        "mimecast.domains", "CUK25A118/proof.example", document | {"expires": "2026-01-01T00:00:00+00:00"}
    )
    _, seen, _ = plugin.read(DomainProvider, id_, domain)
    assert seen["state"] == "expired"
    _, ended = plugin.create(DomainVerificationProvider, verification(domain))
    assert ended["state"] == "expired"
    assert "reissues it" in ended["nextStep"]

    assert plugin.diff(DomainProvider, id_, seen, INPUTS)[0] == "DIFF_SOME"
    renewed = plugin.update(DomainProvider, id_, seen, INPUTS)
    assert (renewed["state"], renewed["registered"]) == ("pending", True)
    assert renewed["expires"] > domain["expires"][:10]
