"""The certificates that sign the assertions: generations, the active one, and retired ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_azuread as azuread

from providers.entra.resources import ActiveSigningCertificate, RetiredSigningCertificate
from providers.entra.signing_certificates import subject


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """A live certificate that represents a generation.

    Attributes:
        display_name: Its name in Entra.
        import_id: Id that the azuread provider imports it by.
    """

    display_name: str
    import_id: str


@dataclass(frozen=True, slots=True)
class SigningCertificatesArgs:
    """The generations to keep in Entra, on one service principal.

    Attributes:
        service_principal: The service principal. Deleting it deletes the certificates.
        generations: Label → expiry (ISO 8601, UTC), such as ``{"2026": "2029-11-01T00:00:00Z"}``.
        active: Label of the generation that Entra signs with.
        retired: SHA-1 thumbprints of certificates to remove, hexadecimal.
        imported: Certificates to import instead of creating them, by label.
    """

    service_principal: azuread.ServicePrincipal
    generations: Mapping[str, pulumi.Input[str]]
    active: str
    retired: Sequence[str] = ()
    imported: Mapping[str, ImportedCertificate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenerationCertificate:
    """One generation as Entra created it."""

    resource: pulumi.Resource
    thumbprint: pulumi.Output[str]
    """SHA-1, 40 hexadecimal digits in capitals."""
    body: pulumi.Output[str]
    """Base-64 DER without the BEGIN and END lines, as Mimecast's form expects it."""
    end_date: pulumi.Output[str]


class SigningCertificates(pulumi.ComponentResource):
    """One token signing certificate per generation.

    A generation that is removed from the configuration stays in Entra: the azuread provider deletes the wrong
    certificate if the principal has several (measured with plugin 6.9.1). Certificates listed as retired are removed
    by this project's own resource.
    """

    generations: dict[str, GenerationCertificate]
    """By label."""
    active: GenerationCertificate

    def __init__(
        self, name: str, args: SigningCertificatesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mimecast-sso:entra:SigningCertificates", name, None, opts)
        self._name, self._args = name, args
        self.active = self._create(args.active)
        # Entra activates the very first certificate automatically.
        self.generations = {args.active: self.active} | {
            label: self._create(label, after=[self.active.resource])
            for label in args.generations
            if label != args.active
        }
        self.register_outputs({"thumbprint": self.active.thumbprint, "endDate": self.active.end_date})

    def _create(self, label: str, after: Sequence[pulumi.Resource] = ()) -> GenerationCertificate:
        imported = self._args.imported.get(label)
        certificate = azuread.ServicePrincipalTokenSigningCertificate(
            f"{self._name}-{label}",
            service_principal_id=self._args.service_principal.id,
            display_name=imported.display_name if imported else subject(label),
            end_date=self._args.generations[label],
            opts=pulumi.ResourceOptions(
                parent=self,
                retain_on_delete=True,
                deleted_with=self._args.service_principal,
                depends_on=list(after),
                import_=imported.import_id if imported else None,
            ),
        )
        # The plugin marks the certificate as secret, but it is public, and people paste it into a form.
        body = pulumi.Output.unsecret(certificate.value).apply(certificate_body)
        return GenerationCertificate(certificate, certificate.thumbprint, body, certificate.end_date)

    def activate(
        self, trusted: pulumi.Input[bool], after: Sequence[pulumi.Resource] = ()
    ) -> ActiveSigningCertificate:
        """Make Entra sign with the active generation, after ``after``.

        Until Mimecast is attested to trust it (``trusted``), another active certificate stays active.
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
        """Remove the retired certificates from Entra, after ``after``.

        One at a time, because each removal writes Entra's whole lists of keys.
        """
        done = list(after)
        for thumbprint in self._args.retired:
            retired = RetiredSigningCertificate(
                f"{self._name}-retired-{thumbprint.lower()}",
                service_principal_id=self._args.service_principal.object_id,
                thumbprint=thumbprint,
                opts=pulumi.ResourceOptions(
                    parent=self, deleted_with=self._args.service_principal, depends_on=done
                ),
            )
            done = [*after, retired]


def certificate_body(text: str) -> str:
    """The base-64 body of a certificate, given with or without its BEGIN and END lines."""
    return "".join(line.strip() for line in text.splitlines() if line.strip() and "-----" not in line)
