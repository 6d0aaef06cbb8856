"""What the sandbox returns for the product's read calls: a file, so that it is known where there is no sandbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.fidelity import shapes
from mimecast_sso.operations.fidelity.exchanges import Exchange
from mimecast_sso.operations.fidelity.shapes import Shape

FILE = "expectations.json"


@dataclass(frozen=True, slots=True)
class Response:
    """One kind of response to a call.

    Attributes:
        shape: Of its body.
        headers: Kind by name in small letters; None for a call that is only made in batches.
        codes: The error codes in it.
        further: Whether it may name a further page.
    """

    shape: Shape
    headers: Mapping[str, str] | None = None
    codes: frozenset[str] = frozenset()
    further: bool = False

    def document(self) -> dict[str, object]:
        """As JSON."""
        found: dict[str, object] = {"body": self.shape.document()}
        if self.headers is not None:
            found["headers"] = dict(sorted(self.headers.items()))
        if self.codes:
            found["codes"] = sorted(self.codes)
        return found | ({"further": True} if self.further else {})


@dataclass(frozen=True, slots=True)
class Expected:
    """All responses of the sandbox to one call, by `Exchange.variant`."""

    service: str
    responses: Mapping[str, Response]


@dataclass(frozen=True, slots=True)
class Expectations:
    """All calls, by name."""

    calls: Mapping[str, Expected] = field(default_factory=dict)

    def codes(self, service: str) -> frozenset[str]:
        """All error codes that a service's sandbox returns for any call."""
        found = (each for each in self.calls.values() if each.service == service)
        return frozenset(
            code for each in found for response in each.responses.values() for code in response.codes
        )

    def refusal(self, service: str, variant: str) -> Response | None:
        """What the sandbox's refusals with this status look like for any call."""
        found = [
            each.responses[variant]
            for each in self.calls.values()
            if each.service == service and variant in each.responses
        ]
        shape = shapes.merged(response.shape for response in found)
        return (
            Response(shape, codes=frozenset().union(*(response.codes for response in found)))
            if shape
            else None
        )

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "schema": 1,
            "calls": {
                name: {
                    "service": call.service,
                    "responses": {
                        variant: response.document() for variant, response in sorted(call.responses.items())
                    },
                }
                for name, call in sorted(self.calls.items())
            },
        }

    @property
    def digest(self) -> str:
        """Which expectations these are: twelve hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()[:12]


def of_exchanges(exchanges: Iterable[Exchange]) -> Expectations:
    """What covers everything that was recorded."""
    found: dict[str, dict[str, Response]] = {}
    services: dict[str, str] = {}
    for each in exchanges:
        services[each.call] = each.service
        responses = found.setdefault(each.call, {})
        response = Response(each.shape, each.headers, each.codes, each.further)
        responses[each.variant] = (
            _both(responses[each.variant], response) if each.variant in responses else response
        )
    return Expectations({name: Expected(services[name], responses) for name, responses in found.items()})


def _both(one: Response, other: Response) -> Response:
    shape = shapes.merged((one.shape, other.shape)) or one.shape
    headers = one.headers
    if headers is None or other.headers is None:
        headers = one.headers or other.headers
    else:  # A header is expected where every response has it.
        headers = {name: kind for name, kind in headers.items() if other.headers.get(name) == kind}
    return Response(shape, headers, one.codes | other.codes, one.further or other.further)


@cache
def expectations() -> Expectations:
    """Those that this release comes with."""
    return of_text(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))


def of_text(text: str) -> Expectations:
    """The expectations that a file holds."""
    return Expectations(
        {
            name: Expected(
                call["service"],
                {variant: _response(response) for variant, response in call["responses"].items()},
            )
            for name, call in json.loads(text)["calls"].items()
        }
    )


def _response(document: Mapping[str, JSON]) -> Response:
    return Response(
        shapes.of_document(document["body"]),
        document.get("headers"),
        frozenset(document.get("codes", ())),
        document.get("further", False),
    )
