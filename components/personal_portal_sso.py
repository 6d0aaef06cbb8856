"""The whole: single sign-on between Entra ID and the Mimecast Personal Portal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azuread as azuread
from pydantic import ValidationError

from components import live_tenant, people, roll_out
from components.gallery_application import GalleryApplication, GalleryApplicationArgs, find_template
from components.lookups import ask_or_stop
from components.mimecast_tenant import MimecastTenant, MimecastTenantArgs
from components.people import Person, Standing
from components.settings import Address, AddressSource, Ownership, Settings, SignOn, domains_elsewhere
from components.signing_certificates import SigningCertificates, SigningCertificatesArgs
from facts.entra import CLOUDS, Cloud
from providers.mimecast import MimecastError, from_environment
from providers.mimecast.authentication_profile import OPENS
from providers.mimecast.session import Session


@dataclass(frozen=True, slots=True)
class PersonalPortalSsoArgs:
    """Settings, the project's folder (files named in the settings are relative to it), and the day guards count."""

    settings: Settings
    root: Path
    today: date


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
        self._refuse_what_is_not_built()
        cloud = _cloud()
        deployer = ask_or_stop(
            "Entra could not be reached or refused the ARM_* credentials", azuread.get_client_config
        )
        users = people.find_users(settings.assign.users)
        self._say_who_cannot_sign_in(users)
        application = GalleryApplication(
            name,
            GalleryApplicationArgs(
                application=settings.application,
                template_id=find_template(settings.application, cloud),
                identifier=settings.identifier,
                sign_on_url=settings.sign_on_url,
                reply_urls=_reply_urls(settings),
                deployer_object_id=deployer.object_id,
                users=users,
                groups=people.find_groups(settings.assign.groups),
                assign=settings.assign.mode,
                protect=not settings.overrides("allow-destroy", args.today),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        certificates = SigningCertificates(
            "signing-certificate",
            SigningCertificatesArgs(settings.certificates, application.service_principal),
            pulumi.ResourceOptions(parent=self),
        )
        addresses = self._people(users, args.root)
        entra = _EntraValues(cloud, deployer.tenant_id, application.client_id, certificates)
        form = self._form(entra)
        tenant = MimecastTenant(
            "mimecast",
            MimecastTenantArgs(
                domains=settings.domains,
                dns=settings.dns,
                addresses=settings.addresses,
                people=addresses,
                roll_out=settings.roll_out,
                members=roll_out.members(settings.roll_out, [person.address for person in addresses]),
                form=form,
                thumbprint=certificates.thumbprint,
                confirmed=_confirmed(settings),
                evidence=settings.authentication_profile.known(args.today),
                live=_live(settings, addresses),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        signing = certificates.activate(tenant.profile_state.apply(lambda state: state in OPENS))
        self.outputs = self._outputs(entra, tenant, [person.address for person in addresses])
        self.outputs["signingCertificateThumbprint"] = signing
        self.register_outputs({})

    def _refuse_what_is_not_built(self) -> None:
        application, assign = self._settings.application, self._settings.assign
        if application.adopt:
            raise pulumi.RunError(
                "mimecast-sso:application.adopt is not built yet: an application cannot be taken over. Remove the key "
                "to have a new one made."
            )
        for key, mode, what in (
            ("application.claims", application.claims, "the NameID of this application"),
            ("assign.mode", assign.mode, "who is assigned"),
        ):
            if mode is Ownership.VERIFY:
                pulumi.log.warn(
                    f"mimecast-sso:{key} is verify: {what} is left to a person, and whether it is as configured is "
                    "not checked yet (unknown).",
                    resource=self,
                )

    def _say_who_cannot_sign_in(self, users: list[Person]) -> None:
        for person in users:
            if person.standing is not Standing.MEMBER:
                detail = f" ({person.mail})" if person.standing is Standing.OTHER_MAIL else ""
                pulumi.log.warn(f"{person.address}: {person.standing}{detail}", resource=self)

    def _people(self, users: list[Person], root: Path) -> list[Address]:
        settings = self._settings.addresses
        if settings.source is AddressSource.EXPLICIT:
            return list(settings.explicit)
        if settings.source is AddressSource.CSV:
            return list(settings.read_csv(root))
        # Assigned people; synchronised ones are the same people, whom the address book then only checks.
        usable = (self._address_of(person) for person in users if person.mail and person.enabled)
        return [address for address in usable if address]

    def _address_of(self, person: Person) -> Address | None:
        try:
            return Address(address=person.mail, name=person.display_name or None)
        except ValidationError as error:
            reason = str(error.errors()[0].get("ctx", {}).get("error", "is malformed"))
            pulumi.log.warn(f"{person.address} is left out: in Entra, mail or display name {reason}", self)
            return None

    def _form(self, entra: _EntraValues) -> dict[str, pulumi.Input[str | bool]]:
        wanted = self._settings.authentication_profile
        by_metadata = wanted.source == "metadata"
        return {
            "description": wanted.description,
            "enforceAdministrationConsole": wanted.enforce.administration_console,
            "enforcePersonalPortal": wanted.enforce.personal_portal,
            "enforceEndUserApplications": wanted.enforce.end_user_applications,
            "provider": wanted.provider,
            "metadataUrl": entra.metadata_url if by_metadata else "",
            "monitorMetadataUrl": by_metadata,
            "issuerUrl": entra.issuer,
            "loginUrl": entra.login_url,
            "logoutUrl": entra.login_url,
            "certificate": entra.certificates.body,
            "passwordProtectedContext": wanted.contexts.password_protected,
            "integratedAuthenticationContext": wanted.contexts.integrated,
            "allowSingleSignOn": wanted.allow_single_sign_on,
            "applicationSettings": wanted.application_settings,
            "settingsProfile": wanted.description,
        }

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
            "certificateThumbprint": entra.certificates.thumbprint,
            "certificateExpiry": entra.certificates.end_date,
            "domains": tenant.domain_states,
            "proofRecords": tenant.proof_records,
            "addresses": sorted(addresses),
            "authenticationProfile": {
                "description": settings.authentication_profile.description,
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


def _cloud() -> Cloud:
    name = os.environ.get("ARM_ENVIRONMENT", "public").lower()
    if name not in CLOUDS:
        raise pulumi.RunError(f"ARM_ENVIRONMENT is {name}; allowed are {', '.join(CLOUDS)}.")
    return CLOUDS[name]


def _reply_urls(settings: Settings) -> list[str]:
    if settings.application.sign_on is SignOn.IDENTITY_PROVIDER:
        return [settings.region_facts.idp_initiated_reply_url, settings.reply_url]
    return [settings.reply_url]


def _refuse_shared_domains(settings: Settings, root: Path) -> None:
    problems = domains_elsewhere(settings, pulumi.get_stack(), root / "stacks")
    if problems:
        raise pulumi.RunError("\n".join(problems))


def _live(settings: Settings, addresses: list[Address]) -> live_tenant.LiveTenant | MimecastError:
    try:
        client = from_environment(
            client_id=settings.mimecast_client_id or "",
            client_secret=str(settings.mimecast_client_secret or ""),
        )
        session = Session(client, settings.account_code, settings.region)
        return live_tenant.read(session, settings.domains, [person.address for person in addresses])
    except MimecastError as error:
        return error


def _confirmed(settings: Settings) -> dict[str, str] | None:
    confirmed = settings.authentication_profile.confirmed
    return confirmed.model_dump() if confirmed else None
