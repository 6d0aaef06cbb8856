"""Providers over gRPC, and the registry of provider resources."""

from __future__ import annotations

import io
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from sandbox.engine import paths
from sandbox.engine.plugins import DYNAMIC, PluginError, PluginHost
from sandbox.engine.resource import (
    BUILTIN,
    Resource,
    package_of,
    provider_reference,
    provider_urn,
    urn_name,
    urn_type,
)
from sandbox.engine.values import (
    UNKNOWN_TEXT,
    Properties,
    equal,
    fill_struct,
    from_struct,
    has_unknowns,
    mark_secrets,
    plain,
    to_struct,
)

MESSAGE_LIMIT = 400 * 1024 * 1024
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.enable_http_proxy", 0),
]
_INTERNAL = "__internal"
_DOUBTFUL = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.UNKNOWN})
_KINDS = ("add", "add-replace", "delete", "delete-replace", "update", "update-replace")
_INVERTED = {
    "add": "delete",
    "delete": "add",
    "add-replace": "delete-replace",
    "delete-replace": "add-replace",
}


class ProviderError(Exception):
    """A failed call.

    Attributes:
        code: The gRPC status, if the call failed there.
        partial: The object exists although the call failed; `init_errors` tell what is incomplete.
    """

    def __init__(self, text: str, code: Any = None, *, partial: Resource | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.partial = partial

    @property
    def doubtful(self) -> bool:
        """Whether the provider does not know the state of the object."""
        return self.code in _DOUBTFUL


class DiffUnavailableError(Exception):
    """The provider's configuration is unknown in this preview; the message is for the user."""


@dataclass(frozen=True)
class Diff:
    """A provider's response to Diff or DiffConfig.

    Attributes:
        changed: None if the provider does not tell.
        keys: Changed top-level keys.
        replace_keys: Keys that force a replacement.
        detailed: Path to (kind, whether it is a difference of inputs); None without details.
        delete_first: The object must be deleted before its replacement is created.
    """

    changed: bool | None
    keys: tuple[str, ...] = ()
    replace_keys: tuple[str, ...] = ()
    detailed: dict[str, tuple[str, bool]] | None = None
    delete_first: bool = False

    @property
    def replaces(self) -> bool:
        """Whether the resource has to be replaced."""
        kinds = (kind for kind, _ in (self.detailed or {}).values())
        return bool(self.replace_keys) or any(kind.endswith("-replace") for kind in kinds)

    def settled(self, old: Properties, new: Properties) -> Diff:
        """This diff; completed from the inputs if the provider did not say whether anything changed."""
        if self.changed is not None:
            return self
        found = paths.difference(plain(old), plain(new))
        keys = tuple(sorted({str(path[0]) for path in found}))
        detailed = {paths.render(path): (kind, True) for path, kind in found.items()}
        return replace(self, changed=bool(found), keys=keys, detailed=detailed or None)

    def inverted(self) -> Diff:
        """The reverse: what was added is deleted."""
        if self.detailed is None:
            return self
        detailed = {path: (_INVERTED.get(kind, kind), own) for path, (kind, own) in self.detailed.items()}
        return replace(self, detailed=detailed)


@dataclass(frozen=True)
class Outgoing:
    """Properties for a request, in the form that the plugin takes."""

    properties: Mapping[str, Any]
    secrets: bool
    references: bool


class Encoded:
    """A channel of which requests may be bytes already."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        """Everything else is the channel's."""
        return getattr(self._channel, name)

    def unary_unary(self, method: str, request_serializer: Any, *others: Any, **options: Any) -> Any:
        """A method of the channel."""

        def encoded(request: Any) -> bytes:
            return request if isinstance(request, bytes) else bytes(request_serializer(request))

        return self._channel.unary_unary(method, encoded, *others, **options)


class Provider:
    """A plugin process that serves one provider resource."""

    def __init__(self, package: str, address: str, *, preview: bool) -> None:
        self.package = package
        self.inputs: Properties = {}
        self._preview = preview
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(cast("grpc.Channel", Encoded(self._channel)))
        self._configured: Any = None
        self._features = provider_pb2.ConfigureResponse()

    def _call(
        self, method: str, about: Resource, sources: Mapping[str, Any] | None = None, **fields: Any
    ) -> Any:
        """Call the plugin; `sources` mark secrets in the properties of a partially created or updated object."""
        try:
            return getattr(self._stub, method)(request(method, about.urn, fields), wait_for_ready=True)
        except grpc.RpcError as error:
            for detail in _unfinished(error):
                reasons = tuple(detail.reasons)
                partial = replace(
                    about,
                    id=detail.id,
                    inputs=from_struct(detail.inputs) or about.inputs,
                    outputs=self._properties(detail.properties, sources or {}),
                    init_errors=reasons,
                )
                count = f"{len(reasons)} error{'s' if len(reasons) != 1 else ''} occurred:"
                lines = [count, *(f"    * {reason}" for reason in reasons)]
                raise ProviderError("\n".join(lines), partial=partial) from error
            raise _failure(error) from error

    def _outgoing(self, properties: Mapping[str, Any]) -> Outgoing:
        features = self._features
        return Outgoing(properties, features.acceptSecrets, features.acceptResources)

    def _properties(self, message: Struct, sources: Mapping[str, Any]) -> Properties:
        """Properties of a response; secrets are marked again for a plugin that does not take secrets."""
        results = from_struct(message, sources)
        return results if self._features.acceptSecrets else mark_secrets(results, sources)

    # -- configuration ------------------------------------------------------------------------------

    def check_config(self, new: Resource, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """Check the provider's own inputs. Returns checked inputs and failures."""
        try:
            response = self._call("CheckConfig", new, olds=to_struct(olds), news=to_struct(news))
        except ProviderError as error:
            if error.code == grpc.StatusCode.UNIMPLEMENTED:
                return news, []
            code = str(error.code.name).title().replace("_", "")
            raise ProviderError(f"rpc error: code = {code} desc = {error}") from error
        return mark_secrets(from_struct(response.inputs), news), list(response.failures)

    def diff_config(self, old: Resource, new: Resource) -> Diff:
        """Compare the stored configuration with a new one; without DiffConfig, compare the old outputs with it."""
        olds, inputs, news = (
            to_struct(old.outputs),
            to_struct(visible(old.inputs)),
            to_struct(visible(new.inputs)),
        )
        try:
            diff = _diff(self._call("DiffConfig", new, olds=olds, old_inputs=inputs, news=news))
        except ProviderError as error:
            if error.code != grpc.StatusCode.UNIMPLEMENTED:
                raise
            diff = Diff(changed=None)
        return (
            replace(diff, changed=not equal(old.outputs, visible(new.inputs)))
            if diff.changed is None
            else diff
        )

    def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """Configure in the background, unless a value is unknown; a failure is reported at first use."""
        self.inputs = inputs
        if has_unknowns(inputs):
            return
        clear = {key: plain(value) for key, value in inputs.items() if key != "version"}
        fields = {
            "id": id_,
            "args": to_struct(inputs, secrets=True, references=True),
            "variables": {f"{self.package}:config:{key}": _text(value) for key, value in clear.items()},
            "acceptSecrets": True,
            "acceptResources": True,
            "sends_old_inputs": True,
            "sends_old_inputs_to_delete": True,
        }
        self._configured = self._stub.Configure.future(request("Configure", urn, fields), wait_for_ready=True)

    def _ready(self) -> bool:
        """Wait for Configure, which may have failed [case configure_fails]; False if it could not be called."""
        if self._configured is None:
            return False
        try:
            self._features = self._configured.result()
        except grpc.RpcError as error:
            raise _failure(error) from error
        return True

    # -- resources ----------------------------------------------------------------------------------

    def check(self, new: Resource, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """Check inputs. Returns checked inputs and failures; `olds` may be empty."""
        if not self._ready():
            return news, []
        seed = os.urandom(32)
        response = self._call(
            "Check", new, olds=self._outgoing(olds), news=self._outgoing(news), randomSeed=seed
        )
        return self._properties(response.inputs, news), list(response.failures)

    def diff(self, old: Resource, new: Resource) -> Diff:
        """Compare the current with the desired state."""
        if not self._ready():
            raise DiffUnavailableError(
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied during an update."
            )
        return _diff(self._call("Diff", old, **self._change(old, new)))

    def _change(self, old: Resource, new: Resource) -> dict[str, Any]:
        return {
            "id": old.id,
            "olds": self._outgoing(old.outputs),
            "old_inputs": self._outgoing(old.inputs),
            "news": self._outgoing(new.inputs),
            "ignoreChanges": new.ignore_changes,
        }

    def create(self, new: Resource) -> Resource:
        """Create an object; in a preview, predict it."""
        known = self._ready()
        if self._preview and not self._features.supportsPreview:
            return replace(new, outputs=new.inputs if known else {})
        properties, timeout = self._outgoing(new.inputs), new.custom_timeouts.get("create", 0)
        response = self._call(
            "Create", new, new.inputs, properties=properties, timeout=timeout, preview=self._preview
        )
        if not response.id and not self._preview:
            raise ProviderError(
                f"plugin for package '{self.package}' returned empty resource.ID from create '{new.urn}'"
            )
        return self._reached(replace(new, id="" if response.id == UNKNOWN_TEXT else response.id), response)

    def update(self, old: Resource, new: Resource) -> Resource:
        """Update an object; in a preview, predict it."""
        known = self._ready()
        if self._preview and not self._features.supportsPreview:
            return replace(new, outputs=new.inputs if known else {})
        change, timeout = self._change(old, new), new.custom_timeouts.get("update", 0)
        response = self._call("Update", new, new.inputs, **change, timeout=timeout, preview=self._preview)
        return self._reached(new, response)

    def _reached(self, new: Resource, response: Any) -> Resource:
        outputs = self._properties(response.properties, new.inputs)
        if not self._preview and has_unknowns(outputs):
            raise ProviderError(f"the provider returned a value that is not known for {new.urn}")
        return replace(new, outputs=outputs)

    def read(self, old: Resource) -> Resource:
        """The object's live state; without an id if it no longer exists."""
        self._ready()
        response = self._call(
            "Read",
            old,
            old.outputs,
            id=old.id,
            inputs=self._outgoing(old.inputs) if old.inputs else None,
            properties=self._outgoing(old.outputs) if old.outputs else None,
            timeout=old.custom_timeouts.get("read", 0),
        )
        inputs = self._properties(response.inputs, old.inputs) if response.HasField("inputs") else old.inputs
        outputs = self._properties(response.properties, old.outputs)
        return replace(old, id=response.id, inputs=inputs, outputs=outputs, init_errors=())

    def read_import(self, new: Resource) -> Resource:
        """Read the object whose id the program specifies [case import_option]."""
        self._ready()
        response = self._call("Read", new, id=new.import_id, timeout=new.custom_timeouts.get("read", 0))
        if not response.HasField("properties"):
            raise ProviderError(f"resource '{new.import_id}' does not exist")
        if not response.HasField("inputs"):
            raise ProviderError(
                "provider does not support importing resources; please try updating the "
                f"'{package_of(new.type)}' plugin"
            )
        inputs, outputs = from_struct(response.inputs), from_struct(response.properties)
        return replace(new, id=response.id or new.import_id, inputs=inputs, outputs=outputs)

    def delete(self, old: Resource) -> None:
        """Delete an object."""
        self._ready()
        properties, inputs = self._outgoing(old.outputs), self._outgoing(old.inputs)
        timeout = old.custom_timeouts.get("delete", 0)
        self._call("Delete", old, id=old.id, properties=properties, old_inputs=inputs, timeout=timeout)

    def invoke(self, token: str, arguments: Any) -> Any:
        """Pass an invoke on. Returns the plugin's InvokeResponse."""
        if not self._ready():
            return provider_pb2.InvokeResponse()
        features = self._features
        request = provider_pb2.InvokeRequest(tok=token, preview=self._preview)
        properties, secrets = from_struct(arguments), features.acceptSecrets
        fill_struct(request.args, properties, secrets=secrets, references=features.acceptResources)
        try:
            return self._stub.Invoke(request, wait_for_ready=True)
        except grpc.RpcError as error:
            raise _failure(error) from error

    def cancel(self) -> None:
        """Tell the plugin that the run was cancelled; errors do not matter."""
        self._stub.Cancel.future(Empty(), timeout=2)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def visible(inputs: Properties) -> Properties:
    """A provider's inputs without the engine's own keys."""
    return {key: value for key, value in inputs.items() if key != _INTERNAL}


def with_version(inputs: Properties, version: str) -> Properties:
    """A provider's inputs with the version that the SDK requested."""
    return {**inputs, _INTERNAL: {}, "version": version} if version else inputs


def request(method: str, urn: str, fields: Mapping[str, Any]) -> bytes:
    """The request for a method, encoded: a CheckRequest for CheckConfig, and so on.

    Messages of one type, encoded one after the other, are one message. So only one map of properties at a time is a
    message, which takes ten times the memory of its bytes: an address book of 100,000 is three times in a DiffRequest.
    """
    kind = getattr(provider_pb2, method.removesuffix("Config") + "Request")
    maps = {name: value for name, value in fields.items() if isinstance(value, Outgoing)}
    others = {name: value for name, value in fields.items() if name not in maps}
    whole = io.BytesIO(kind(urn=urn, name=urn_name(urn), type=urn_type(urn), **others).SerializeToString())
    whole.seek(0, io.SEEK_END)
    for name, value in maps.items():
        whole.write(_encoded(kind(), name, value))
    return whole.getvalue()


def _encoded(message: Any, name: str, value: Outgoing) -> bytes:
    fill_struct(getattr(message, name), value.properties, secrets=value.secrets, references=value.references)
    return bytes(message.SerializeToString())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _failure(error: Any) -> ProviderError:
    return ProviderError(error.details() or str(error.code().name), error.code())


def _unfinished(error: Any) -> Iterator[Any]:
    """The error's details about an object that exists nevertheless (ErrorResourceInitFailed)."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                detail = provider_pb2.ErrorResourceInitFailed()
                if packed.Unpack(detail):
                    yield detail


def _diff(response: Any) -> Diff:
    changed = {response.DIFF_NONE: False, response.DIFF_SOME: True}.get(response.changes)
    detailed = None
    if response.hasDetailedDiff or response.detailedDiff:
        detailed = {path: (_KINDS[item.kind], item.inputDiff) for path, item in response.detailedDiff.items()}
    return Diff(
        changed, tuple(response.diffs), tuple(response.replaces), detailed, response.deleteBeforeReplace
    )


class Registry:
    """The provider of provider resources: loads, checks, diffs and configures them."""

    def __init__(self, host: PluginHost, *, preview: bool) -> None:
        self._host = host
        self.builtins: Provider | None = None
        self._preview = preview
        self._stored: dict[str, Resource] = {}
        self._checked: dict[str, Provider] = {}
        self._entries: dict[str, Provider] = {}
        self._all: list[Provider] = []
        self._lock = threading.RLock()

    def know(self, resources: Iterable[Resource]) -> None:
        """Register the old state's providers, which this run has not registered yet."""
        self._stored = {provider_reference(r.urn, r.id): r for r in resources if r.is_provider}

    def of(self, resource: Resource) -> Provider | Registry | None:
        """A resource's provider, None for components; ProviderError if it does not start."""
        if resource.is_provider:
            return self
        return self.get(resource.provider) if resource.custom else None

    def get(self, reference: str) -> Provider:
        """The provider with this reference; one from the old state is loaded with its stored inputs."""
        with self._lock:
            provider = self._entries.get(reference)
            if provider is None:
                old = self._stored.get(reference)
                if old is None:
                    raise ProviderError(f"unknown provider {reference}")
                provider = self._load(old.urn, old.inputs)
                self._configure(provider, old.urn, old.id, old.inputs)
            return provider

    def _load(self, urn: str, inputs: Properties) -> Provider:
        package = package_of(urn_type(urn))
        if package == BUILTIN and self.builtins is not None:
            return self.builtins
        clear = {} if package == DYNAMIC else {key: plain(value) for key, value in visible(inputs).items()}
        config = {f"{package}:{key}": text for key, text in clear.items() if isinstance(text, str)}
        config.pop(f"{package}:version", None)
        try:
            process = self._host.start(package, str(inputs.get("version", "")), config)
        except PluginError as error:
            raise ProviderError(str(error)) from error
        provider = Provider(package, process.address, preview=self._preview)
        self._all.append(provider)
        return provider

    def _configure(self, provider: Provider, urn: str, id_: str, inputs: Properties) -> None:
        provider.configure(urn, id_, visible(inputs))
        self._entries[provider_reference(urn, id_)] = provider

    def check(self, new: Resource, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """CheckConfig in a new process; the inputs keep the engine's own keys."""
        provider = self._load(new.urn, news)
        checked, failures = provider.check_config(new, visible(olds), visible(news))
        with self._lock:
            self._checked[new.urn] = provider
        return checked | {key: news[key] for key in ("version", _INTERNAL) if key in news}, failures

    def diff(self, old: Resource, new: Resource) -> Diff:
        """DiffConfig of the stored and the new configuration."""
        with self._lock:
            provider = self._checked.get(new.urn) or self.get(provider_reference(old.urn, old.id))
        return provider.diff_config(old, new)

    def same(self, resource: Resource) -> None:
        """Configure an unchanged provider with its stored inputs unless it is already in use."""
        with self._lock:
            if provider_reference(resource.urn, resource.id) not in self._entries:
                self.update(resource, resource)

    def create(self, new: Resource) -> Resource:
        """Configure a new provider under a new id."""
        new = replace(new, id=UNKNOWN_TEXT if self._preview else str(uuid.uuid4()))
        return self.update(new, new)

    def update(self, old: Resource, new: Resource) -> Resource:
        """Configure a process for a changed provider, under its existing id."""
        with self._lock:
            provider = self._checked.pop(new.urn, None) or self._load(new.urn, new.inputs)
            self._configure(provider, new.urn, old.id, new.inputs)
        return replace(new, outputs=visible(new.inputs))

    def replaced_config(self, old_reference: str, new_reference: str) -> bool:
        """Whether a resource that changes providers must be replaced."""
        with self._lock:
            old, provider = self._stored.get(old_reference), self._entries.get(new_reference)
        if old is None or provider is None:
            return False
        new = replace(old, urn=provider_urn(new_reference), inputs=provider.inputs)
        return provider.diff_config(old, new).replaces

    def cancel(self) -> None:
        """Pass a cancellation on."""
        for provider in list(self._all):
            provider.cancel()

    def close(self) -> None:
        """Close every connection."""
        for provider in list(self._all):
            provider.close()
