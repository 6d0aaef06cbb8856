"""The engine holds its address from the moment at which children learn it."""

from __future__ import annotations

import errno
import socket
from typing import Any, cast

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from sandbox.engine.monitor import EngineService, Monitor, serve
from sandbox.engine.plugins import ReservedAddress


class _Features(resource_pb2_grpc.ResourceMonitorServicer):
    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 (named by the protocol)
        return resource_pb2.DeploymentInfo(
            supportedFeatures=[resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH]
        )


def test_no_other_process_gets_the_engines_port() -> None:
    address = ReservedAddress()
    host, _, port = str(address).partition(":")
    try:
        with socket.socket() as other, pytest.raises(OSError, match="in use") as refused:
            other.bind((host, int(port)))
        assert refused.value.errno == errno.EADDRINUSE
    finally:
        address.release()


def test_the_engine_listens_at_its_address_and_keeps_it() -> None:
    """Otherwise a program that reached a plugin there gets the error that "the DeletedWith option" is not supported."""
    address = ReservedAddress()
    server = serve(
        address, 1, cast(Monitor, _Features()), cast(EngineService, engine_pb2_grpc.EngineServicer())
    )
    try:
        with grpc.insecure_channel(str(address)) as channel:
            info = resource_pb2_grpc.ResourceMonitorStub(channel).GetDeploymentInfo(empty_pb2.Empty())
        assert list(info.supportedFeatures) == [resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH]
        host, _, port = str(address).partition(":")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
    finally:
        server.stop(grace=None)
