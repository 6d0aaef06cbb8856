"""The attested authentication profile as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, ReadResult, Resource, UpdateResult

from mimecast_sso.console import attestation
from mimecast_sso.facts.attestation_documents import Attestation, EvidenceDocument
from mimecast_sso.facts.json_types import JSON
from providers.edge import Properties, is_known, normalise, select
from providers.mimecast import normal_forms
from providers.mimecast.edge.base import STORED_IN, MimecastProvider


class AuthenticationProfileProvider(MimecastProvider, stored_in=STORED_IN):
    """`AuthenticationProfile`. Calls nothing: no public Mimecast API has authentication profiles."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "form", "thumbprint", "confirmed", "evidence")
        failures: list[CheckFailure] = []
        normalise(
            inputs,
            failures,
            "thumbprint",
            # Empty if the form has no certificate: it comes from the metadata, or does not exist yet.
            lambda value: attestation.normal_thumbprint(normal_forms.text(value)) if value != "" else "",
        )
        normalise(inputs, failures, "form", normal_forms.form)
        normalise(inputs, failures, "confirmed", normal_forms.confirmation)
        normalise(inputs, failures, "evidence", normal_forms.evidence)
        for key in ("confirmed", "evidence"):
            if inputs[key] is None:
                del inputs[key]
        if not failures and is_known(inputs["form"]) and is_known(inputs["thumbprint"]):
            # On no property: the certificate may be marked secret, and the engine prints values.
            failures += [
                CheckFailure("", problem)
                for problem in attestation.problems(inputs["form"], inputs["thumbprint"])
            ]
        return CheckResult(inputs, failures)

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(str(props["form"]["description"]), _profile_outputs(props, None))

    def read(self, id_: str, props: Properties) -> ReadResult:
        return ReadResult(id_, _profile_outputs(props, props.get("previousForm")), _profile_inputs(props))

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        # The console holds the last confirmed form until another one is confirmed.
        previous = olds["form"] if olds.get("state") != "due" else olds.get("previousForm")
        return UpdateResult(_profile_outputs(news, previous))


def _profile_inputs(props: Properties) -> Properties:
    return {key: props[key] for key in ("form", "thumbprint", "confirmed", "evidence") if key in props}


def _profile_outputs(props: Properties, previous: Properties | None) -> Properties:
    prints = attestation.fingerprints(props["form"], props["thumbprint"])
    state = attestation.state(
        props["form"], props["thumbprint"], props.get("confirmed"), props.get("evidence")
    )
    return {
        **_profile_inputs(props),
        "criticalFingerprint": prints.critical,
        "cosmeticFingerprint": prints.cosmetic,
        "state": state,
        **({"previousForm": previous} if previous and state == "due" else {}),
    }


class AuthenticationProfile(Resource, module="mimecast", name="AuthenticationProfile"):
    """The console form of the authentication profile, and its attested state.

    It writes nothing to Mimecast: ``state`` is ``due`` until the confirmed fingerprint is the
    desired one; then evidence decides between ``claimed``, ``read``, ``proved``, ``stale`` and ``contradicted``
    (`mimecast_sso.console.attestation.state`).
    """

    form: Output[dict[str, JSON]]
    thumbprint: Output[str]
    confirmed: Output[dict[str, str] | None]
    evidence: Output[dict[str, JSON] | None]
    criticalFingerprint: Output[str]  # noqa: N815
    """Fingerprint of the values that can break a sign-in; people confirm this one."""
    cosmeticFingerprint: Output[str]  # noqa: N815
    state: Output[str]
    previousForm: Output[dict[str, JSON] | None]  # noqa: N815
    """While ``due``: the last confirmed form, if any."""

    def __init__(
        self,
        resource_name: str,
        *,
        form: Input[Mapping[str, Input[str | bool]]],
        thumbprint: Input[str],
        confirmed: Input[Attestation] | None = None,
        evidence: Input[EvidenceDocument] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            form: Every field of `mimecast_sso.facts.profile_form.FIELDS`, by key.
            thumbprint: SHA-1 thumbprint of the certificate in the form, hexadecimal; "" if the form has none.
            confirmed: The attestation.
            evidence: Later evidence, if any.
        """
        props: Properties = {
            "form": form,
            "thumbprint": thumbprint,
            "confirmed": confirmed,
            "evidence": evidence,
        }
        outputs = ("criticalFingerprint", "cosmeticFingerprint", "state", "previousForm")
        super().__init__(AuthenticationProfileProvider(), resource_name, props | dict.fromkeys(outputs), opts)
