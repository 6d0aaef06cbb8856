"""The certificate that a service principal signs with, as a Pulumi resource."""

from __future__ import annotations

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from mimecast_sso.text.times import utc_text
from providers.edge import GONE, Properties
from providers.entra import signing_certificates
from providers.entra.edge.base import STORED_IN, EntraProvider, replaces
from providers.entra.errors import ObjectNotFound
from providers.entra.graph import shared_client

_ACTIVATED_AT = "activatedAt"


class ActiveSigningCertificateProvider(EntraProvider, stored_in=STORED_IN):
    """`ActiveSigningCertificate`."""

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        replaced = replaces(olds, news, "servicePrincipalId")
        if not replaced and olds.get("activeThumbprint") != olds.get("thumbprint"):
            return DiffResult(changes=True)  # It waited; only trying shows whether it still has to.
        return DiffResult(replaces=replaced)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["servicePrincipalId"], _activated({}, props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        try:
            signs = _signs_now(signing_certificates.read(shared_client(), id_))
        except ObjectNotFound:
            return ReadResult(GONE, {})
        outputs = props | {"activeThumbprint": signs}
        if signs != props.get("activeThumbprint"):
            # The time is unknown, but later than the last read.
            outputs[_ACTIVATED_AT] = utc_text(shared_client().now())
        inputs = {key: props[key] for key in ("servicePrincipalId", "thumbprint", "replace")}
        return ReadResult(id_, outputs, inputs | {"thumbprint": signs or props["thumbprint"]})

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_activated(olds, news))

    def delete(self, _id: str, _props: Properties) -> None:
        """Leave the certificate active: a principal always has one, and its deletion removes it."""


def _activated(olds: Properties, props: Properties) -> Properties:
    graph = shared_client()
    signs = _signs_now(
        signing_certificates.activate(
            graph, props["servicePrincipalId"], props["thumbprint"], replace=bool(props["replace"])
        )
    )
    same = signs == olds.get("activeThumbprint")
    activated_at = olds.get(_ACTIVATED_AT) if same else utc_text(graph.now())
    return {
        "servicePrincipalId": props["servicePrincipalId"],
        "thumbprint": props["thumbprint"],
        "replace": bool(props["replace"]),
        "activeThumbprint": signs,
        **({_ACTIVATED_AT: activated_at} if activated_at else {}),
    }


def _signs_now(certificates: signing_certificates.PrincipalCertificates) -> str:
    signs = certificates.active(shared_client().now())
    return signs.thumbprint if signs else ""


class ActiveSigningCertificate(Resource, module="entra", name="ActiveSigningCertificate"):
    """The certificate that a service principal signs with."""

    servicePrincipalId: Output[str]  # noqa: N815
    thumbprint: Output[str]
    activeThumbprint: Output[str]  # noqa: N815
    """The certificate that Entra signs with: another one while ``replace`` is false and one was active, or if the named
    one has expired and Entra has switched automatically; "" if unknown."""

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
        Args:
            service_principal_id: Object id of the service principal.
            thumbprint: The certificate to activate: 40 hexadecimal digits in capitals.
            replace: Whether another active certificate may be replaced.
        """
        props: Properties = {
            "servicePrincipalId": service_principal_id,
            "thumbprint": thumbprint,
            "replace": replace,
            "activeThumbprint": None,
        }
        super().__init__(ActiveSigningCertificateProvider(), resource_name, props, opts)
