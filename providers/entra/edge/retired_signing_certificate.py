"""A certificate that a service principal no longer has, as a Pulumi resource."""

from __future__ import annotations

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from providers.edge import GONE, Properties
from providers.entra import signing_certificates
from providers.entra.edge.base import STORED_IN, EntraProvider, replaces
from providers.entra.errors import ObjectNotFound
from providers.entra.graph import shared_client

_KEY_IDS = "keyIds"
"""In the state: the ids of the keys that were removed with the certificate."""


class RetiredSigningCertificateProvider(EntraProvider, stored_in=STORED_IN):
    """`RetiredSigningCertificate`."""

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        replaced = replaces(olds, news, "servicePrincipalId", "thumbprint")
        if not replaced and olds.get("gone") is not True:
            return DiffResult(changes=True)
        return DiffResult(replaces=replaced)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["thumbprint"], _retired(props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        inputs = {key: props[key] for key in ("servicePrincipalId", "thumbprint")}
        try:
            live = signing_certificates.read(shared_client(), props["servicePrincipalId"])
        except ObjectNotFound:
            return ReadResult(GONE, {})
        return ReadResult(
            id_, inputs | {"gone": props["thumbprint"] not in live.thumbprints} | _key_ids(props), inputs
        )

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_key_ids(olds) | _retired(news))

    def delete(self, _id: str, _props: Properties) -> None:
        """Do nothing: a removed certificate cannot be restored."""


def _key_ids(props: Properties) -> Properties:
    """The recorded ids, if any: later runs, which find nothing left to remove, keep them."""
    return {_KEY_IDS: props[_KEY_IDS]} if _KEY_IDS in props else {}


def _retired(props: Properties) -> Properties:
    done = signing_certificates.retire(shared_client(), props["servicePrincipalId"], props["thumbprint"])
    return {
        "servicePrincipalId": props["servicePrincipalId"],
        "thumbprint": props["thumbprint"],
        "gone": props["thumbprint"] not in done.left.thumbprints,
        **({_KEY_IDS: list(done.key_ids)} if done.key_ids else {}),
    }


class RetiredSigningCertificate(Resource, module="entra", name="RetiredSigningCertificate"):
    """A certificate that a service principal no longer has."""

    servicePrincipalId: Output[str]  # noqa: N815
    thumbprint: Output[str]
    gone: Output[bool]

    def __init__(
        self,
        resource_name: str,
        *,
        service_principal_id: Input[str],
        thumbprint: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            service_principal_id: Object id of the service principal.
            thumbprint: The certificate to remove: 40 hexadecimal digits in capitals. Never the active one.
        """
        props: Properties = {
            "servicePrincipalId": service_principal_id,
            "thumbprint": thumbprint,
            "gone": None,
        }
        super().__init__(RetiredSigningCertificateProvider(), resource_name, props, opts)
