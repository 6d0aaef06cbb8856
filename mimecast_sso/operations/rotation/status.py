"""How far each generation has come, as text."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from mimecast_sso.console.attestation import OPENS
from mimecast_sso.operations.rotation.gates import soak_ends
from mimecast_sso.operations.rotation.picture import Picture
from mimecast_sso.settings import Generation
from mimecast_sso.text.times import shown


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
    """How far a generation has come, from what is live, attested and configured."""
    if picture.entra is None:
        return State.UNKNOWN
    if picture.live(generation) is None:
        return State.ABSENT
    if picture.is_active(generation):
        ends = soak_ends(picture)
        soaked = ends is not None and picture.now >= ends and picture.wanted.active == generation.label
        return State.SOAKED if soaked else State.ACTIVE
    # By metadata nobody knows before it signs: whether inactive ones are listed there is not documented.
    return State.TRUSTED if picture.trusts(generation) and not picture.by_metadata else State.STAGED


def lines(picture: Picture) -> Iterator[str]:
    """The generations and the groups as text, each fact with how it is known."""
    read = f"read live at {shown(picture.now)}"
    for generation in picture.wanted.generations:
        yield f"  {generation.label:12} {state(picture, generation):8} {_of_entra(picture, generation, read)}"
        yield f"  {'':12} {'':8} Mimecast: {_of_mimecast(picture, generation)}"
    for entry in picture.wanted.retired:
        there = picture.entra is not None and entry.thumbprint in picture.entra.thumbprints
        where = "unknown" if picture.entra is None else "still in Entra" if there else "gone from Entra"
        yield f"  {entry.label:12} {State.RETIRED:8} {entry.thumbprint}: {where} ({read})"
    for stray in picture.strays:
        yield f"  {stray.label:12} {'left over':8} {stray.thumbprint}: an interrupted run made it ({read})"
    if picture.entra and picture.switched:
        yield f"  Entra signs with {picture.entra.active(picture.now)}, because the active one is not valid ({read})"
    yield from (f"  {note}" for note in picture.notes)
    for lane in picture.wanted.lanes:
        if group := picture.groups.get(lane):
            known = group.members is not None
            count = (
                f"{len(group.members or ())} people ({read})" if known else "unknown (Mimecast was not read)"
            )
            yield f"  group “{group.name}”: {count}"


def _of_entra(picture: Picture, generation: Generation, read: str) -> str:
    if picture.entra is None:
        return "Entra: unknown (it was not read)"
    live = picture.live(generation)
    if live is None:
        return f"Entra: not there ({read})"
    role = "signs" if picture.is_active(generation) else "inactive"
    since = ""
    if picture.is_active(generation) and picture.activated_at:
        since = f" since {shown(picture.activated_at)}"
    return f"Entra: {live.thumbprint} until {live.not_after:%Y-%m-%d}, {role}{since} ({read})"


def _of_mimecast(picture: Picture, generation: Generation) -> str:
    profile = picture.profiles.get(generation.profile)
    if profile is None:
        return "no profile yet (as deployed last)"
    if picture.by_metadata:
        observed = picture.wanted.metadata_observed
        seen = f"; followed once, observed by {observed.by} at {observed.at}" if observed else ""
        return f"follows the metadata ({profile.state}, {profile.basis or 'not attested'}{seen})"
    if not picture.thumbprint(generation):
        return "no certificate yet that it could hold"
    if not profile.thumbprint or profile.thumbprint != picture.thumbprint(generation):
        return f"the {generation.profile} profile is to hold another certificate (as deployed last)"
    if profile.state in OPENS:
        return f"the {generation.profile} profile holds it ({profile.state}, {profile.basis})"
    return f"the {generation.profile} profile is {profile.state}: whether it holds it is unknown"
