"""The Mimecast side: domains and their proof, addresses, the roll-out group, the attested profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import pulumi

from mimecast_sso.console import attestation, run_sheet
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.facts.attestation_documents import Attestation, EvidenceDocument
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_proof import CNAME_TARGET, CNAME_TYPE, cname_name
from mimecast_sso.facts.profile_form import FIELDS, Control
from mimecast_sso.provenance import Statement
from mimecast_sso.registration.large_values import Whole, whole
from mimecast_sso.registration.messages import say
from mimecast_sso.registration.requirements import Requirement, deployed, once_met
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text.names import domain_of, email_address, enumerate_some, is_among
from mimecast_sso.text.wording import count, people
from providers.mimecast.resources import (
    AddressBook,
    AuthenticationProfile,
    DirectoryIntegration,
    DomainVerification,
    Group,
    GroupMembership,
)
from providers.mimecast.resources import Domain as DomainResource


class AddressArgs(TypedDict):
    """One address of the book.

    Attributes:
        name: The person's name; absent or empty means any name.
        passwordVersion: Any text. A new or changed one sets the password of ``mimecast-sso:addressPasswords``, which
            revokes the person's application tokens.
    """

    name: NotRequired[pulumi.Input[str]]
    passwordVersion: NotRequired[pulumi.Input[str]]  # (as in state)


@dataclass(frozen=True, slots=True)
class DomainArgs:
    """An internal domain at Mimecast.

    Attributes:
        name: Such as ``example.com``; it names the resource.
        mode: ``ensure`` (use it where it exists, else register it), ``register`` (and keep ``inbound_type``) or
            ``require`` (must exist; nothing is written).
        inbound_type: Which recipients are accepted: ``any``, ``known``, ``ldap`` or ``smtp``.
    """

    name: str
    mode: pulumi.Input[str] = "ensure"
    inbound_type: pulumi.Input[str] = "known"


@dataclass(frozen=True, slots=True)
class Proof:
    """The DNS record that proves a domain. ``value`` is empty once the domain is verified.

    Attributes:
        domain: The domain, which is also the name of the component's resources for it.
        name: Owner name of the record.
        type: Its type, ``TXT``.
        value: Its text.
    """

    domain: str
    name: pulumi.Output[str]
    type: pulumi.Output[str]
    value: pulumi.Output[str]


PublishProof = Callable[[Proof], pulumi.Resource]
"""A function that declares a proof's DNS record with a DNS provider of the program, before Mimecast verifies."""


@dataclass(frozen=True, slots=True)
class ChainArgs:
    """One profile, its application settings and its group.

    Attributes:
        slot: The profile slot.
        group: Name of the Mimecast group.
        form: The console's form (`mimecast_sso.facts.profile_form`), by field key, without the group.
        thumbprint: SHA-1 thumbprint of the certificate in the form; "" if the form has none.
        confirmed: The attestation of the form.
        evidence: The evidence after the confirmation (`mimecast_sso.settings.AuthenticationProfile.known`).
        populated: Whether people should be in the group.
        idle: Whether it waits for a certificate; then nothing is due in the console.
        present: People whom this stack added to the group and who are still in it, so that a run adds others only.
        inside: Everybody who is in the group, whoever added them.
    """

    slot: ProfileSlot
    group: pulumi.Input[str]
    form: Mapping[str, pulumi.Input[str | bool]]
    thumbprint: pulumi.Input[str]
    confirmed: Attestation | None = None
    evidence: EvidenceDocument | None = None
    populated: bool = True
    idle: bool = False
    present: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Linked:
    chain: ChainArgs
    group: Group
    profile: AuthenticationProfile
    state: pulumi.Output[str]


@dataclass(frozen=True, slots=True)
class IntegrationArgs:
    """The integration through which the account synchronises its addresses.

    Attributes:
        description: Its description in the console.
        mode: ``ensure`` (created if missing, and ``properties`` are kept) or ``require`` (must exist; nothing is
            written).
        properties: Mimecast's names → values; others are left unchanged.
    """

    description: pulumi.Input[str]
    mode: pulumi.Input[str] = "ensure"
    properties: pulumi.Input[Mapping[str, pulumi.Input[Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MimecastTenantArgs:
    """The arguments of a `MimecastTenant`.

    Attributes:
        chains: One, or two if certificates rotate between two profiles; the active generation's first.
        domains: Internal domains.
        addresses: Address → its desired state. May come from another resource.
        members: Addresses that belong in the roll-out group once the profile is confirmed.
        on_removal: What happens to an address that is no longer declared: ``forget``, ``disable`` or ``refuse``.
        adopt: Existing addresses that may be changed.
        check_only: Whether the addresses are only checked, because directory synchronisation owns them.
        integration: The directory integration to manage; ``None`` for none.
        publish: ``none``, or ``rfc2136`` to publish proofs by DNS update as configured in ``mimecast-sso:dns``.
        publish_proof: A function that declares the proof record with a DNS provider of the program.
        statements: Statements of the forecast that previews and deployments log.
        after: Resources that people need to sign in: created before they are added, deleted after they are removed.
        requirements: Requirements that this run must meet before they are added.
    """

    chains: Sequence[ChainArgs]
    domains: Sequence[DomainArgs] = ()
    addresses: pulumi.Input[Mapping[str, pulumi.Input[AddressArgs]]] = field(default_factory=dict)
    members: pulumi.Input[Sequence[pulumi.Input[str]]] = ()
    on_removal: pulumi.Input[str] = "forget"
    adopt: pulumi.Input[Sequence[pulumi.Input[str]]] = ()
    check_only: bool = False
    integration: IntegrationArgs | None = None
    publish: pulumi.Input[str] = "none"
    publish_proof: PublishProof | None = None
    statements: Sequence[Statement] = ()
    after: Sequence[pulumi.Resource] = ()
    requirements: Sequence[Requirement] = ()


class DnsRecord(TypedDict):
    """A DNS record: its name, its type (``TXT``, ``CNAME``) and its value."""

    name: str
    type: str
    value: str


class ProofRecord(DnsRecord, total=False):
    """The record that proves a domain; its value is empty if none is needed.

    Until the domain is verified, ``alternative`` is the CNAME record that can be published instead.
    """

    alternative: DnsRecord


@dataclass(slots=True)
class _Domains:
    states: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    proofs: dict[str, pulumi.Output[ProofRecord]] = field(default_factory=dict)
    verifications: list[DomainVerification] = field(default_factory=list)


class MimecastTenant(pulumi.ComponentResource):
    """The chain through which a profile takes effect: profile → application settings → group → people.

    The group is created empty, and the profile is set in the console for it, which affects nobody's sign-in.
    People are added only while the stack file holds a confirmation of exactly the configured values.
    """

    domain_states: dict[str, pulumi.Output[str]]
    proof_records: dict[str, pulumi.Output[ProofRecord]]
    """By domain."""
    integration: DirectoryIntegration | None
    """The managed directory integration, if any."""
    profile: AuthenticationProfile
    """The profile that holds the active generation."""
    profile_state: pulumi.Output[str]
    joined: list[GroupMembership]
    """The memberships of the groups that people should be in."""

    def __init__(
        self, name: str, args: MimecastTenantArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:mimecast:MimecastTenant", name, None, opts)
        for statement in args.statements:
            say(statement, self)
        self._name = name
        domains = self._domains(args)
        self.domain_states, self.proof_records = domains.states, domains.proofs
        self._members = whole(args.members).apply(lambda members: Whole(sorted(map(str, members.value))))
        self._after, self._requirements = args.after, list(args.requirements)
        self.integration = self._integration(args.integration) if args.integration else None
        self._book = self._address_book(args, domains)
        self._chains = [self._link(chain) for chain in args.chains]
        self.profile, self.profile_state = self._chains[0].profile, self._chains[0].state
        self.joined = [self._join(each) for each in self._chains if each.chain.populated]
        self.register_outputs({"profileState": self.profile_state})

    def _domains(self, args: MimecastTenantArgs) -> _Domains:
        created = _Domains()
        for configured in args.domains:
            domain = DomainResource(
                f"{self._name}-domain-{configured.name}",
                domain=configured.name,
                mode=configured.mode,
                inbound_type=configured.inbound_type,
                opts=self._named_before(f"domain-{configured.name}"),
            )
            published = [args.publish_proof(_proof(configured.name, domain))] if args.publish_proof else []
            verification = DomainVerification(
                f"{self._name}-verification-{configured.name}",
                domain=domain.domain,
                proof_value=domain.proofValue,
                publish=args.publish,
                opts=pulumi.ResourceOptions.merge(
                    self._named_before(f"verification-{configured.name}"),
                    pulumi.ResourceOptions(depends_on=published),
                ),
            )
            created.states[configured.name] = verification.state
            created.proofs[configured.name] = pulumi.Output.all(
                name=domain.proofName, type=domain.proofType, value=domain.proofValue
            ).apply(_proof_record)
            created.verifications.append(verification)
        return created

    def _named_before(self, name: str) -> pulumi.ResourceOptions:
        """Keep what release 0.1.0 deployed: it named some children without the component's name."""
        return pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(name=name)])

    def _integration(self, configured: IntegrationArgs) -> DirectoryIntegration:
        return DirectoryIntegration(
            f"{self._name}-directory",
            description=configured.description,
            mode=configured.mode,
            properties=configured.properties,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _address_book(self, args: MimecastTenantArgs, domains: _Domains) -> AddressBook:
        def in_verified_domains(known: dict[str, JSON]) -> dict[str, dict[str, str]]:
            configured: Mapping[str, AddressArgs] = known["addresses"].value
            states: dict[str, str] = known["states"]
            waiting = dict.fromkeys(
                address for address in configured if states.get(domain_of(address), "verified") != "verified"
            )
            if waiting:
                pulumi.log.warn(
                    f"On hold until their domain is verified, {count(len(waiting), 'address')}: "
                    f"{enumerate_some(list(waiting))}. Publish the proof record and rerun.",
                    resource=self,
                )
            return {
                address: {"name": ""} if args.check_only else _entry(entry)
                for address, entry in configured.items()
                if address not in waiting
            }

        desired = pulumi.Output.all(addresses=whole(args.addresses), states=domains.states).apply(
            in_verified_domains
        )
        book = AddressBook(
            f"{self._name}-addresses",
            addresses=desired,
            on_removal=args.on_removal,
            adopt=pulumi.Output.from_input(args.adopt).apply(lambda addresses: sorted(map(str, addresses))),
            check_only=args.check_only,
            opts=pulumi.ResourceOptions(parent=self, depends_on=domains.verifications),
        )
        self._requirements.append(
            Requirement(
                "the list of addresses", deployed(book, book.addresses).apply(_listed), desired.apply(_listed)
            )
        )
        return book

    def _link(self, chain: ChainArgs) -> _Linked:
        group = Group(
            f"{self._name}-roll-out{_suffix(chain.slot)}",
            description=chain.group,
            opts=pulumi.ResourceOptions(parent=self),
        )
        form = dict(chain.form) | {"group": group.description}
        profile = AuthenticationProfile(
            f"{self._name}-profile{_suffix(chain.slot)}",
            form=form,
            thumbprint=chain.thumbprint,
            confirmed=chain.confirmed,
            evidence=chain.evidence,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Computed here and by the provider: a dynamic provider's outputs are unknown in previews, and
        # people must see there whether anybody's sign-in would change.
        state = pulumi.Output.all(form=form, thumbprint=chain.thumbprint).apply(
            lambda known: attestation.state(
                known["form"], known["thumbprint"], chain.confirmed, chain.evidence
            )
        )
        if not chain.idle:
            pulumi.Output.all(state, self._members).apply(
                lambda known: self._tell(known[0], known[1].value, chain)
            )
        self._warn_of_lock_outs(chain.form)
        return _Linked(chain, group, profile, state)

    def _join(self, linked: _Linked) -> GroupMembership:
        members = once_met(
            self._members,
            self._requirements,
            "nobody is added to the roll-out group",
            lambda members: not linked.chain.present.issuperset(members.value),
        )
        return self._membership(
            linked,
            members.apply(lambda met: met.value),
            linked.state.apply(lambda state: state not in OPENS),
            [self._book],
        )

    @property
    def everybody_joined(self) -> list[Requirement]:
        """The requirements that people are in their desired groups."""
        return [
            Requirement(
                "the list of members of the roll-out group",
                deployed(each, each.members),
                self._members,
            )
            for each in self.joined
        ]

    @property
    def trusted(self) -> pulumi.Output[dict[str, str]]:
        """The thumbprints that Mimecast is attested to trust, each with its attestation."""
        chains = [(each.chain, each.state, each.chain.thumbprint) for each in self._chains]
        return pulumi.Output.all(
            *(pulumi.Output.all(state, thumbprint) for _, state, thumbprint in chains)
        ).apply(
            lambda known: {
                thumbprint: f"{state}: {attestation.attested_by(chain.confirmed)}"
                for (chain, _, _), (state, thumbprint) in zip(chains, known, strict=True)
                if thumbprint and state in OPENS and chain.confirmed
            }
        )

    def leave(self, after: Sequence[pulumi.Resource]) -> list[GroupMembership]:
        """Remove people from groups that they should not be in, after ``after``; return these memberships.

        People stay until the profile that they move to is attested, so that nobody is without a group.
        """
        members = pulumi.Output.all(self.profile_state, self._members).apply(
            lambda known: [] if known[0] in OPENS else known[1].value
        )
        # Held: nobody is added to a group that people leave, and those who must stay do.
        return [
            self._membership(linked, members, True, [*self.joined, *after])
            for linked in self._chains
            if not linked.chain.populated
        ]

    def _membership(
        self,
        linked: _Linked,
        members: pulumi.Input[Sequence[pulumi.Input[str]]],
        hold: pulumi.Input[bool],
        after: Sequence[pulumi.Resource],
    ) -> GroupMembership:
        return GroupMembership(
            f"{self._name}-roll-out{_suffix(linked.chain.slot)}",
            group=linked.group.description,
            members=members,
            hold=hold,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*after, *self._after, linked.profile]),
        )

    def _warn_of_lock_outs(self, form: Mapping[str, pulumi.Input[str | bool]]) -> None:
        """Warn in every run about boxes with effects beyond the portal; the run sheet warns about the others."""
        boxes: pulumi.Output[Any] = pulumi.Output.all(**{key: form[key] for key in _BOXES})
        boxes.apply(self._warn_of_boxes)

    def _warn_of_boxes(self, boxes: Mapping[str, str | bool]) -> None:
        if any(boxes[key] is True for key in _REACH_FURTHER):
            for warning in run_sheet.lock_out_warnings(boxes):
                pulumi.log.warn(f"Lock-out: {warning}", resource=self)

    def _tell(self, state: str, members: Sequence[str], chain: ChainArgs) -> None:
        outside = [each for each in members if not is_among(each, chain.inside)]
        waiting = len(outside) if chain.populated else 0
        second = f" --profile {chain.slot}" if chain.slot is ProfileSlot.SECOND else ""
        stack = f"{pulumi.get_stack()}{second}"
        steps = (
            f"mimecast-sso run-sheet --stack {stack}, then mimecast-sso confirm --stack {stack} --by {attestation.BY} "
            f"--evidence {attestation.EVIDENCE}"
        )
        if state in OPENS:
            if not chain.populated:
                pulumi.log.info(f"The {_ordinal(chain.slot)}authentication profile is set.", resource=self)
        elif state != "due":
            pulumi.log.warn(
                f"The {_ordinal(chain.slot)}authentication profile is {state}: {_WHY[state]} Until it is "
                "confirmed again, nobody is added to the roll-out group; people leave it only if mimecast-sso:rollOut "
                f"no longer names them. Next: {steps}",
                resource=self,
            )
        else:
            pulumi.log.warn(
                f"{run_sheet.CONSOLE_WORK_IS_DUE}: an administrator sets the "
                f"{_ordinal(chain.slot)}authentication profile and its application settings from the run sheet, then "
                f"confirms them. Until then nobody is added to the roll-out group; {people(waiting)} "
                f"{'is' if waiting == 1 else 'are'} waiting. Next: {steps}",
                resource=self,
            )


_BOXES = [each.key for each in FIELDS if each.control is Control.CHECK_BOX]
_REACH_FURTHER = ("enforceAdministrationConsole", "enforceEndUserApplications")


def _suffix(slot: ProfileSlot) -> str:
    # The first slot has no suffix: that is its name in existing state.
    return "-second" if slot is ProfileSlot.SECOND else ""


def _ordinal(slot: ProfileSlot) -> str:
    return "second " if slot is ProfileSlot.SECOND else ""


_WHY = {
    "stale": "the console changed after the confirmation, or the confirmation has expired.",
    "contradicted": "a sign-in request from Mimecast differs from the confirmed values.",
}


def _proof_record(record: Mapping[str, JSON]) -> ProofRecord:
    name, type_, value = (str(record[key] or "") for key in ("name", "type", "value"))
    proof: ProofRecord = {"name": name, "type": type_, "value": value}
    if value:
        proof["alternative"] = {"name": cname_name(name, value), "type": CNAME_TYPE, "value": CNAME_TARGET}
    return proof


def _proof(name: str, domain: DomainResource) -> Proof:
    return Proof(name, domain.proofName, domain.proofType, domain.proofValue)


def _listed(addresses: Mapping[str, JSON]) -> list[str]:
    return sorted(map(email_address, addresses))


def _entry(given: AddressArgs) -> dict[str, str]:
    entry = {"name": str(given.get("name") or "")}
    if version := given.get("passwordVersion"):
        entry["passwordVersion"] = str(version)
    return entry
