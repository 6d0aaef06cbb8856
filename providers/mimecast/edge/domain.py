"""An internal domain as a Pulumi resource."""

from __future__ import annotations

from datetime import UTC, datetime

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from mimecast_sso.facts.mimecast_api import LEGACY_INBOUND_TYPES
from mimecast_sso.text.names import domain_name
from providers.edge import GONE, Properties, differs, normalise, select
from providers.mimecast import domains, normal_forms
from providers.mimecast.edge.base import STORED_IN, MimecastProvider
from providers.mimecast.process import process


class DomainProvider(MimecastProvider, stored_in=STORED_IN):
    """`Domain`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "domain", "mode", "inboundType")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "domain", lambda value: domain_name(normal_forms.text(value)))
        normalise(inputs, failures, "mode", normal_forms.one_of(domains.Mode))
        normalise(inputs, failures, "inboundType", normal_forms.one_of(LEGACY_INBOUND_TYPES))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if differs(olds, news, "domain"):
            return DiffResult(replaces=["domain"])
        # An expired proof is reissued by an update, although no input changed.
        return DiffResult(changes=True) if _proof_ended(olds) else DiffResult()

    def create(self, props: Properties) -> CreateResult:
        status, registered = _provide(props)
        return CreateResult(props["domain"], _domain_outputs(props, status, registered=registered))

    def read(self, id_: str, props: Properties) -> ReadResult:
        status = process.session().domains.find(props["domain"])
        if status is None:
            return ReadResult(GONE, {})
        inputs = select(props, "domain", "mode", "inboundType")
        if inputs["mode"] == domains.Mode.REGISTER and status.state is domains.DomainState.INTERNAL:
            inputs["inboundType"] = status.inbound_type or inputs["inboundType"]
        return ReadResult(id_, _domain_outputs(inputs, status, registered=props["registered"]), inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        status, registered = _provide(news)
        return UpdateResult(
            _domain_outputs(news, status, registered=registered or olds.get("registered") is True)
        )

    def delete(self, id_: str, props: Properties) -> None:
        if props["mode"] != domains.Mode.REQUIRE and self.successor(id_) is None:
            with process.session().writing() as client:
                domains.remove_domain(client, props["domain"], registered=props["registered"] is True)


def _provide(props: Properties) -> tuple[domains.DomainStatus, bool]:
    with process.session().writing() as client:
        return domains.provide_domain(
            client, props["domain"], domains.Mode(props["mode"]), props["inboundType"]
        )


def _domain_outputs(props: Properties, status: domains.DomainStatus, *, registered: bool) -> Properties:
    return {
        **select(props, "domain", "mode", "inboundType"),
        "state": status.state.value,
        "registered": registered,
        "proofName": status.proof_name,
        "proofType": status.proof_type,
        "proofValue": status.proof_value,
        "expires": status.expires,
    }


def _proof_ended(olds: Properties) -> bool:
    ends = domains.parse_time(str(olds.get("expires") or ""))
    return olds.get("state") == domains.DomainState.EXPIRED or (
        ends is not None and ends <= datetime.now(UTC)
    )


class Domain(Resource, module="mimecast", name="Domain"):
    """An internal domain at Mimecast.

    Removing it deletes a pending registration that this resource created, and keeps anything else: Mimecast has
    no API that deletes an internal domain.
    """

    domain: Output[str]
    mode: Output[str]
    inboundType: Output[str]  # noqa: N815  (outputs are spelt as in state)
    state: Output[str]
    """``internal``, ``pending`` or ``expired`` at the last read."""
    registered: Output[bool]
    """Whether this resource registered the domain."""
    proofName: Output[str]  # noqa: N815
    proofType: Output[str]  # noqa: N815
    proofValue: Output[str]  # noqa: N815
    """The text of the proof record; empty for an internal domain."""
    expires: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        domain: Input[str],
        mode: Input[str] = "ensure",
        inbound_type: Input[str] = "known",
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            domain: The name, such as ``example.com``. Changing it replaces the resource.
            mode: ``ensure`` (use it if it exists, else register), ``register`` (and keep ``inbound_type``), or
                ``require`` (must exist; nothing is written).
            inbound_type: The recipients that are accepted: ``any``, ``known``, ``ldap`` or ``smtp``.
        """
        props: Properties = {"domain": domain, "mode": mode, "inboundType": inbound_type}
        outputs = ("state", "registered", "proofName", "proofType", "proofValue", "expires")
        super().__init__(DomainProvider(), resource_name, props | dict.fromkeys(outputs), opts)
