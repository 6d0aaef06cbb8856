"""How far each generation has come, as text."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from mimecast_sso.console.attestation import OPENS
from mimecast_sso.operations.rotation.gates import soak_ends
from mimecast_sso.operations.rotation.picture import Picture, SlotGroup
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Generation, Retired
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count


class State(StrEnum):
    """How far a generation has come."""

    ABSENT = "absent"
    STAGED = "staged"
    TRUSTED = "trusted"
    ACTIVE = "active"
    SOAKED = "soaked"
    RETIRED = "retired"
    UNKNOWN = "unknown"


def state(picture: Picture, generation: Generation) -> State:
    """Tell how far a generation has come, from what is live, attested and configured."""
    if picture.entra is None:
        return State.UNKNOWN
    if picture.live(generation) is None:
        return State.ABSENT
    if picture.is_active(generation):
        ends = soak_ends(picture)
        soaked = ends is not None and picture.now >= ends and picture.wanted.active == generation.label
        return State.SOAKED if soaked else State.ACTIVE
    # With metadata nobody knows until it signs: whether inactive ones are listed there is not documented.
    return State.TRUSTED if picture.trusts(generation) and not picture.by_metadata else State.STAGED


def lines(picture: Picture) -> Iterator[str]:
    """The generations and the groups as text, each fact with how it is known."""
    for head, statement in _rows(picture):
        yield f"  {head}{statement}"


def statements(picture: Picture) -> Iterator[Statement]:
    """The same as statements."""
    for _, statement in _rows(picture):
        yield statement


_Row = tuple[str, Statement]
"""The start of a line, and the statement after it."""


def _rows(picture: Picture) -> Iterator[_Row]:
    for generation in picture.wanted.generations:
        reached = state(picture, generation)
        yield _head(generation.label, reached), _at_entra(picture, generation)
        yield _head("", ""), _at_mimecast(picture, generation)
    for entry in picture.wanted.retired:
        yield _head(entry.label, State.RETIRED), _retired(picture, entry)
    for stray in picture.strays:
        text = f"{stray.thumbprint}: left over from an interrupted run"
        yield _head(stray.label, "left over"), _live(picture, text, stray.label, Verdict.WARNS)
    if picture.entra and picture.switched:
        text = f"Entra signs with {picture.entra.active(picture.now)}, because the active one is not valid"
        yield "", _live(picture, text, "", Verdict.WARNS)
    for note in picture.notes:
        yield f"{note.subject}: ", note
    for slot in picture.wanted.slots:
        if group := picture.groups.get(slot):
            yield f"group “{group.name}”: ", _group(picture, group)


def _head(label: str, reached: str) -> str:
    return f"{label:12} {reached:8} "


def _live(picture: Picture, text: str, label: str, verdict: Verdict = Verdict.NOTE) -> Statement:
    source = f"Microsoft Graph at {shown(picture.now)}"
    return Statement(text, How.LIVE, source, verdict, _subject(label) if label else "signing certificate")


def _subject(label: str) -> str:
    return f"generation {label}"


def _unread(text: str, label: str) -> Statement:
    return Statement(text, How.UNKNOWN, "Entra was not read", Verdict.UNKNOWN, _subject(label))


def _retired(picture: Picture, entry: Retired) -> Statement:
    if picture.entra is None:
        return _unread(f"whether {entry.thumbprint} is removed from Entra", entry.label)
    where = "still in Entra" if entry.thumbprint in picture.entra.thumbprints else "removed from Entra"
    return _live(picture, f"{entry.thumbprint}: {where}", entry.label)


def _group(picture: Picture, group: SlotGroup) -> Statement:
    subject = f"group “{group.name}”"
    if group.members is None:
        return Statement("who is in it", How.UNKNOWN, "Mimecast was not read", Verdict.UNKNOWN, subject)
    source = f"Mimecast at {shown(picture.now)}"
    return Statement(count(len(group.members), "person"), How.LIVE, source, Verdict.NOTE, subject)


def _at_entra(picture: Picture, generation: Generation) -> Statement:
    if picture.entra is None:
        return _unread("Entra: whether its certificate exists", generation.label)
    live = picture.live(generation)
    if live is None:
        return _live(picture, "Entra: no certificate", generation.label)
    role = "signs" if picture.is_active(generation) else "inactive"
    since = ""
    if picture.is_active(generation) and picture.activated_at:
        since = f" since {shown(picture.activated_at)}"
    text = f"Entra: {live.thumbprint} until {live.not_after:%Y-%m-%d}, {role}{since}"
    return _live(picture, text, generation.label)


def _at_mimecast(picture: Picture, generation: Generation) -> Statement:
    text, how, source = _of_profile(picture, generation)
    return Statement(f"Mimecast: {text}", how, source, Verdict.NOTE, _subject(generation.label))


def _of_profile(picture: Picture, generation: Generation) -> tuple[str, How, str]:
    profile = picture.profiles.get(generation.profile)
    which = f"the {generation.profile} profile"
    if profile is None:
        return "no profile yet", How.RECORDED, ""
    if picture.by_metadata:
        observed = picture.wanted.metadata_observed
        seen = f"; followed once, observed by {observed.by} at {observed.at}" if observed else ""
        attested = f"{profile.state}, {profile.basis or 'not attested'}{seen}"
        return "follows the metadata", How.ATTESTED if profile.basis else How.RECORDED, attested
    if not picture.thumbprint(generation):
        return "no certificate to hold yet", How.RECORDED, ""
    if not profile.thumbprint or profile.thumbprint != picture.thumbprint(generation):
        return f"{which} is configured with another certificate", How.RECORDED, ""
    if profile.state in OPENS:
        return f"{which} holds it", How.ATTESTED, f"{profile.state}, {profile.basis}"
    return f"whether {which} holds it", How.UNKNOWN, f"it is {profile.state}"
