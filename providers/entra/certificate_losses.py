"""External changes of a principal's credentials that a write of this project undid, from the audit log.

Graph's lists of credentials have no version, and each write replaces a whole list. So a certificate that is added
between this project's last read and its write is lost with the old list, and no later read shows that it existed. The
audit log has both: who added it, and which write removed it. Entries come minutes late, so a later run finds what one
right after the write cannot.

A write of this project removes one certificate, which the configuration names. So these count as losses:

- anything else that was removed in the same write as a named one; or
- removals by this caller or by another application, if several were removed at once, or within `_LONGEST_WRITE` of
  being added externally. An older one had already been read, and is kept unless it was to be removed.

A removal by a person is assumed to be intended. An activation counts as lost if an application, or this caller,
activated another certificate within `_NOBODY_REACTS`; within `_LONGEST_WRITE` it is reported as open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from mimecast_sso.facts.entra_directory_audits import LATENCY_MINUTES, RETENTION_DAYS, RETENTION_DAYS_FREE
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.text.times import shown
from providers.entra.directory_audits import Actor, AuditEntry, LoggedCredential
from providers.entra.signing_certificates import PrincipalCertificates, subject

LOG = "the directory's audit log"
"""The source of these statements."""

RETENTION = timedelta(days=RETENTION_DAYS)
"""How far back the log is read."""

_LATE = timedelta(minutes=LATENCY_MINUTES)
_LONGEST_WRITE = timedelta(minutes=30)
"""The longest time between the last read and the end of a write with all its retries: a few minutes."""
_NOBODY_REACTS = timedelta(minutes=1)
"""Too short for a person to notice an activation and make another."""
_SURELY_KEPT = timedelta(days=RETENTION_DAYS_FREE - 1)


@dataclass(frozen=True, slots=True)
class Ours:
    """The changes that this project makes itself.

    Attributes:
        caller: Object id of the deploying principal.
        retired: Thumbprint → label of the certificates to remove.
        retired_keys: Thumbprint → ids of the removed keys, if recorded.
        settled: References of losses that are settled.
    """

    caller: str
    retired: Mapping[str, str]
    retired_keys: Mapping[str, frozenset[str]]
    settled: frozenset[str] = frozenset()

    def named(self, credential: LoggedCredential) -> bool:
        """Whether the stack removes it, by its key, or by its generation if the keys were not recorded."""
        if any(credential.key_id in keys for keys in self.retired_keys.values()):
            return True
        unrecorded = (
            label for thumbprint, label in self.retired.items() if thumbprint not in self.retired_keys
        )
        return credential.display_name in {subject(label) for label in unrecorded}

    def may_be(self, actor: Actor) -> bool:
        """Whether this actor's write may be this project's: other deployments may run as another application."""
        return actor.object_id == self.caller or not actor.is_person


@dataclass(frozen=True, slots=True)
class CertificateLoss:
    """An external change that this project's write undid. ``certificates.settledLosses`` lists it by ``reference``."""

    what: str
    reference: str
    done: str
    """Who made the change and when, in words."""
    undone: str

    def __str__(self) -> str:
        return f"{self.what}, {self.done}, was undone by {self.undone} (reference {self.reference})"


@dataclass(frozen=True, slots=True)
class LogReview:
    """The findings in the log.

    Attributes:
        losses: Losses that are not settled.
        gaps: Missing entries of the log (``UNKNOWN``), and possible losses (``OPEN``).
    """

    losses: tuple[CertificateLoss, ...] = ()
    gaps: tuple[Statement, ...] = ()


def review(
    entries: Sequence[AuditEntry], live: PrincipalCertificates, now: datetime, ours: Ours
) -> LogReview:
    """Find external changes that this project's writes undid.

    Args:
        entries: All since ``now`` less `RETENTION`, oldest first.
        live: The certificates, read before the entries.
        now: The time at Entra.
        ours: The intended removals.
    """
    gone = list(_gone(entries, live, ours))
    replaced = list(_replaced(entries, live, ours))
    lost = [each for each in gone if each.is_loss(ours)]
    losses = [*_losses(lost), *(each.loss for each in replaced if each.soon)]
    doubts = (
        *_unexplained(gone, now),
        *(f"{each.loss}, unless the later one was intended" for each in replaced if not each.soon),
        *_silent(entries, live, now),
    )
    return LogReview(
        losses=tuple(each for each in losses if each.reference not in ours.settled),
        gaps=(
            *_unreadable(entries, ours),
            *(Statement(each, How.LIVE, LOG, Verdict.OPEN) for each in doubts),
        ),
    )


# -- Credentials ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Gone:
    """A missing credential, and the entries of its creation and removal; ``None``: not in the log."""

    credential: LoggedCredential
    added: AuditEntry | None
    removed: AuditEntry | None

    def is_loss(self, ours: Ours) -> bool:
        if self.removed is None:
            return False
        if any(ours.named(each) for each in self.removed.removed):
            return True
        if not ours.may_be(self.removed.by):
            return False
        if sum(_is_public_half(each) for each in self.removed.removed) > 1:
            return True
        if self.added is None or self.removed.by == self.added.by:
            return False
        return self.removed.at - self.added.at <= _LONGEST_WRITE


def _gone(entries: Sequence[AuditEntry], live: PrincipalCertificates, ours: Ours) -> Iterator[_Gone]:
    added = {each.key_id: (each, entry) for entry in entries for each in entry.added}
    removed = {each.key_id: (each, entry) for entry in entries for each in entry.removed}
    for key_id in sorted(added.keys() | removed.keys()):
        credential = (added.get(key_id) or removed[key_id])[0]
        if key_id not in live.key_ids and not ours.named(credential):
            yield _Gone(
                credential, *(found[key_id][1] if key_id in found else None for found in (added, removed))
            )


def _losses(lost: Iterable[_Gone]) -> Iterator[CertificateLoss]:
    """One loss for credentials of the same name that were removed together: a certificate is several credentials."""

    for _, group in groupby(sorted(lost, key=_together), key=_together):
        members = list(group)
        shown = next((each for each in members if _is_public_half(each.credential)), members[0])
        kind = "password" if shown.credential.kind == "Password" else "certificate"
        name = shown.credential.display_name or "without a name"
        added = shown.added
        yield CertificateLoss(
            f"{kind} {name}, key {shown.credential.key_id}",
            shown.credential.key_id,
            f"added {_by(added)}" if added else "added by an unknown actor (not in the log)",
            f"the write {_by(shown.removed)}" if shown.removed else "an unknown write",
        )


def _together(each: _Gone) -> tuple[str, str, str]:
    added, removed = (entry.id if entry else "" for entry in (each.added, each.removed))
    return added, removed, each.credential.display_name


def _is_public_half(credential: LoggedCredential) -> bool:
    return credential.usage == "Verify" and credential.kind != "Password"


def _unexplained(gone: Iterable[_Gone], now: datetime) -> Iterator[str]:
    """Report credentials without an entry of their removal: it may be late or missing."""
    for each in gone:
        if each.removed or not each.added or not _is_public_half(each.credential):
            continue
        if each.added.at < now - _LATE:
            name = each.credential.display_name
            yield f"certificate {name}, added {_by(each.added)}, was removed, but no entry shows by whom yet"


# -- Activations ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Replaced:
    loss: CertificateLoss
    soon: bool


def _replaced(entries: Iterable[AuditEntry], live: PrincipalCertificates, ours: Ours) -> Iterator[_Replaced]:
    """External activations that were soon followed by another one that may be this project's."""
    activations = [(entry, entry.activated) for entry in entries if entry.activated]
    for (theirs, (before, desired)), (after, (_, instead)) in pairwise(activations):
        # Entra itself activates the very first certificate.
        if not before or desired in ("", instead, live.preferred) or theirs.by == after.by:
            continue
        waited = after.at - theirs.at
        if ours.may_be(after.by) and waited <= _LONGEST_WRITE:
            loss = CertificateLoss(
                f"activation of {desired}", theirs.id, f"done {_by(theirs)}", f"the activation {_by(after)}"
            )
            yield _Replaced(loss, waited <= _NOBODY_REACTS)


# -- Gaps of the log ------------------------------------------------------------------------------------------


def _unreadable(entries: Iterable[AuditEntry], ours: Ours) -> Iterator[Statement]:
    for entry in entries:
        if entry.unreadable:
            what, why = f"what was changed {_by(entry)}", f"its entry cannot be read: {entry.unreadable}"
        elif entry.hidden_activation and not ours.may_be(entry.by):
            what, why = f"which certificate was activated {_by(entry)}", "the log does not show it"
        else:
            continue
        yield Statement(what, How.UNKNOWN, why, Verdict.UNKNOWN)


def _silent(entries: Sequence[AuditEntry], live: PrincipalCertificates, now: datetime) -> Iterator[str]:
    """Report known changes that the log does not show: it may lack other entries as well."""
    added = {each.key_id for entry in entries for each in entry.added}
    for each in live.certificates:
        if now - _SURELY_KEPT < each.not_before < now - _LATE and each.key_id.casefold() not in added:
            yield (
                f"the log does not show that {each.thumbprint} was added at {shown(each.not_before)}, so it may also "
                "lack external changes"
            )


def _by(entry: AuditEntry) -> str:
    return f"by {entry.by.name} at {shown(entry.at)}"
