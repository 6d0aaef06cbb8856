"""What azuread lacks, as Pulumi resources: the edge between the engine and the handlers.

The module path and the names of the classes are in people's state, so they never change.
"""

from __future__ import annotations

from contextlib import suppress

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from mimecast_sso.text.times import utc_text
from providers.edge import Properties, ReadableProvider
from providers.entra import default_reply_url, signing_certificates
from providers.entra.errors import GraphError, NotFound
from providers.entra.graph import shared_client

_ACTIVATED_AT = "activatedAt"
_KEY_IDS = "keyIds"
"""In the state of a retired certificate: the ids of the keys that were taken away with it."""


class ActiveSigningCertificateProvider(ReadableProvider):
    """`ActiveSigningCertificate`."""

    expected = (GraphError,)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if olds.get("activeThumbprint") != olds.get("thumbprint"):
            return DiffResult(changes=True)  # It waited; whether it still must is seen when it is tried.
        return DiffResult(replaces=_replaces(olds, news, "servicePrincipalId"))

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["servicePrincipalId"], _activated({}, props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        try:
            signs = _signs_now(signing_certificates.read(shared_client(), id_))
        except NotFound:
            return ReadResult("", {})
        outputs = props | {"activeThumbprint": signs}
        if signs != props.get("activeThumbprint"):
            # Since when is not known; not before it was last looked.
            outputs[_ACTIVATED_AT] = utc_text(shared_client().now())
        inputs = {key: props[key] for key in ("servicePrincipalId", "thumbprint", "replace")}
        return ReadResult(id_, outputs, inputs | {"thumbprint": signs or props["thumbprint"]})

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_activated(olds, news))

    def delete(self, _id: str, _props: Properties) -> None:
        """Leaves the certificate active: the principal always has one, and goes by itself."""


def _replaces(olds: Properties, news: Properties, *keys: str) -> list[str]:
    """Those of the keys whose change makes another resource of it."""
    return [key for key in keys if olds[key] != news[key]]


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


class RetiredSigningCertificateProvider(ReadableProvider):
    """`RetiredSigningCertificate`."""

    expected = (GraphError,)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if olds.get("gone") is not True:
            return DiffResult(changes=True)
        return DiffResult(replaces=_replaces(olds, news, "servicePrincipalId", "thumbprint"))

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["thumbprint"], _retired(props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        inputs = {key: props[key] for key in ("servicePrincipalId", "thumbprint")}
        try:
            live = signing_certificates.read(shared_client(), props["servicePrincipalId"])
        except NotFound:
            return ReadResult("", {})
        return ReadResult(
            id_, inputs | {"gone": props["thumbprint"] not in live.thumbprints} | _key_ids(props), inputs
        )

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_key_ids(olds) | _retired(news))

    def delete(self, _id: str, _props: Properties) -> None:
        """What was taken away does not come back."""


def _key_ids(props: Properties) -> Properties:
    """The ids that were recorded, if any: later runs, which find nothing left to take away, keep them."""
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
        :param service_principal_id: Object id of the service principal.
        :param thumbprint: Of the certificate to take away: 40 hexadecimal digits in capitals. Never the active one.
        """
        props: Properties = {
            "servicePrincipalId": service_principal_id,
            "thumbprint": thumbprint,
            "gone": None,
        }
        super().__init__(RetiredSigningCertificateProvider(), resource_name, props, opts)


class DefaultReplyUrlProvider(ReadableProvider):
    """`DefaultReplyUrl`."""

    expected = (GraphError,)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        return DiffResult(replaces=_replaces(olds, news, "applicationId"))

    def create(self, props: Properties) -> CreateResult:
        default_reply_url.write(shared_client(), props["applicationId"], props["url"])
        return CreateResult(props["applicationId"], props)

    def read(self, id_: str, _props: Properties) -> ReadResult:
        try:
            url = default_reply_url.read(shared_client(), id_)
        except NotFound:
            return ReadResult("", {})
        outputs = {"applicationId": id_, "url": url}
        return ReadResult(id_, outputs, outputs)

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        default_reply_url.write(shared_client(), news["applicationId"], news["url"])
        return UpdateResult(news)

    def delete(self, id_: str, _props: Properties) -> None:
        with suppress(NotFound):
            default_reply_url.write(shared_client(), id_, "")


class DefaultReplyUrl(Resource, module="entra", name="DefaultReplyUrl"):
    """The reply URL that takes IdP-initiated sign-ins."""

    applicationId: Output[str]  # noqa: N815
    url: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        application_id: Input[str],
        url: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        :param application_id: Object id of the application.
        :param url: One of its reply URLs.
        """
        props: Properties = {"applicationId": application_id, "url": url}
        super().__init__(DefaultReplyUrlProvider(), resource_name, props, opts)
