"""What must hold in a run before a step that people's sign-in depends on.

A run may leave resources out (``--target``, ``--exclude``); the program is not told, and the order of dependencies does
not help: what is left out counts as done, with the values of the last deployment. So such a step looks at these values.
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
    """A value that the run must have brought about.

    Attributes:
        what: What it is, such as "the identifier of the application".
        actual: As the engine has it in this run.
        desired: As the program declares it.
    """

    what: str
    actual: pulumi.Output[Any]
    desired: pulumi.Input[Any]


def once_met(value: pulumi.Output[T], requirements: Sequence[Requirement], step: str) -> pulumi.Output[T]:
    """``value``, once everything holds; ``step`` says what is refused otherwise, such as "nobody is added".

    The program ends with RunError where something does not hold, and what takes ``value`` is not registered.
    """
    pairs = [pulumi.Output.all(each.actual, each.desired) for each in requirements]

    def checked(known: list[Any]) -> T:
        value, *found = known
        for requirement, (actual, desired) in zip(requirements, found, strict=True):
            if actual != desired:
                raise pulumi.RunError(
                    f"{REFUSED} partial-run: {step}, because {requirement.what} is {actual} in this run, and must be "
                    f"{desired} first. The run leaves it out (--target or --exclude): run without these flags"
                )
        result: T = value
        return result

    return pulumi.Output.all(value, *pairs).apply(checked)
