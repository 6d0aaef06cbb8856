"""The Entra side: the gallery application, its SAML settings, claims and assignments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_azuread as azuread

from mimecast_sso.assessment.adoption import Adoption, ImportedAssignment, Unrecorded, feature_tags
from mimecast_sso.assessment.record import RecordedAssignment, RecordedPolicy
from mimecast_sso.facts.entra import CUSTOM_TAG, DEFAULT_ACCESS_ROLE_ID, GALLERY_TAG, USER_ROLE_NAMES
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.registration.requirements import Requirement, deployed, once_met
from providers.entra.claims import claims_definition, same_meaning
from providers.entra.resources import DefaultReplyUrl


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Objects that an earlier run created and a person manages now (``verify``): kept, but never written."""

    assignments: Sequence[RecordedAssignment] = ()
    policy: RecordedPolicy | None = None


@dataclass(frozen=True, slots=True)
class GalleryApplicationArgs:
    """The arguments of a `GalleryApplication`.

    Attributes:
        display_name: Name of the application, as people see it in My Apps.
        template_id: Id of the gallery entry (`mimecast_sso.assessment.gallery_entry` looks it up).
        identifier: Entity id that Mimecast uses towards Entra.
        reply_urls: Assertion consumer services. Without ``sign_on_url``, the first is the default.
        deployer: Object id of the deploying principal. It must own the service principal to change it.
        owners: Object ids of further owners of the service principal.
        sign_on_url: Page that starts a sign-in at Mimecast, opened by the tile. ``None``: the tile signs in at once
            (IdP-initiated), and the first reply URL takes the response.
        notification_emails: Addresses that Entra notifies before a certificate expires.
        assignment_required: Whether only assigned people get an assertion.
        hide: Whether My Apps shows no tile.
        claims: Whether a claims mapping policy of this component sets NameID to the mail address.
        assignments: Users and groups that get the application: a name for the resource → object id. Changing a name
            recreates the assignment.
        application_owners: Owners of the application object by object id, each with the id to import it by, or
            ``None`` if it is created (`mimecast_sso.assessment.application_owners`).
        protect: Whether application, service principal and identifier are protected from deletion.
        existing_assignments: Assignments that exist and are not recorded, by object id: they are imported.
        existing: Objects of this stack's application that exist and are not recorded, because the response to their
            creation was lost or somebody removed them from the state: Entra refuses to create them once more.
        adoption: The live application to adopt instead of creating one.
        left: Objects that an earlier run created and a person manages now.
        unassigns: Whether recorded assignments are no longer declared, so that this run deletes them.
    """

    display_name: pulumi.Input[str]
    template_id: pulumi.Input[str]
    identifier: pulumi.Input[str]
    reply_urls: Sequence[pulumi.Input[str]]
    deployer: pulumi.Input[str]
    owners: Sequence[pulumi.Input[str]] = ()
    sign_on_url: pulumi.Input[str] | None = None
    notification_emails: Sequence[pulumi.Input[str]] = ()
    assignment_required: pulumi.Input[bool] = True
    hide: bool = False
    claims: bool = True
    assignments: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    application_owners: Mapping[str, str | None] = field(default_factory=dict)
    protect: bool = True
    existing_assignments: Mapping[str, ImportedAssignment] = field(default_factory=dict)
    existing: Unrecorded = field(default_factory=Unrecorded)
    adoption: Adoption | None = None
    left: LeftAlone = LeftAlone()
    unassigns: bool = False


class GalleryApplication(pulumi.ComponentResource):
    """An instantiated gallery application whose service principal signs people in with SAML.

    Creates the application, puts its service principal into SAML mode, and only then adds the identifier: Entra
    refuses an identifier on a domain the tenant has not verified until the principal is in SAML mode. An adopted
    application is imported, object by object; missing objects are created.
    """

    client_id: pulumi.Output[str]
    service_principal: azuread.ServicePrincipal
    requirements: list[Requirement]
    """Resources that must exist before anybody is sent to Entra to sign in."""

    def __init__(
        self, name: str, args: GalleryApplicationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:entra:GalleryApplication", name, None, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect or None)
        application = self._application(name, args, kept)
        # The service principal id that ApplicationFromTemplate reports is never refreshed, so the principal is
        # adopted through the client id.
        registration = azuread.get_application_output(
            object_id=application.application_object_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self.client_id = registration.client_id
        self.service_principal = self._service_principal(name, args, kept)
        identifier = self._identifier(name, args, application, kept)
        reply_urls = self._reply_urls(name, args, application, identifier)
        self.requirements = _of_registration(args, identifier, reply_urls)
        if args.sign_on_url is None:
            DefaultReplyUrl(
                f"{name}-default-reply-url",
                application_id=application.application_object_id,
                url=args.reply_urls[0],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[reply_urls], deleted_with=application),
            )
        self._application_owners(name, args, application, reply_urls)
        pulumi.Output.all(registration.owners, args.deployer).apply(
            lambda known: self._say_when_not_owned(known[0], known[1], args.application_owners)
        )
        if args.claims:
            self.requirements.append(self._claims(name, args.adoption, args.existing.policy_assignment))
        elif args.left.policy:
            self._left_policy(name, args.left.policy)
        admitted = self._admitted(args, self._assignments(name, args))
        self.requirements += admitted
        self._left_assignments(name, args.left.assignments)
        # The engine deletes what is no longer declared only if the program ends without an error.
        done = once_met(self.client_id, admitted if args.unassigns else (), "no assignment is removed")
        self.register_outputs({"clientId": done, "objectId": self.service_principal.object_id})

    def _application(
        self, name: str, args: GalleryApplicationArgs, options: pulumi.ResourceOptions
    ) -> azuread.ApplicationFromTemplate:
        # An application keeps the entry that it was created from. Another one, even a renamed one, would require a new
        # application, which is planned only if allowed.
        keeps_entry = pulumi.ResourceOptions(ignore_changes=["templateId"] if args.protect else None)
        return azuread.ApplicationFromTemplate(
            name,
            display_name=args.display_name,
            template_id=args.template_id,
            opts=_imported(
                pulumi.ResourceOptions.merge(options, keeps_entry),
                args.adoption.application if args.adoption else None,
            ),
        )

    def _identifier(
        self,
        name: str,
        args: GalleryApplicationArgs,
        application: azuread.ApplicationFromTemplate,
        options: pulumi.ResourceOptions,
    ) -> azuread.ApplicationIdentifierUri:
        # Two applications of a tenant cannot share an identifier: a replaced one has to release it first.
        last = pulumi.ResourceOptions(depends_on=[self.service_principal], delete_before_replace=True)
        return azuread.ApplicationIdentifierUri(
            f"{name}-identifier",
            application_id=application.application_id,
            identifier_uri=args.identifier,
            opts=_imported(
                pulumi.ResourceOptions.merge(options, last),
                _identifier_of(args.adoption, args.identifier) if args.adoption else args.existing.identifier,
            ),
        )

    def _reply_urls(
        self,
        name: str,
        args: GalleryApplicationArgs,
        application: azuread.ApplicationFromTemplate,
        identifier: azuread.ApplicationIdentifierUri,
    ) -> azuread.ApplicationRedirectUris:
        return azuread.ApplicationRedirectUris(
            f"{name}-reply-urls",
            application_id=application.application_id,
            type="Web",
            redirect_uris=list(args.reply_urls),
            # Both write the application object, and Graph's "concurrent update" error is not retried.
            opts=_imported(
                pulumi.ResourceOptions(parent=self, depends_on=[identifier]),
                args.adoption.reply_urls if args.adoption else args.existing.reply_urls,
            ),
        )

    def _admitted(
        self, args: GalleryApplicationArgs, assigned: Sequence[azuread.AppRoleAssignment]
    ) -> list[Requirement]:
        """What lets people in at Entra: their assignments, and whether they need one."""
        principal = self.service_principal
        return [
            Requirement("accountEnabled of the service principal", principal.account_enabled, True),
            Requirement(
                "appRoleAssignmentRequired of the service principal",
                principal.app_role_assignment_required,
                args.assignment_required,
            ),
            Requirement(
                "the list of assigned users and groups",
                pulumi.Output.all(*(deployed(each, each.principal_object_id) for each in assigned)),
                pulumi.Output.all(*args.assignments.values()),
            ),
        ]

    def _service_principal(
        self, name: str, args: GalleryApplicationArgs, options: pulumi.ResourceOptions
    ) -> azuread.ServicePrincipal:
        adoption = args.adoption
        return azuread.ServicePrincipal(
            f"{name}-service-principal",
            client_id=self.client_id,
            use_existing=True,
            account_enabled=True,
            preferred_single_sign_on_mode="saml",
            app_role_assignment_required=args.assignment_required,
            # Unstated owners or tags would be removed: the deployer's access, the portal's list entry.
            owners=[args.deployer, *args.owners],
            feature_tags=[_feature_tags(adoption, hide=args.hide)],
            login_url=args.sign_on_url,
            notification_email_addresses=list(args.notification_emails) or None,
            opts=_imported(
                # Whether the principal existed before does not change it, and an imported one does not tell.
                pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(ignore_changes=["useExisting"])),
                adoption.service_principal if adoption else None,
            ),
        )

    def _application_owners(
        self,
        name: str,
        args: GalleryApplicationArgs,
        application: azuread.ApplicationFromTemplate,
        after: pulumi.Resource,
    ) -> None:
        for object_id, import_id in args.application_owners.items():
            azuread.ApplicationOwner(
                f"{name}-owner-{object_id}",
                application_id=application.application_id,
                owner_object_id=object_id,
                opts=_imported(
                    # Deleting an application deletes its owners; Entra refuses to remove the last one separately.
                    pulumi.ResourceOptions.merge(
                        pulumi.ResourceOptions(parent=self, depends_on=[after], deleted_with=application),
                        _named_before(f"owner-{object_id}"),
                    ),
                    import_id,
                ),
            )

    def _say_when_not_owned(self, owners: Sequence[str], deployer: str, declared: Collection[str]) -> None:
        if deployer not in owners and deployer not in declared:
            pulumi.log.warn(
                f"The deploying principal {deployer} is not an owner of the application object (read live), and cannot "
                "change it with Application.ReadWrite.OwnedBy alone. To make it an owner, add it to "
                "mimecast-sso:application.owners.",
                resource=self,
            )

    def _claims(self, name: str, adoption: Adoption | None, existing: str | None) -> Requirement:
        there = adoption.policy if adoption else None
        definition = claims_definition()
        if there and same_meaning(there.definition, definition):
            definition = there.definition  # A different spelling alone is not written.
        policy = azuread.ClaimsMappingPolicy(
            f"{name}-claims",
            display_name=there.name if there else f"{name}: mail address as NameID",
            definitions=[definition],
            opts=_imported(pulumi.ResourceOptions(parent=self), adoption.policy_id() if adoption else None),
        )
        assignment = azuread.ServicePrincipalClaimsMappingPolicyAssignment(
            f"{name}-claims",
            claims_mapping_policy_id=policy.id,
            service_principal_id=self.service_principal.id,
            opts=_imported(
                pulumi.ResourceOptions(parent=self), adoption.policy_assignment() if adoption else existing
            ),
        )
        assigned = deployed(assignment, assignment.claims_mapping_policy_id)
        return Requirement("the assigned claims policy", assigned, policy.id)

    def _left_policy(self, name: str, recorded: RecordedPolicy) -> None:
        policy = azuread.ClaimsMappingPolicy(
            f"{name}-claims",
            display_name=recorded.name,
            definitions=[recorded.definition],
            opts=_left_alone(self, "displayName", "definitions"),
        )
        if not recorded.assigned:
            return
        azuread.ServicePrincipalClaimsMappingPolicyAssignment(
            f"{name}-claims",
            claims_mapping_policy_id=policy.id,
            service_principal_id=self.service_principal.id,
            opts=_left_alone(self, "claimsMappingPolicyId", "servicePrincipalId"),
        )

    def _left_assignments(self, name: str, recorded: Sequence[RecordedAssignment]) -> None:
        for each in recorded:
            azuread.AppRoleAssignment(
                f"{name}-assignment-{each.principal_id}",
                app_role_id=each.role_id,
                principal_object_id=each.principal_id,
                resource_object_id=self.service_principal.object_id,
                # The parent shows later runs, which see URNs and outputs of the state, that no engine deletes it.
                opts=pulumi.ResourceOptions.merge(
                    _left_alone(self.service_principal, "appRoleId", "principalObjectId", "resourceObjectId"),
                    pulumi.ResourceOptions(
                        protect=False,  # The principal's own protection would be inherited.
                        aliases=[
                            pulumi.Alias(parent=self),
                            pulumi.Alias(name=f"assignment-{each.principal_id}", parent=self),
                        ],
                    ),
                ),
            )

    def _assignments(self, name: str, args: GalleryApplicationArgs) -> list[azuread.AppRoleAssignment]:
        role = self.service_principal.app_roles.apply(user_role)

        def assign(key: str, object_id: pulumi.Input[str]) -> azuread.AppRoleAssignment:
            there = args.existing_assignments.get(object_id) if isinstance(object_id, str) else None
            return azuread.AppRoleAssignment(
                f"{name}-assignment-{key}",
                # People with another of the application's roles keep it: it is equivalent.
                app_role_id=there.role_id if there else role,
                principal_object_id=object_id,
                resource_object_id=self.service_principal.object_id,
                opts=_imported(
                    pulumi.ResourceOptions.merge(
                        pulumi.ResourceOptions(
                            parent=self, aliases=[pulumi.Alias(parent=self.service_principal)]
                        ),
                        _named_before(f"assignment-{key}"),
                    ),
                    there.import_id if there else None,
                ),
            )

        return [assign(key, object_id) for key, object_id in args.assignments.items()]


def _named_before(name: str) -> pulumi.ResourceOptions:
    """Keep what release 0.1.0 deployed: it named some children without the component's name."""
    return pulumi.ResourceOptions(aliases=[pulumi.Alias(name=name)])


def _left_alone(parent: pulumi.Resource, *properties: str) -> pulumi.ResourceOptions:
    """Options of a resource that is declared only to keep it: never written, and retained if no longer declared."""
    return pulumi.ResourceOptions(parent=parent, ignore_changes=list(properties), retain_on_delete=True)


def _imported(options: pulumi.ResourceOptions, import_id: str | None) -> pulumi.ResourceOptions:
    if import_id is None:
        return options
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(import_=import_id))


def _identifier_of(adoption: Adoption | None, identifier: pulumi.Input[str]) -> str | None:
    # An adopted application was compared with the configuration, so its identifier is plain text.
    return adoption.identifier(identifier) if adoption and isinstance(identifier, str) else None


def _feature_tags(adoption: Adoption | None, *, hide: bool) -> azuread.ServicePrincipalFeatureTagArgs:
    tags = feature_tags(adoption.live if adoption else None, hide=hide)
    # A flag that is not set is omitted rather than false, as in the state of earlier releases.
    return azuread.ServicePrincipalFeatureTagArgs(
        enterprise=True,
        gallery=True if GALLERY_TAG in tags else None,
        custom_single_sign_on=True if CUSTOM_TAG in tags else None,
        hide=True if hide else None,
    )


def user_role(roles: Sequence[Mapping[str, JSON]]) -> str:
    """The id of the app role for people, found by name among the principal's enabled roles for people."""
    enabled = {
        str(role["display_name"]): str(role["id"])
        for role in roles
        if role["enabled"] and "User" in role["allowed_member_types"]
    }
    for name in USER_ROLE_NAMES:
        if name in enabled:
            return enabled[name]
    return next(iter(enabled.values()), DEFAULT_ACCESS_ROLE_ID)


def _of_registration(
    args: GalleryApplicationArgs,
    identifier: azuread.ApplicationIdentifierUri,
    reply_urls: azuread.ApplicationRedirectUris,
) -> list[Requirement]:
    """What has to be deployed before people are sent to the application: its identifier and reply URLs."""
    return [
        Requirement(
            "the identifier of the application",
            deployed(identifier, identifier.identifier_uri),
            args.identifier,
        ),
        Requirement(
            "the list of its reply URLs",
            deployed(reply_urls, reply_urls.redirect_uris).apply(sorted),
            pulumi.Output.all(*args.reply_urls).apply(sorted),
        ),
    ]
