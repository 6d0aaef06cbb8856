"""The checks of ``mimecast-sso drift``: both tenants, people, certificates and the console against the stack.

There are two ways. A snapshot compared with the state takes a second and no engine. The engine's refresh reads every
object through its provider, so it also shows properties without effect on sign-ins, and undeployed changes.
Both give the same findings for what both check.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from mimecast_sso.assessment import drift as comparison
from mimecast_sso.assessment.assessment import Assessment, assess
from mimecast_sso.assessment.drift import Finding, Severity, not_looked_at
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.recorded import from_state
from mimecast_sso.facts.engine_documents import StateResource
from mimecast_sso.facts.resource_types import OF_THE_ENGINE
from mimecast_sso.operations import (
    actors,
    assessing,
    certificate_expiry,
    certificate_losses,
    drift,
    roll_out,
    tenant,
    ways_out,
)
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.reports.model import Entry, Level, Section, of_finding, of_statements
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.state import NoStateError
from mimecast_sso.operations.verify import confirmation
from mimecast_sso.provenance import How, Known, Statement, Verdict, unknown
from mimecast_sso.settings import Confirmed, Settings
from mimecast_sso.text.wording import count, people
from providers.entra import credentials
from providers.entra.certificate_expiry import Expiry
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.mimecast.audit import AuditLog
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError

NO_DRIFT = "No drift: the live state matches the record and the program."


@dataclass(frozen=True)
class DriftCheck:
    """The result of a drift check.

    Attributes:
        findings: Changed, missing and unmanaged objects, the most urgent first.
        beyond: Differences that only the engine's refresh shows.
        planned: Changes of the program or its configuration that are not deployed yet.
        statements: About people, certificates and the console.
        unread: What could not be checked.
        undo: Undo record of the last roll-back, by the addresses that it removed.
    """

    stack: str
    settings: Settings
    assessment: Known[Assessment]
    findings: tuple[Finding, ...] = ()
    beyond: tuple[drift.PropertyDifference, ...] = ()
    planned: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    unread: tuple[Statement, ...] = ()
    undo: Mapping[str, Path] = field(default_factory=dict)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing differs but what is expected."""
        return (
            not self.planned
            and all(each.severity is Severity.INFO for each in self.findings)
            and all(each.expected for each in self.beyond)
        )

    @property
    def exit(self) -> Exit:
        """2 if something differs or fails, 1 if something could not be read, else 0."""
        if not self.is_quiet:
            return Exit.CHANGES
        return exit_of((*self.statements, *self.unread))

    @cached_property
    def differences(self) -> tuple[Entry, ...]:
        """The findings and the refresh's differences, the most urgent first."""
        found = (*map(self._entry, self.findings), *map(_of_difference, self.beyond))
        return tuple(sorted(found, key=lambda each: (each.level.rank, each.id)))

    def _entry(self, finding: Finding) -> Entry:
        known = self.assessment.value
        ways = ways_out.commands(finding, known, self.undo.get(finding.key)) if known else {}
        return of_finding(finding, ways)

    def section(self) -> Section:
        """The result as a section of a report."""
        entries = (
            *self.differences,
            *(_of_planned(each) for each in self.planned),
            *of_statements("drift", (*self.statements, *self.unread)),
        )
        return Section(
            stack=self.stack,
            account=self.settings.account_code,
            region=self.settings.region,
            summary=self._summary(),
            entries=tuple(sorted(entries, key=lambda each: (each.level.rank, each.id))),
            figures=dict(self._figures()),
            links=dict(self._links()),
        )

    def _summary(self) -> str:
        if not self.is_quiet:
            differences = count(len(self.findings) + len(self.beyond), "difference")
            planned = f", {count(len(self.planned), 'change')} not deployed" if self.planned else ""
            return f"{self._failing()}{differences}{planned}"
        if self.unread:
            return "some of it could not be read"
        impossible = sum(each.verdict is Verdict.NOT_POSSIBLE for each in self.statements)
        return f"as recorded; {count(impossible, 'check')} not possible here" if impossible else "as recorded"

    def _failing(self) -> str:
        """How many people cannot sign in through Entra now, as far as that is known."""
        known = self.assessment.value
        if known is None:
            return ""
        broken, tiles = len(known.forecast.broken), len(known.forecast.broken_tiles)
        return (f"{people(broken)} cannot sign in; " if broken else "") + (
            f"{people(tiles)} cannot sign in from My Apps; " if tiles else ""
        )

    def _links(self) -> Iterator[tuple[str, str]]:
        known = self.assessment.value
        application = known.snapshot.application.value if known else None
        if known is not None and application is not None:
            page = known.snapshot.cloud.single_sign_on_page(application.principal_id, application.client_id)
            yield "Entra: single sign-on", page
        yield "Mimecast: Administration Console", self.settings.region_facts.console_url

    def _figures(self) -> Iterator[tuple[str, int]]:
        if self.assessment.value is None:
            return
        snapshot = self.assessment.value.snapshot
        if snapshot.groups_known:
            forecast = self.assessment.value.forecast
            yield "signIn", len(forecast.through_entra(Instant.NOW))
            yield "people", len(forecast.people)
        application = snapshot.application.value
        active = application.certificates.active(snapshot.entra_now) if application else None
        if active is not None:
            yield "certificateDays", math.ceil((active.not_after - snapshot.entra_now) / timedelta(days=1))
        age = confirmation_age(self.settings, snapshot.mimecast_now)
        if age is not None:
            yield "confirmationDays", age


def confirmation_age(settings: Settings, now: datetime) -> int | None:
    """Days since the console form of the active certificate's profile was confirmed; None if it was not."""
    confirmed = _confirmed(settings)
    return (now.date() - date.fromisoformat(confirmed.at[:10])).days if confirmed else None


def look(opened: Stack, engine: Engine, *, refresh: bool) -> DriftCheck:
    """Check for drift; change nothing.

    Args:
        opened: The stack.
        engine: Shows the stack's state, and refreshes.
        refresh: Whether the engine's refresh is read as well.

    Raises:
        OperationError: The engine's refresh failed, or the state cannot be read.
    """
    # First: what the engine shows of many addresses takes as much memory as the snapshot of them.
    refreshed = _refresh(opened, engine) if refresh else None
    try:
        found = compare(opened, engine)
    except GraphError as error:
        unread: Known[Assessment] = unknown(error)
        found = DriftCheck(opened.name, opened.settings(), unread, statements=assessing.people(unread))
    return _with_refresh(found, refreshed) if refreshed else found


def compare(opened: Stack, engine: Engine) -> DriftCheck:
    """Compare a snapshot of both tenants with the state, without the engine's refresh; change nothing.

    Raises:
        GraphError: Entra cannot be reached at all.
        OperationError: The state cannot be read.
    """
    settings, (resources, written_at) = opened.settings(), engine.deployed()
    _require_deployed(opened, resources)
    graph = tenant.graph(opened)
    mimecast = assessing.mimecast(opened.environment, settings, opened.deadline)
    confirmed = _confirmed(settings)
    assessment = assess(
        settings,
        from_state(resources, written_at),
        stack=opened.name,
        cloud=credentials.cloud(opened.environment),
        graph=graph,
        mimecast=mimecast,
        root=opened.root,
        log_since=datetime.fromisoformat(confirmed.at) if confirmed else None,
    )
    found = comparison.find(assessment)
    known = Known(assessment, How.LIVE, "Entra, Mimecast")
    return DriftCheck(
        stack=opened.name,
        settings=settings,
        assessment=known,
        findings=actors.name_actors(found, graph, mimecast) if found else (),
        statements=(
            *assessing.people(known),
            *_certificates(assessment, settings, graph, resources),
            *_console(settings, confirmed, mimecast, assessment.snapshot.log),
            *comparison.not_readable(assessment),
        ),
        unread=tuple(not_looked_at(assessment)),
        undo=roll_out.last_undo(opened, settings),
    )


def _require_deployed(opened: Stack, resources: Sequence[StateResource]) -> None:
    """Raise NoStateError for a state without a resource of a tenant: everything would match it."""
    objects = (each for each in resources if each.get("custom"))
    if all(str(each.get("type")).startswith(OF_THE_ENGINE) for each in objects):
        raise NoStateError(
            f"The state of stack {opened.name} records nothing in Entra or at Mimecast, so nothing can be compared. "
            f"Deploy it: mimecast-sso up --stack {opened.name}. If it was deployed before, its state was lost: restore "
            "a backup, or adopt the application (mimecast-sso:application.adopt)."
        )


def _certificates(
    assessment: Assessment,
    settings: Settings,
    graph: GraphClient,
    resources: Sequence[StateResource],
) -> tuple[Statement, ...]:
    """Expiry of the live certificate, and external changes that a deployment undid."""
    known = assessment.snapshot.application
    if not known.is_known:
        return (certificate_expiry.unread(GraphError(known.source)).statement,)
    application = known.value
    if application is None:
        text = f"no application has the identifier {settings.identifier}"
        return (Statement(text, How.LIVE, "Microsoft Graph", subject="Entra: application"),)
    live, now = application.certificates, assessment.snapshot.entra_now
    life = certificate_expiry.life(Expiry(live, now, certificate_expiry.trusted(resources), assessment.stack))
    losses = certificate_losses.check(graph, application.principal_id, live, settings.certificates, resources)
    return (life, *losses)


def _confirmed(settings: Settings) -> Confirmed | None:
    """The confirmation of the active certificate's profile."""
    return settings.authentication_profile.confirmed_of(settings.certificates.active_generation.profile)


def _console(
    settings: Settings,
    confirmed: Confirmed | None,
    mimecast: MimecastClient | MimecastError,
    known: AuditLog | None,
) -> Sequence[Statement]:
    """Changes of the console since the confirmation; none without a confirmation."""
    if confirmed is None:
        return ()

    def connected() -> MimecastClient:
        if isinstance(mimecast, MimecastError):
            raise mimecast
        return mimecast

    group = settings.roll_out.group_of(settings.certificates.active_generation.profile)
    return confirmation.check(confirmation.read_log(connected, confirmed, group, known), confirmed)


# -- The engine's refresh -------------------------------------------------------------------------------------------

# The name of a resource type in findings, and whether any finding of the object covers all of its properties.
_OBJECTS = {
    "ApplicationFromTemplate": ("application", False),
    "ApplicationIdentifierUri": ("application", True),
    "ApplicationRedirectUris": ("application", True),
    "ApplicationOwner": ("application", True),
    "DefaultReplyUrl": ("application", True),
    "ServicePrincipal": ("service principal", False),
    "ActiveSigningCertificate": ("service principal", True),
    "ClaimsMappingPolicy": ("claims policy", True),
    "ServicePrincipalClaimsMappingPolicyAssignment": ("claims policy", True),
    "AppRoleAssignment": ("assignment", True),
    "User": ("test account", False),
    "ServicePrincipalTokenSigningCertificate": ("signing certificate", True),
    "DirectoryIntegration": ("directory integration", True),
    "Domain": ("domain", True),
    "AddressBook": ("address", True),
    "Group": ("roll-out group", True),
    "GroupMembership": ("roll-out group", True),
}


@dataclass(frozen=True, slots=True)
class _Refresh:
    """The result of the engine's refresh, as a preview.

    Attributes:
        ok: Whether it succeeded; otherwise it shows nothing.
        refused: Whether a guard stopped it.
    """

    ok: bool
    refused: bool
    shown: drift.RefreshReport


def _refresh(opened: Stack, engine: Engine) -> _Refresh:
    _require_deployed(opened, engine.resources())
    outcome = engine.run("preview", "--refresh", quiet=True, keeps_lists=True)
    return _Refresh(
        outcome.code == 0, outcome.refused, drift.report(outcome.events if outcome.code == 0 else ())
    )


def _with_refresh(found: DriftCheck, refreshed: _Refresh) -> DriftCheck:
    """Add the differences that only the engine's refresh shows."""
    why = _undeployable(found, refused=refreshed.refused) if not refreshed.ok else ""
    if why:
        # A configuration that cannot be deployed hides nothing that the snapshot shows.
        text = "What only the engine's refresh shows could not be read"
        unread = Statement(text, How.UNKNOWN, why, Verdict.UNKNOWN, subject="engine's refresh")
        return replace(found, unread=(*found.unread, unread))
    if not refreshed.ok:
        raise OperationError(
            "The engine's refresh failed, so drift is unknown. Its messages are above.", Exit.ERROR
        )
    known = found.assessment.value
    today = known.snapshot.entra_now.date() if known else datetime.now(UTC).date()
    beyond = tuple(
        _expected(each, found.settings, today)
        for each in refreshed.shown.differences
        if not _is_covered(each, found.findings)
    )
    return replace(found, beyond=beyond, planned=refreshed.shown.planned)


def _undeployable(found: DriftCheck, *, refused: bool) -> str:
    """Why the program stops before it registers anything; "" if nothing explains that."""
    if refused:
        return f"a guard refuses the configuration (mimecast-sso preview --stack {found.stack})"
    known = found.assessment.value
    return "; ".join(known.snapshot.directory.problems) if known else ""


def _expected(
    difference: drift.PropertyDifference, settings: Settings, today: date
) -> drift.PropertyDifference:
    expected = settings.drift.expects(difference.full_path, today)
    return replace(difference, expected=str(expected)) if expected else difference


def _is_covered(difference: drift.PropertyDifference, findings: Sequence[Finding]) -> bool:
    """Whether a finding covers the same difference, so that the engine's is left out."""
    object_, all_of_it = _OBJECTS.get(difference.resource.type, ("", False))
    same = [each for each in findings if each.object == object_]
    if all_of_it or not difference.path:
        return bool(same)
    path = difference.path.casefold()
    return any(each.aspect.casefold() in path for each in same)


def _of_difference(difference: drift.PropertyDifference) -> Entry:
    path = f" {difference.path}" if difference.path else ""
    name = f"{difference.resource}{path}"
    text = f"{name} {'changed' if path else 'no longer exists'}"
    text += f". Expected: {difference.expected}" if difference.expected else ""
    values = {
        "recorded": (difference.recorded,),
        "live": (difference.live,),
        "desired": (difference.desired,),
    }
    level = Level.INFO if difference.expected else Level.LOOK
    source = "the engine's refresh"
    return Entry(f"engine/{name}", level, text, How.LIVE, source, values, path=difference.full_path)


def _of_planned(step: str) -> Entry:
    return Entry(f"planned/{step}", Level.INFO, f"Not deployed yet: {step}", How.CONFIGURED)
