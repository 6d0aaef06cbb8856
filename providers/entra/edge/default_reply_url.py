"""The reply URL that takes IdP-initiated sign-ins, as a Pulumi resource."""

from __future__ import annotations

from contextlib import suppress

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from providers.edge import GONE, Properties
from providers.entra import default_reply_url
from providers.entra.edge.base import STORED_IN, EntraProvider, replaces
from providers.entra.errors import ObjectNotFound
from providers.entra.graph import shared_client


class DefaultReplyUrlProvider(EntraProvider, stored_in=STORED_IN):
    """`DefaultReplyUrl`."""

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        return DiffResult(replaces=replaces(olds, news, "applicationId"))

    def create(self, props: Properties) -> CreateResult:
        default_reply_url.write(shared_client(), props["applicationId"], props["url"])
        return CreateResult(props["applicationId"], props)

    def read(self, id_: str, _props: Properties) -> ReadResult:
        try:
            url = default_reply_url.read(shared_client(), id_)
        except ObjectNotFound:
            return ReadResult(GONE, {})
        outputs = {"applicationId": id_, "url": url}
        return ReadResult(id_, outputs, outputs)

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        default_reply_url.write(shared_client(), news["applicationId"], news["url"])
        return UpdateResult(news)

    def delete(self, id_: str, _props: Properties) -> None:
        if self.successor(id_) is not None:
            return
        with suppress(ObjectNotFound):
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
        Args:
            application_id: Object id of the application.
            url: One of its reply URLs.
        """
        props: Properties = {"applicationId": application_id, "url": url}
        super().__init__(DefaultReplyUrlProvider(), resource_name, props, opts)
