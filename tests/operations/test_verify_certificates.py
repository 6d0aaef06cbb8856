"""One certificate in three places: metadata, Entra, Mimecast. What differs is named, and nothing unknown is fine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mimecast_sso.console.attestation import Fingerprints
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.profiles import Profile
from mimecast_sso.operations.verify.certificates import Certificates, NotPublished, fetch, thumbprint
from mimecast_sso.operations.verify.checks import Result
from mimecast_sso.saml import metadata
from mimecast_sso.saml.metadata import IdentityProvider
from mimecast_sso.saml.names import BINDING_POST
from mimecast_sso.settings import Lane
from providers.entra.certificate_expiry import Expiry
from providers.entra.signing_certificates import SigningCertificate, SigningCertificates
from tests.saml.messages import ISSUER, NOW, body, key_pair

LOGIN = "https://login.microsoftonline.com/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/saml2"
ATTESTED = "claimed: confirmed by ada@example.com at 2026-11-01T09:00:00Z"
PROFILE = Profile(
    lane=Lane.FIRST,
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
        thumbprint=thumbprint(body(certificate)),
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
) -> dict[str, tuple[Result, str]]:
    certificates = SigningCertificates((ACTIVE, INACTIVE), preferred)
    known = {ACTIVE.thumbprint: ATTESTED} if trusted is None else trusted
    expiry = Expiry(certificates, NOW + timedelta(days=late), known)
    checks = Certificates(expiry, PROFILE, xml).checks()
    return {check.what: (check.result, check.found) for check in checks}


def test_one_certificate_everywhere_is_fine() -> None:
    assert {result for result, _ in found(document()).values()} == {Result.FINE}
    assert found(document("entra", "next"))["metadata: certificate"][1].endswith("and 1 inactive")


@pytest.mark.parametrize(
    ("xml", "check", "result", "said"),
    [
        (b"<a/>", "metadata", Result.FAILS, "cannot be read"),
        (document(entity_id="https://sts.windows.net/other/"), "metadata: entity id", Result.DIFFERS, ISSUER),
        (document(login="https://evil.example/"), "metadata: sign-on URL", Result.DIFFERS, LOGIN),
        (document(signer=None), "metadata: signature", Result.FAILS, "not signed"),
        (document(signer="next"), "metadata: signature", Result.FINE, "an inactive certificate"),
        (document(signer="tenant"), "metadata: signature", Result.OPEN, "none of this application's"),
        (document().replace(b"/saml2", b"/saml3"), "metadata: signature", Result.FAILS, "does not hold"),
        (
            document(signer="tenant").replace(b"/saml2", b"/saml3"),
            "metadata: signature",
            Result.FAILS,
            "that it encloses either",
        ),
        (document("next"), "metadata: certificate", Result.DIFFERS, "Entra signs with"),
    ],
)
def test_each_difference_of_the_metadata_is_named(xml: bytes, check: str, result: Result, said: str) -> None:
    seen, text = found(xml)[check]
    assert (seen, said in text) == (result, True), text


def test_what_mimecast_was_not_attested_to_trust_is_never_fine() -> None:
    nobody = found(document(), trusted={})["Mimecast: certificate"]
    assert (nobody[0], "nobody confirmed" in nobody[1]) == (Result.WAITING, True)
    other = found(document(), trusted={INACTIVE.thumbprint: ATTESTED})["Mimecast: certificate"]
    assert (other[0], "sign-ins are refused" in other[1]) == (Result.FAILS, True)


def test_an_active_certificate_that_entra_does_not_have_is_named() -> None:
    result, said = found(document(), preferred="F" * 40)["Entra: active certificate"]
    assert (result, "what signs is unknown" in said) == (Result.FAILS, True)


@pytest.mark.parametrize(("days", "result"), [(939, Result.FINE), (941, Result.WARNS), (994, Result.FAILS)])
def test_its_end_warns_and_fails(days: int, result: Result) -> None:
    assert found(document(), late=days)["certificate: life"][0] is result


@pytest.mark.parametrize(
    ("error", "after", "result"),
    [
        (NotPublished("400"), timedelta(minutes=5), Result.WAITING),
        (NotPublished("400"), timedelta(hours=1), Result.FAILS),
        (OperationError("could not be reached"), timedelta(minutes=5), Result.UNKNOWN),
    ],
)
def test_metadata_that_is_not_there_is_waited_for_after_a_deployment(
    error: OperationError, after: timedelta, result: Result
) -> None:
    expiry = Expiry(SigningCertificates((ACTIVE,), ""), ACTIVE.not_before + after, {})
    first, *others = Certificates(expiry, PROFILE, error).checks()
    assert (first.what, first.result) == ("metadata", result)
    assert [check.what for check in others] == ["Mimecast: certificate", "certificate: life"]


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
    with pytest.raises(OperationError, match="is not at an Entra"):
        fetch(url)
