"""The proof of a domain as a Pulumi resource."""

from __future__ import annotations

import logging
from collections.abc import Callable

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

from mimecast_sso.text.names import domain_name
from providers.edge import GONE, Properties, differs, normalise, select
from providers.mimecast import domain_verification, domains, normal_forms
from providers.mimecast.edge.base import STORED_IN, MimecastProvider
from providers.mimecast.process import process

_log = logging.getLogger(__name__)


class DomainVerificationProvider(MimecastProvider, stored_in=STORED_IN):
    """`DomainVerification`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "domain", "proofValue", "publish")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "domain", lambda value: domain_name(normal_forms.text(value)))
        normalise(inputs, failures, "proofValue", lambda value: str(value or ""))
        normalise(inputs, failures, "publish", normal_forms.one_of(domain_verification.Publish))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        if differs(olds, news, "domain"):
            return DiffResult(replaces=["domain"])
        # A verified domain stays verified, whatever record proved it; other states are retried in every run.
        return DiffResult(changes=olds.get("state") != domain_verification.ProofOutcome.VERIFIED)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["domain"], _verified(props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        status = process.session().domains.find(props["domain"])
        if status is None:
            return ReadResult(GONE, {})
        inputs = select(props, "domain", "proofValue", "publish")
        return ReadResult(
            id_, _verification_outputs(inputs, domain_verification.verification(status)), inputs
        )

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_verified(news))


def _verified(props: Properties) -> Properties:
    with process.session().writing() as client:
        result = domain_verification.verify_domain(client, props["domain"], _publisher(props["publish"]))
    if result.next_step:
        _log.warning("%s is %s. %s", props["domain"], result.outcome.value, result.next_step)
    return _verification_outputs(props, result)


def _publisher(publish: str) -> Callable[[domains.DomainStatus], None] | None:
    if publish == domain_verification.Publish.NONE:
        return None
    # Imported here, because most runs publish nothing.
    from providers.mimecast.dns_update import publish_proof, update_server  # noqa: PLC0415

    server = update_server(process.configuration.dns)
    return lambda status: publish_proof(server, status.domain, status.proof_value)


def _verification_outputs(props: Properties, result: domain_verification.ProofResult) -> Properties:
    return {
        **select(props, "domain", "proofValue", "publish"),
        "state": result.outcome.value,
        "nextStep": result.next_step,
    }


class DomainVerification(Resource, module="mimecast", name="DomainVerification"):
    """The proof of ownership of a domain. While it is pending, every run retries; removing it undoes nothing."""

    domain: Output[str]
    proofValue: Output[str]  # noqa: N815
    publish: Output[str]
    state: Output[str]
    """``verified``, ``pending`` or ``expired``."""
    nextStep: Output[str]  # noqa: N815
    """The next step for a person; empty once verified."""

    def __init__(
        self,
        resource_name: str,
        *,
        domain: Input[str],
        proof_value: Input[str],
        publish: Input[str] = "none",
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            domain: The name; take it from a `Domain`. Changing it replaces the resource.
            proof_value: The ``proofValue`` of the `Domain`.
            publish: ``none`` (the record is published by other means; one try per run) or ``rfc2136`` (published by
                DNS update as configured in ``mimecast-sso:dns``, and waited for).
        """
        props: Properties = {"domain": domain, "proofValue": proof_value, "publish": publish}
        super().__init__(
            DomainVerificationProvider(), resource_name, props | dict.fromkeys(("state", "nextStep")), opts
        )
