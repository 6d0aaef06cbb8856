"""Conditional Access: evaluated for a sample of the people concerned, and the statements about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from mimecast_sso.assessment import access
from mimecast_sso.assessment.access import SAMPLE
from mimecast_sso.assessment.people import Person
from mimecast_sso.provenance import How, Known, Verdict
from providers.entra.batching import Read, ReadOutcome
from providers.entra.errors import Refused
from tests.assessment.worlds import ADA, ALAN, CLIENT, GRACE, LINUS, account

BLOCK = {
    "displayName": "Block legacy",
    "policyApplies": True,
    "state": "enabled",
    "grantControls": {"operator": "OR", "builtInControls": ["block"]},
}
PEOPLE = {f"id of {address}": account(address) for address in (LINUS, GRACE, ALAN, ADA)}


class ScriptedGraph:
    """Applies one policy to the people that it names."""

    def __init__(self, *blocked: str) -> None:
        self.blocked = blocked
        self.asked: list[str] = []

    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]:
        return tuple(ReadOutcome(each, {"value": self._policies(each.question or {})}) for each in reads)

    def _policies(self, question: Mapping[str, Any]) -> list[Any]:
        user = question["signInIdentity"]["userId"]
        self.asked.append(user)
        return [BLOCK] if user in {f"id of {address}" for address in self.blocked} else []


class Refusing:
    """A tenant whose credentials may not evaluate."""

    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]:
        error = "{0.method} {0.path}: 403 required scopes are missing"
        return tuple(ReadOutcome(each, error=Refused(error.format(each))) for each in reads)


def texts(known: Known[access.AccessSample], accounts: Mapping[str, Person] = PEOPLE) -> list[str]:
    return [str(each) for each in access.statements(known, accounts)]


def test_only_a_sample_of_many_people_is_evaluated_and_its_size_reported() -> None:
    graph = ScriptedGraph()
    found = access.sample(graph, CLIENT, PEOPLE.values())
    assert graph.asked == [f"id of {address}" for address in (ADA, ALAN, GRACE)]
    assert len(graph.asked) == SAMPLE
    (statement,) = access.statements(found, PEOPLE)
    assert statement.text == (
        "Conditional Access was evaluated for 3 of 4 people, and blocks none of them. Whether it blocks the other "
        "person is unknown"
    )
    assert statement.how is How.LIVE


def test_the_sample_has_people_of_every_group_and_newcomers_first() -> None:
    crowd = [account(f"a{number:03}@example.com") for number in range(200)]
    guest, contractor = account("zoe@partner.example", guest=True), account("yves@example.com")
    newcomer = account("x@example.com")
    staff = {each.object_id: frozenset({"staff"}) for each in (*crowd, guest, newcomer)}
    groups = staff | {contractor.object_id: frozenset({"staff", "contractors"})}
    members = {name for each in (*crowd, guest, contractor) for name in each.names}
    graph = ScriptedGraph("yves@example.com")
    found = access.sample(graph, CLIENT, (*crowd, guest, contractor, newcomer), groups, members)
    assert graph.asked == [each.object_id for each in (newcomer, contractor, guest)]
    everybody = {each.object_id: each for each in (*crowd, guest, contractor, newcomer)}
    (statement,) = access.statements(found, everybody)
    assert statement.text == (
        "Conditional Access was evaluated for 3 of 203 people (3 of 3 kinds by assigned groups and guests), and blocks "
        "1: yves@example.com (Block legacy). Whether it blocks the other 200 people is unknown"
    )


def test_of_more_kinds_than_the_sample_has_people_the_large_ones_are_evaluated() -> None:
    crowd = [account(f"z{number}@example.com") for number in range(2)]
    single = [account(f"{each}@example.com") for each in "abc"]
    graph = ScriptedGraph()
    groups = {each.object_id: frozenset({each.object_id}) for each in single}
    access.sample(graph, CLIENT, (*single, *crowd), groups)
    assert graph.asked == [each.object_id for each in (crowd[0], *single[:2])]


@pytest.mark.parametrize(
    ("people", "guests", "said"),
    [
        (3, 0, "3 of 3 people, and blocks none of them"),
        (
            3,
            2,
            (
                "3 of 5 people (2 of 2 kinds by assigned groups and guests), and blocks none of them. Whether it "
                "blocks the other 2 people is unknown"
            ),
        ),
    ],
)
def test_what_was_not_evaluated_is_said(people: int, guests: int, said: str) -> None:
    everybody = [
        account(f"{number}@example.com", guest=number >= people) for number in range(people + guests)
    ]
    found = access.sample(ScriptedGraph(), CLIENT, everybody)
    (statement,) = access.statements(found, {each.object_id: each for each in everybody})
    assert statement.text == f"Conditional Access was evaluated for {said}"


def test_a_blocked_person_is_named_with_the_policy() -> None:
    found = access.sample(ScriptedGraph(GRACE), CLIENT, PEOPLE.values())
    (statement,) = access.statements(found, PEOPLE)
    assert statement.verdict is Verdict.WARNS
    assert "of 4 people, and blocks 1: grace@example.com (Block legacy). Whether it" in statement.text


def test_without_the_permission_it_is_unknown_and_fails_no_check() -> None:
    (statement,) = access.statements(access.sample(Refusing(), CLIENT, PEOPLE.values()), PEOPLE)
    assert (statement.how, statement.verdict) == (How.UNKNOWN, Verdict.NOTE)
    assert "required scopes are missing" in statement.source


def test_without_an_application_or_people_there_is_no_statement() -> None:
    assert texts(Known(None, How.LIVE)) == []
    assert texts(access.sample(ScriptedGraph(), CLIENT, ())) == []
