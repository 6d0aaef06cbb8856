"""The data sources that the stand-in knows. A new one is a row here, and a class with its table and calls."""

from __future__ import annotations

from sandbox.azuread.functions.application import GetApplication, GetApplicationTemplate, GetServicePrincipal
from sandbox.azuread.functions.base import Function
from sandbox.azuread.functions.directory import GetClientConfig, GetDomains, GetGroup, GetUser, GetUsers

ALL: tuple[Function, ...] = (
    GetApplication(),
    GetApplicationTemplate(),
    GetClientConfig(),
    GetDomains(),
    GetGroup(),
    GetServicePrincipal(),
    GetUser(),
    GetUsers(),
)


FUNCTIONS: dict[str, Function] = {function.table.token: function for function in ALL}
"""By token."""
