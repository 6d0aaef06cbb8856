"""``mimecast-sso rotate``: replace the signing certificate step by step, or go back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import click
from pydantic import TypeAdapter, ValidationError

from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.console import attestation
from mimecast_sso.console.attestation import OPENS
from mimecast_sso.facts.certificate_life import LONGEST_LIFE_YEARS, latest_expiry
from mimecast_sso.facts.engine_documents import StateResource
from mimecast_sso.operations import assessing, certificate_losses, rotation, tenant
from mimecast_sso.operations.deployment import deploy, open_with_engine, relative
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.rotation import (
    NewGeneration,
    RotationPlan,
    RotationSnapshot,
    SlotGroup,
    SlotProfile,
    Step,
)
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.state import NoStateError
from mimecast_sso.operations.terminal import say
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Certificates, ProfileSlot, Settings
from mimecast_sso.settings.values import Label
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import utc_text, utc_time
from providers.entra import signing_certificates
from providers.entra.errors import GraphError
from providers.entra.signing_certificates import PrincipalCertificates
from providers.mimecast import groups
from providers.mimecast.errors import MimecastError

# -- Commands -------------------------------------------------------------------------------------------------


def status(stack: str, output: Output) -> Exit:
    """Print the status of the rotation and what the next step would do."""
    opened, engine = open_with_engine(stack, "rotate status")
    snapshot = read(opened, engine)
    planned = rotation.plan(snapshot, _generation(snapshot, None, None))
    effects = _effects(opened, engine, snapshot, planned)
    output.keep(*rotation.statements(snapshot), *_planned(snapshot, planned), *effects)
    for line in (*_status(opened, snapshot, planned), *(f"  {each}." for each in effects)):
        output.line(line)
    if snapshot.unknown:
        return Exit.ERROR
    return Exit.CHANGES if planned.due or _is_stopped(planned) else Exit.FINE


def _status(opened: Stack, snapshot: RotationSnapshot, planned: RotationPlan) -> Iterator[str]:
    yield f"Signing certificates of {opened.name}, rotation {snapshot.configured.rotation}"
    yield from rotation.lines(snapshot)
    yield f"Expected gap when the active certificate changes: {snapshot.configured.expected_gap()}."
    yield from _plan_lines(planned, "Next step", opened)
    if planned.change is not None and not planned.refusals:
        yield f"  Take it: mimecast-sso rotate next --stack {opened.name}"


def _effects(
    opened: Stack, engine: Engine, snapshot: RotationSnapshot, planned: RotationPlan
) -> tuple[Statement, ...]:
    """The forecast of the step's effect on people's sign-in; empty if the step cannot be taken now."""
    if snapshot.unknown or (planned.refusals and planned.console is None):
        return ()
    settings = opened.settings()
    if planned.console is not None:
        return assessing.on_save(opened, settings, engine)
    if planned.change is not None:
        settings = settings.model_copy(update={"certificates": _checked(planned.change)})
    elif planned.step is not Step.DEPLOY:
        return ()
    return assessing.on_deploy(opened, settings, engine)


def _planned(snapshot: RotationSnapshot, planned: RotationPlan) -> Iterator[Statement]:
    """The next step as statements, with everything known about both sides."""
    name = "" if planned.step is Step.NONE else f"{planned.step}: "
    how, step, stops = How.LIVE, Verdict.NOTE, Verdict.FAILS
    if snapshot.unknown:
        how, step, stops = How.UNKNOWN, Verdict.UNKNOWN, Verdict.UNKNOWN
    elif planned.due or planned.waits:
        step = Verdict.WAITING
    yield Statement(f"{name}{planned.text}", how, "", step, "next step")
    for refusal in planned.refusals:
        yield Statement(refusal.text, how, "", Verdict.WAITING if refusal.waits else stops, "not now")


def forward(
    stack: str, *, apply_: bool, yes: bool, label: str | None, end_date: str | None, start: bool
) -> Exit:
    """Take the next step: change the stack file, and with ``apply_`` deploy it."""
    opened, engine = open_with_engine(stack, "rotate next")
    snapshot = read(opened, engine)
    planned = rotation.plan(
        snapshot, _generation(snapshot, label, end_date), start=start or label is not None
    )
    return _make(opened, engine, snapshot, planned, apply_=apply_, yes=yes)


def rollback(stack: str, *, apply_: bool, yes: bool) -> Exit:
    """Go one step back: change the stack file, and with ``apply_`` deploy it."""
    opened, engine = open_with_engine(stack, "rotate rollback")
    snapshot = read(opened, engine)
    return _make(opened, engine, snapshot, rotation.back(snapshot), apply_=apply_, yes=yes)


def _make(
    opened: Stack,
    engine: Engine,
    snapshot: RotationSnapshot,
    planned: RotationPlan,
    *,
    apply_: bool,
    yes: bool,
) -> Exit:
    say("\n".join(_plan_lines(planned, "Step", opened, applies=apply_)))
    if planned.refusals:
        return Exit.ERROR if snapshot.unknown else Exit.REFUSED
    if planned.touches_people:
        say(f"Expected gap: {snapshot.configured.expected_gap()}.")
    for statement in _effects(opened, engine, snapshot, planned):
        say(f"{statement}.")
    if apply_ and (planned.change is not None or planned.step is Step.DEPLOY):
        engine.require_answer(yes=yes)  # Before the step is written.
    if planned.change is not None:
        opened.set_certificates(_checked(planned.change))
        say(f"Written to {relative(opened.file)}.")
    elif planned.step is not Step.DEPLOY:
        return Exit.FINE
    if apply_:
        # With a refresh: an interrupted run may have done more than the stack's state records.
        return _deployed(opened, engine, yes=yes)
    if planned.change is not None:
        then = "Run" if opened.on_sandbox else "Commit the file, then run"
        say(f"Nothing is deployed yet. {then}: {_up(opened)}")
    return Exit.FINE


def _deployed(opened: Stack, engine: Engine, *, yes: bool) -> Exit:
    ended = deploy(opened, engine, yes=yes, refresh=True)
    if ended is not Exit.FINE:
        say(
            f"\nThe step is in {relative(opened.file)}, but its deployment did not complete. Fix the cause, then run: "
            f"{_up(opened)}\nTo undo the step instead: mimecast-sso rotate rollback --stack {opened.name}",
            err=True,
        )
        return ended
    if not opened.on_sandbox:  # On the sandbox the rehearsal has a copy of the file.
        say(f"\nCommit {relative(opened.file)}: a deployment from a checkout without it undoes the step.")
    say(f"For the next step, run: mimecast-sso rotate status --stack {opened.name}")
    return ended


def _checked(configured: Certificates) -> Certificates:
    """The changed certificates, validated again by the settings."""
    return Certificates.model_validate(configured.model_dump(by_alias=True))


def _plan_lines(
    planned: RotationPlan, heading: str, opened: Stack, *, applies: bool = False
) -> Iterator[str]:
    name = "" if planned.step is Step.NONE else f" ({planned.step})"
    yield f"{heading}{name}: {planned.text}."
    why = "Why" if planned.change is None else "Not now"
    for refusal in planned.refusals:
        yield f"  {why}: {refusal.text}."
    if planned.waits:
        yield "  No action needed until then. After that, run this command again."
    commands = () if applies and planned.step is Step.DEPLOY else _commands(planned, opened)
    for number, command in enumerate(commands):
        yield f"  {'Then' if number else 'Run'}: {command}"


def _commands(planned: RotationPlan, opened: Stack) -> Iterator[str]:
    """The commands of a step that does not change the stack file."""
    if planned.console is not None:
        stack = opened.name + (" --profile second" if planned.console is ProfileSlot.SECOND else "")
        yield f"mimecast-sso run-sheet --stack {stack}"
        words = f"--by {attestation.BY} --evidence {attestation.EVIDENCE}"
        yield f"mimecast-sso confirm --stack {stack} {words}"
    if planned.step in (Step.CONSOLE, Step.DEPLOY):
        yield _up(opened)


def _up(opened: Stack) -> str:
    return f"mimecast-sso up --stack {opened.name} --refresh"


def _is_stopped(planned: RotationPlan) -> bool:
    return planned.step is Step.NONE and bool(planned.refusals)


def _generation(snapshot: RotationSnapshot, label: str | None, end_date: str | None) -> NewGeneration:
    now = snapshot.now
    labels = (f"{now:%Y-%m}{suffix}" for suffix in ("", *(f".{number}" for number in range(2, 100))))
    free = next(each for each in labels if each not in snapshot.configured.labels)
    latest = latest_expiry(now)
    ends = _utc(end_date) if end_date else f"{latest:%Y-%m-%d}T00:00:00Z"
    if not now < utc_time(ends) <= latest:
        raise click.UsageError(
            f"--end-date: {ends} has passed or is more than {LONGEST_LIFE_YEARS} years away, which Entra refuses. The "
            f"latest is {utc_text(latest)}."
        )
    return NewGeneration(_label(label or free), ends)


def _label(text: str) -> str:
    try:
        return TypeAdapter[str](Label).validate_python(text)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise click.UsageError(f"--label: {quoted(text)} cannot be a label, which {reason}") from None


def _utc(text: str) -> str:
    try:
        return utc_text(utc_time(text))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


# -- Reading both sides ---------------------------------------------------------------------------------------


def read(stack: Stack, engine: Engine) -> RotationSnapshot:
    """Read the live state of both sides. What cannot be read is unknown, and says why.

    Raises:
        ConfigurationError: The stack file is invalid.
        OperationError: The stack was never deployed.
    """
    settings = stack.settings()
    resources = _resources(stack, engine)
    record = in_state(resources)
    active = record.active
    if not active:
        raise OperationError(
            "Nothing to rotate: the stack has no signing certificate yet. Deploy it first: "
            f"mimecast-sso up --stack {stack.name}"
        )
    unknown: list[str] = []
    principal = str(active["servicePrincipalId"])
    entra, now, told = _entra(stack, principal, settings.certificates, resources, unknown)
    losses = certificate_losses.losses(told)
    return RotationSnapshot(
        stack=stack.name,
        configured=settings.certificates,
        entra=entra,
        now=now,
        thumbprints=record.thumbprints,
        activated=str(active.get("activeThumbprint") or ""),
        activated_at=record.activated_at,
        profiles=_profiles(settings, record, now),
        groups=_groups(stack, settings, record, unknown),
        unknown=tuple(unknown),
        losses=losses,
        notes=() if losses else told,
    )


def _entra(
    stack: Stack,
    service_principal: str,
    configured: Certificates,
    resources: Iterable[StateResource],
    unknown: list[str],
) -> tuple[PrincipalCertificates | None, datetime, tuple[Statement, ...]]:
    try:
        graph = tenant.graph(stack)
        live = signing_certificates.read(graph, service_principal)
    except GraphError as error:
        unknown.append(f"Entra was not read: {_line(error)}")
        return None, datetime.now(UTC), ()
    return live, graph.now(), certificate_losses.check(graph, service_principal, live, configured, resources)


def _resources(stack: Stack, engine: Engine) -> list[StateResource]:
    try:
        return [each for each in engine.resources() if not each.get("delete")]
    except NoStateError:
        raise
    except OperationError as error:
        raise OperationError(f"The state of stack {stack.name} could not be read: {error}") from None


def _profiles(settings: Settings, record: Record, now: datetime) -> dict[ProfileSlot, SlotProfile]:
    return {
        slot: _slot_profile(settings, record, slot, now)
        for slot in settings.certificates.slots
        if slot in record.profiles
    }


def _slot_profile(settings: Settings, record: Record, slot: ProfileSlot, now: datetime) -> SlotProfile:
    section, profile, group = settings.authentication_profile, record.profiles[slot], record.groups.get(slot)
    written = section.confirmed_of(profile.slot)
    configured = attestation.state(
        profile.form,
        profile.thumbprint,
        written.document() if written else None,
        section.known(now.date(), slot, group_created=group.created_at if group else ""),
    )
    known = profile.confirmed if profile.state != "due" else None
    return SlotProfile(
        state=profile.state,
        thumbprint=profile.thumbprint,
        basis=attestation.attested_by(known) if known else "",
        idle=profile.idle,
        confirmed_since=configured in OPENS and profile.state not in OPENS,
    )


def _groups(
    stack: Stack, settings: Settings, record: Record, unknown: list[str]
) -> dict[ProfileSlot, SlotGroup]:
    live = _members(stack, [settings.roll_out.group_of(slot) for slot in record.memberships], unknown)
    return {
        slot: SlotGroup(
            name=settings.roll_out.group_of(slot),
            members=live.get(settings.roll_out.group_of(slot)),
            recorded=membership.members,
            changed_at=membership.changed_at,
            held=membership.hold,
        )
        for slot, membership in record.memberships.items()
    }


def _members(stack: Stack, names: list[str], unknown: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    try:
        client = tenant.connect(stack)
        for name in names:
            group = groups.find_group(client, name)
            found[name] = frozenset(groups.list_members(client, group)) if group else frozenset()
    except MimecastError as error:
        unknown.append(f"Mimecast was not read: {_line(error)}")
    return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
