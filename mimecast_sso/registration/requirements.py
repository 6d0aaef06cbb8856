"""Requirements that a run must meet before a step that affects people's sign-in.

A run may omit resources (``--target``, ``--exclude``). The program is not told, and dependencies do not help: the
engine treats omitted resources as done, with the values of the last deployment. So such a step checks these values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pulumi

from mimecast_sso.settings import REFUSED

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A value that must have been deployed before a step.

    Attributes:
        what: A description, such as "the identifier of the application".
        actual: The engine's value in this run.
        desired: The program's value.
    """

    what: str
    actual: pulumi.Output[Any]
    desired: pulumi.Input[Any]


def once_met(value: pulumi.Output[T], requirements: Sequence[Requirement], step: str) -> pulumi.Output[T]:
    """Return ``value`` once all requirements are met.

    Args:
        value: The input of the step.
        requirements: The requirements.
        step: The step that is refused otherwise, such as "nobody is added to the roll-out group".

    Raises:
        RunError: In the output, if a requirement is not met; whatever takes ``value`` is then not registered.
    """
    pairs = [pulumi.Output.all(each.actual, each.desired) for each in requirements]

    def checked(known: list[Any]) -> T:
        value, *found = known
        for requirement, (actual, desired) in zip(requirements, found, strict=True):
            if actual != desired:
                raise pulumi.RunError(
                    f"{REFUSED} partial-run: {step}, because {requirement.what} is {actual} in this run but must be "
                    f"{desired} first. The run leaves it out (--target or --exclude). Rerun without these flags"
                )
        result: T = value
        return result

    return pulumi.Output.all(value, *pairs).apply(checked)
