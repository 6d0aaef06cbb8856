"""The test account: a generated password and a user in Entra."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_azuread as azuread

from providers.entra.resources import AccountPassword


@dataclass(frozen=True, slots=True)
class AccountForTestsArgs:
    """The arguments of an `AccountForTests`.

    Attributes:
        address: User principal name and mail address; plain, because the password is generated for it.
        display_name: Display name in Entra and at Mimecast.
        existing: Object id of the account that an earlier run created and could not record; "" for none.
    """

    address: str
    display_name: pulumi.Input[str]
    existing: str = ""


class AccountForTests(pulumi.ComponentResource):
    """An account to test sign-ins with. Its password is only in the stack's state, encrypted."""

    object_id: pulumi.Output[str]
    password: pulumi.Output[str]
    """Secret."""

    def __init__(
        self, name: str, args: AccountForTestsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:entra:AccountForTests", name, None, opts)
        here = pulumi.ResourceOptions(parent=self)
        generated = AccountPassword(f"{name}-password", account=args.address, opts=here)
        self.password = pulumi.Output.secret(generated.password)
        user = azuread.User(
            name,
            user_principal_name=args.address,
            mail=args.address,
            display_name=args.display_name,
            password=self.password,
            force_password_change=False,
            employee_id=generated.marker,
            opts=pulumi.ResourceOptions.merge(here, _taken_over(args.existing)) if args.existing else here,
        )
        self.object_id = user.object_id
        self.register_outputs({"objectId": self.object_id})


def _taken_over(object_id: str) -> pulumi.ResourceOptions:
    """Import the account. Entra does not show what it holds of these two; the next run states them again."""
    return pulumi.ResourceOptions(
        import_=f"/users/{object_id}", ignore_changes=["password", "forcePasswordChange"]
    )
