"""Messages of components in previews and deployments, which a dynamic provider cannot show."""

from __future__ import annotations

import pulumi

from mimecast_sso.provenance import Statement


def say(statement: Statement, resource: pulumi.Resource) -> None:
    """Log a statement on a resource, as a warning if it warns."""
    log = pulumi.log.warn if statement.warns else pulumi.log.info
    log(f"{statement.brief}.", resource=resource)
