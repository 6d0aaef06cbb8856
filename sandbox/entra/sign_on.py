"""SAML sign-on: the endpoint, the sign-in page, assignment and Conditional Access, the signed response, the metadata.

Sources: Microsoft's "Single Sign-On SAML protocol" (ForceAuthn, IsPassive), "Microsoft Entra authentication and
authorization error codes", "Federation metadata", and "Properties of an enterprise application" (``accountEnabled``).
Assumed: a passive request without a session returns SAML's status for it to the application.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from mimecast_sso.facts.entra import CLOUDS, HIDE_TAG
from mimecast_sso.saml import authn_request, documents, metadata, names, response
from mimecast_sso.saml.authn_request import AuthnRequest, Binding
from mimecast_sso.saml.errors import MalformedRequest
from mimecast_sso.saml.metadata import IdentityProvider
from sandbox.entra import (
    claims,
    conditional_access,
    directory,
    logout,
    passwords,
    service_principals,
    sign_in_log,
    sign_in_methods,
    signing,
)
from sandbox.entra.entrance import CaselessRoute
from sandbox.entra.graph import GraphError
from sandbox.entra.keys import Certificate
from sandbox.entra.logout import LogoutRequest
from sandbox.entra.objects import ASSIGNMENTS, SERVICE_PRINCIPALS, USERS
from sandbox.entra.odata import Document
from sandbox.entra.pages import error_page, page
from sandbox.entra.tenancy import my_apps_url
from sandbox.entra.tokens import is_tenant, tenant_id
from sandbox.hosts import LOGIN_HOST
from sandbox.world import World

_PENDING = "entra.signIns"
_SESSIONS = "entra.sessions"
_TICKETS = "entra.tickets"
_COOKIE = "ESTSAUTH"
_SESSION_LIFE = timedelta(hours=12)
_PENDING_LIFE = timedelta(minutes=30)
_ASSERTION_LIFE = timedelta(minutes=60)
_ASSERTION_LEAD = timedelta(minutes=5)
_CLOUD = CLOUDS["public"]
_MY_APPS = "My Apps"


class SignInRefusedError(Exception):
    """A sign-in that ends on Entra's error page; the message starts with the AADSTS code if one is known."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way, with the address for its response. Without ``principal``, it is one to My Apps."""

    principal: str | None
    reply_url: str
    audience: str = ""
    request_id: str | None = None
    relay_state: str | None = None
    name_id_format: str | None = None
    contexts: tuple[str, ...] = ()
    force: bool = False
    passive: bool = False


class SignOn:
    """The pages of ``login.microsoftonline.com``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """The routes below the login host."""
        path = "/{tenant}/federationmetadata/2007-06/federationmetadata.xml"
        return [
            CaselessRoute("/{tenant}/saml2", self._redirect_binding, methods=["GET"]),
            CaselessRoute("/{tenant}/saml2", self._post_binding, methods=["POST"]),
            CaselessRoute("/{tenant}/login", self._sign_in, methods=["POST"]),
            CaselessRoute("/{tenant}/my-apps", self._my_apps, methods=["GET"]),
            CaselessRoute("/{tenant}/signin/{principal}", self._unsolicited, methods=["GET"]),
            CaselessRoute(path, self._metadata, methods=["GET"]),
        ]

    def redeem(self, ticket: str) -> Document | None:
        """The user of a single-use ticket."""
        document = self._world.get(_TICKETS, ticket)
        if document is None:
            return None
        self._world.delete(_TICKETS, ticket)
        return self._world.get(USERS, document["user"])

    def tiles(self, user: Document) -> list[tuple[str, str]]:
        """Name and address of a user's assigned applications, as shown in My Apps."""
        return [
            (service_principals.shown(self._world, principal)["displayName"], self._tile_url(principal))
            for principal in self._world.all(SERVICE_PRINCIPALS)
            if principal["preferredSingleSignOnMode"] == "saml"
            and HIDE_TAG not in principal["tags"]
            and self._is_assigned(principal, user)
        ]

    def launch_url(self, app_id: str, tenant: str) -> str:
        """The target of an application's user access URL: that of its tile, even if the tile is hidden.

        Raises:
            SignInRefusedError: no such tenant, no such application, or one without SAML.
        """
        if tenant and not is_tenant(self._world, tenant):
            raise SignInRefusedError(f"AADSTS90002: Tenant '{tenant}' not found.")
        principal = service_principals.of_application(self._world, app_id)
        if principal is None or principal["preferredSingleSignOnMode"] != "saml":
            raise SignInRefusedError(
                f"AADSTS700016: Application with identifier '{app_id}' was not found in the directory"
                f" '{tenant_id(self._world)}'."
            )
        _check_enabled(principal)
        return self._tile_url(principal)

    # Handlers

    async def _redirect_binding(self, request: Request) -> Response:
        query = request.query_params
        return self._guarded(
            lambda: self._begin(request, query.get("SAMLRequest"), query.get("RelayState"), "redirect")
        )

    async def _post_binding(self, request: Request) -> Response:
        form = await request.form()
        encoded, relay_state = form.get("SAMLRequest"), form.get("RelayState")
        return self._guarded(
            lambda: self._begin(
                request,
                encoded if isinstance(encoded, str) else None,
                relay_state if isinstance(relay_state, str) else None,
                "post",
            )
        )

    async def _sign_in(self, request: Request) -> Response:
        form = await request.form()
        login, password, context = (str(form.get(name, "")) for name in ("login", "passwd", "ctx"))
        return self._guarded(lambda: self._check_password(login, password, context))

    async def _my_apps(self, request: Request) -> Response:
        return self._guarded(lambda: self._continue(request, Pending(None, my_apps_url(self._world))))

    async def _unsolicited(self, request: Request) -> Response:
        return self._guarded(lambda: self._continue(request, self._unsolicited_sign_in(request)))

    async def _metadata(self, request: Request) -> Response:
        return self._guarded(lambda: self._metadata_of(request))

    def _guarded(self, handle: Callable[[], Response]) -> Response:
        try:
            with self._world.transaction():
                return handle()
        except SignInRefusedError as refusal:
            return error_page(str(refusal), self._world.now())

    # From request to response

    def _begin(
        self, request: Request, encoded: str | None, relay_state: str | None, binding: Binding
    ) -> Response:
        if not is_tenant(self._world, request.path_params["tenant"]):
            raise SignInRefusedError(f"AADSTS90002: Tenant '{request.path_params['tenant']}' not found.")
        if not encoded:
            raise SignInRefusedError("AADSTS750054: SAMLRequest or SAMLResponse must be present.")
        try:
            root = authn_request.document(encoded, binding=binding)
            ends = logout.read(root, self._world.now())
            asked = None if ends else authn_request.parse(encoded, binding=binding)
        except (MalformedRequest, ValueError) as error:
            raise SignInRefusedError(
                f"AADSTS75005: The request is not a valid SAML2 protocol message: {error}"
            ) from error
        if ends is not None:
            return self._sign_out(request, ends, relay_state)
        assert asked is not None  # noqa: S101  (it is one of the two)
        return self._continue(request, self._pending(asked, relay_state))

    def _sign_out(self, request: Request, ends: LogoutRequest, relay_state: str | None) -> Response:
        """End this browser's session, and respond to the requesting application."""
        principal = self._principal_named(ends.issuer)
        self._world.delete(_SESSIONS, request.cookies.get(_COOKIE, ""))
        address = service_principals.shown(self._world, principal)["logoutUrl"]
        if address:
            issuer = _CLOUD.issuer(tenant_id(self._world) or "")
            url = logout.response_url(
                ends, issuer=issuer, address=address, now=self._world.now(), relay_state=relay_state
            )
            reply: Response = RedirectResponse(url, status_code=302)
        else:
            reply = page("signed_out", title="Sign out")
        reply.delete_cookie(_COOKIE, secure=True, httponly=True, samesite="none")
        return reply

    def _pending(self, asked: AuthnRequest, relay_state: str | None) -> Pending:
        principal = self._principal_named(asked.issuer)
        reply_url = self._reply_url(principal, asked.assertion_consumer_service_url)
        return Pending(
            principal=principal["id"],
            reply_url=reply_url,
            audience=asked.issuer,
            request_id=asked.id,
            relay_state=relay_state,
            name_id_format=asked.name_id_format,
            contexts=asked.requested_authn_contexts,
            force=asked.force_authn,
            passive=asked.is_passive,
        )

    def _principal_named(self, identifier: str) -> Document:
        for principal in self._world.all(SERVICE_PRINCIPALS):
            if identifier in service_principals.shown(self._world, principal)["servicePrincipalNames"]:
                _check_enabled(principal)
                return principal
        raise SignInRefusedError(
            f"AADSTS700016: Application with identifier '{identifier}' was not found in the directory"
            f" '{tenant_id(self._world)}'."
        )

    def _reply_url(self, principal: Document, asked: str | None) -> str:
        registered: list[str] = service_principals.shown(self._world, principal)["replyUrls"]
        if asked is not None and asked not in registered:
            raise SignInRefusedError(
                f"AADSTS50011: The reply URL '{asked}' specified in the request does not match the reply URLs"
                f" configured for the application '{principal['appId']}'."
            )
        if not registered:
            raise SignInRefusedError("AADSTS500113: No reply address is registered for the application.")
        application = service_principals.application_of(self._world, principal) or {}
        default = application.get("defaultRedirectUri")
        # Assumed: a default that is no longer registered is ignored.
        return asked or (default if default in registered else registered[0])

    def _unsolicited_sign_in(self, request: Request) -> Pending:
        """A sign-in that starts in My Apps: an unsolicited response to the application's first reply URL."""
        principal = self._world.get(SERVICE_PRINCIPALS, request.path_params["principal"].casefold())
        if principal is None:
            raise SignInRefusedError("AADSTS700016: The application was not found in the directory.")
        _check_enabled(principal)
        shown = service_principals.shown(self._world, principal)
        identifiers = [name for name in shown["servicePrincipalNames"] if name != principal["appId"]]
        relay_state = (principal["samlSingleSignOnSettings"] or {}).get("relayState")
        return Pending(
            principal=principal["id"],
            reply_url=self._reply_url(principal, None),
            audience=identifiers[0] if identifiers else principal["appId"],
            relay_state=relay_state,
        )

    def _continue(self, request: Request, pending: Pending) -> Response:
        user = None if pending.force else self._session_user(request.cookies.get(_COOKIE))
        if user is not None:
            return self._response_or_page(pending, user)
        if pending.passive:
            return self._refuse_passive(pending)
        context = secrets.token_urlsafe(24)
        expires = (self._world.now() + _PENDING_LIFE).isoformat()
        self._world.put(_PENDING, context, {"pending": asdict(pending), "expires": expires})
        return self._sign_in_page(pending, context)

    def _refuse_passive(self, pending: Pending) -> Response:
        """Refuse a passive request, which must not prompt, to the application."""
        why = (
            "AADSTS50058: A silent sign-in request was sent but no user is signed in."
            if not pending.force
            else "AADSTS50058: A sign-in that must ask the user was requested to be silent."
        )
        refusal = response.envelope(
            "Response",
            issuer=_CLOUD.issuer(tenant_id(self._world) or ""),
            destination=pending.reply_url,
            in_response_to=pending.request_id,
            issued=self._world.now(),
            refusal=(names.STATUS_NO_PASSIVE, why),
        )
        return self._response_page(pending, documents.encode(refusal))

    def _check_password(self, login: str, password: str, context: str) -> Response:
        document = self._world.get(_PENDING, context)
        if document is None or self._is_over(document["expires"]):
            raise SignInRefusedError(
                "AADSTS165000: The sign-in took too long or was started elsewhere. Start again."
            )
        pending = Pending(**{**document["pending"], "contexts": tuple(document["pending"]["contexts"])})
        problem = passwords.problem_of(self._world, login, password)
        user = directory.find_user(self._world, login) or {}
        if problem is not None:
            principal = self._world.get(SERVICE_PRINCIPALS, pending.principal or "")
            if user and principal:
                sign_in_log.record(self._world, principal, user, problem)
            return self._sign_in_page(pending, context, login, problem)
        self._world.delete(_PENDING, context)
        reply = self._response_or_page(pending, user)
        cookie = secrets.token_urlsafe(32)
        expires = (self._world.now() + _SESSION_LIFE).isoformat()
        self._world.put(_SESSIONS, cookie, {"user": user["id"], "expires": expires})
        reply.set_cookie(_COOKIE, cookie, secure=True, httponly=True, samesite="none")
        return reply

    def _response_or_page(self, pending: Pending, user: Document) -> Response:
        """The response, or an error page for a person who is refused the application but stays signed in to Entra."""
        try:
            return self._respond(pending, user)
        except SignInRefusedError as refusal:
            return error_page(str(refusal), self._world.now())

    def _respond(self, pending: Pending, user: Document) -> Response:
        if pending.principal is None:
            self._check_access(self._access(user, conditional_access.MY_APPS_ID))
            ticket = secrets.token_urlsafe(24)
            self._world.put(_TICKETS, ticket, {"user": user["id"]})
            return RedirectResponse(f"{pending.reply_url}&{urlencode({'ticket': ticket})}", status_code=303)
        principal = self._world.get(SERVICE_PRINCIPALS, pending.principal)
        if principal is None:
            raise SignInRefusedError("AADSTS700016: The application was not found in the directory.")
        access = "notApplied"
        try:
            self._check_assignment(principal, user)
            access = self._access(user, principal["appId"])
            self._check_access(access)
            self._check_contexts(pending, user)
            signed = self._signed_response(pending, principal, user)
        except SignInRefusedError as refusal:
            sign_in_log.record(self._world, principal, user, str(refusal), conditional_access=access)
            raise
        sign_in_log.record(self._world, principal, user, conditional_access=access)
        return self._response_page(pending, signed)

    def _response_page(self, pending: Pending, encoded: str) -> Response:
        principal = self._world.get(SERVICE_PRINCIPALS, pending.principal or "") or {}
        return page(
            "saml_response",
            title="Working…",
            application=service_principals.shown(self._world, principal)["displayName"],
            action=pending.reply_url,
            response=encoded,
            relay_state=pending.relay_state,
        )

    def _check_assignment(self, principal: Document, user: Document) -> None:
        if principal["appRoleAssignmentRequired"] and not self._is_assigned(principal, user):
            name = service_principals.shown(self._world, principal)["displayName"]
            raise SignInRefusedError(
                f"AADSTS50105: The signed in user '{user['userPrincipalName']}' is not assigned to a role for the"
                f" application '{principal['appId']}' ({name})."
            )

    def _access(self, user: Document, app_id: str) -> str:
        """The Conditional Access result of a sign-in, as in the sign-in log."""
        try:
            policies = conditional_access.enforced(self._world, user, app_id)
        except GraphError as error:
            raise SignInRefusedError(str(error)) from error
        if conditional_access.blocks(policies):
            return "failure"
        return "success" if policies else "notApplied"

    def _check_access(self, access: str) -> None:
        if access == "failure":
            raise SignInRefusedError(
                "AADSTS53003: Access has been blocked by Conditional Access policies. The access policy does not"
                " allow token issuance."
            )

    def _check_contexts(self, pending: Pending, user: Document) -> None:
        method = sign_in_methods.of(self._world, user)
        if not sign_in_methods.meets(method, pending.contexts):
            used = sign_in_methods.METHODS[method]
            raise SignInRefusedError(
                f"AADSTS75011: Authentication method '{used}' by which the user authenticated with the service"
                f" doesn't match requested authentication method '{', '.join(pending.contexts)}'."
            )

    def _signed_response(self, pending: Pending, principal: Document, user: Document) -> str:
        tenant = tenant_id(self._world) or ""
        certificates = signing.certificates(self._world, principal)
        if not certificates and claims.has_policy(principal):
            raise SignInRefusedError(
                f"AADSTS50146: The application '{principal['appId']}' is required to be configured with an"
                " application-specific signing key."
            )
        certificate = certificates[0] if certificates else signing.tenant_certificate(self._world)
        try:
            issued = claims.issue(self._world, tenant, principal, user, pending.name_id_format)
        except claims.MissingNameIdError as error:
            raise SignInRefusedError(
                f"The user '{user['userPrincipalName']}' has no value for '{error}', which the application's claims"
                " mapping policy makes the name identifier."
            ) from error
        now = self._world.now()
        assertion = response.Assertion(
            issuer=_CLOUD.issuer(tenant),
            name_id=issued.name_id,
            name_id_format=issued.name_id_format,
            audience=pending.audience,
            recipient=pending.reply_url,
            in_response_to=pending.request_id,
            issued=now,
            not_before=now - _ASSERTION_LEAD,
            not_on_or_after=now + _ASSERTION_LIFE,
            attributes=issued.attributes,
        )
        return response.build(assertion, certificate.key, certificate.certificate)

    # Helpers

    def _is_assigned(self, principal: Document, user: Document) -> bool:
        """Whether the user or a group with the user as a direct member is assigned; nested groups do not count."""
        holders = {user["id"], *(group["id"] for group in directory.groups_of(self._world, user["id"]))}
        return any(
            assignment["resourceId"] == principal["id"] and assignment["principalId"] in holders
            for assignment in self._world.all(ASSIGNMENTS)
        )

    def _tile_url(self, principal: Document) -> str:
        """The tile's address: the application's sign-on URL; without one, an unsolicited sign-in."""
        if principal["loginUrl"]:
            return str(principal["loginUrl"])
        return f"https://{LOGIN_HOST}/{tenant_id(self._world)}/signin/{principal['id']}"

    def _session_user(self, cookie: str | None) -> Document | None:
        session = self._world.get(_SESSIONS, cookie) if cookie else None
        if session is None or self._is_over(session["expires"]):
            return None
        return self._world.get(USERS, session["user"])

    def _is_over(self, expires: str) -> bool:
        return self._world.now() >= datetime.fromisoformat(expires)

    def _sign_in_page(
        self, pending: Pending, context: str, login: str = "", problem: str | None = None
    ) -> Response:
        principal = self._world.get(SERVICE_PRINCIPALS, pending.principal) if pending.principal else None
        name = service_principals.shown(self._world, principal)["displayName"] if principal else _MY_APPS
        return page(
            "sign_in",
            title="Sign in",
            application=name,
            action=f"https://{LOGIN_HOST}/{tenant_id(self._world)}/login",
            context=context,
            login=login,
            problem=problem,
        )

    def _metadata_of(self, request: Request) -> Response:
        if not is_tenant(self._world, request.path_params["tenant"]):
            raise SignInRefusedError(f"AADSTS90002: Tenant '{request.path_params['tenant']}' not found.")
        tenant = tenant_id(self._world) or ""
        url = _CLOUD.login_url(tenant)
        shown = self._shown_certificates(request.query_params.get("appid"))
        provider = IdentityProvider(
            entity_id=_CLOUD.issuer(tenant),
            signing_certificates=tuple(certificate.body for certificate in shown),
            single_sign_on_urls={names.BINDING_REDIRECT: url, names.BINDING_POST: url},
            single_logout_urls={names.BINDING_REDIRECT: url},
        )
        # Not documented: published examples show metadata signed with the application's own certificate.
        signer = shown[0].key, shown[0].certificate
        return Response(metadata.build(provider, signer), media_type="application/xml")

    def _shown_certificates(self, app_id: str | None) -> list[Certificate]:
        principal = service_principals.of_application(self._world, app_id) if app_id else None
        if app_id and principal is None:
            raise SignInRefusedError(f"AADSTS700016: Application with identifier '{app_id}' was not found.")
        certificates = signing.certificates(self._world, principal) if principal else []
        if not certificates:
            return [signing.tenant_certificate(self._world)]
        # Not documented: whether inactive certificates are listed.
        lists_inactive = self._world.setting("entra.metadata_lists_inactive", default=False)
        return certificates if lists_inactive else certificates[:1]


def _check_enabled(principal: Document) -> None:
    """Refuse sign-ins to a disabled application, including those from My Apps."""
    if not principal["accountEnabled"]:
        raise SignInRefusedError(f"AADSTS7000112: Application '{principal['appId']}' is disabled.")
