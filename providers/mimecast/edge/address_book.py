"""Addresses of internal domains as one Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from mimecast_sso.facts.address_removal import Removal
from mimecast_sso.text.names import email_address
from providers.edge import GONE, Properties, differs, is_known, normalise
from providers.mimecast import managed_book, normal_forms
from providers.mimecast.edge.base import STORED_IN, MimecastProvider
from providers.mimecast.process import process


class AddressBookProvider(MimecastProvider, stored_in=STORED_IN):
    """`AddressBook`."""

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        inputs = managed_book.inputs(news)
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "addresses", normal_forms.book)
        normalise(inputs, failures, "onRemoval", normal_forms.one_of(Removal))
        normalise(inputs, failures, "adopt", normal_forms.names(email_address))
        if not failures and is_known(inputs["addresses"]):
            problem = managed_book.password_problem(olds.get("addresses") or {}, inputs["addresses"])
            if problem:
                # On no property, because the engine prints a property's value next to the reason.
                failures.append(CheckFailure("", problem))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if news.get(managed_book.CHECK_ONLY):
            # While an address is missing, every run looks again. If inputs differ, the engine names them.
            again = olds.get("missing") and not differs(olds, news, "addresses")
            return DiffResult(changes=True) if again else DiffResult()
        if is_known(news["addresses"]) and not olds.get(managed_book.CHECK_ONLY):
            removed = olds["addresses"].keys() - news["addresses"].keys()
            managed_book.refuse_removal(news["onRemoval"], removed)
            managed_book.say_removal(
                news["onRemoval"], removed, {*(olds.get("created") or ()), *(olds.get("adopt") or ())}
            )
            managed_book.say_passwords(olds["addresses"], news["addresses"])
        return DiffResult()

    def create(self, props: Properties) -> CreateResult:
        if props.get(managed_book.CHECK_ONLY):
            return CreateResult("address-book", managed_book.checked(props))
        created = managed_book.converge({}, props)
        return CreateResult("address-book", managed_book.outputs(props, created))

    def read(self, id_: str, props: Properties) -> ReadResult:
        inputs = managed_book.inputs(props)
        if props.get(managed_book.CHECK_ONLY):
            outputs = managed_book.looked_again(props)
            return ReadResult(id_, outputs, managed_book.inputs(outputs))
        live = process.session().addresses.of(props["addresses"], absent_for_sure=True)
        if props["addresses"] and not live:
            return ReadResult(GONE, {})
        inputs["addresses"] = {
            address: entry
            if entry["name"] in ("", live[address].name)
            else entry | {"name": live[address].name}
            for address, entry in props["addresses"].items()
            if address in live
        }
        return ReadResult(id_, managed_book.outputs(inputs, set(props["created"])), inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        if news.get(managed_book.CHECK_ONLY):
            return UpdateResult(managed_book.checked(news))
        # Addresses that were only checked never belonged to this book.
        managed = {} if olds.get(managed_book.CHECK_ONLY) else olds["addresses"]
        removed = managed.keys() - news["addresses"].keys()
        managed_book.refuse_removal(news["onRemoval"], removed)
        created = managed_book.converge(managed, news) | set(olds.get("created") or ())
        managed_book.let_go(news["onRemoval"], removed, created | set(olds.get("adopt") or ()))
        return UpdateResult(managed_book.outputs(news, created))

    def delete(self, id_: str, props: Properties) -> None:
        if props.get(managed_book.CHECK_ONLY):
            return
        kept = (self.successor(id_) or {}).get("addresses") or {}
        removed = props["addresses"].keys() - kept.keys()
        managed_book.refuse_removal(props["onRemoval"], removed)
        managed_book.let_go(props["onRemoval"], removed, {*props["created"], *props["adopt"]})


class AddressBook(Resource, module="mimecast", name="AddressBook"):
    """Addresses (users) of internal domains, keyed by address; one address is a book of one.

    Existing addresses that match the configuration are adopted. Mimecast has no API that deletes an address.
    """

    addresses: Output[dict[str, dict[str, str]]]
    onRemoval: Output[str]  # noqa: N815
    adopt: Output[list[str]]
    created: Output[list[str]]
    """The addresses that this resource is known to have created."""
    checkOnly: Output[bool | None]  # noqa: N815
    missing: Output[list[str] | None]
    """With ``checkOnly``: the addresses that did not exist at the last read."""

    def __init__(
        self,
        resource_name: str,
        *,
        addresses: Input[Mapping[str, Input[Mapping[str, Input[str]]]]],
        on_removal: Input[str] = "forget",
        adopt: Input[Sequence[Input[str]]] = (),
        check_only: bool = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            addresses: Address → ``{"name": …, "passwordVersion": …}``. An empty name means any name. A new or
                changed ``passwordVersion`` sets the password of ``mimecast-sso:addressPasswords``, which revokes the
                person's application tokens.
            on_removal: ``disable`` addresses that this resource created or adopted, ``forget``, or ``refuse``.
            adopt: Existing addresses that may be changed although this resource did not create them. They are
                also enabled.
            check_only: Directory synchronisation, for example, owns the addresses: nothing is ever written, and
                ``missing`` lists absent ones. Names and passwords are not checked.
        """
        props: Properties = {
            "addresses": addresses,
            "onRemoval": on_removal,
            "adopt": list(adopt) if isinstance(adopt, tuple) else adopt,
            "created": None,
            managed_book.CHECK_ONLY: check_only or None,
            "missing": None,
        }
        super().__init__(AddressBookProvider(), resource_name, props, opts)
