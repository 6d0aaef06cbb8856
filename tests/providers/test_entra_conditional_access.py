"""Evaluating Conditional Access with the real client, on the sandbox's Entra and scripted responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from providers.entra.batching import Read, ReadOutcome
from providers.entra.conditional_access import MOST_USERS, PATH, AccessPolicy, evaluate
from providers.entra.errors import ObjectNotFound, Refused, Unreachable
from providers.entra.graph import GraphClient
from tests.support.sandboxes import ADA, GRACE, GROUP, RunningSandbox, seed_document, started

APPLICATION = "7f1c2a3b-0000-4000-8000-00000000000a"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    seed = seed_document()
    seed["conditionalAccess"] = [
        {
            "displayName": "Block the group",
            "applications": [APPLICATION],
            "groups": [GROUP],
            "grantControls": ["block"],
        },
        {"displayName": "Ask everybody", "applications": ["All"], "users": ["All"], "grantControls": ["mfa"]},
        {
            "displayName": "Report",
            "applications": ["All"],
            "users": ["All"],
            "grantControls": ["block"],
            "state": "enabledForReportingButNotEnforced",
        },
    ]
    with started(tmp_path_factory.mktemp("access"), seed) as sandbox, sandbox.entered():
        yield sandbox


def ids(world: RunningSandbox) -> dict[str, str]:
    return {each["userPrincipalName"]: each["id"] for each in world.control.documents("entra.users")}


def test_each_person_has_the_policies_that_apply(world: RunningSandbox) -> None:
    people = ids(world)
    found = evaluate(GraphClient(world.env), APPLICATION, [people[ADA], people[GRACE], people[ADA]])
    assert list(found) == [people[ADA], people[GRACE]]
    block, ask, report = found[people[ADA]]
    assert (block.name, block.controls, block.operator, block.blocks) == (
        "Block the group",
        ("block",),
        "OR",
        True,
    )
    assert (ask.controls, ask.enforced, ask.blocks) == (("mfa",), True, False)
    assert (report.controls, report.enforced, report.blocks) == (("block",), False, False)
    assert [policy.name for policy in found[people[GRACE]]] == ["Ask everybody", "Report"]
    elsewhere = evaluate(GraphClient(world.env), "7f1c2a3b-0000-4000-8000-00000000000b", [people[ADA]])
    assert not any(policy.blocks for policy in elsewhere[people[ADA]])


def test_without_permission_or_for_nobody_known_it_is_an_error(world: RunningSandbox) -> None:
    with pytest.raises(ObjectNotFound):
        evaluate(GraphClient(world.env), APPLICATION, [APPLICATION])
    world.control.set("entra.deployer_roles", ["Directory.Read.All"])
    try:
        with pytest.raises(Refused) as refused:
            evaluate(GraphClient(world.env), APPLICATION, [ids(world)[ADA]])
    finally:
        world.control.set("entra.deployer_roles", None)
    assert refused.value.code == "AccessDenied"


def test_a_throttled_call_is_retried(world: RunningSandbox) -> None:
    world.control.faults({"path": f"/v1.0{PATH}", "kind": "quota", "times": 1})
    assert evaluate(GraphClient(world.env), APPLICATION, [ids(world)[GRACE]])


class Scripted:
    """Gives the same rows to every question, and keeps the questions."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows: Any = list(rows)
        self.asked: list[Mapping[str, Any]] = []
        self.batches = 0

    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]:
        self.batches += 1
        return tuple(map(self._outcome, reads))

    def _outcome(self, read: Read) -> ReadOutcome:
        assert (read.path, read.method) == (PATH, "POST")
        assert read.question is not None
        self.asked.append(read.question)
        return ReadOutcome(read, {"value": self.rows})


def test_only_a_sample_of_many_is_evaluated() -> None:
    graph = Scripted()
    found = evaluate(graph, APPLICATION, (str(number) for number in range(1000)))
    assert len(found) == len(graph.asked) == MOST_USERS
    assert graph.batches == 1
    assert len(evaluate(graph, APPLICATION, ["a", "b", "c"], most=2)) == 2


def test_a_policy_that_depends_on_what_is_not_known_is_undecided() -> None:
    grants = {
        "operator": "AND",
        "builtInControls": ["compliantDevice"],
        "termsOfUse": ["x"],
        "authenticationStrength": {"displayName": "Phishing-resistant"},
    }
    graph = Scripted(
        {
            "id": "1",
            "displayName": "Places",
            "state": "enabled",
            "policyApplies": False,
            "analysisReasons": "location,notEnoughInformation",
            "grantControls": grants,
        },
        {"id": "2", "displayName": "Others", "policyApplies": False, "analysisReasons": "users"},
        {"id": "3", "displayName": "Session", "policyApplies": True, "grantControls": None},
    )
    places, session = evaluate(graph, APPLICATION, ["ada"])["ada"]
    assert places == AccessPolicy(
        "1",
        "Places",
        enforced=True,
        decided=False,
        operator="AND",
        controls=("compliantDevice", "termsOfUse", "authenticationStrength"),
    )
    assert (session.decided, session.operator, session.controls) == (True, "", ())


def test_a_response_without_rows_is_an_error() -> None:
    graph = Scripted()
    graph.rows = "text"
    with pytest.raises(Unreachable):
        evaluate(graph, APPLICATION, ["ada"])
