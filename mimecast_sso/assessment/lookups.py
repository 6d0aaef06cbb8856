"""Asking Entra through azuread's data sources, with failures that a person can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pulumi

T = TypeVar("T")


class LookupFailed(Exception):  # noqa: N818  (says what happened)
    """Entra answered a question with an error; the text is the provider's own, without its frames."""


def ask(question: Callable[[], T]) -> T:
    """The answer of a data source. Raises LookupFailed."""
    try:
        return question()
    except Exception as error:  # The SDK raises plain Exception for every failed invoke.
        raise LookupFailed(_essence(str(error))) from None


def ask_or_stop(subject: str, question: Callable[[], T]) -> T:
    """The answer of a data source. Raises RunError, beginning with ``subject``, when there is none."""
    try:
        return ask(question)
    except LookupFailed as failure:
        raise pulumi.RunError(f"{subject}: {failure}") from None


def _essence(text: str) -> str:
    # The bridge frames the text in several "… returned an error:", and puts it last, after a bullet.
    _, bullet, rest = text.partition("* ")
    return " ".join((rest if bullet else text).split())
