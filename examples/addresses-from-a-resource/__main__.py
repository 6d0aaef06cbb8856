"""Mimecast addresses from another resource's output, known only while the program runs.

The forecast precedes the run and knows only the people in the configuration; the others are added during the run.
"""

import pulumi
from staff import Staff

from mimecast_sso import PersonalPortalSso, PersonalPortalSsoArgs, assess, judge, settings_from_engine

assessment = assess(settings_from_engine(pulumi.runtime.get_config_env()))
judge(assessment)
staff = Staff("staff", file="staff.csv")
sso = PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment, addresses=staff.people))

pulumi.export("profileState", sso.profile_state)
