"""Which ring each stack is in: never guessed, and a misspelt tag deploys nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet.rings import in_rings
from mimecast_sso.operations.fleet.selection import Listed

ALL = (
    Listed("ada", tags=("ring-10", "uk")),
    Listed("bob", tags=("ring-2",)),
    Listed("cyd", tags=("canary", "ring-2")),
    Listed("dan", tags=("ring-2", "early")),
    Listed("eve"),
)


def rings(order: Sequence[str], desired: Sequence[Listed] = ALL) -> dict[str, list[str]]:
    found = in_rings(desired, order, ALL)
    return {ring.name: [each.name for each in ring.stacks] for ring in found}


def test_numbered_tags_are_rings_by_their_number() -> None:
    assert list(rings((), ALL[:4]).items()) == [("ring-2", ["bob", "cyd", "dan"]), ("ring-10", ["ada"])]


def test_an_order_names_tags_and_where_the_rest_is() -> None:
    assert list(rings(("canary", "*", "early")).items()) == [
        ("canary", ["cyd"]),
        ("*", ["ada", "bob", "eve"]),
        ("early", ["dan"]),
    ]
    assert list(rings(("canary", "early", "*"), ALL[:1])) == ["*"], (
        "rings without a selected stack are left out"
    )


@pytest.mark.parametrize(
    ("order", "said", "code"),
    [
        ((), "1 stack without a ring: eve. The rings are ring-2, ring-10.", Exit.ERROR),
        (("canary",), "4 stacks without a ring: ada, bob, dan, eve", Exit.ERROR),
        (("canry", "*"), "no stack has the tag canry", Exit.USAGE),
        (("canary", "canary", "*"), "named twice", Exit.USAGE),
        (("canary", "ring-2", "*"), "Stack cyd is in several rings: canary, ring-2", Exit.ERROR),
    ],
)
def test_ambiguous_rings_are_refused(order: tuple[str, ...], said: str, code: Exit) -> None:
    with pytest.raises(OperationError) as raised:
        rings(order)
    assert said in str(raised.value)
    assert raised.value.code is code


def test_a_file_that_cannot_be_read_has_no_ring() -> None:
    broken = Listed("fay", problem="stacks/Pulumi.fay.yaml is not valid YAML.")
    with pytest.raises(OperationError, match=r"1 stack file cannot be read, .*: fay\. .*--select '!fay'"):
        rings(("*",), (*ALL, broken))
