"""The Pulumi program: read the settings, check the guards, build the one component, export its outputs."""

from datetime import UTC, datetime
from pathlib import Path

import pulumi

from components.personal_portal_sso import PersonalPortalSso, PersonalPortalSsoArgs
from mimecast_sso.assessment import guards, survey
from mimecast_sso.settings import ConfigurationError, from_engine


def main() -> None:
    """Registers everything. Raises RunError, with the lines to write, for a configuration that cannot be used."""
    try:
        settings = from_engine(pulumi.runtime.get_config_env())
    except ConfigurationError as error:
        raise pulumi.RunError(
            f"The configuration of stack {pulumi.get_stack()} cannot be used.\n{error}"
        ) from None
    root, today = Path(__file__).resolve().parent, datetime.now(UTC).date()
    found = survey.take(settings, root, today)
    guards.check(found.situation)
    sso = PersonalPortalSso(
        "mimecast-personal-portal",
        PersonalPortalSsoArgs(settings=settings, root=root, today=today, survey=found),
    )
    for key, value in sso.outputs.items():
        pulumi.export(key, value)


main()
