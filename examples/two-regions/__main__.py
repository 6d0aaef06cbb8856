"""Two Mimecast accounts in two regions, signed in to from one Entra tenant.

Each region has a component, and a provider with the credentials of its account. Both are assessed before anything is
registered: if a guard refuses one region, nothing of the other has been deployed.
"""

import pulumi

from mimecast_sso import (
    MimecastCredentials,
    PersonalPortalSso,
    PersonalPortalSsoArgs,
    TenantsProvider,
    TenantsProviderArgs,
    assess,
    judge,
    settings_from_values,
)

REGIONS = ("eu", "us")

config = pulumi.Config()
settings = {region: settings_from_values(config.require_object(region)) for region in REGIONS}
credentials = {
    # The forecast calls Mimecast before the run, so it needs the plain value; the provider below gets a secret.
    region: MimecastCredentials(
        config.require(f"{region}ClientId"), config.get(f"{region}ClientSecret") or ""
    )
    for region in REGIONS
}
assessments = {
    region: assess(settings[region], component=region, mimecast=credentials[region]) for region in REGIONS
}
judge(*assessments.values())

for region in REGIONS:
    account = TenantsProvider(
        region,
        TenantsProviderArgs(
            account_code=settings[region].account_code,
            region=settings[region].region,
            client_id=credentials[region].client_id,
            client_secret=config.require_secret(f"{region}ClientSecret"),
        ),
    )
    sso = PersonalPortalSso(
        region, PersonalPortalSsoArgs(assessments[region]), pulumi.ResourceOptions(providers=[account])
    )
    pulumi.export(f"{region}Identifier", sso.identifier)
    pulumi.export(f"{region}ProfileState", sso.profile_state)
