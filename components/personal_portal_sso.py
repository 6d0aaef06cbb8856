"""The whole: single sign-on between Entra ID and the Mimecast Personal Portal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pulumi

from components.gallery_application import (
    GalleryApplication,
    GalleryApplicationArgs,
    find_owners,
)
from components.messages import say
from components.mimecast_tenant import Chain, MimecastTenant, MimecastTenantArgs
from components.signing_certificates import SigningCertificates, SigningCertificatesArgs
from mimecast_sso.assessment import (
    application_owners,
    certificate_expiry,
    gallery_template,
    live_application,
    people,
)
from mimecast_sso.assessment.adoption import Adoption, Wanted
from mimecast_sso.assessment.guards.situation import Situation
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.survey import Survey
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.console.form import console_form
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.settings import (
    REFUSED,
    Certificates,
    Lane,
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
    """Settings, the project's folder (other stacks' files are in it), the day guards count, and what is there."""

    settings: Settings
    root: Path
    today: date
    survey: Survey


class PersonalPortalSso(pulumi.ComponentResource):
    """Both sides of the tutorial, in its order: application, certificate, profile, addresses, assignments."""

    outputs: dict[str, pulumi.Input[Any]]
    """What the stack exports."""

    def __init__(
        self, name: str, args: PersonalPortalSsoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:index:PersonalPortalSso", name, None, opts)
        self._settings = args.settings
        settings = args.settings
        _refuse_shared_domains(settings, args.root)
        survey = args.survey
        cloud, deployer = survey.cloud, survey.deployer
        users, groups = survey.users, survey.groups
        self._say_who_is_assigned(survey)
        owners = find_owners(settings.application)
        self._say_what_the_tile_does()
        protect = not settings.overrides("allow-destroy", args.today)
        self._say_which_template_is_kept(survey.situation, protect=protect)
        adoption = self._adoption(survey, owners)
        application = GalleryApplication(
            name,
            GalleryApplicationArgs(
                application=settings.application,
                template_id=adoption.template_id if adoption else survey.situation.template,
                identifier=settings.identifier,
                sign_on_url=settings.sign_on_url,
                reply_urls=_reply_urls(settings),
                owners=list(dict.fromkeys((deployer.object_id, *owners))),
                application_owners=self._application_owners(survey, owners, adoption),
                users=users,
                groups=groups,
                assign=settings.assign.mode,
                protect=protect,
                adoption=adoption,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        certificates = SigningCertificates(
            "signing-certificate",
            SigningCertificatesArgs(settings.certificates, application.service_principal, adoption),
            pulumi.ResourceOptions(parent=self),
        )
        addresses = survey.addresses
        entra = _EntraValues(cloud, deployer.tenant_id, application.client_id, certificates)
        tenant = MimecastTenant(
            "mimecast",
            MimecastTenantArgs(
                domains=settings.domains,
                dns=settings.dns,
                addresses=settings.addresses,
                people=addresses,
                members=survey.situation.wanted,
                chains=[self._chain(lane, entra, args.today) for lane in _lanes(settings.certificates)],
                live=survey.mimecast,
                after=[application],
            ),
            pulumi.ResourceOptions(parent=self),
        )
        # Where people move between two groups: first they join, then Entra changes, then they leave.
        two = len(settings.certificates.lanes) > 1
        active = certificates.activate(
            tenant.profile_state.apply(lambda state: state in OPENS), after=tenant.joined if two else ()
        )
        certificates.retire(after=[active, *tenant.leave(after=[active])])
        self.outputs = self._outputs(entra, tenant, [person.address for person in addresses])
        self.outputs["signingCertificateThumbprint"] = active.activeThumbprint
        live = certificate_expiry.of(survey.situation.principal, survey.entra_now)
        tenant.trusted.apply(lambda trusted: live.say(trusted, self))
        self.outputs["certificateExpiryMark"] = certificates.active.end_date.apply(live.mark)
        self.register_outputs({})

    def _adoption(self, survey: Survey, owners: dict[str, str]) -> Adoption | None:
        """The application to take over, if any; says what would change, and what `verify` finds."""
        settings = self._settings
        names = {user.object_id: user.address for user in survey.users} | {
            group.object_id: group.name for group in survey.groups
        }
        if settings.application.adopt is None:
            for statement in live_application.check(shared_client, settings, names):
                say(statement, self)
            return None
        wanted = _wanted(settings, survey.deployer.object_id, owners, names)
        try:
            adoption, findings = live_application.adopt(
                shared_client(), settings.application.adopt, wanted, survey.cloud
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

    def _application_owners(
        self, survey: Survey, configured: Collection[str], adoption: Adoption | None
    ) -> dict[str, str | None]:
        deployed, principal = survey.situation.deployed.value, survey.situation.principal.value
        recorded = deployed.owners if deployed else None
        if not configured and not recorded:
            return {}  # Nothing is asked for those who configure no owners.
        if adoption:
            live: Registration | None = adoption.live.registration
        else:
            live = live_application.registration(shared_client(), principal.client_id) if principal else None
        return application_owners.declared(configured, survey.deployer.object_id, live, recorded)

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

    def _say_which_template_is_kept(self, situation: Situation, *, protect: bool) -> None:
        there, wanted = situation.principal.value, situation.other_template
        if there is None or not wanted or not protect:
            return  # Not protected, it is replaced: guard allow-destroy says for whom.
        people = len(situation.everybody) if situation.members.is_known else None
        say(gallery_template.kept_entry(there.client_id, there.template_id, wanted, people), self)

    def _say_who_is_assigned(self, survey: Survey) -> None:
        live, own = survey.mimecast, survey.situation.own_addresses
        expected = {*live.addresses, *own} if isinstance(live, LiveTenant) else None
        found = people.sort(survey.situation.assigned, expected)
        for statement in people.statements(found, survey.groups, mimecast_read=expected is not None):
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
            issuer=entra.issuer,
            login_url=entra.login_url,
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
            "issuer": entra.issuer,
            "loginUrl": entra.login_url,
            "logoutUrl": entra.login_url,
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
            "myAppsUrl": entra.cloud.my_apps_url,
        }


@dataclass(frozen=True, slots=True)
class _EntraValues:
    cloud: Cloud
    tenant_id: str
    client_id: pulumi.Output[str]
    certificates: SigningCertificates

    @property
    def issuer(self) -> str:
        return self.cloud.issuer(self.tenant_id)

    @property
    def login_url(self) -> str:
        return self.cloud.login_url(self.tenant_id)

    @property
    def metadata_url(self) -> pulumi.Output[str]:
        return self.client_id.apply(lambda client_id: self.cloud.metadata_url(self.tenant_id, client_id))


def _wanted(settings: Settings, deployer: str, owners: dict[str, str], people: dict[str, str]) -> Wanted:
    application = settings.application
    return Wanted(
        display_name=application.display_name,
        identifier=settings.identifier,
        reply_urls=_reply_urls(settings),
        sign_on_url=settings.sign_on_url if application.sign_on is SignOn.SERVICE_PROVIDER else "",
        assignment_required=application.assignment_required,
        hide=application.hide,
        owners=owners,
        deployer=deployer,
        notification_emails=application.notification_emails,
        claims=application.claims,
        assign=settings.assign.mode,
        people=people,
        generations=settings.certificates.generations,
    )


def _listed(names: list[str]) -> list[str]:
    """For an output, which the engine prints at the end of every run: of very many, the first ones and the count."""
    return names if len(names) <= _MOST_LISTED else [*names[:20], f"and {len(names) - 20} more"]


def _reply_urls(settings: Settings) -> list[str]:
    if settings.application.sign_on is SignOn.IDENTITY_PROVIDER:
        return [settings.region_facts.idp_initiated_reply_url, settings.reply_url]
    return [settings.reply_url]


def _refuse_shared_domains(settings: Settings, root: Path) -> None:
    problems = domains_elsewhere(settings, pulumi.get_stack(), root / "stacks")
    if problems:
        raise pulumi.RunError("\n".join(problems))


def _lanes(certificates: Certificates) -> list[Lane]:
    """That of the active generation first."""
    active = certificates.active_generation.profile
    return sorted(certificates.lanes, key=lambda lane: lane is not active)
