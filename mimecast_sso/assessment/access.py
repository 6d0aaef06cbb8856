"""Conditional Access: whether it blocks people's sign-ins to the application, evaluated for a sample.

Graph evaluates one person at a time, about one a second (`providers.entra.conditional_access`), so a run asks for a few
of the people it concerns and says how many that were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mimecast_sso.assessment.people import Person
from mimecast_sso.provenance import How, Known, Statement, Verdict, live, unknown
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import people
from providers.entra import conditional_access
from providers.entra.conditional_access import AccessPolicy
from providers.entra.errors import GraphError
from providers.entra.protocols import GraphReads

SAMPLE = 3
"""The most people that one run evaluates."""


@dataclass(frozen=True, slots=True)
class AccessSample:
    """The result of an evaluation.

    Attributes:
        evaluated: Object ids of the people whose sign-in was evaluated.
        concerned: How many people the run concerns.
        blocked: The policy that blocks somebody, by the person's object id.
        applying: The policies that apply, or may apply, to somebody's sign-in, by the person's object id.
    """

    evaluated: tuple[str, ...] = ()
    concerned: int = 0
    blocked: Mapping[str, str] = field(default_factory=dict)
    applying: Mapping[str, tuple[AccessPolicy, ...]] = field(default_factory=dict)


def sample(graph: GraphReads, client_id: str, concerned: Iterable[Person]) -> Known[AccessSample]:
    """Evaluate the first `SAMPLE` people, by address; unknown without the permission or the licence."""
    ids = [person.object_id for person in sorted(concerned, key=lambda each: each.address)]
    try:
        found = conditional_access.evaluate(graph, client_id, ids, most=SAMPLE)
    except GraphError as error:
        return unknown(error)
    applying = {person: policies for person, policies in found.items() if policies}
    blocking = {person: [each.name for each in policies if each.blocks] for person, policies in found.items()}
    blocked = {person: names[0] for person, names in blocking.items() if names}
    return live(AccessSample(tuple(found), len(ids), blocked, applying), "Entra's What If evaluation")


def statements(access: Known[AccessSample], accounts: Mapping[str, Person]) -> Iterator[Statement]:
    """The result as a statement. An unknown result is a note: no run changes Conditional Access."""
    if not access.is_known:
        yield Statement("Whether Conditional Access blocks sign-ins", How.UNKNOWN, access.source)
        return
    found = access.value
    if found is None or not found.evaluated:
        return
    asked = f"Conditional Access was evaluated for {len(found.evaluated)} of {people(found.concerned)}"
    if not found.blocked:
        yield access.states(f"{asked}, and blocks none of them")
        return
    names = [f"{accounts[who].address} ({policy})" for who, policy in found.blocked.items()]
    yield access.states(f"{asked}, and blocks {len(names)}: {enumerate_some(names)}", Verdict.WARNS)
