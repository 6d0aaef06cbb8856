"""Messages about the expiry of the signing certificate, threshold by threshold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mimecast_sso.facts.certificate_life import ENTRA_REMINDERS_DAYS, FAILING_DAYS, WARNING_DAYS
from providers.entra.certificate_expiry import Expiry, threshold
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate, subject

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def certificate(label: str, begins: timedelta, ends: timedelta) -> SigningCertificate:
    return SigningCertificate(
        label.upper(), subject(label), NOW + begins, NOW + ends, f"key-{label}", f"identifier-{label}"
    )


def ending(in_: timedelta) -> SigningCertificate:
    return certificate("a", timedelta(days=-900), in_)


def expiry(*certificates: SigningCertificate, trusted: dict[str, str] | None = None) -> Expiry:
    return Expiry(PrincipalCertificates(certificates, "A"), NOW, trusted or {}, "prod-eu")


def text(looked_at: Expiry) -> str:
    return "\n".join(looked_at.lines())


def test_entras_own_reminders_are_among_the_thresholds() -> None:
    assert set(ENTRA_REMINDERS_DAYS) < set(WARNING_DAYS)
    assert FAILING_DAYS in WARNING_DAYS


@pytest.mark.parametrize("days", WARNING_DAYS)
def test_each_threshold_is_reached_to_the_second(days: int) -> None:
    at_the_mark = timedelta(days=days)
    further = [each for each in WARNING_DAYS if each > days]
    before = f"{min(further)} days or less" if further else "more than 60 days"
    assert threshold(NOW + at_the_mark + SECOND, NOW) == before
    assert threshold(NOW + at_the_mark, NOW) == ("1 day or less" if days == 1 else f"{days} days or less")
    assert expiry(ending(at_the_mark)).warns
    assert expiry(ending(at_the_mark)).fails is (days <= FAILING_DAYS)
    assert expiry(ending(at_the_mark + SECOND)).fails is (days < FAILING_DAYS)
    unit = "1 day" if days == 1 else f"{days} days"
    assert f"expires in {unit}, at " in text(expiry(ending(at_the_mark)))


def test_far_from_expiry_it_is_only_reported() -> None:
    looked_at = expiry(ending(timedelta(days=900)))
    assert not looked_at.warns
    assert not looked_at.fails
    assert text(looked_at) == (
        "Signing certificate A (CN=Mimecast Personal Portal a, until 2029-05-10) expires in 900 days, at "
        "2029-05-10 12:00 UTC"
    )


def test_thresholds_of_a_configured_date() -> None:
    assert threshold("2026-11-22T12:00:00Z", NOW) == "expired"
    assert threshold("2026-11-29T12:00:00Z", NOW) == "7 days or less"
    assert threshold("2029-11-29T12:00:00Z", NOW) == "more than 60 days"


def test_the_switch_is_predicted_with_what_mimecast_trusts() -> None:
    next_one = certificate("b", timedelta(days=-1), timedelta(days=900))
    unknown = text(expiry(ending(timedelta(days=20)), next_one))
    assert "At 2026-12-12 12:00 UTC Entra switches automatically to B (" in unknown
    assert "which Mimecast is not attested to trust; if it does not, it refuses every sign-in" in unknown
    known = expiry(
        ending(timedelta(days=20)), next_one, trusted={"B": "confirmed by ada@example.com at 2026-11-01"}
    )
    assert "which Mimecast trusts (confirmed by ada@example.com at 2026-11-01)" in text(known)


def test_a_certificate_that_expires_first_or_starts_later_is_no_successor() -> None:
    short = certificate("b", timedelta(days=-1), timedelta(days=10))
    late = certificate("c", timedelta(days=30), timedelta(days=900))
    assert "Nobody can sign in through Entra from 2026-12-12" in text(
        expiry(ending(timedelta(days=20)), short, late)
    )


def test_of_several_successors_none_is_promised() -> None:
    successors = [certificate(label, timedelta(days=-1), timedelta(days=900)) for label in "bc"]
    said = text(expiry(ending(timedelta(days=20)), *successors))
    assert "which one is not documented" in said
    assert "B (" in said
    assert "C (" in said


def test_expired_and_switched() -> None:
    next_one = certificate("b", timedelta(days=-1), timedelta(days=900))
    looked_at = expiry(ending(timedelta(days=-1)), next_one)
    assert looked_at.warns
    assert looked_at.fails
    assert "expired at 2026-11-21 12:00 UTC. Entra has switched automatically to B (" in text(looked_at)


def test_without_a_valid_certificate_the_check_fails() -> None:
    looked_at = expiry(ending(timedelta(days=-1)), certificate("b", timedelta(-9), timedelta(days=-2)))
    assert looked_at.fails
    assert "No other certificate is valid." in text(looked_at)
    assert threshold(NOW - SECOND, NOW) == "expired"


def test_a_certificate_that_is_not_valid_yet_fails_unless_another_one_is() -> None:
    future = certificate("a", timedelta(days=3), timedelta(days=900))
    assert expiry(future).fails
    assert "is not valid before 2026-11-25 12:00 UTC. No other certificate is valid." in text(expiry(future))
    other = certificate("b", timedelta(days=-1), timedelta(days=900))
    assert "Entra has switched automatically to B (" in text(expiry(future, other))


def test_a_name_without_a_certificate_is_unknown() -> None:
    others = [certificate(label, timedelta(days=-1), timedelta(days=900)) for label in "bc"]
    looked_at = expiry(*others)
    assert looked_at.fails
    assert (
        "Entra names A as the active signing certificate, but has no such certificate, so the signing certificate is "
        "unknown" in text(looked_at)
    )


def test_without_a_certificate_there_is_no_statement() -> None:
    nothing = Expiry(PrincipalCertificates((), ""), NOW, {}, "prod-eu")
    assert (nothing.warns, nothing.fails, text(nothing)) == (False, False, "")
