"""Requirements that a run must meet before a step that affects people's sign-in.

A run may omit resources (``--target``, ``--exclude``). The program is not told, and dependencies do not help: the
engine treats omitted resources as done, with the values of the last deployment, or without any if they would have been
created. So such a step checks these values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pulumi

from mimecast_sso.registration.large_values import Whole, whole
from mimecast_sso.settings import REFUSED
from mimecast_sso.text.names import enumerate_some

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A value that must have been deployed before a step.

    Attributes:
        what: A description, such as "the identifier of the application".
        actual: The engine's value in this run (`deployed`).
        desired: The program's value.
    """

    what: str
    actual: pulumi.Output[Any]
    desired: pulumi.Input[Any]


def deployed(resource: pulumi.CustomResource, value: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """A resource's property; unknown if this run leaves its creation out, where the SDK would show the input."""
    return pulumi.Output.all(resource.id, whole(value)).apply(lambda known: known[1].value)


def once_met(
    value: pulumi.Output[T],
    requirements: Sequence[Requirement],
    step: str,
    takes: Callable[[T], bool] = lambda _: True,
) -> pulumi.Output[T]:
    """Return ``value`` once all requirements are met.

    Args:
        value: The input of the step.
        requirements: The requirements.
        step: The step that is refused otherwise, such as "nobody is added to the roll-out group".
        takes: Whether this run takes the step, by its input; otherwise only resources must not be missing. Where others
            depend on one that was left out, the Pulumi CLI writes a state that it cannot read again (measured with
            3.274).

    Raises:
        RunError: In the output, if a requirement is not met; whatever takes ``value`` is then not registered.
    """
    problems = [
        pulumi.Output.all(whole(each.actual), whole(each.desired)).apply(
            partial(_problem, each, step), run_with_unknowns=True
        )
        for each in requirements
    ]

    def checked(known: list[Any]) -> T:
        value, *found = known
        problem = next(filter(None, found), None)
        if problem and takes(value):
            raise _left_out(step, problem)
        result: T = value
        return result

    return pulumi.Output.all(value, *problems).apply(checked)


def _problem(requirement: Requirement, step: str, pair: Sequence[Whole[object]]) -> str:
    """Why a requirement is not met; "" if it is. In a preview, values that the run will compute count as met.

    Raises RunError if the resource is missing.
    """
    if pulumi.contains_unknowns(pair):
        if pulumi.runtime.is_dry_run():
            return ""
        raise _left_out(step, f"{requirement.what} must be deployed")
    actual, desired = (each.value for each in pair)
    return "" if actual == desired else f"{requirement.what} {_difference(actual, desired)}"


def _left_out(step: str, problem: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"{REFUSED} partial-run: {step}, because {problem} first. The run leaves it out (--target or --exclude). Rerun "
        "without these flags"
    )


def _difference(actual: object, desired: object) -> str:
    if not (isinstance(actual, list) and isinstance(desired, list)):
        return f"is {actual} in this run but must be {desired}"
    missing, further = (_missing_from(actual, desired), _missing_from(desired, actual))
    found = (
        f"must have {enumerate_some(missing)}" if missing else "",
        f"must not have {enumerate_some(further)}" if further else "",
    )
    return " and ".join(each for each in found if each)


def _missing_from(some: Collection[str], others: Iterable[str]) -> list[str]:
    known = set(some)
    return [each for each in others if each not in known]
