"""The SDK's own dynamic provider process, driven over gRPC as the engine drives it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2_grpc

from tests.support import commands

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the protocol writes a value that is not known yet."""

Properties = dict[str, Any]


_TIMEOUT = 900.0
"""Seconds: what takes longer hangs. A book of 100,000 addresses takes minutes on a busy machine."""

# Messages as long as the Pulumi CLI takes; a book of 100,000 addresses has 10 MB.
_CHANNEL = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 400 * 1024 * 1024)]


class CallError(Exception):
    """A call that the provider aborted; the text is what the engine would print."""


@dataclass
class Plugin:
    """One provider process. Old outputs are passed as given; ``__provider`` is added and removed here."""

    stub: Any
    kill: Callable[[], None]
    """Ends the process at once, as ``kill -9`` does."""
    pid: int
    environment: dict[str, str]
    output: list[str] = field(default_factory=list)
    configuration: dict[str, Any] = field(default_factory=dict)

    def configure(self, **config: Any) -> None:
        """Stack configuration, keys without their namespace, values as text."""
        self.configuration = config
        self.stub.Configure(
            proto.ConfigureRequest(
                args=_struct({f"mimecast-sso:{key}": value for key, value in config.items()})
            )
        )

    def check(
        self, provider: type[ResourceProvider], news: Properties, olds: Properties | None = None
    ) -> tuple[Properties, list[tuple[str, str]]]:
        request = proto.CheckRequest(olds=_sent(provider, olds or {}), news=_sent(provider, news))
        response = self._call("Check", request)
        return _received(response.inputs), [
            (failure.property, failure.reason) for failure in response.failures
        ]

    def inputs(self, provider: type[ResourceProvider], news: Properties) -> Properties:
        """What the engine would keep as inputs; no failures expected."""
        checked, failures = self.check(provider, news)
        assert failures == []
        return checked

    def diff(
        self, provider: type[ResourceProvider], id_: str, olds: Properties, news: Properties
    ) -> tuple[str, list[str]]:
        response = self._call(
            "Diff", proto.DiffRequest(id=id_, olds=_sent(provider, olds), news=_sent(provider, news))
        )
        return proto.DiffResponse.DiffChanges.Name(response.changes), list(response.replaces)

    def create(self, provider: type[ResourceProvider], news: Properties) -> tuple[str, Properties]:
        response = self._call("Create", proto.CreateRequest(properties=_sent(provider, news)))
        return response.id, _received(response.properties)

    def read(
        self, provider: type[ResourceProvider], id_: str, outputs: Properties
    ) -> tuple[str, Properties, Properties]:
        response = self._call("Read", proto.ReadRequest(id=id_, properties=_sent(provider, outputs)))
        return response.id, _received(response.properties), _received(response.inputs)

    def update(
        self, provider: type[ResourceProvider], id_: str, olds: Properties, news: Properties
    ) -> Properties:
        response = self._call(
            "Update", proto.UpdateRequest(id=id_, olds=_sent(provider, olds), news=_sent(provider, news))
        )
        return _received(response.properties)

    def delete(self, provider: type[ResourceProvider], id_: str, outputs: Properties) -> None:
        """As a later run deletes what an earlier one created: each run of the engine has a process of its own."""
        with running(self.environment) as later:
            later.configure(**self.configuration)
            try:
                later.delete_here(provider, id_, outputs)
            finally:
                self.output.extend(later.output)

    def delete_here(self, provider: type[ResourceProvider], id_: str, outputs: Properties) -> None:
        """As the run that created others, such as a replacement."""
        self._call("Delete", proto.DeleteRequest(id=id_, properties=_sent(provider, outputs)))

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            raise CallError(error.details()) from None


@contextmanager
def running(environment: dict[str, str]) -> Iterator[Plugin]:
    """A provider process with this environment (and nothing of ours but PATH)."""
    process = commands.Forked(
        [sys.executable, "-u", "-m", "pulumi.dynamic", "127.0.0.1:0"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PULUMI_PROJECT": "mimecast-sso", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    # gRPC's clients honour proxy variables, and tests may run where some are set.
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_CHANNEL)
    plugin = Plugin(provider_pb2_grpc.ResourceProviderStub(channel), process.kill, process.pid, environment)
    reader = threading.Thread(target=plugin.output.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield plugin
    finally:
        channel.close()
        process.terminate()
        process.wait(20)
        reader.join(20)


def refusal(plugin: Plugin, method: str, *arguments: Any) -> str:
    """The one line that a call fails with."""
    with pytest.raises(CallError) as caught:
        getattr(plugin, method)(*arguments)
    text = str(caught.value).strip()
    assert "Traceback" not in text
    assert "\n" not in text
    return text


def _sent(provider: type[ResourceProvider], properties: Properties) -> struct_pb2.Struct:
    return _struct({**properties, "__provider": serialize_provider(provider())})


def _struct(properties: Properties) -> struct_pb2.Struct:
    return json_format.ParseDict(properties, struct_pb2.Struct())


def _received(properties: struct_pb2.Struct) -> Properties:
    received: Properties = json_format.MessageToDict(properties)
    received.pop("__provider", None)
    return received
