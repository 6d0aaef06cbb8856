"""The port that tells what the console holds, and how that is known.

No public Mimecast API shows authentication profiles or application settings, so today the source is an attestation
(`AttestedProfiles`). If the vendor ships an API, a second implementation of `ProfileSource` reads it, and nothing
above this module changes.

The console holds what was attested *last*: a newer attestation that a stack file no longer contains, because
the file was reverted, still shows what was saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from mimecast_sso.console.attestation import attested_by, fingerprints
from mimecast_sso.facts.attestation_documents import Attestation
from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES, FormValues
from mimecast_sso.provenance import How, Known, unknown
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text import certificates

TAKES_EFFECT = timedelta(minutes=PROPAGATION_MINUTES)
"""How long Mimecast may need to act on a change (the vendor's figure)."""


@dataclass(frozen=True, slots=True)
class ConsoleForm:
    """The values of one slot's forms, by key of `mimecast_sso.facts.profile_form.FIELDS`, the group included."""

    values: FormValues
    thumbprint: str
    """SHA-1 of the certificate in the form; "" if it has none."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the critical values."""
        return fingerprints(self.values, self.thumbprint).critical


@dataclass(frozen=True, slots=True)
class Slot:
    """What is known about one slot's forms.

    Attributes:
        desired: The configured form; ``None`` until its certificate exists.
        recorded: The last deployed form.
        previous: The form attested before the recorded one, while the recorded one is due.
        confirmed: The attestation in the stack file.
        recorded_confirmed: The last deployed attestation.
        live: The configured form with each certificate that Entra has: an attestation may be about a certificate that
            the state no longer has, because an older state was restored.
        due: Whether the recorded form was not attested when it was deployed.
        taken_over: Whether people that this stack did not add may sign in through the slot: the application is adopted,
            and they are in the roll-out group.
    """

    desired: ConsoleForm | None = None
    recorded: ConsoleForm | None = None
    previous: ConsoleForm | None = None
    confirmed: Attestation | None = None
    recorded_confirmed: Attestation | None = None
    live: tuple[ConsoleForm, ...] = ()
    due: bool = True
    taken_over: bool = False


class ProfileSource(Protocol):
    """A source for what the console holds."""

    def held(self, slot: ProfileSlot) -> Known[ConsoleForm]:
        """The forms of a slot; known without a value if this project has nothing set there."""

    def may_still_hold(self, slot: ProfileSlot, now: datetime) -> tuple[ConsoleForm | None, ...]:
        """Previous forms on which Mimecast may still act, because they changed recently."""


@dataclass(frozen=True, slots=True)
class AttestedProfiles:
    """The attestations in the stack file and in the state of the last deployment."""

    slots: Mapping[ProfileSlot, Slot] = field(default_factory=dict)

    def held(self, slot: ProfileSlot) -> Known[ConsoleForm]:
        """The forms that were attested last.

        Unknown if only their fingerprint is left because the state is lost, or if people signed in before this
        stack existed, under a form that nobody has attested yet.
        """
        found = self._latest(slot)
        if found is None:
            known = self.slots.get(slot) or Slot()
            if known.confirmed:
                return unknown(
                    f"{attested_by(known.confirmed)}, in a form that the stack's state no longer has"
                )
            if known.taken_over:
                return unknown(
                    "people are in the group of an adopted application, and nobody attested the form"
                )
            return Known(None, How.ATTESTED, "not attested")
        form, attestation = found
        return Known(
            form, How.ATTESTED, attested_by(attestation) if attestation else "before the last deployment"
        )

    def may_still_hold(self, slot: ProfileSlot, now: datetime) -> tuple[ConsoleForm | None, ...]:
        """The form before the last attested one, while that one is recent."""
        found = self._latest(slot)
        if found is None or found[1] is None or now - _moment(found[1]) > TAKES_EFFECT:
            return ()
        held, known = found[0], self.slots[slot]
        earlier = (known.previous, known.recorded if not known.due else None)
        others = [each for each in earlier if each is not None and each.fingerprint != held.fingerprint]
        return tuple(others[:1]) or (() if self._was_held(slot, held) else (None,))

    def _was_held(self, slot: ProfileSlot, held: ConsoleForm) -> bool:
        """Whether an earlier attestation is for the same form, so that renewing it changed nothing."""
        known = self.slots[slot]
        return not known.due and known.recorded is not None and known.recorded.fingerprint == held.fingerprint

    def _latest(self, slot: ProfileSlot) -> tuple[ConsoleForm, Attestation | None] | None:
        known = self.slots.get(slot) or Slot()
        found = list(self._attested(known))
        if _is_about_another_form(known, found):
            return None
        return max(found, key=lambda each: _at(each[1]), default=None)

    def _attested(self, known: Slot) -> Iterator[tuple[ConsoleForm, Attestation | None]]:
        """Each form with its attestation, if known; the newest counts, and the first of equal ones."""
        if known.confirmed:
            for form in (known.desired, known.recorded, known.previous, *known.live):
                if form is not None and form.fingerprint == known.confirmed.get("fingerprint"):
                    yield form, known.confirmed
                    break
        if known.recorded is not None and not known.due:
            yield known.recorded, known.recorded_confirmed
        elif known.previous is not None:
            yield known.previous, None


def _is_about_another_form(known: Slot, found: Sequence[tuple[ConsoleForm, Attestation | None]]) -> bool:
    """Whether the stack file's attestation is newer than the recorded one, and about a form that is lost."""
    if known.confirmed is None or known.recorded_confirmed is None or known.due:
        return False
    later = _at(known.confirmed) > _at(known.recorded_confirmed)
    return later and not any(attestation is known.confirmed for _, attestation in found)


def previous_form(values: FormValues | None) -> ConsoleForm | None:
    """A form as recorded in state; its thumbprint is computed from the certificate."""
    if values is None:
        return None
    return ConsoleForm(values, certificates.thumbprint_of(str(values.get("certificate") or "")))


def expiry_of(certificate: str) -> datetime | None:
    """The expiry of a certificate in base64; ``None`` if it is not a certificate."""
    from cryptography import x509  # noqa: PLC0415 (only run sheets need it)

    try:
        return x509.load_der_x509_certificate(certificates.der(certificate)).not_valid_after_utc
    except ValueError:
        return None


def _at(attestation: Attestation | None) -> str:
    """When it was given; "" for none, or one without a time."""
    return (attestation or {}).get("at") or ""


def _moment(attestation: Attestation) -> datetime:
    return datetime.fromisoformat(str(attestation["at"]))
