"""A directory integration as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, ReadResult, Resource, UpdateResult

from mimecast_sso.facts.json_types import JSON
from providers.edge import GONE, Properties, normalise, select
from providers.mimecast import directory_integration as integrations
from providers.mimecast import normal_forms
from providers.mimecast.directory_integration import Integration, Mode
from providers.mimecast.edge.base import STORED_IN, MimecastProvider
from providers.mimecast.process import process


class DirectoryIntegrationProvider(MimecastProvider, stored_in=STORED_IN):
    """`DirectoryIntegration`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "description", "mode", "properties")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "description", normal_forms.text)
        normalise(inputs, failures, "mode", normal_forms.one_of(Mode))
        normalise(inputs, failures, "properties", normal_forms.integration)
        return CheckResult(inputs, failures)

    def create(self, props: Properties) -> CreateResult:
        found = _provide(props)
        return CreateResult(found.description, _outputs(props, found))

    def read(self, id_: str, props: Properties) -> ReadResult:
        found = integrations.find_integration(process.session().client, props["description"])
        if found is None:
            return ReadResult(GONE, {})
        inputs = select(props, "description", "mode")
        # Live values of the configured properties; `live` shows changes of the others.
        inputs["properties"] = {
            key: found.properties.get(key, recorded) for key, recorded in props["properties"].items()
        }
        return ReadResult(id_, _outputs(inputs, found), inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_outputs(news, _provide(news, str(olds["description"]))))

    def delete(self, _id: str, props: Properties) -> None:
        integrations.leave_integration(props["description"])


def _provide(props: Properties, former: str = "") -> Integration:
    return integrations.provide_integration(
        process.session().client, props["description"], Mode(props["mode"]), props["properties"], former
    )


def _outputs(props: Properties, found: Integration) -> Properties:
    return {**select(props, "description", "mode", "properties"), "live": dict(found.properties)}


class DirectoryIntegration(Resource, module="mimecast", name="DirectoryIntegration"):
    """The integration that synchronises addresses from a Microsoft 365 tenant.

    Created if it does not exist (mode ``ensure``), or only checked (``require``). Removing the resource deletes nothing
    at Mimecast, because people's addresses come from it.
    """

    description: Output[str]
    """Identifies the integration. Changing it renames the integration in place."""
    mode: Output[str]
    properties: Output[Mapping[str, JSON]]
    """The configured properties."""
    live: Output[Mapping[str, JSON]]
    """All properties at the last read, except status and last run."""

    def __init__(
        self,
        resource_name: str,
        *,
        description: Input[str],
        mode: Input[str] = "ensure",
        properties: Input[Mapping[str, Input[Any]]] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            description: The description in the console.
            mode: ``ensure`` (created if missing, and the configured properties are enforced) or ``require``
                (must exist as configured; nothing is written).
            properties: Mimecast's names → values (`providers.mimecast.directory_integration.PROPERTIES`); others
                are left unchanged. ``tenantDomain`` is needed to create one.
        """
        props: Properties = {"description": description, "mode": mode, "properties": properties or {}}
        super().__init__(DirectoryIntegrationProvider(), resource_name, props | {"live": None}, opts)
