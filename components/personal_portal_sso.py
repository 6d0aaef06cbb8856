"""The whole: single sign-on between Entra ID and the Mimecast Personal Portal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pulumi

from components.gallery_application import GalleryApplication, GalleryApplicationArgs, LeftAlone
from components.messages import say
from components.mimecast_tenant import Chain, MimecastTenant, MimecastTenantArgs
from components.signing_certificates import SigningCertificates, SigningCertificatesArgs
from mimecast_sso.assessment import (
    application_owners,
    certificate_expiry,
    gallery_entry,
    live_application,
    people,
    sentences,
)
from mimecast_sso.assessment.adoption import Adoption
from mimecast_sso.assessment.assessment import Assessment, people_at_mimecast
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.console.form import console_form
from mimecast_sso.provenance import Known, live, unknown
from mimecast_sso.settings import (
    REFUSED,
    Certificates,
    Lane,
    Ownership,
    RotationMode,
    Settings,
    SignOn,
    domains_elsewhere,
)
from providers.entra.applications import Registration
from providers.entra.errors import GraphError
from providers.entra.graph import shared_client

_MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class PersonalPortalSsoArgs:
    """Settings, the project's folder (other stacks' files are in it), and what is known before the run."""

    settings: Settings
    root: Path
    assessment: Assessment


class PersonalPortalSso(pulumi.ComponentResource):
    """Both sides of the tutorial, in its order: application, certificate, profile, addresses, assignments."""

    outputs: dict[str, pulumi.Input[Any]]
    """What the stack exports."""

    def __init__(
        self, name: str, args: PersonalPortalSsoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:index:PersonalPortalSso", name, None, opts)
        self._settings = args.settings
        self._assessment = args.assessment
        settings, snapshot = args.settings, args.assessment.snapshot
        _refuse_shared_domains(settings, args.root)
        self._say_who_is_assigned()
        self._say_what_the_tile_does()
        self._say_which_entry_is_kept()
        owners = dict(snapshot.directory.owners)
        adoption = self._adoption(owners)
        application = self._application(name, owners, adoption)
        certificates = SigningCertificates(
            "signing-certificate",
            SigningCertificatesArgs(settings.certificates, application.service_principal, adoption),
            pulumi.ResourceOptions(parent=self),
        )
        entra = _EntraValues(snapshot, application.client_id, certificates)
        tenant = self._tenant(entra, application)
        # Where people move between two groups: first they join, then Entra changes, then they leave.
        two = len(settings.certificates.lanes) > 1
        active = certificates.activate(
            tenant.profile_state.apply(lambda state: state in OPENS), after=tenant.joined if two else ()
        )
        certificates.retire(after=[active, *tenant.leave(after=[active])])
        self.outputs = self._outputs(entra, tenant, list(args.assessment.desired.addresses))
        self.outputs["signingCertificateThumbprint"] = active.activeThumbprint
        tenant.trusted.apply(self._say_when_the_certificate_expires)
        self.outputs["certificateExpiryMark"] = certificates.active.end_date.apply(
            lambda end: certificate_expiry.mark(snapshot, end)
        )
        self.register_outputs({})

    def _application(
        self, name: str, owners: dict[str, str], adoption: Adoption | None
    ) -> GalleryApplication:
        settings, snapshot = self._settings, self._assessment.snapshot
        return GalleryApplication(
            name,
            GalleryApplicationArgs(
                application=settings.application,
                template_id=adoption.template_id if adoption else gallery_entry.template_id(self._assessment),
                identifier=settings.identifier,
                sign_on_url=settings.sign_on_url,
                reply_urls=self._assessment.desired.reply_urls,
                owners=list(dict.fromkeys((snapshot.deployer, *owners))),
                application_owners=application_owners.declared(
                    owners, snapshot.deployer, self._registration(owners, adoption), snapshot.recorded.owners
                )
                if owners or snapshot.recorded.owners
                else {},
                users=snapshot.directory.users,
                groups=snapshot.directory.groups,
                assign=settings.assign.mode,
                protect=not settings.overrides("allow-destroy", snapshot.entra_now.date()),
                adoption=adoption,
                left=_left(settings, snapshot),
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _registration(self, owners: Collection[str], adoption: Adoption | None) -> Registration | None:
        """The application object as it is, where owners are declared; None where it does not exist yet."""
        if adoption:
            return adoption.live.registration
        known = self._assessment.snapshot.own
        if owners and not known.is_known:
            raise pulumi.RunError(
                "mimecast-sso:application.owners: who owns the application could not be read, so nothing is changed: "
                f"{known.source}"
            )
        existing = self._assessment.desired.application
        return existing.registration if existing else None

    def _tenant(self, entra: _EntraValues, application: GalleryApplication) -> MimecastTenant:
        settings, snapshot, desired = self._settings, self._assessment.snapshot, self._assessment.desired
        today = snapshot.mimecast_now.date()
        return MimecastTenant(
            "mimecast",
            MimecastTenantArgs(
                domains=settings.domains,
                dns=settings.dns,
                addresses=settings.addresses,
                people=self._assessment.addresses,
                members=desired.members,
                chains=[self._chain(lane, entra, today) for lane in _lanes(settings.certificates)],
                live=_live_tenant(snapshot),
                sign_ins=sentences.everything(self._assessment, Instant.AFTERWARDS),
                after=[application],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _adoption(self, owners: dict[str, str]) -> Adoption | None:
        """The application to take over, if any; says what would change, and what `verify` finds."""
        settings, snapshot = self._settings, self._assessment.snapshot
        if settings.application.adopt is None:
            for statement in live_application.check(settings, snapshot):
                say(statement, self)
            return None
        names = {user.object_id: user.address for user in snapshot.directory.users} | {
            group.object_id: group.name for group in snapshot.directory.groups
        }
        wanted = live_application.wanted(self._assessment.desired, owners, names)
        try:
            adoption, findings = live_application.adopt(
                shared_client(), settings.application.adopt, wanted, snapshot.cloud
            )
        except live_application.CannotBeTakenOver as problem:
            raise pulumi.RunError(
                f"{REFUSED} adopt: application {settings.application.adopt} cannot be taken over.\n{problem}"
            ) from None
        except GraphError as error:
            raise pulumi.RunError(
                f"mimecast-sso:application.adopt: the application could not be read, so nothing is changed: {error}"
            ) from None
        say(live_application.report(adoption.live, findings), self)
        return adoption

    def _say_when_the_certificate_expires(self, trusted: Mapping[str, str]) -> None:
        statement = certificate_expiry.statement(self._assessment.snapshot, trusted)
        if statement:
            say(statement, self)

    def _say_what_the_tile_does(self) -> None:
        application = self._settings.application
        starts_in_my_apps = application.sign_on is SignOn.IDENTITY_PROVIDER
        if starts_in_my_apps and application.hide:
            pulumi.log.warn(
                "mimecast-sso:application has signOn idp and hide true: sign-ins start at the tile, and nobody sees "
                "it.",
                resource=self,
            )
        if starts_in_my_apps and not self._settings.authentication_profile.allow_single_sign_on:
            pulumi.log.warn(
                "mimecast-sso:application.signOn is idp, and authenticationProfile.allowSingleSignOn is false: "
                "Mimecast refuses the sign-ins that the tile starts.",
                resource=self,
            )
        if not application.assignment_required:
            pulumi.log.warn(
                "mimecast-sso:application.assignmentRequired is false: every account of the tenant, guests included, "
                "gets an assertion. Who gets in is then decided at Mimecast alone: whoever has an address there and is "
                "in the roll-out group.",
                resource=self,
            )

    def _say_which_entry_is_kept(self) -> None:
        statement = gallery_entry.kept(self._assessment)
        if statement:
            say(statement, self)

    def _say_who_is_assigned(self) -> None:
        assessment = self._assessment
        known = assessment.snapshot.addresses.is_known
        found = people.sort(assessment.assigned, {*people_at_mimecast(assessment)} if known else None)
        for statement in people.statements(found, assessment.snapshot.directory.groups, mimecast_read=known):
            say(statement, self)
        for statement in assessment.left_out:
            say(statement, self)

    def _chain(self, lane: Lane, entra: _EntraValues, today: date) -> Chain:
        certificates, profile = self._settings.certificates, self._settings.authentication_profile
        generation = certificates.of_lane(lane)
        made = entra.certificates.generations[generation.label] if generation else None
        if certificates.rotation is RotationMode.METADATA:
            made = None  # It comes by the metadata, and a change of it changes nothing of the form.
        confirmed = profile.confirmed_of(lane)
        return Chain(
            lane=lane,
            group=self._settings.roll_out.group_of(lane),
            form=self._form(lane, entra, made.body if made else ""),
            thumbprint=made.thumbprint if made else "",
            confirmed=confirmed.model_dump() if confirmed else None,
            evidence=profile.known(today, lane),
            populated=lane in certificates.populated,
            idle=generation is None,
        )

    def _form(
        self, lane: Lane, entra: _EntraValues, certificate: pulumi.Input[str]
    ) -> Mapping[str, pulumi.Input[str | bool]]:
        return console_form(
            self._settings,
            lane,
            issuer=entra.snapshot.issuer,
            login_url=entra.snapshot.login_url,
            metadata_url=entra.metadata_url,
            certificate=certificate,
        )

    def _outputs(
        self, entra: _EntraValues, tenant: MimecastTenant, addresses: list[str]
    ) -> dict[str, pulumi.Input[Any]]:
        settings = self._settings
        return {
            "region": settings.region,
            "accountCode": settings.account_code,
            "signOnUrl": settings.sign_on_url,
            "identifier": settings.identifier,
            "replyUrl": settings.reply_url,
            "issuer": entra.snapshot.issuer,
            "loginUrl": entra.snapshot.login_url,
            "logoutUrl": entra.snapshot.login_url,
            "federationMetadataUrl": entra.metadata_url,
            "applicationId": entra.client_id,
            "certificateThumbprint": entra.certificates.active.thumbprint,
            "certificateExpiry": entra.certificates.active.end_date,
            "domains": tenant.domain_states,
            "proofRecords": tenant.proof_records,
            "addresses": _listed(sorted(addresses)),
            "authenticationProfile": {
                "description": settings.authentication_profile.description_of(
                    settings.certificates.active_generation.profile
                ),
                "state": tenant.profile.state,
                "criticalFingerprint": tenant.profile.criticalFingerprint,
                "cosmeticFingerprint": tenant.profile.cosmeticFingerprint,
            },
            "myAppsUrl": entra.snapshot.cloud.my_apps_url,
        }


@dataclass(frozen=True, slots=True)
class _EntraValues:
    snapshot: Snapshot
    client_id: pulumi.Output[str]
    certificates: SigningCertificates

    @property
    def metadata_url(self) -> pulumi.Output[str]:
        tenant = self.snapshot
        return self.client_id.apply(lambda client_id: tenant.cloud.metadata_url(tenant.tenant_id, client_id))


def _left(settings: Settings, snapshot: Snapshot) -> LeftAlone:
    """What this stack recorded and now leaves to a person: it stays declared, so that the engine does not delete it.

    What somebody removed since is not declared again: that would create it.
    """
    record: Record = snapshot.recorded
    live = snapshot.own.value or snapshot.application.value
    if live is None:
        return LeftAlone()
    assigned = {each.principal_id for each in live.assigned}
    verifies = settings.assign.mode is Ownership.VERIFY
    kept = [each for each in record.assignments.values() if verifies and each.principal_id in assigned]
    there = live.policies is None or bool(live.policies)
    policy = record.policy if settings.application.claims is Ownership.VERIFY and there else None
    return LeftAlone(tuple(kept), policy)


def _live_tenant(snapshot: Snapshot) -> Known[LiveTenant]:
    if snapshot.domains.value is None or snapshot.addresses.value is None:
        return unknown(snapshot.domains.source or snapshot.addresses.source)
    return live(LiveTenant(snapshot.domains.value, snapshot.addresses.value))


def _listed(names: list[str]) -> list[str]:
    """For an output, which the engine prints at the end of every run: of very many, the first ones and the count."""
    return names if len(names) <= _MOST_LISTED else [*names[:20], f"and {len(names) - 20} more"]


def _refuse_shared_domains(settings: Settings, root: Path) -> None:
    problems = domains_elsewhere(settings, pulumi.get_stack(), root / "stacks")
    if problems:
        raise pulumi.RunError("\n".join(problems))


def _lanes(certificates: Certificates) -> list[Lane]:
    """That of the active generation first."""
    active = certificates.active_generation.profile
    return sorted(certificates.lanes, key=lambda lane: lane is not active)
