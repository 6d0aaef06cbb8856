"""The top component: single sign-on between Entra ID and the Mimecast Personal Portal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.account_for_tests import AccountForTests, AccountForTestsArgs
from components.gallery_application import GalleryApplication, GalleryApplicationArgs, LeftAlone
from components.mimecast_tenant import (
    AddressArgs,
    ChainArgs,
    DomainArgs,
    IntegrationArgs,
    MimecastTenant,
    MimecastTenantArgs,
    ProofRecord,
    PublishProof,
)
from components.signing_certificates import (
    ImportedCertificate,
    SigningCertificates,
    SigningCertificatesArgs,
)
from mimecast_sso.assessment import (
    application_owners,
    certificate_expiry,
    gallery_entry,
    live_application,
    live_tenant,
    people,
    program,
    sentences,
)
from mimecast_sso.assessment.adoption import Adoption, unrecorded_assignments
from mimecast_sso.assessment.assessment import Assessment, people_at_mimecast
from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.assessment.timeline import unassigned
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.console.form import console_form
from mimecast_sso.provenance import How, Known, Statement, live, unknown
from mimecast_sso.registration.large_values import whole
from mimecast_sso.registration.messages import say
from mimecast_sso.registration.requirements import once_met
from mimecast_sso.settings import (
    REFUSED,
    Address,
    AddressSource,
    Certificates,
    DirectorySynchronisation,
    Ownership,
    ProfileSlot,
    RotationMode,
    Settings,
    SignOn,
)
from mimecast_sso.text.foreign import quoted
from providers.entra.applications import Registration
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient, shared_client

_MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class PersonalPortalSsoArgs:
    """The arguments of a `PersonalPortalSso`.

    Attributes:
        assessment: The validated settings and the assessment before the run (`mimecast_sso.assessment.program.assess`).
        addresses: Further addresses, such as another resource's output: address → its desired state. They join the
            roll-out if ``rollOut.who`` chooses among all addresses. The forecast does not cover them, because their
            values exist only during the run.
        publish_proof: A function that declares a domain's proof record with a DNS provider of the program; without it,
            ``dns.publish`` decides.
        graph: A Graph client, if the ``ARM_*`` variables do not name the tenant of the azuread provider.
    """

    assessment: Assessment
    addresses: pulumi.Input[Mapping[str, pulumi.Input[AddressArgs]]] | None = None
    publish_proof: PublishProof | None = None
    graph: GraphClient | None = None


class PersonalPortalSso(pulumi.ComponentResource):
    """Both sides, in the tutorial's order: application, certificate, profile, addresses, assignments.

    A program may have several: each prefixes its children's names with its own, and uses the providers of its options
    (``ResourceOptions(providers=[…])``): an ``azuread.Provider``, and a `providers.tenants.TenantsProvider`.
    """

    application_id: pulumi.Output[str]
    """Client id of the application."""
    identifier: pulumi.Output[str]
    """Entity id that Mimecast uses towards Entra."""
    sign_on_url: pulumi.Output[str]
    """Page that starts a sign-in."""
    federation_metadata_url: pulumi.Output[str]
    """Entra's federation metadata of the application."""
    certificate_thumbprint: pulumi.Output[str]
    """SHA-1 of the active generation's certificate, 40 hexadecimal digits in capitals."""
    certificate_expiry: pulumi.Output[str]
    """ISO 8601, UTC."""
    domain_states: pulumi.Output[Mapping[str, str]]
    """Domain → ``verified``, ``pending`` or ``expired``."""
    proof_records: pulumi.Output[Mapping[str, ProofRecord]]
    """By domain."""
    profile_state: pulumi.Output[str]
    """``due``, ``claimed``, ``read``, ``proved``, ``stale`` or ``contradicted``
    (`mimecast_sso.console.attestation.state`)."""
    outputs: dict[str, pulumi.Input[Any]]
    """The outputs of the stack."""

    def __init__(
        self, name: str, args: PersonalPortalSsoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        _refuse_another_name(name, args.assessment.snapshot.recorded, opts)
        program.say_that_it_passed(args.assessment)
        super().__init__("mimecast-sso:index:PersonalPortalSso", name, None, opts)
        self._name, self._args = name, args
        self._assessment, self._settings = args.assessment, args.assessment.settings
        settings, snapshot = self._settings, args.assessment.snapshot
        self._say_who_is_assigned()
        self._say_what_the_tile_does()
        self._say_which_entry_is_kept()
        owners = dict(snapshot.directory.owners)
        adoption = self._adoption(owners)
        self._account = self._account_for_tests()
        application = self._application(owners, adoption)
        certificates = self._certificates(application, adoption)
        entra = _EntraValues(snapshot, application.client_id, certificates)
        tenant = self._tenant(entra, application)
        # People who move between two groups join the second, then Entra switches, then they leave the first.
        two = len(settings.certificates.slots) > 1
        trusted = tenant.profile_state.apply(lambda state: state in OPENS)
        active = certificates.activate(
            once_met(trusted, tenant.everybody_joined, "the certificate is not activated")
            if two
            else trusted,
            after=tenant.joined if two else (),
        )
        certificates.retire(after=[active, *tenant.leave(after=[active])])
        self.outputs = self._outputs(entra, tenant, list(args.assessment.desired.addresses))
        self.outputs["signingCertificateThumbprint"] = active.activeThumbprint
        tenant.trusted.apply(self._say_when_the_certificate_expires)
        self.outputs["certificateExpiryMark"] = certificates.active.end_date.apply(
            lambda end: certificate_expiry.threshold(snapshot, end)
        )
        if self._account is not None:
            self.outputs |= self._outputs_of_the_account(self._account)
        self._publish(entra, tenant)
        self.register_outputs(self.outputs)

    def _publish(self, entra: _EntraValues, tenant: MimecastTenant) -> None:
        active = entra.certificates.active
        self.application_id, self.federation_metadata_url = entra.client_id, entra.metadata_url
        self.identifier = pulumi.Output.from_input(self._settings.identifier)
        self.sign_on_url = pulumi.Output.from_input(self._settings.sign_on_url)
        self.certificate_thumbprint, self.certificate_expiry = active.thumbprint, active.end_date
        self.domain_states = pulumi.Output.all(**tenant.domain_states).apply(dict)
        self.proof_records = pulumi.Output.all(**tenant.proof_records).apply(dict)
        self.profile_state = tenant.profile_state

    def _application(self, owners: dict[str, str], adoption: Adoption | None) -> GalleryApplication:
        settings, snapshot = self._settings, self._assessment.snapshot
        configured, directory = settings.application, snapshot.directory
        # Named by object id, so that a person whose address changes keeps the assignment. A name with the address
        # would try to create the same assignment twice.
        assigned = [user.object_id for user in directory.users]
        assigned += [group.object_id for group in directory.groups]
        return GalleryApplication(
            self._name,
            GalleryApplicationArgs(
                display_name=configured.display_name,
                template_id=adoption.template_id if adoption else gallery_entry.template_id(self._assessment),
                identifier=settings.identifier,
                sign_on_url=self._assessment.desired.sign_on_url or None,
                reply_urls=self._assessment.desired.reply_urls,
                deployer=snapshot.deployer,
                owners=[owner for owner in owners if owner != snapshot.deployer],
                notification_emails=configured.notification_emails,
                assignment_required=configured.assignment_required,
                hide=configured.hide,
                claims=configured.claims is Ownership.MANAGE,
                assignments=self._assignments(assigned),
                application_owners=application_owners.declared(
                    owners, snapshot.deployer, self._registration(owners, adoption), snapshot.recorded.owners
                )
                if owners or snapshot.recorded.owners
                else {},
                protect=not settings.overrides("allow-destroy", snapshot.entra_now.date()),
                existing=self._assessment.desired.unrecorded,
                existing_assignments=unrecorded_assignments(
                    adoption.live if adoption else self._assessment.desired.application,
                    () if adoption else snapshot.recorded.assignments,
                ),
                adoption=adoption,
                left=_left(self._assessment.desired),
                unassigns=bool(unassigned(self._assessment.desired)),
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _assignments(self, assigned: Sequence[str]) -> dict[str, pulumi.Input[str]]:
        """Name → object id of the users and groups that this stack assigns."""
        if self._settings.assign.mode is not Ownership.MANAGE:
            return {}
        found: dict[str, pulumi.Input[str]] = {each: each for each in assigned}
        return found | ({"test-account": self._account.object_id} if self._account is not None else {})

    def _account_for_tests(self) -> AccountForTests | None:
        configured, existing = (
            self._settings.account_for_tests,
            self._assessment.snapshot.directory.unrecorded_account,
        )
        if configured is None:
            return None
        if existing:
            say(
                Statement(
                    f"{configured.address} was created by an earlier run of this stack, which could not record it. "
                    "It is imported",
                    How.LIVE,
                    "Microsoft Graph, by the marker in its employee id",
                ),
                self,
            )
        say(
            Statement(
                f"{configured.address} is the test account of this stack. The forecast leaves it out, and "
                "it is deleted with its key or with the stack",
                How.CONFIGURED,
                "testAccount",
            ),
            self,
        )
        return AccountForTests(
            f"{self._name}-test-account",
            AccountForTestsArgs(configured.address, configured.display_name, existing),
            pulumi.ResourceOptions(parent=self),
        )

    def _outputs_of_the_account(self, account: AccountForTests) -> dict[str, pulumi.Input[Any]]:
        configured = self._settings.account_for_tests
        return {
            "testAccount": {
                "address": configured.address if configured else "",
                "objectId": account.object_id,
            },
            "testAccountPassword": account.password,
        }

    def _certificates(
        self, application: GalleryApplication, adoption: Adoption | None
    ) -> SigningCertificates:
        configured = self._settings.certificates
        created = SigningCertificates(
            f"{self._name}-signing-certificate",
            SigningCertificatesArgs(
                service_principal=application.service_principal,
                generations={each.label: each.end_date for each in configured.generations},
                active=configured.active_generation.label,
                retired=[each.thumbprint for each in configured.retired],
                imported=_imported(adoption, configured) if adoption else {},
            ),
            self._named_before("signing-certificate"),
        )
        if len(configured.generations) > 1:
            pulumi.log.info(
                f"A rotation ({configured.rotation}) is under way. Expected gap when the active certificate changes: "
                f"{configured.expected_gap()}.",
                resource=created,
            )
        return created

    def _named_before(self, name: str) -> pulumi.ResourceOptions:
        """Keep what release 0.1.0 deployed: it gave each part one fixed name."""
        return pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(name=name)])

    def _registration(self, owners: Collection[str], adoption: Adoption | None) -> Registration | None:
        """The live application object, if owners are declared; None if it does not exist yet."""
        if adoption:
            return adoption.live.registration
        known = self._assessment.snapshot.own
        if owners and not known.is_known:
            raise pulumi.RunError(
                "mimecast-sso:application.owners: the owners of the application could not be read, so nothing is "
                f"changed: {known.source}"
            )
        existing = self._assessment.desired.application
        return existing.registration if existing else None

    def _tenant(self, entra: _EntraValues, application: GalleryApplication) -> MimecastTenant:
        settings, assessment = self._settings, self._assessment
        book, check_only = settings.addresses, settings.addresses.source is AddressSource.SYNCHRONISED
        further = whole(self._args.addresses or {})
        own = settings.account_for_tests
        account: dict[str, AddressArgs] = {own.address: {"name": own.display_name}} if own else {}
        return MimecastTenant(
            f"{self._name}-mimecast",
            MimecastTenantArgs(
                domains=[
                    DomainArgs(each.name, each.mode.value, each.inbound_type.value)
                    for each in settings.domains
                ],
                addresses=further.apply(
                    lambda more: _book(assessment.addresses) | account | dict(more.value)
                ),
                members=further.apply(lambda more: _members(settings, assessment.desired, more.value)),
                on_removal=book.on_removal.value,
                adopt=book.adopt,
                check_only=check_only,
                integration=_integration(settings.directory_synchronisation),
                publish=settings.dns.publish,
                publish_proof=self._args.publish_proof,
                chains=[self._chain(slot, entra) for slot in _slots(settings.certificates)],
                statements=self._statements(check_only=check_only),
                after=[application],
                requirements=application.requirements,
            ),
            self._named_before("mimecast"),
        )

    def _statements(self, *, check_only: bool) -> list[Statement]:
        """The statements of previews and deployments about the Mimecast side."""
        assessment = self._assessment
        live_side = _live_tenant(assessment.snapshot)
        said = sentences.everything(assessment, Instant.AFTERWARDS)
        if live_side.value is None:
            return [live_side.states("Which domains and addresses would change"), *said]
        return [
            *live_tenant.domain_statements(live_side.value, self._settings.domains),
            *live_tenant.address_statements(
                live_side.value,
                assessment.addresses,
                check_only=check_only,
                recorded=assessment.snapshot.recorded.addresses,
            ),
            *said,
        ]

    def _adoption(self, owners: dict[str, str]) -> Adoption | None:
        """The application to adopt, if any. Logs what would change, and the findings of `verify`."""
        settings, snapshot = self._settings, self._assessment.snapshot
        if settings.application.adopt is None:
            for statement in live_application.check(settings, snapshot):
                say(statement, self)
            return None
        names = {user.object_id: user.address for user in snapshot.directory.users} | {
            group.object_id: group.name for group in snapshot.directory.groups
        }
        configured = live_application.desired_application(self._assessment.desired, owners, names)
        graph = self._args.graph or shared_client()
        try:
            present = live_application.present(graph, snapshot, settings.application.adopt)
            adoption, findings = live_application.adopt(graph, present, configured, snapshot.cloud)
        except live_application.CannotBeTakenOver as problem:
            raise pulumi.RunError(
                f"{REFUSED} adopt: application {settings.application.adopt} cannot be adopted.\n{problem}"
            ) from None
        except GraphError as error:
            raise pulumi.RunError(
                f"mimecast-sso:application.adopt: the application could not be read, so nothing is changed: {error}"
            ) from None
        say(live_application.report(adoption.live, findings), self)
        return adoption

    def _say_when_the_certificate_expires(self, trusted: Mapping[str, str]) -> None:
        statement = certificate_expiry.statement(self._assessment.snapshot, trusted, pulumi.get_stack())
        if statement:
            say(statement, self)

    def _say_what_the_tile_does(self) -> None:
        application = self._settings.application
        starts_in_my_apps = application.sign_on is SignOn.IDENTITY_PROVIDER
        if starts_in_my_apps and application.hide:
            pulumi.log.warn(
                "mimecast-sso:application has signOn idp and hide true: sign-ins start at the tile, but My Apps hides "
                "it.",
                resource=self,
            )
        if starts_in_my_apps and not self._settings.authentication_profile.allow_single_sign_on:
            pulumi.log.warn(
                "mimecast-sso:application.signOn is idp, but authenticationProfile.allowSingleSignOn is false: "
                "Mimecast refuses sign-ins that start at the tile.",
                resource=self,
            )
        if not application.assignment_required:
            pulumi.log.warn(
                "mimecast-sso:application.assignmentRequired is false: every account of the tenant, guests included, "
                "gets an assertion. Mimecast alone then decides who signs in: people with an address there who are in "
                "the roll-out group.",
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

    def _chain(self, slot: ProfileSlot, entra: _EntraValues) -> ChainArgs:
        certificates, profile = self._settings.certificates, self._settings.authentication_profile
        snapshot = self._assessment.snapshot
        generation = certificates.of_slot(slot)
        created = entra.certificates.generations[generation.label] if generation else None
        if certificates.rotation is RotationMode.METADATA:
            created = None  # It comes from the metadata, so a new certificate does not change the form.
        confirmed = profile.confirmed_of(slot)
        return ChainArgs(
            slot=slot,
            group=self._settings.roll_out.group_of(slot),
            form=self._form(slot, entra, created.body if created else ""),
            thumbprint=created.thumbprint if created else "",
            confirmed=confirmed.document() if confirmed else None,
            evidence=self._assessment.desired.evidence(slot),
            populated=slot in certificates.populated,
            idle=generation is None,
            present=snapshot.recorded.membership(slot).added & (snapshot.members(slot) or frozenset()),
            inside=snapshot.members(slot) or frozenset(),
        )

    def _form(
        self, slot: ProfileSlot, entra: _EntraValues, certificate: pulumi.Input[str]
    ) -> Mapping[str, pulumi.Input[str | bool]]:
        return console_form(
            self._settings,
            slot,
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


def _refuse_another_name(name: str, record: Record, opts: pulumi.ResourceOptions | None) -> None:
    """Raise RunError for a component that the stack deployed under another name, unless it has an alias.

    An engine would create everything once more, and delete what people sign in through, which no forecast sees. The
    same holds for a state that was copied from another stack or project.
    """
    before = record.components
    if not before or (opts and opts.aliases):
        return
    here = (pulumi.get_stack(), pulumi.get_project())
    elsewhere = [each for each in sorted(record.origins) if each != here]
    if elsewhere:
        raise pulumi.RunError(_of_another_stack(elsewhere[0], here))
    if name in before:
        return
    former = min(before)
    raise pulumi.RunError(
        f"{REFUSED} component-name: this stack deployed the component {quoted(former)}, and the program names it "
        f"{quoted(name)}. "
        "Everything would be created once more, and the application that people sign in through deleted.\n"
        f"  What to do: keep the name {quoted(former)}, or give the component the alias "
        f"pulumi.Alias(name={quoted(former)})."
    )


def _of_another_stack(origin: tuple[str, str], here: tuple[str, str]) -> str:
    (stack, project), (own, _) = origin, here
    return (
        f"{REFUSED} component-name: the state of stack {own} records the resources of stack {quoted(stack)}, project "
        f"{quoted(project)}. Everything would be created once more, and the application that people sign in through "
        "deleted.\n"
        f"  What to do: deploy stack {quoted(stack)}. To rename it, forget this copy, which deletes nothing (pulumi "
        f"stack rm --force {own}), and run pulumi stack rename there, which renames its resources, too."
    )


def _integration(configured: DirectorySynchronisation | None) -> IntegrationArgs | None:
    return (
        IntegrationArgs(configured.description, configured.mode.value, configured.properties)
        if configured
        else None
    )


def _left(desired: Desired) -> LeftAlone:
    """Objects that this stack recorded and a person manages now stay declared, so that the engine does not delete them.

    Objects known to have been removed since are not declared: a run that refreshes would create them.
    """
    settings, record = desired.settings, desired.record
    live = desired.application
    assigned = {each.principal_id for each in live.assigned} if live else record.assignments.keys()
    verifies = settings.assign.mode is Ownership.VERIFY
    kept = [each for each in record.assignments.values() if verifies and each.principal_id in assigned]
    policy = record.policy if settings.application.claims is Ownership.VERIFY else None
    policies = live.policies if live else None
    if policy and policies is not None and not any(map(policy.is_live, policies)):
        policy = None
    return LeftAlone(tuple(kept), policy)


def _live_tenant(snapshot: Snapshot) -> Known[LiveTenant]:
    if snapshot.domains.value is None or snapshot.addresses.value is None:
        return unknown(snapshot.domains.source or snapshot.addresses.source)
    return live(LiveTenant(snapshot.domains.value, snapshot.addresses.value))


def _listed(names: list[str]) -> list[str]:
    """Shorten a long list for an output, which the engine prints at the end of every run."""
    return names if len(names) <= _MOST_LISTED else [*names[:20], f"and {len(names) - 20} more"]


def _imported(adoption: Adoption, certificates: Certificates) -> dict[str, ImportedCertificate]:
    """The live certificates of generations, by label."""
    found = {each.label: adoption.certificate(each) for each in certificates.generations}
    return {
        label: ImportedCertificate(live.display_name, adoption.certificate_id(live))
        for label, live in found.items()
        if live
    }


def _book(addresses: Sequence[Address]) -> dict[str, AddressArgs]:
    found: dict[str, AddressArgs] = {}
    for each in addresses:
        found[each.address] = {"name": each.name or ""}
        if each.password_version:
            found[each.address]["passwordVersion"] = each.password_version
    return found


def _members(settings: Settings, desired: Desired, further: Collection[str]) -> list[str]:
    if not further and settings.account_for_tests is None:
        return list(desired.members)
    return settings.rolled_out([*desired.addresses, *(address.lower() for address in further)])


def _slots(certificates: Certificates) -> list[ProfileSlot]:
    """The profile slots in use, the active generation's first."""
    active = certificates.active_generation.profile
    return sorted(certificates.slots, key=lambda slot: slot is not active)
