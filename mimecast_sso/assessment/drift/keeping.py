"""Keep drift: the change of the stack file that makes a live state the desired one. Pure.

A deployment that refreshes then records that state and changes nothing. Most drift has no such change: the
configuration has no key for it, or the key would change something else as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import TypeAdapter, ValidationError

from mimecast_sso.assessment import restoring
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import forms, mimecast
from mimecast_sso.assessment.drift.finding import Finding, Part, Severity
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings import Address, Ownership, Settings
from mimecast_sso.settings.drift import Drift, ExpectedDrift
from mimecast_sso.text.names import lower_case
from providers.entra.applications import LiveApplication

_ADDRESS = TypeAdapter(Address)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one key of a section of the stack file; ``document`` is the whole section with the new value."""

    section: str
    key: str
    document: Mapping[str, JSON]

    def __str__(self) -> str:
        return f"{self.section}.{self.key}"


def edit(finding: Finding, assessment: Assessment) -> Edit | None:
    """The change that keeps a finding's live state; None if there is none, or if people cannot sign in with it."""
    if finding.severity is not Severity.LOOK:
        return None
    find = _find_of(finding)
    found = find(finding, assessment) if find else None
    return _edit(found, assessment.settings) if found else None


def expected(entries: Sequence[ExpectedDrift]) -> Edit:
    """The change that has reports expect these paths."""
    document = Drift(expected=tuple(entries)).model_dump(mode="json")
    return Edit("drift", "expected", document)


@dataclass(frozen=True, slots=True)
class _Value:
    """A key of a section, and its new value as the file has it."""

    section: str
    key: str
    value: JSON


def _edit(chosen: _Value, settings: Settings) -> Edit | None:
    """The edit, if its section stays valid."""
    section = {
        _APPLICATION: settings.application,
        _ASSIGN: settings.assign,
        _ADDRESSES: settings.addresses,
        _ROLL_OUT: settings.roll_out,
        _INTEGRATION: settings.directory_synchronisation,
    }[chosen.section]
    if section is None:
        return None
    document = section.model_dump(mode="json", by_alias=True, exclude_unset=True) | {chosen.key: chosen.value}
    try:
        type(section).model_validate(document)
    except ValidationError:
        return None
    return Edit(chosen.section, chosen.key, document)


_APPLICATION, _ASSIGN, _ADDRESSES, _ROLL_OUT = "application", "assign", "addresses", "rollOut"
_INTEGRATION = "directorySynchronisation"
_Find = Callable[[Finding, Assessment], _Value | None]

# -- Entra ------------------------------------------------------------------------------------------------------------


def _as_live(
    key: str, live: Callable[[LiveApplication], object], _: Finding, assessment: Assessment
) -> _Value | None:
    """A key of the application takes the live value; `_edit` refuses what the key cannot have."""
    application = assessment.desired.application
    return _Value(_APPLICATION, key, live(application)) if application else None


def _reply_url(_: Finding, assessment: Assessment) -> _Value | None:
    """The only live reply URL, if one is configured."""
    application, desired = assessment.desired.application, assessment.desired
    if application is None or len(application.reply_urls) != 1 or len(desired.reply_urls) != 1:
        return None
    return _Value(_APPLICATION, "replyUrl", application.reply_urls[0])


def _sign_on_url(_: Finding, assessment: Assessment) -> _Value | None:
    application, desired = assessment.desired.application, assessment.desired
    if application is None or not application.sign_on_url or not desired.sign_on_url:
        return None
    return _Value(_APPLICATION, "signOnUrl", application.sign_on_url)


def _adopted(finding: Finding, assessment: Assessment) -> _Value | None:
    """Another application that replaced this stack's."""
    other = restoring.successor(assessment)
    if other is None or other.client_id != finding.key:
        return None
    return _Value(_APPLICATION, "adopt", other.client_id)


def _claims_by_a_person(_: Finding, assessment: Assessment) -> _Value | None:
    if assessment.settings.application.claims is Ownership.VERIFY:
        return None
    return _Value(_APPLICATION, "claims", Ownership.VERIFY.value)


def _owner_more(finding: Finding, assessment: Assessment) -> _Value | None:
    """One more owner, who owns both objects already: the key makes an owner of both."""
    application = assessment.desired.application
    if application is None:
        return None
    both = (application.owners, application.registration.owners)
    if not all(any(each.object_id == finding.key for each in owners) for owners in both):
        return None
    return _Value(_APPLICATION, "owners", [*assessment.settings.application.owners, finding.key])


def _owner_less(finding: Finding, assessment: Assessment) -> _Value | None:
    """One owner less, who owns neither object any more."""
    application = assessment.desired.application
    if application is None:
        return None
    owners = {each.object_id for each in (*application.owners, *application.registration.owners)}
    configured = assessment.settings.application.owners
    names = {finding.key, assessment.snapshot.directory.owners.get(finding.key)}
    left = [each for each in configured if each not in names]
    if finding.key in owners or len(left) == len(configured):
        return None
    return _Value(_APPLICATION, "owners", left)


def _assigned_more(finding: Finding, assessment: Assessment) -> _Value | None:
    application, assign = assessment.desired.application, assessment.settings.assign
    found = [each for each in application.assigned if each.principal_id == finding.key] if application else []
    for each in found:
        if each.kind == "Group":
            return _Value(_ASSIGN, "groups", [*assign.groups, each.name])
        account = assessment.snapshot.directory.accounts.get(finding.key)
        if account is not None and account.user_principal_name:
            return _Value(_ASSIGN, "users", [*assign.users, lower_case(account.user_principal_name)])
    return None


def _assigned_less(finding: Finding, assessment: Assessment) -> _Value | None:
    assign, directory = assessment.settings.assign, assessment.snapshot.directory
    for user in directory.users:
        if user.object_id == finding.key:
            return _Value(_ASSIGN, "users", [each for each in assign.users if each != user.address])
    for group in directory.groups:
        if group.object_id == finding.key:
            return _Value(_ASSIGN, "groups", [each for each in assign.groups if each != group.name])
    return None


# -- Mimecast ---------------------------------------------------------------------------------------------------------


def _address_left(finding: Finding, assessment: Assessment) -> _Value | None:
    """The stack manages the address no longer; nobody in the roll-out loses theirs."""
    book = assessment.settings.addresses
    left = [each for each in book.explicit if each.address != finding.key]
    if finding.key in assessment.desired.members or len(left) == len(book.explicit):
        return None
    return _Value(_ADDRESSES, "list", [_row(each) for each in left])


def _address_named(finding: Finding, assessment: Assessment) -> _Value | None:
    rows = [_row(each) for each in assessment.settings.addresses.explicit]
    named = [each for each in rows if each["address"] == finding.key and each.get("name")]
    for row in named:
        row["name"] = next(iter(finding.change.live or ()), "")
    return _Value(_ADDRESSES, "list", rows) if named else None


def _row(address: Address) -> dict[str, JSON]:
    row: dict[str, JSON] = _ADDRESS.dump_python(address, exclude_none=True)
    return row


def _member_more(finding: Finding, assessment: Assessment) -> _Value | None:
    choice = assessment.settings.roll_out
    if choice.who == "none":
        return None
    return _Value(_ROLL_OUT, "pilot", [*choice.pilot, finding.key])


def _member_less(finding: Finding, assessment: Assessment) -> _Value | None:
    """A share, or everybody, cannot leave out one person."""
    choice = assessment.settings.roll_out
    if choice.who != "pilot" or finding.key not in choice.pilot:
        return None
    return _Value(_ROLL_OUT, "pilot", [each for each in choice.pilot if each != finding.key])


def _integration(finding: Finding, assessment: Assessment) -> _Value | None:
    configured, live = assessment.settings.directory_synchronisation, assessment.snapshot.integration.value
    if configured is None or live is None:
        return None
    known = {"description": live.description, **live.properties}
    if finding.aspect not in {"description", *configured.properties} or finding.aspect not in known:
        return None
    return _Value(_INTEGRATION, finding.aspect, known[finding.aspect])


# -- By kind ----------------------------------------------------------------------------------------------------------

_EDITS: Mapping[tuple[str, str, Part], _Find] = {
    (forms.APPLICATION, "displayName", Part.CHANGED): partial(
        _as_live, "displayName", lambda live: live.display_name
    ),
    (forms.APPLICATION, "redirectUris", Part.CHANGED): _reply_url,
    (forms.PRINCIPAL, "appRoleAssignmentRequired", Part.CHANGED): partial(
        _as_live, "assignmentRequired", lambda live: live.assignment_required
    ),
    (forms.PRINCIPAL, "loginUrl", Part.CHANGED): _sign_on_url,
    (forms.PRINCIPAL, "notificationEmailAddresses", Part.CHANGED): partial(
        _as_live, "notificationEmails", lambda live: list(live.notification_emails)
    ),
    (forms.PRINCIPAL, "hide", Part.CHANGED): partial(_as_live, "hide", lambda live: HIDE_TAG in live.tags),
    **{
        (holder, "owner", part): find
        for holder in (forms.APPLICATION, forms.PRINCIPAL)
        for part, find in ((Part.UNMANAGED, _owner_more), (Part.MISSING, _owner_less))
    },
    (forms.APPLICATION, forms.SAME_IDENTIFIER, Part.UNMANAGED): _adopted,
    (forms.POLICY, "definition", Part.CHANGED): _claims_by_a_person,
    (forms.POLICY, "", Part.MISSING): _claims_by_a_person,
    (forms.POLICY, "", Part.UNMANAGED): _claims_by_a_person,
    (forms.ASSIGNMENT, "", Part.UNMANAGED): _assigned_more,
    (forms.ASSIGNMENT, "", Part.MISSING): _assigned_less,
    (mimecast.ADDRESS, "", Part.MISSING): _address_left,
    (mimecast.ADDRESS, "status", Part.CHANGED): _address_left,
    (mimecast.ADDRESS, "kind", Part.CHANGED): _address_left,
    (mimecast.ADDRESS, "name", Part.CHANGED): _address_named,
    (mimecast.GROUP, mimecast.MEMBER, Part.UNMANAGED): _member_more,
    (mimecast.GROUP, mimecast.MEMBER, Part.MISSING): _member_less,
}


def _find_of(finding: Finding) -> _Find | None:
    if finding.object == mimecast.INTEGRATION and finding.part is Part.CHANGED:
        return _integration
    return _EDITS.get((finding.object, finding.aspect, finding.part))
