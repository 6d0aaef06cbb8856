"""The stand-in's users: their properties are those of the SDK. There are no recorded cases of this type."""

from __future__ import annotations

import inspect
import re

import pytest
from pulumi_azuread.user import UserArgs, _UserState

from sandbox.azuread.resources.user import User


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (UserArgs, {each.name for each in User.table.inputs}),
        (_UserState, {each.name for each in User.table.properties}),
    ],
)
def test_its_properties_are_those_of_the_sdk(args: type, names: set[str]) -> None:
    found = {name for name in dir(args) if isinstance(inspect.getattr_static(args, name), property)}
    assert found == {re.sub("([A-Z])", lambda match: f"_{match[1].lower()}", name) for name in names}


def test_the_password_is_secret() -> None:
    assert [each.name for each in User.table.properties if each.secret] == ["password"]
