"""Why a run of the engine failed, in words: the object, the cause and the way out, and below them the raw message.

The azuread provider passes on what Microsoft Graph said, among the provider's own internals; the Pulumi CLI adds its
own. Messages of this project's guards and providers are explained where they are raised, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mimecast_sso.facts import graph_permissions as permissions
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.engine_documents import Diagnostic, EngineEvent
from mimecast_sso.facts.graph_refusals import GraphRefusal, refusal_of
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import either
from providers.network import INSTEAD_OF_IT

Names = Callable[[], Mapping[str, str]]
"""Names of people and groups by object id, read only if something failed."""

_OF_AZUREAD: Final = "azuread:"
_INVOKE = re.compile(r"invoke of (azuread:[\w/]+:\w+) failed")
_RESPONSE = re.compile(
    r"unexpected status (?P<status>\d{3})(?: \([^)]*\))?"
    r"(?: with (?:OData )?error: (?P<code>[\w.-]*): ?(?P<message>.*))?",
    re.DOTALL,
)
_OWN = re.compile(
    r"Microsoft Graph, [A-Z]+ \S+: (?P<message>.*?) \((?P<code>\w+)(?:, request [\w-]+)?\)", re.DOTALL
)
_URN = re.compile(r"(?:creating|updating|deleting|refreshing) urn:pulumi:\S+: ")
_COUNT = re.compile(r"(?:\* )?\b\d+ errors? occurred:\s*(?:\* )?")
_LOG = re.compile(r"^sdk-v2/provider2\.go:\d+: sdk\.helper_schema: |: provider=azuread@[\d.]+$")
"""The frame in which the real plugin logs each failure once more."""
_DONE: Final[Mapping[str, str]] = {
    "create": "created",
    "create-replacement": "created",
    "update": "updated",
    "delete": "deleted",
    "delete-replaced": "deleted",
    "read": "read",
    "refresh": "read",
    "import": "imported",
}
_COMMANDS: Final[Mapping[str, str]] = {"preview": "preview", "destroy": "down"}
_CHECK_NETWORK: Final = "Check HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE, then: {rerun}"
_REFUSALS: Final[Sequence[GraphRefusal]] = (
    GraphRefusal(
        r"obtain access token|AADSTS\d|building client|could not (?:build|configure) .*Authori",
        "Entra gave the azuread provider no token",
        "Check the ARM_* variables with {preflight}, then: {rerun}",
    ),
    GraphRefusal(
        r"timed out waiting for replication|timeout while waiting|context deadline exceeded",
        "Entra accepted it, but did not show it in time",
        "Rerun in a few minutes; the run continues from there: {rerun}",
    ),
    GraphRefusal(
        r"to be managed via Terraform",
        "it exists already, and this stack has not recorded it",
        "Rerun with a refresh, which imports what this stack created: {refresh}. To adopt another application, set "
        "mimecast-sso:application.adopt",
    ),
    GraphRefusal(
        r"could not identify existing|was not found|No .* found|no .* found matching",
        "Entra does not have it: it was deleted or changed outside this stack",
        "Rerun with a refresh, which reads the live state first: {refresh}",
    ),
    GraphRefusal(
        r"x509|tls:|certificate signed by unknown",
        "there is no trusted TLS connection to Entra",
        _CHECK_NETWORK,
    ),
    GraphRefusal(
        r"unmarshal|invalid character .* looking for",
        f"the response is not Entra's; {INSTEAD_OF_IT}",
        _CHECK_NETWORK,
    ),
    GraphRefusal(
        r"\bEOF\b|connection re(?:fused|set)|no such host|i/o timeout|proxyconnect|dial tcp|Proxy Authentication|"
        r"Bad Gateway|broken pipe|RemoteDisconnected",
        "Entra could not be reached, or the connection broke; whether it applied the request is unknown",
        _CHECK_NETWORK,
    ),
)
"""Failures of azuread without a response of Graph. Source: its messages, recorded on an emulator."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of object: its name with its properties, and the permissions one of which writes it."""

    name: str
    need: permissions.Need = permissions.WRITE_APPLICATION


_KINDS: Final[Mapping[str, _Kind]] = {
    types.APPLICATION_FROM_TEMPLATE: _Kind('Application "{displayName}"'),
    types.APPLICATION_IDENTIFIER: _Kind("Identifier {identifierUri} of the application"),
    types.APPLICATION_REDIRECT_URIS: _Kind("The list of the application's reply URLs"),
    types.APPLICATION_OWNER: _Kind("Owner {ownerObjectId} of the application", permissions.ADD_OWNERS),
    types.SERVICE_PRINCIPAL: _Kind("The service principal of the application"),
    types.SIGNING_CERTIFICATE: _Kind('Signing certificate "{displayName}"'),
    types.CLAIMS_MAPPING_POLICY: _Kind('Claims policy "{displayName}"', permissions.WRITE_CLAIMS),
    types.CLAIMS_MAPPING_POLICY_ASSIGNMENT: _Kind(
        "The assignment of the claims policy to the application", permissions.WRITE_CLAIMS
    ),
    types.APP_ROLE_ASSIGNMENT: _Kind(
        "The assignment of {principalObjectId} to the application", permissions.WRITE_ASSIGNMENTS
    ),
    types.USER: _Kind("Test account {userPrincipalName}", permissions.WRITE_USERS),
    "azuread:index/getApplication:getApplication": _Kind("The application", permissions.READ_APPLICATIONS),
    types.ACTIVE_SIGNING_CERTIFICATE: _Kind("The active signing certificate"),
    types.RETIRED_SIGNING_CERTIFICATE: _Kind("Retired signing certificate {thumbprint}"),
    types.DEFAULT_REPLY_URL: _Kind("Default reply URL {url} of the application"),
}


@dataclass(slots=True)
class Failures:
    """Explains the messages of one run.

    Attributes:
        stack: The stack's name.
        verb: The engine's verb.
        names: Names of people and groups by object id.
    """

    stack: str
    verb: str = "up"
    names: Names = dict
    _steps: dict[str, tuple[str, Mapping[str, JSON]]] = field(default_factory=dict)

    def take(self, event: EngineEvent) -> None:
        """Note what a step does to which object."""
        for kind in ("resourcePreEvent", "resOpFailedEvent"):
            if kind in event:
                step = event[kind]["metadata"]
                state = step.get("new") or step.get("old") or {}
                self._steps[step["urn"]] = (step["op"], state.get("inputs") or {})

    def explain(self, message: Diagnostic) -> tuple[str, str]:
        """Object, cause and way out as a sentence, and the raw message; ("", "") for one that needs no explanation."""
        text, urn = str(message.get("message") or ""), str(message.get("urn") or "")
        type_ = urn.split("::")[2].rpartition("$")[2] if urn.count("::") > 2 else ""  # noqa: PLR2004 (of a URN)
        called = _INVOKE.search(text)
        type_ = called[1] if called else type_
        if message.get("severity") != "error" or not (type_.startswith(_OF_AZUREAD) or _OWN.search(text)):
            return "", ""
        raw = _stripped(text)
        refusal = _refusal(raw)
        if refusal is None:
            return "", ""
        op, inputs = self._steps.get(urn, ("read", {})) if not called else ("read", {})
        kind = _KINDS.get(type_, _Kind(f"{type_.rpartition(':')[2]} {urn.rpartition('::')[2]}"))
        way_out = refusal.way_out.format_map(self._commands(kind))
        said = (
            f"{self._object(kind, inputs)} was not {_DONE.get(op, 'deployed')}: {refusal.cause}. {way_out}."
        )
        return foreign.one_line(said), foreign.one_line(raw)

    def _commands(self, kind: _Kind) -> Mapping[str, str]:
        return {
            "preflight": f"mimecast-sso preflight --stack {self.stack}",
            "rerun": f"mimecast-sso {_COMMANDS.get(self.verb, 'up')} --stack {self.stack}",
            "refresh": f"mimecast-sso up --stack {self.stack} --refresh",
            "permissions": either(kind.need.one_of),
        }

    def _object(self, kind: _Kind, inputs: Mapping[str, JSON]) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self._value(inputs.get(found[1])), kind.name)

    def _value(self, value: object) -> str:
        shown = value if isinstance(value, str) and value else "(unknown)"
        return foreign.name(self.names().get(shown, shown))


def lines(events: Iterable[EngineEvent], failures: Failures) -> list[str]:
    """The error messages of a run, each once: explained, and as they came."""
    found: dict[str, None] = {}
    for event in events:
        failures.take(event)
        message = event.get("diagnosticEvent")
        if message and message.get("severity") == "error":
            said, raw = failures.explain(message)
            found[f"{said} Details: {raw}" if said else str(message.get("message", ""))] = None
    return list(found)


def _refusal(raw: str) -> GraphRefusal | None:
    response = _RESPONSE.search(raw)
    if response:
        return refusal_of(int(response["status"]), response["code"] or "", response["message"] or "")
    own = _OWN.search(raw)
    if own:
        status = int(own["code"]) if own["code"].isdecimal() else 0
        return refusal_of(status, own["code"], own["message"])
    return next((each for each in _REFUSALS if re.search(each.pattern, raw, re.IGNORECASE)), None)


def _stripped(text: str) -> str:
    """The message without the frames of Pulumi and Terraform, and once: several resources of azuread repeat theirs."""
    last = text.strip()
    if "Traceback (most recent call last)" in last:
        last = last[max(last.rfind("invoke of"), 0) :]
    bare = _URN.sub("", _LOG.sub("", " ".join(last.split())))
    bare = " ".join(_COUNT.sub(" ", bare).split())
    half, odd = divmod(len(bare) - len(": "), 2)
    return bare[:half] if not odd and bare[:half] == bare[half + len(": ") :] else bare
