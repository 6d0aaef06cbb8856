"""The services that the program and the plugins call: ResourceMonitor and Engine."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import replace
from typing import Any, NoReturn, cast

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from sandbox.engine.builtins import FUNCTIONS
from sandbox.engine.errors import EngineError, NotSupportedError, RegistrationError, StoppedError
from sandbox.engine.plugins import ReservedAddress
from sandbox.engine.providers import CHANNEL_OPTIONS, Provider, ProviderError, with_version
from sandbox.engine.resource import (
    BUILTIN,
    PROVIDER_PREFIX,
    STACK_TYPE,
    Resource,
    package_of,
    provider_reference,
)
from sandbox.engine.run import Run
from sandbox.engine.step_executor import StepError, StepExecutor
from sandbox.engine.step_generator import StepGenerator
from sandbox.engine.steps import Alias, Goal, Step
from sandbox.engine.values import Properties, fill_struct, from_struct, number

# The protocol features of this engine, by number (proto/pulumi/resource.proto): secrets, resource references, alias
# specs, replacement trigger (refused when used), deletedWith. Without the others the SDK makes no calls for transforms,
# hooks and parameterised packages, which the launcher refuses first.
_FEATURES = (0, 1, 3, 4, 5)
_SERVER_OPTIONS = [
    *CHANNEL_OPTIONS,
    ("grpc.so_reuseport", 1),
]  # the reserved address is held with this option
_SEVERITIES = {0: "debug", 1: "info", 2: "warning", 3: "error"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Turns registrations into steps and responds when they are done; `package_config` is for default providers."""

    def __init__(
        self,
        run: Run,
        generator: StepGenerator,
        executor: StepExecutor,
        package_config: Callable[[str], Properties],
    ) -> None:
        self._run = run
        self._generator = generator
        self._executor = executor
        self._package_config = package_config
        self._defaults: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self.stack_urn = ""
        self.stack_outputs: Properties | None = None

    # -- protocol -----------------------------------------------------------------------------------

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 (named by the protocol)
        """Report the supported features."""
        info = resource_pb2.DeploymentInfo(dryRun=self._run.preview)
        info.supportedFeatures.extend(resource_pb2.ResourceMonitorFeature.ValueType(n) for n in _FEATURES)
        return info

    def RegisterResource(self, encoded: bytes, context: Any) -> Any:  # noqa: N802
        """Register a resource: check, diff, execute, and return its resulting state."""
        try:
            request, inputs = self._decoded(encoded)
            step = self._register(self._goal(request, inputs))
            response = _registered(step, request)
            if step.skipped:
                response.result = resource_pb2.FAIL
            return response  # noqa: TRY300 (the rest is about failures)
        except StepError as error:
            if self._run.stopped.is_set() or not request.supportsResultReporting:
                self._refuse(error, context)
            # --continue-on-error: tell the SDK that this one failed; it continues [case update_fails].
            response = _registered(error.step, request)
            response.result = resource_pb2.FAIL
            return response
        except (RegistrationError, ProviderError, EngineError) as error:
            self._refuse(error, context)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Store a component's outputs. The stack's are kept until the end of the run."""
        outputs = from_struct(request.outputs)
        if request.urn == self.stack_urn:
            self.stack_outputs = outputs
        elif not self._executor.component_outputs(request.urn, lambda _: dict(outputs)):
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"cannot complete a resource '{request.urn}' whose registration isn't pending",
            )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Call a function of a provider."""
        try:
            response = self._invoke_provider(request).invoke(request.tok, request.args)
        except StoppedError:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the run has stopped")
        except NotSupportedError as error:
            self._fail_run(str(error))
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except (RegistrationError, ProviderError, StepError) as error:
            text = f"invocation of {request.tok} returned an error: {error}"
            context.abort(grpc.StatusCode.UNKNOWN, text)
        return response

    def _invoke_provider(self, request: Any) -> Provider:
        package = request.tok.split(":", 1)[0]
        if package == BUILTIN and request.tok not in FUNCTIONS:
            raise NotSupportedError(f"the function {request.tok}")
        self._unparameterised(request)
        return self._run.registry.get(request.provider or self._default_provider(package, request.version))

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse to look up objects that the stack does not own, and stack references."""
        feature = "a stack reference" if request.type == "pulumi:pulumi:StackReference" else "Resource.get"
        self._unsupported(context, f"{feature} ('{request.name}', {request.type})")

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse methods of resources."""
        self._unsupported(context, f"the method {request.tok}")

    def _unsupported(self, context: Any, feature: str) -> NoReturn:
        error = NotSupportedError(feature)
        self._fail_run(str(error))
        context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        raise error

    def _fail_run(self, text: str) -> None:
        self._run.fail(text)
        self._run.stop()

    def _refuse(self, error: Exception, context: Any) -> NoReturn:
        """Respond to a registration that was not carried out.

        UNAVAILABLE makes the SDK end the program silently; the cause has been reported.
        """
        if not isinstance(error, StoppedError | StepError):
            self._fail_run(str(error))
        context.abort(grpc.StatusCode.UNAVAILABLE, "the run has stopped")
        raise error

    # -- registrations ------------------------------------------------------------------------------

    def _decoded(self, encoded: bytes) -> tuple[Any, Properties]:
        """A request to register a resource, and the inputs in it, which the request no longer has.

        It is held until the resource is done, and a map of properties takes several times as much in a message.
        """
        request = resource_pb2.RegisterResourceRequest.FromString(encoded)
        recorded = self._generator.recorded_inputs(request.parent, request.type, request.name)
        inputs = from_struct(request.object, recorded)
        request.ClearField("object")
        # A copy: what was cleared stays in memory with the message.
        return resource_pb2.RegisterResourceRequest.FromString(request.SerializeToString()), inputs

    def _goal(self, request: Any, inputs: Properties) -> Goal:
        self._supported(request)
        goal = _goal(request, inputs)
        state = goal.state
        if state.is_provider:
            return replace(goal, state=replace(state, inputs=with_version(state.inputs, request.version)))
        if state.custom and package_of(state.type) == BUILTIN:
            raise NotSupportedError(f"the resource type {state.type} ('{request.name}')")
        if state.custom and not state.provider:
            inherited = self._generator.inherited_provider(state.parent, state.type)
            provider = inherited or self._default_provider(package_of(state.type), request.version)
            return replace(goal, state=replace(state, provider=provider))
        return goal

    def _supported(self, request: Any) -> None:
        """Refuse, by name, features that would otherwise be ignored."""
        name = f"('{request.name}', {request.type})"
        refused = {
            "a remote component": request.remote,
            "a resource transform": request.transforms,
            "replace_with": request.replace_with,
            "a replacement trigger": request.HasField("replacement_trigger"),
            "a resource hook": request.HasField("hooks") and request.hooks.ListFields(),
            "a state migration": request.state_migrations,
            "env_var_mappings": request.envVarMappings,
        }
        for feature, used in refused.items():
            if used:
                raise NotSupportedError(f"{feature} {name}")
        self._unparameterised(request)

    def _unparameterised(self, request: Any) -> None:
        if request.packageRef:
            raise NotSupportedError("a parameterised package")
        if request.pluginDownloadURL:
            raise NotSupportedError(f"a plugin download URL ({request.pluginDownloadURL})")

    def _register(self, goal: Goal) -> Step:
        if self._run.stopped.is_set():
            raise StoppedError
        registration = self._generator.begin(goal)
        done: Step | None = None
        imports = self._generator.import_steps(registration)
        if imports:
            self._executor.run(imports)
            done = imports[0]
            registration = self._generator.imported(registration, _new(done))
        if self._run.stopped.is_set():
            raise StoppedError
        steps = self._generator.steps(registration)
        self._executor.run(steps)
        if goal.state.type == STACK_TYPE:
            self.stack_urn = registration.new.urn
        writing = [step for step in steps if step.new is not None and step.op != "replace"]
        return writing[-1] if writing else done or steps[-1]

    def _default_provider(self, package: str, version: str) -> str:
        """Register the default provider of a package on first use; two versions are two providers."""
        with self._lock:
            if (package, version) not in self._defaults:
                self._defaults[package, version] = ""  # a failure is reported once only
                self._defaults[package, version] = self._register_default(package, version)
        if reference := self._defaults[package, version]:
            return reference
        raise StoppedError

    def _register_default(self, package: str, version: str) -> str:
        name = "default_" + re.sub(r"[.+-]", "_", version) if version else "default"
        inputs = with_version(self._package_config(package), version)
        requested = Resource(urn="", type=PROVIDER_PREFIX + package, custom=True, inputs=inputs)
        state = _new(self._register(Goal(name, requested)))
        return provider_reference(state.urn, state.id)


class EngineService(engine_pb2_grpc.EngineServicer):
    """Receives log messages of the program and the plugins."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 (named by the protocol)
        """Pass a message on, except for the program's complaints about a stopped run."""
        severity = _SEVERITIES.get(request.severity, "info")
        if severity == "error" and self._run.stopped.is_set():
            return empty_pb2.Empty()
        if severity != "debug":
            self._run.events.diagnostic(severity, request.message, request.urn)
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Accept any version: only the protocol matters, and that is negotiated."""
        return engine_pb2.RequirePulumiVersionResponse()


def serve(address: ReservedAddress, parallel: int, monitor: Monitor, engine: EngineService) -> grpc.Server:
    """Start the server at its reserved address.

    The SDK keeps up to 4 x parallel registrations under way, each a blocked call; log messages need threads too.
    """
    server = grpc.server(futures.ThreadPoolExecutor(4 * parallel + 16), options=_SERVER_OPTIONS)
    server.add_generic_rpc_handlers((_Methods(monitor),))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    if server.add_insecure_port(str(address)) == 0:
        raise EngineError(f"cannot listen at {address}")
    server.start()
    address.release()
    return server


class _Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """The monitor's methods, as the generated code registers them, but for the messages that hold many properties."""

    def __init__(self, monitor: Monitor) -> None:
        self._generated: tuple[Any, ...] = ()
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, cast("grpc.Server", self))

    def add_generic_rpc_handlers(self, handlers: tuple[Any, ...]) -> None:
        """Take the handlers, in place of a server."""
        self._generated += tuple(handlers)

    def service(self, call: Any) -> Any:
        """The handler of a call."""
        found = next(filter(None, (each.service(call) for each in self._generated)), None)
        if found is None:
            return None
        decode, encode = found.request_deserializer, found.response_serializer
        if call.method.endswith("/RegisterResource"):
            decode = None  # `Monitor.RegisterResource` decodes it.
        elif call.method.endswith("/Invoke"):
            # A provider's InvokeResponse has the form of the monitor's ResourceInvokeResponse.
            encode = _serialized
        return grpc.unary_unary_rpc_method_handler(found.unary_unary, decode, encode)


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _goal(request: Any, inputs: Properties) -> Goal:
    timeouts = {
        name: seconds(text)
        for name in ("create", "update", "delete", "read")
        if (text := getattr(request.customTimeouts, name, ""))
    }
    aliases = [Alias(urn=urn) for urn in request.aliasURNs]
    for alias in request.aliases:
        spec = alias.spec
        aliases.append(
            Alias(alias.urn, spec.name, spec.type, spec.project, spec.stack, spec.parentUrn, spec.noParent)
        )
    state = Resource(
        urn="",
        type=request.type,
        custom=request.custom,
        inputs=inputs,
        parent=request.parent,
        provider=request.provider,
        dependencies=tuple(sorted(set(request.dependencies))),
        property_dependencies={key: list(value.urns) for key, value in request.propertyDependencies.items()},
        deleted_with=request.deletedWith,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        hide_diff=tuple(request.hideDiffs),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        import_id=request.importId,
        custom_timeouts=timeouts,
    )
    return Goal(
        request.name,
        state,
        protect=request.protect if request.HasField("protect") else None,
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        aliases=tuple(aliases),
    )


def _new(step: Step) -> Resource:
    if step.new is None:
        raise RegistrationError(f"{step.urn} has no state")
    return step.new


def _registered(step: Step, request: Any) -> Any:
    response = resource_pb2.RegisterResourceResponse(urn=step.urn, unknown=step.skipped)
    state = step.new or step.old
    response.object.SetInParent()
    if state is not None and state.custom:
        response.id = state.id
        # Secrets are always sent to the program as such; a component gets nothing back.
        fill_struct(
            response.object, state.outputs, secrets=request.acceptSecrets, references=request.acceptResources
        )
    return response


def seconds(text: str) -> float:
    """A duration such as `1h30m`, in seconds; whole numbers as int."""
    return number(sum((float(amount) * _SECONDS[unit] for amount, unit in _DURATION.findall(text)), 0.0))
