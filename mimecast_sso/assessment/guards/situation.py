"""What is there before a run, and what the run would do to people's sign-in. Pure: nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.people import Person
from mimecast_sso.console import attestation
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.console.form import console_form
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.provenance import How, Known, Statement
from mimecast_sso.settings import Confirmed, Lane, Ownership, RotationMode, Settings
from providers.entra.signing_certificates import SigningCertificate, SigningCertificates
from providers.mimecast.accounts import Account


@dataclass(frozen=True, slots=True)
class Principal:
    """The service principal that has the wanted identifier, as Entra shows it at ``now`` (its own time)."""

    object_id: str
    client_id: str
    template_id: str
    enabled: bool
    assignment_required: bool
    certificates: SigningCertificates
    assigned: frozenset[str]
    """Object ids of assigned users and groups."""
    now: datetime

    @property
    def signing(self) -> SigningCertificate | None:
        """The certificate that signs now."""
        return self.certificates.active(self.now)


@dataclass(frozen=True, slots=True)
class Strangers:
    """People of the roll-out whom the configuration does not assign.

    ``found`` are those whom Entra knows by mail address; ``assigned`` the object ids of those who are assigned all
    the same, by another hand, also after the run.
    """

    found: tuple[Person, ...] = ()
    assigned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the last deployment made, from the stack's state."""

    identifier: str
    account_code: str
    region: str
    issuer: str
    active: str
    """Thumbprint of the certificate that signed afterwards."""
    assigned: frozenset[str]
    """Object ids of the users and groups that this stack assigned."""
    owners: frozenset[str] = frozenset()
    """Object ids of the owners of the application object that this stack recorded."""


@dataclass(frozen=True)
class Situation:
    """Everything that the guards decide from. ``wanted`` are the addresses of the roll-out, sorted."""

    settings: Settings
    today: date
    cloud: Cloud
    tenant_id: str
    account: Known[Account]
    members: Known[Mapping[Lane, frozenset[str]]]
    """Of each lane's roll-out group; addresses, and whole domains as ``@example.com``."""
    principal: Known[Principal]
    """Known without a value: Entra has none with this identifier."""
    mimecast: Known[LiveTenant]
    assigned: tuple[Person, ...]
    """Users and direct members of groups whom the configuration assigns."""
    assigned_ids: frozenset[str]
    """Object ids of the configured users and groups."""
    own_addresses: frozenset[str]
    """Addresses that this stack makes sure are at Mimecast."""
    wanted: tuple[str, ...]
    strangers: Known[Strangers]
    deployed: Known[Deployed]
    template: str = ""
    """Id of the gallery entry that the configuration leads to; "" where an application is adopted."""

    # -- Who is affected --------------------------------------------------------------------------------------

    @property
    def enforces(self) -> bool:
        """Whether the profile makes anybody sign in through Entra."""
        boxes = self.settings.authentication_profile.enforce
        return boxes.personal_portal or boxes.end_user_applications or boxes.administration_console

    @property
    def everybody(self) -> frozenset[str]:
        """Who is in a roll-out group, as far as that is known."""
        groups = (self.members.value or {}).values()
        return frozenset(address for group in groups for address in group)

    @property
    def other_template(self) -> str:
        """The configured gallery entry, where the application that is there was made from another; else ""."""
        there = self.principal.value
        if there is None or there.template_id in ("", self.template):
            return ""
        return self.template

    @cached_property
    def opening(self) -> Mapping[Lane, str]:
        """The lanes that this run lets people into, each with the thumbprint that Mimecast is attested to trust.

        A lane whose certificates cannot be read is taken for open, with "": then nothing says that it is closed.
        """
        lanes = self.settings.certificates.populated
        return {lane: thumbprint for lane in lanes for thumbprint in self._trusted(lane)}

    @cached_property
    def added(self) -> tuple[str, ...]:
        """Who would newly sign in through Entra, and by nothing else, sorted."""
        if not self.enforces or not self.opening:
            return ()
        return tuple(address for address in self.wanted if not self._covers(address))

    @cached_property
    def staying(self) -> tuple[str, ...]:
        """Who signs in through Entra now and afterwards, as far as that is known, sorted."""
        if not self.enforces:
            return ()
        return tuple(address for address in self.wanted if self._covers(address))

    @cached_property
    def stranded(self) -> tuple[str, ...]:
        """Blue/green: who would depend on a profile whose group they are not in yet, sorted.

        That is so where Entra would change to another certificate, or people would leave a group, before they are in
        the group of the profile that holds the active certificate: it takes Mimecast minutes to see them there.
        """
        certificates = self.settings.certificates
        lane = certificates.active_generation.profile
        trusted, groups = self.opening.get(lane), self.members.value
        if certificates.rotation is not RotationMode.BLUE_GREEN or not trusted or groups is None:
            return ()
        signing = self.principal.value.signing if self.principal.value else None
        activates = signing is None or signing.thumbprint != trusted
        if not activates and lane.other in certificates.populated:
            return ()
        moving = groups.get(lane.other, frozenset()) - groups.get(lane, frozenset())
        return tuple(sorted(moving & set(self.wanted)))

    @property
    def removed(self) -> frozenset[str]:
        """Object ids of the users and groups whose assignment this run takes away, or may.

        Assignments of another hand stay. Whose they are is unknown without the stack's state.
        """
        if self.principal.value is None or self.settings.assign.mode is not Ownership.MANAGE:
            return frozenset()
        gone = self.principal.value.assigned - self.assigned_ids
        return gone & self.deployed.value.assigned if self.deployed.value else gone

    @property
    def signing(self) -> SigningCertificate | None:
        """The certificate that signs after the run, as far as that is known.

        A run activates the confirmed one only where the last deployment left another active: what somebody else
        activated since, it does not see.
        """
        principal, deployed = self.principal.value, self.deployed.value
        if principal is None:
            return None
        wanted = self.opening.get(self.settings.certificates.active_generation.profile)
        made = principal.certificates.get(wanted) if wanted else None
        if made and deployed and deployed.active != wanted and made.is_valid(principal.now):
            return made
        return principal.signing

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Addresses about which Entra has to be asked: nobody whom the configuration assigns has them."""
        mails = {person.mail.lower() for person in self.assigned}
        asked = (*self.added, *(self.staying if self.removed else ()))
        return tuple(address for address in asked if address not in mails)

    def _covers(self, address: str) -> bool:
        return address in self.everybody or f"@{address.rpartition('@')[2]}" in self.everybody

    def _trusted(self, lane: Lane) -> Iterator[str]:
        confirmed = self.settings.authentication_profile.confirmed_of(lane)
        if confirmed is None:
            return
        if not self.principal.is_known:
            yield ""
        elif self.principal.value is not None:
            candidates = self._certificates_of(lane, self.principal.value)
            yield from [print_ for print_ in candidates if self._opens(lane, print_, confirmed)][:1]

    def _certificates_of(self, lane: Lane, principal: Principal) -> list[str]:
        certificates = self.settings.certificates
        if certificates.rotation is RotationMode.METADATA:
            return [""]
        generation = certificates.of_lane(lane)
        made = principal.certificates.labelled(generation.label) if generation else ()
        return [certificate.thumbprint for certificate in made]

    def _opens(self, lane: Lane, thumbprint: str, confirmed: Confirmed) -> bool:
        form = console_form(
            self.settings,
            lane,
            issuer=self.cloud.issuer(self.tenant_id),
            login_url=self.cloud.login_url(self.tenant_id),
            # Not critical, or (the certificate) represented by its thumbprint.
            metadata_url="",
            certificate="",
        )
        state = attestation.state(
            form | {"group": self.settings.roll_out.group_of(lane)},
            thumbprint,
            confirmed.model_dump(),
            self.settings.authentication_profile.known(self.today, lane),
        )
        return state in OPENS

    # -- Inputs that several guards show ----------------------------------------------------------------------

    def group_input(self) -> Statement:
        """Who is in the roll-out group."""
        name = self.settings.roll_out.group
        if not self.members.is_known:
            return Statement(f"who is in the roll-out group “{name}”", How.UNKNOWN, self.members.source)
        return Statement(f"{len(self.everybody)} are in the roll-out group “{name}”", How.LIVE)

    def principal_input(self) -> Statement:
        """Whether Entra has a service principal with the wanted identifier."""
        name = self.settings.identifier
        if not self.principal.is_known:
            return Statement(f"the application with identifier {name}", How.UNKNOWN, self.principal.source)
        there = "has one" if self.principal.value else "has no"
        return Statement(f"Entra {there} application with identifier {name}", How.LIVE)

    def confirmation_inputs(self) -> list[Statement]:
        """Who said that the console holds the wanted values."""
        profile = self.settings.authentication_profile
        found = [(lane, profile.confirmed_of(lane)) for lane in self.opening]
        return [
            Statement(
                f"the {lane} authentication profile is set as wanted", How.ATTESTED, f"{said.by}, {said.at}"
            )
            for lane, said in found
            if said is not None
        ]
