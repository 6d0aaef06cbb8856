"""The part of Azure Resource Manager that an Azure CLI sign-in needs: a tenant without subscriptions.

Sources: "Tenants - List" and "Subscriptions - List" of the Resource Manager reference, and the requests of the Azure
CLI. Nothing else is simulated.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from sandbox.entra import tokens
from sandbox.entra.entrance import CaselessRoute
from sandbox.hosts import GRAPH_HOST, LOGIN_HOST, MANAGEMENT_HOST
from sandbox.world import World


class Management:
    """Handlers of ``management.azure.com``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """The routes below the host."""
        return [
            CaselessRoute("/metadata/endpoints", self._metadata),
            CaselessRoute("/subscriptions", self._subscriptions),
            CaselessRoute("/tenants", self._tenants),
        ]

    async def _metadata(self, _: Request) -> Response:
        """The cloud's endpoints, as Resource Manager publishes them for the public cloud."""
        return JSONResponse(
            {
                "name": "AzureCloud",
                "resourceManager": f"https://{MANAGEMENT_HOST}/",
                "microsoftGraphResourceId": f"https://{GRAPH_HOST}/",
                "authentication": {
                    "loginEndpoint": f"https://{LOGIN_HOST}",
                    "audiences": [f"https://{MANAGEMENT_HOST}/"],
                    "tenant": "common",
                    "identityProvider": "AAD",
                },
            }
        )

    async def _subscriptions(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse({"value": [], "count": {"type": "Total", "value": 0}})

    async def _tenants(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        tenant = self._world.get(tokens.TENANTS, tokens.TENANT) or {}
        domains = self._world.all("entra.domains")
        row = {
            "id": f"/tenants/{tenant.get('id')}",
            "tenantId": tenant.get("id"),
            "displayName": tenant.get("displayName"),
            "defaultDomain": next((each["id"] for each in domains if each["isDefault"]), None),
            "domains": [each["id"] for each in domains],
            "tenantCategory": "Home",
            "tenantType": "AAD",
        }
        return JSONResponse({"value": [row]})

    def _refusal(self, request: Request) -> Response | None:
        """401 for a caller without a token for Resource Manager; 400 without the required API version."""
        try:
            tokens.authenticate(self._world, request.headers.get("authorization"), tokens.ARM_AUDIENCES)
        except tokens.InvalidTokenError as error:
            return _error(HTTPStatus.UNAUTHORIZED, "InvalidAuthenticationToken", str(error))
        if "api-version" not in request.query_params:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            return _error(HTTPStatus.BAD_REQUEST, "MissingApiVersionParameter", message)
        return None


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
