"""The provider protocol: handles each gRPC call by the tables and the resource types."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from sandbox.azuread import planning, settings
from sandbox.azuread.checking import check
from sandbox.azuread.functions import FUNCTIONS
from sandbox.azuread.graph import FailedError, Graph, patience
from sandbox.azuread.resources import RESOURCES
from sandbox.azuread.resources.base import IncompleteError, ResourceType
from sandbox.azuread.wire import Properties, from_struct, has_unknown, to_struct

_THREADS = 16
_LARGEST_MESSAGE = 400 * 1024 * 1024  # what Pulumi's engine allows on its side


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The provider service. What the published plugin does not implement, such as `Handshake`, is missing here too."""

    def __init__(self, version: str, environment: Mapping[str, str]) -> None:
        self._version = version
        self._environment = environment
        self._graph: Graph | None = None
        self._stopped = threading.Event()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(  # noqa: N802
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        # Only `pulumi import` asks for it.
        from sandbox.azuread.package_schema import package_schema  # noqa: PLC0415

        return provider_pb2.GetSchemaResponse(schema=package_schema(self._version))

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        try:
            inputs = settings.checked(from_struct(request.news), self._environment)
        except settings.UnknownKeyError as error:
            return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(reason=str(error))])
        except settings.ConfigurationError as error:
            _abort(context, str(error))
        return provider_pb2.CheckResponse(inputs=to_struct(inputs))

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        olds, news = from_struct(request.olds), from_struct(request.news)
        kinds = provider_pb2.PropertyDiff
        detailed = {
            key: kinds(
                kind=kinds.ADD if key not in olds else kinds.DELETE if key not in news else kinds.UPDATE,
                inputDiff=True,
            )
            for key in sorted(olds.keys() | news.keys())
            if olds.get(key) != news.get(key)
        }
        if not detailed:
            return provider_pb2.DiffResponse()
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME, diffs=list(detailed), detailedDiff=detailed
        )

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        try:
            self._graph = Graph(settings.resolve(from_struct(request.args), self._environment), self._stopped)
        except (FailedError, settings.ConfigurationError) as error:
            _abort(context, _framed(error))
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        kind = self._kind(request, "Check", context)
        checked = check(kind.table, from_struct(request.news), from_struct(request.olds))
        logical_name = request.urn.rpartition("::")[2]
        return provider_pb2.CheckResponse(
            inputs=to_struct(checked.inputs),
            failures=[
                provider_pb2.CheckFailure(reason=problem.for_resource(logical_name))
                for problem in checked.problems
            ],
        )

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        kind = self._kind(request, "Diff", context)
        olds, news = from_struct(request.olds), from_struct(request.news)
        found = planning.difference(kind.table, olds, news, request.ignoreChanges)
        response = provider_pb2.DiffResponse
        return response(
            changes=response.DIFF_SOME if found.changed else response.DIFF_NONE,
            diffs=found.changed,
            replaces=found.replaces,
            stables=found.stables,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(difference.value))
                for path, difference in found.detailed.items()
            },
            hasDetailedDiff=True,
        )

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        kind = self._kind(request, "Create", context)
        inputs = from_struct(request.properties)
        planned = planning.plan_create(kind.table, inputs)
        if request.preview:
            return provider_pb2.CreateResponse(properties=to_struct(planning.marked(kind.table, planned)))
        stated = {name: inputs.get(name) and value for name, value in planned.items() if name != "id"}
        operation = _Operation(kind, request.urn, "creating", context)
        resource_id = ""
        kept = planning.half_made(kind.table, stated)
        with (
            operation.reported(lambda error: (error.resource_id, {**kept, "id": error.resource_id})),
            patience(request.timeout),
        ):
            graph = self._configured()
            resource_id = kind.create(graph, stated)
            with _incomplete(resource_id):
                live = kind.read(graph, resource_id)
        if live is None:
            _abort(context, f"expected non-nil error with nil state during Create of {request.urn}")
        outputs = planning.applied(kind.table, planned, live)
        return provider_pb2.CreateResponse(
            id=resource_id, properties=to_struct(planning.marked(kind.table, outputs))
        )

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        kind = self._kind(request, "Update", context)
        olds = from_struct(request.olds)
        planned = planning.plan_update(kind.table, olds, from_struct(request.news))
        if request.preview:
            return provider_pb2.UpdateResponse(properties=to_struct(planning.marked(kind.table, planned)))
        operation = _Operation(kind, request.urn, "updating", context)
        kept = {
            name: value if value is not None else olds.get(name) and "" for name, value in planned.items()
        }
        with operation.reported(lambda error: (error.resource_id, kept)), patience(request.timeout):
            graph = self._configured()
            with _incomplete(request.id):
                kind.update(graph, request.id, olds, planned)
                live = kind.read(graph, request.id)
        if live is None:
            _abort(context, f"expected non-nil error with nil state during Update of {request.urn}")
        outputs = planning.applied(kind.table, planned, live)
        return provider_pb2.UpdateResponse(properties=to_struct(planning.marked(kind.table, outputs)))

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        kind = self._kind(request, "Read", context)
        olds, old_inputs = from_struct(request.properties), from_struct(request.inputs)
        with _Operation(kind, request.urn, "refreshing", context).reported(), patience(0):
            live = kind.read(self._configured(), request.id)
        if live is None:
            return provider_pb2.ReadResponse()
        outputs = planning.outputs_of(kind.table, olds, live)
        if olds or old_inputs:
            inputs = planning.refreshed_inputs(old_inputs, outputs)
        else:
            inputs = planning.imported_inputs(kind.table, outputs)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=to_struct(planning.marked(kind.table, outputs)),
            inputs=to_struct(inputs),
        )

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        kind = self._kind(request, "Delete", context)
        with _Operation(kind, request.urn, "deleting", context).reported(), patience(request.timeout):
            kind.delete(self._configured(), request.id, from_struct(request.properties))
        return Empty()

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        function = FUNCTIONS.get(request.tok)
        if function is None:
            _abort(context, self._not_known("data source", request.tok))
        checked = check(function.table, from_struct(request.args), {})
        if checked.problems:
            failures = [
                provider_pb2.CheckFailure(reason=problem.for_function()) for problem in checked.problems
            ]
            return provider_pb2.InvokeResponse(failures=failures)
        arguments = {key: value for key, value in checked.inputs.items() if key in function.table.by_name}
        try:
            with patience(0):
                results = function.invoke(self._configured(), arguments)
        except FailedError as error:
            _abort(context, f"invoking {request.tok}: {_framed(error, twice=function.repeats_errors)}")
        response = provider_pb2.InvokeResponse()
        # The field's name is a Python keyword.
        getattr(response, "return").CopyFrom(to_struct(results))
        return response

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        self._stopped.set()
        return Empty()

    def _configured(self) -> Graph:
        if self._graph is None:
            raise FailedError("the provider is not configured")
        return self._graph

    def _kind(self, request: Any, method: str, context: grpc.ServicerContext) -> ResourceType:
        token = request.urn.split("::")[2].rpartition("$")[2]
        kind = RESOURCES.get(token)
        if kind is None:
            _abort(
                context, f"unrecognized resource type ({method}): {self._not_known('resource type', token)}"
            )
        return kind

    def _not_known(self, what: str, token: str) -> str:
        return (
            f"{token}. The sandbox's stand-in for the azuread plugin does not know this {what}; the published plugin "
            f"may: `pulumi plugin install resource azuread {self._version}` (or put pulumi-resource-azuread on PATH), "
            "and start the sandbox again."
        )


class _Operation:
    """Reports the failure of one operation on one resource."""

    def __init__(self, kind: ResourceType, urn: str, verb: str, context: grpc.ServicerContext) -> None:
        self._kind, self._urn, self._verb, self._context = kind, urn, verb, context

    @contextmanager
    def reported(
        self, kept: Callable[[IncompleteError], tuple[str, Properties]] | None = None
    ) -> Iterator[None]:
        """Turn failures into the call's error; `kept` returns what the engine must store after a partial failure."""
        try:
            yield
        except IncompleteError as error:
            text = self._text(error)
            if kept is None:
                _abort(self._context, text)
            resource_id, properties = kept(error)
            table = self._kind.table
            _abort_incomplete(
                self._context, text, resource_id, planning.marked(table, _without_unknowns(properties))
            )
        except FailedError as error:
            _abort(
                self._context,
                _framed(error, twice=self._kind.repeats_errors) if self._plain else self._text(error),
            )

    @property
    def _plain(self) -> bool:
        # A refused creation left nothing behind; it is reported without the URN.
        return self._verb == "creating"

    def _text(self, error: FailedError) -> str:
        return f"{self._verb} {self._urn}: {_framed(error, twice=self._kind.repeats_errors)}"


def _without_unknowns(properties: Properties) -> Properties:
    return {key: None if has_unknown(value) else value for key, value in properties.items()}


@contextmanager
def _incomplete(resource_id: str) -> Iterator[None]:
    """Note that the object exists from now on, whatever happens."""
    try:
        yield
    except IncompleteError:
        raise
    except FailedError as error:
        raise IncompleteError(resource_id, error) from error


def _framed(error: Exception, *, twice: bool = False) -> str:
    text = f"{error}: {error}" if twice else str(error)
    return f"1 error occurred:\n\t* {text}\n\n"


def _abort(context: grpc.ServicerContext, text: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, text)


def _abort_incomplete(
    context: grpc.ServicerContext, text: str, resource_id: str, properties: Properties
) -> NoReturn:
    failed = provider_pb2.ErrorResourceInitFailed(
        id=resource_id, properties=to_struct(properties), reasons=[text]
    )
    detail = AnyMessage()
    detail.Pack(failed)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=text, details=[detail])
    # Where gRPC carries the details of an error.
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _abort(context, text)


def serve(version: str) -> tuple[grpc.Server, int]:
    """A started server on a free loopback port."""
    options = [
        ("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.max_send_message_length", _LARGEST_MESSAGE)
    ]  # fmt: skip
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(version, dict(os.environ)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
