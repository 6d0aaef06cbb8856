"""What somebody else did to the signing certificates and a deployment undid unseen: for drift, verify and rotate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mimecast_sso.facts.entra_directory_audits import LATENCY_MINUTES, RETENTION_DAYS
from mimecast_sso.facts.resource_types import RETIRED_SIGNING_CERTIFICATE
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.settings import Certificates
from mimecast_sso.text.times import shown
from providers.entra import certificate_losses, directory_audits
from providers.entra.certificate_losses import RETENTION, Judgement, Ours
from providers.entra.errors import GraphError

if TYPE_CHECKING:
    from providers.entra.graph import GraphClient
    from providers.entra.signing_certificates import SigningCertificates

_SETTLE = "Have it made again, or leave it; then list the reference under certificates.settledLosses"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the log tells; without a judgement ``impossible`` says why it may not be read, or ``problem`` why it was
    not."""

    judgement: Judgement | None = None
    impossible: str = ""
    problem: str = ""

    @property
    def losses(self) -> tuple[str, ...]:
        """Each in words, and what to do about it."""
        return tuple(f"{loss}. {_SETTLE}" for loss in self.judgement.losses) if self.judgement else ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """What should be told and is not."""
        if self.problem:
            return (f"the directory's audit log was not read. {self.problem}",)
        return self.judgement.unknown if self.judgement else ()

    @property
    def code(self) -> Exit:
        """2 where something was lost, 1 where something is unknown, else fine."""
        if self.losses:
            return Exit.CHANGES
        return Exit.ERROR if self.unknown else Exit.FINE

    @property
    def span(self) -> str:
        """What was looked at, in words; later entries may not be there yet."""
        if self.judgement is None:
            return "nothing"
        return f"what was done from {shown(self.judgement.since)} to {shown(self.judgement.until)}"

    def lines(self) -> Iterator[str]:
        """The findings as text."""
        what = "What others did to the certificates and a deployment undid"
        if self.impossible:
            yield f"{what}: not checked, because the directory's audit log cannot be read: {self.impossible}."
            return
        yield from (f"{what}: {loss}." for loss in self.losses)
        yield from (f"{what}: unknown: {each}" for each in self.unknown)
        if self.judgement:
            yield from (f"{what}: open: {each}." for each in self.judgement.open)
            if not (self.losses or self.unknown or self.judgement.open):
                # Without times: a report that finds the same is the same.
                yield (
                    f"{what}: nothing, as the directory's audit log of the last {RETENTION_DAYS} days tells, which may "
                    f"be {LATENCY_MINUTES} minutes late."
                )


def check(
    graph: GraphClient,
    principal: str,
    live: SigningCertificates,
    certificates: Certificates,
    resources: Iterable[Mapping[str, Any]],
) -> Checked:
    """Reads the log of a service principal (object id). One list of Graph.

    ``live``: its certificates, read before. ``resources``: those in the stack's state.
    """
    try:
        now = graph.now()
        entries = directory_audits.since(graph, principal, now - RETENTION)
        caller = str(graph.claims().get("oid") or "")
    except GraphError as error:
        reason = directory_audits.unavailable(error)
        return Checked(impossible=reason) if reason else Checked(problem=str(error))
    ours = Ours(
        caller,
        retired={entry.thumbprint: entry.label for entry in certificates.retired},
        retired_keys=_recorded(resources),
        settled=frozenset(certificates.settled_losses),
    )
    return Checked(certificate_losses.judge(entries, live, now, ours))


def _recorded(resources: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    outputs = (each.get("outputs") or {} for each in resources if each["type"] == RETIRED_SIGNING_CERTIFICATE)
    return {str(each["thumbprint"]): frozenset(each["keyIds"]) for each in outputs if each.get("keyIds")}
