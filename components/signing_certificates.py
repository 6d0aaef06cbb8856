"""The certificates that sign the assertions: generations, and the active one."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_azuread as azuread

from components.settings import Certificates
from providers.entra.resources import ActiveSigningCertificate


@dataclass(frozen=True, slots=True)
class SigningCertificatesArgs:
    """The generations to keep in Entra, on one service principal."""

    certificates: Certificates
    service_principal: azuread.ServicePrincipal


class SigningCertificates(pulumi.ComponentResource):
    """One token signing certificate per generation.

    A generation that leaves the configuration stays in Entra: the azuread provider's delete takes away the wrong
    certificate when the principal has several (measured with plugin 6.9.1).
    """

    thumbprint: pulumi.Output[str]
    """Of the active generation: SHA-1, 40 hexadecimal digits in capitals."""
    body: pulumi.Output[str]
    """Of the active generation: base-64 DER without the BEGIN and END lines, as Mimecast's form wants it."""
    end_date: pulumi.Output[str]

    def __init__(
        self, name: str, args: SigningCertificatesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:entra:SigningCertificates", name, None, opts)
        made = {
            generation.label: azuread.ServicePrincipalTokenSigningCertificate(
                f"{name}-{generation.label}",
                service_principal_id=args.service_principal.id,
                display_name=f"CN=Mimecast Personal Portal {generation.label}",
                end_date=generation.end_date,
                opts=pulumi.ResourceOptions(
                    parent=self, retain_on_delete=True, deleted_with=args.service_principal
                ),
            )
            for generation in args.certificates.generations
        }
        active = made[args.certificates.active]
        self.thumbprint = active.thumbprint
        # The plugin marks the certificate secret, but it is the public half and people paste it into a form.
        self.body = pulumi.Output.unsecret(active.value).apply(certificate_body)
        self.end_date = active.end_date
        self._name, self._service_principal = name, args.service_principal
        self.register_outputs({"thumbprint": self.thumbprint, "endDate": self.end_date})

    def activate(self, trusted: pulumi.Input[bool]) -> pulumi.Output[str]:
        """Has Entra sign with the active generation, and gives the thumbprint that it does sign with.

        Until Mimecast is known to trust it (``trusted``), another active certificate stays active.
        """
        return ActiveSigningCertificate(
            f"{self._name}-active",
            service_principal_id=self._service_principal.object_id,
            thumbprint=self.thumbprint,
            replace=trusted,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self._service_principal),
        ).activeThumbprint


def certificate_body(text: str) -> str:
    """The base-64 body of a certificate, whether it came with or without its first and last line."""
    return "".join(line.strip() for line in text.splitlines() if line.strip() and "-----" not in line)
