"""Mimecast objects as Pulumi resources: the edge between the engine and the handlers, with no logic of its own.

The module path and the names of the classes are in people's state (a provider is stored as a reference to them),
so they never change.

============================= ==================================================================================
resource                      what it stands for
============================= ==================================================================================
`Domain`                      an internal domain, registered or found, with the proof record that it needs
`DomainVerification`          the proof of a domain: published, and accepted by Mimecast
`AddressBook`                 addresses of internal domains, as one map
`Group`                       a cloud group
`GroupMembership`             who is in a group
`AuthenticationProfile`       what an administrator sets in the console, and whether somebody confirmed it
============================= ==================================================================================
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    Config,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from facts.mimecast_api import LEGACY_INBOUND_TYPES
from providers.edge import ReadableProvider, ResourceError, is_known, normalise
from providers.mimecast import address_book, authentication_profile, domain_verification, domains, groups
from providers.mimecast.errors import MimecastError
from providers.mimecast.names import domain_name, email_address, enumerate_some, one_line
from providers.mimecast.session import Session, from_environment
from providers.times import utc_text

_log = logging.getLogger(__name__)

Properties = dict[str, Any]

_NAMESPACE = "mimecast-sso"
_GONE = ""
_CHECK_ONLY = "checkOnly"
_CHANGED_AT = "changedAt"


# -- What the process knows -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Password:
    password: str = field(repr=False)
    confirmation: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Configuration:
    """The part of the stack configuration that providers need; secrets show in no representation."""

    account_code: str = ""
    region: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    passwords: Mapping[str, _Password] = field(default_factory=dict, repr=False)
    dns: Mapping[str, Any] = field(default_factory=dict, repr=False)


class _Process:
    """Configuration and session of this process. All provider classes and all threads share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None
        self.configuration = _Configuration()

    def configure(self, configuration: _Configuration) -> None:
        with self._lock:
            if configuration != self.configuration:
                self.configuration, self._session = configuration, None

    def session(self) -> Session:
        with self._lock:
            if self._session is None:
                self._session = self._opened()
            return self._session

    def _opened(self) -> Session:
        known = self.configuration
        for key, value in (("accountCode", known.account_code), ("region", known.region)):
            if not value:
                raise ResourceError(
                    f"{_NAMESPACE}:{key} is not set, so the Mimecast account cannot be checked"
                )
        client = from_environment(client_id=known.client_id, client_secret=known.client_secret)
        return Session(client, known.account_code, known.region)


_process = _Process()


class _Provider(ReadableProvider):
    expected = (MimecastError,)

    def take_configuration(self, req: ConfigureRequest) -> None:
        _process.configure(_configuration(req.config))


def _configuration(config: Config) -> _Configuration:
    def text(key: str) -> str:
        return str(config.get(f"{_NAMESPACE}:{key}") or "")

    def structure(key: str) -> Mapping[str, Any]:
        value = config.get(f"{_NAMESPACE}:{key}") or {}
        try:
            value = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            value = None
        if not isinstance(value, Mapping):
            raise ResourceError(f"{_NAMESPACE}:{key} must be a map")
        return value

    return _Configuration(
        account_code=text("accountCode"),
        region=text("region"),
        client_id=text("mimecastClientId"),
        client_secret=text("mimecastClientSecret"),
        passwords=_passwords(structure("addressPasswords")),
        dns=structure("dns"),
    )


def _passwords(entries: Mapping[str, Any]) -> dict[str, _Password]:
    found = {}
    for address, entry in entries.items():
        values = entry if isinstance(entry, Mapping) else {}
        try:
            key = email_address(address)
        except ValueError:
            raise ResourceError(f"{_NAMESPACE}:addressPasswords has a key that is not an address") from None
        found[key] = _Password(str(values.get("password") or ""), str(values.get("confirmation") or ""))
    return found


# -- Domain ---------------------------------------------------------------------------------------------------


class DomainProvider(_Provider):
    """`Domain`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = _inputs(news, "domain", "mode", "inboundType")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "domain", lambda value: domain_name(_text(value)))
        normalise(inputs, failures, "mode", lambda value: _one_of(value, list(domains.Mode)))
        normalise(inputs, failures, "inboundType", lambda value: _one_of(value, LEGACY_INBOUND_TYPES))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if _differs(olds, news, "domain"):
            return DiffResult(replaces=["domain"])
        # An ended proof is issued again by an update, though no input changed.
        return DiffResult(changes=True) if _proof_ended(olds) else DiffResult()

    def create(self, props: Properties) -> CreateResult:
        status, registered = _provide(props)
        return CreateResult(props["domain"], _domain_outputs(props, status, registered=registered))

    def read(self, id_: str, props: Properties) -> ReadResult:
        status = _process.session().domains.find(props["domain"])
        if status is None:
            return ReadResult(_GONE, {})
        inputs = _inputs(props, "domain", "mode", "inboundType")
        if inputs["mode"] == domains.Mode.REGISTER and status.state is domains.State.INTERNAL:
            inputs["inboundType"] = status.inbound_type or inputs["inboundType"]
        return ReadResult(id_, _domain_outputs(inputs, status, registered=props["registered"]), inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        status, registered = _provide(news)
        return UpdateResult(
            _domain_outputs(news, status, registered=registered or olds.get("registered") is True)
        )

    def delete(self, _id: str, props: Properties) -> None:
        if props["mode"] != domains.Mode.REQUIRE:
            with _process.session().writing() as client:
                domains.remove_domain(client, props["domain"], registered=props["registered"] is True)


def _provide(props: Properties) -> tuple[domains.DomainStatus, bool]:
    with _process.session().writing() as client:
        return domains.provide_domain(
            client, props["domain"], domains.Mode(props["mode"]), props["inboundType"]
        )


def _domain_outputs(props: Properties, status: domains.DomainStatus, *, registered: bool) -> Properties:
    return {
        **_inputs(props, "domain", "mode", "inboundType"),
        "state": status.state.value,
        "registered": registered,
        "proofName": status.proof_name,
        "proofType": status.proof_type,
        "proofValue": status.proof_value,
        "expires": status.expires,
    }


def _proof_ended(olds: Properties) -> bool:
    ends = domains.parse_time(str(olds.get("expires") or ""))
    return olds.get("state") == domains.State.EXPIRED or (ends is not None and ends <= datetime.now(UTC))


class Domain(Resource, module="mimecast", name="Domain"):
    """An internal domain at Mimecast.

    Removing it deletes a pending registration that this resource made, and forgets anything else: Mimecast has
    no API that deletes an internal domain.
    """

    domain: Output[str]
    mode: Output[str]
    inboundType: Output[str]  # noqa: N815  (outputs are spelt as in state)
    state: Output[str]
    """``internal``, ``pending`` or ``expired``, when it was last looked at."""
    registered: Output[bool]
    """Whether this resource registered the domain."""
    proofName: Output[str]  # noqa: N815
    proofType: Output[str]  # noqa: N815
    proofValue: Output[str]  # noqa: N815
    """The text of the proof record; empty for an internal domain."""
    expires: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        domain: Input[str],
        mode: Input[str] = "ensure",
        inbound_type: Input[str] = "known",
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        :param domain: The name, such as ``example.com``. Changing it replaces the resource.
        :param mode: ``ensure`` (use what is there, else register), ``register`` (and keep ``inbound_type``), or
            ``require`` (must be there; nothing is written).
        :param inbound_type: Which recipients are accepted: ``any``, ``known``, ``ldap`` or ``smtp``.
        """
        props: Properties = {"domain": domain, "mode": mode, "inboundType": inbound_type}
        outputs = ("state", "registered", "proofName", "proofType", "proofValue", "expires")
        super().__init__(DomainProvider(), resource_name, props | dict.fromkeys(outputs), opts)


# -- Domain verification --------------------------------------------------------------------------------------


class DomainVerificationProvider(_Provider):
    """`DomainVerification`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = _inputs(news, "domain", "proofValue", "publish")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "domain", lambda value: domain_name(_text(value)))
        normalise(inputs, failures, "proofValue", lambda value: str(value or ""))
        normalise(
            inputs, failures, "publish", lambda value: _one_of(value, list(domain_verification.Publish))
        )
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if _differs(olds, news, "domain"):
            return DiffResult(replaces=["domain"])
        # Verified stays verified, whatever record proved it; anything else is tried again in every run.
        return DiffResult(changes=olds.get("state") != domain_verification.Outcome.VERIFIED)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["domain"], _verified(props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        status = _process.session().domains.find(props["domain"])
        if status is None:
            return ReadResult(_GONE, {})
        inputs = _inputs(props, "domain", "proofValue", "publish")
        return ReadResult(
            id_, _verification_outputs(inputs, domain_verification.verification(status)), inputs
        )

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_verified(news))


def _verified(props: Properties) -> Properties:
    with _process.session().writing() as client:
        result = domain_verification.verify_domain(client, props["domain"], _publisher(props["publish"]))
    if result.next_step:
        _log.warning("%s is %s. %s", props["domain"], result.outcome.value, result.next_step)
    return _verification_outputs(props, result)


def _publisher(publish: str) -> Callable[[domains.DomainStatus], None] | None:
    if publish == domain_verification.Publish.NONE:
        return None
    # Loaded here, because most runs publish nothing.
    from providers.mimecast.dns_update import publish_proof, update_server  # noqa: PLC0415

    server = update_server(_process.configuration.dns)
    return lambda status: publish_proof(server, status.domain, status.proof_value)


def _verification_outputs(props: Properties, result: domain_verification.Verification) -> Properties:
    return {
        **_inputs(props, "domain", "proofValue", "publish"),
        "state": result.outcome.value,
        "nextStep": result.next_step,
    }


class DomainVerification(Resource, module="mimecast", name="DomainVerification"):
    """The proof that a domain is ours. While it is pending, every run tries again; removing it undoes nothing."""

    domain: Output[str]
    proofValue: Output[str]  # noqa: N815
    publish: Output[str]
    state: Output[str]
    """``verified``, ``pending`` or ``expired``."""
    nextStep: Output[str]  # noqa: N815
    """What a person does now; empty once verified."""

    def __init__(
        self,
        resource_name: str,
        *,
        domain: Input[str],
        proof_value: Input[str],
        publish: Input[str] = "none",
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        :param domain: The name; take it from a `Domain`. Changing it replaces the resource.
        :param proof_value: The ``proofValue`` of the `Domain`.
        :param publish: ``none`` (somebody else puts the record there; one try a run) or ``rfc2136`` (published by
            DNS update as ``mimecast-sso:dns`` says, and waited for).
        """
        props: Properties = {"domain": domain, "proofValue": proof_value, "publish": publish}
        super().__init__(
            DomainVerificationProvider(),
            resource_name,
            props | dict.fromkeys(("state", "nextStep")),
            opts,
        )


# -- Address book ---------------------------------------------------------------------------------------------


class AddressBookProvider(_Provider):
    """`AddressBook`."""

    def check(self, olds: Properties, news: Properties) -> CheckResult:
        inputs = _book_inputs(news)
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "addresses", _book)
        normalise(inputs, failures, "onRemoval", lambda value: _one_of(value, list(address_book.Removal)))
        normalise(inputs, failures, "adopt", lambda value: _sorted_names(value, email_address))
        if not failures and is_known(inputs["addresses"]):
            problem = _password_problem(olds.get("addresses") or {}, inputs["addresses"])
            if problem:
                # On no property, because the engine prints a property's value next to the reason.
                failures.append(CheckFailure("", problem))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if news.get(_CHECK_ONLY):
            # While somebody is missing, every run looks again. Where inputs differ, the engine says which.
            again = olds.get("missing") and not _differs(olds, news, "addresses")
            return DiffResult(changes=True) if again else DiffResult()
        if is_known(news["addresses"]) and not olds.get(_CHECK_ONLY):
            removed = olds["addresses"].keys() - news["addresses"].keys()
            _refuse_removal(news["onRemoval"], removed)
            _say_removal(
                news["onRemoval"], removed, {*(olds.get("created") or ()), *(olds.get("adopt") or ())}
            )
        return DiffResult()

    def create(self, props: Properties) -> CreateResult:
        if props.get(_CHECK_ONLY):
            return CreateResult("address-book", _checked(props))
        created = _converge({}, props)
        return CreateResult("address-book", _book_outputs(props, created))

    def read(self, id_: str, props: Properties) -> ReadResult:
        inputs = _book_inputs(props)
        if props.get(_CHECK_ONLY):
            return _looked_again(id_, props)
        live = _process.session().addresses.of(props["addresses"], absent_for_sure=True)
        if props["addresses"] and not live:
            return ReadResult(_GONE, {})
        inputs["addresses"] = {
            address: entry
            if entry["name"] in ("", live[address].name)
            else entry | {"name": live[address].name}
            for address, entry in props["addresses"].items()
            if address in live
        }
        return ReadResult(id_, _book_outputs(inputs, set(props["created"])), inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        if news.get(_CHECK_ONLY):
            return UpdateResult(_checked(news))
        # What was only checked was never this book's.
        managed = {} if olds.get(_CHECK_ONLY) else olds["addresses"]
        removed = managed.keys() - news["addresses"].keys()
        _refuse_removal(news["onRemoval"], removed)
        created = _converge(managed, news) | set(olds.get("created") or ())
        _let_go(news["onRemoval"], removed, created | set(olds.get("adopt") or ()))
        return UpdateResult(_book_outputs(news, created))

    def delete(self, _id: str, props: Properties) -> None:
        if props.get(_CHECK_ONLY):
            return
        removed = set(props["addresses"])
        _refuse_removal(props["onRemoval"], removed)
        _let_go(props["onRemoval"], removed, {*props["created"], *props["adopt"]})


def _book_inputs(props: Properties) -> Properties:
    # The flag is there only when it is set, so that books of earlier releases show no difference.
    inputs = _inputs(props, "addresses", "onRemoval", "adopt")
    return inputs | {_CHECK_ONLY: True} if props.get(_CHECK_ONLY) is True else inputs


def _checked(props: Properties) -> Properties:
    """The outputs of a book that is only looked at. Warns about who is missing."""
    addresses = props["addresses"]
    missing = address_book.missing_from(_process.session().addresses.of(addresses), addresses)
    if missing:
        _log.warning(
            "%d of %d addresses are not at Mimecast, so these people cannot sign in: %s. Nothing is written, because "
            "directory synchronisation owns the addresses: look there (Services > Directory Synchronization)",
            len(missing),
            len(addresses),
            enumerate_some(list(missing)),
        )
    return _book_inputs(props) | {"created": [], "missing": list(missing)}


def _looked_again(id_: str, props: Properties) -> ReadResult:
    """Who is not there is no longer among the addresses, and is again once there: that is what drift shows."""
    wanted = props["addresses"] | {address: {"name": ""} for address in props.get("missing") or ()}
    outputs = _checked(props | {"addresses": wanted})
    outputs["addresses"] = {
        address: entry for address, entry in sorted(wanted.items()) if address not in outputs["missing"]
    }
    return ReadResult(id_, outputs, _book_inputs(outputs))


def _book(value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        raise ValueError("must be a map of addresses")  # noqa: TRY004  (the user's value)
    book: dict[str, dict[str, str]] = {}
    for spelt, entry in value.items():
        address = email_address(spelt)
        if address in book:
            raise ValueError(f"{address} is there twice")
        values = entry if isinstance(entry, dict) else {}
        book[address] = {"name": _name(address, values.get("name"))}
        version = values.get("passwordVersion")
        if version not in (None, ""):
            book[address]["passwordVersion"] = _version(version)
    return dict(sorted(book.items()))


def _name(address: str, value: Any) -> str:
    try:
        return one_line(str(value or "").strip())
    except ValueError as error:
        raise ValueError(f"the name of {address} {error}") from None


def _version(value: Any) -> str:
    # Numbers come over the wire as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _new_versions(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Addresses whose password is to be set: those with a version other than before."""
    return [
        address
        for address, entry in news.items()
        if entry.get("passwordVersion")
        and entry["passwordVersion"] != (olds.get(address) or {}).get("passwordVersion")
    ]


def _password_problem(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    passwords = _process.configuration.passwords
    changed = _new_versions(olds, news)
    missing = [address for address in changed if address not in passwords or not passwords[address].password]
    if missing:
        return (
            f"{_NAMESPACE}:addressPasswords has no password for {enumerate_some(missing)}, which "
            "have a passwordVersion"
        )
    unequal = [
        address for address in changed if passwords[address].password != passwords[address].confirmation
    ]
    if unequal:
        return f"In {_NAMESPACE}:addressPasswords, password and confirmation differ for {enumerate_some(unequal)}"
    return ""


def _converge(olds: Mapping[str, Any], news: Properties) -> set[str]:
    problem = _password_problem(olds, news["addresses"])
    if problem:
        raise ResourceError(problem)
    passwords = _process.configuration.passwords
    changed = _new_versions(olds, news["addresses"])
    session = _process.session()
    created = address_book.converge(
        session.client,
        session.addresses,
        {
            address: address_book.Wanted(
                entry["name"], passwords[address].password if address in changed else None
            )
            for address, entry in news["addresses"].items()
        },
        managed=olds.keys(),
        adopt=news["adopt"],
        set_password=changed,
    )
    return set(created)


def _refuse_removal(on_removal: str, removed: set[str]) -> None:
    if removed and on_removal == address_book.Removal.REFUSE:
        raise ResourceError(
            f"{len(removed)} addresses would be removed, which {_NAMESPACE}:addresses.onRemoval: refuse forbids: "
            f"{enumerate_some(sorted(removed))}. Keep them, or set onRemoval to disable or forget"
        )


def _say_removal(on_removal: str, removed: set[str], ours: set[str]) -> None:
    """What a run is going to do about addresses that left: the program does not know them, so it cannot say it."""
    disabled = sorted(removed & ours) if on_removal == address_book.Removal.DISABLE else []
    kept = sorted(removed - set(disabled))
    if disabled:
        _log.warning(
            "%d addresses leave and are disabled, which ends these people's sign-in: %s",
            len(disabled),
            enumerate_some(disabled),
        )
    if kept:
        _log.warning(
            "%d addresses leave and stay as they are at Mimecast: %s", len(kept), enumerate_some(kept)
        )


def _say_passwords(olds: Mapping[str, Any], news: Mapping[str, Any]) -> None:
    changed = [address for address in _new_versions(olds, news) if address in olds]
    if changed:
        _log.warning(
            "The cloud password of these addresses is to be set, which revokes the people's application tokens: %s",
            enumerate_some(changed),
        )


def _let_go(on_removal: str, removed: set[str], ours: set[str]) -> None:
    """Disables the removed addresses that this book made or adopted, if so configured; forgets the others."""
    disabled = removed & ours if on_removal == address_book.Removal.DISABLE else set()
    forgotten = sorted(removed - disabled)
    if disabled:
        session = _process.session()
        address_book.disable(session.client, session.addresses, sorted(disabled))
        _log.warning(
            "Disabled at Mimecast: %s. To use one again, list it under %s:addresses.adopt as well",
            enumerate_some(sorted(disabled)),
            _NAMESPACE,
        )
    if forgotten:
        _log.warning("No longer managed, and unchanged at Mimecast: %s", enumerate_some(forgotten))


def _book_outputs(props: Properties, created: set[str]) -> Properties:
    return _book_inputs(props) | {"created": sorted(created & props["addresses"].keys())}


class AddressBook(Resource, module="mimecast", name="AddressBook"):
    """Addresses (users) of internal domains, keyed by address; one address is a book of one.

    Existing addresses that are as wanted are taken over. Mimecast has no API that deletes an address.
    """

    addresses: Output[dict[str, dict[str, str]]]
    onRemoval: Output[str]  # noqa: N815
    adopt: Output[list[str]]
    created: Output[list[str]]
    """The addresses that this resource made, as far as it knows."""
    checkOnly: Output[bool | None]  # noqa: N815
    missing: Output[list[str] | None]
    """With ``checkOnly``: the addresses that were not there when it was last looked."""

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
        :param addresses: Address → ``{"name": …, "passwordVersion": …}``. An empty name means any name. A new or
            changed ``passwordVersion`` sets the password of ``mimecast-sso:addressPasswords``, which revokes the
            person's application tokens.
        :param on_removal: ``disable`` those this resource made or adopted, ``forget``, or ``refuse``.
        :param adopt: Existing addresses that may be changed although this resource did not make them; they are
            enabled, in case they were disabled before.
        :param check_only: Somebody else owns the addresses, such as directory synchronisation: nothing is ever
            written, and ``missing`` says which of them are not there. Names and passwords are not looked at.
        """
        props: Properties = {
            "addresses": addresses,
            "onRemoval": on_removal,
            "adopt": list(adopt) if isinstance(adopt, tuple) else adopt,
            "created": None,
            _CHECK_ONLY: check_only or None,
            "missing": None,
        }
        super().__init__(AddressBookProvider(), resource_name, props, opts)


# -- Group ----------------------------------------------------------------------------------------------------


class GroupProvider(_Provider):
    """`Group`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = _inputs(news, "description")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "description", _text)
        return CheckResult(inputs, failures)

    def create(self, props: Properties) -> CreateResult:
        with _process.session().writing() as client:
            group, created = groups.provide_group(client, props["description"])
        return CreateResult(group.name, {"description": group.name, "created": created})

    def read(self, id_: str, props: Properties) -> ReadResult:
        group = _process.session().groups.find(props["description"])
        if group is None:
            return ReadResult(_GONE, {})
        return ReadResult(
            id_, {"description": group.name, "created": props["created"]}, {"description": group.name}
        )

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        if _differs(olds, news, "description"):
            with _process.session().writing() as client:
                groups.rename_group(client, olds["description"], news["description"])
        return UpdateResult({"description": news["description"], "created": olds["created"]})

    def delete(self, _id: str, props: Properties) -> None:
        with _process.session().writing() as client:
            groups.remove_group(client, props["description"], created=props["created"] is True)


class Group(Resource, module="mimecast", name="Group"):
    """A cloud group, made or found by its exact name; deleted only when this resource made it and it is empty."""

    description: Output[str]
    """The name. Changing it renames the group in place."""
    created: Output[bool]
    """Whether this resource made the group."""

    def __init__(
        self, resource_name: str, *, description: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        """
        :param description: The name, as the console calls the group.
        """
        super().__init__(GroupProvider(), resource_name, {"description": description, "created": None}, opts)


# -- Group membership -----------------------------------------------------------------------------------------


class GroupMembershipProvider(_Provider):
    """`GroupMembership`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = _inputs(news, "group", "members", "hold")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "group", _text)
        normalise(inputs, failures, "members", lambda value: _sorted_names(value, groups.member_name))
        normalise(inputs, failures, "hold", lambda value: value is True)
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        return DiffResult(replaces=["group"]) if _differs(olds, news, "group") else DiffResult()

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["group"], _change_members(set(), props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        session = _process.session()
        group = session.groups.find(props["group"])
        if group is None:
            return ReadResult(_GONE, {})
        live = groups.list_members(session.client, group)
        # Those who are held back are absent on purpose.
        members = live | set(props["members"]) if props["hold"] else live
        inputs = _inputs(props, "group", "members", "hold") | {"members": sorted(members)}
        outputs = dict(inputs)
        if set(members) != set(props["members"]):
            # When is not known; not before it was last looked.
            outputs[_CHANGED_AT] = utc_text(session.client.now())
        elif _CHANGED_AT in props:
            outputs[_CHANGED_AT] = props[_CHANGED_AT]
        return ReadResult(id_, outputs, inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_change_members(set(olds["members"]), news))

    def delete(self, _id: str, props: Properties) -> None:
        client = _process.session().client
        group = groups.find_group(client, props["group"])
        if group is None:
            return
        left = groups.change_members(client, group, add=(), remove=props["members"])
        if left:
            _log.warning(
                "Still in the Mimecast group %r, because this stack did not put them there: %s",
                props["group"],
                enumerate_some(sorted(left)),
            )


def _change_members(before: set[str], props: Properties) -> Properties:
    # Only members that the state knows are removed: a preview shows exactly what happens. Others turn up as drift.
    client = _process.session().client
    group = groups.require_group(client, props["group"])
    wanted = set(props["members"])
    present = groups.change_members(
        client, group, add=() if props["hold"] else wanted, remove=before - wanted
    )
    others = sorted(present - wanted)
    if others:
        _log.warning(
            "The Mimecast group %r has members that are not in the configuration, and what is bound to it holds "
            "for them as well: %s",
            props["group"],
            enumerate_some(others),
        )
    # How long ago that was decides, in a rotation, whether the change counts at Mimecast by now.
    return _inputs(props, "group", "members", "hold") | {_CHANGED_AT: utc_text(client.now())}


class GroupMembership(Resource, module="mimecast", name="GroupMembership"):
    """Who is in a group: the switch that decides whose sign-in the bound authentication profile governs."""

    group: Output[str]
    members: Output[list[str]]
    hold: Output[bool]

    def __init__(
        self,
        resource_name: str,
        *,
        group: Input[str],
        members: Input[Sequence[Input[str]]],
        hold: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        :param group: The group's name. Changing it replaces the resource.
        :param members: Addresses, or ``@example.com`` for all of a domain.
        :param hold: While true nobody is added; who is in stays in, and who left the list is removed.
        """
        props: Properties = {"group": group, "members": members, "hold": hold}
        super().__init__(GroupMembershipProvider(), resource_name, props, opts)


# -- Authentication profile -----------------------------------------------------------------------------------


class AuthenticationProfileProvider(_Provider):
    """`AuthenticationProfile`. Calls nothing: no public Mimecast API has authentication profiles."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = _inputs(news, "form", "thumbprint", "confirmed", "evidence")
        failures: list[CheckFailure] = []
        normalise(
            inputs,
            failures,
            "thumbprint",
            # Empty where the form gets no certificate: it comes by the metadata, or there is none yet.
            lambda value: authentication_profile.normal_thumbprint(_text(value)) if value != "" else "",
        )
        normalise(inputs, failures, "form", _form)
        normalise(inputs, failures, "confirmed", _confirmation)
        normalise(inputs, failures, "evidence", _evidence)
        for key in ("confirmed", "evidence"):
            if inputs[key] is None:
                del inputs[key]
        if not failures and is_known(inputs["form"]) and is_known(inputs["thumbprint"]):
            # On no property: the certificate may be marked secret, and the engine prints values.
            failures += [
                CheckFailure("", problem)
                for problem in authentication_profile.problems(inputs["form"], inputs["thumbprint"])
            ]
        return CheckResult(inputs, failures)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(str(props["form"]["description"]), _profile_outputs(props, None))

    def read(self, id_: str, props: Properties) -> ReadResult:
        return ReadResult(id_, _profile_outputs(props, props.get("previousForm")), _profile_inputs(props))

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        # What was confirmed last is what the console holds, until something else is confirmed.
        previous = olds["form"] if olds.get("state") != "due" else olds.get("previousForm")
        return UpdateResult(_profile_outputs(news, previous))


def _form(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a map of the form's fields")  # noqa: TRY004  (the user's value)
    certificate = value.get("certificate")
    if not isinstance(certificate, str):
        return value
    return value | {"certificate": authentication_profile.normal_certificate(certificate)}


def _confirmation(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    keys = ("fingerprint", "by", "at", "evidence")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in keys):
        raise ValueError(f"must be a map with the texts {', '.join(keys)}")
    return {key: value[key].strip() for key in keys}


def _evidence(value: Any) -> dict[str, Any] | None:
    parts = {"request": ("fingerprint", "at", "differs"), "change": ("at",)}
    if value is not None and not (
        isinstance(value, dict)
        and all(
            isinstance(value[part], dict) and all(key in value[part] for key in keys)
            for part, keys in parts.items()
            if part in value
        )
    ):
        raise ValueError("must be a map with request (fingerprint, at, differs), change (at) or expired")
    return value or None


def _profile_inputs(props: Properties) -> Properties:
    return {key: props[key] for key in ("form", "thumbprint", "confirmed", "evidence") if key in props}


def _profile_outputs(props: Properties, previous: Properties | None) -> Properties:
    prints = authentication_profile.fingerprints(props["form"], props["thumbprint"])
    state = authentication_profile.state(
        props["form"], props["thumbprint"], props.get("confirmed"), props.get("evidence")
    )
    return {
        **_profile_inputs(props),
        "criticalFingerprint": prints.critical,
        "cosmeticFingerprint": prints.cosmetic,
        "state": state,
        **({"previousForm": previous} if previous and state == "due" else {}),
    }


class AuthenticationProfile(Resource, module="mimecast", name="AuthenticationProfile"):
    """What an administrator sets in the console, and what is known of it.

    It writes nothing to Mimecast and claims nothing: ``state`` is ``due`` until the confirmed fingerprint is the
    wanted one; then evidence decides between ``claimed``, ``proved``, ``stale`` and ``contradicted``
    (`providers.mimecast.authentication_profile.state`).
    """

    form: Output[dict[str, Any]]
    thumbprint: Output[str]
    confirmed: Output[dict[str, str] | None]
    evidence: Output[dict[str, Any] | None]
    criticalFingerprint: Output[str]  # noqa: N815
    """Of the values that can break a sign-in; this one is confirmed."""
    cosmeticFingerprint: Output[str]  # noqa: N815
    state: Output[str]
    previousForm: Output[dict[str, Any] | None]  # noqa: N815
    """While ``due``: the form as it was confirmed last, if it ever was."""

    def __init__(
        self,
        resource_name: str,
        *,
        form: Input[Mapping[str, Input[str | bool]]],
        thumbprint: Input[str],
        confirmed: Input[Mapping[str, str]] | None = None,
        evidence: Input[Mapping[str, Any]] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        :param form: Every field of `facts.profile_form.FIELDS`, by key.
        :param thumbprint: SHA-1 thumbprint of the certificate in the form, hexadecimal; "" when the form has none.
        :param confirmed: A person's word: ``fingerprint``, ``by``, ``at`` (UTC), ``evidence``.
        :param evidence: What was seen afterwards: ``request``, ``change``, ``expired``. Absent: nothing was.
        """
        props: Properties = {
            "form": form,
            "thumbprint": thumbprint,
            "confirmed": confirmed,
            "evidence": evidence,
        }
        outputs = ("criticalFingerprint", "cosmeticFingerprint", "state", "previousForm")
        super().__init__(AuthenticationProfileProvider(), resource_name, props | dict.fromkeys(outputs), opts)


# -- Small things ---------------------------------------------------------------------------------------------


def _inputs(props: Properties, *keys: str) -> Properties:
    return {key: props.get(key) for key in keys}


def _differs(olds: Properties, news: Properties, key: str) -> bool:
    return is_known(news.get(key)) and olds.get(key) != news.get(key)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return one_line(value.strip())


def _one_of(value: Any, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return str(value)


def _sorted_names(value: Any, normal: Callable[[str], str]) -> list[str]:
    if value is not None and not isinstance(value, list):
        raise ValueError("must be a list")
    return sorted({normal(str(name)) for name in value or []})
