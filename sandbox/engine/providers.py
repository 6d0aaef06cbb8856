"""Providers over gRPC, and the registry that stands for them among the resources."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from sandbox.engine import paths
from sandbox.engine.plugins import DYNAMIC, PluginError, PluginHost
from sandbox.engine.resource import (
    Resource,
    package_of,
    provider_id,
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


@dataclass(frozen=True)
class Partial:
    """What a provider says about an object that it made or changed without finishing it."""

    id: str
    outputs: Properties
    inputs: Properties
    reasons: tuple[str, ...]


class ProviderError(Exception):
    """A call failed.

    Attributes:
        doubtful: The provider cannot say what state the object is in.
        partial: The object is there although the call failed.
    """

    def __init__(self, text: str, *, doubtful: bool = False, partial: Partial | None = None) -> None:
        super().__init__(text)
        self.doubtful = doubtful
        self.partial = partial


class DiffUnavailableError(Exception):
    """The provider's configuration is not known in this preview; the text is for the user."""


@dataclass(frozen=True)
class Diff:
    """A provider's answer to Diff or DiffConfig.

    Attributes:
        changed: None when the provider does not say.
        keys: Changed top-level keys.
        replace_keys: Keys that force a replacement.
        detailed: Path to (kind, whether it is a difference of inputs); None without details.
        delete_first: The object must be deleted before its replacement is made.
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
        """The same, with what the engine finds itself where the provider does not say."""
        if self.changed is not None:
            return self
        own = diff_inputs(old, new)
        return replace(self, changed=own.changed, keys=own.keys, detailed=own.detailed)

    def inverted(self) -> Diff:
        """The same seen from the other side: what was added is deleted."""
        detailed = self.detailed
        if detailed is not None:
            detailed = {
                path: (_INVERTED.get(kind, kind), inputs) for path, (kind, inputs) in detailed.items()
            }
        return replace(self, detailed=detailed)


def diff_inputs(old: Properties, new: Properties) -> Diff:
    """What the engine finds itself, when the provider does not say."""
    found = paths.difference(plain(old), plain(new))
    if not found:
        return Diff(changed=False)
    keys = tuple(sorted({str(path[0]) for path in found}))
    return Diff(True, keys, detailed={paths.render(path): (kind, True) for path, kind in found.items()})


@dataclass(frozen=True)
class Result:
    """What Create, Update or Read gave. Read: an empty id says that the object is gone."""

    id: str
    outputs: Properties
    inputs: Properties | None = None
    found: bool = True


class Provider:
    """One plugin process that works for one provider resource."""

    def __init__(self, package: str, address: str, *, preview: bool) -> None:
        self.package = package
        self._preview = preview
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._configured = threading.Event()
        self._error: ProviderError | None = None
        self.config_known = True
        self.inputs: Properties = {}
        self._secrets = False
        self._references = False
        self._previews = False

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, wait_for_ready=True)
        except grpc.RpcError as error:
            raise _failure(error) from error

    def _fill(self, message: Any, properties: Mapping[str, Any]) -> None:
        message.SetInParent()
        fill_struct(message, properties, secrets=self._secrets, references=self._references)

    def _read_back(self, message: Any, sources: Mapping[str, Any]) -> Properties:
        """Properties of an answer; a plugin that takes no secrets has them marked again."""
        results = from_struct(message)
        return results if self._secrets else mark_secrets(results, sources)

    # -- configuration ------------------------------------------------------------------------------

    def check_config(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """Check the provider's own inputs: checked inputs and failures."""
        request = provider_pb2.CheckRequest(urn=urn, name=urn_name(urn), type=urn_type(urn))
        fill_struct(request.olds, olds)
        fill_struct(request.news, news)
        try:
            answer = self._stub.CheckConfig(request, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return news, []
            code = str(error.code().name).title().replace("_", "")
            raise ProviderError(f"rpc error: code = {code} desc = {error.details()}") from error
        return mark_secrets(from_struct(answer.inputs), news), list(answer.failures)

    def diff_config(self, urn: str, old: Resource, news: Properties) -> Diff:
        """Compare the stored configuration with another one."""
        request = provider_pb2.DiffRequest(urn=urn, name=urn_name(urn), type=urn_type(urn))
        fill_struct(request.olds, old.outputs)
        fill_struct(request.old_inputs, visible(old.inputs))
        fill_struct(request.news, news)
        try:
            answer = self._stub.DiffConfig(request, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return Diff(changed=None)
            raise _failure(error) from error
        return _diff(answer)

    def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """Configure in the background; a failure shows at the first use [case configure_fails]."""
        self.inputs = inputs
        if has_unknowns(inputs):
            self.config_known = False
            self._configured.set()
            return
        request = provider_pb2.ConfigureRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        fill_struct(request.args, inputs, secrets=True, references=True)
        for key, value in inputs.items():
            if key != "version":
                clear = plain(value)
                text = clear if isinstance(clear, str) else json.dumps(clear, separators=(",", ":"))
                request.variables[f"{self.package}:config:{key}"] = text
        threading.Thread(target=self._configure, args=(request,), daemon=True).start()

    def _configure(self, request: Any) -> None:
        try:
            answer = self._call("Configure", request)
            self._secrets = answer.acceptSecrets
            self._references = answer.acceptResources
            self._previews = answer.supportsPreview
        except ProviderError as error:
            self._error = error
        finally:
            self._configured.set()

    def _ready(self) -> None:
        self._configured.wait()
        if self._error is not None:
            raise self._error

    # -- resources ----------------------------------------------------------------------------------

    def check(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """Checked inputs and failures; `olds` is empty where there are none to consider."""
        self._ready()
        if not self.config_known:
            return news, []
        request = provider_pb2.CheckRequest(
            urn=urn, name=urn_name(urn), type=urn_type(urn), randomSeed=os.urandom(32)
        )
        self._fill(request.olds, olds)
        self._fill(request.news, news)
        answer = self._call("Check", request)
        return self._read_back(answer.inputs, news), list(answer.failures)

    def diff(self, old: Resource, news: Properties, ignore_changes: tuple[str, ...]) -> Diff:
        """Compare what is there with what is wanted."""
        self._ready()
        if not self.config_known:
            raise DiffUnavailableError(
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied during an update."
            )
        request = provider_pb2.DiffRequest(
            id=old.id, urn=old.urn, name=old.name, type=old.type, ignoreChanges=ignore_changes
        )
        self._fill(request.olds, old.outputs)
        self._fill(request.old_inputs, old.inputs)
        self._fill(request.news, news)
        return _diff(self._call("Diff", request))

    def create(self, urn: str, inputs: Properties, timeout: float) -> Result:
        """Make an object; in a preview, say what it would be like."""
        self._ready()
        if self._preview and not (self.config_known and self._previews):
            return Result("", inputs if self.config_known else {})
        request = provider_pb2.CreateRequest(
            urn=urn, name=urn_name(urn), type=urn_type(urn), timeout=timeout, preview=self._preview
        )
        self._fill(request.properties, inputs)
        answer = self._partial("Create", request, inputs)
        if not answer.id and not self._preview:
            raise ProviderError(
                f"plugin for package '{self.package}' returned empty resource.ID from create '{urn}'"
            )
        return Result(_known(answer.id), self._read_back(answer.properties, inputs))

    def update(self, old: Resource, new: Resource, timeout: float) -> Result:
        """Change an object; in a preview, say what it would be like."""
        self._ready()
        if self._preview and not (self.config_known and self._previews):
            return Result(old.id, new.inputs if self.config_known else {})
        request = provider_pb2.UpdateRequest(
            id=old.id,
            urn=new.urn,
            name=new.name,
            type=new.type,
            timeout=timeout,
            ignoreChanges=new.ignore_changes,
            preview=self._preview,
        )
        self._fill(request.olds, old.outputs)
        self._fill(request.old_inputs, old.inputs)
        self._fill(request.news, new.inputs)
        answer = self._partial("Update", request, new.inputs)
        return Result(old.id, self._read_back(answer.properties, new.inputs))

    def read(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout: float = 0) -> Result:
        """Look at an object. Without inputs and outputs: as an import does."""
        self._ready()
        request = provider_pb2.ReadRequest(
            id=id_, urn=urn, name=urn_name(urn), type=urn_type(urn), timeout=timeout
        )
        if inputs:
            self._fill(request.inputs, inputs)
        if outputs:
            self._fill(request.properties, outputs)
        answer = self._partial("Read", request, outputs)
        return Result(
            answer.id,
            self._read_back(answer.properties, outputs),
            self._read_back(answer.inputs, inputs) if answer.HasField("inputs") else None,
            answer.HasField("properties"),
        )

    def delete(self, old: Resource, timeout: float) -> None:
        """Remove an object."""
        self._ready()
        request = provider_pb2.DeleteRequest(
            id=old.id, urn=old.urn, name=old.name, type=old.type, timeout=timeout
        )
        self._fill(request.properties, old.outputs)
        self._fill(request.old_inputs, old.inputs)
        self._call("Delete", request)

    def invoke(self, token: str, arguments: Any) -> Any:
        """Pass an invoke on; gives the plugin's InvokeResponse."""
        self._ready()
        if not self.config_known:
            return provider_pb2.InvokeResponse()
        request = provider_pb2.InvokeRequest(tok=token, preview=self._preview)
        self._fill(request.args, from_struct(arguments))
        return self._call("Invoke", request)

    def _partial(self, method: str, request: Any, sources: Properties) -> Any:
        """A call whose error may say that the object is there all the same."""
        try:
            return self._call(method, request)
        except ProviderError as error:
            if error.partial is not None and not self._secrets:
                outputs = mark_secrets(error.partial.outputs, sources)
                error.partial = replace(error.partial, outputs=outputs)
            raise

    def cancel(self) -> None:
        """Tell the plugin that the run was cancelled; errors do not matter."""
        self._stub.Cancel.future(Empty(), timeout=2)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def visible(inputs: Properties) -> Properties:
    """A provider's inputs without what the engine keeps there for itself."""
    return {key: value for key, value in inputs.items() if key != _INTERNAL}


def with_version(inputs: Properties, version: str) -> Properties:
    """A provider's inputs with the version that the SDK asked for."""
    return {**inputs, _INTERNAL: {}, "version": version} if version else inputs


def _known(id_: str) -> str:
    return "" if id_ == UNKNOWN_TEXT else id_


def _diff(answer: Any) -> Diff:
    changed = {answer.DIFF_NONE: False, answer.DIFF_SOME: True}.get(answer.changes)
    detailed = None
    if answer.hasDetailedDiff or answer.detailedDiff:
        detailed = {path: (_KINDS[item.kind], item.inputDiff) for path, item in answer.detailedDiff.items()}
    return Diff(changed, tuple(answer.diffs), tuple(answer.replaces), detailed, answer.deleteBeforeReplace)


def _failure(error: Any) -> ProviderError:
    text = error.details() or str(error.code().name)
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            for packed in status.details:
                detail = provider_pb2.ErrorResourceInitFailed()
                if packed.Unpack(detail):
                    reasons = tuple(detail.reasons)
                    partial = Partial(
                        detail.id, from_struct(detail.properties), from_struct(detail.inputs), reasons
                    )
                    count = f"{len(reasons)} error{'s' if len(reasons) != 1 else ''} occurred:"
                    text = "\n".join([count, *(f"    * {reason}" for reason in reasons)])
                    return ProviderError(text, partial=partial)
    return ProviderError(text, doubtful=error.code() in _DOUBTFUL)


class Registry:
    """The provider of provider resources: loads, checks, compares and configures them.

    Args:
        host: Starts the processes.
        stored: Gives the old state of a provider by URN and id, for what this run has not registered.
        preview: Whether this is a preview.
    """

    def __init__(
        self, host: PluginHost, stored: Callable[[str, str], Resource | None], *, preview: bool
    ) -> None:
        self._host = host
        self._stored = stored
        self._preview = preview
        self._checked: dict[str, Provider] = {}
        self._entries: dict[str, Provider] = {}
        self._all: list[Provider] = []
        self._lock = threading.RLock()

    def get(self, reference: str) -> Provider:
        """The provider that a resource names; one of the old state is loaded with its stored inputs.

        Raises:
            ProviderError: It is neither registered nor in the state, or does not start.
        """
        with self._lock:
            provider = self._entries.get(reference)
            if provider is None:
                old = self._stored(provider_urn(reference), provider_id(reference))
                if old is None:
                    raise ProviderError(f"unknown provider {reference}")
                provider = self._load(old.urn, old.inputs)
                self._configure(provider, old.urn, old.id, old.inputs)
            return provider

    def _load(self, urn: str, inputs: Properties) -> Provider:
        package = package_of(urn_type(urn))
        config = (
            {}
            if package == DYNAMIC
            else {
                f"{package}:{key}": text
                for key, value in visible(inputs).items()
                if key != "version" and isinstance(text := plain(value), str)
            }
        )
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

    def check(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """CheckConfig with a fresh process; the inputs keep what the engine put there."""
        provider = self._load(urn, news)
        checked, failures = provider.check_config(urn, visible(olds), visible(news))
        with self._lock:
            self._checked[urn] = provider
        for key in ("version", _INTERNAL):
            if key in news:
                checked[key] = news[key]
        return checked, failures

    def diff(self, old: Resource, urn: str, news: Properties) -> Diff:
        """DiffConfig; a plugin without it compares old outputs with new inputs and never replaces."""
        with self._lock:
            provider = self._checked.get(urn) or self.get(provider_reference(old.urn, old.id))
        diff = provider.diff_config(urn, old, visible(news))
        if diff.changed is None:
            return replace(diff, changed=not equal(old.outputs, visible(news)))
        return diff

    def same(self, resource: Resource) -> None:
        """Unchanged: configure it with the stored inputs unless it is already in use."""
        with self._lock:
            if provider_reference(resource.urn, resource.id) not in self._entries:
                self.update(resource.urn, resource.id, resource.inputs)

    def create(self, urn: str, inputs: Properties) -> str:
        """Configure a new one and give its id."""
        id_ = UNKNOWN_TEXT if self._preview else str(uuid.uuid4())
        self.update(urn, id_, inputs)
        return id_

    def update(self, urn: str, id_: str, inputs: Properties) -> None:
        """Configure a process for it under this id."""
        with self._lock:
            provider = self._checked.pop(urn, None) or self._load(urn, inputs)
            self._configure(provider, urn, id_, inputs)

    def replaced_config(self, old_reference: str, new_reference: str) -> bool:
        """Whether a resource that changes from one provider to another has to be replaced."""
        with self._lock:
            old = self._stored(provider_urn(old_reference), provider_id(old_reference))
            provider = self._entries.get(new_reference)
        if old is None or provider is None:
            return False
        return provider.diff_config(provider_urn(new_reference), old, provider.inputs).replaces

    def cancel(self) -> None:
        """Pass a cancellation on."""
        for provider in list(self._all):
            provider.cancel()

    def close(self) -> None:
        """Close every connection."""
        for provider in list(self._all):
            provider.close()
