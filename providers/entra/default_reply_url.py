"""The default reply URL of an application, to which Entra sends unsolicited responses.

Fact (Microsoft Graph's "application resource type"): ``defaultRedirectUri`` takes the responses of IdP-initiated SAML
sign-ins, and must be one of the application's redirect URIs. Those are a set to the azuread provider, so that their
order, by which Entra chooses otherwise, cannot be stated there.
"""

from __future__ import annotations

from providers.entra.errors import NotTakenOver
from providers.entra.protocols import Graph


def read(graph: Graph, application: str) -> str:
    """The default of the application with this object id; "" when none is stated. Raises NotFound, GraphError."""
    found = graph.get(f"/applications/{application}", select="defaultRedirectUri")
    return str(found.get("defaultRedirectUri") or "")


def write(graph: Graph, application: str, url: str) -> None:
    """Set the default, or none (""). Raises NotTakenOver, GraphError."""
    if read(graph, application) == url:
        return
    graph.patch(f"/applications/{application}", {"defaultRedirectUri": url or None})
    after = read(graph, application)
    if after != url:
        raise NotTakenOver(
            f"Entra accepted {url or 'no'} default reply URL for application {application}, but has "
            f"{after or 'none'}. Rerun"
        )
