"""The signing certificates of one principal as a state machine: our writers, somebody else's, faults, deaths, time.

Somebody else adds, takes away and activates certificates between any two of our calls; calls fail before or after
they took effect; the process dies. Whatever the order: ours never take away what was not asked for without saying
so, never the certificate that signs without saying so, and what somebody else did is named.

One thing cannot be seen in Graph's answers: a certificate that is added after the last reading and before the lists
are written is lost with them, since they are written whole and have no version. The machine counts these apart.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from providers.entra import signing_certificates
from providers.entra.errors import (
    CertificateInUse,
    CertificateUnknown,
    ForeignChange,
    GraphError,
    Unreachable,
)
from providers.entra.errors import Refused as GraphRefused
from providers.entra.signing_certificates import SigningCertificates

PRINCIPAL = "principal"
BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
YEAR = timedelta(days=365)

moments = st.sampled_from(
    ["ok", "ok", "ok", "ok", "before", "after", "die", "die after", "add", "remove", "activate"]
)
schedules = st.lists(moments, max_size=5)
which = st.integers(0, 5)


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
        """Added by somebody else, and not read by us since."""
        self.lost_unseen: set[str] = set()
        self.before_write: SigningCertificates | None = None
        self._numbers = itertools.count(1)

    # What the client calls

    def get(self, path: str, **_: str) -> dict[str, Any]:
        assert path == f"/servicePrincipals/{PRINCIPAL}"
        answer: dict[str, Any] = self._call(self._read)
        return answer

    def list(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def patch(self, path: str, values: Mapping[str, Any]) -> None:
        assert path == f"/servicePrincipals/{PRINCIPAL}"
        self._call(lambda: self._write(values))

    def now(self) -> datetime:
        return self.time

    def _call(self, act: Callable[[], Any]) -> Any:
        moment = self.schedule.pop(0) if self.schedule else "ok"
        if moment in ("add", "remove", "activate"):
            self.meddle(moment)
        if moment == "before":
            raise Unreachable("no answer")
        if moment == "die":
            raise Killed
        answer = act()
        if moment == "after":
            raise Unreachable("the answer is lost")
        if moment == "die after":
            raise Killed
        return answer

    # What happens there

    def add(self) -> str:
        """A new certificate, valid for a year from now; its thumbprint."""
        digest = next(self._numbers).to_bytes(20, "big")
        common = {
            "customKeyIdentifier": base64.b64encode(digest).decode(),
            "displayName": signing_certificates.subject(digest[-2:].hex()),
            "startDateTime": self.time.isoformat(),
            "endDateTime": (self.time + YEAR).isoformat(),
        }
        thumbprint = digest.hex().upper()
        self.keys += [
            common | {"keyId": f"{thumbprint}-sign", "usage": "Sign", "key": None},
            common | {"keyId": f"{thumbprint}-verify", "usage": "Verify", "key": None},
        ]
        self.passwords.append(common | {"keyId": f"{thumbprint}-sign", "secretText": None})
        self.preferred = self.preferred or thumbprint
        return thumbprint

    def remove(self, thumbprint: str) -> None:
        identifier = base64.b64encode(bytes.fromhex(thumbprint)).decode()
        self.keys = [item for item in self.keys if item["customKeyIdentifier"] != identifier]
        self.passwords = [item for item in self.passwords if item["customKeyIdentifier"] != identifier]

    def seen(self) -> SigningCertificates:
        """As it is, without a call."""
        schedule, unseen, self.schedule = self.schedule, set(self.unseen), []
        try:
            return signing_certificates.read(self, PRINCIPAL)
        finally:
            self.schedule, self.unseen = schedule, unseen

    def _read(self) -> dict[str, Any]:
        self.unseen.clear()
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
            kept = {item["customKeyIdentifier"] for item in sent}
            here = {
                thumbprint
                for thumbprint in self.unseen
                if base64.b64encode(bytes.fromhex(thumbprint)).decode() not in kept
            }
            self.lost_unseen |= here
            self.keys = [item for item in self.keys if item["customKeyIdentifier"] in kept]
            self.passwords = [dict(item) for item in values["passwordCredentials"]]
        self.preferred = chosen


class Rotation(RuleBasedStateMachine):
    """One principal, whom Mimecast trusts, and what was asked for."""

    @initialize()
    def start(self) -> None:
        self.entra = Entra()
        self.entra.meddle = self._somebody_else
        self.trusted = {self.entra.add()}
        self.foreign: set[str] = set()
        """What somebody else took away or made."""
        self.retired: set[str] = set()
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
        present = self.entra.seen()
        self.entra.before_write = None
        after = self._run(lambda: signing_certificates.retire(self.entra, PRINCIPAL, target), schedule)
        if after is not None:
            assert target not in after.thumbprints
            written_over = self.entra.before_write
            signed = written_over.active(self.entra.time) if written_over else None
            # Activated before the writing and another one after it: as before, to whoever reads again.
            back_and_forth = schedule.count("activate") > 1
            assert signed is None or signed.thumbprint != target or back_and_forth, (
                "what signed was taken away"
            )
            if not schedule:
                assert after.thumbprints == present.thumbprints - {target}

    @rule(number=which)
    def a_step_that_died_is_repeated_until_it_ends(self, number: int) -> None:
        """Without faults it ends at the first try, or is refused for a reason that holds."""
        target = self._one(number)
        present = self.entra.seen()
        try:
            signing_certificates.retire(self.entra, PRINCIPAL, target)
            self.retired.add(target)
            self.everything -= {target}
        except CertificateInUse:
            certificate = present.get(target)
            others = [each for each in present.certificates if each != certificate]
            in_use = certificate in (present.named(), present.active(self.entra.time))
            assert in_use or not any(each.is_valid(self.entra.time) for each in others)
            assert self.entra.seen() == present, "a refused step wrote something"

    # -- Everybody else's -------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["add", "remove", "activate"]))
    def somebody_else_acts(self, how: str) -> None:
        self._somebody_else(how)

    @rule(days=st.sampled_from([1, 100, 300]))
    def time_passes(self, days: int) -> None:
        self.entra.time += timedelta(days=days)

    @precondition(lambda self: not self.entra.seen().certificates)
    @rule()
    def nothing_is_left(self) -> None:
        self.everything.add(self.entra.add())

    # -- What always holds ------------------------------------------------------------------------------------

    @invariant()
    def nothing_disappears_unasked(self) -> None:
        gone = self.everything - self.entra.seen().thumbprints
        assert gone <= self.retired | self.foreign | self.entra.lost_unseen

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

    def _somebody_else(self, how: str) -> None:
        here = [each.thumbprint for each in self.entra.seen().certificates]
        if how == "add" or not here:
            made = self.entra.add()
            self.entra.unseen.add(made)
            self.everything.add(made)
        elif how == "remove":
            self.entra.remove(here[-1])
            self.foreign.add(here[-1])
            self.entra.unseen.discard(here[-1])
        else:
            self.entra.preferred = here[-1]

    def _run(
        self, action: Callable[[], SigningCertificates], schedule: list[str]
    ) -> SigningCertificates | None:
        """What the writer gave, or ``None`` when it failed; somebody else's doing must then be named."""
        self.entra.schedule = list(schedule)
        try:
            return action()
        except ForeignChange as change:
            named = change.thumbprints
            told = bool(named) and all(thumbprint in str(change) for thumbprint in named)
            by_somebody = bool({"add", "remove", "activate"} & set(schedule))
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


def run_machine(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call, unused-ignore]
        Rotation,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_is_lost_unsaid_whatever_the_order() -> None:
    run_machine(100, 25)


@pytest.mark.soak
def test_nothing_is_lost_unsaid_for_long(tally: Callable[[str, int, str], None]) -> None:
    run_machine(1_000, 50)
    tally("certificate_machine", 1_000, "random histories")
