"""The Entra side: the gallery application, its SAML settings, claims and assignments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_azuread as azuread

from mimecast_sso.assessment.adoption import Adoption, feature_tags
from mimecast_sso.assessment.people import EntraGroup, Person
from mimecast_sso.assessment.record import RecordedAssignment, RecordedPolicy
from mimecast_sso.facts.entra import CUSTOM_TAG, DEFAULT_ACCESS_ROLE_ID, GALLERY_TAG, USER_ROLE_NAMES
from mimecast_sso.settings import Application, Ownership, SignOn
from providers.entra.claims import claims_definition, same_meaning
from providers.entra.resources import DefaultReplyUrl


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """What an earlier run of this stack created and a person looks after now (``verify``): kept, and never written."""

    assignments: Sequence[RecordedAssignment] = ()
    policy: RecordedPolicy | None = None


@dataclass(frozen=True, slots=True)
class GalleryApplicationArgs:
    """What a `GalleryApplication` is made of. ``template_id`` is looked up beforehand (`gallery_entry`)."""

    application: Application
    template_id: str
    identifier: str
    sign_on_url: str
    reply_urls: Sequence[str]
    """The first takes the sign-ins that start in My Apps, when these go to Entra (``signOn: idp``)."""
    owners: Sequence[str]
    """Of the service principal, object ids: the deploying principal first, without which it could not change it."""
    application_owners: Mapping[str, str | None]
    """Of the application object, object ids, with the id to import each by (`application_owners.declared`)."""
    users: Sequence[Person]
    groups: Sequence[EntraGroup]
    assign: Ownership
    protect: bool
    adoption: Adoption | None = None
    """The live application to take over instead of creating one."""
    left: LeftAlone = LeftAlone()


class GalleryApplication(pulumi.ComponentResource):
    """An instantiated gallery application whose service principal signs people in with SAML.

    Makes the application, puts its service principal into SAML mode, and only then adds the identifier: Entra
    refuses an identifier on a domain the tenant has not verified until the principal is in SAML mode. An adopted
    application is imported, object by object; what it lacks is made.
    """

    client_id: pulumi.Output[str]
    service_principal: azuread.ServicePrincipal

    def __init__(
        self, name: str, args: GalleryApplicationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:entra:GalleryApplication", name, None, opts)
        adoption = args.adoption
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect or None)
        application = azuread.ApplicationFromTemplate(
            name,
            display_name=args.application.display_name,
            template_id=args.template_id,
            opts=_imported(
                pulumi.ResourceOptions.merge(
                    kept,
                    # An application keeps the entry it was made from: another one, also where the gallery renamed
                    # its entries, would mean another application, and is planned only where that is allowed.
                    pulumi.ResourceOptions(ignore_changes=["templateId"] if args.protect else None),
                ),
                adoption.application if adoption else None,
            ),
        )
        # The service principal id that ApplicationFromTemplate reports is never refreshed, so the principal is
        # adopted through the client id.
        registration = azuread.get_application_output(
            object_id=application.application_object_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self.client_id = registration.client_id
        self.service_principal = self._service_principal(name, args, kept)
        identifier = azuread.ApplicationIdentifierUri(
            f"{name}-identifier",
            application_id=application.application_id,
            identifier_uri=args.identifier,
            # Two applications of a tenant cannot share an identifier: a replaced one has to let go of it first.
            opts=_imported(
                pulumi.ResourceOptions.merge(
                    kept,
                    pulumi.ResourceOptions(depends_on=[self.service_principal], delete_before_replace=True),
                ),
                adoption.identifier(args.identifier) if adoption else None,
            ),
        )
        reply_urls = azuread.ApplicationRedirectUris(
            f"{name}-reply-urls",
            application_id=application.application_id,
            type="Web",
            redirect_uris=list(args.reply_urls),
            # Both write the application object, and Graph's "concurrent update" answer is not retried.
            opts=_imported(
                pulumi.ResourceOptions(parent=self, depends_on=[identifier]),
                adoption.reply_urls if adoption else None,
            ),
        )
        if args.application.sign_on is SignOn.IDENTITY_PROVIDER:
            DefaultReplyUrl(
                f"{name}-default-reply-url",
                application_id=application.application_object_id,
                url=args.reply_urls[0],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[reply_urls], deleted_with=application),
            )
        self._application_owners(args, application, reply_urls)
        registration.owners.apply(lambda owners: self._say_when_not_owned(args, owners))
        if args.application.claims is Ownership.MANAGE:
            self._claims(name, adoption)
        elif args.left.policy:
            self._left_policy(name, args.left.policy)
        if args.assign is Ownership.MANAGE:
            self._assignments(args)
        self._left_assignments(args.left.assignments)
        self.register_outputs({"clientId": self.client_id, "objectId": self.service_principal.object_id})

    def _service_principal(
        self, name: str, args: GalleryApplicationArgs, options: pulumi.ResourceOptions
    ) -> azuread.ServicePrincipal:
        settings, adoption = args.application, args.adoption
        return azuread.ServicePrincipal(
            f"{name}-service-principal",
            client_id=self.client_id,
            use_existing=True,
            account_enabled=True,
            preferred_single_sign_on_mode="saml",
            app_role_assignment_required=settings.assignment_required,
            # Unstated owners or tags would be removed: the deployer's access, the portal's list entry.
            owners=list(args.owners),
            feature_tags=[_feature_tags(adoption, hide=settings.hide)],
            login_url=args.sign_on_url if settings.sign_on is SignOn.SERVICE_PROVIDER else None,
            notification_email_addresses=list(settings.notification_emails) or None,
            opts=_imported(
                # How the principal was come by changes nothing of it: an imported one does not say.
                pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(ignore_changes=["useExisting"])),
                adoption.service_principal if adoption else None,
            ),
        )

    def _application_owners(
        self,
        args: GalleryApplicationArgs,
        application: azuread.ApplicationFromTemplate,
        after: pulumi.Resource,
    ) -> None:
        for object_id, import_id in args.application_owners.items():
            azuread.ApplicationOwner(
                f"owner-{object_id}",
                application_id=application.application_id,
                owner_object_id=object_id,
                opts=_imported(
                    # An application that goes takes its owners along; one by one, the last would leave nobody.
                    pulumi.ResourceOptions(parent=self, depends_on=[after], deleted_with=application),
                    import_id,
                ),
            )

    def _say_when_not_owned(self, args: GalleryApplicationArgs, owners: Sequence[str]) -> None:
        deployer = args.owners[0]
        if deployer not in owners and deployer not in args.application_owners:
            pulumi.log.warn(
                f"The deploying principal {deployer} is not among the owners of the application object (read live): "
                "with Application.ReadWrite.OwnedBy alone it can not change it. To make it one, name it in "
                "mimecast-sso:application.owners.",
                resource=self,
            )

    def _claims(self, name: str, adoption: Adoption | None) -> None:
        there = adoption.policy if adoption else None
        definition = claims_definition()
        if there and same_meaning(there.definition, definition):
            definition = there.definition  # Another spelling is no reason to write.
        policy = azuread.ClaimsMappingPolicy(
            f"{name}-claims",
            display_name=there.name if there else f"{name}: mail address as NameID",
            definitions=[definition],
            opts=_imported(pulumi.ResourceOptions(parent=self), adoption.policy_id() if adoption else None),
        )
        azuread.ServicePrincipalClaimsMappingPolicyAssignment(
            f"{name}-claims",
            claims_mapping_policy_id=policy.id,
            service_principal_id=self.service_principal.id,
            opts=_imported(
                pulumi.ResourceOptions(parent=self), adoption.policy_assignment() if adoption else None
            ),
        )

    def _left_policy(self, name: str, recorded: RecordedPolicy) -> None:
        policy = azuread.ClaimsMappingPolicy(
            f"{name}-claims",
            display_name=recorded.name,
            definitions=[recorded.definition],
            opts=_left_alone(self, "displayName", "definitions"),
        )
        azuread.ServicePrincipalClaimsMappingPolicyAssignment(
            f"{name}-claims",
            claims_mapping_policy_id=policy.id,
            service_principal_id=self.service_principal.id,
            opts=_left_alone(self, "claimsMappingPolicyId", "servicePrincipalId"),
        )

    def _left_assignments(self, recorded: Sequence[RecordedAssignment]) -> None:
        for each in recorded:
            azuread.AppRoleAssignment(
                f"assignment-{each.principal_id}",
                app_role_id=each.role_id,
                principal_object_id=each.principal_id,
                resource_object_id=self.service_principal.object_id,
                opts=_left_alone(self, "appRoleId", "principalObjectId", "resourceObjectId"),
            )

    def _assignments(self, args: GalleryApplicationArgs) -> None:
        role = self.service_principal.app_roles.apply(user_role)
        # Named by object id: a person whose address changes keeps the assignment, where a name made of the
        # address would try to make the same assignment twice.
        object_ids = [principal.object_id for principal in args.users]
        object_ids += [group.object_id for group in args.groups]
        for object_id in object_ids:
            there = args.adoption.assigned(object_id) if args.adoption else None
            azuread.AppRoleAssignment(
                f"assignment-{object_id}",
                # Whoever has the application by another of its roles keeps that one: it serves as well.
                app_role_id=there.role_id if there else role,
                principal_object_id=object_id,
                resource_object_id=self.service_principal.object_id,
                opts=_imported(
                    pulumi.ResourceOptions(parent=self),
                    args.adoption.assignment(there) if args.adoption and there else None,
                ),
            )


def _left_alone(parent: pulumi.Resource, *properties: str) -> pulumi.ResourceOptions:
    """Declared so that the engine does not delete it; never written, and kept when it is no longer declared."""
    return pulumi.ResourceOptions(parent=parent, ignore_changes=list(properties), retain_on_delete=True)


def _imported(options: pulumi.ResourceOptions, import_id: str | None) -> pulumi.ResourceOptions:
    if import_id is None:
        return options
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(import_=import_id))


def _feature_tags(adoption: Adoption | None, *, hide: bool) -> azuread.ServicePrincipalFeatureTagArgs:
    tags = feature_tags(adoption.live if adoption else None, hide=hide)
    # A flag that is not set is left out, not false, as in the state of earlier releases.
    return azuread.ServicePrincipalFeatureTagArgs(
        enterprise=True,
        gallery=True if GALLERY_TAG in tags else None,
        custom_single_sign_on=True if CUSTOM_TAG in tags else None,
        hide=True if hide else None,
    )


def user_role(roles: Sequence[Mapping[str, object]]) -> str:
    """The id of the app role that people get, found by name among the principal's enabled roles."""
    enabled = {str(role["display_name"]): str(role["id"]) for role in roles if role["enabled"]}
    for name in USER_ROLE_NAMES:
        if name in enabled:
            return enabled[name]
    return next(iter(enabled.values()), DEFAULT_ACCESS_ROLE_ID)
