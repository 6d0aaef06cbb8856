"""The stage of each generation, as text."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from mimecast_sso.console.attestation import OPENS
from mimecast_sso.operations.rotation.gates import soak_ends
from mimecast_sso.operations.rotation.snapshot import RotationSnapshot, SlotGroup
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Generation, Retired
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count


class GenerationState(StrEnum):
    """The stage of a generation."""

    ABSENT = "absent"
    STAGED = "staged"
    TRUSTED = "trusted"
    ACTIVE = "active"
    SOAKED = "soaked"
    RETIRED = "retired"
    UNKNOWN = "unknown"


def state(snapshot: RotationSnapshot, generation: Generation) -> GenerationState:
    """The stage of a generation, from the live, attested and configured state."""
    if snapshot.entra is None:
        return GenerationState.UNKNOWN
    if snapshot.live(generation) is None:
        return GenerationState.ABSENT
    if snapshot.is_active(generation):
        ends = soak_ends(snapshot)
        soaked = ends is not None and snapshot.now >= ends and snapshot.configured.active == generation.label
        return GenerationState.SOAKED if soaked else GenerationState.ACTIVE
    # With metadata it is unknown until it signs: no source documents whether inactive ones are listed there.
    return (
        GenerationState.TRUSTED
        if snapshot.trusts(generation) and not snapshot.by_metadata
        else GenerationState.STAGED
    )


def lines(snapshot: RotationSnapshot) -> Iterator[str]:
    """The generations and the groups as text, each fact with how it is known."""
    for head, statement in _rows(snapshot):
        yield f"  {head}{statement}"


def statements(snapshot: RotationSnapshot) -> Iterator[Statement]:
    """The status as statements."""
    for _, statement in _rows(snapshot):
        yield statement


_Row = tuple[str, Statement]
"""The start of a line, and the statement after it."""


def _rows(snapshot: RotationSnapshot) -> Iterator[_Row]:
    for generation in snapshot.configured.generations:
        reached = state(snapshot, generation)
        yield _head(generation.label, reached), _at_entra(snapshot, generation)
        yield _head("", ""), _at_mimecast(snapshot, generation)
    for entry in snapshot.configured.retired:
        yield _head(entry.label, GenerationState.RETIRED), _retired(snapshot, entry)
    for stray in snapshot.strays:
        text = f"{stray.thumbprint}: left over from an interrupted run"
        yield _head(stray.label, "left over"), _live(snapshot, text, stray.label, Verdict.WARNS)
    if snapshot.entra and snapshot.switched:
        text = f"Entra signs with {snapshot.entra.active(snapshot.now)}, because the active one is not valid"
        yield "", _live(snapshot, text, "", Verdict.WARNS)
    for note in snapshot.notes:
        yield f"{note.subject}: ", note
    for slot in snapshot.configured.slots:
        if group := snapshot.groups.get(slot):
            yield f"group {quoted(group.name)}: ", _group(snapshot, group)


def _head(label: str, reached: str) -> str:
    return f"{label:12} {reached:8} "


def _live(snapshot: RotationSnapshot, text: str, label: str, verdict: Verdict = Verdict.NOTE) -> Statement:
    source = f"Microsoft Graph at {shown(snapshot.now)}"
    return Statement(text, How.LIVE, source, verdict, _subject(label) if label else "signing certificate")


def _subject(label: str) -> str:
    return f"generation {label}"


def _unread(text: str, label: str) -> Statement:
    return Statement(text, How.UNKNOWN, "Entra was not read", Verdict.UNKNOWN, _subject(label))


def _retired(snapshot: RotationSnapshot, entry: Retired) -> Statement:
    if snapshot.entra is None:
        return _unread(f"whether {entry.thumbprint} is removed from Entra", entry.label)
    where = "still in Entra" if entry.thumbprint in snapshot.entra.thumbprints else "removed from Entra"
    return _live(snapshot, f"{entry.thumbprint}: {where}", entry.label)


def _group(snapshot: RotationSnapshot, group: SlotGroup) -> Statement:
    subject = f"group {quoted(group.name)}"
    if group.members is None:
        return Statement("who is in it", How.UNKNOWN, "Mimecast was not read", Verdict.UNKNOWN, subject)
    source = f"Mimecast at {shown(snapshot.now)}"
    return Statement(count(len(group.members), "person"), How.LIVE, source, Verdict.NOTE, subject)


def _at_entra(snapshot: RotationSnapshot, generation: Generation) -> Statement:
    if snapshot.entra is None:
        return _unread("Entra: whether its certificate exists", generation.label)
    live = snapshot.live(generation)
    if live is None:
        return _live(snapshot, "Entra: no certificate", generation.label)
    role = "signing" if snapshot.is_active(generation) else "inactive"
    since = ""
    if snapshot.is_active(generation) and snapshot.activated_at:
        since = f" since {shown(snapshot.activated_at)}"
    text = f"Entra: {live.thumbprint} until {live.not_after:%Y-%m-%d}, {role}{since}"
    return _live(snapshot, text, generation.label)


def _at_mimecast(snapshot: RotationSnapshot, generation: Generation) -> Statement:
    text, how, source = _of_profile(snapshot, generation)
    return Statement(f"Mimecast: {text}", how, source, Verdict.NOTE, _subject(generation.label))


def _of_profile(snapshot: RotationSnapshot, generation: Generation) -> tuple[str, How, str]:
    profile = snapshot.profiles.get(generation.profile)
    which = f"the {generation.profile} profile"
    if profile is None:
        return "no profile yet", How.RECORDED, ""
    if snapshot.by_metadata:
        observed = snapshot.configured.metadata_observed
        seen = f"; followed once, observed by {observed.by} at {observed.at}" if observed else ""
        attested = f"{profile.state}, {profile.basis or 'not attested'}{seen}"
        return "follows the metadata", How.ATTESTED if profile.basis else How.RECORDED, attested
    if not snapshot.thumbprint(generation):
        return "no certificate to hold yet", How.RECORDED, ""
    if not profile.thumbprint or profile.thumbprint != snapshot.thumbprint(generation):
        return f"{which} is configured with another certificate", How.RECORDED, ""
    if profile.state in OPENS:
        return f"{which} holds it", How.ATTESTED, f"{profile.state}, {profile.basis}"
    return f"whether {which} holds it", How.UNKNOWN, f"it is {profile.state}"
