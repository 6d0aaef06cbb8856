"""The engine's own functions: the recorded state of a stack, for programs that read it [case builtin_invokes]."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from sandbox.engine.backend import Backend
from sandbox.engine.errors import EngineError, NoSuchStackError, NotSupportedError
from sandbox.engine.providers import Diff, Provider, ProviderError
from sandbox.engine.resource import BUILTIN, STACK_TYPE, Resource
from sandbox.engine.run import Run
from sandbox.engine.secrets import Crypter, passphrase
from sandbox.engine.snapshot import load
from sandbox.engine.stack import state_salt
from sandbox.engine.values import Properties, Secret, fill_struct, from_struct, has_secrets

READ_STACK_OUTPUTS = "pulumi:pulumi:readStackOutputs"
READ_STACK_RESOURCE_OUTPUTS = "pulumi:pulumi:readStackResourceOutputs"
FUNCTIONS = (READ_STACK_OUTPUTS, READ_STACK_RESOURCE_OUTPUTS)
_LOCKED = (
    "failed to decrypt: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase or set "
    "PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the passphrase"
)
_Decrypter = Callable[[str], str]


class Builtins(Provider):
    """The provider of the package `pulumi`: in-process, functions only.

    It reads the backend's state files at the moment of the call.
    """

    def __init__(self, backend: Backend, run: Run) -> None:
        self.package = BUILTIN
        self.inputs: Properties = {}
        self._backend = backend
        self._run = run

    # -- as a provider ------------------------------------------------------------------------------

    def check_config(self, new: Resource, olds: Properties, news: Properties) -> tuple[Properties, list[Any]]:
        """It has no configuration."""
        return {}, []

    def diff_config(self, old: Resource, new: Resource) -> Diff:
        """It has no configuration."""
        return Diff(changed=False)

    def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """It has no configuration."""

    def cancel(self) -> None:
        """Do nothing: no call takes long."""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def invoke(self, token: str, arguments: Struct) -> Any:
        """Call a function.

        Raises:
            ProviderError: It failed; the text is the Pulumi CLI's where it has one.
            NotSupportedError: The state uses features that only the Pulumi CLI reads.
        """
        read = self._stack_outputs if token == READ_STACK_OUTPUTS else self._resource_outputs
        try:
            found = read(from_struct(arguments))
        except NotSupportedError:
            raise
        except EngineError as error:
            raise ProviderError(str(error)) from error
        response = provider_pb2.InvokeResponse()
        fill_struct(getattr(response, "return"), found, secrets=True, references=True)
        return response

    # -- functions ----------------------------------------------------------------------------------

    def _stack_outputs(self, arguments: Properties) -> Properties:
        reference = _reference(arguments, "name")
        locked = False

        def elide(crypter: Crypter | None) -> _Decrypter:
            clear = _decrypter(crypter)

            def decrypt(ciphertext: str) -> str:
                nonlocal locked
                try:
                    return clear(ciphertext)
                except EngineError:
                    locked = True
                    return "{}"

            return decrypt

        stacks = [r for r in self._read(reference, elide) if r.type == STACK_TYPE and not r.parent]
        outputs = stacks[0].outputs if stacks else {}
        if locked:
            text = f"eliding undecryptable secrets for stack reference '{reference}'"
            self._run.events.diagnostic("info", text)
        secret = sorted(key for key, value in outputs.items() if has_secrets(value))
        return {"name": reference, "outputs": outputs, "secretOutputNames": secret}

    def _resource_outputs(self, arguments: Properties) -> Properties:
        reference = _reference(arguments, "stackName")
        found = {
            resource.urn: {"type": resource.type, "outputs": resource.outputs}
            for resource in self._read(reference, _decrypter)
            if not resource.delete
        }
        return {"name": reference, "outputs": found}

    def _read(
        self, reference: str, decrypter: Callable[[Crypter | None], _Decrypter]
    ) -> tuple[Resource, ...]:
        """The resources in the state file now, including this run's changes so far if it is the run's own stack."""
        self._run.journal.settle()
        backend, name = self._backend.find(reference)
        try:
            document = backend.read(name)
        except NoSuchStackError:
            raise EngineError(f'unknown stack "{reference}"') from None
        except EngineError as error:
            raise EngineError(f"failed to load checkpoint: {error}") from error
        salt = state_salt(document["checkpoint"].get("latest") or {})
        decrypt = decrypter(Crypter(passphrase(os.environ), salt) if salt else None)
        try:
            return load(document, lambda _: decrypt, to_change=False).resources
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(f"failed to load checkpoint: {backend.damaged(name, str(error))}") from error


def _reference(arguments: Properties, key: str) -> str:
    value = arguments.get(key)
    value = value.value if isinstance(value, Secret) else value
    if not isinstance(value, str):
        raise EngineError(f"missing required property '{key}'")
    return value


def _decrypter(crypter: Crypter | None) -> _Decrypter:
    def decrypt(ciphertext: str) -> str:
        if crypter is None:
            raise EngineError("there is a secret in the state but no salt")
        try:
            return crypter.decrypt(ciphertext)
        except EngineError as error:
            raise EngineError(_LOCKED if str(error) == "incorrect passphrase" else str(error)) from error

    return decrypt
