"""The forecast's refusals: people who can sign in now, and could not after the run.

Each reason has the name of the guard that it is refused under (`mimecast_sso.facts.sign_in_reasons`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant, Loss
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.assessment.sign_in import AddressState, Result
from mimecast_sso.assessment.synchronisation import removed_addresses
from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from mimecast_sso.facts.sign_in_reasons import REASONS, Missing, Reason
from mimecast_sso.text.names import enumerate_some, is_among
from mimecast_sso.text.wording import either, people

_WHO_IS_INSIDE = (Missing.GROUP, Missing.WHO_LEFT)


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """One finding per guard, with everybody affected."""
    by_guard: dict[str, dict[str, Loss]] = defaultdict(dict)
    for address, losses in assessment.forecast.losses.items():
        for loss in losses:
            by_guard[guard_of(loss)].setdefault(address, loss)
    for guard, found in sorted(by_guard.items()):
        yield _finding(assessment, guard, found)


def guard_of(loss: Loss) -> str:
    """The name of the guard that refuses a loss."""
    outcome = loss.outcome
    if outcome.reason is not None:
        row = REASONS[outcome.reason]
        return row.guard_joining if loss.joining else row.guard
    return outcome.missing.guard if outcome.missing else "last-sign-in-method"


def _finding(assessment: Assessment, guard: str, found: Mapping[str, Loss]) -> GuardFinding:
    names = {each.address: each.name for each in assessment.forecast.people if each.address in found}
    groups = list(_grouped(found, names))
    return GuardFinding(
        guard,
        _problem(found),
        tuple(sorted(found)),
        tuple(_detail(loss, names) for loss, names in groups),
        tuple(sentences.basis(assessment, [loss.outcome for loss, _ in groups])),
        _remedy(assessment, groups),
    )


def _problem(found: Mapping[str, Loss]) -> str:
    who = people(len(found))
    if all(loss.joining for loss in found.values()):
        return f"{who} would be sent to Entra and could not sign in, or may not be able to"
    instants = {loss.instant for loss in found.values()}
    when = str(instants.pop()) if len(instants) == 1 else "later"
    if all(loss.outcome.missing in _WHO_IS_INSIDE for loss in found.values()):
        return f"{who} may be sent to Entra now, and could not sign in {when}"
    if all(_as_recorded(loss) for loss in found.values()):
        return f"{who} could not sign in {when} if the application in Entra is as the last deployment left it"
    if all(loss.outcome.result is Result.UNKNOWN for loss in found.values()):
        return f"{who} can sign in now; whether they still could {when} is unknown"
    return f"{who} can sign in now and could not {when}"


def _as_recorded(loss: Loss) -> bool:
    """Whether the application could not be read, and is presumed to be as recorded."""
    return loss.outcome.missing is Missing.APPLICATION and loss.outcome.reason is not None


def _grouped(found: Mapping[str, Loss], names: Mapping[str, str]) -> Iterator[tuple[Loss, list[str]]]:
    """Losses of one kind, with the names of all affected people."""
    who: dict[tuple[str, Instant], list[str]] = defaultdict(list)
    first: dict[tuple[str, Instant], Loss] = {}
    for address, loss in found.items():
        key = (str(loss.outcome), loss.instant)
        first.setdefault(key, loss)
        who[key].append(names[address])
    for key, loss in first.items():
        yield loss, sorted(who[key])


def _detail(loss: Loss, names: Sequence[str]) -> str:
    return f"{enumerate_some(names)}: {loss.outcome}, {loss.instant} (sign-in {loss.way})"


# -- The smallest change that would be safe -------------------------------------------------------------------------


def _remedy(assessment: Assessment, groups: Sequence[tuple[Loss, Sequence[str]]]) -> str:
    if _have_left(assessment):
        return (
            f"rerun this {PROPAGATION_MINUTES} minutes after they left the roll-out group, once Mimecast acts on it; "
            "nothing else has to change"
        )
    leaving = not set(assessment.forecast.losses) & set(assessment.desired.members)
    steps = dict.fromkeys(
        f"rerun this once it is known {loss.outcome.missing}"
        if loss.outcome.missing in _WHO_IS_INSIDE
        else _step(assessment, loss, leaving=leaving)
        for loss, _ in groups
    )
    readable = any(_as_recorded(loss) for loss, _ in groups)
    return "; ".join((*(["rerun this once the application can be read"] if readable else ()), *steps))


def _have_left(assessment: Assessment) -> bool:
    """Whether everybody who would lose their sign-in left the roll-out groups, and is not to join again."""
    snapshot, lost = assessment.snapshot, assessment.forecast.losses
    left = frozenset[str]().union(*(each.value.left for each in snapshot.groups.values() if each.value))
    inside = (*snapshot.everybody, *assessment.desired.members)
    return all(address in left and not is_among(address, inside) for address in lost)


def _step(assessment: Assessment, loss: Loss, *, leaving: bool) -> str:
    outcome = loss.outcome
    if outcome.reason is Reason.NOT_ASSIGNED and (leaving or not loss.joining):
        return _required(assessment) or _added_by_others(assessment) or _assigned(leaving=leaving)
    if outcome.reason is Reason.SIGNATURE and not loss.joining:
        return _certificate(assessment, leaving=leaving)
    if outcome.reason is Reason.APPLICATION_MISSING and not loss.joining:
        return (
            f"empty the roll-out group first ({assessment.command('roll-out back')}), wait {PROPAGATION_MINUTES} "
            "minutes until Mimecast acts on it, then rerun this; or restore the previous value"
        )
    kept = _kept_address(assessment, outcome.reason)
    if kept:
        return kept
    if outcome.reason is None:
        return f"keep mimecast-sso:rollOut unchanged until this is known: {outcome.missing}"
    fix = REASONS[outcome.reason].fix_for(assessment.stack)
    return f"{fix}; keep mimecast-sso:rollOut unchanged until then" if loss.joining else fix


def _kept_address(assessment: Assessment, reason: Reason | None) -> str:
    """The remedy if this run disables or removes the address; else ""."""
    after = assessment.forecast.effects.addresses_after.values()
    if reason is Reason.NOT_AT_MIMECAST and removed_addresses(assessment.desired):
        return (
            "keep these people's domains in mimecast-sso:directorySynchronisation.domains, and its tenantDomain and "
            "syncGuestUsers as they are, or set its deleteUsers to false"
        )
    if reason is Reason.ADDRESS_DISABLED and any(AddressState.DISABLED in each for each in after):
        return (
            "keep these people in mimecast-sso:addresses, or set its onRemoval to forget; or first remove them from "
            f"mimecast-sso:rollOut, deploy, and wait {PROPAGATION_MINUTES} minutes until Mimecast acts on it"
        )
    return ""


def _required(assessment: Assessment) -> str:
    """The remedy if this run makes assignment required; else ""."""
    timeline, required = (
        assessment.forecast.effects.timeline,
        assessment.settings.application.assignment_required,
    )
    if timeline is None or timeline.now.assignment_required or not required:
        return ""
    return (
        "deploy in two runs: first assign them (mimecast-sso:assign) while mimecast-sso:application.assignmentRequired "
        "is false, then set it to true"
    )


def _added_by_others(assessment: Assessment) -> str:
    """The remedy if this stack did not add the people to their group, so that no change of the file removes them."""
    record, lost = assessment.snapshot.recorded, assessment.forecast.losses
    managed = frozenset[str]().union(*(each.members for each in record.memberships.values()))
    inside = (*assessment.snapshot.everybody, *assessment.desired.members)
    if any(is_among(each, managed) or not is_among(each, inside) for each in lost):
        return ""
    return (
        "keep them in mimecast-sso:assign until they are out of the roll-out group, to which this stack did not add "
        f"them: leave them out of mimecast-sso:rollOut, deploy with {assessment.command('up')} --refresh, and wait "
        f"{PROPAGATION_MINUTES} minutes until Mimecast acts on it"
    )


def _assigned(*, leaving: bool) -> str:
    if leaving:
        return (
            "deploy in two runs: first change only mimecast-sso:rollOut and deploy, wait "
            f"{PROPAGATION_MINUTES} minutes until Mimecast acts on it, then change mimecast-sso:assign"
        )
    return (
        "keep them in mimecast-sso:assign, or first remove them from mimecast-sso:rollOut, deploy, and wait "
        f"{PROPAGATION_MINUTES} minutes until Mimecast acts on it"
    )


def _certificate(assessment: Assessment, *, leaving: bool) -> str:
    """Name the generation that the console holds, if Entra would sign with another one after the run."""
    if leaving and len(assessment.settings.certificates.populated) > 1:
        return (
            "Mimecast may act on one of the two groups first, and the other's profile holds the certificate that does "
            "not sign: deploy in two runs. First set mimecast-sso:certificates.cutOver to active and deploy, wait "
            f"{PROPAGATION_MINUTES} minutes until Mimecast acts on it, then change mimecast-sso:rollOut"
        )
    labels = {thumbprint: label for label, thumbprint in assessment.snapshot.recorded.thumbprints.items()}
    held = [
        labels[profile.thumbprint]
        for profile in (assessment.forecast.effects.profiles[0] or {}).values()
        if profile is not None and profile.thumbprint in labels
    ]
    if not held:
        return REASONS[Reason.SIGNATURE].fix_for(assessment.stack)
    return (
        f"keep mimecast-sso:certificates.active and the profiles at generation {either(dict.fromkeys(held))}, which "
        f"the console holds; or rotate step by step ({assessment.command('rotate next')})"
    )
