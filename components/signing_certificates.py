"""The certificates that sign the assertions: generations, the active one, and those that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_azuread as azuread

from mimecast_sso.assessment.adoption import Adoption
from mimecast_sso.settings import Certificates, Generation
from providers.entra.resources import ActiveSigningCertificate, RetiredSigningCertificate
from providers.entra.signing_certificates import subject


@dataclass(frozen=True, slots=True)
class SigningCertificatesArgs:
    """The generations to keep in Entra, on one service principal."""

    certificates: Certificates
    service_principal: azuread.ServicePrincipal
    adoption: Adoption | None = None
    """The live application that is taken over: a generation that ends when one of its certificates does is that one."""


@dataclass(frozen=True, slots=True)
class Made:
    """One generation as Entra made it."""

    resource: pulumi.Resource
    thumbprint: pulumi.Output[str]
    """SHA-1, 40 hexadecimal digits in capitals."""
    body: pulumi.Output[str]
    """Base-64 DER without the BEGIN and END lines, as Mimecast's form wants it."""
    end_date: pulumi.Output[str]


class SigningCertificates(pulumi.ComponentResource):
    """One token signing certificate per generation.

    A generation that leaves the configuration stays in Entra: the azuread provider's delete takes away the wrong
    certificate when the principal has several (measured with plugin 6.9.1). One that is listed as retired is taken
    away by this project's own resource.
    """

    generations: dict[str, Made]
    """By label."""
    active: Made

    def __init__(
        self, name: str, args: SigningCertificatesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:entra:SigningCertificates", name, None, opts)
        self._name, self._args = name, args
        active = args.certificates.active_generation
        self.active = self._made(active)
        # Entra makes the first certificate of all the active one by itself.
        self.generations = {active.label: self.active} | {
            generation.label: self._made(generation, after=[self.active.resource])
            for generation in args.certificates.generations
            if generation is not active
        }
        if len(args.certificates.generations) > 1:
            pulumi.log.info(
                f"A rotation ({args.certificates.rotation}) is under way. Expected gap when the active certificate "
                f"changes: {args.certificates.expected_gap()}.",
                resource=self,
            )
        self.register_outputs({"thumbprint": self.active.thumbprint, "endDate": self.active.end_date})

    def _made(self, generation: Generation, after: Sequence[pulumi.Resource] = ()) -> Made:
        adoption = self._args.adoption
        there = adoption.certificate(generation) if adoption else None
        certificate = azuread.ServicePrincipalTokenSigningCertificate(
            f"{self._name}-{generation.label}",
            service_principal_id=self._args.service_principal.id,
            display_name=there.display_name if there else subject(generation.label),
            end_date=generation.end_date,
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=True,
                deleted_with=self._args.service_principal,
                depends_on=list(after),
                import_=adoption.certificate_id(there) if adoption and there else None,
            ),
        )
        # The plugin marks the certificate secret, but it is the public half and people paste it into a form.
        body = pulumi.Output.unsecret(certificate.value).apply(certificate_body)
        return Made(certificate, certificate.thumbprint, body, certificate.end_date)

    def activate(
        self, trusted: pulumi.Input[bool], after: Sequence[pulumi.Resource] = ()
    ) -> ActiveSigningCertificate:
        """Has Entra sign with the active generation, once ``after`` is done.

        Until Mimecast is known to trust it (``trusted``), another active certificate stays active.
        """
        return ActiveSigningCertificate(
            f"{self._name}-active",
            service_principal_id=self._args.service_principal.object_id,
            thumbprint=self.active.thumbprint,
            replace=trusted,
            opts=pulumi.ResourceOptions(
                parent=self, deleted_with=self._args.service_principal, depends_on=list(after)
            ),
        )

    def retire(self, after: Sequence[pulumi.Resource]) -> None:
        """Takes the retired certificates away from Entra, one after the other, once ``after`` is done.

        One at a time, because Entra's lists of keys are written whole.
        """
        done = list(after)
        for entry in self._args.certificates.retired:
            retired = RetiredSigningCertificate(
                f"{self._name}-retired-{entry.thumbprint.lower()}",
                service_principal_id=self._args.service_principal.object_id,
                thumbprint=entry.thumbprint,
                opts=pulumi.ResourceOptions(
                    parent=self, deleted_with=self._args.service_principal, depends_on=done
                ),
            )
            done = [*after, retired]


def certificate_body(text: str) -> str:
    """The base-64 body of a certificate, whether it came with or without its first and last line."""
    return "".join(line.strip() for line in text.splitlines() if line.strip() and "-----" not in line)
