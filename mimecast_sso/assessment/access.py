"""Conditional Access: whether it blocks people's sign-ins to the application, evaluated for a sample.

Graph evaluates one person at a time, about one a second (`providers.entra.conditional_access`), so a run asks for a few
of the people it concerns and says how many that were. Policies include and exclude people by group and by whether they
are guests, so the few are of different kinds; whoever the run sends to Entra comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from types import MappingProxyType

from mimecast_sso.assessment.people import Person
from mimecast_sso.provenance import How, Known, Statement, Verdict, live, unknown
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count, people
from providers.entra import conditional_access
from providers.entra.conditional_access import AccessPolicy
from providers.entra.errors import GraphError
from providers.entra.protocols import GraphReads

SAMPLE = 3
"""The most people that one run evaluates."""
_NO_GROUPS: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AccessSample:
    """The result of an evaluation.

    Attributes:
        evaluated: Object ids of the people whose sign-in was evaluated.
        concerned: How many people the run concerns.
        blocked: The policy that blocks somebody, by the person's object id.
        applying: The policies that apply, or may apply, to somebody's sign-in, by the person's object id.
        kinds: How many kinds of people the run concerns (`Kind`).
    """

    evaluated: tuple[str, ...] = ()
    concerned: int = 0
    blocked: Mapping[str, str] = field(default_factory=dict)
    applying: Mapping[str, tuple[AccessPolicy, ...]] = field(default_factory=dict)
    kinds: int = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """What policies tell people apart by, as far as a snapshot knows it: guests, and the groups that are assigned."""

    guest: bool | None = None
    groups: frozenset[str] = frozenset()


def sample(
    graph: GraphReads,
    client_id: str,
    concerned: Iterable[Person],
    groups: Mapping[str, frozenset[str]] = _NO_GROUPS,
    members: Collection[str] = frozenset(),
) -> Known[AccessSample]:
    """Evaluate up to `SAMPLE` people of different kinds; unknown without the permission or the licence.

    Args:
        graph: Microsoft Graph.
        client_id: The application that they sign in to.
        concerned: Everybody whom the run concerns.
        groups: The assigned groups of each person, by object id.
        members: The names of people who are sent to Entra already.
    """
    kinds = _kinds(concerned, groups, members)
    # One of each kind, then a second one …
    ids = [each.object_id for row in zip_longest(*kinds) for each in row if each is not None]
    try:
        found = conditional_access.evaluate(graph, client_id, ids, most=SAMPLE)
    except GraphError as error:
        return unknown(error)
    applying = {person: policies for person, policies in found.items() if policies}
    blocking = {person: [each.name for each in policies if each.blocks] for person, policies in found.items()}
    blocked = {person: names[0] for person, names in blocking.items() if names}
    result = AccessSample(tuple(found), len(ids), blocked, applying, len(kinds))
    return live(result, "Entra's What If evaluation")


def _kinds(
    concerned: Iterable[Person], groups: Mapping[str, frozenset[str]], members: Collection[str]
) -> list[list[Person]]:
    """The people of each kind, newcomers and then addresses first; kinds with newcomers first, then large ones."""
    found: dict[Kind, list[Person]] = {}
    for each in sorted(concerned, key=lambda person: (_known(person, members), person.address)):
        kind = Kind(each.guest, groups.get(each.object_id, frozenset()))
        found.setdefault(kind, []).append(each)
    return sorted(found.values(), key=lambda kind: (_known(kind[0], members), -len(kind), kind[0].address))


def _known(person: Person, members: Collection[str]) -> bool:
    return not person.names.isdisjoint(members)


def statements(access: Known[AccessSample], accounts: Mapping[str, Person]) -> Iterator[Statement]:
    """The result as a statement. An unknown result is a note: no run changes Conditional Access."""
    if not access.is_known:
        yield Statement("Whether Conditional Access blocks sign-ins", How.UNKNOWN, access.source)
        return
    found = access.value
    if found is None or not found.evaluated:
        return
    asked = f"Conditional Access was evaluated for {len(found.evaluated)} of {people(found.concerned)}"
    rest = found.concerned - len(found.evaluated)
    others = (
        f". Whether it blocks the other {people(rest) if rest > 1 else 'person'} is unknown" if rest else ""
    )
    if rest and found.kinds > 1:
        shown = min(found.kinds, len(found.evaluated))
        asked += f" ({shown} of {count(found.kinds, 'kind')} by assigned groups and guests)"
    if not found.blocked:
        yield access.states(f"{asked}, and blocks none of them{others}")
        return
    names = [f"{accounts[who].address} ({policy})" for who, policy in found.blocked.items()]
    yield access.states(f"{asked}, and blocks {len(names)}: {enumerate_some(names)}{others}", Verdict.WARNS)
