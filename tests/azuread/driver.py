"""Drives one azuread plugin, the published one or the stand-in, as the Pulumi engine does: as a process, over gRPC.

Requests and responses are plain dictionaries, so that one plugin's responses can be stored as JSON and compared with
the other's.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
PROVIDER_URN = "urn:pulumi:test::mimecast-sso::pulumi:providers:azuread::default_6_11_1"
START_SECONDS = 20.0
# Bookkeeping of the published plugin's bridge, which neither program nor preview shows (docs/azuread-stand-in.md).
BRIDGE_KEYS = {"__meta", "__pulumi_raw_state_delta"}


# The published plugin explains a malformed id in a paragraph, the stand-in in a word.
_PARAGRAPH = re.compile(r"\n\nExpected .*(?=\. Examine values at '[^']*'\.$)", re.DOTALL)


def token(name: str) -> str:
    """The type token of a resource or data source, `ServicePrincipal` or `getUser`."""
    return f"azuread:index/{name[0].lower()}{name[1:]}:{name}"


def urn(name: str, logical: str) -> str:
    return f"urn:pulumi:test::mimecast-sso::{token(name)}::{logical}"


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(values), struct)
    return struct


def to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A struct as a dictionary without the bridge's bookkeeping."""
    values: dict[str, Any] = json_format.MessageToDict(struct)
    return {key: value for key, value in values.items() if key not in BRIDGE_KEYS}


class PluginError(Exception):
    """An RPC that failed, with the partial result when the plugin sent one."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.code: grpc.StatusCode = error.code()
        self.text: str = error.details() or ""
        metadata: Any = error.trailing_metadata() or ()
        self.partial: dict[str, Any] | None = None
        for key, value in metadata:
            if key == "grpc-status-details-bin":
                self.partial = _partial(value)


def _partial(value: bytes) -> dict[str, Any] | None:
    status = status_pb2.Status.FromString(value)
    for detail in status.details:
        failed = provider_pb2.ErrorResourceInitFailed()
        if detail.Unpack(failed):
            return {
                "id": failed.id, "properties": to_dict(failed.properties), "inputs": to_dict(failed.inputs),
                "reasons": list(failed.reasons),
            }  # fmt: skip
    return None


@dataclass
class Plugin:
    """A running plugin. `command` starts it; `environment` is all it gets."""

    command: list[str]
    environment: dict[str, str]
    directory: Path
    process: subprocess.Popen[str] = field(init=False)
    stub: provider_pb2_grpc.ResourceProviderStub = field(init=False)
    channel: grpc.Channel = field(init=False)

    def __enter__(self) -> Plugin:
        self.process = subprocess.Popen(
            [*self.command, "127.0.0.1:1"], env=self.environment, cwd=self.directory, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        if not port:
            _, complaint = self.process.communicate(timeout=START_SECONDS)
            raise RuntimeError(complaint)
        # A proxy in this process's own environment must not stand between the test and the plugin.
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)])
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()
        self.process.terminate()
        self.process.communicate(timeout=START_SECONDS)

    def call(self, method: str, request: Message, seconds: float = 120) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=seconds)
        except grpc.RpcError as error:
            raise PluginError(error) from None

    def check_config(self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = provider_pb2.CheckRequest(
            urn=PROVIDER_URN, news=to_struct(news), olds=to_struct(olds or {})
        )
        return _checked(self.call("CheckConfig", request))

    def diff_config(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        request = provider_pb2.DiffRequest(
            urn=PROVIDER_URN, olds=to_struct(olds), old_inputs=to_struct(olds), news=to_struct(news)
        )
        return _difference(self.call("DiffConfig", request))

    def configure(self, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = provider_pb2.ConfigureRequest(
            args=to_struct(arguments or {}), acceptSecrets=True, acceptResources=True
        )
        return _fields(self.call("Configure", request))

    def check(
        self, name: str, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None, logical: str = "it"
    ) -> dict[str, Any]:
        request = provider_pb2.CheckRequest(
            urn=urn(name, logical), name=logical, type=token(name), news=to_struct(news),
            olds=to_struct(olds or {}), randomSeed=bytes(32),
        )  # fmt: skip
        return _checked(self.call("Check", request))

    def diff(
        self,
        name: str,
        resource_id: str,
        olds: Mapping[str, Any],
        news: Mapping[str, Any],
        *,
        old_inputs: Mapping[str, Any] | None = None,
        ignore: list[str] | None = None,
    ) -> dict[str, Any]:
        request = provider_pb2.DiffRequest(
            id=resource_id, urn=urn(name, "it"), name="it", type=token(name), olds=to_struct(olds),
            old_inputs=to_struct(olds if old_inputs is None else old_inputs), news=to_struct(news),
            ignoreChanges=ignore or [],
        )  # fmt: skip
        return _difference(self.call("Diff", request))

    def create(
        self, name: str, inputs: Mapping[str, Any], *, preview: bool = False
    ) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(
            urn=urn(name, "it"), name="it", type=token(name), properties=to_struct(inputs), preview=preview
        )
        response = self.call("Create", request)
        return response.id, to_dict(response.properties)

    def update(
        self,
        name: str,
        resource_id: str,
        olds: Mapping[str, Any],
        news: Mapping[str, Any],
        *,
        preview: bool = False,
        old_inputs: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            id=resource_id, urn=urn(name, "it"), name="it", type=token(name), olds=to_struct(olds),
            news=to_struct(news), old_inputs=to_struct(old_inputs or {}), preview=preview,
        )  # fmt: skip
        return to_dict(self.call("Update", request).properties)

    def read(
        self,
        name: str,
        resource_id: str,
        properties: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """`{"id", "properties", "inputs"}`; an empty id means gone. Without inputs: an import."""
        request = provider_pb2.ReadRequest(
            id=resource_id,
            urn=urn(name, "it"),
            name="it",
            type=token(name),
            properties=to_struct(properties or {}),
        )
        if inputs is not None:
            request.inputs.CopyFrom(to_struct(inputs))
        response = self.call("Read", request)
        return {
            "id": response.id,
            "properties": to_dict(response.properties),
            "inputs": to_dict(response.inputs),
        }

    def delete(self, name: str, resource_id: str, properties: Mapping[str, Any]) -> None:
        request = provider_pb2.DeleteRequest(
            id=resource_id, urn=urn(name, "it"), name="it", type=token(name), properties=to_struct(properties)
        )
        self.call("Delete", request)

    def invoke(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """`{"return", "failures"}` of a data source."""
        response = self.call("Invoke", provider_pb2.InvokeRequest(tok=token(name), args=to_struct(arguments)))
        return {"return": to_dict(getattr(response, "return")), "failures": _failures(response.failures)}


def _fields(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message)


def _failures(failures: Any) -> list[list[str]]:
    return sorted([failure.property, _PARAGRAPH.sub("", failure.reason)] for failure in failures)


def _checked(response: provider_pb2.CheckResponse) -> dict[str, Any]:
    return {"inputs": to_dict(response.inputs), "failures": _failures(response.failures)}


def _difference(response: provider_pb2.DiffResponse) -> dict[str, Any]:
    kinds = provider_pb2.PropertyDiff.Kind
    return {
        "changes": provider_pb2.DiffResponse.DiffChanges.Name(response.changes),
        "replaces": sorted(set(response.replaces)),
        "stables": sorted(response.stables),
        "diffs": sorted(set(response.diffs)),
        "detailed": {key: kinds.Name(diff.kind) for key, diff in sorted(response.detailedDiff.items())},
        "hasDetailedDiff": response.hasDetailedDiff,
        "deleteBeforeReplace": response.deleteBeforeReplace,
    }


def plugin_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a plugin: what the sandbox gives, and of this process only what a process needs to run."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    return {**kept, **extra}
