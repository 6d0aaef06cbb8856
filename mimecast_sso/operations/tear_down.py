"""Destroy a stack in the safe order: empty the roll-out group, wait for Mimecast, and only then delete in Entra.

Mimecast needs minutes to act on a removal from the group. Anybody whom it still sends to Entra after the application
was deleted cannot sign in at all. ``pulumi destroy`` alone removes people before it deletes the application, but does
not wait in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import click

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.assessment.record import Record
from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from mimecast_sso.operations import assessing, roll_out
from mimecast_sso.operations.display import Concise
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.tenant import connect, mimecast_time
from mimecast_sso.operations.terminal import say
from mimecast_sso.provenance import How, Known, Statement
from mimecast_sso.settings import Removal, Settings
from mimecast_sso.text.files import mentions
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some, is_among
from mimecast_sso.text.wording import count
from providers.entra.errors import GraphError
from providers.mimecast.audit import last_group_change
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError

_GUARD: Final = "allow-destroy"
_READ_AT_ONCE: Final = 8


def destroy(stack: Stack, engine: Engine, *, yes: bool, verbose: bool = False) -> Exit:
    """Destroy the stack once nobody depends on it. Prompts unless ``yes``."""
    engine.require_answer(yes=yes)
    engine.check_state()  # Before anybody is removed from a group.
    if engine.recorded():
        _make_safe_to_destroy(stack, engine, ask=not yes)
        engine.unprotect()
    show = Concise(f"Destroying {stack.name}", destroys=True) if yes and not verbose else None
    outcome = engine.run("destroy", *(["--yes", "--skip-preview"] if yes else []), show=show)
    return outcome.failure() if outcome.code else Exit.FINE


def _make_safe_to_destroy(opened: Stack, engine: Engine, *, ask: bool) -> None:
    settings = opened.settings()

    def assessed() -> Assessment:
        try:
            return assessing.assess_stack(opened, settings, engine, destroys=True)
        except GraphError as error:
            raise OperationError(
                f"Who depends on the application is unknown, so nothing is destroyed: {error}. Fix that and rerun"
            ) from None

    def depending() -> Collection[str]:
        assessment = assessed()
        losses = assessment.forecast.losses
        if not assessment.snapshot.groups_known:
            return losses
        # The configuration says how long to wait for people who just left (certificates.waitMinutes).
        return [each for each in losses if is_among(each, assessment.snapshot.everybody)]

    record = assessing.record_of(engine)
    if record.value is None:
        raise OperationError(
            f"What this stack deployed is unknown, so nothing is destroyed: {record.source}. Fix that and rerun"
        )
    refuse_if_managed_elsewhere(
        opened.name,
        record.value,
        _records(engine, list(others_of_the_account(opened, settings.account_code))),
    )
    if settings.application.adopt:
        refuse_if_shared(assessed())
    refuse_to_remove_addresses(record.value, opened.name)
    prepare(opened, settings, record.value, depending, ask=ask)


def others_of_the_account(stack: Stack, account_code: str) -> Iterator[str]:
    """The project's other stacks whose files name the account."""
    for name in stack.project.stacks():
        if name != stack.name and mentions(stack.project.stack_file(name), account_code):
            yield name


def _records(engine: Engine, stacks: Sequence[str]) -> dict[str, Known[Record]]:
    """What other stacks recorded, several read at a time: of a service, each takes a second."""
    with ThreadPoolExecutor(max_workers=_READ_AT_ONCE) as pool:
        read = pool.map(lambda name: assessing.record_of(engine.beside(name)), stacks)
        return dict(zip(stacks, read, strict=True))


def refuse_if_managed_elsewhere(stack: str, record: Record, others: Mapping[str, Known[Record]]) -> None:
    """Raise OperationError if another stack of the project deployed or adopted the application of this one.

    Both manage its assignments and the same people in the roll-out group. A stack whose state cannot be read is named.
    """
    own = record.application
    for name, known in others.items():
        theirs = known.value.application if known.value else None
        if own is not None and theirs is not None and theirs.client_id.lower() == own.client_id.lower():
            raise OperationError(
                f"Nothing was destroyed: stack {name} also manages application {own.client_id} and the people who "
                f"sign in through it. To leave it to stack {name}, forget this one without deleting anything: pulumi "
                f"stack rm --force {stack}. To destroy it, first forget the other: pulumi stack rm --force {name}",
                Exit.REFUSED,
            )
        if not known.is_known:
            say(f"Whether stack {name} manages the same application is unknown: {known.source}", err=True)


def refuse_if_shared(assessment: Assessment) -> None:
    """Raise OperationError if others assigned people to an adopted application, who may sign in through it.

    Another stack may have deployed it, with a roll-out group that this stack does not know.
    """
    application, record = assessment.desired.application, assessment.desired.record
    if application is None or record.application is None:
        return
    own = {*record.assignments, *assessment.desired.principals}
    others = sorted({each.name for each in application.assigned if each.principal_id not in own})
    if others:
        subject = count(len(others), "user or group is", "users and groups are")
        raise OperationError(
            f"Nothing was destroyed: {subject} assigned to the adopted application {application.client_id} outside "
            "this stack, for instance by another stack that deployed it, and may sign in through it: "
            f"{enumerate_some(others)}. If nobody needs it, remove their assignments in Entra, wait "
            f"{PROPAGATION_MINUTES} minutes and rerun. To leave it to the other stack, forget this one without "
            f"deleting anything: pulumi stack rm --force {assessment.stack}",
            Exit.REFUSED,
        )


def refuse_to_remove_addresses(record: Record, stack: str) -> None:
    """Raise OperationError if deleting the address book would disable addresses, or fail in the middle of the run.

    A disabled address has no password either: it would end the sign-in of everybody in the book, most of whom may never
    have been in the roll-out.
    """
    book, own = record.book, record.account_for_tests
    if book is None or book.check_only or book.on_removal == Removal.FORGET:
        return
    disables = book.on_removal == Removal.DISABLE
    found = book.addresses & (book.created | book.adopted) if disables else book.addresses
    found -= {own.address} if own is not None else frozenset()
    if not found:
        return
    effect = (
        f"would be disabled at Mimecast, which ends sign-in with a password too: {enumerate_some(sorted(found))}"
        if disables
        else "would be removed from the configuration, which it forbids"
    )
    raise OperationError(
        f"Nothing was destroyed: {count(len(found), 'address')} {effect} (mimecast-sso:addresses.onRemoval was "
        f"deployed as {book.on_removal}). To leave them unchanged, set onRemoval: forget, deploy (mimecast-sso up "
        f"--stack {stack}) and rerun. To disable some, first remove them from mimecast-sso:addresses with onRemoval: "
        "disable.",
        Exit.REFUSED,
    )


def prepare(
    stack: Stack,
    settings: Settings,
    record: Record,
    depending: Callable[[], Collection[str]],
    pause: Callable[[float], None] = time.sleep,
    *,
    ask: bool = False,
) -> None:
    """Make the stack safe to destroy, printing each step; return once nobody depends on it.

    Only members that this stack put into its groups are removed from them.

    Args:
        stack: The stack.
        settings: Its configuration.
        record: The record of its last deployment.
        depending: Returns who would lose their sign-in if the Entra side were deleted now.
        pause: Waits for a number of seconds.
        ask: Whether to prompt before anybody is removed.

    Raises:
        OperationError: The guard is not overridden, people are still in the group, or people depend on it.
        MimecastError: The group cannot be emptied.
        click.Abort: The prompt was answered with no.
    """
    try:
        members, unread = _own_members(stack, record), ""
    except MimecastError as error:
        members, unread = {}, " ".join(str(error).split())
    everybody = frozenset[str]().union(*members.values())
    own = record.account_for_tests
    people = everybody - ({own.address} if own is not None else set())  # The test account is not a person.
    _require_the_override(stack, settings, people, unread)
    if people and ask:
        click.confirm(f"Remove {count(len(people), 'person')} from the roll-out group now?", abort=True)
    if everybody:
        say("\n".join(roll_out.emptied(stack, settings.roll_out, only=members).lines()))
    _wait(stack, settings, just_emptied=bool(everybody), pause=pause)
    _stop_if_needed(stack, _own_members(stack, record), depending())
    say("Nobody depends on the application (read live). Destroying the Entra side.")


def _require_the_override(stack: Stack, settings: Settings, people: frozenset[str], unread: str) -> None:
    """Raise OperationError unless the guard is overridden and the members are known."""
    override = settings.override(_GUARD, mimecast_time(stack).at.date())
    if override is None:
        raise OperationError(_finding(stack, settings, people, unread).refusal(), Exit.REFUSED)
    say(f"Guard {_GUARD} is overridden until {override.until}: {override.reason}.")
    if unread:
        raise OperationError(
            f"Who is in the roll-out group is unknown, so nothing is destroyed: {unread}. Fix that and rerun",
            Exit.ERROR,
        )


def _own_members(stack: Stack, record: Record) -> dict[str, frozenset[str]]:
    """The live members of this stack's groups that the stack manages, by group."""
    recorded = {each.group: each.members for each in record.memberships.values()}
    live = roll_out.members_by_group(connect(stack), recorded)
    return {name: members & recorded[name] for name, members in live.items() if members & recorded[name]}


def _stop_if_needed(stack: Stack, members: Mapping[str, frozenset[str]], depending: Collection[str]) -> None:
    again = sorted(frozenset[str]().union(*members.values()))
    if again:
        raise OperationError(
            f"Nothing was destroyed: {count(len(again), 'person')} in the roll-out group again, added outside this "
            f"stack ({enumerate_some(again)}). Find out what adds people, stop it and rerun.",
            Exit.REFUSED,
        )
    if depending:
        raise OperationError(
            f"Nothing was destroyed: {count(len(depending), 'person')} in the roll-out group, added outside this "
            f"stack, would lose their sign-in: {enumerate_some(sorted(depending))}. Remove them from the group "
            f"(mimecast-sso roll-out back --stack {stack.name}), wait {PROPAGATION_MINUTES} minutes until Mimecast "
            "acts on it, and rerun.",
            Exit.REFUSED,
        )


def _finding(stack: Stack, settings: Settings, members: frozenset[str], unread: str) -> GuardFinding:
    name = f"the roll-out group {quoted(settings.roll_out.group)}"
    known = (
        Statement(f"who is in {name}", How.UNKNOWN, unread)
        if unread
        else Statement(f"{count(len(members), 'person')} whom this stack added in {name}", How.LIVE)
    )
    remedy = (
        f"remove everybody first (mimecast-sso roll-out back --stack {stack.name}), then override this guard; "
        f"with the override, down removes people and waits {count(settings.certificates.wait_minutes, 'minute')} "
        "(certificates.waitMinutes)"
    )
    if members:
        who = f"sign-in through Entra would end for {count(len(members), 'person')}"
    elif unread:
        who = f"who is in {name} is unknown"
    else:
        who = f"nobody whom this stack added is in {name}"
        remedy = ""
    return GuardFinding(
        _GUARD,
        f"application, service principal, identifier and certificates would be deleted; {who}",
        tuple(sorted(members)),
        known=(known,),
        remedy=remedy,
    )


def _wait(stack: Stack, settings: Settings, *, just_emptied: bool, pause: Callable[[float], None]) -> None:
    whole = timedelta(minutes=settings.certificates.wait_minutes)
    if not whole:
        return
    rest, why = whole, "people were just removed from the group"
    if not just_emptied:
        rest, why = _rest(connect(stack), whole)
    if rest > timedelta():
        say(
            f"Waiting {count(round(rest.total_seconds() / 60), 'minute')} until Mimecast no longer sends anybody to "
            f"Entra: {why}."
        )
        pause(rest.total_seconds())


def _rest(client: MimecastClient, whole: timedelta) -> tuple[timedelta, str]:
    """The rest of the wait, by Mimecast's audit log and clock; all of it if the log cannot be read."""
    now = client.now()
    try:
        last = last_group_change(client, now - whole)
    except MimecastError as error:
        return whole, f"it is unknown when somebody last left the group ({' '.join(str(error).split())})"
    if last is None:
        return timedelta(), ""
    return last + whole - now, f"a group was changed at {last:%H:%M:%SZ} (audit log)"
