"""Read both tenants for ``mimecast-sso assess``, and forecast. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mimecast_sso.assessment import fitting, live_application
from mimecast_sso.assessment.adoption import AdoptionFinding, DesiredApplication
from mimecast_sso.assessment.assessment import written_addresses
from mimecast_sso.assessment.candidates import Candidates, candidates
from mimecast_sso.assessment.fitting import Fitting
from mimecast_sso.assessment.live_application import CannotBeTakenOver
from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.operations import assessing
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.provenance import How, Known, Statement, Verdict, live
from mimecast_sso.settings import Settings, from_values
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import utc_text
from providers.deadline import UNLIMITED, Deadline
from providers.entra import applications, credentials
from providers.entra.applications import LiveApplication
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient


@dataclass(frozen=True, slots=True)
class Question:
    """The input of an assessment.

    Attributes:
        settings: A stack's configuration, or the few keys from the command line.
        complete: Whether the settings are a stack's, so that the forecast is for them.
        root: The folder that CSV files are relative to.
    """

    settings: Settings
    complete: bool
    root: Path


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of an assessment.

    Attributes:
        fitting: The configuration that would fit, whether or not the forecast is for it.
        adoption: What adopting the existing application would change; ``None`` if there is none.
        findings: The changes of `adoption`, one by one.
    """

    candidates: Candidates
    fitting: Fitting
    adoption: Statement | None
    findings: Sequence[AdoptionFinding]

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of both tenants."""
        return self.candidates.snapshot

    @property
    def fits(self) -> bool:
        """Whether enough could be read to determine a configuration that fits."""
        return (
            self.snapshot.application.is_known
            and self.snapshot.own.is_known
            and self.snapshot.domains.is_known
        )


def draft(region: str, account_code: str, client_id: str | None, group: str | None) -> Settings:
    """Build settings that are sufficient to read both tenants. Raises ConfigurationError."""
    now = datetime.now(UTC)
    end = utc_text(datetime(now.year + 3, now.month, 1, tzinfo=UTC))
    return from_values(
        {
            "region": region,
            "accountCode": account_code,
            "application": {"adopt": client_id} if client_id else {},
            "rollOut": {"who": "none"} | ({"group": group} if group else {}),
            "certificates": {"generations": [{"label": f"{now:%Y}", "endDate": end}], "active": f"{now:%Y}"},
        }
    )


def survey(question: Question, environment: Mapping[str, str], deadline: Deadline = UNLIMITED) -> Survey:
    """Read both tenants and forecast.

    Raises:
        ConfigurationError: The settings name a CSV file that cannot be used.
        OperationError: Entra cannot be read at all, or the credentials belong to other tenants.
    """
    settings = question.settings
    written = written_addresses(settings, question.root)
    cloud = credentials.cloud(environment)
    record = Known(Record(), How.ASSUMED, "no stack is read")
    names = (*(each.address for each in written), *settings.roll_out.pilot)
    try:
        graph = GraphClient(environment, deadline=deadline)
        scope = Scope(settings, cloud, record, names, everybody=True)
        snapshot = take(scope, graph, assessing.mimecast(environment, settings, deadline))
        snapshot = _with_policies(snapshot, graph)
    except GraphError as error:
        text = str(error).rstrip(".")
        raise OperationError(f"Microsoft Entra ID cannot be assessed: {text}. Fix that and rerun.") from None
    _tenants_are_those_meant(settings, snapshot)
    fits = fitting.fitting(settings, snapshot)
    asked = _adopting(settings, snapshot) if question.complete else from_values(fits.values)
    found = candidates(asked, snapshot, written)
    present = fitting.present_application(snapshot)
    if present is None:
        return Survey(found, fits, None, ())
    owners, people = fitting.names_of(found.desired) if question.complete else (fits.owners, fits.people)
    desired = live_application.desired_application(found.desired, owners, people)
    return Survey(found, fits, *_adoption(graph, present, desired, cloud))


def _adoption(
    graph: GraphClient, present: LiveApplication, desired: DesiredApplication, cloud: Cloud
) -> tuple[Statement, Sequence[AdoptionFinding]]:
    """What adopting the application means, and what it would change; the latter is empty if that is not known."""
    try:
        adoption, findings = live_application.adopt(graph, present, desired, cloud)
    except CannotBeTakenOver as problem:
        text = (
            f"Application {quoted(present.display_name)} (client id {present.client_id}) cannot be "
            f"adopted: {problem}"
        )
        return Statement(text, How.LIVE, "Microsoft Graph", Verdict.FAILS), ()
    except GraphError as error:
        text = "What adopting the application would change is unknown"
        return Statement(text, How.UNKNOWN, str(error), Verdict.UNKNOWN), ()
    return live_application.report(adoption.live, findings), findings


def _with_policies(snapshot: Snapshot, graph: GraphClient) -> Snapshot:
    """Add the other applications that the claims policy is assigned to, which decide whether it can be managed."""
    present = fitting.present_application(snapshot)
    if present is None or not present.policies:
        return snapshot
    full = applications.with_others(graph, present)
    if snapshot.own.value is present:
        return replace(snapshot, own=live(full))
    return replace(snapshot, application=live(full))


def _tenants_are_those_meant(settings: Settings, snapshot: Snapshot) -> None:
    assessing.require_tenants_of(settings, snapshot)
    client_id = settings.application.adopt
    if client_id and snapshot.own.is_known and snapshot.own.value is None:
        raise OperationError(
            f"Entra has no application with client id {client_id}, or no service principal for it. Correct --client-id "
            "(in a stack file: mimecast-sso:application.adopt). The portal shows it as Application (client) ID."
        )


def _adopting(settings: Settings, snapshot: Snapshot) -> Settings:
    """Adopt the existing application in a configuration that does not name it."""
    present = fitting.present_application(snapshot)
    if present is None or settings.application.adopt:
        return settings
    application = settings.application.model_copy(update={"adopt": present.client_id.lower()})
    return settings.model_copy(update={"application": application})
