"""Applications that an earlier run made in Entra and could not record.

Instantiating a gallery application is one call; when its answer is lost, or the engine is killed meanwhile, the
application exists and no state knows it. The next deployment would make a second one. So before anything is
registered for a stack without an application, Entra is searched by template and name; what is found can be adopted.
A stack that has its application never gets another one by adopting: that would delete its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mimecast_sso.facts.resource_types import APPLICATION_FROM_TEMPLATE, SERVICE_PRINCIPAL
from mimecast_sso.operations import tenant
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.settings import Settings
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.entra.odata import literal


@dataclass(frozen=True, slots=True)
class Orphan:
    """An application of the wanted template and name that no state of this stack knows."""

    client_id: str
    object_id: str
    created: str


def refuse(stack: Stack, engine: Engine, settings: Settings) -> None:
    """Raises OperationError when the deployment would make, or adopt, a second application."""
    resources = engine.resources()
    adopt = settings.application.adopt
    if adopt:
        _refuse_another(resources, adopt)
    if adopt or _knows_its_application(resources):
        return
    try:
        found = list(search(tenant.graph(stack), settings))
    except GraphError:
        return  # The deployment asks Entra next, and says what is wrong.
    if found:
        name = settings.application.display_name
        lines = [f"  client id {orphan.client_id}, made {orphan.created}" for orphan in found]
        raise OperationError(
            f'Entra already has "{name}" from the gallery, without the identifier of any other stack, and this stack '
            "knows nothing of it:\n" + "\n".join(lines) + "\n"
            "Most likely an earlier run made it and lost the answer. Nothing was changed. Take it over:\n"
            f"  mimecast-sso:application:\n    adopt: {found[0].client_id}\n"
            f"or delete it (az ad app delete --id {found[0].client_id}), and run again. If it belongs to somebody "
            "else, write another mimecast-sso:application.displayName.",
            Exit.REFUSED,
        )


def _refuse_another(resources: Iterable[Mapping[str, Any]], adopt: str) -> None:
    for resource in resources:
        own = str((resource.get("inputs") or {}).get("clientId") or adopt)
        if resource["type"] == SERVICE_PRINCIPAL and not resource.get("delete") and own.lower() != adopt:
            raise OperationError(
                f"mimecast-sso:application.adopt is {adopt}, and this stack has application {own} already: adopting "
                "another would delete that one. Nothing was changed. Remove the key, or write "
                f"adopt: {own}.",
                Exit.REFUSED,
            )


def _knows_its_application(resources: Iterable[Mapping[str, Any]]) -> bool:
    return any(resource["type"] == APPLICATION_FROM_TEMPLATE for resource in resources)


def search(graph: GraphClient, settings: Settings) -> Iterator[Orphan]:
    """The applications of the wanted name, from a template, that serve no other account. Raises GraphError."""
    found = graph.list(
        "/applications",
        filter=f"displayName eq {literal(settings.application.display_name)}",
        select="id,appId,applicationTemplateId,createdDateTime,identifierUris",
    )
    for application in found:
        # One with another identifier serves another account or stack; one not from a template was made by hand.
        identifiers = application.get("identifierUris") or []
        if application.get("applicationTemplateId") and (
            not identifiers or settings.identifier in identifiers
        ):
            yield Orphan(
                str(application["appId"]),
                str(application["id"]),
                str(application.get("createdDateTime") or ""),
            )
