"""Sentences about people's sign-in, from the snapshot and the forecast. Pure.

All messages of commands and runs about who signs in, and how, are created here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mimecast_sso.assessment import access, drift, synchronisation
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant, SignInForecast
from mimecast_sso.assessment.sign_in import Outcome, Result
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from mimecast_sso.facts.sign_in_reasons import REASONS, Missing, Reason, Side
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.settings import ProfileSlot, RollOut, RotationMode
from mimecast_sso.text import foreign
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count, people
from providers.entra.applications import LiveApplication, Policy

_BOTH = "Entra, Mimecast"
_UNMANAGED = " is not managed by this stack"


def who_signs_in(forecast: SignInForecast, instant: Instant) -> Statement:
    """Who signs in through Entra at an instant, with the number."""
    found = forecast.through_entra(instant)
    when = "" if instant is Instant.NOW else f" {instant}"
    if not forecast.effects.desired.snapshot.groups_known:
        sources = [
            each.source for each in forecast.effects.desired.snapshot.groups.values() if not each.is_known
        ]
        return Statement("Who signs in through Entra is unknown", How.UNKNOWN, sources[0], Verdict.UNKNOWN)
    if not found:
        outcomes = [each.from_mimecast.at(instant)[0] for each in forecast.people]
        maybe = any(each.result is Result.UNKNOWN and each.through_entra for each in outcomes)
        nobody = f"Nobody {'is known to sign' if maybe else 'signs'} in through Entra{when}"
        return Statement(nobody + _on_refresh(forecast, instant), How.LIVE, _BOTH)
    verb = "signs" if len(found) == 1 else "sign"
    text = f"{people(len(found))} {verb} in through Entra{when}: {enumerate_some(found)}"
    unsettled = forecast.unsettled if instant is Instant.NOW else ()
    if unsettled:
        joined = "They" if len(unsettled) == len(found) else f"{len(unsettled)} of them"
        text += f". {joined} joined less than 15 minutes ago; Mimecast may not act on that yet"
    former = forecast.under_a_former_form if instant is Instant.NOW else ()
    if former:
        text += f". For {len(former)} of them Mimecast may still act on the form before the last confirmation"
    return Statement(text + _on_refresh(forecast, instant), How.LIVE, _BOTH)


def _on_refresh(forecast: SignInForecast, instant: Instant) -> str:
    """Whose sign-in a run with ``--refresh`` restores; a program cannot tell whether it is part of one."""
    found = forecast.restored_on_refresh if instant is Instant.AFTERWARDS else ()
    return f". With --refresh also: {enumerate_some(found)}" if found else ""


def perhaps_saved(assessment: Assessment) -> Iterator[Statement]:
    """People who cannot sign in if the deployed form was saved, which nothing shows before it is confirmed."""
    desired, found = assessment.desired, assessment.forecast.stopped_by_save
    due = any(
        profile.state == "due" and form is not None and form.fingerprint == profile.fingerprints.critical
        for slot, profile in desired.record.profiles.items()
        for form in [desired.form(slot)]
    )
    if due and found:
        yield Statement(
            f"{people(len(found))} cannot sign in if the console form that is due was saved already: "
            f"{enumerate_some(sorted(found))}. If so, confirm and deploy it at once",
            How.UNKNOWN,
            "no API shows the form",
            Verdict.WARNS,
        )


def back_to_a_password(forecast: SignInForecast, *instants: Instant) -> Iterator[Statement]:
    """People who would need a password at Mimecast instead of Entra, each at the first such instant.

    No API shows whether somebody has one.
    """
    named: set[str] = set()
    for instant in instants:
        found = [each for each in forecast.back_to_a_password(instant) if each not in named]
        named.update(found)
        if not found:
            continue
        verb, need = ("signs", "needs") if len(found) == 1 else ("sign", "need")
        yield Statement(
            f"{people(len(found))} no longer {verb} in through Entra {instant}, and {need} a cloud password or a "
            f"directory password to sign in: {enumerate_some(found)}. No API shows whether they have one: ask them, or "
            "set a cloud password in the Administration Console or with mimecast-sso:addressPasswords",
            How.LIVE,
            _BOTH,
            Verdict.WARNS,
        )


def broken(forecast: SignInForecast) -> Iterator[Statement]:
    """People who could not sign in before the run, or not from My Apps, by reason."""
    yield from _by_outcome(forecast, forecast.broken, "cannot sign in now", "sign in now")
    yield from _by_outcome(
        forecast,
        forecast.broken_tiles,
        "cannot sign in from My Apps now, but can from Mimecast's page",
        "sign in from My Apps now",
    )


def not_ready(forecast: SignInForecast) -> Iterator[Statement]:
    """People who could not sign in once they are in the roll-out."""
    yield from _by_outcome(
        forecast,
        forecast.not_ready,
        "could not sign in once it reaches them",
        "sign in once it reaches them",
        whose=" of the roll-out",
    )


def nobody_chosen(choice: RollOut, addresses: Collection[str]) -> Iterator[Statement]:
    """Warn about a roll-out whose people come from a configuration that names nobody."""
    if choice.who not in ("all", "share") or addresses:
        return
    covered = f"only the pilot ({people(len(choice.pilot))})" if choice.pilot else "nobody"
    yield Statement(
        f"rollOut.who is {choice.who}, but mimecast-sso:addresses names nobody, so the roll-out covers {covered}. Set "
        "addresses.source to assigned or synchronised, or list the addresses",
        How.CONFIGURED,
        "rollOut, addresses",
        Verdict.WARNS,
    )


def gone_assignments(assessment: Assessment) -> Iterator[Statement]:
    """Warn about assignments that the run fails to delete, because Entra has deleted them."""
    gone = assessment.desired.gone_assignments
    if gone:
        them, verb, person = (
            ("it", "is", "user or group") if len(gone) == 1 else ("them", "are", "users or groups")
        )
        yield Statement(
            f"{count(len(gone), 'recorded assignment')} {verb} no longer configured and no longer in Entra, and a run "
            f"that deletes {them} again ends with an error. Deploy with a refresh: {assessment.command('up')} "
            f"--refresh. Object id of the {person}: {enumerate_some(sorted(gone))}",
            How.LIVE,
            "Microsoft Graph",
            Verdict.WARNS,
        )


def left_assignments(assessment: Assessment) -> Iterator[Statement]:
    """Warn about assignments that are not configured and that the run does not delete, with who has them."""
    left = assessment.desired.left_assignments
    if left:
        them, verb = ("it", "stays") if len(left) == 1 else ("them", "stay")
        names = enumerate_some(sorted(foreign.name(each.name) or each.principal_id for each in left))
        yield Statement(
            f"{count(len(left), 'assignment')} that mimecast-sso:assign does not name {verb} in Entra: {names}. While "
            f"assign.mode was verify, a person managed {them}, so this run only forgets {them}. To end access, "
            f"remove {them} in Entra (Enterprise applications > Users and groups)",
            How.LIVE,
            "Microsoft Graph",
            Verdict.WARNS,
        )


def replaced_policy(assessment: Assessment) -> Iterator[Statement]:
    """Warn about a claims policy that replaced this stack's, so that a run that refreshes stops half-way."""
    desired = assessment.desired
    policy, application, recorded = desired.foreign_policy, desired.application, desired.record.policy
    if policy is None or application is None or recorded is None or not recorded.assigned:
        return  # Guard `claims-policy` refuses the run.
    way_out = claims_way_out(assessment, application, policy)
    yield Statement(
        f"Claims policy {quoted(policy.name)} was assigned outside this stack, in place of this stack's. "
        f"Entra accepts only one, so a run with --refresh would stop half-way. Before such a run: {way_out}",
        How.LIVE,
        "Microsoft Graph",
        Verdict.WARNS,
    )


def claims_way_out(assessment: Assessment, application: LiveApplication, policy: Policy) -> str:
    """What to do about a claims policy of somebody else."""
    path = f"servicePrincipals/{application.principal_id}/claimsMappingPolicies/{policy.policy_id}/$ref"
    return (
        f"adopt it (mimecast-sso:application: {{adopt: {application.client_id}}}), leave the claims to it "
        "(application.claims: verify), or remove its assignment "
        f"({assessment.snapshot.cloud.graph_request('DELETE', path)})"
    )


def unmanaged(assessment: Assessment) -> Iterator[Statement]:
    """Warn about what others added to the deployed objects: owners, credentials, identifiers, assignments, members …"""
    found = [foreign.one_line(each.text.removesuffix(_UNMANAGED)) for each in drift.unmanaged(assessment)]
    if found:
        verb, them = ("is", "it") if len(found) == 1 else ("are", "them")
        yield Statement(
            f"{count(len(found), 'object')} {verb} not managed by this stack: {enumerate_some(found)}. Who added "
            f"{them}, and what removes or keeps {them}: {assessment.command('drift')}",
            How.LIVE,
            _BOTH,
            Verdict.WARNS,
        )


def tiles(forecast: SignInForecast) -> Iterator[Statement]:
    """People whose tile would disappear."""
    lost = forecast.tiles_lost
    if lost:
        verb = "loses" if len(lost) == 1 else "lose"
        yield Statement(
            f"{people(len(lost))} {verb} the tile in My Apps, but can still sign in from Mimecast's page: "
            f"{enumerate_some(lost)}",
            How.LIVE,
            _BOTH,
            Verdict.WARNS,
        )


def on_save(assessment: Assessment) -> Iterator[Statement]:
    """The effect of saving the outstanding console form on people's sign-in, until the next deployment."""
    found, snapshot = assessment.forecast, assessment.snapshot
    if not snapshot.groups_known or not snapshot.application.is_known:
        known = snapshot.application if snapshot.groups_known else _first_unread(snapshot)
        yield _unknown("What Save does to people's sign-in", known)
        return
    stays = len({*found.through_entra(Instant.SAVED)} - {*found.sent_by_save, *found.restored_by_save})
    back = tuple(back_to_a_password(found, Instant.SAVED))
    if found.stopped_by_save:
        yield from _by_outcome(
            found,
            found.stopped_by_save,
            f"could not sign in between Save (within {PROPAGATION_MINUTES} minutes of it) and the next deployment",
            "sign in between Save and the next deployment",
        )
    yield from _moved_by_save(found)
    yield from back
    yield from _who_stays(stays, " after Save")
    if not (back or stays or found.stopped_by_save or found.sent_by_save or found.restored_by_save):
        why = (
            "in the roll-out group is known to be able to sign in"
            if snapshot.everybody
            else "is in the roll-out group"
        )
        yield Statement(f"Save changes nobody's sign-in: nobody {why}", How.LIVE, _BOTH)


def _moved_by_save(found: SignInForecast) -> Iterator[Statement]:
    """The people whom Save sends to Entra, and those whose sign-in it restores."""
    within = f"within {PROPAGATION_MINUTES} minutes"
    if found.sent_by_save:
        who = found.sent_by_save
        verb = "uses" if len(who) == 1 else "use"
        yield Statement(
            f"Save sends {people(len(who))} to Entra, {within}, who {verb} a password now: {enumerate_some(who)}",
            How.LIVE,
            _BOTH,
            Verdict.WARNS,
        )
    if found.restored_by_save:
        who = found.restored_by_save
        yield Statement(
            f"Save lets {people(len(who))} sign in through Entra, {within}, who cannot sign in now: "
            f"{enumerate_some(who)}",
            How.LIVE,
            _BOTH,
        )


def on_deploy(assessment: Assessment) -> Iterator[Statement]:
    """The effect of a deployment on people's sign-in: who would lose it, who is sent to Entra, who is unaffected."""
    found, snapshot = assessment.forecast, assessment.snapshot
    if not snapshot.groups_known:
        yield _unknown("What this does to people's sign-in", _first_unread(snapshot))
        return
    lost = {address: losses[0].outcome for address, losses in found.losses.items()}
    yield from _by_outcome(
        found,
        lost,
        "would lose their sign-in, so guards refuse it",
        "keep their sign-in, so guards refuse it",
    )
    joining = [each for each in found.joining if each not in lost]
    on_refresh = [each for each in found.joining_on_refresh if each not in lost]
    yield from _sent(found, joining)
    yield from _sent(found, on_refresh, " if the run refreshes (--refresh)")
    restored = [each for each in found.restored if each not in (*lost, *joining)]
    yield from _restored(restored)
    back = found.back_to_a_password(Instant.AFTERWARDS)
    yield from back_to_a_password(found, Instant.AFTERWARDS)
    stays = [each for each in found.through_entra(Instant.NOW) if each not in (*lost, *back)]
    yield from _who_stays(len(stays))
    afterwards = {each.address: each.from_mimecast.at(Instant.AFTERWARDS)[0] for each in found.people}
    unclear = {
        address: outcome
        for address, outcome in afterwards.items()
        if outcome.result is Result.UNKNOWN and address not in (*lost, *joining, *on_refresh)
    }
    yield from _by_outcome(found, unclear, "cannot sign in", "sign in, before this or after it")
    if not (lost or joining or on_refresh or restored or back or stays or unclear):
        yield Statement("Nobody's sign-in changes", How.LIVE, _BOTH)


def _sent(found: SignInForecast, everybody: Sequence[str], when: str = "") -> Iterator[Statement]:
    by_password = [each for each in everybody if found.uses_a_password(each)]
    others = [each for each in everybody if each not in by_password]
    for who, uses, use in (
        (by_password, "uses a password now", "use a password now"),
        (others, "cannot sign in now", "cannot sign in now"),
    ):
        if who:
            text = f"{people(len(who))} who {uses if len(who) == 1 else use}"
            yield Statement(f"{text} would be sent to Entra{when}: {enumerate_some(who)}", How.LIVE, _BOTH)


def _restored(restored: Sequence[str]) -> Iterator[Statement]:
    if restored:
        verb = "signs" if len(restored) == 1 else "sign"
        yield Statement(
            f"{people(len(restored))} who cannot sign in now {verb} in through Entra afterwards: "
            f"{enumerate_some(restored)}",
            How.LIVE,
            _BOTH,
        )


def _who_stays(number: int, when: str = "") -> Iterator[Statement]:
    if number:
        who = count(number, "person continues", "people continue")
        yield Statement(f"{who} to sign in through Entra{when}", How.LIVE, _BOTH)


def _unknown(what: str, why: Known[Any]) -> Statement:
    return Statement(what, How.UNKNOWN, why.source, Verdict.UNKNOWN)


def of_each(assessment: Assessment) -> Iterator[Statement]:
    """People whose sign-in a run changes, or who fail before or after it, by name, now and afterwards."""
    forecast = assessment.forecast
    for each in sorted(forecast.people, key=lambda person: person.address):
        for way, verdicts in each.ways.items():
            now, afterwards, eventually = (
                verdicts.at(instant)[0] for instant in (Instant.NOW, Instant.AFTERWARDS, Instant.EVENTUALLY)
            )
            lost = next((loss for loss in forecast.losses.get(each.address, ()) if loss.way is way), None)
            if now == afterwards == eventually and not (now.fails or lost):
                continue
            steps = [f"now {now}", f"afterwards {afterwards}"]
            steps += [f"{lost.instant} {lost.outcome}"] if lost and lost.instant is Instant.MEANWHILE else []
            steps += [f"{Instant.EVENTUALLY} {eventually}"] if eventually != afterwards else []
            failing = lost is not None or afterwards.fails or eventually.fails
            verdict = Verdict.FAILS if failing else Verdict.NOTE
            yield Statement("; ".join(steps), How.LIVE, _BOTH, verdict, f"{each.name} {way}")


def _first_unread(snapshot: Snapshot) -> Known[Any]:
    return next(each for each in snapshot.groups.values() if not each.is_known)


def _by_outcome(
    forecast: SignInForecast, found: Mapping[str, Outcome], refused: str, unknown: str, whose: str = ""
) -> Iterator[Statement]:
    """People by outcome; ``refused`` is what they could not do, ``unknown`` what they may not be able to do."""
    names = {each.address: each.name for each in forecast.people}
    groups: dict[Outcome, list[str]] = defaultdict(list)
    for address, outcome in found.items():
        groups[outcome].append(names[address])
    for outcome, who in groups.items():
        why = _why(outcome, forecast.stack)
        why = f"{enumerate_some(sorted(who))}{f': {why}' if why else ''}"
        if outcome.result is Result.UNKNOWN:
            subject = count(len(who), f"person{whose} is", f"people{whose} are")
            text = f"{subject} not known to be able to {unknown}: {why}"
            yield Statement(text, How.UNKNOWN, str(outcome.missing), Verdict.UNKNOWN)
        else:
            yield Statement(f"{people(len(who))}{whose} {refused}: {why}", How.LIVE, _BOTH, Verdict.FAILS)


def _why(outcome: Outcome, stack: str) -> str:
    """Why a sign-in fails or may fail; what is unknown is left out where the statement names it as its source."""
    if outcome.reason is None:
        return ""
    row = REASONS[outcome.reason]
    presumed = (
        "if Mimecast still sends them to Entra" if outcome.missing is Missing.CONSOLE else "in any case"
    )
    unknown = "" if outcome.result is Result.UNKNOWN else f"{outcome.missing}; "
    return f"{f'{unknown}{presumed}, ' if outcome.missing else ''}{row.problem}; {row.fix_for(stack)}"


# -- What a verdict rests on ----------------------------------------------------------------------------------------


def groups(snapshot: Snapshot) -> Iterator[Statement]:
    """The members of the roll-out groups."""
    for slot, known in snapshot.groups.items():
        if known.value is None:
            yield known.states(f"who is in the {slot} roll-out group")
        elif not known.value.exists:
            yield known.states(f"the {slot} roll-out group does not exist")
        else:
            group = known.value
            domains = sorted(each for each in group.members if each.startswith("@"))
            listed = len(group.members) - len(domains)
            everybody = f" and everybody of {enumerate_some(domains)}" if domains else ""
            verb = "is" if listed == 1 and not domains else "are"
            who = f"{people(listed)}{everybody} {verb}" if group.members else "nobody is"
            yield known.states(f"{who} in the roll-out group {quoted(group.name)}")
            if group.left:
                yield known.states(
                    f"{people(len(group.left))} left it less than 15 minutes ago; Mimecast may not act on that yet: "
                    f"{enumerate_some(sorted(group.left))}"
                )


def lately(snapshot: Snapshot) -> Iterator[Statement]:
    """Statements if it is unknown whom else Mimecast treats as members: who just left, and members of child groups."""
    if snapshot.groups_known and not snapshot.moved.is_known:
        yield snapshot.moved.states("whether somebody left the roll-out group in the last 15 minutes")
    for known in snapshot.groups.values():
        if known.value is not None and known.value.child_groups:
            number = known.value.child_groups
            whose = "its" if number == 1 else "their"
            yield Statement(
                f"The roll-out group {quoted(known.value.name)} has {count(number, 'child group')}, and the "
                f"application settings may apply to {whose} members as well: who they are, and whether they could sign "
                "in through Entra",
                How.UNKNOWN,
                "no API shows whether the settings include subgroups. Move the child groups elsewhere",
                Verdict.UNKNOWN,
            )


def clock(snapshot: Snapshot) -> Iterator[Statement]:
    """Warn if this machine's clock differs from Entra's so much that it matters."""
    if snapshot.clock is not None:
        yield snapshot.clock


def conditional_access(snapshot: Snapshot) -> Iterator[Statement]:
    """The result of Conditional Access for a sample of the people."""
    yield from access.statements(snapshot.access, snapshot.directory.accounts)


def basis(assessment: Assessment, outcomes: Iterable[Outcome]) -> Iterator[Statement]:
    """The facts that decide about outcomes, each with how it is known."""
    snapshot = assessment.snapshot
    reasons = [outcome.reason for outcome in outcomes]
    yield from groups(snapshot)
    yield from lately(snapshot)
    yield from _application(assessment)
    if Reason.NOT_AT_MIMECAST in reasons or Reason.NAME_ID_UNKNOWN in reasons:
        yield from synchronisation.of_desired(assessment.desired)
    if any(reason in (Reason.NOT_ASSIGNED, None) for reason in reasons):
        yield from _assignments(assessment)
    sides = {REASONS[reason].side for reason in reasons if reason}
    if None in reasons or Side.MIMECAST in sides or Reason.CONTEXT in reasons:
        yield from _certificates(assessment)
        yield from _console(assessment)
    if not snapshot.record.is_known:
        yield snapshot.record.states("what this stack deployed")


def _application(assessment: Assessment) -> Iterator[Statement]:
    snapshot = assessment.snapshot
    known, identifier = snapshot.application, assessment.desired.endpoints.identifier
    if not known.is_known:
        yield known.states(f"the application with identifier {identifier}")
    elif known.value is None:
        yield known.states(f"Entra has no application with identifier {identifier}")
    else:
        state = "enabled" if known.value.enabled else "disabled"
        yield known.states(f"application {known.value.client_id} has identifier {identifier} and is {state}")


def _assignments(assessment: Assessment) -> Iterator[Statement]:
    application, record = assessment.snapshot.application, assessment.snapshot.record
    if application.value is not None:
        number = count(len(application.value.assigned), "user or group is", "users and groups are")
        yield application.states(f"{number} assigned")
    if record.value is not None:
        yield record.states(f"{count(len(record.value.assignments), 'assignment')} of this stack")


def _certificates(assessment: Assessment) -> Iterator[Statement]:
    snapshot = assessment.snapshot
    application = snapshot.application.value
    if application is None:
        return
    signing = application.certificates.active(snapshot.entra_now)
    if signing is None:
        why = "it names a certificate that does not exist"
        yield Statement("what Entra signs with", How.UNKNOWN, why, Verdict.UNKNOWN)
        return
    yield Statement(f"Entra signs with {signing}", How.LIVE, f"at {shown(snapshot.entra_now)}")
    timeline = assessment.forecast.effects.timeline
    if timeline is None:
        return
    after = timeline.after[0].signing
    if after and after != signing.thumbprint:
        yield Statement(f"this run activates {after}", How.CONFIGURED, "certificates.active")


def _console(assessment: Assessment) -> Iterator[Statement]:
    desired = assessment.desired
    if assessment.settings.certificates.rotation is RotationMode.METADATA:
        seen = assessment.settings.certificates.metadata_observed
        yield Statement(
            "Mimecast follows the metadata", How.ATTESTED, f"{seen.by}, {seen.at}" if seen else ""
        )
        return
    for slot in ProfileSlot:
        held = desired.console.held(slot)
        if not held.is_known:
            yield held.states(f"what the {slot} profile holds")
        elif held.value is not None:
            yield held.states(f"the {slot} profile holds certificate {held.value.thumbprint or '(none)'}")


def everything(assessment: Assessment, instant: Instant) -> Sequence[Statement]:
    """All statements about people for a run or a check: who signs in, who cannot, who could not, and lost tiles."""
    found = assessment.forecast
    return (
        who_signs_in(found, instant),
        *(back_to_a_password(found, instant, Instant.EVENTUALLY) if instant is not Instant.NOW else ()),
        *broken(found),
        *not_ready(found),
        *tiles(found),
        *(gone_assignments(assessment) if instant is not Instant.NOW else ()),
        *(left_assignments(assessment) if instant is not Instant.NOW else ()),
        *(replaced_policy(assessment) if instant is not Instant.NOW else ()),
        *(unmanaged(assessment) if instant is not Instant.NOW else ()),
        *nobody_chosen(assessment.settings.roll_out, assessment.desired.addresses),
        *lately(assessment.snapshot),
        *clock(assessment.snapshot),
        *conditional_access(assessment.snapshot),
        *synchronisation.of_desired(assessment.desired),
    )
