"""The Pulumi program: settings, snapshot, forecast, guards, one component, outputs."""

from pathlib import Path

import pulumi

from components.personal_portal_sso import PersonalPortalSso, PersonalPortalSsoArgs
from mimecast_sso.assessment import program
from mimecast_sso.settings import ConfigurationError


def main() -> None:
    """Registers everything. Raises RunError for a configuration that cannot be used, and for what a guard refuses."""
    try:
        root = Path(__file__).resolve().parent
        assessment = program.assess(program.settings(), root=root)
        program.judge(assessment, root=root)
        sso = PersonalPortalSso("mimecast-personal-portal", PersonalPortalSsoArgs(assessment))
    except ConfigurationError as error:
        raise pulumi.RunError(
            f"The configuration of stack {pulumi.get_stack()} cannot be used.\n{error}"
        ) from None
    for key, value in sso.outputs.items():
        pulumi.export(key, value)


main()
