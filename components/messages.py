"""Messages of components in previews and deployments, which a dynamic provider cannot show."""

from __future__ import annotations

import pulumi

from mimecast_sso.provenance import How, Statement


def say(statement: Statement, resource: pulumi.Resource) -> None:
    """Log a statement on a resource, as a warning if it warns.

    Statements that this run has just read are logged without their source; all others with it.
    """
    text = statement.text if statement.how is How.LIVE else str(statement)
    log = pulumi.log.warn if statement.warns else pulumi.log.info
    log(f"{text}.", resource=resource)
