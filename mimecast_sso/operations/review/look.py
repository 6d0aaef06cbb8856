"""Review one stack of a change, with the snapshot and the forecast."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mimecast_sso.assessment import sentences, synchronisation
from mimecast_sso.assessment.assessment import Assessment, assess, written_addresses
from mimecast_sso.assessment.drift import not_looked_at
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.guards import findings
from mimecast_sso.assessment.plan_digest import digest
from mimecast_sso.assessment.planned import console_work, planned
from mimecast_sso.assessment.sign_in import Outcome
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.assessment.unread import SnapshotPart
from mimecast_sso.assessment.unread import parts as unread_parts
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.sign_in_reasons import REASONS
from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations import assessing, tenant
from mimecast_sso.operations.change.scope import Data
from mimecast_sso.operations.deployment import engine_name
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.review.model import PeopleByReason, Refusal, StackReview
from mimecast_sso.operations.stacks import Stack, environment_of, of_its_tenant
from mimecast_sso.provenance import Statement, Verdict
from mimecast_sso.settings import ConfigurationError, Settings, engine_keys, written_elsewhere
from mimecast_sso.text import foreign
from providers.entra import credentials
from providers.entra.errors import GraphError

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"'=]+@[^\s@<>()\[\],;:\"'=]+\.[^\s@<>()\[\],;:\"'=.]+")
_DECISIVE = frozenset({SnapshotPart.RECORD, SnapshotPart.APPLICATION, SnapshotPart.GROUPS})
Reader = Callable[[Stack, Settings, Path], Assessment]
"""A function that reads both tenants for a configuration whose CSV files are in a folder."""


def assess_live(stack: Stack, settings: Settings, root: Path) -> Assessment:
    """Read both tenants for a configuration whose CSV files are in ``root``.

    Raises:
        ConfigurationError: A CSV file cannot be used.
        GraphError: Entra cannot be reached at all.
        OperationError: The state cannot be read.
    """
    engine = Engine(stack, engine_name(), "preview")
    return assess(
        settings,
        assessing.record_of(engine),
        stack=stack.name,
        cloud=credentials.cloud(stack.environment),
        graph=tenant.graph(stack),
        mimecast=assessing.mimecast(stack.environment, settings),
        root=root,
    )


def look(
    name: str,
    project: Project,
    before: Data,
    after: Data,
    *,
    unread: bool = False,
    read: Reader = assess_live,
) -> StackReview:
    """Review one stack of a change.

    Args:
        name: The stack.
        project: The checked-out project.
        before: The data of the merge base.
        after: The data of the head.
        unread: Whether to leave live tenants unread.
        read: The function that reads both tenants.
    """
    unusable = _without_a_file(name, after)
    if unusable is not None:
        return unusable
    try:
        stack = of_its_tenant(Stack(name, project, after.file(name), environment_of(project, name)))
        settings = stack.settings()
        former = _former(replace(stack, config_file=before.file(name)), before)
        difference = _Difference.of(former, settings, before.root, after.root)
    except (ConfigurationError, OperationError) as error:
        return StackReview(name, error=redacted(str(error), ()))
    found = StackReview(
        name,
        settings.account_code,
        settings.region,
        keys=difference.keys,
        added=difference.added,
        removed=difference.removed,
        unseen=_unseen(before.file(name) if name in before.stacks else None, after.file(name)),
        unread=unread,
    )
    return found if unread else _read(found, stack, settings, after, read)


def _without_a_file(name: str, after: Data) -> StackReview | None:
    """The review of a stack whose file cannot be used, or is deleted by the change; None if it can."""
    problem = "" if is_stack_name(name) else "it is not a name that Pulumi allows for a stack"
    problem = problem or after.problems.get(name, "")
    if problem:
        return StackReview(name, error=problem)
    if name in after.stacks:
        return None
    note = (
        "the change only deletes the stack file; the deployment stays. To destroy it: "
        f"mimecast-sso down --stack {name}, with the file as it was"
    )
    return StackReview(name, note=note)


def _unseen(before: Path | None, after: Path) -> tuple[str, ...]:
    """The keys that only the engine reads and that differ: the review has to name what it does not cover."""
    old, new = engine_keys(before) if before else {}, engine_keys(after)
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _former(stack: Stack, data: Data) -> Settings | None:
    """The configuration before the change; ``None`` if there is none or it is invalid."""
    if stack.name not in data.stacks or stack.name in data.problems:
        return None
    try:
        return stack.settings()
    except ConfigurationError:
        return None


def _read(found: StackReview, stack: Stack, settings: Settings, after: Data, read: Reader) -> StackReview:
    public = {*found.added, *found.removed}
    try:
        assessment = read(stack, settings, after.root)
    except (ConfigurationError, GraphError, OperationError) as error:
        return replace(found, error=redacted(str(error), public))
    return of_assessment(found, assessment, written_elsewhere(settings, stack.name, after.folder), public)


def of_assessment(
    found: StackReview, assessment: Assessment, elsewhere: Iterable[str] = (), public: Collection[str] = ()
) -> StackReview:
    """Add to a review what an assessment says about deploying the configuration.

    Args:
        found: The stack.
        assessment: The assessment of the new configuration.
        elsewhere: Problems between this stack and others.
        public: Addresses that may be named; all others are left out.
    """
    problems = (*assessment.snapshot.directory.problems, *elsewhere)
    if problems:
        return replace(found, error=redacted("; ".join(problems), public))
    return _with_effects(found, assessment, public)


def review_of(assessment: Assessment) -> StackReview:
    """The effect of deploying a configuration, without anybody's address."""
    settings = assessment.settings
    found = StackReview(assessment.stack, settings.account_code, settings.region)
    return _with_effects(found, assessment, ())


def _with_effects(found: StackReview, assessment: Assessment, public: Collection[str]) -> StackReview:
    forecast, snapshot = assessment.forecast, assessment.snapshot
    now, after = (set(forecast.through_entra(each)) for each in (Instant.NOW, Instant.AFTERWARDS))
    missing = tuple(_missing(snapshot))
    refusals, overridden = _judged(assessment, public)
    return replace(
        found,
        now=None if missing else len(now),
        after=None if missing else len(after),
        more=len(after - now),
        less=len(now - after),
        lost=_losses(assessment),
        not_ready=by_outcome(forecast.not_ready.values(), "once the console work is done", assessment.stack),
        broken=by_outcome(forecast.broken.values(), "now", assessment.stack),
        broken_tiles=by_outcome(forecast.broken_tiles.values(), "from My Apps now", assessment.stack),
        console={str(slot): fields for slot, fields in console_work(assessment.desired).items()},
        refusals=refusals,
        overridden=overridden,
        changes=planned(assessment),
        unknown=tuple(redacted(each, public) for each in _unread(assessment)),
        error=redacted("; ".join(missing), public),
        plan=digest(assessment),
    )


def _missing(snapshot: Snapshot) -> Iterator[str]:
    """Unread facts that decide about everything: the deployment, roll-out groups, current sign-ins."""
    for what, why in unread_parts(snapshot, _DECISIVE, None):
        yield f"{what} could not be read: {why}"


def _unread(assessment: Assessment) -> list[str]:
    statements: Iterable[Statement] = (
        *not_looked_at(assessment),
        *sentences.lately(assessment.snapshot),
        *sentences.clock(assessment.snapshot),
        *sentences.conditional_access(assessment.snapshot),
        *synchronisation.of_desired(assessment.desired),
    )
    return [
        f"{each.text}: {each.source}" if each.source else each.text
        for each in statements
        if each.verdict is Verdict.UNKNOWN
    ] + [each.text for each in _of_a_sample(assessment)]


def _of_a_sample(assessment: Assessment) -> Iterable[Statement]:
    """What Conditional Access does to people whom the change sends to Entra, if it was evaluated for some of them."""
    access = assessment.snapshot.access.value
    if access is None or access.concerned == len(access.evaluated) or not assessment.forecast.joining:
        return ()
    return sentences.conditional_access(assessment.snapshot)


def _judged(assessment: Assessment, public: Collection[str]) -> tuple[tuple[Refusal, ...], tuple[str, ...]]:
    """The guards' refusals, and those that an override allows."""
    settings, today = assessment.settings, assessment.snapshot.entra_now.date()
    refusals, overridden = [], []
    for finding in findings(assessment):
        override = None if finding.final else settings.override_named(finding.guard, today)
        problem = redacted(finding.problem, public)
        if override is None:
            refusals.append(Refusal(finding.guard, problem, redacted(finding.remedy, public)))
        else:
            overridden.append(
                f"{finding.guard}, until {override.until} ({redacted(override.reason, public)}): {problem}"
            )
    return tuple(refusals), tuple(overridden)


def _losses(assessment: Assessment) -> tuple[PeopleByReason, ...]:
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for losses in assessment.forecast.losses.values():
        why, fix = _why(losses[0].outcome, assessment.stack)
        found[why, fix, str(losses[0].instant)] += 1
    return _sorted(PeopleByReason(why, number, fix, when) for (why, fix, when), number in found.items())


def by_outcome(outcomes: Iterable[Outcome], when: str, stack: str) -> tuple[PeopleByReason, ...]:
    """People grouped by reason, the most frequent first."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for outcome in outcomes:
        found[_why(outcome, stack)] += 1
    return _sorted(PeopleByReason(why, number, fix, when) for (why, fix), number in found.items())


def _sorted(groups: Iterable[PeopleByReason]) -> tuple[PeopleByReason, ...]:
    return tuple(sorted(groups, key=lambda each: (-each.people, each.why)))


def _why(outcome: Outcome, stack: str) -> tuple[str, str]:
    if outcome.reason is None:
        return f"unknown: {outcome.missing}", "find out, and leave rollOut unchanged until then"
    row = REASONS[outcome.reason]
    return row.problem, row.fix_for(stack)


def redacted(text: str, public: Collection[str] = ()) -> str:
    """The text on one line, without addresses other than those that the change itself names."""
    return _ADDRESS.sub(
        lambda found: found[0] if found[0].lower() in public else "(an address)", foreign.one_line(text)
    )


# -- What the change itself says ------------------------------------------------------------------------------------


class _Difference:
    """The differences between two configurations of a stack.

    Attributes:
        keys: The configuration keys, two levels deep.
        added: Addresses that only the second one names.
        removed: Addresses that only the first one names.
    """

    def __init__(self, keys: Iterable[str], added: Iterable[str], removed: Iterable[str]) -> None:
        self.keys, self.added, self.removed = tuple(keys), tuple(added), tuple(removed)

    @classmethod
    def of(cls, before: Settings | None, after: Settings, old_root: Path, new_root: Path) -> _Difference:
        """The difference. Raises ConfigurationError if the second one's CSV file cannot be used."""
        new = _named(after, new_root)
        try:
            old = _named(before, old_root) if before else frozenset[str]()
        except ConfigurationError:
            old = frozenset[str]()
        keys = sorted(set(_leaves(after)) ^ set(_leaves(before))) if before else []
        return cls(dict.fromkeys(key for key, _ in keys), sorted(new - old), sorted(old - new))


def _named(settings: Settings, root: Path) -> frozenset[str]:
    """Every address that a configuration names."""
    return frozenset(
        [
            *(each.address for each in written_addresses(settings, root)),
            *settings.assign.users,
            *settings.roll_out.pilot,
            *settings.application.named_owners,
            *settings.application.notification_emails,
        ]
    )


def _leaves(settings: Settings | None) -> Iterator[tuple[str, str]]:
    document: Mapping[str, JSON] = settings.model_dump(mode="json", by_alias=True) if settings else {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", repr(each)) for inner, each in value.items())
        else:
            yield key, repr(value)
