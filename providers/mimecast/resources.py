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

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from mimecast_sso.console import attestation
from mimecast_sso.facts.mimecast_api import LEGACY_INBOUND_TYPES
from mimecast_sso.text.names import domain_name, email_address, enumerate_some
from mimecast_sso.text.times import utc_text
from providers.edge import Properties, ReadableProvider, differs, is_known, normalise, select
from providers.mimecast import (
    address_book,
    domain_verification,
    domains,
    groups,
    managed_book,
    normal_forms,
)
from providers.mimecast.errors import MimecastError
from providers.mimecast.process import process, read_configuration

_log = logging.getLogger(__name__)

_GONE = ""
_CHANGED_AT = "changedAt"


class _Provider(ReadableProvider):
    expected = (MimecastError,)

    def take_configuration(self, req: ConfigureRequest) -> None:
        process.configure(read_configuration(req.config))


# -- Domain ---------------------------------------------------------------------------------------------------


class DomainProvider(_Provider):
    """`Domain`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "domain", "mode", "inboundType")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "domain", lambda value: domain_name(normal_forms.text(value)))
        normalise(inputs, failures, "mode", normal_forms.one_of(domains.Mode))
        normalise(inputs, failures, "inboundType", normal_forms.one_of(LEGACY_INBOUND_TYPES))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if differs(olds, news, "domain"):
            return DiffResult(replaces=["domain"])
        # An ended proof is issued again by an update, though no input changed.
        return DiffResult(changes=True) if _proof_ended(olds) else DiffResult()

    def create(self, props: Properties) -> CreateResult:
        status, registered = _provide(props)
        return CreateResult(props["domain"], _domain_outputs(props, status, registered=registered))

    def read(self, id_: str, props: Properties) -> ReadResult:
        status = process.session().domains.find(props["domain"])
        if status is None:
            return ReadResult(_GONE, {})
        inputs = select(props, "domain", "mode", "inboundType")
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
            with process.session().writing() as client:
                domains.remove_domain(client, props["domain"], registered=props["registered"] is True)


def _provide(props: Properties) -> tuple[domains.DomainStatus, bool]:
    with process.session().writing() as client:
        return domains.provide_domain(
            client, props["domain"], domains.Mode(props["mode"]), props["inboundType"]
        )


def _domain_outputs(props: Properties, status: domains.DomainStatus, *, registered: bool) -> Properties:
    return {
        **select(props, "domain", "mode", "inboundType"),
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
        inputs = select(news, "domain", "proofValue", "publish")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "domain", lambda value: domain_name(normal_forms.text(value)))
        normalise(inputs, failures, "proofValue", lambda value: str(value or ""))
        normalise(inputs, failures, "publish", normal_forms.one_of(domain_verification.Publish))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if differs(olds, news, "domain"):
            return DiffResult(replaces=["domain"])
        # Verified stays verified, whatever record proved it; anything else is tried again in every run.
        return DiffResult(changes=olds.get("state") != domain_verification.Outcome.VERIFIED)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["domain"], _verified(props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        status = process.session().domains.find(props["domain"])
        if status is None:
            return ReadResult(_GONE, {})
        inputs = select(props, "domain", "proofValue", "publish")
        return ReadResult(
            id_, _verification_outputs(inputs, domain_verification.verification(status)), inputs
        )

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_verified(news))


def _verified(props: Properties) -> Properties:
    with process.session().writing() as client:
        result = domain_verification.verify_domain(client, props["domain"], _publisher(props["publish"]))
    if result.next_step:
        _log.warning("%s is %s. %s", props["domain"], result.outcome.value, result.next_step)
    return _verification_outputs(props, result)


def _publisher(publish: str) -> Callable[[domains.DomainStatus], None] | None:
    if publish == domain_verification.Publish.NONE:
        return None
    # Loaded here, because most runs publish nothing.
    from providers.mimecast.dns_update import publish_proof, update_server  # noqa: PLC0415

    server = update_server(process.configuration.dns)
    return lambda status: publish_proof(server, status.domain, status.proof_value)


def _verification_outputs(props: Properties, result: domain_verification.Verification) -> Properties:
    return {
        **select(props, "domain", "proofValue", "publish"),
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
        inputs = managed_book.inputs(news)
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "addresses", normal_forms.book)
        normalise(inputs, failures, "onRemoval", normal_forms.one_of(address_book.Removal))
        normalise(inputs, failures, "adopt", normal_forms.names(email_address))
        if not failures and is_known(inputs["addresses"]):
            problem = managed_book.password_problem(olds.get("addresses") or {}, inputs["addresses"])
            if problem:
                # On no property, because the engine prints a property's value next to the reason.
                failures.append(CheckFailure("", problem))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if news.get(managed_book.CHECK_ONLY):
            # While somebody is missing, every run looks again. Where inputs differ, the engine says which.
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
            return ReadResult(_GONE, {})
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
        # What was only checked was never this book's.
        managed = {} if olds.get(managed_book.CHECK_ONLY) else olds["addresses"]
        removed = managed.keys() - news["addresses"].keys()
        managed_book.refuse_removal(news["onRemoval"], removed)
        created = managed_book.converge(managed, news) | set(olds.get("created") or ())
        managed_book.let_go(news["onRemoval"], removed, created | set(olds.get("adopt") or ()))
        return UpdateResult(managed_book.outputs(news, created))

    def delete(self, _id: str, props: Properties) -> None:
        if props.get(managed_book.CHECK_ONLY):
            return
        removed = set(props["addresses"])
        managed_book.refuse_removal(props["onRemoval"], removed)
        managed_book.let_go(props["onRemoval"], removed, {*props["created"], *props["adopt"]})


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
            managed_book.CHECK_ONLY: check_only or None,
            "missing": None,
        }
        super().__init__(AddressBookProvider(), resource_name, props, opts)


# -- Group ----------------------------------------------------------------------------------------------------


class GroupProvider(_Provider):
    """`Group`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "description")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "description", normal_forms.text)
        return CheckResult(inputs, failures)

    def create(self, props: Properties) -> CreateResult:
        with process.session().writing() as client:
            group, created = groups.provide_group(client, props["description"])
        return CreateResult(group.name, {"description": group.name, "created": created})

    def read(self, id_: str, props: Properties) -> ReadResult:
        group = process.session().groups.find(props["description"])
        if group is None:
            return ReadResult(_GONE, {})
        return ReadResult(
            id_, {"description": group.name, "created": props["created"]}, {"description": group.name}
        )

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        if differs(olds, news, "description"):
            with process.session().writing() as client:
                groups.rename_group(client, olds["description"], news["description"])
        return UpdateResult({"description": news["description"], "created": olds["created"]})

    def delete(self, _id: str, props: Properties) -> None:
        with process.session().writing() as client:
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
        inputs = select(news, "group", "members", "hold")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "group", normal_forms.text)
        normalise(inputs, failures, "members", normal_forms.names(groups.member_name))
        normalise(inputs, failures, "hold", lambda value: value is True)
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        return DiffResult(replaces=["group"]) if differs(olds, news, "group") else DiffResult()

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["group"], _change_members(set(), props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        session = process.session()
        group = session.groups.find(props["group"])
        if group is None:
            return ReadResult(_GONE, {})
        live = groups.list_members(session.client, group)
        # Those who are held back are absent on purpose.
        members = live | set(props["members"]) if props["hold"] else live
        inputs = select(props, "group", "members", "hold") | {"members": sorted(members)}
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
        client = process.session().client
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
    client = process.session().client
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
    return select(props, "group", "members", "hold") | {_CHANGED_AT: utc_text(client.now())}


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
        inputs = select(news, "form", "thumbprint", "confirmed", "evidence")
        failures: list[CheckFailure] = []
        normalise(
            inputs,
            failures,
            "thumbprint",
            # Empty where the form gets no certificate: it comes by the metadata, or there is none yet.
            lambda value: attestation.normal_thumbprint(normal_forms.text(value)) if value != "" else "",
        )
        normalise(inputs, failures, "form", normal_forms.form)
        normalise(inputs, failures, "confirmed", normal_forms.confirmation)
        normalise(inputs, failures, "evidence", normal_forms.evidence)
        for key in ("confirmed", "evidence"):
            if inputs[key] is None:
                del inputs[key]
        if not failures and is_known(inputs["form"]) and is_known(inputs["thumbprint"]):
            # On no property: the certificate may be marked secret, and the engine prints values.
            failures += [
                CheckFailure("", problem)
                for problem in attestation.problems(inputs["form"], inputs["thumbprint"])
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


def _profile_inputs(props: Properties) -> Properties:
    return {key: props[key] for key in ("form", "thumbprint", "confirmed", "evidence") if key in props}


def _profile_outputs(props: Properties, previous: Properties | None) -> Properties:
    prints = attestation.fingerprints(props["form"], props["thumbprint"])
    state = attestation.state(
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
    (`mimecast_sso.console.attestation.state`).
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
        :param form: Every field of `mimecast_sso.facts.profile_form.FIELDS`, by key.
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
