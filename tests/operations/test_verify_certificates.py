"""One certificate in three places: metadata, Entra, Mimecast. Differences are named, and nothing unknown is fine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.console.attestation import Fingerprints
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.verify.certificates import ComparedCertificates, NotPublished, fetch
from mimecast_sso.provenance import Verdict
from mimecast_sso.saml import metadata
from mimecast_sso.saml.metadata import IdentityProvider
from mimecast_sso.saml.names import BINDING_POST
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text.certificates import thumbprint_of
from providers.entra.certificate_expiry import Expiry
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate
from tests.saml.messages import ISSUER, NOW, body, key_pair

LOGIN = "https://login.microsoftonline.com/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/saml2"
ATTESTED = "claimed: confirmed by ada@example.com at 2026-11-01T09:00:00Z"
PROFILE = RecordedProfile(
    slot=ProfileSlot.FIRST,
    form={"issuerUrl": ISSUER, "loginUrl": LOGIN},
    thumbprint="",
    fingerprints=Fingerprints("v1:a", "v1:b"),
    state="due",
    previous=None,
    confirmed=None,
    evidence=None,
)


def live(name: str) -> SigningCertificate:
    _, certificate = key_pair(name)
    return SigningCertificate(
        thumbprint=thumbprint_of(body(certificate)),
        display_name=f"CN={name}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_id="1",
        custom_key_identifier="x",
        body=body(certificate),
    )


ACTIVE, INACTIVE = live("entra"), live("next")


def document(*shown: str, signer: str | None = "entra", **changes: str) -> bytes:
    provider = IdentityProvider(
        entity_id=changes.get("entity_id", ISSUER),
        signing_certificates=tuple(body(key_pair(name)[1]) for name in shown or ("entra",)),
        single_sign_on_urls={BINDING_POST: changes.get("login", LOGIN)},
    )
    return metadata.build(provider, key_pair(signer) if signer else None)


def found(
    xml: bytes, *, trusted: dict[str, str] | None = None, preferred: str = ACTIVE.thumbprint, late: int = 0
) -> dict[str, tuple[Verdict, str]]:
    certificates = PrincipalCertificates((ACTIVE, INACTIVE), preferred)
    known = {ACTIVE.thumbprint: ATTESTED} if trusted is None else trusted
    expiry = Expiry(certificates, NOW + timedelta(days=late), known, "prod-eu")
    checks = ComparedCertificates(expiry, PROFILE, xml).checks()
    return {each.subject: (each.verdict, str(each)) for each in checks}


def test_one_certificate_everywhere_is_fine() -> None:
    assert {result for result, _ in found(document()).values()} == {Verdict.FINE}
    assert found(document("entra", "next"))["metadata: certificate"][1].startswith(
        f"the active one, {ACTIVE.thumbprint}, and 1 inactive (read live: "
    )


@pytest.mark.parametrize(
    ("xml", "check", "result", "said"),
    [
        (b"<a/>", "metadata", Verdict.FAILS, "malformed"),
        (
            document(entity_id="https://sts.windows.net/other/"),
            "metadata: entity id",
            Verdict.DIFFERS,
            ISSUER,
        ),
        (document(login="https://evil.example/"), "metadata: sign-on URL", Verdict.DIFFERS, LOGIN),
        (document(signer=None), "metadata: signature", Verdict.FAILS, "not signed"),
        (
            document(signer="next"),
            "metadata: signature",
            Verdict.FINE,
            "valid, made with an inactive certificate",
        ),
        (document(signer="tenant"), "metadata: signature", Verdict.OPEN, "not belong to this application"),
        (
            document().replace(b"/saml2", b"/saml3"),
            "metadata: signature",
            Verdict.FAILS,
            "the signature is invalid",
        ),
        (
            document(signer="tenant").replace(b"/saml2", b"/saml3"),
            "metadata: signature",
            Verdict.FAILS,
            "even with the certificate that it encloses",
        ),
        (document("next"), "metadata: certificate", Verdict.DIFFERS, "Entra signs with"),
    ],
    # A signed document is another one each time: an id of it would differ from worker to worker.
    ids=[
        "malformed",
        "entity id",
        "sign-on URL",
        "unsigned",
        "inactive certificate",
        "certificate of the tenant",
        "changed",
        "changed, of the tenant",
        "other certificate",
    ],
)
def test_each_difference_of_the_metadata_is_named(xml: bytes, check: str, result: Verdict, said: str) -> None:
    seen, text = found(xml)[check]
    assert (seen, said in text) == (result, True), text


def test_what_mimecast_was_not_attested_to_trust_is_never_fine() -> None:
    nobody = found(document(), trusted={})["Mimecast: certificate"]
    assert (nobody[0], "nobody has confirmed" in nobody[1]) == (Verdict.WAITING, True)
    other = found(document(), trusted={INACTIVE.thumbprint: ATTESTED})["Mimecast: certificate"]
    assert (other[0], "sign-ins are refused" in other[1]) == (Verdict.FAILS, True)


def test_an_active_certificate_that_entra_does_not_have_is_named() -> None:
    result, said = found(document(), preferred="F" * 40)["Entra: active certificate"]
    assert (result, "the signing certificate is unknown." in said) == (Verdict.FAILS, True)


@pytest.mark.parametrize(
    ("days", "result"), [(939, Verdict.FINE), (941, Verdict.WARNS), (994, Verdict.FAILS)]
)
def test_its_expiry_warns_and_fails(days: int, result: Verdict) -> None:
    assert found(document(), late=days)["certificate: expiry"][0] is result


@pytest.mark.parametrize(
    ("error", "after", "result"),
    [
        (NotPublished("400"), timedelta(minutes=5), Verdict.WAITING),
        (NotPublished("400"), timedelta(hours=1), Verdict.FAILS),
        (OperationError("could not be reached"), timedelta(minutes=5), Verdict.UNKNOWN),
    ],
)
def test_missing_metadata_is_awaited_after_a_deployment(
    error: OperationError, after: timedelta, result: Verdict
) -> None:
    expiry = Expiry(PrincipalCertificates((ACTIVE,), ""), ACTIVE.not_before + after, {}, "prod-eu")
    first, *others = ComparedCertificates(expiry, PROFILE, error).checks()
    assert (first.subject, first.verdict) == ("metadata", result)
    assert [each.subject for each in others] == ["Mimecast: certificate", "certificate: expiry"]


@pytest.mark.parametrize(
    "url",
    [
        "http://login.microsoftonline.com/x",
        "https://login.microsoftonline.com.attacker.example/x",
        "https://169.254.169.254/metadata",
        "file:///etc/passwd",
    ],
)
def test_metadata_is_fetched_from_entra_alone(url: str) -> None:
    with pytest.raises(OperationError, match="is not on the sign-in host of an Entra"):
        fetch(url)
