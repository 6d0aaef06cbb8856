"""The product's Entra resources in the simplest form: one of each type and data source."""

import os
from datetime import UTC, datetime

import pulumi
import pulumi_azuread as azuread

me = azuread.get_client_config()
template = azuread.get_application_template(display_name="Mimecast Personal Portal")
azuread.get_domains(only_initial=True)
user = azuread.get_user(mail="ada@example.com")
azuread.get_users(mails=["ada@example.com", "grace@example.com"])
group = azuread.get_group(display_name="Mimecast Personal Portal users", security_enabled=True)

application = azuread.ApplicationFromTemplate(
    "portal", display_name="Mimecast Personal Portal", template_id=template.template_id
)
found = azuread.get_application_output(object_id=application.application_object_id)
principal = azuread.ServicePrincipal(
    "portal",
    client_id=found.client_id,
    use_existing=True,
    preferred_single_sign_on_mode="saml",
    login_url="https://eu-api.mimecast.com/login/saml",
    notification_email_addresses=["grace@example.com", "ada@example.com"],
    app_role_assignment_required=True,
    owners=[me.object_id],
    feature_tags=[azuread.ServicePrincipalFeatureTagArgs(enterprise=True, gallery=True)],
)
identifier = azuread.ApplicationIdentifierUri(
    "portal",
    application_id=application.application_id,
    identifier_uri=f"https://eu-api.mimecast.com/sso/{os.environ['ACCOUNT_CODE']}",
    opts=pulumi.ResourceOptions(depends_on=[principal], delete_before_replace=True),
)
redirects = azuread.ApplicationRedirectUris(
    "portal",
    application_id=application.application_id,
    type="Web",
    redirect_uris=["https://eu-api.mimecast.com/login/saml", "https://a.example/x"],
    opts=pulumi.ResourceOptions(depends_on=[identifier]),
)
azuread.ApplicationOwner(
    "user",
    application_id=application.application_id,
    owner_object_id=user.object_id,
    opts=pulumi.ResourceOptions(depends_on=[redirects], deleted_with=application),
)
certificate = azuread.ServicePrincipalTokenSigningCertificate(
    "first",
    service_principal_id=principal.id,
    display_name="CN=Mimecast Personal Portal",
    end_date=f"{datetime.now(tz=UTC).year + 2}-01-01T00:00:00Z",
    opts=pulumi.ResourceOptions(retain_on_delete=True, deleted_with=principal),
)
policy = azuread.ClaimsMappingPolicy(
    "mail",
    display_name="NameID is the mail address",
    definitions=[
        (
            '{"ClaimsMappingPolicy":{"Version":1,"IncludeBasicClaimSet":"true","ClaimsSchema":[{"Source":"user","ID":"mail",'
            '"SamlClaimType":"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"}]}}'
        )
    ],
)
azuread.ServicePrincipalClaimsMappingPolicyAssignment(
    "mail", claims_mapping_policy_id=policy.id, service_principal_id=principal.id
)
role = principal.app_roles.apply(lambda roles: next(role.id for role in roles if role.display_name == "User"))
for name, object_id in (("ada", user.object_id), ("group", group.object_id)):
    azuread.AppRoleAssignment(
        name, app_role_id=role, principal_object_id=object_id, resource_object_id=principal.object_id
    )

pulumi.export("clientId", found.client_id)
pulumi.export("thumbprint", certificate.thumbprint)
pulumi.export("certificate", certificate.value)
