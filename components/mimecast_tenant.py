"""The Mimecast side: domains and their proof, addresses, the roll-out group, the attested profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.messages import say
from mimecast_sso.assessment import live_tenant
from mimecast_sso.console import attestation, run_sheet
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.facts.mimecast_proof import CNAME_TARGET, CNAME_TYPE, cname_name
from mimecast_sso.provenance import Known, Statement
from mimecast_sso.settings import Address, Addresses, AddressSource, Dns, Domain, Lane
from mimecast_sso.text.names import domain_of, enumerate_some
from mimecast_sso.text.wording import count, people
from providers.mimecast.resources import (
    AddressBook,
    AuthenticationProfile,
    DomainVerification,
    Group,
    GroupMembership,
)
from providers.mimecast.resources import Domain as DomainResource


@dataclass(frozen=True, slots=True)
class Chain:
    """What is wanted of one profile, its application settings and its group."""

    lane: Lane
    group: str
    form: Mapping[str, pulumi.Input[str | bool]]
    """The console's form (mimecast_sso.facts.profile_form), by field key, without the group."""
    thumbprint: pulumi.Input[str]
    """Of the certificate in the form; "" when the form has none."""
    confirmed: Mapping[str, str] | None
    evidence: Mapping[str, Any] | None
    """What was seen after the confirmation (`mimecast_sso.settings.AuthenticationProfile.known`)."""
    populated: bool
    """Whether people are to be in the group."""
    idle: bool = False
    """Whether it waits for a certificate; then nothing is due in the console."""


@dataclass(slots=True)
class _Linked:
    chain: Chain
    group: Group
    profile: AuthenticationProfile
    state: pulumi.Output[str]


@dataclass(frozen=True, slots=True)
class MimecastTenantArgs:
    """What a `MimecastTenant` is made of."""

    domains: Sequence[Domain]
    dns: Dns
    addresses: Addresses
    people: Sequence[Address]
    """The addresses of the configured source, in normal form."""
    members: Sequence[str]
    """Who belongs in the roll-out group once the profile is confirmed."""
    chains: Sequence[Chain]
    """One, or two where certificates rotate between two profiles; that of the active generation first."""
    live: Known[live_tenant.LiveTenant]
    """What is at Mimecast before the run."""
    sign_ins: Sequence[Statement] = ()
    """Who signs in after the run, and who cannot: from the forecast."""
    after: Sequence[pulumi.Resource] = ()
    """What people need to sign in: it is there before they are added, and goes after they are taken out."""


@dataclass(slots=True)
class _Domains:
    states: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    proofs: dict[str, pulumi.Output[dict[str, Any]]] = field(default_factory=dict)
    verifications: list[DomainVerification] = field(default_factory=list)


class MimecastTenant(pulumi.ComponentResource):
    """The chain that makes the profile act: profile → application settings → group → people.

    The group is made empty and the profile is set in the console around it, which changes nobody's sign-in.
    People are added only while the stack file holds a confirmation of exactly the wanted values.
    """

    domain_states: dict[str, pulumi.Output[str]]
    proof_records: dict[str, pulumi.Output[dict[str, Any]]]
    """By domain: ``name``, ``type`` and ``value``; while there is something to prove also ``alternative``, the same
    of the CNAME record that serves instead."""
    profile: AuthenticationProfile
    """The one that the active generation stands in."""
    profile_state: pulumi.Output[str]
    joined: list[GroupMembership]
    """Of the groups that people are to be in."""

    def __init__(
        self, name: str, args: MimecastTenantArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:mimecast:MimecastTenant", name, None, opts)
        self._say_what_changes(args)
        domains = self._domains(args)
        self.domain_states, self.proof_records = domains.states, domains.proofs
        self._name, self._members = name, sorted(args.members)
        self._after = args.after
        self._book = self._address_book(name, args, domains)
        self._chains = [self._link(chain) for chain in args.chains]
        self.profile, self.profile_state = self._chains[0].profile, self._chains[0].state
        self.joined = [self._join(each) for each in self._chains if each.chain.populated]
        self.register_outputs({"profileState": self.profile_state})

    def _say_what_changes(self, args: MimecastTenantArgs) -> None:
        tenant = args.live.value
        if tenant is None:
            say(args.live.states("Which domains and addresses would change"), self)
        else:
            check_only = args.addresses.source is AddressSource.SYNCHRONISED
            for statement in (
                *live_tenant.domain_statements(tenant, args.domains),
                *live_tenant.address_statements(tenant, args.people, check_only=check_only),
            ):
                say(statement, self)
        for statement in args.sign_ins:
            say(statement, self)

    def _domains(self, args: MimecastTenantArgs) -> _Domains:
        made = _Domains()
        for wanted in args.domains:
            domain = DomainResource(
                f"domain-{wanted.name}",
                domain=wanted.name,
                mode=wanted.mode.value,
                inbound_type=wanted.inbound_type.value,
                opts=pulumi.ResourceOptions(parent=self),
            )
            verification = DomainVerification(
                f"verification-{wanted.name}",
                domain=domain.domain,
                proof_value=domain.proofValue,
                publish=args.dns.publish,
                opts=pulumi.ResourceOptions(parent=self),
            )
            made.states[wanted.name] = verification.state
            made.proofs[wanted.name] = pulumi.Output.all(
                name=domain.proofName, type=domain.proofType, value=domain.proofValue
            ).apply(_proof_record)
            made.verifications.append(verification)
        return made

    def _address_book(self, name: str, args: MimecastTenantArgs, domains: _Domains) -> AddressBook:
        check_only = args.addresses.source is AddressSource.SYNCHRONISED
        wanted = {person.address: {"name": ""} if check_only else _entry(person) for person in args.people}

        def in_verified_domains(states: dict[str, str]) -> dict[str, dict[str, str]]:
            waiting = {
                address: None
                for address in wanted
                if states.get(domain_of(address), "verified") != "verified"
            }
            if waiting:
                pulumi.log.warn(
                    f"On hold until their domain is verified, {count(len(waiting), 'address')}: "
                    f"{enumerate_some(list(waiting))}. Publish the proof record and rerun.",
                    resource=self,
                )
            return {address: entry for address, entry in wanted.items() if address not in waiting}

        return AddressBook(
            f"{name}-addresses",
            addresses=pulumi.Output.all(**domains.states).apply(in_verified_domains),
            on_removal=args.addresses.on_removal.value,
            adopt=sorted(args.addresses.adopt),
            check_only=check_only,
            opts=pulumi.ResourceOptions(parent=self, depends_on=domains.verifications),
        )

    def _link(self, chain: Chain) -> _Linked:
        group = Group(
            f"{self._name}-roll-out{_suffix(chain.lane)}",
            description=chain.group,
            opts=pulumi.ResourceOptions(parent=self),
        )
        form = dict(chain.form) | {"group": group.description}
        profile = AuthenticationProfile(
            f"{self._name}-profile{_suffix(chain.lane)}",
            form=form,
            thumbprint=chain.thumbprint,
            confirmed=chain.confirmed,
            evidence=chain.evidence,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Computed here as well as by the provider: a dynamic provider's outputs are unknown in previews, and
        # people must see there whether anybody's sign-in would change.
        state = pulumi.Output.all(form=form, thumbprint=chain.thumbprint).apply(
            lambda known: attestation.state(
                known["form"], known["thumbprint"], chain.confirmed, chain.evidence
            )
        )
        if not chain.idle:
            state.apply(lambda state: self._tell(state, chain))
        self._warn_of_lock_outs(chain.form)
        return _Linked(chain, group, profile, state)

    def _join(self, linked: _Linked) -> GroupMembership:
        return self._membership(
            linked, self._members, linked.state.apply(lambda state: state not in OPENS), [self._book]
        )

    @property
    def trusted(self) -> pulumi.Output[dict[str, str]]:
        """The thumbprints that Mimecast is attested to trust, each with how that is known."""
        chains = [(each.chain, each.state, each.chain.thumbprint) for each in self._chains]
        return pulumi.Output.all(*(pulumi.Output.all(state, made) for _, state, made in chains)).apply(
            lambda known: {
                made: f"{state}: {attestation.attested_by(chain.confirmed)}"
                for (chain, _, _), (state, made) in zip(chains, known, strict=True)
                if made and state in OPENS and chain.confirmed
            }
        )

    def leave(self, after: Sequence[pulumi.Resource]) -> list[GroupMembership]:
        """Takes people out of the groups that they are not to be in, once ``after`` is done; these memberships.

        As long as the profile that they go to is not known to be set, they stay: nobody falls between two groups.
        """
        members = self.profile_state.apply(lambda state: [] if state in OPENS else self._members)
        # Held: nobody is added to a group that they are to leave, and whoever is in it stays while they must.
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
            f"{self._name}-roll-out{_suffix(linked.chain.lane)}",
            group=linked.group.description,
            members=members,
            hold=hold,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*after, *self._after, linked.profile]),
        )

    def _warn_of_lock_outs(self, form: Mapping[str, pulumi.Input[str | bool]]) -> None:
        """Boxes that reach further than the portal are a warning in every run; the rest stands on the run sheet."""
        further = ("enforceAdministrationConsole", "enforceEndUserApplications")
        if any(form[key] is True for key in further):
            boxes = {key: value for key, value in form.items() if isinstance(value, bool)}
            for warning in run_sheet.lock_out_warnings(boxes):
                pulumi.log.warn(f"Lock-out: {warning}", resource=self)

    def _tell(self, state: str, chain: Chain) -> None:
        waiting = people(len(self._members) if chain.populated else 0)
        command = f" --profile {chain.lane}" if chain.lane is Lane.SECOND else ""
        if state in OPENS:
            if not chain.populated:
                pulumi.log.info(f"The {_ordinal(chain.lane)}authentication profile is set.", resource=self)
        elif state != "due":
            pulumi.log.warn(
                f"The {_ordinal(chain.lane)}authentication profile is {state}: {_WHY[state]} Nobody is removed from "
                f"the roll-out group, and nobody is added until it is confirmed again (mimecast-sso "
                f"run-sheet{command}, then confirm).",
                resource=self,
            )
        else:
            pulumi.log.warn(
                f"Console work is due: the {_ordinal(chain.lane)}authentication profile and its application settings "
                f"are set by an administrator from the run sheet (mimecast-sso run-sheet{command}), then confirmed "
                f"(mimecast-sso confirm{command}). Until then nobody is added to the roll-out group; {waiting} "
                f"{'waits' if waiting.startswith('1 ') else 'wait'}.",
                resource=self,
            )


def _suffix(lane: Lane) -> str:
    # The first has none: that is its name in people's state.
    return "-second" if lane is Lane.SECOND else ""


def _ordinal(lane: Lane) -> str:
    return "second " if lane is Lane.SECOND else ""


_WHY = {
    "stale": "the console changed after the confirmation, or that is too old.",
    "contradicted": "a sign-in request that Mimecast sent is not as confirmed.",
}


def _proof_record(record: Mapping[str, Any]) -> dict[str, Any]:
    proof: dict[str, Any] = {key: str(record[key] or "") for key in ("name", "type", "value")}
    if not proof["value"]:
        return proof
    alternative = {
        "name": cname_name(proof["name"], proof["value"]),
        "type": CNAME_TYPE,
        "value": CNAME_TARGET,
    }
    return proof | {"alternative": alternative}


def _entry(person: Address) -> dict[str, str]:
    entry = {"name": person.name or ""}
    if person.password_version:
        entry["passwordVersion"] = person.password_version
    return entry
