"""What azuread lacks, as Pulumi resources: the edge between the engine and the handlers.

The module path and the names of the classes are in people's state, so they never change.
"""

from __future__ import annotations

from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from providers.edge import ReadableProvider
from providers.entra import signing_certificates
from providers.entra.errors import GraphError, NotFound
from providers.entra.graph import shared_client

Properties = dict[str, Any]


class ActiveSigningCertificateProvider(ReadableProvider):
    """`ActiveSigningCertificate`."""

    expected = (GraphError,)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if olds.get("activeThumbprint") != olds.get("thumbprint"):
            return DiffResult(changes=True)  # It waited; whether it still must is seen when it is tried.
        return DiffResult(replaces=_replaces(olds, news))

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["servicePrincipalId"], _activated(props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        try:
            signs = _signs_now(signing_certificates.read(shared_client(), id_))
        except NotFound:
            return ReadResult("", {})
        outputs = props | {"activeThumbprint": signs}
        inputs = {key: props[key] for key in ("servicePrincipalId", "thumbprint", "replace")}
        return ReadResult(id_, outputs, inputs | {"thumbprint": signs or props["thumbprint"]})

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_activated(news))

    def delete(self, _id: str, _props: Properties) -> None:
        """Leaves the certificate active: the principal always has one, and goes by itself."""


def _replaces(olds: Properties, news: Properties) -> list[str]:
    return ["servicePrincipalId"] if olds["servicePrincipalId"] != news["servicePrincipalId"] else []


def _activated(props: Properties) -> Properties:
    certificates = signing_certificates.activate(
        shared_client(), props["servicePrincipalId"], props["thumbprint"], replace=bool(props["replace"])
    )
    return {
        "servicePrincipalId": props["servicePrincipalId"],
        "thumbprint": props["thumbprint"],
        "replace": bool(props["replace"]),
        "activeThumbprint": _signs_now(certificates),
    }


def _signs_now(certificates: signing_certificates.SigningCertificates) -> str:
    signs = certificates.active(shared_client().now())
    return signs.thumbprint if signs else ""


class ActiveSigningCertificate(Resource, module="entra", name="ActiveSigningCertificate"):
    """The certificate that a service principal signs with."""

    servicePrincipalId: Output[str]  # noqa: N815
    thumbprint: Output[str]
    activeThumbprint: Output[str]  # noqa: N815
    """What Entra signs with: another certificate while ``replace`` is false and one was active, or when the named
    one has expired and Entra has switched by itself; "" when it cannot be told."""

    def __init__(
        self,
        resource_name: str,
        *,
        service_principal_id: Input[str],
        thumbprint: Input[str],
        replace: Input[bool],
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        :param service_principal_id: Object id of the service principal.
        :param thumbprint: Of the certificate to activate: 40 hexadecimal digits in capitals.
        :param replace: Whether another active certificate may be replaced.
        """
        props: Properties = {
            "servicePrincipalId": service_principal_id,
            "thumbprint": thumbprint,
            "replace": replace,
            "activeThumbprint": None,
        }
        super().__init__(ActiveSigningCertificateProvider(), resource_name, props, opts)
