"""From verdicts to what is said and refused: a person's outcomes in, losses and lists out. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.forecast import Forecast, Instant, Loss, SignInForecast, Verdicts
from mimecast_sso.assessment.guards.losses import guard_of
from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.facts.sign_in_reasons import Missing, Reason
from tests.assessment.worlds import ADA, GRACE, account

IN = Outcome(Result.ENTRA)
PASSWORD = Outcome(Result.PASSWORD, through_entra=False)
NOT_ASSIGNED = Outcome(Result.REFUSED, Reason.NOT_ASSIGNED)
SIGNATURE = Outcome(Result.REFUSED, Reason.SIGNATURE)
UNKNOWN = Outcome(Result.UNKNOWN, missing=Missing.ASSIGNMENTS)
JUST_LEFT = Outcome(Result.UNKNOWN, missing=Missing.WHO_LEFT)
DISABLED = Outcome(Result.REFUSED, Reason.ADDRESS_DISABLED, through_entra=False)
NOT_IN_GROUP = Outcome(Result.REFUSED, Reason.NOT_IN_GROUP)
NO_TILE = Outcome(Result.NOT_OFFERED)
MIMECAST, TILE = Way.FROM_MIMECAST, Way.FROM_MY_APPS


def verdicts(now: Any = IN, **then: Any) -> Verdicts:
    """What holds now, and what is otherwise then; one outcome or several."""
    before = _several(now)
    found: dict[str, Any] = {
        "now": before,
        "otherwise": before[:1],
        "meanwhile": before,
        "afterwards": before,
        "eventually": before[:1],
        "saved": before[:1],
    }
    flags = {name: each for name, each in then.items() if name == "lost_if_inside"}
    return Verdicts(
        **found | {name: _several(each) for name, each in then.items() if name not in flags} | flags
    )


def _several(outcomes: Any) -> tuple[Outcome, ...]:
    return outcomes if isinstance(outcomes, tuple) else (outcomes,)


def forecast(*people: Verdicts, tile: Verdicts | None = None) -> SignInForecast:
    """A forecast of Ada, and of Grace; the tile signs in as Mimecast's page does unless it is given."""
    found = (
        Forecast(address, account(address), {MIMECAST: each, TILE: tile or each})
        for address, each in zip((ADA, GRACE), people, strict=False)
    )
    return SignInForecast(None, tuple(found))  # type: ignore[arg-type]  (no test here looks at the effects)


def losses(person: Verdicts, tile: Verdicts | None = None) -> list[Loss]:
    """What Ada loses."""
    return list(forecast(person, tile=tile or verdicts(NO_TILE)).losses.get(ADA, ()))


# -- Losses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "loss"),
    [
        pytest.param(
            verdicts(afterwards=NOT_ASSIGNED), (Instant.AFTERWARDS, NOT_ASSIGNED, False), id="one that lasts"
        ),
        pytest.param(
            verdicts(meanwhile=(IN, NOT_ASSIGNED)),
            (Instant.MEANWHILE, NOT_ASSIGNED, False),
            id="one that passes",
        ),
        pytest.param(
            verdicts(eventually=SIGNATURE), (Instant.EVENTUALLY, SIGNATURE, False), id="one that is to come"
        ),
        pytest.param(
            verdicts(meanwhile=SIGNATURE, afterwards=NOT_ASSIGNED, eventually=SIGNATURE),
            (Instant.AFTERWARDS, NOT_ASSIGNED, False),
            id="the one that lasts is told",
        ),
        pytest.param(
            verdicts(meanwhile=SIGNATURE, eventually=NOT_ASSIGNED),
            (Instant.MEANWHILE, SIGNATURE, False),
            id="else the one that passes",
        ),
        pytest.param(
            verdicts(PASSWORD, afterwards=NOT_ASSIGNED),
            (Instant.AFTERWARDS, NOT_ASSIGNED, True),
            id="of a password",
        ),
        pytest.param(
            verdicts((PASSWORD, IN), afterwards=NOT_ASSIGNED),
            (Instant.AFTERWARDS, NOT_ASSIGNED, False),
            id="of a password right after leaving",
        ),
        pytest.param(
            verdicts(afterwards=UNKNOWN), (Instant.AFTERWARDS, UNKNOWN, False), id="what is unknown then"
        ),
        pytest.param(
            verdicts((PASSWORD, NOT_ASSIGNED), afterwards=NOT_ASSIGNED),
            (Instant.AFTERWARDS, NOT_ASSIGNED, False),
            id="what fails for minutes now, and would for good",
        ),
        pytest.param(
            verdicts((UNKNOWN, IN), afterwards=NOT_ASSIGNED),
            (Instant.AFTERWARDS, NOT_ASSIGNED, False),
            id="of what may work now",
        ),
        pytest.param(
            verdicts(IN, afterwards=DISABLED),
            (Instant.AFTERWARDS, DISABLED, False),
            id="an address of Entra's people",
        ),
        pytest.param(
            verdicts(IN, afterwards=NOT_IN_GROUP),
            (Instant.AFTERWARDS, NOT_IN_GROUP, False),
            id="from Mimecast's page",
        ),
        pytest.param(
            verdicts(PASSWORD, lost_if_inside=JUST_LEFT),
            (Instant.MEANWHILE, Outcome(Result.UNKNOWN, missing=Missing.WHO_LEFT), False),
            id="whoever may have left just now",
        ),
        pytest.param(
            verdicts(PASSWORD, afterwards=NOT_ASSIGNED, lost_if_inside=JUST_LEFT),
            (Instant.AFTERWARDS, NOT_ASSIGNED, True),
            id="one loss is enough",
        ),
    ],
)
def test_a_sign_in_that_works_and_would_not_is_a_loss(
    person: Verdicts, loss: tuple[Instant, Outcome, bool]
) -> None:
    assert losses(person) == [Loss(MIMECAST, *loss)]


@pytest.mark.parametrize(
    "person",
    [
        pytest.param(verdicts(), id="nothing changes"),
        pytest.param(verdicts(NOT_ASSIGNED, afterwards=SIGNATURE), id="broken already"),
        pytest.param(
            verdicts((IN, NOT_ASSIGNED), otherwise=NOT_ASSIGNED, afterwards=SIGNATURE), id="broken soon"
        ),
        pytest.param(verdicts((IN, NOT_ASSIGNED), afterwards=IN), id="no worse than without a run"),
        pytest.param(verdicts((UNKNOWN, IN), afterwards=(UNKNOWN, IN)), id="as unknown as before"),
        pytest.param(verdicts(IN, afterwards=PASSWORD, meanwhile=(IN, PASSWORD)), id="un-enforcing"),
        pytest.param(
            verdicts(PASSWORD, eventually=NOT_ASSIGNED), id="somebody to come is named, not refused"
        ),
        pytest.param(verdicts(PASSWORD, afterwards=DISABLED), id="the end of a password is asked for"),
    ],
)
def test_no_other_change_of_a_verdict_is_a_loss(person: Verdicts) -> None:
    assert losses(person) == []


def test_the_tile_of_whoever_leaves_fails_and_a_passing_failure_of_a_tile_is_not_refused() -> None:
    fine = verdicts()
    assert losses(fine, verdicts(afterwards=NOT_IN_GROUP)) == []
    assert losses(fine, verdicts(meanwhile=(IN, SIGNATURE))) == []
    assert losses(fine, verdicts(afterwards=SIGNATURE)) == [Loss(TILE, Instant.AFTERWARDS, SIGNATURE, False)]
    assert losses(verdicts(afterwards=SIGNATURE), verdicts(afterwards=SIGNATURE)) == [
        Loss(MIMECAST, Instant.AFTERWARDS, SIGNATURE, False),
        Loss(TILE, Instant.AFTERWARDS, SIGNATURE, False),
    ]


@pytest.mark.parametrize(
    ("outcome", "joining", "guard"),
    [
        (SIGNATURE, False, "certificate-mismatch"),
        (NOT_ASSIGNED, False, "last-sign-in-method"),
        (NOT_ASSIGNED, True, "unprepared-people"),
        (Outcome(Result.UNKNOWN, missing=Missing.SIGNING), False, "certificate-mismatch"),
        (UNKNOWN, True, "last-sign-in-method"),
        (Outcome(Result.UNKNOWN), False, "last-sign-in-method"),
    ],
)
def test_a_loss_is_refused_under_the_guard_of_its_reason(outcome: Outcome, joining: bool, guard: str) -> None:
    assert guard_of(Loss(MIMECAST, Instant.AFTERWARDS, outcome, joining)) == guard


# -- Lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "broken"),
    [
        (verdicts(NOT_ASSIGNED), NOT_ASSIGNED),
        (verdicts(UNKNOWN), UNKNOWN),
        (verdicts((IN, NOT_ASSIGNED)), None),
        (verdicts(DISABLED), None),
        (verdicts(), None),
    ],
)
def test_whoever_is_sent_to_entra_and_fails_is_broken(person: Verdicts, broken: Outcome | None) -> None:
    assert forecast(person).broken == ({ADA: broken} if broken else {})


@pytest.mark.parametrize(
    ("person", "tile", "broken"),
    [
        (verdicts(), SIGNATURE, SIGNATURE),
        (verdicts(), UNKNOWN, UNKNOWN),
        (verdicts(PASSWORD), SIGNATURE, SIGNATURE),
        (verdicts(), IN, None),
        (verdicts(), NO_TILE, None),
        (verdicts(PASSWORD), NOT_IN_GROUP, None),
        (verdicts(SIGNATURE), SIGNATURE, None),
        (verdicts(UNKNOWN), SIGNATURE, None),
    ],
)
def test_a_tile_that_fails_alone_is_broken(person: Verdicts, tile: Outcome, broken: Outcome | None) -> None:
    found = forecast(person, tile=verdicts(tile))
    assert found.broken_tiles == ({ADA: broken} if broken else {})
    outside = replace(found, people=tuple(replace(each, in_group=False) for each in found.people))
    assert outside.broken_tiles == {}


@pytest.mark.parametrize(
    ("tile", "said"),
    [
        (
            SIGNATURE,
            "1 person cannot sign in from My Apps now, but can from Mimecast's page: ada@example.com: ",
        ),
        (UNKNOWN, "1 person is not known to be able to sign in from My Apps now: ada@example.com"),
    ],
)
def test_a_tile_that_fails_alone_is_said(tile: Outcome, said: str) -> None:
    (statement,) = sentences.broken(forecast(verdicts(), tile=verdicts(tile)))
    assert statement.text.startswith(said)


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (verdicts(PASSWORD, eventually=NOT_ASSIGNED), NOT_ASSIGNED),
        (verdicts(PASSWORD, eventually=DISABLED), None),
        (verdicts(PASSWORD, eventually=IN), None),
        (verdicts((PASSWORD, IN), eventually=NOT_ASSIGNED), None),
        (verdicts(IN, eventually=NOT_ASSIGNED), None),
        (verdicts(PASSWORD, afterwards=NOT_ASSIGNED, eventually=NOT_ASSIGNED), None),
    ],
)
def test_whoever_would_fail_later_is_not_ready_unless_refused(person: Verdicts, why: Outcome | None) -> None:
    assert forecast(person).not_ready == ({ADA: why} if why else {})


def test_what_save_does_counts_from_what_is_likely_now() -> None:
    found = forecast(verdicts(IN, saved=SIGNATURE), verdicts(PASSWORD, saved=IN))
    assert found.stopped_by_save == {ADA: SIGNATURE}
    assert found.sent_by_save == (GRACE,)
    nothing = forecast(verdicts(NOT_ASSIGNED, saved=SIGNATURE), verdicts(IN, saved=IN))
    assert (nothing.stopped_by_save, nothing.sent_by_save) == ({}, ())
    assert forecast(verdicts(PASSWORD, saved=SIGNATURE)).sent_by_save == ()
    assert forecast(verdicts(PASSWORD, saved=UNKNOWN)).stopped_by_save == {ADA: UNKNOWN}


@pytest.mark.parametrize(
    ("person", "tile", "lost"),
    [
        (verdicts(), verdicts(afterwards=NO_TILE), (ADA,)),
        (verdicts(), verdicts(), ()),
        (verdicts(), verdicts(NO_TILE), ()),
        (verdicts(), verdicts(afterwards=PASSWORD), ()),
        (verdicts(afterwards=SIGNATURE), verdicts(afterwards=NO_TILE), ()),
    ],
)
def test_a_tile_that_goes_is_told_where_nothing_worse_happens(
    person: Verdicts, tile: Verdicts, lost: tuple[str, ...]
) -> None:
    assert forecast(person, tile=tile).tiles_lost == lost


def test_whoever_signs_in_through_entra_is_known_by_the_likely_outcome() -> None:
    found = forecast(verdicts((IN, PASSWORD), afterwards=IN), verdicts((PASSWORD, IN)))
    assert found.through_entra(Instant.NOW) == (ADA,)
    assert (found.person(GRACE), found.person("nobody")) == (found.people[1], None)


@pytest.mark.parametrize(
    ("person", "joins", "on_refresh"),
    [
        (verdicts(PASSWORD, afterwards=IN), True, False),
        (verdicts(PASSWORD, afterwards=(IN, PASSWORD)), True, False),
        (verdicts(PASSWORD, afterwards=(PASSWORD, IN)), False, True),
        (verdicts(PASSWORD), False, False),
        (verdicts((PASSWORD, IN), afterwards=IN), False, False),
        (verdicts(), False, False),
    ],
)
def test_whoever_is_newly_sent_to_entra_joins(person: Verdicts, joins: bool, on_refresh: bool) -> None:
    assert forecast(person).joining == ((ADA,) if joins else ())
    assert forecast(person).joining_on_refresh == ((ADA,) if on_refresh else ())


def test_each_instant_has_its_outcomes() -> None:
    found = Verdicts((IN,), (PASSWORD,), (NOT_ASSIGNED,), (SIGNATURE,), (UNKNOWN,), (DISABLED,))
    assert [found.at(each) for each in Instant] == [
        (IN,),
        (NOT_ASSIGNED,),
        (SIGNATURE,),
        (DISABLED,),
        (UNKNOWN,),
    ]


@pytest.mark.parametrize(
    ("upn", "name"),
    [
        (ADA, ADA),
        ("ADA@example.com", ADA),
        ("lovelace@example.com", f"{ADA} (lovelace@example.com)"),
        (None, ADA),
        ("", ADA),
    ],
)
def test_a_person_is_named_with_another_user_principal_name(upn: str | None, name: str) -> None:
    person = account(ADA, user_principal_name=upn)
    assert Forecast(ADA, person, {}).name == name
    assert Forecast(ADA, None, {}).name == ADA
