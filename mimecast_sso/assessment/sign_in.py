"""One sign-in to the Mimecast Personal Portal, judged from the facts that decide it. Pure.

`judge` follows a sign-in through both systems in the order in which a person meets their checks, and stops at the
first that fails. A check whose input is unknown does not stop it: a later one may refuse the person in any case. Facts
about everybody are in `EntraState` and `MimecastState`, facts about one person in a `Case`; people whose cases are
equal have equal outcomes, so ten thousand people are a handful of judgements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mimecast_sso.facts.regions import Region
from mimecast_sso.facts.sign_in_reasons import REASONS, Missing, Reason
from mimecast_sso.settings import ProfileSlot

# -- What decides ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntraState:
    """The application that Mimecast names, in Entra at one instant.

    Attributes:
        issuer: The tenant's SAML entity id.
        login_url: The tenant's single sign-on endpoint.
        exists: Whether an application exists; Mimecast names it only if the identifier is among those
            below.
        assigned: Object ids of the assigned users and groups.
        name_id: The attribute that becomes the NameID, such as ``user.mail``; ``None``: could not be read.
        name_id_assumed: Whether that is Entra's default, which the portal's claims editor may override; Graph does not
            show what it holds.
        signing: Thumbprint of the certificate that signs; "" if the application has none of its own; ``None``:
            unknown.
        signing_expired: Whether that certificate has expired. Entra is assumed to continue signing with it; whether
            Mimecast accepts that is unknown.
        needs_certificate: Whether Entra refuses to sign with the tenant's own key, because a claims policy is assigned.
    """

    issuer: str
    login_url: str
    exists: bool = False
    enabled: bool = True
    saml: bool = True
    identifiers: tuple[str, ...] = ()
    reply_urls: tuple[str, ...] = ()
    default_reply_url: str = ""
    sign_on_url: str = ""
    hidden: bool = False
    assignment_required: bool = True
    assigned: frozenset[str] = frozenset()
    name_id: str | None = "user.userprincipalname"
    name_id_assumed: bool = False
    signing: str | None = ""
    signing_expired: bool = False
    needs_certificate: bool = False


@dataclass(frozen=True, slots=True)
class HeldProfile:
    """An authentication profile with its application settings in the console.

    Attributes:
        thumbprint: Of the certificate in the form.
        by_metadata: Whether it takes its certificates from the federation metadata instead.
        contexts: Whether the sign-in request asks for an authentication context.
        presumed: Whether its values are unknown and presumed to fit the current Entra, because the attested values
            are lost. No sign-in with it is known to work, and one that Entra would refuse is known to fail.
    """

    issuer: str
    login_url: str
    thumbprint: str
    by_metadata: bool = False
    enforces_portal: bool = True
    single_sign_on: bool = True
    contexts: bool = False
    presumed: bool = False

    @property
    def is_set_up(self) -> bool:
        """Whether it has an identity provider."""
        return bool(self.issuer and self.login_url and (self.thumbprint or self.by_metadata))

    def trusts(self, thumbprint: str | None) -> bool:
        """Whether a response signed with this certificate is accepted."""
        return self.by_metadata or (bool(thumbprint) and thumbprint == self.thumbprint)


Profiles = Mapping[ProfileSlot, HeldProfile | None]
"""The console's profile of each slot; ``None``: nothing confirmed."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Mimecast's identifier and the URLs that receive responses, by account and region."""

    identifier: str
    reply_url: str
    idp_initiated_reply_url: str
    sign_on_host: str

    @staticmethod
    def of(region: Region, account_code: str) -> Endpoints:
        """Those of an account."""
        return Endpoints(
            region.identifier(account_code), region.reply_url, region.idp_initiated_reply_url, region.host
        )

    def starts_sign_in(self, url: str) -> bool:
        """Whether a page is one of Mimecast's sign-in pages for this account: its region's or the global one."""
        scheme, _, rest = url.lower().partition("://")
        return scheme == "https" and rest.partition("/")[0] in (self.sign_on_host, _CENTRAL_SIGN_IN)


_CENTRAL_SIGN_IN = "login.mimecast.com"


Slots = frozenset[ProfileSlot] | None
"""The profile slots in whose roll-out group Mimecast sees a person; ``None``: could not be read."""


class AccountState(StrEnum):
    """A person's account in Entra."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    SHARED = "shared mailbox"
    BLOCKED = "blocked by Conditional Access"
    NONE = "none"
    UNKNOWN = "unknown"


class NameIdState(StrEnum):
    """The meaning of a person's NameID at Mimecast."""

    SAME = "the person's address"
    UNKNOWN_THERE = "no address"
    OTHER = "another address"
    EMPTY = "empty"
    UNKNOWN = "unknown"


class AddressState(StrEnum):
    """A person's address at Mimecast."""

    PRESENT = "present"
    ALIAS = "alias"
    DISABLED = "disabled"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Case:
    """The facts that decide about one person, in addition to those about everybody.

    Attributes:
        assigned: Whether the person is assigned, directly or as a direct member of an assigned group; ``None``:
            unknown.
    """

    slots: Slots
    assigned: bool | None
    account: AccountState
    name_id: NameIdState
    address: AddressState


# -- What follows ---------------------------------------------------------------------------------------------------


class Way(StrEnum):
    """The start page of a sign-in."""

    FROM_MIMECAST = "from Mimecast"
    """Service-provider initiated."""
    FROM_MY_APPS = "from My Apps"
    """Identity-provider initiated, or through the tile to Mimecast's page."""


class Result(StrEnum):
    """How a sign-in ends."""

    ENTRA = "signs in through Entra"
    PASSWORD = "signs in with a password"  # noqa: S105  (no password)
    NOT_OFFERED = "no tile in My Apps"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict on one sign-in.

    Attributes:
        reason: Why it is refused or not offered; if unknown, why it would be whatever the missing input is, or (of what
            the console holds) if the input were as presumed.
        missing: The missing input of an unknown verdict.
        through_entra: Whether Mimecast sends the person to Entra, or Entra sends them to Mimecast.
    """

    result: Result
    reason: Reason | None = None
    missing: Missing | None = None
    through_entra: bool = True

    @property
    def is_sent(self) -> bool:
        """Whether Mimecast is known to send the person to Entra, or Entra them to Mimecast."""
        return self.through_entra and self.missing is not Missing.GROUP

    @property
    def signs_in(self) -> bool:
        """Whether the person gets in. A password is assumed: no API shows whether somebody has one."""
        return self.result in (Result.ENTRA, Result.PASSWORD)

    @property
    def may_sign_in(self) -> bool:
        """Whether the person gets in, or would if the console's profile fits Entra."""
        return self.signs_in or (self.missing is Missing.CONSOLE and self.reason is None)

    @property
    def may_be_lost(self) -> bool:
        """Whether the person gets in, or might: nothing refuses them that does not depend on the missing input."""
        unknown = self.result is Result.UNKNOWN and (self.reason is None or self.missing is Missing.CONSOLE)
        return self.signs_in or unknown

    @property
    def fails(self) -> bool:
        """Whether the person is refused, or that cannot be ruled out."""
        return self.result in (Result.REFUSED, Result.UNKNOWN)

    def __str__(self) -> str:
        if self.result is Result.UNKNOWN:
            known = f"; refused otherwise: {REASONS[self.reason].problem}" if self.reason else ""
            return f"unknown: {self.missing}{known}"
        if self.reason is None:
            return str(self.result)
        row = REASONS[self.reason]
        head = f"refused by {row.side}: " if self.result is Result.REFUSED else f"{self.result}: "
        return f"{head}{row.problem}"


_ENTRA = Outcome(Result.ENTRA)
_PASSWORD = Outcome(Result.PASSWORD, through_entra=False)


def judge(
    way: Way, entra: EntraState | None, mimecast: Endpoints, profiles: Profiles | None, case: Case
) -> Outcome:
    """How a sign-in ends.

    Args:
        way: Where it starts.
        entra: The application; ``None``: could not be read.
        mimecast: The account's own values.
        profiles: What the console holds; ``None``: unknown.
        case: What decides about the person.
    """
    if way is Way.FROM_MIMECAST:
        return _from_mimecast(entra, mimecast, profiles, case)
    return _from_my_apps(entra, mimecast, profiles, case)


def _from_mimecast(
    entra: EntraState | None, mimecast: Endpoints, profiles: Profiles | None, case: Case
) -> Outcome:
    if case.slots is None:
        return _unknown(Missing.GROUP)
    if case.slots and profiles is None:
        return _unknown(Missing.CONSOLE)
    held = _held(profiles or {}, case.slots)
    # The oldest definition decides where somebody is sent who is in several bound groups (assumed).
    if not held or not held[0].is_set_up or not held[0].enforces_portal:
        return _with_a_password(case)
    outcome = _first(_sent_to_entra(entra, mimecast, held, case), _at_mimecast(case)) or _ENTRA
    return _unless_known(outcome) if held[0].presumed else outcome


def _unless_known(outcome: Outcome) -> Outcome:
    """The verdict for a presumed profile: it is unknown whether the sign-in would still take this way."""
    return Outcome(Result.UNKNOWN, outcome.reason, outcome.missing or Missing.CONSOLE)


def _sent_to_entra(
    entra: EntraState | None, mimecast: Endpoints, held: list[HeldProfile], case: Case
) -> Outcome | None:
    """The first check that stops a person whom Mimecast sends to Entra, up to Mimecast's check of the signature."""
    if entra is None:
        return _unknown(Missing.APPLICATION)
    sends = held[0]
    return _first(
        _refused_if(sends.login_url != entra.login_url, Reason.SENT_ELSEWHERE),
        _application(entra, mimecast),
        _person(entra, case),
        _refused_if(sends.contexts, Reason.CONTEXT),
        _assertion(entra, case),
        _refused_if(sends.issuer != entra.issuer, Reason.ISSUER),
        _refused_if(not any(_accepts(each, entra) for each in held), Reason.SIGNATURE),
    )


def _from_my_apps(
    entra: EntraState | None, mimecast: Endpoints, profiles: Profiles | None, case: Case
) -> Outcome:
    if entra is None:
        return _unknown(Missing.APPLICATION)
    stopped = _no_account(case) or _no_tile(entra, case)
    if stopped is not None and stopped.result is not Result.UNKNOWN:
        return stopped
    return _first(stopped, _from_tile(entra, mimecast, profiles, case)) or _ENTRA


def _from_tile(entra: EntraState, mimecast: Endpoints, profiles: Profiles | None, case: Case) -> Outcome:
    """The verdict on a sign-in with the tile, if there is one."""
    if entra.sign_on_url:
        if not mimecast.starts_sign_in(entra.sign_on_url):
            return _refused(Reason.SIGN_ON_URL_ELSEWHERE)
        return _from_mimecast(entra, mimecast, profiles, case)
    problem = _first(
        _refused_if(not entra.enabled, Reason.APPLICATION_DISABLED),
        _account(case),
        _assertion(entra, case),
        _posted_to(entra, mimecast),
    )
    return _first(problem, _unasked(entra, mimecast, profiles, case)) or _ENTRA


def _unasked(entra: EntraState, mimecast: Endpoints, profiles: Profiles | None, case: Case) -> Outcome:
    """Mimecast's verdict on an unsolicited response."""
    if profiles is None:
        return _unknown(Missing.CONSOLE)
    known = {slot: each for slot, each in profiles.items() if each and each.is_set_up}
    outcome = _accepted(entra, mimecast, known, case)
    return _unless_known(outcome) if any(each.presumed for each in known.values()) else outcome


def _accepted(
    entra: EntraState, mimecast: Endpoints, known: Mapping[ProfileSlot, HeldProfile], case: Case
) -> Outcome:
    of_tenant = {slot: each for slot, each in known.items() if each.issuer == entra.issuer}
    allowed = {slot: each for slot, each in of_tenant.items() if each.single_sign_on}
    accepts = frozenset(slot for slot, each in allowed.items() if _accepts(each, entra))
    return (
        _first(
            _refused_if(not known, Reason.NOT_IN_GROUP),
            _refused_if(not of_tenant, Reason.ISSUER),
            _refused_if(not allowed, Reason.SINGLE_SIGN_ON_OFF),
            _refused_if(not accepts, Reason.SIGNATURE),
            _refused_if(entra.identifiers[:1] != (mimecast.identifier,), Reason.AUDIENCE),
            _at_mimecast(case),
            _in_group(case, accepts),
        )
        or _ENTRA
    )


# -- Entra's checks -------------------------------------------------------------------------------------------------


def _application(entra: EntraState, mimecast: Endpoints) -> Outcome | None:
    if not entra.exists or mimecast.identifier not in entra.identifiers:
        return _refused(Reason.APPLICATION_MISSING)
    if not entra.enabled:
        return _refused(Reason.APPLICATION_DISABLED)
    if mimecast.reply_url not in entra.reply_urls:
        return _refused(Reason.REPLY_URL)
    return None


def _accepts(profile: HeldProfile, entra: EntraState) -> bool:
    """Whether a profile accepts the response's issuer and signature; whatever signs, where that is unknown."""
    return profile.issuer == entra.issuer and (entra.signing is None or profile.trusts(entra.signing))


def _account(case: Case) -> Outcome | None:
    return _unknown(Missing.ACCOUNT) if case.account is AccountState.UNKNOWN else _no_account(case)


def _no_account(case: Case) -> Outcome | None:
    """The reason why an account cannot sign in at Microsoft at all, including My Apps."""
    reason = {
        AccountState.NONE: Reason.NO_ACCOUNT,
        AccountState.DISABLED: Reason.ACCOUNT_DISABLED,
        AccountState.SHARED: Reason.SHARED_MAILBOX,
    }.get(case.account)
    return _refused(reason) if reason else None


def _person(entra: EntraState, case: Case) -> Outcome | None:
    required = entra.assignment_required
    unknown = _unknown(Missing.ASSIGNMENTS) if required and case.assigned is None else None
    return _first(
        _account(case), unknown, _refused_if(required and case.assigned is False, Reason.NOT_ASSIGNED)
    )


def _assertion(entra: EntraState, case: Case) -> Outcome | None:
    """The first check of the assertion that fails."""
    if case.account is AccountState.BLOCKED:
        return _refused(Reason.CONDITIONAL_ACCESS)
    return _first(
        _unknown(Missing.SIGNING) if entra.signing is None else None,
        _unknown(Missing.EXPIRED) if entra.signing_expired else None,
        _refused_if(entra.signing == "" and entra.needs_certificate, Reason.NO_CERTIFICATE),
        _refused_if(case.name_id is NameIdState.EMPTY, Reason.NO_NAME_ID),
    )


def _no_tile(entra: EntraState, case: Case) -> Outcome | None:
    """My Apps shows a tile to assigned people only, whether assignment is required or not."""
    reason = None
    if not entra.exists:
        reason = Reason.APPLICATION_MISSING
    elif not entra.saml:
        reason = Reason.NOT_SAML
    elif case.assigned is None:
        return _unknown(Missing.ASSIGNMENTS)
    elif not case.assigned:
        reason = Reason.NOT_ASSIGNED
    if reason is None and not entra.hidden:
        return None
    return Outcome(Result.NOT_OFFERED, reason)


def _posted_to(entra: EntraState, mimecast: Endpoints) -> Outcome | None:
    """The URL for unsolicited responses: the default reply URL, else the first one."""
    if not entra.reply_urls:
        return _refused(Reason.NO_REPLY_URL)
    default = entra.default_reply_url
    url = default if default in entra.reply_urls else entra.reply_urls[0]
    if url == mimecast.idp_initiated_reply_url:
        return None
    return _refused(Reason.UNASKED if url == mimecast.reply_url else Reason.REPLY_URL_ELSEWHERE)


# -- Mimecast's checks ----------------------------------------------------------------------------------------------


def _held(profiles: Profiles, slots: frozenset[ProfileSlot]) -> list[HeldProfile]:
    """The profiles that a person is under, the oldest first."""
    return [each for slot in ProfileSlot if slot in slots and (each := profiles.get(slot)) is not None]


def _with_a_password(case: Case) -> Outcome:
    problem = _address(case.address)
    return replace(problem, through_entra=False) if problem else _PASSWORD


def _at_mimecast(case: Case) -> Outcome | None:
    """Mimecast's check of the NameID."""
    return _first(
        _unknown(Missing.NAME_ID) if case.name_id is NameIdState.UNKNOWN else None,
        _refused_if(case.name_id is NameIdState.UNKNOWN_THERE, Reason.NAME_ID_UNKNOWN),
        _refused_if(case.name_id is NameIdState.OTHER, Reason.NAME_ID_OTHER),
        _address(case.address),
    )


def _in_group(case: Case, accepting: frozenset[ProfileSlot]) -> Outcome | None:
    if case.slots is None:
        return _unknown(Missing.GROUP)
    return _refused_if(not case.slots & accepting, Reason.NOT_IN_GROUP)


def _address(state: AddressState) -> Outcome | None:
    if state is AddressState.UNKNOWN:
        return _unknown(Missing.ADDRESSES)
    reason = {
        AddressState.ABSENT: Reason.NOT_AT_MIMECAST,
        AddressState.ALIAS: Reason.ALIAS,
        AddressState.DISABLED: Reason.ADDRESS_DISABLED,
    }.get(state)
    return _refused(reason) if reason else None


def _first(*checks: Outcome | None) -> Outcome | None:
    """The first check that does not pass; one with an unknown input has the reason of the next that refuses."""
    failing = [each for each in checks if each is not None]
    if not failing or failing[0].result is not Result.UNKNOWN:
        return failing[0] if failing else None
    return replace(failing[0], reason=next((each.reason for each in failing if each.reason), None))


def _refused(reason: Reason) -> Outcome:
    return Outcome(Result.REFUSED, reason)


def _refused_if(condition: bool, reason: Reason) -> Outcome | None:
    return _refused(reason) if condition else None


def _unknown(missing: Missing) -> Outcome:
    return Outcome(Result.UNKNOWN, missing=missing)
