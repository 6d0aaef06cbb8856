"""What was recorded, compared with what the sandbox returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.fidelity import shapes
from mimecast_sso.operations.fidelity.exchanges import Exchange
from mimecast_sso.operations.fidelity.expectations import Expectations, Expected, Response, of_exchanges
from mimecast_sso.operations.fidelity.shapes import UNLISTED, Finding
from mimecast_sso.provenance import How, Statement, Verdict

_REFUSED = (str(HTTPStatus.UNAUTHORIZED.value), str(HTTPStatus.FORBIDDEN.value))
_NOT_SIMULATED = str(HTTPStatus.NOT_IMPLEMENTED.value)
_OPTIONAL = (
    *(
        "/auditLogs/",
        "/conditionalAccess/",
        "/mailboxSettings/",
        "/subscribedSkus",
        "/federatedIdentityCredentials",
    ),
    *("/get-pending-domain", "/get-connection", "/integrations"),
)
"""Parts of the names of calls without which something stays unknown to a deployment, and nothing fails."""
_SHORT_PAGES = ("$top=1", "pageSize=1", " by 1")
"""How the names of calls end that ask for pages of one row."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One call, and how its responses compare with the sandbox's.

    Attributes:
        verdict: ``fine``, ``DIFFERS``, ``open`` (nothing in the response that could be compared), ``UNKNOWN`` (no
            usable response, or refused) or ``not possible`` (nothing exists that it could be asked about).
        findings: By variant of the response.
        responses: The redacted responses, as JSON.
    """

    call: str
    service: str
    verdict: Verdict
    why: str
    findings: Mapping[str, Sequence[Finding]]
    responses: Mapping[str, JSON]

    def statement(self) -> Statement:
        """In a sentence without any text of the tenant's."""
        how = How.UNKNOWN if self.verdict in (Verdict.UNKNOWN, Verdict.NOT_POSSIBLE) else How.LIVE
        return Statement(self.why, how, "", self.verdict, f"{self.service}: {self.call}")

    def document(self) -> dict[str, object]:
        """As the report has it."""
        found = {
            variant: [f"{each.path}: {each.text}" for each in findings]
            for variant, findings in self.findings.items()
            if findings
        }
        return {
            "service": self.service,
            "call": self.call,
            "verdict": str(self.verdict),
            "differences": found,
            "responses": self.responses,
        }

    @property
    def names(self) -> frozenset[str]:
        """Keys and codes of the tenant's responses that the report does not name."""
        return frozenset(each.name for group in self.findings.values() for each in group if each.name)


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that was recorded, ready to be compared."""

    exchanges: Sequence[Exchange]
    expected: Expectations
    revealed: frozenset[str] = frozenset()

    def compare(self, unreachable: Iterable[str] = ()) -> list[Compared]:
        """Each call that is expected, and those that are not. ``unreachable`` are services that did not respond."""
        silent = frozenset(unreachable)
        recorded = of_exchanges(self.exchanges)
        found = [
            self._call(name, call, recorded.calls[name])
            if name in recorded.calls
            else _not_made(name, call, silent)
            for name, call in self.expected.calls.items()
        ]
        others = {
            name: call.service for name, call in recorded.calls.items() if name not in self.expected.calls
        }
        return found + [
            Compared(UNLISTED, service, Verdict.UNKNOWN, "a call without an expectation", {}, {})
            for service in sorted(set(others.values()))
        ]

    def _call(self, name: str, expected: Expected, recorded: Expected) -> Compared:
        findings: dict[str, Sequence[Finding]] = {}
        responses: dict[str, object] = {}
        for variant, response in sorted(recorded.responses.items()):
            known = expected.responses.get(variant) or self._refusal(expected, variant)
            findings[variant] = list(self._response(name, variant, expected, response, known))
            responses[variant] = self._redacted(name, variant, response, known, recorded.service)
        verdict, why = _verdict(name, expected, recorded, findings)
        return Compared(name, expected.service, verdict, why, findings, responses)

    def _refusal(self, expected: Expected, variant: str) -> Response | None:
        return self.expected.refusal(expected.service, variant) if variant in _REFUSED else None

    def _response(
        self, name: str, variant: str, call: Expected, response: Response, known: Response | None
    ) -> Iterator[Finding]:
        if known is None:
            if call.responses.keys() == {_NOT_SIMULATED}:
                yield Finding(
                    "the body", "not compared: the sandbox does not simulate this call", differs=False
                )
            elif not _is_trouble(variant):
                yield Finding("status", f"{variant}, the sandbox returns {' or '.join(call.responses)}")
            return
        yield from shapes.compare(known.shape, response.shape, self.revealed)
        yield from self._codes(call.service, response, known)
        yield from _headers(response, known)
        if known.further and name.endswith(_SHORT_PAGES) and not response.further and self._has_more(name):
            yield Finding("paging", "a page of one row names no further page, and there are more rows")

    def _codes(self, service: str, response: Response, known: Response) -> Iterator[Finding]:
        for code in sorted(response.codes - known.codes):
            listed = code in self.expected.codes(service) or code in self.revealed
            shown, name = (code, "") if listed else (UNLISTED, code)
            yield Finding(
                "code", f"{shown}, the sandbox has {' or '.join(sorted(known.codes)) or 'none'}", name=name
            )

    def _has_more(self, name: str) -> bool:
        path = _path(name)
        return any(each.rows > 1 for each in self.exchanges if _path(each.call) == path)

    def _redacted(
        self, name: str, variant: str, response: Response, known: Response | None, service: str
    ) -> JSON:
        listed = self.expected.codes(service) | self.revealed
        most = max(
            (each.rows for each in self.exchanges if each.call == name and each.variant == variant), default=0
        )
        shape = shapes.redacted(response.shape, known.shape if known else None, self.revealed)
        codes = frozenset(code if code in listed else UNLISTED for code in response.codes)
        rows = "none" if not most else "one" if most == 1 else "several"
        return {"rows": rows, **Response(shape, response.headers, codes, response.further).document()}


def _path(name: str) -> str:
    return name.partition("?")[0].partition(" (next")[0].rpartition(" by ")[0] or name.partition("?")[0]


def _headers(response: Response, known: Response) -> Iterator[Finding]:
    if response.headers is None:
        return
    for name, kind in (known.headers or {}).items():
        found = response.headers.get(name)
        if found != kind:
            yield Finding(f"header {name}", f"{found or 'missing'}, the sandbox has {kind}")


def _is_trouble(variant: str) -> bool:
    """Whether the service was only busy or out of order."""
    status = int(variant.split(maxsplit=1)[0])
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _refused(name: str, recorded: Expected) -> tuple[Verdict, str]:
    refused = f"refused: {' and '.join(recorded.responses)}, as the sandbox refuses"
    if any(part in name for part in _OPTIONAL):
        return Verdict.NOT_POSSIBLE, f"{refused}; a deployment can do without this permission or licence"
    return Verdict.UNKNOWN, refused


def _is_simulated(call: Expected) -> bool:
    return call.responses.keys() != {_NOT_SIMULATED}


def _verdict(
    name: str, expected: Expected, recorded: Expected, findings: Mapping[str, Sequence[Finding]]
) -> tuple[Verdict, str]:
    everything = [(variant, each) for variant, group in findings.items() for each in group]
    differing = [f"{variant}: {each.path}: {each.text}" for variant, each in everything if each.differs]
    if differing:
        return Verdict.DIFFERS, "; ".join(differing)
    if not _is_simulated(expected):
        return Verdict.OPEN, "not compared: the sandbox does not simulate this call"
    if all(map(_is_trouble, recorded.responses)):
        return Verdict.UNKNOWN, f"no usable response: {' and '.join(recorded.responses)}"
    if set(recorded.responses) <= set(_REFUSED) and set(recorded.responses) != set(expected.responses):
        return _refused(name, recorded)
    unsettled = [f"{variant}: {each.path}: {each.text}" for variant, each in everything]
    if unsettled:
        return Verdict.OPEN, "; ".join(unsettled)
    return Verdict.FINE, f"as the sandbox: {' and '.join(recorded.responses)}"


def _not_made(name: str, call: Expected, silent: frozenset[str]) -> Compared:
    if call.service in silent:
        return Compared(name, call.service, Verdict.UNKNOWN, "not asked: the service did not respond", {}, {})
    why = "not asked: nothing exists here that it could be asked about"
    return Compared(name, call.service, Verdict.NOT_POSSIBLE, why, {}, {})
