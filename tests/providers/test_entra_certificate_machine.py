"""The signing certificates of one principal as a state machine: our writes, external changes, faults, kills, time.

Certificates are externally added, removed and activated between any two of our calls; calls fail before or after they
take effect; the process is killed. In any order: our writes never remove an unrequested or the signing certificate
without reporting it, and external changes are named.

Graph's responses do not show a certificate that is added after the last read and before the lists are written: it is
lost with them. Each of these, and each activation overwritten this way, is found in the audit log and named once its
entries are there; nothing else is reported as a loss, early or late.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from mimecast_sso.facts.entra_directory_audits import DIRECTORY_AUDITS
from mimecast_sso.provenance import Verdict
from providers.entra import certificate_losses, directory_audits, signing_certificates
from providers.entra.certificate_losses import LogReview, Ours
from providers.entra.errors import (
    CertificateInUse,
    CertificateUnknown,
    ForeignChange,
    GraphError,
    Unreachable,
)
from providers.entra.errors import Refused as GraphRefused
from providers.entra.signing_certificates import PrincipalCertificates, TakenAway
from tests.support import state_machines

PRINCIPAL = "principal"
PORTALS_NAME = "CN=Microsoft Azure Federated SSO Certificate"
BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
YEAR = timedelta(days=365)

OTHERS = ("add", "remove", "activate", "stage")
moments = st.sampled_from(["ok", "ok", "ok", "ok", "before", "after", "die", "die after", *OTHERS])
schedules = st.one_of(
    st.lists(moments, max_size=5),
    # Between the readings and the writing, which is where things get lost.
    st.tuples(st.just("ok"), st.sampled_from(OTHERS), moments).map(list),
    st.tuples(st.just("ok"), st.just("ok"), st.sampled_from(OTHERS), moments).map(list),
)
which = st.integers(0, 5)
US, ADA = "us", "ada"
"""Object ids: of the deployment, in whichever process it runs, and of a person in the portal."""
LATE = timedelta(minutes=16)
KEPT = certificate_losses.RETENTION - timedelta(days=1)


class Killed(BaseException):
    """The process is gone: nothing that follows in it happens."""


class Entra:
    """One service principal as Graph shows it, on whose calls faults and other people act as scheduled."""

    def __init__(self) -> None:
        self.time = BEGIN
        self.keys: list[dict[str, Any]] = []
        self.passwords: list[dict[str, Any]] = []
        self.preferred = ""
        self.schedule: list[str] = []
        self.meddle: Callable[[str], None] = lambda _: None
        self.unseen: set[str] = set()
        """Added externally, and not read by us since."""
        self.unseen_activation = ""
        """The entry of the last external activation, until we read."""
        self.lost_unseen: dict[str, datetime] = {}
        """Thumbprint, or entry of an activation → when it was lost."""
        self.before_write: PrincipalCertificates | None = None
        self.log: list[dict[str, Any]] = []
        self.log_has_lists = True
        self.hidden: frozenset[int] = frozenset()
        """Entries that are not there yet."""
        self._numbers = itertools.count(1)

    # What the client calls

    def get(self, path: str, **_: str) -> dict[str, Any]:
        assert path == f"/servicePrincipals/{PRINCIPAL}"
        response: dict[str, Any] = self._call(self._read)
        return response

    def list(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        assert path == DIRECTORY_AUDITS
        start = query["filter"].rpartition(" ")[2]
        newest = [entry for number, entry in enumerate(self.log) if number not in self.hidden][::-1]
        return (entry for entry in newest if entry["activityDateTime"] >= start)

    def patch(self, path: str, values: Mapping[str, Any]) -> None:
        assert path == f"/servicePrincipals/{PRINCIPAL}"
        self._call(lambda: self._write(values))

    def now(self) -> datetime:
        return self.time

    def _call(self, act: Callable[[], Any]) -> Any:
        moment = self.schedule.pop(0) if self.schedule else "ok"
        if moment in OTHERS:
            self.meddle(moment)
        if moment == "before":
            raise Unreachable("no response")
        if moment == "die":
            raise Killed
        response = act()
        if moment == "after":
            raise Unreachable("the response is lost")
        if moment == "die after":
            raise Killed
        return response

    # What happens there

    def add(self, by: str = US) -> str:
        """A new certificate, valid for a year from now; its thumbprint."""
        digest = next(self._numbers).to_bytes(20, "big")
        before = self._described()
        common = {
            "customKeyIdentifier": base64.b64encode(digest).decode(),
            "displayName": signing_certificates.subject(digest[-2:].hex()) if by == US else PORTALS_NAME,
            "startDateTime": self.time.isoformat(),
            "endDateTime": (self.time + YEAR).isoformat(),
        }
        thumbprint = digest.hex().upper()
        self.keys += [
            common | {"keyId": f"{thumbprint}-sign", "usage": "Sign", "key": None},
            common | {"keyId": f"{thumbprint}-verify", "usage": "Verify", "key": None},
        ]
        self.passwords.append(common | {"keyId": f"{thumbprint}-sign", "secretText": None})
        self._note_keys(before, by)
        if not self.preferred:
            self.activate(thumbprint, by)
        return thumbprint

    def remove(self, thumbprint: str, by: str) -> None:
        before = self._described()
        identifier = base64.b64encode(bytes.fromhex(thumbprint)).decode()
        self.keys = [item for item in self.keys if item["customKeyIdentifier"] != identifier]
        self.passwords = [item for item in self.passwords if item["customKeyIdentifier"] != identifier]
        self._note_keys(before, by)

    def activate(self, thumbprint: str, by: str) -> str:
        """The entry of the log; "" where nothing changed."""
        if thumbprint == self.preferred:
            return ""
        before, self.preferred = self.preferred, thumbprint
        values = [[before] if before else [], [thumbprint]]
        return self._note("Update service principal", "PreferredTokenSigningKeyThumbprint", values, by)

    def _described(self) -> list[str]:
        kinds = [(item, "AsymmetricX509Cert", item["usage"]) for item in self.keys]
        kinds += [(item, "Password", "Verify") for item in self.passwords]
        return [
            f"[KeyIdentifier={item['keyId']},KeyType={kind},KeyUsage={usage},DisplayName={item['displayName']}]"
            for item, kind, usage in kinds
        ]

    def _note_keys(self, before: list[str], by: str) -> None:
        after = self._described()
        if before == after:
            return
        activity = f"{'Remove' if set(before) - set(after) else 'Add'} service principal credentials"
        old: list[str] | None = before
        new: list[str] | None = after
        if not self.log_has_lists:
            old = [item for item in before if item not in after] or None
            new = [item for item in after if item not in before] or None
        self._note(activity, "KeyDescription", [old, new], by)

    def _note(self, activity: str, name: str, values: list[list[str] | None], by: str) -> str:
        self.time += timedelta(seconds=1)
        old, new = (value and json.dumps(value) for value in values)
        user = {"id": by, "userPrincipalName": f"{by}@example.com"}
        entry = {
            "id": f"entry-{len(self.log)}",
            "activityDateTime": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "activityDisplayName": activity,
            "result": "success",
            "initiatedBy": {"app": {"servicePrincipalId": by}} if by == US else {"user": user},
            "targetResources": [
                {
                    "id": PRINCIPAL,
                    "modifiedProperties": [{"displayName": name, "oldValue": old, "newValue": new}],
                }
            ],
        }
        self.log.append(entry)
        return str(entry["id"])

    def seen(self) -> PrincipalCertificates:
        """As it is, without a call."""
        schedule, unseen, activation = self.schedule, set(self.unseen), self.unseen_activation
        self.schedule = []
        try:
            return signing_certificates.read(self, PRINCIPAL)
        finally:
            self.schedule, self.unseen, self.unseen_activation = schedule, unseen, activation

    def _read(self) -> dict[str, Any]:
        self.unseen.clear()
        self.unseen_activation = ""
        return {
            "keyCredentials": deepcopy(self.keys),
            "passwordCredentials": deepcopy(self.passwords),
            "preferredTokenSigningKeyThumbprint": self.preferred or None,
        }

    def _write(self, values: Mapping[str, Any]) -> None:
        known = {item["keyId"] for item in self.keys}
        sent = values.get("keyCredentials", self.keys)
        if any(item["keyId"] not in known for item in sent):
            raise GraphRefused("New key credential must have a key.")
        chosen = values.get("preferredTokenSigningKeyThumbprint", self.preferred)
        if chosen != self.preferred and chosen not in self.seen().thumbprints:
            raise GraphRefused("Invalid value for preferredTokenSigningKeyThumbprint.")
        self.before_write = self.seen()
        if "keyCredentials" in values:
            before, kept = self._described(), {item["customKeyIdentifier"] for item in sent}
            for thumbprint in self.unseen:
                if base64.b64encode(bytes.fromhex(thumbprint)).decode() not in kept:
                    self.lost_unseen[thumbprint] = self.time
            self.keys = [item for item in self.keys if item["customKeyIdentifier"] in kept]
            self.passwords = [dict(item) for item in values["passwordCredentials"]]
            self._note_keys(before, US)
        if chosen != self.preferred and self.unseen_activation:
            self.lost_unseen[self.unseen_activation] = self.time
        self.activate(chosen, US)


class Rotation(RuleBasedStateMachine):
    """One principal, whom Mimecast trusts, and what was asked for."""

    @initialize(log_has_lists=st.booleans())
    def start(self, *, log_has_lists: bool) -> None:
        self.entra = Entra()
        self.entra.log_has_lists = log_has_lists
        self.entra.meddle = self._somebody_else
        self.trusted = {self.entra.add()}
        self.foreign: set[str] = set()
        """Externally removed or created certificates."""
        self.retired: set[str] = set()
        self.recorded: dict[str, frozenset[str]] = {}
        """The keys of certificates removed by a run that recorded it."""
        self.labels: dict[str, str] = {}
        """The configuration's labels of certificates to be removed."""
        self.everything = set(self.trusted)

    # -- Ours -------------------------------------------------------------------------------------------------

    @rule()
    def stage(self) -> None:
        self.everything.add(self.entra.add())

    @rule(number=which)
    def is_trusted(self, number: int) -> None:
        self.trusted.add(self._one(number))

    @rule(number=which, schedule=schedules)
    def activate(self, number: int, schedule: list[str]) -> None:
        target = self._one(number)
        before, may = self.entra.seen(), target in self.trusted
        after = self._run(
            lambda: signing_certificates.activate(self.entra, PRINCIPAL, target, replace=may), schedule
        )
        if not schedule and after is not None:
            named = before.named()
            replaced = may or named is None or named.thumbprint == target
            assert after.preferred == (target if replaced else before.preferred)

    @rule(number=which, schedule=schedules)
    def retire(self, number: int, schedule: list[str]) -> None:
        target = self._one(number)
        self.retired.add(target)
        self._name(target)
        present = self.entra.seen()
        self.entra.before_write = None
        after = self._run(lambda: self._retire(target), schedule)
        if after is not None:
            assert target not in after.thumbprints
            written_over = self.entra.before_write
            signed = written_over.active(self.entra.time) if written_over else None
            # Activated before the writing and another one after it: as before, to whoever reads again.
            back_and_forth = schedule.count("activate") > 1
            assert signed is None or signed.thumbprint != target or back_and_forth, "what signed was removed"
            if not schedule:
                assert after.thumbprints == present.thumbprints - {target}

    @rule(number=which)
    def a_step_that_died_is_repeated_until_it_ends(self, number: int) -> None:
        """Without faults it ends at the first try, or is refused for a reason that holds."""
        target = self._one(number)
        present = self.entra.seen()
        self._name(target)
        try:
            self._retire(target)
            self.retired.add(target)
            self.everything -= {target}
        except CertificateInUse:
            certificate = present.get(target)
            others = [each for each in present.certificates if each != certificate]
            in_use = certificate in (present.named(), present.active(self.entra.time))
            assert in_use or not any(each.is_valid(self.entra.time) for each in others)
            assert self.entra.seen() == present, "a refused step wrote something"

    # -- Everybody else's -------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(OTHERS))
    def somebody_else_acts(self, how: str) -> None:
        self._somebody_else(how)

    @rule(days=st.sampled_from([1, 100, 300]))
    def time_passes(self, days: int) -> None:
        self.entra.time += timedelta(days=days)

    @precondition(lambda self: not self.entra.seen().certificates)
    @rule()
    def nothing_is_left(self) -> None:
        self.everything.add(self.entra.add())

    @rule(back=st.sets(st.integers(1, 6)))
    def somebody_looks_before_all_entries_are_there(self, back: set[int]) -> None:
        """What is told then is true, though it may not be all."""
        oldest = (self.entra.time - timedelta(minutes=15)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fresh = {number for number, entry in enumerate(self.entra.log) if entry["activityDateTime"] > oldest}
        self.entra.hidden = frozenset(len(self.entra.log) - each for each in back) & fresh
        self._check_told(self._judged(self.entra.time))
        self.entra.hidden = frozenset()

    # -- What always holds ------------------------------------------------------------------------------------

    @invariant()
    def a_loss_is_found_and_named(self) -> None:
        """By anyone who reads the log before the entry expires."""
        judged = self._judged(self.entra.time + LATE)
        self._check_told(judged)
        told = {loss.reference.removesuffix("-verify").upper(): str(loss) for loss in judged.losses}
        preferred = self.entra.preferred
        for lost, at in self.entra.lost_unseen.items():
            if at < self.entra.time - KEPT or self._activated_again(lost, preferred):
                continue
            assert lost.upper() in told, f"{lost} was lost, and is not named"
            assert lost in told[lost.upper()] or lost.lower() in told[lost.upper()]

    @invariant()
    def nothing_disappears_unasked(self) -> None:
        gone = self.everything - self.entra.seen().thumbprints
        assert gone <= self.retired | self.foreign | self.entra.lost_unseen.keys()

    @invariant()
    def each_certificate_is_whole(self) -> None:
        by_usage = {
            usage: sorted(item["customKeyIdentifier"] for item in self.entra.keys if item["usage"] == usage)
            for usage in ("Sign", "Verify")
        }
        assert by_usage["Sign"] == by_usage["Verify"]
        assert by_usage["Sign"] == sorted(item["customKeyIdentifier"] for item in self.entra.passwords)

    # -- Inside -----------------------------------------------------------------------------------------------

    def _one(self, number: int) -> str:
        here = [each.thumbprint for each in self.entra.seen().certificates] or ["0" * 40]
        return here[number % len(here)]

    def _name(self, target: str) -> None:
        certificate = self.entra.seen().get(target)
        if certificate:
            self.labels[target] = certificate.label or "taken over from the portal"

    def _retire(self, target: str) -> PrincipalCertificates:
        done: TakenAway = signing_certificates.retire(self.entra, PRINCIPAL, target)
        if done.key_ids:
            self.recorded[target] = frozenset(done.key_ids)
        return done.left

    def _judged(self, now: datetime) -> LogReview:
        entries = directory_audits.since(self.entra, PRINCIPAL, now - certificate_losses.RETENTION)
        ours = Ours(US, self.labels, self.recorded)
        return certificate_losses.review(entries, self.entra.seen(), now, ours)

    def _check_told(self, judged: LogReview) -> None:
        """Only lost certificates are reported as lost; removals of a killed run only if they look like losses."""
        assert [each for each in judged.gaps if each.verdict is Verdict.UNKNOWN] == []
        died = {each for each in self.retired if each not in self.recorded}
        for loss in judged.losses:
            reference = loss.reference.removesuffix("-verify")
            is_activation = loss.what.startswith("activation")
            assert is_activation or reference.upper() in self.entra.lost_unseen.keys() | died, loss

    def _activated_again(self, lost: str, preferred: str) -> bool:
        (entry,) = [each for each in self.entra.log if each["id"] == lost] or [None]
        if entry is None:
            return False
        (values,) = entry["targetResources"][0]["modifiedProperties"]
        return bool(json.loads(values["newValue"]) == [preferred])

    def _somebody_else(self, how: str) -> None:
        here = [each.thumbprint for each in self.entra.seen().certificates]
        if how in ("add", "stage") or not here:
            made = self.entra.add(US if how == "stage" else ADA)
            self.entra.unseen.add(made)
            self.everything.add(made)
        elif how == "remove":
            self.entra.remove(here[-1], ADA)
            self.foreign.add(here[-1])
            self.entra.unseen.discard(here[-1])
        else:
            self.entra.unseen_activation = self.entra.activate(here[-1], ADA) or self.entra.unseen_activation

    def _run(
        self, action: Callable[[], PrincipalCertificates], schedule: list[str]
    ) -> PrincipalCertificates | None:
        """The writer's result, or ``None`` if it failed; external changes must then be named."""
        self.entra.schedule = list(schedule)
        try:
            return action()
        except ForeignChange as change:
            named = change.thumbprints
            told = bool(named) and all(thumbprint in str(change) for thumbprint in named)
            by_somebody = bool(set(OTHERS) & set(schedule))
            if not (told and by_somebody):
                raise  # Of a change that nobody made, or without saying which.
        except GraphError as error:
            if not schedule and not isinstance(error, CertificateInUse | CertificateUnknown):
                raise  # Nothing was in the way.
        except Killed:
            pass
        finally:
            self.entra.schedule = []
        return None


def test_nothing_is_lost_unreported_in_any_order() -> None:
    state_machines.run(Rotation, 100, 25)


@pytest.mark.soak
def test_nothing_is_lost_unreported_in_long_runs(tally: Callable[[str, int, str], None]) -> None:
    state_machines.run(Rotation, 1_000, 50)
    tally("certificate_machine", 1_000, "random histories")
