"""The verbs that run no program: stack, config, state, cancel."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.engine.config import (
    StackConfig,
    decrypt_text,
    decrypted_value,
    full_key,
    get_path,
    is_secret,
    remove_path,
    set_path,
)
from sandbox.engine.errors import ConfirmationError, EngineError, NotSupportedError
from sandbox.engine.resource import STACK_TYPE, display_type, tree, urn_name
from sandbox.engine.secrets import Cache, Crypter, passphrase
from sandbox.engine.snapshot import Journal, check_version, manifest, render
from sandbox.engine.stack import Session
from sandbox.engine.values import SECRET, SIGNATURE, mapped


def run(session: Session, options: argparse.Namespace) -> int:
    """Run one of the verbs."""
    verbs: dict[tuple[str, str], Callable[[Session, argparse.Namespace], None]] = {
        ("stack", "show"): _show,
        ("stack", "init"): _init,
        ("stack", "ls"): _list,
        ("stack", "select"): _select,
        ("stack", "output"): _output,
        ("stack", "export"): _export,
        ("stack", "import"): _import,
        ("stack", "rm"): _remove,
        ("config", "show"): _config,
        ("config", "get"): _config_get,
        ("config", "set"): _config_set,
        ("config", "rm"): _config_remove,
        ("state", "unprotect"): _unprotect,
    }
    if options.verb == "cancel":
        _cancel(session, options)
    else:
        verbs[options.verb, options.sub or "show"](session, options)
    return 0


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _confirmed(options: argparse.Namespace) -> None:
    if not options.yes:
        raise ConfirmationError("--yes must be passed in to proceed: this engine never asks")


# -- stack --------------------------------------------------------------------------------------------


def _init(session: Session, options: argparse.Namespace) -> None:
    name = session.stack_name(options.name)
    if options.secrets_provider not in ("passphrase", "default"):
        raise NotSupportedError(f"the secrets provider {options.secrets_provider!r}")
    if session.backend.exists(name):
        raise EngineError(f"stack '{name}' already exists")
    config = session.config(name)
    config.ensure_salt()
    reference = f"organization/{session.project.name}/{name}"
    session.backend.create(name, render(reference, manifest(config.salt)))
    if not options.no_select:
        session.selection.set(name)
    print(f"Created stack '{name}'")


def _list(session: Session, options: argparse.Namespace) -> None:
    current = session.selection.get()
    rows: list[dict[str, Any]] = []
    for name in session.backend.stacks():
        latest = session.backend.read(name)["checkpoint"].get("latest") or {}
        rows.append(
            {
                "name": name,
                "current": name == current,
                "resourceCount": len(latest.get("resources") or ()),
                "lastUpdate": (latest.get("manifest") or {}).get("time"),
            }
        )
    if options.json:
        _print_json(rows)
        return
    width = max([len(row["name"]) + 1 for row in rows] + [4])
    print(f"{'NAME':<{width}}  LAST UPDATE                  RESOURCE COUNT")
    for row in rows:
        label = row["name"] + ("*" if row["current"] else "")
        print(f"{label:<{width}}  {row['lastUpdate'] or 'n/a':<27}  {row['resourceCount']}")


def _select(session: Session, options: argparse.Namespace) -> None:
    session.selection.set(session.existing(options.name))


def _latest(session: Session, stack: str) -> dict[str, Any]:
    return dict(session.backend.read(stack)["checkpoint"].get("latest") or {})


def _state_crypter(session: Session, stack: str, latest: dict[str, Any]) -> Crypter:
    state = (latest.get("secrets_providers") or {}).get("state") or {}
    salt = state.get("salt") or session.config(stack).salt
    if not salt:
        raise EngineError(
            "there is a secret but no encryption salt, neither in the state nor in the stack file"
        )
    return Crypter(passphrase(os.environ), salt)


def _outputs(session: Session, stack: str, *, show_secrets: bool) -> dict[str, Any]:
    latest = _latest(session, stack)

    def clear(secret: dict[str, str]) -> Any:
        if not show_secrets:
            return "[secret]"
        return json.loads(_state_crypter(session, stack, latest).decrypt(secret["ciphertext"]))

    resources = latest.get("resources") or ()
    found = [resource.get("outputs") or {} for resource in resources if resource["type"] == STACK_TYPE]
    outputs: dict[str, Any] = _with_secrets(found[0], clear) if found else {}
    return outputs


def _with_secrets(value: Any, change: Callable[[dict[str, str]], Any]) -> Any:
    """A part of a state document with every secret in it changed."""
    if isinstance(value, dict) and value.get(SIGNATURE) == SECRET:
        return change(value)
    return mapped(lambda item: _with_secrets(item, change), value)


def _output(session: Session, options: argparse.Namespace) -> None:
    outputs = _outputs(session, session.existing(), show_secrets=options.show_secrets)
    if options.name is not None:
        if options.name not in outputs:
            raise EngineError(f"current stack does not have output property '{options.name}'")
        value = outputs[options.name]
        print(value if isinstance(value, str) and not options.json else json.dumps(value, ensure_ascii=False))
    elif options.json:
        _print_json(outputs)
    else:
        _print_outputs(outputs)


def _print_outputs(outputs: dict[str, Any]) -> None:
    print(f"Current stack outputs ({len(outputs)}):")
    if not outputs:
        print("    No output values currently in this stack")
        return
    width = max(map(len, [*outputs, "OUTPUT"]))
    print(f"    {'OUTPUT':<{width}}  VALUE")
    for key, value in sorted(outputs.items()):
        text = (
            value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        )
        print(f"    {key:<{width}}  {text}")


def _show(session: Session, options: argparse.Namespace) -> None:
    stack = session.existing()
    if options.show_name:
        print(stack)
        return
    latest = _latest(session, stack)
    resources = latest.get("resources") or []
    print(f"Current stack is {stack}:\n    Managed by {session.project.name}")
    print(f"    Last updated: {(latest.get('manifest') or {}).get('time', 'never')}")
    print(f"Current stack resources ({len(resources)}):")
    types = {resource["urn"]: resource["type"] for resource in resources}
    for urn, branch in tree({resource["urn"]: resource.get("parent", "") for resource in resources}, "    "):
        print(f"{branch}{display_type(types[urn])}  {urn_name(urn)}")
    print()
    _print_outputs(_outputs(session, stack, show_secrets=options.show_secrets))


def _export(session: Session, options: argparse.Namespace) -> None:
    stack = session.existing()
    document = session.backend.read(stack)
    deployment = document["checkpoint"].get("latest") or {}
    if options.show_secrets:
        crypter = _state_crypter(session, stack, deployment)

        def reveal(secret: dict[str, str]) -> Any:
            return {SIGNATURE: SECRET, "plaintext": crypter.decrypt(secret["ciphertext"])}

        deployment = _with_secrets(deployment, reveal)
    out = {"version": document["version"], "deployment": deployment}
    if document.get("features"):
        out["features"] = document["features"]
    text = json.dumps(out, indent=4, ensure_ascii=False) + "\n"
    if options.file:
        options.file.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _import(session: Session, options: argparse.Namespace) -> None:
    stack = session.existing()
    text = options.file.read_text(encoding="utf-8") if options.file else sys.stdin.read()
    try:
        document = json.loads(text)
        deployment = document["deployment"] or {}
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"this is not an exported deployment: {error}") from error
    check_version(document)
    prefix = f"urn:pulumi:{stack}::{session.project.name}::"
    for resource in deployment.get("resources") or ():
        if not resource["urn"].startswith(prefix) and not options.force:
            raise EngineError(
                f"resource '{resource['urn']}' is of another stack; importing it could be dangerous. "
                "Use --force if that is what you want"
            )

    def hide(secret: dict[str, str]) -> Any:
        if "plaintext" not in secret:
            return secret
        crypter = _state_crypter(session, stack, deployment)
        return {SIGNATURE: SECRET, "ciphertext": crypter.encrypt(secret["plaintext"])}

    latest = _with_secrets(deployment, hide)
    reference = f"organization/{session.project.name}/{stack}"
    checkpoint = {"stack": reference, "latest": latest}
    features = {key: document[key] for key in ("features",) if document.get(key)}
    text = json.dumps({"version": document["version"], **features, "checkpoint": checkpoint})
    with session.backend.lock(stack):
        session.backend.write(stack, text)
    print("Import complete.")


def _remove(session: Session, options: argparse.Namespace) -> None:
    stack = session.existing(options.name)
    _confirmed(options)
    with session.backend.lock(stack):
        if _latest(session, stack).get("resources") and not options.force:
            raise EngineError(
                f"'{stack}' still has resources; removal rejected. Possible actions:\n"
                f"- Make sure that '{stack}' is the stack that you want to destroy\n"
                "- Run `destroy` to delete the resources, then run `stack rm`\n"
                f"- Run `stack rm {stack} --force` to override this error"
            )
        session.backend.remove(stack)
    if not options.preserve_config:
        Path(session.config(stack).path).unlink(missing_ok=True)
    print(f"Stack '{stack}' has been removed!")


def _cancel(session: Session, options: argparse.Namespace) -> None:
    stack = session.existing(options.name)
    _confirmed(options)
    session.backend.cancel(stack)
    print(f"The currently running update for '{stack}' has been canceled!")


def _unprotect(session: Session, options: argparse.Namespace) -> None:
    target = session.target()
    if bool(options.urn) == options.all:
        raise EngineError("name one URN, or pass --all")
    with session.backend.lock(target.stack):
        cache = Cache(target.require_crypter)
        snapshot = target.snapshot(cache)
        if options.urn and all(resource.urn != options.urn for resource in snapshot.resources):
            raise EngineError(f"No such resource {options.urn!r} exists in the current state")

        def save(text: str, durable: bool) -> None:
            session.backend.write(target.stack, text, durable=durable)

        salt = target.crypter.salt_line if target.crypter else None
        journal = Journal(target.reference, snapshot, cache, save, salt)
        journal.rebase(
            [
                replace(resource, protect=False) if options.all or resource.urn == options.urn else resource
                for resource in snapshot.resources
            ]
        )
        journal.finish()
    print("All resources unprotected" if options.all else "Resource unprotected")


# -- config -------------------------------------------------------------------------------------------


def _crypter(config: StackConfig) -> Crypter | None:
    return Crypter(passphrase(os.environ), config.salt) if config.salt else None


def _config_of(session: Session) -> tuple[str, StackConfig]:
    stack = session.existing()
    return stack, session.config(stack)


def _config(session: Session, options: argparse.Namespace) -> None:
    _, config = _config_of(session)
    rows = {}
    for key, value in sorted(config.all_values().items()):
        secret = is_secret(value)
        row: dict[str, Any] = {}
        if not secret or options.show_secrets:
            crypter = _crypter(config) if secret else None
            row["value"] = decrypt_text(value, crypter)
            clear = decrypted_value(value, crypter)
            if not isinstance(clear, str):
                row["objectValue"] = clear
        rows[key] = row | {"secret": secret}
    if options.json:
        _print_json(rows)
        return
    prefix = f"{session.project.name}:"
    names = {key: key.removeprefix(prefix) for key in rows}
    width = max([len(name) for name in names.values()] + [3])
    print(f"{'KEY':<{width}}  VALUE")
    for key, row in rows.items():
        print(f"{names[key]:<{width}}  {row.get('value', '[secret]')}")


def _config_get(session: Session, options: argparse.Namespace) -> None:
    stack, config = _config_of(session)
    key = full_key(options.key, session.project.name)
    values = config.all_values()
    try:
        value = get_path(values, key) if options.path else values[key]
    except (KeyError, ValueError):
        raise EngineError(f"configuration key '{options.key}' not found for stack '{stack}'") from None
    text = decrypt_text(value, _crypter(config) if is_secret(value) else None)
    if options.json:
        _print_json({"value": text, "secret": is_secret(value)})
    else:
        print(text)


def _config_set(session: Session, options: argparse.Namespace) -> None:
    _, config = _config_of(session)
    key = full_key(options.key, session.project.name)
    value: Any = options.value if options.value is not None else sys.stdin.read().removesuffix("\n")
    if options.secret:
        config.ensure_salt()
        crypter = _crypter(config)
        if crypter is not None:
            value = {"secure": crypter.encrypt(value)}
    if options.path:
        try:
            set_path(config.values, key, value)
        except ValueError as error:
            raise EngineError(f"invalid config key: {error}") from error
    else:
        config.values[key] = value
    config.save()


def _config_remove(session: Session, options: argparse.Namespace) -> None:
    _, config = _config_of(session)
    key = full_key(options.key, session.project.name)
    if options.path:
        remove_path(config.values, key)
    else:
        config.values.pop(key, None)
    config.save()
