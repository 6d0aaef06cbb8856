"""Mimecast as a SAML service provider, and the Personal Portal behind it.

Documented: endpoints and entity ids by region, HTTP-POST both ways, the entity id's special form for Entra, the
two authentication contexts, that Allow Single Sign On enables sign-ins that start at the identity provider. EMU: the
pages themselves, that the person must have a profile that validated the assertion, the ten minutes that a request is
valid, no NameID policy and no signature in the request.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mimecast_sso.facts.regions import Region
from mimecast_sso.saml import authn_request, documents, names, response
from mimecast_sso.saml.errors import SamlError
from sandbox.mimecast import accounts, audit, domains, metadata_monitor, pages, passwords, policy, users
from sandbox.mimecast.audit import Event
from sandbox.world import World

REQUESTS = "mimecast.samlRequests"
ASSERTIONS = "mimecast.assertions"

_COOKIE = "portal"
_APPLICATION = ", Application: Mimecast Personal Portal"
_REQUEST_LIFETIME = timedelta(minutes=10)
_CONTEXTS = {
    "passwordProtectedContext": names.CONTEXT_PASSWORD_PROTECTED,
    "integratedAuthenticationContext": names.CONTEXT_INTEGRATED,
}


class _RefusedError(Exception):
    """A refused sign-in; the page shows ``reason``."""

    def __init__(self, reason: str, account: str | None = None, address: str = "") -> None:
        self.reason = reason
        self.account = account
        self.address = address
        super().__init__(reason)


class Portal:
    """Sign-in and portal of one host: a region's, or without a region the one for all regions."""

    def __init__(self, world: World, region: Region | None) -> None:
        self._world = world
        self._region = region

    def app(self) -> Starlette:
        """The pages of the host."""
        return Starlette(
            routes=[
                Route("/", self._ask, methods=["GET"]),
                Route("/", self._start, methods=["POST"]),
                Route("/u/login/", self._ask, methods=["GET"]),
                Route("/login/saml", self._ask, methods=["GET"]),
                Route("/login/saml", self._start, methods=["POST"]),
                Route("/login/sso/mpp", self._unsolicited, methods=["POST"]),
                Route("/login/password", self._password, methods=["POST"]),
                Route("/portal", self._portal, methods=["GET"]),
                Route("/portal/sign-out", self._sign_out, methods=["POST"]),
            ],
            exception_handlers={404: pages.unknown(self._world)},
        )

    async def _ask(self, _: Request) -> Response:
        return pages.page("login.html")

    async def _start(self, request: Request) -> Response:
        """Handle an entered address or, at the same URL, an identity provider's response."""
        form = await pages.form_of(request)
        if "SAMLResponse" in form:
            await self._refresh_metadata()
            return self._finish(lambda: self._solicited(form["SAMLResponse"], form.get("RelayState", "")))
        address = form.get("emailAddress", "").strip().lower()
        if not address:
            return pages.page("login.html", 422)
        profile = self._profile_of(address)
        if profile is None or not profile.enforces_portal:
            return self._ask_password(address)
        return self._send_to_identity_provider(profile)

    def _ask_password(self, address: str, problem: str = "", status: int = 200) -> Response:
        region = self._region or self._region_of(address)
        action = f"https://{region.host}/login/password" if region else "/login/password"
        return pages.page("password.html", status, address=address, action=action, problem=problem)

    def _region_of(self, address: str) -> Region | None:
        account = _account_of(self._world, address)
        return accounts.region_of(self._world, account) if account else None

    def _profile_of(self, address: str) -> policy.Profile | None:
        """The address's profile; accounts of other regions are not on this host."""
        account = _account_of(self._world, address)
        if account is None:
            return None
        if self._region not in (None, accounts.region_of(self._world, account)):
            return None
        return policy.effective(self._world, account, address)

    # Single sign-on

    def _send_to_identity_provider(self, profile: policy.Profile) -> Response:
        region = accounts.region_of(self._world, profile.account)
        now = self._world.now()
        request = authn_request.AuthnRequest(
            id=documents.new_id(),
            issue_instant=now,
            destination=profile.form["loginUrl"],
            issuer=profile.entity_id(region),
            assertion_consumer_service_url=region.reply_url,
            requested_authn_contexts=tuple(
                context for key, context in _CONTEXTS.items() if profile.form[key]
            ),
        )
        relay_state = secrets.token_urlsafe(24)
        self._world.put(
            REQUESTS,
            relay_state,
            {"id": request.id, "profile": profile.number, "host": region.host, "created": now.isoformat()},
        )
        return pages.page(
            "saml_request.html",
            action=profile.form["loginUrl"],
            saml_request=authn_request.build(request),
            relay_state=relay_state,
        )

    def _solicited(self, encoded: str, relay_state: str) -> tuple[policy.Profile, str]:
        """Profile and person of a response to a request from here."""
        region, request = self._region, self._world.get(REQUESTS, relay_state)
        self._world.delete(REQUESTS, relay_state)
        if region is None or request is None or request["host"] != region.host or self._is_too_old(request):
            raise _RefusedError(
                "This response does not belong to a sign-in started here, or was already used."
            )
        profile = policy.profile(self._world, request["profile"])
        if profile is None:
            raise _RefusedError("The authentication profile of this sign-in no longer exists.")
        refusal = None
        for candidate in self._candidates(profile):
            try:
                address = self._validated(encoded, candidate, region, region.reply_url, request["id"])
            except _RefusedError as error:
                refusal = refusal or error  # The request's profile decides.
            else:
                return self._acting(candidate, address), address
        assert refusal is not None  # noqa: S101  (there is one candidate at least)
        raise refusal

    def _candidates(self, requested: policy.Profile) -> list[policy.Profile]:
        """The profiles that may validate a response: a person may be in the groups of several, or change groups."""
        if not policy.accepts_any(self._world):
            return [requested]
        others = policy.profiles(self._world, requested.account)
        same = (each for each in others if each.form["issuerUrl"] == requested.form["issuerUrl"])
        return [requested, *(each for each in same if each.is_set_up and each.number != requested.number)]

    def _acting(self, validated: policy.Profile, address: str) -> policy.Profile:
        """The person's profile, if it trusts the certificate that validated the response."""
        trusted = set(metadata_monitor.certificates(self._world, validated))
        accepting = policy.accepting(self._world, validated.account, address)
        return next(
            (each for each in accepting if trusted & set(metadata_monitor.certificates(self._world, each))),
            validated,
        )

    async def _refresh_metadata(self) -> None:
        for account in policy.monitoring_accounts(self._world):
            if accounts.region_of(self._world, account) == self._region:
                await metadata_monitor.refresh(self._world, account)

    def _is_too_old(self, request: dict[str, Any]) -> bool:
        return datetime.fromisoformat(request["created"]) + _REQUEST_LIFETIME <= self._world.now()

    async def _unsolicited(self, request: Request) -> Response:
        form = await pages.form_of(request)
        await self._refresh_metadata()
        return self._finish(lambda: self._identity_provider_initiated(form.get("SAMLResponse", "")))

    def _identity_provider_initiated(self, encoded: str) -> tuple[policy.Profile, str]:
        """Profile and person of an unsolicited response."""
        region = self._region
        issuer = _claimed_issuer(encoded)
        candidates = [
            profile
            for account in policy.accounts_of_issuer(self._world, issuer)
            if accounts.region_of(self._world, account) == region
            for profile in policy.profiles(self._world, account)
            if profile.is_set_up and profile.form["issuerUrl"] == issuer
        ]
        allowed = [profile for profile in candidates if profile.form["allowSingleSignOn"]]
        if region is None or not allowed:
            why = "does not allow single sign-on" if candidates else "is set up for this identity provider"
            raise _RefusedError(f"{'The' if candidates else 'No'} authentication profile {why}.")
        refusal = _RefusedError("")
        for profile in allowed:
            try:
                return profile, self._validated(
                    encoded, profile, region, region.idp_initiated_reply_url, None
                )
            except _RefusedError as error:
                refusal = error
        raise refusal

    def _validated(
        self,
        encoded: str,
        profile: policy.Profile,
        region: Region,
        recipient: str,
        in_response_to: str | None,
    ) -> str:
        """The address in a response; each assertion is accepted once."""
        now = self._world.now()
        problem: SamlError | None = None
        for certificate in metadata_monitor.certificates(self._world, profile):
            try:
                assertion = response.validate(
                    encoded,
                    certificate_body=certificate,
                    expected_issuer=profile.form["issuerUrl"],
                    audience=profile.entity_id(region),
                    recipient=recipient,
                    in_response_to=in_response_to,
                    now=now,
                    first_use=lambda identifier, until: self._remember(identifier, until, now),
                )
            except SamlError as error:
                problem = problem or error
            else:
                return assertion.name_id.strip().lower()
        reason = f"The identity could not be validated. {type(problem).__name__}: {problem}"
        raise _RefusedError(reason, profile.account) from problem

    def _remember(self, identifier: str, until: datetime, now: datetime) -> bool:
        """Whether the assertion is new; it is recorded for as long as it is valid."""
        if self._world.get(ASSERTIONS, identifier) is not None:
            return False
        for key, document in self._world.items(ASSERTIONS):
            if datetime.fromisoformat(document["until"]) < now:
                self._world.delete(ASSERTIONS, key)
        self._world.put(ASSERTIONS, identifier, {"until": until.isoformat()})
        return True

    def _finish(self, outcome: Callable[[], tuple[policy.Profile, str]]) -> Response:
        """Sign in the person that ``outcome`` returns, unless Mimecast itself refuses."""
        try:
            profile, address = outcome()
            self._check_person(profile, address)
        except _RefusedError as refusal:
            if refusal.account:
                self._audit_failure(refusal.account, refusal.address, "SAML", refusal.reason)
            return pages.page("refusal.html", 403, reason=refusal.reason)
        return self._let_in(profile.account, address, "SAML")

    def _check_person(self, profile: policy.Profile, address: str) -> None:
        user = users.find(self._world, profile.account, address)
        if user is None or user["aliasFor"]:
            raise _RefusedError(f"{address} is not provisioned in Mimecast.", profile.account, address)
        if user["accountDisabled"] or user["accountLocked"]:
            raise _RefusedError(f"The account {address} is disabled or locked.", profile.account, address)
        accepting = policy.accepting(self._world, profile.account, address)
        if profile.number not in {each.number for each in accepting}:
            reason = f"Single sign-on is not set up or not enforced for {address}."
            raise _RefusedError(reason, profile.account, address)

    # Password and portal

    async def _password(self, request: Request) -> Response:
        form = await pages.form_of(request)
        address = form.get("emailAddress", "").strip().lower()
        profile = self._profile_of(address)
        if profile is not None and profile.enforces_portal:
            return self._send_to_identity_provider(profile)
        user = users.anywhere(self._world, address)
        if user is None or not self._may_sign_in(user, form.get("password", "")):
            if user is not None:
                self._audit_failure(user["account"], address, "Cloud", "Wrong Password")
            return self._ask_password(address, "Address or password is wrong.", 401)
        return self._let_in(user["account"], address, "Cloud")

    def _may_sign_in(self, user: dict[str, Any], password: str) -> bool:
        domain = domains.internal(self._world, user["account"], user["domain"])
        return (
            self._region in (None, accounts.region_of(self._world, user["account"]))
            and not user["aliasFor"]
            and not user["accountDisabled"]
            and not user["accountLocked"]
            and domain is not None
            and not domain["sendOnly"]
            and passwords.matches(password, user["password"])
        )

    def _let_in(self, account: str, address: str, method: str) -> Response:
        region = accounts.region_of(self._world, account)
        response = pages.see_other(f"https://{region.host}/portal" if self._region else "/portal")
        pages.sign_in(self._world, response, _COOKIE, account, address)
        info = f"Successful authentication for {self._person(account, address)}"
        after = f"{_APPLICATION}, Method: {method}"
        audit.record(self._world, account, Event.LOGGED_ON, address, info, after=after)
        return response

    def _audit_failure(self, account: str, address: str, method: str, reason: str) -> None:
        info = f"Failed authentication for {self._person(account, address)}"
        after = f"{_APPLICATION}, Method: {method}, Reason: {reason}"
        audit.record(self._world, account, Event.LOGON_FAILED, address, info, after=after)

    def _person(self, account: str, address: str) -> str:
        name = (users.find(self._world, account, address) or {}).get("name")
        return f"{address} <{name}>" if name else address

    async def _portal(self, request: Request) -> Response:
        session = pages.session_of(self._world, request, _COOKIE)
        if session is None:
            return pages.see_other("/login/saml")
        user = users.find(self._world, session["account"], session["emailAddress"]) or {}
        return pages.page("portal.html", address=session["emailAddress"], name=user.get("name", ""))

    async def _sign_out(self, request: Request) -> Response:
        response = pages.see_other("/login/saml")
        pages.sign_out(self._world, request, response, _COOKIE)
        return response


def create_app(world: World, region: Region | None) -> Starlette:
    """Sign-in and portal on a region's host, or on the host for all regions."""
    return Portal(world, region).app()


def _account_of(world: World, address: str) -> str | None:
    """The account of an address: its user's, else the one that has its domain."""
    user = users.anywhere(world, address)
    if user is not None:
        account: str = user["account"]
        return account
    return domains.owner(world, address.rpartition("@")[2])


def _claimed_issuer(encoded: str) -> str:
    """The issuer named in a response: trusted only to select the profile that then validates it."""
    try:
        root = documents.parse(documents.decode(encoded))
    except ValueError as error:
        raise _RefusedError(f"The response cannot be read: {error}.") from error
    issuer = documents.text(root, "saml:Issuer") or documents.text(root, "saml:Assertion/saml:Issuer")
    return issuer or ""
