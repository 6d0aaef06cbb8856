"""What the configuration asks for, resolved against a snapshot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mimecast_sso.assessment.adoption import Adoption, Unrecorded, matching
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.sign_in import Endpoints
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.console import attestation
from mimecast_sso.console.form import console_form
from mimecast_sso.console.source import AttestedProfiles, ConsoleForm, ProfileSource, Slot, previous_form
from mimecast_sso.facts.attestation_documents import EvidenceDocument
from mimecast_sso.settings import Ownership, ProfileSlot, RotationMode, Settings, SignOn
from mimecast_sso.text.times import utc_text, utc_time
from providers.entra.applications import Assigned, LiveApplication, Policy

NEW_CERTIFICATE = "NEW"
"""Stands for the thumbprint of a certificate that the run creates."""


@dataclass(frozen=True)
class Desired:
    """What the configuration asks for, resolved against the snapshot.

    Attributes:
        addresses: The addresses of the configured source, in normal form.
        members: The desired members of the roll-out group once the profile is attested, sorted.
        principals: Object ids of the configured users and groups.
        destroys: Whether everything that the stack recorded is deleted instead.
    """

    settings: Settings
    snapshot: Snapshot
    addresses: tuple[str, ...]
    members: tuple[str, ...]
    principals: frozenset[str]
    destroys: bool = False

    @property
    def record(self) -> Record:
        """What the last deployment recorded."""
        return self.snapshot.recorded

    @property
    def endpoints(self) -> Endpoints:
        """Mimecast's identifier and URLs for this account."""
        return Endpoints.of(self.settings.region_facts, self.settings.account_code)

    @property
    def reply_urls(self) -> tuple[str, ...]:
        """Reply URLs. The first receives the sign-ins that start in My Apps (``signOn: idp``)."""
        settings = self.settings
        if settings.application.sign_on is SignOn.IDENTITY_PROVIDER:
            return (settings.region_facts.idp_initiated_reply_url, settings.reply_url)
        return (settings.reply_url,)

    @property
    def sign_on_url(self) -> str:
        """The URL that the My Apps tile opens; "" if Entra responds at once."""
        settings = self.settings
        return settings.sign_on_url if settings.application.sign_on is SignOn.SERVICE_PROVIDER else ""

    @property
    def default_reply_url(self) -> str:
        """The default reply URL that the run states; "" for none."""
        return "" if self.sign_on_url else self.reply_urls[0]

    # -- The console ------------------------------------------------------------------------------------------------

    def thumbprint(self, slot: ProfileSlot) -> str | None:
        """Thumbprint of the certificate in a slot's form; "" for none; ``None`` until the certificate exists."""
        certificates = self.settings.certificates
        generation = certificates.of_slot(slot)
        if certificates.rotation is RotationMode.METADATA or generation is None:
            return ""
        return self.thumbprint_of(generation.label)

    def thumbprint_of(self, label: str) -> str | None:
        """Thumbprint of a generation's certificate; ``None`` until it exists."""
        recorded = self.record.thumbprints.get(label)
        if recorded and self.replaces_certificate(label):
            return None
        application = self.application
        if recorded or application is None:
            return recorded
        certificates = application.certificates
        if self.settings.application.adopt:
            adopted = matching(certificates.certificates, self.settings.certificates.generation(label))
            return adopted.thumbprint if adopted else None
        if self.snapshot.record.is_known:
            return None  # A certificate that is not recorded is not found again: the run creates another one.
        live = certificates.labelled(label)
        return live[0].thumbprint if live else None

    def replaces_certificate(self, label: str) -> bool:
        """Whether a generation's recorded certificate has another expiry, so that the run replaces it."""
        end = utc_time(self.settings.certificates.generation(label).end_date)
        return not self.record.keeps_certificate(label, end)

    def form(self, slot: ProfileSlot) -> ConsoleForm | None:
        """The desired forms of a slot; ``None`` until its certificate exists."""
        thumbprint = self.thumbprint(slot)
        return None if thumbprint is None else self._form(slot, thumbprint)

    def eventual_form(self, slot: ProfileSlot) -> ConsoleForm | None:
        """The forms that the console finally holds, including those with a certificate that does not exist yet."""
        form = self.form(slot)
        awaited = form is None and self.settings.certificates.of_slot(slot) is not None
        return self._form(slot, NEW_CERTIFICATE) if awaited else form

    def _form(self, slot: ProfileSlot, thumbprint: str) -> ConsoleForm:
        snapshot = self.snapshot
        values = console_form(
            self.settings,
            slot,
            issuer=snapshot.issuer,
            login_url=snapshot.login_url,
            # Not critical, or (the certificate) represented by its thumbprint.
            metadata_url="",
            certificate="",
        )
        return ConsoleForm(values, thumbprint)

    def opens(self, slot: ProfileSlot) -> bool:
        """Whether the program adds people to a slot's group: its desired forms are attested in the stack file."""
        profile, form = self.settings.authentication_profile, self.form(slot)
        confirmed = profile.confirmed_of(slot)
        if form is None or confirmed is None:
            return False
        state = attestation.state(form.values, form.thumbprint, confirmed.document(), self.evidence(slot))
        return state in attestation.OPENS

    def evidence(self, slot: ProfileSlot) -> EvidenceDocument | None:
        """The evidence about a slot's profile since its attestation, which may be about a group that is gone."""
        now, recorded = self.snapshot.mimecast_now, self.record.groups.get(slot)
        created = recorded.created_at if recorded else ""
        if recorded is None and slot in self.snapshot.gone_groups:
            created = utc_text(now)  # By this run.
        profile = self.settings.authentication_profile
        return profile.known(now.date(), slot, group_created=created)

    @cached_property
    def console(self) -> ProfileSource:
        """What the console holds."""
        return AttestedProfiles({slot: self._slot(slot) for slot in ProfileSlot})

    def _slot(self, slot: ProfileSlot) -> Slot:
        recorded = self.record.profiles.get(slot)
        confirmed = self.settings.authentication_profile.confirmed_of(slot)
        return Slot(
            desired=self.form(slot),
            recorded=ConsoleForm(recorded.form, recorded.thumbprint) if recorded else None,
            previous=previous_form(recorded.previous) if recorded else None,
            confirmed=confirmed.document() if confirmed else None,
            recorded_confirmed=recorded.confirmed if recorded else None,
            live=self._live_forms(slot),
            due=recorded is None or recorded.state == "due",
            taken_over=bool(self.settings.application.adopt) and bool(self._not_added(slot)),
        )

    def _live_forms(self, slot: ProfileSlot) -> tuple[ConsoleForm, ...]:
        thumbprints = self.application.certificates.thumbprints if self.application else ()
        return tuple(self._form(slot, each) for each in sorted(thumbprints))

    def _not_added(self, slot: ProfileSlot) -> frozenset[str]:
        """Members of a slot's group that this stack is not known to have added."""
        return (self.snapshot.members(slot) or frozenset()) - self.record.membership(slot).added

    # -- Entra ------------------------------------------------------------------------------------------------------

    @property
    def application(self) -> LiveApplication | None:
        """The application that the run manages, if it exists."""
        own, reached = self.snapshot.own.value, self.snapshot.application.value
        return own or (reached if self.works_on_reached else None)

    @property
    def works_on_reached(self) -> bool:
        """Whether the application that receives sign-ins is this stack's own or adopted; it may be without a record."""
        reached, recorded = self.snapshot.application.value, self.record.application
        if reached is None or not self.snapshot.record.is_known:
            return reached is not None
        mine = {recorded.client_id.lower()} if recorded else set()
        if self.settings.application.adopt:
            mine.add(self.settings.application.adopt)
        return reached.client_id.lower() in mine

    @property
    def lost_principal(self) -> bool:
        """Whether the recorded service principal no longer exists, or another one does instead of it."""
        recorded, own = self.record.principal, self.snapshot.own
        if recorded is None or not recorded.object_id or not own.is_known or self.adopts_successor:
            return False
        return own.value is None or own.value.principal_id != recorded.object_id

    @property
    def adopts_successor(self) -> bool:
        """Whether the recorded application no longer exists, and the configuration adopts another instead.

        One without a recorded client id was not looked for, so it may exist.
        """
        recorded, own = self.record.application, self.snapshot.own.value
        if recorded is None or own is None or not recorded.client_id:
            return False
        return own.client_id.lower() != recorded.client_id.lower()

    @property
    def gone_assignments(self) -> frozenset[str]:
        """Object ids of users and groups with a recorded assignment that is neither configured nor live.

        Entra deletes an assignment with its user or group. The engine fails to delete it once more, unless the run
        refreshes first.
        """
        if self.application is None or self.settings.assign.mode is not Ownership.MANAGE:
            return frozenset()
        live = {each.principal_id for each in self.application.assigned}
        return self.record.deletable_assignments - self.principals - live

    @property
    def left_assignments(self) -> tuple[Assigned, ...]:
        """Live assignments of former deployments that are not configured and that this run forgets without deleting.

        A person has managed them since ``assign.mode`` was ``verify``.
        """
        if self.application is None or self.settings.assign.mode is not Ownership.MANAGE or self.destroys:
            return ()
        left = self.record.assignments.keys() - self.record.deletable_assignments - self.principals
        return tuple(each for each in self.application.assigned if each.principal_id in left)

    @property
    def foreign_policy(self) -> Policy | None:
        """A claims policy that was assigned outside this stack, where the run manages the claims and does not adopt it.

        Entra allows one for each service principal, so the run cannot assign its own beside it.
        """
        application, recorded = self.application, self.record.policy
        configured = self.settings.application
        if application is None or configured.adopt or configured.claims is not Ownership.MANAGE:
            return None
        policies = application.policies or ()
        return next((each for each in policies if recorded is None or not recorded.is_live(each)), None)

    @property
    def unrecorded(self) -> Unrecorded:
        """What exists of the recorded application, and is not recorded."""
        live, record = self.application, self.record
        if live is None or record.application is None or self.adopts_successor:
            return Unrecorded()
        ids, policy, identifier = Adoption(live), record.policy, self.settings.identifier
        own = [each for each in live.policies or () if policy is not None and policy.is_live(each)]
        return Unrecorded(
            identifier=ids.identifier(identifier) if identifier not in record.identifiers else None,
            reply_urls=ids.reply_urls if record.reply_urls is None else None,
            policy_assignment=(
                f"{ids.service_principal}/claimsMappingPolicies/{own[0].policy_id}"
                if own and policy is not None and not policy.assigned
                else None
            ),
        )

    @property
    def recreated_assignments(self) -> tuple[Assigned, ...]:
        """Live assignments whose recorded predecessor was deleted: an engine knows only that one.

        A run that refreshes forgets the recorded one and would create it once more, which Entra refuses.
        """
        live, recorded = self.application, self.record.assignments
        assigned = live.assigned if live else ()
        ids = {each.assignment_id for each in assigned}
        gone = {key for key, each in recorded.items() if each.assignment_id and each.assignment_id not in ids}
        return tuple(each for each in assigned if each.principal_id in gone)

    @property
    def other_template(self) -> str:
        """The configured gallery entry if the application was created from a different one; else ""."""
        application, chosen = self.application, self.snapshot.template
        if application is None or application.template_id in ("", chosen):
            return ""
        return chosen

    @property
    def replaces_application(self) -> bool:
        """Whether the application would be replaced by one of another gallery entry."""
        overridden = self.settings.overrides("allow-destroy", self.snapshot.entra_now.date())
        return bool(self.other_template) and overridden and self.record.application is not None
