"""The generated password of the test account, as a Pulumi resource: it is only in the state, encrypted.

With it comes a marker, which is not secret. The state has it before the account is created with it, so that an account
whose creation could not be recorded can be recognised as this stack's own.
"""

from __future__ import annotations

import secrets
import string
from typing import Final

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource

from providers.edge import Properties
from providers.entra.edge.base import STORED_IN, EntraProvider, replaces

LENGTH: Final = 32
"""Entra takes 8 to 256 characters, of at least three kinds ("Password policies … in Microsoft Entra ID")."""
MARKER_LENGTH: Final = 16
"""The most that Entra takes for an employee id ("user resource type")."""
_KINDS: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!")


def generated() -> str:
    """A password of `LENGTH` characters with every kind of character."""
    letters = "".join(_KINDS)
    while True:
        password = "".join(secrets.choice(letters) for _ in range(LENGTH))
        if all(set(kind) & set(password) for kind in _KINDS):
            return password


def marker() -> str:
    """A text that no other account has, for the employee id of this one."""
    return f"sso-{secrets.token_hex((MARKER_LENGTH - 4) // 2)}"


class AccountPasswordProvider(EntraProvider, stored_in=STORED_IN):
    """`AccountPassword`."""

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        return DiffResult(replaces=replaces(olds, news, "account"))

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["account"], {**props, "password": generated(), "marker": marker()})


class AccountPassword(Resource, module="entra", name="AccountPassword"):
    """A password, generated once per account; a secret output."""

    account: Output[str]
    password: Output[str]
    marker: Output[str]

    def __init__(
        self, resource_name: str, *, account: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        """
        Args:
            account: The address of the account; another address gets another password.
        """
        props: Properties = {"account": account, "password": None, "marker": None}
        secret = ResourceOptions(additional_secret_outputs=["password"])
        super().__init__(AccountPasswordProvider(), resource_name, props, ResourceOptions.merge(opts, secret))
