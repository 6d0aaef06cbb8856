"""The proof of a domain, published by the program's own DNS provider.

After the record is written, the same run asks Mimecast to verify the domain.
"""

import pulumi
from zone import TxtRecord

from mimecast_sso import (
    PersonalPortalSso,
    PersonalPortalSsoArgs,
    Proof,
    assess,
    judge,
    settings_from_engine,
)


def publish(proof: Proof) -> pulumi.Resource:
    """Create the record that proves a domain."""
    return TxtRecord(f"proof-{proof.domain}", zone=proof.domain, record=proof.name, text=proof.value)


assessment = assess(settings_from_engine(pulumi.runtime.get_config_env()))
judge(assessment)
sso = PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment, publish_proof=publish))

pulumi.export("domains", sso.domain_states)
