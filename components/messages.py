"""What a component says in previews and deployments: a dynamic provider cannot show it."""

from __future__ import annotations

import pulumi

from mimecast_sso.provenance import How, Statement


def say(statement: Statement, resource: pulumi.Resource) -> None:
    """Logs a statement on a resource; one that warns as a warning.

    What this run has just read is said as it is. Anything else says how it is known.
    """
    text = statement.text if statement.how is How.LIVE else str(statement)
    log = pulumi.log.warn if statement.warns else pulumi.log.info
    log(f"{text}.", resource=resource)
