"""All checks of one stack, in the order in which a sign-in passes what they look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mimecast_sso.facts.resource_types import STACK
from mimecast_sso.operations import certificate_expiry, certificate_losses, profiles, tenant
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.profiles import Profile
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.verify import (
    certificates,
    checks,
    confirmation,
    losses,
    round_trip,
    sign_in_request,
    sign_ins,
)
from mimecast_sso.operations.verify.checks import Check, Result
from mimecast_sso.settings import Confirmed, Lane, Settings, SignOn
from providers.entra import people
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.mimecast import groups
from providers.mimecast.errors import AccountMismatch, MimecastError

if TYPE_CHECKING:
    from mimecast_sso.operations.verify.captures import Captured
    from mimecast_sso.operations.verify.sign_in_request import Comparison
    from providers.mimecast.client import MimecastClient

_REQUEST = "sign-in request"
_CAPTURED = "seen: a captured sign-in"
_WALKED = "seen live: a sign-in walked on the sandbox"
_INITIATIONS = {
    SignOn.SERVICE_PROVIDER: "sign-in from Mimecast (SP-initiated)",
    SignOn.IDENTITY_PROVIDER: "sign-in from My Apps (IdP-initiated)",
}
_BY_LOGS = (
    "a password alone must sign nobody in on a real tenant; sign in yourself, and see the sign-ins below"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, as a table, and what follows for the profile."""

    checks: Sequence[Check]
    judgement: confirmation.Judgement

    @property
    def code(self) -> Exit:
        """2 where something differs, fails or is stale, 1 where something is unknown, else fine."""
        worst = checks.code(self.checks)
        return self.judgement.code if self.judgement.code and worst is not Exit.CHANGES else worst

    def lines(self) -> Iterator[str]:
        """As text."""
        yield from checks.table(self.checks)
        yield from self.judgement.lines()


@dataclass(slots=True)
class Verification:
    """One run of the checks."""

    stack: Stack
    settings: Settings
    profile: Profile
    resources: Sequence[Mapping[str, Any]]
    captured: Captured | None
    person: str | None
    by: str
    _found: list[Check] = field(default_factory=list)
    _members: frozenset[str] = frozenset()
    """The people in the roll-out groups, read live."""

    def run(self) -> Verdict:
        """Everything that can be looked at; raises OperationError only where nothing can be."""
        confirmed = confirmation.current(self.settings, self.profile)
        graph = self._graph()
        self._certificates(graph)
        mimecast = self._mimecast()
        compared = self._request(self.captured, _CAPTURED) if self.captured else None
        self._round_trip(graph)
        log = confirmation.Log(None)
        if confirmed and mimecast:
            log = confirmation.read_log(lambda: mimecast, confirmed)
        if confirmed:
            self._sign_ins(graph, confirmed, log)
            self._found += confirmation.check(log, confirmed)
        seen = (self.captured, compared) if self.captured and compared else None
        judgement = confirmation.judge(self.stack, self.settings, self.profile, log, seen, by=self.by)
        return Verdict(self._found, judgement)

    # -- Entra --------------------------------------------------------------------------------------------------

    def _graph(self) -> GraphClient | None:
        try:
            return tenant.graph(self.stack)
        except GraphError as error:
            self._note("Entra", Result.UNKNOWN, str(error), "unknown")
            return None

    def _certificates(self, graph: GraphClient | None) -> None:
        if graph is None:
            return
        checked = certificate_expiry.check(graph, self.settings, self.resources)
        if checked.problem:
            self._note("Entra: certificates", Result.UNKNOWN, checked.problem, "unknown")
        elif checked.expiry is None:
            found = f"no application has the identifier {self.settings.identifier}"
            self._note("Entra: application", Result.FAILS, found, "read live: Microsoft Graph")
        else:
            compared = certificates.Certificates(checked.expiry, self.profile, self._metadata())
            self._found += compared.checks()
            live = checked.expiry.certificates
            told = certificate_losses.check(
                graph, checked.principal, live, self.settings.certificates, self.resources
            )
            self._found += losses.checks(told)

    def _metadata(self) -> bytes | OperationError:
        try:
            return certificates.fetch(certificates.metadata_url(self._outputs))
        except OperationError as error:
            return error

    # -- Mimecast -----------------------------------------------------------------------------------------------

    def _mimecast(self) -> MimecastClient | None:
        try:
            client = tenant.connect(self.stack)
            roll_out = self.settings.roll_out
            found = (groups.find_group(client, roll_out.group_of(lane)) for lane in self._lanes)
            people_in = (groups.list_members(client, group) for group in found if group)
            self._members = frozenset(member for members in people_in for member in members)
        except AccountMismatch as error:
            self._note("Mimecast: account", Result.FAILS, str(error), "read live: Mimecast's account")
            return None
        except MimecastError as error:
            self._note("Mimecast", Result.UNKNOWN, str(error), "unknown")
            return None
        return client

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        return self.settings.certificates.lanes

    # -- Sign-ins -----------------------------------------------------------------------------------------------

    def _request(self, seen: Captured, known: str) -> list[Comparison]:
        rows = sign_in_request.compare(self.settings, self.profile, seen)
        results = {True: Result.FINE, False: Result.DIFFERS, None: Result.OPEN}
        for row in rows:
            wanted = f", wanted: {row.wanted}" if row.agrees is False else ""
            self._note(f"{_REQUEST}: {row.label}", results[row.agrees], f"{row.sent}{wanted}", known)
        return rows

    def _round_trip(self, graph: GraphClient | None) -> None:
        configured = self.settings.application.sign_on
        if not self.stack.on_sandbox:
            if self.captured is None:
                why = "Mimecast sends it to browsers: capture one (--saml-request)"
                self._note(_REQUEST, Result.NOT_POSSIBLE, why, "unknown")
            for initiation, what in _INITIATIONS.items():
                if initiation is configured:
                    self._note(what, Result.NOT_POSSIBLE, _BY_LOGS, "unknown")
        elif not any(not member.startswith("@") for member in self._members):
            why = f"nobody is in the roll-out group yet: the profile is {self.profile.state}"
            self._note(_INITIATIONS[configured], Result.WAITING, why, "read live: Mimecast's group")
        elif graph is not None:
            self._walk(graph, configured)
        for initiation, what in _INITIATIONS.items():
            if initiation is not configured:
                self._note(
                    what, Result.NOT_CONFIGURED, f"application.signOn is {configured}", "configuration"
                )

    def _walk(self, graph: GraphClient, configured: SignOn) -> None:
        what = _INITIATIONS[configured]
        try:
            walk = round_trip.Walk(self.stack.environment, self._person(graph))
        except (GraphError, OperationError) as error:
            self._note(what, Result.UNKNOWN, str(error), "unknown")
            return
        try:
            if configured is SignOn.SERVICE_PROVIDER:
                said = walk.from_mimecast(self.settings.sign_on_url)
            else:
                walk.request_only(self.settings.sign_on_url)
                url, name = str(self._outputs.get("myAppsUrl")), self.settings.application.display_name
                said = walk.from_my_apps(url, name)
            result = Check(what, Result.FINE, said, _WALKED)
        except round_trip.NotSignedIn as refusal:
            result = Check(what, Result.FAILS, str(refusal), _WALKED)
        if walk.asked:
            self._request(walk.asked, _WALKED)
        self._found.append(result)

    def _person(self, graph: GraphClient) -> round_trip.Person:
        password = self.stack.environment.get(round_trip.PASSWORD)
        if not password:
            raise OperationError(f"{round_trip.PASSWORD} is not set: the sandbox's environment has it.")
        # A whole domain may be a member; its people have names of their own.
        address = self.person or min(member for member in self._members if not member.startswith("@"))
        found = people.users_with(graph, "mail", [address])
        names = [user.user_principal_name for user in found if user.user_principal_name]
        return round_trip.Person(address, names[0] if names else address, password)

    def _sign_ins(self, graph: GraphClient | None, confirmed: Confirmed, log: confirmation.Log) -> None:
        client_id = self._outputs.get("applicationId")
        if graph is not None and client_id:
            since = datetime.fromisoformat(confirmed.at)
            self._found += sign_ins.check(graph, str(client_id), since, log, self._members)

    # -- State --------------------------------------------------------------------------------------------------

    @property
    def _outputs(self) -> Mapping[str, Any]:
        stacks = (resource.get("outputs") or {} for resource in self.resources if resource["type"] == STACK)
        return next(stacks, {})

    def _note(self, what: str, result: Result, found: str, known: str) -> None:
        self._found.append(Check(what, result, found, known))


def verify(
    stack: Stack, engine: Engine, captured: Captured | None, *, person: str | None, by: str
) -> Verdict:
    """Checks the stack as it was deployed last. Raises OperationError before the first deployment."""
    settings, resources = stack.settings(), engine.resources()
    profile = profiles.of(resources, settings.certificates.active_generation.profile)
    if profile is None:
        raise OperationError("The stack has no authentication profile yet. Deploy it first: up")
    return Verification(stack, settings, profile, resources, captured, person, by).run()
