"""Guard `last-sign-in-method`: nobody's last working way to sign in is taken away.

Whoever is in the roll-out group signs in through Entra and by nothing else: Mimecast refuses their passwords. So for
new people that way has to work, and for those who are in the group it must not be taken away: their assignment.
Which passwords Mimecast holds, no API shows; so a password is never counted as another way.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.findings import Finding
from mimecast_sso.assessment.guards.situation import Situation
from mimecast_sso.provenance import How, Statement


def find(situation: Situation) -> Finding:
    """Not met where single sign-on does not work for whom it becomes, or stays, the only way."""
    added = _for_new_people(situation) if situation.added else None
    return (
        added or _for_present_people(situation) or Finding("last-sign-in-method", tuple(_inputs(situation)))
    )


def _for_new_people(situation: Situation) -> Finding | None:
    problem = _why_it_does_not_work(situation)
    if not problem:
        return None
    return Finding(
        "last-sign-in-method",
        tuple(_inputs(situation)),
        f"{len(situation.added)} people would have single sign-on as their only way to sign in, and {problem}",
        situation.added,
        "mend that first, with mimecast-sso:rollOut as it was; then add people",
    )


def _why_it_does_not_work(situation: Situation) -> str:
    principal = situation.principal.value
    if not situation.principal.is_known:
        return "whether it works is unknown, because Entra was not read"
    if principal is None:
        return "Entra has no application with Mimecast's identifier"
    if not principal.enabled:
        return "the application is disabled in Entra (Properties > Enabled for users to sign in)"
    if principal.signing is None or not principal.signing.is_valid(principal.now):
        return "Entra has no valid signing certificate for it"
    return ""


def _for_present_people(situation: Situation) -> Finding | None:
    losing = _losing(situation)
    if not losing:
        return None
    return Finding(
        "last-sign-in-method",
        tuple(_inputs(situation)),
        f"{len(losing)} people who sign in through Entra would lose their assignment, and Mimecast refuses their "
        "passwords",
        losing,
        "take them out of the roll-out first, and wait Mimecast's 15 minutes; or keep them in mimecast-sso:assign",
    )


def _losing(situation: Situation) -> tuple[str, ...]:
    """Who is in the group and assigned by this stack now, and would not be assigned afterwards."""
    principal = situation.principal.value
    if principal is None or not situation.removed:
        return ()
    if not (principal.assignment_required and situation.settings.application.assignment_required):
        return ()
    kept = {person.mail.lower() for person in situation.assigned}
    others = situation.strangers.value
    # Where the stack's state is unknown, so is whose the other assignments are: they do not count.
    if others is not None and situation.deployed.is_known:
        kept |= {person.mail.lower() for person in others.found if person.object_id in others.assigned}
    return tuple(address for address in situation.staying if address not in kept)


def _inputs(situation: Situation) -> Iterator[Statement]:
    yield situation.group_input()
    yield situation.principal_input()
    principal = situation.principal.value
    if principal is not None:
        state = "enabled" if principal.enabled else "disabled"
        signing = principal.signing
        until = f"signs until {signing.not_after:%Y-%m-%d}" if signing else "has no certificate that signs"
        yield Statement(f"the application is {state}, and {until}", How.LIVE)
        yield Statement(f"{len(principal.assigned)} users and groups are assigned", How.LIVE)
        if situation.deployed.value is None:
            yield Statement("which of these this stack assigned", How.UNKNOWN, situation.deployed.source)
    yield from situation.confirmation_inputs()
