"""The facts of a rotation: desired, live, attested and recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mimecast_sso.console.attestation import OPENS
from mimecast_sso.provenance import Statement
from mimecast_sso.settings import Certificates, Generation, ProfileSlot, RotationMode
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate


@dataclass(frozen=True, slots=True)
class SlotProfile:
    """An authentication profile as the last deployment recorded it; no API shows the console."""

    state: str
    thumbprint: str
    """Thumbprint of the certificate in its form; "" if it has none."""
    basis: str = ""
    """The person who attested it and the time, in words."""
    idle: bool = False
    confirmed_since: bool = False
    """Whether the stack file has a confirmation that is not deployed yet."""


@dataclass(frozen=True, slots=True)
class SlotGroup:
    """A roll-out group: its members (``None``: could not be read), and what the last deployment did to it."""

    name: str
    members: frozenset[str] | None
    recorded: frozenset[str] = frozenset()
    changed_at: datetime | None = None
    held: bool = False
    """Whether the last deployment that recorded it added nobody, and so recorded no join times."""


@dataclass(frozen=True, slots=True)
class RotationSnapshot:
    """Both sides of a rotation. What could not be read is ``None``, and ``unknown`` says why."""

    stack: str
    configured: Certificates
    entra: PrincipalCertificates | None
    now: datetime
    """The time of the service that was read."""
    thumbprints: Mapping[str, str]
    """Label → thumbprint, as the last deployment recorded them."""
    activated: str
    """The certificate that signed after the last deployment; "" before the first."""
    activated_at: datetime | None
    profiles: Mapping[ProfileSlot, SlotProfile]
    groups: Mapping[ProfileSlot, SlotGroup]
    unknown: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    """External changes of the certificates that a deployment undid, in words."""
    notes: tuple[Statement, ...] = ()
    """Further facts about such changes, or why they are unknown."""

    def command(self, words: str) -> str:
        """A command for this stack, such as ``mimecast-sso rotate next --stack prod-eu``."""
        return f"mimecast-sso {words} --stack {self.stack}"

    @property
    def up(self) -> str:
        """The command that deploys the configuration and records the live state."""
        return f"{self.command('up')} --refresh"

    def thumbprint(self, generation: Generation) -> str:
        """The thumbprint of a generation; "" before it is deployed."""
        return self.thumbprints.get(generation.label, "")

    def live(self, generation: Generation) -> SigningCertificate | None:
        """A generation's certificate in Entra, if it exists."""
        return self.entra.get(self.thumbprint(generation)) if self.entra else None

    def is_active(self, generation: Generation) -> bool:
        """Whether Entra names a generation's certificate as the active one."""
        named = self.entra.named() if self.entra else None
        return named is not None and named.thumbprint == self.thumbprint(generation)

    def trusts(self, generation: Generation) -> bool:
        """Whether the profile in its slot is attested to hold its certificate, or to follow the metadata."""
        profile = self.profiles.get(generation.profile)
        if profile is None or profile.state not in OPENS:
            return False
        return self.by_metadata or profile.thumbprint == self.thumbprint(generation)

    @property
    def by_metadata(self) -> bool:
        """Whether Mimecast reads certificates from the metadata instead of getting them from a person."""
        return self.configured.rotation is RotationMode.METADATA

    @property
    def blue_green(self) -> bool:
        """Whether people move between two groups."""
        return self.configured.rotation is RotationMode.BLUE_GREEN

    @property
    def people(self) -> frozenset[str]:
        """The members that the last deployment added to a group, or was configured to add."""
        return frozenset[str]().union(*(group.recorded for group in self.groups.values()))

    def group(self, slot: ProfileSlot) -> SlotGroup:
        """The group of a profile slot; unknown before it is deployed."""
        return self.groups.get(slot) or SlotGroup(f"the {slot} group", None)

    def members(self, slot: ProfileSlot) -> frozenset[str]:
        """The members of a profile slot's group; empty if unknown, which is reported elsewhere."""
        return self.group(slot).members or frozenset()

    def unrecorded(self, slot: ProfileSlot) -> frozenset[str]:
        """People who joined a profile slot's group in a run that was interrupted before recording the time."""
        group = self.group(slot)
        recorded = frozenset[str]() if group.held else group.recorded
        return (self.members(slot) & self.people) - recorded

    @property
    def switched(self) -> bool:
        """Whether Entra signs with a certificate other than the named one, because that one is not valid."""
        return self.entra is not None and self.entra.named() != self.entra.active(self.now)

    @property
    def strays(self) -> tuple[SigningCertificate, ...]:
        """Certificates with the label of a generation of this stack, left over from an interrupted run."""
        labels = self.thumbprints.keys() | self.configured.labels
        return tuple(each for each in self._unrecorded() if each.label in labels)

    @property
    def unmanaged(self) -> tuple[SigningCertificate, ...]:
        """Unmanaged certificates: this stack did not create them."""
        strays = self.strays
        return tuple(each for each in self._unrecorded() if each not in strays)

    def _unrecorded(self) -> Iterator[SigningCertificate]:
        retired = {entry.thumbprint for entry in self.configured.retired}
        known = {*self.thumbprints.values(), *retired}
        yield from (
            each for each in (self.entra.certificates if self.entra else ()) if each.thumbprint not in known
        )
