"""Drift of the test account. Pure.

The assessment leaves the account out, for it is no person. What was changed of it outside is read from the snapshot as
it was before that: of the account itself here, of its assignment, address and membership by who compares everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift.finding import Change, Finding, Part
from mimecast_sso.assessment.people import Person
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings import Settings

ACCOUNT = "test account"
_SOURCE = "Microsoft Graph"


def _address(settings: Settings) -> str | None:
    return settings.account_for_tests.address if settings.account_for_tests else None


_PROPERTIES: tuple[tuple[str, Callable[[Person], object], Callable[[Settings], object]], ...] = (
    ("userPrincipalName", lambda live: live.user_principal_name, _address),
    ("mail", lambda live: live.mail, _address),
    (
        "displayName",
        lambda live: live.display_name,
        lambda configured: configured.account_for_tests and configured.account_for_tests.display_name,
    ),
    ("accountEnabled", lambda live: live.enabled, lambda configured: configured.account_for_tests and True),
)


def whole(assessment: Assessment) -> Assessment:
    """The same assessment, of both tenants and of the record with the test account in them."""
    snapshot = assessment.whole
    return replace(assessment, snapshot=snapshot, desired=replace(assessment.desired, snapshot=snapshot))


def find(assessment: Assessment, others: Callable[[Assessment], Iterable[Finding]]) -> Iterator[Finding]:
    """What differs of the account, and what ``others`` find of it in the whole assessment."""
    snapshot = assessment.whole
    account = snapshot.recorded.account_for_tests
    if account is None:
        return
    live = snapshot.directory.accounts.get(account.object_id)
    if live is None:
        if not snapshot.directory.unread:
            yield _finding(Part.MISSING, account.address, account.object_id)
    else:
        yield from _properties(assessment, account.address, live)
    for each in others(whole(assessment)):
        if each.key in (account.address, account.object_id):
            # Nobody's sign-in depends on it.
            yield replace(each, reasons=frozenset(), subject=account.address)


def _properties(assessment: Assessment, address: str, live: Person) -> Iterator[Finding]:
    recorded = assessment.whole.recorded.outputs_of(types.USER) or {}
    for name, of, configured in _PROPERTIES:
        now = of(live)
        if now is None or name not in recorded or recorded[name] == now:
            continue
        change = Change(_values(recorded[name]), _values(now), _values(configured(assessment.settings)))
        yield _finding(Part.CHANGED, address, live.object_id, name, change)


def _values(value: JSON) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (str(value).lower() if isinstance(value, bool) else str(value),)


def _finding(
    part: Part, address: str, object_id: str, aspect: str = "", change: Change | None = None
) -> Finding:
    return Finding(
        part,
        ACCOUNT,
        aspect,
        address,
        address,
        change or Change((address,), ()),
        source=_SOURCE,
        targets=(object_id,),
    )
