"""The smallest program: configuration, forecast, one component."""

import pulumi

from mimecast_sso import PersonalPortalSso, PersonalPortalSsoArgs, assess, judge, settings_from_engine

assessment = assess(settings_from_engine(pulumi.runtime.get_config_env()))
judge(assessment)
sso = PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment))

pulumi.export("identifier", sso.identifier)
pulumi.export("federationMetadataUrl", sso.federation_metadata_url)
pulumi.export("profileState", sso.profile_state)
