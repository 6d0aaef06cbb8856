"""All checks of one stack, in the order of a sign-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.record import RecordedAccount, RecordedProfile
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.assessment.sign_in import Way
from mimecast_sso.facts.engine_documents import StateResource
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations import assessing, certificate_expiry, certificate_losses, tenant, unmanaged
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.verify import (
    certificates,
    confirmation,
    round_trip,
    sign_in_request,
    sign_ins,
)
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.settings import Confirmed, ProfileSlot, Settings
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
_CAPTURED = "a captured sign-in"
_WALKED = "a sign-in walked on the sandbox"
_WAYS = {
    Way.FROM_MIMECAST: "sign-in from Mimecast (SP-initiated)",
    Way.FROM_MY_APPS: "sign-in from My Apps (the tile)",
}
_BY_LOGS = (
    "on a real tenant a password alone must not be enough; sign in yourself, then check the sign-ins below"
)


@dataclass(slots=True)
class Verification:
    """One run of the checks."""

    stack: Stack
    engine: Engine
    settings: Settings
    profile: RecordedProfile
    resources: Sequence[StateResource]
    captured: Captured | None
    person: str | None
    by: str
    record: bool = True
    assessment: Known[Assessment] | None = None
    """The assessment, if the caller has read both tenants already."""
    _found: list[Statement] = field(default_factory=list)
    _members: frozenset[str] = frozenset()
    """The people in the roll-out groups, read live."""

    def run(self) -> list[Statement]:
        """Run all checks that are possible. Raises OperationError only if none is."""
        confirmed = confirmation.current(self.settings, self.profile)
        assessment = self.assessment or assessing.try_to_assess(self.stack, self.settings, self.engine)
        self._found += assessing.people(assessment)
        graph = self._graph()
        self._certificates(graph)
        mimecast = self._mimecast()
        if assessment.value is not None and graph is not None:
            self._found += unmanaged.statements(assessment.value, graph, mimecast or assessing.NOT_READ)
        compared = self._request(self.captured, _CAPTURED) if self.captured else None
        self._round_trip(graph)
        log = confirmation.Log(None)
        if confirmed and mimecast:
            group = self.settings.roll_out.group_of(self.profile.slot)
            log = confirmation.read_log(lambda: mimecast, confirmed, group)
        if confirmed:
            self._sign_ins(graph, confirmed, log)
            self._found += confirmation.check(log, confirmed)
        seen = (self.captured, compared) if self.captured and compared else None
        self._found += confirmation.judge(
            self.stack, self.settings, self.profile, log, seen, by=self.by, record=self.record
        )
        return self._found

    # -- Entra --------------------------------------------------------------------------------------------------

    def _graph(self) -> GraphClient | None:
        try:
            return tenant.graph(self.stack)
        except GraphError as error:
            self._unread("Entra", error)
            return None

    def _certificates(self, graph: GraphClient | None) -> None:
        if graph is None:
            return
        reading = certificate_expiry.check(graph, self.stack.name, self.settings, self.resources)
        if reading.expiry is None:
            said = reading.statement
            deployed = said.verdict is not Verdict.UNKNOWN
            # A missing certificate usually is not deployed yet; here it was deployed, and has been deleted.
            self._found.append(replace(said, verdict=Verdict.FAILS) if deployed else said)
            return
        self._found += certificates.ComparedCertificates(
            reading.expiry, self.profile, self._metadata()
        ).checks()
        live, configured = reading.expiry.certificates, self.settings.certificates
        self._found += certificate_losses.check(graph, reading.principal, live, configured, self.resources)

    def _metadata(self) -> bytes | OperationError:
        try:
            return certificates.fetch(certificates.metadata_url(self._outputs, self.stack.name))
        except OperationError as error:
            return error

    # -- Mimecast -----------------------------------------------------------------------------------------------

    def _mimecast(self) -> MimecastClient | None:
        try:
            client = tenant.connect(self.stack)
            roll_out = self.settings.roll_out
            found = (groups.find_group(client, roll_out.group_of(slot)) for slot in self._slots)
            people_in = (groups.list_members(client, group) for group in found if group)
            self._members = frozenset(member for members in people_in for member in members)
        except AccountMismatch as error:
            self._note("Mimecast: account", Verdict.FAILS, str(error), How.LIVE, "Mimecast's account")
            return None
        except MimecastError as error:
            self._unread("Mimecast", error)
            return None
        return client

    @property
    def _slots(self) -> tuple[ProfileSlot, ...]:
        return self.settings.certificates.slots

    # -- Sign-ins -----------------------------------------------------------------------------------------------

    def _request(self, seen: Captured, source: str) -> list[Comparison]:
        rows = sign_in_request.compare(self.settings, self.profile, seen)
        verdicts = {True: Verdict.FINE, False: Verdict.DIFFERS, None: Verdict.OPEN}
        for row in rows:
            desired = f", configured: {row.desired}" if row.agrees is False else ""
            self._note(
                f"{_REQUEST}: {row.label}", verdicts[row.agrees], f"{row.sent}{desired}", How.SEEN, source
            )
        return rows

    def _round_trip(self, graph: GraphClient | None) -> None:
        if not self.stack.on_sandbox and self.captured is None:
            why = (
                "Mimecast sends it to a browser. Capture one and pass it: "
                f"mimecast-sso verify --stack {self.stack.name} --saml-request FILE"
            )
            self._note(_REQUEST, Verdict.NOT_POSSIBLE, why, How.UNKNOWN)
        for way, what in _WAYS.items():
            if not self.stack.on_sandbox:
                self._note(what, Verdict.NOT_POSSIBLE, self._by_logs(), How.UNKNOWN)
            elif not any(not member.startswith("@") for member in self._members):
                why = f"nobody is in the roll-out group yet; the profile is {self.profile.state}"
                self._note(what, Verdict.WAITING, why, How.LIVE, "Mimecast's group")
            elif way is Way.FROM_MY_APPS and self.settings.application.hide:
                self._note(what, Verdict.NOT_CONFIGURED, "application.hide is true", How.CONFIGURED)
            elif graph is not None:
                self._walk(graph, way)

    def _walk(self, graph: GraphClient, way: Way) -> None:
        try:
            walk = round_trip.Walk(self.stack.environment, self._person(graph))
        except (GraphError, OperationError) as error:
            self._unread(_WAYS[way], error)
            return
        try:
            if way is Way.FROM_MIMECAST:
                said = walk.from_mimecast(self.settings.sign_on_url)
            else:
                # The address is the same for every tenant.
                url = f"{self._outputs.get('myAppsUrl')}?{urlencode({'tenantId': graph.claims().get('tid', '')})}"
                said = walk.from_my_apps(url, self.settings.application.display_name)
            verdict = Verdict.FINE
        except round_trip.NotSignedIn as refusal:
            verdict, said = Verdict.FAILS, str(refusal)
        if walk.asked and way is Way.FROM_MIMECAST:
            self._request(walk.asked, _WALKED)
        self._note(_WAYS[way], verdict, said, How.SEEN, _WALKED)

    def _by_logs(self) -> str:
        account = self._account
        if account is None:
            return _BY_LOGS
        return (
            f"on a real tenant a password alone must not be enough; sign in as the test account {account.address} "
            f"(pulumi stack output testAccountPassword --show-secrets --stack {self.stack.name}), then see the "
            "sign-ins below"
        )

    @property
    def _account(self) -> RecordedAccount | None:
        return in_state(self.resources).account_for_tests

    def _person(self, graph: GraphClient) -> round_trip.SignInPerson:
        account = self._account
        if (
            account is not None
            and account.address in self._members
            and self.person in (None, account.address)
        ):
            password = self.engine.secret_output("testAccountPassword")
            return round_trip.SignInPerson(account.address, account.address, password)
        shared = self.stack.environment.get(round_trip.PASSWORD)
        if not shared:
            raise OperationError(f"{round_trip.PASSWORD} is not set; the sandbox's environment sets it.")
        # A whole domain may be a member; it is not a person.
        address = self.person or min(member for member in self._members if not member.startswith("@"))
        found = people.users_with(graph, "mail", [address])
        names = [user.user_principal_name for user in found if user.user_principal_name]
        return round_trip.SignInPerson(address, names[0] if names else address, shared)

    def _sign_ins(self, graph: GraphClient | None, confirmed: Confirmed, log: confirmation.Log) -> None:
        client_id = self._outputs.get("applicationId")
        if graph is not None and client_id:
            since = datetime.fromisoformat(confirmed.at)
            self._found += sign_ins.check(graph, str(client_id), since, log, self._members)

    # -- State --------------------------------------------------------------------------------------------------

    @property
    def _outputs(self) -> Mapping[str, JSON]:
        return in_state(self.resources).outputs

    def _note(self, subject: str, verdict: Verdict, text: str, how: How, source: str = "") -> None:
        self._found.append(Statement(text, how, source, verdict, subject))

    def _unread(self, subject: str, error: Exception) -> None:
        self._note(subject, Verdict.UNKNOWN, "not read", How.UNKNOWN, str(error))


def verify(
    stack: Stack,
    engine: Engine,
    captured: Captured | None,
    *,
    person: str | None,
    by: str,
    record: bool = True,
    assessment: Known[Assessment] | None = None,
) -> list[Statement]:
    """Check the stack as it was last deployed.

    Args:
        stack: The stack.
        engine: Reads its state.
        captured: A captured sign-in request.
        person: On the sandbox: the person who signs in.
        by: The person who captured it.
        record: Whether to write evidence into the stack file.
        assessment: The assessment, if both tenants have been read already.

    Raises:
        OperationError: The stack was never deployed.
    """
    settings, resources = stack.settings(), engine.resources()
    profile = in_state(resources).profiles.get(settings.certificates.active_generation.profile)
    if profile is None:
        raise OperationError(
            f"Stack {stack.name} has no authentication profile yet. Deploy it first: "
            f"mimecast-sso up --stack {stack.name}"
        )
    return Verification(
        stack, engine, settings, profile, resources, captured, person, by, record, assessment
    ).run()
