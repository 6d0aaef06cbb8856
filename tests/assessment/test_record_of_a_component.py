"""The last deployment's record of one of several components of a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.facts import resource_types as types


def resource(type_: str, name: str, **outputs: Any) -> RecordedResource:
    return RecordedResource(f"urn:pulumi:test::company::{type_}::{name}", type_, outputs)


def component(name: str, account: str) -> tuple[RecordedResource, ...]:
    """As this release names the parts of a component."""
    return (
        resource(types.PERSONAL_PORTAL_SSO, name, accountCode=account),
        resource(types.APPLICATION_FROM_TEMPLATE, name, applicationObjectId=f"object-{name}"),
        resource(
            types.SIGNING_CERTIFICATE, f"{name}-signing-certificate-2026", thumbprint=f"thumbprint-{name}"
        ),
        resource(types.GROUP, f"{name}-mimecast-roll-out", description=f"group-{name}", created=True),
    )


def record(*resources: RecordedResource, **outputs: Any) -> Record:
    return Record((resource(types.STACK, "company-test", **outputs), *resources))


def known(of: Record) -> Mapping[str, Any]:
    return {
        "object": of.application.object_id if of.application else None,
        "thumbprints": dict(of.thumbprints),
        "groups": [each.name for each in of.groups.values()],
        "account": of.account_code,
    }


def test_each_component_has_its_own_part() -> None:
    """Also where the name of one begins with that of the other."""
    both = record(*component("portal", "CEU1"), *component("portal-us", "CUS1"), note="of the stack")
    for name, account in (("portal", "CEU1"), ("portal-us", "CUS1")):
        assert known(both.of(name)) == {
            "object": f"object-{name}",
            "thumbprints": {"2026": f"thumbprint-{name}"},
            "groups": [f"group-{name}"],
            "account": account,
        }
        assert both.of(name).stack_outputs == {"note": "of the stack"}


def test_a_component_that_was_not_deployed_yet_has_no_record() -> None:
    only = record(*component("eu", "CEU1"))
    assert known(only.of("us")) == {"object": None, "thumbprints": {}, "groups": [], "account": ""}


def test_the_only_component_has_what_release_0_1_0_named_without_it() -> None:
    first = record(
        resource(types.PERSONAL_PORTAL_SSO, "portal"),
        resource(types.SIGNING_CERTIFICATE, "signing-certificate-2026", thumbprint="thumbprint"),
        resource(types.GROUP, "mimecast-roll-out", description="group", created=True),
        accountCode="CEU1",
    )
    assert first.of("portal").account_code == "CEU1"
    assert first.of("other").account_code == ""
    assert first.of("portal").thumbprints == {"2026": "thumbprint"}
    assert [each.name for each in first.of("portal").groups.values()] == ["group"]
    assert first.of("other").groups == {}


def test_the_whole_stack_is_the_record_of_a_program_with_one_component() -> None:
    whole = record(*component("portal", "CEU1"), accountCode="CEU1")
    assert whole.account_code == "CEU1"
    assert whole.thumbprints == {"2026": "thumbprint-portal"}
