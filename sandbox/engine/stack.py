"""A command's context: project, backend, stack and configuration, from flags and environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mimecast_sso.text.machine_user import pulumi_home
from sandbox.engine.backend import Backend, Selection
from sandbox.engine.config import StackConfig, find_project
from sandbox.engine.errors import EngineError, NoSuchStackError, NotSupportedError
from sandbox.engine.secrets import Cache, Crypter, passphrase
from sandbox.engine.snapshot import Journal, check_version, load


def state_salt(latest: Mapping[str, Any]) -> str | None:
    """The salt line of a state's secrets; NotSupportedError for other secrets providers."""
    provider = latest.get("secrets_providers") or {}
    if provider and provider.get("type") != "passphrase":
        raise NotSupportedError(f"the secrets provider {provider.get('type')!r} in the state")
    salt: str | None = (provider.get("state") or {}).get("salt")
    return salt


class Stack:
    """A stack with its state, configuration and keys.

    The state's secrets are decrypted with its own salt and encrypted with the stack file's.
    """

    def __init__(self, backend: Backend, name: str, config: StackConfig) -> None:
        self.backend = backend
        self.project = backend.project
        self.name = name
        self.config = config
        self.reference = f"organization/{self.project.name}/{name}"

    @cached_property
    def document(self) -> dict[str, Any]:
        """The state file."""
        return self.backend.read(self.name)

    @property
    def latest(self) -> dict[str, Any]:
        """The deployment in it, with secrets encrypted."""
        return self.document["checkpoint"].get("latest") or {}

    @cached_property
    def crypter(self) -> Crypter | None:
        """The key for writing secrets; None if the stack has none."""
        salt = self.config.salt or state_salt(self.latest)
        return Crypter(passphrase(os.environ), salt) if salt else None

    @cached_property
    def state_crypter(self) -> Crypter | None:
        """The key that encrypts the state's secrets."""
        salt = state_salt(self.latest)
        if salt is None or (self.crypter is not None and self.crypter.salt_line == salt):
            return self.crypter
        return Crypter(passphrase(os.environ), salt)

    def require_crypter(self) -> Crypter:
        """The key for writing secrets; created if the stack has none."""
        if self.crypter is None:
            self.config.ensure_salt()
            self.crypter = Crypter(passphrase(os.environ), str(self.config.salt))
        return self.crypter

    def decrypt(self, ciphertext: str) -> str:
        """Decrypt a secret of the state."""
        if self.state_crypter is None:
            raise EngineError("there is a secret but no salt, neither in the state nor in the stack file")
        return self.state_crypter.decrypt(ciphertext)

    def open(self) -> Stack:
        """Read the state and start to derive its key."""
        check_version(self.document)
        if self.state_crypter is not None and self.crypter is not None:
            self.crypter.prepare()
        return self

    def journal(self, *, write: bool) -> Journal:
        """The decrypted state for a run; EngineError, which names the backup, if it is inconsistent."""
        cache = Cache(self.require_crypter)

        def decrypter(place: str) -> Callable[[str], str]:
            def decrypt(ciphertext: str) -> str:
                text = self.decrypt(ciphertext)
                if self.state_crypter is self.crypter:
                    cache.remember(place, text, ciphertext)
                return text

            return decrypt

        try:
            snapshot = load(self.document, decrypter)
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(self.backend.damaged(self.name, str(error))) from error
        self.document["checkpoint"]["latest"] = snapshot.rest  # the resources are in the journal
        salt = self.crypter.salt_line if self.crypter else None
        return Journal(self.reference, snapshot, cache, self._save if write else None, salt)

    def _save(self, text: str, durable: bool) -> None:
        self.backend.write(self.name, text, durable=durable)


class Session:
    """One command's context."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        if options.cwd:
            os.chdir(options.cwd)
        self.project = find_project(Path.cwd())
        url = os.environ.get("PULUMI_BACKEND_URL") or (self.project.document.get("backend") or {}).get("url")
        if not url:
            raise EngineError(
                "PULUMI_BACKEND_URL is not set and no sandbox is running: start one with "
                "`mimecast-sso sandbox start`, or set PULUMI_BACKEND_URL=file://<folder>"
            )
        self.backend = Backend(str(url), self.project)
        self.selection = Selection(pulumi_home(os.environ), self.backend)

    def stack_name(self, given: str | None = None) -> str:
        """The name of the command's stack, which may not exist; EngineError if none is selected."""
        name = given or self._options.stack or os.environ.get("PULUMI_STACK") or self.selection.get()
        if not name:
            raise EngineError(
                "no stack selected; please use `stack select` or `stack init`, or name one with --stack"
            )
        parts = str(name).split("/")
        if len(parts) > 1 and parts[-2] not in (self.project.name, "organization"):
            raise NoSuchStackError(f"no stack named '{name}' found")
        return parts[-1]

    def stack(self, given: str | None = None) -> Stack:
        """The command's stack; NoSuchStackError if it does not exist."""
        name = self.stack_name(given)
        if not self.backend.exists(name):
            raise NoSuchStackError(f"no stack named '{name}' found")
        return Stack(self.backend, name, self.config(name))

    def config(self, stack: str) -> StackConfig:
        """A stack's configuration."""
        return StackConfig(self._options.config_file or self.project.stack_file(stack), self.project)
