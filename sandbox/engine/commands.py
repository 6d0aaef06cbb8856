"""The verbs that run no program: stack, config, cancel, and those of `state_edits`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from sandbox.engine import paths, state_edits
from sandbox.engine.config import decrypt_text, decrypted_value, is_secret, typed
from sandbox.engine.errors import ConfirmationError, EngineError, NotSupportedError
from sandbox.engine.resource import STACK_TYPE, display_type, tree, urn_name
from sandbox.engine.secrets import Crypter
from sandbox.engine.snapshot import check_version, manifest, render
from sandbox.engine.stack import Session, Stack
from sandbox.engine.values import SECRET, SIGNATURE, mapped


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _confirmed(options: argparse.Namespace) -> None:
    if not options.yes:
        raise ConfirmationError("--yes must be passed in to proceed: this engine never prompts")


# -- stack --------------------------------------------------------------------------------------------


def _init(session: Session, options: argparse.Namespace) -> None:
    name = session.stack_name(options.name)
    if (options.secrets_provider or "passphrase") not in ("passphrase", "default"):
        raise NotSupportedError(f"the secrets provider {options.secrets_provider!r}")
    if session.backend.exists(name):
        raise EngineError(f"stack '{name}' already exists")
    stack = Stack(session.backend, name, session.config(name))
    stack.config.ensure_salt()
    session.backend.create(name, render(stack.reference, manifest(stack.config.salt)))
    if not options.no_select:
        session.selection.set(name)
    print(f"Created stack '{name}'")


def _list(session: Session, options: argparse.Namespace) -> None:
    current = session.selection.get()
    rows: list[dict[str, Any]] = []
    for name in session.backend.stacks():
        latest = session.backend.read(name)["checkpoint"].get("latest") or {}
        count, time = len(latest.get("resources") or ()), (latest.get("manifest") or {}).get("time")
        rows.append({"name": name, "current": name == current, "resourceCount": count, "lastUpdate": time})
    if options.json:
        _print_json(rows)
        return
    width = max([len(row["name"]) + 1 for row in rows] + [4])
    print(f"{'NAME':<{width}}  LAST UPDATE                  RESOURCE COUNT")
    for row in rows:
        label = row["name"] + ("*" if row["current"] else "")
        print(f"{label:<{width}}  {row['lastUpdate'] or 'n/a':<27}  {row['resourceCount']}")


def _select(session: Session, options: argparse.Namespace) -> None:
    session.selection.set(session.stack(options.name).name)


def _with_secrets(value: Any, change: Callable[[dict[str, str]], Any]) -> Any:
    """A part of a state document with every secret in it converted."""
    if isinstance(value, dict) and value.get(SIGNATURE) == SECRET:
        return change(value)
    return mapped(lambda item: _with_secrets(item, change), value)


def _outputs(stack: Stack, *, show_secrets: bool) -> dict[str, Any]:
    def clear(secret: dict[str, str]) -> Any:
        return json.loads(stack.decrypt(secret["ciphertext"])) if show_secrets else "[secret]"

    for resource in stack.latest.get("resources") or ():
        if resource["type"] == STACK_TYPE:
            return dict(_with_secrets(resource.get("outputs") or {}, clear))
    return {}


def _output(session: Session, options: argparse.Namespace) -> None:
    outputs = _outputs(session.stack(), show_secrets=options.show_secrets)
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
    stack = session.stack()
    resources = stack.latest.get("resources") or []
    print(f"Current stack is {stack.name}:\n    Managed by {session.project.name}")
    print(f"    Last updated: {(stack.latest.get('manifest') or {}).get('time', 'never')}")
    print(f"Current stack resources ({len(resources)}):")
    types = {resource["urn"]: resource["type"] for resource in resources}
    for urn, branch in tree({resource["urn"]: resource.get("parent", "") for resource in resources}, "    "):
        print(f"{branch}{display_type(types[urn])}  {urn_name(urn)}")
    print()
    _print_outputs(_outputs(stack, show_secrets=options.show_secrets))


def _export(session: Session, options: argparse.Namespace) -> None:
    stack = session.stack()

    def reveal(secret: dict[str, str]) -> Any:
        return {SIGNATURE: SECRET, "plaintext": stack.decrypt(secret["ciphertext"])}

    latest = _with_secrets(stack.latest, reveal) if options.show_secrets else stack.latest
    out = {"version": stack.document["version"], "deployment": latest}
    if stack.document.get("features"):
        out["features"] = stack.document["features"]
    text = json.dumps(out, indent=4, ensure_ascii=False) + "\n"
    if options.file:
        options.file.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _import(session: Session, options: argparse.Namespace) -> None:
    stack = session.stack()
    text = options.file.read_text(encoding="utf-8") if options.file else sys.stdin.read()
    try:
        document = json.loads(text)
        latest = document["deployment"] or {}
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"this is not an exported deployment: {error}") from error
    check_version(document)
    prefix = f"urn:pulumi:{stack.name}::{session.project.name}::"
    for resource in latest.get("resources") or ():
        if not resource["urn"].startswith(prefix) and not options.force:
            raise EngineError(
                f"resource '{resource['urn']}' is of another stack; importing it could be dangerous. "
                "Use --force if that is what you want"
            )
    # Its secrets are, or will be, encrypted with its own salt.
    stack.document = {"checkpoint": {"latest": latest}}

    def hide(secret: dict[str, str]) -> Any:
        if "plaintext" not in secret:
            return secret
        return {SIGNATURE: SECRET, "ciphertext": _key(stack.state_crypter).encrypt(secret["plaintext"])}

    checkpoint = {"stack": stack.reference, "latest": _with_secrets(latest, hide)}
    features = {"features": document["features"]} if document.get("features") else {}
    text = json.dumps({"version": document["version"], **features, "checkpoint": checkpoint})
    with session.backend.lock(stack.name):
        session.backend.write(stack.name, text)
    print("Import complete.")


def _key(crypter: Crypter | None) -> Crypter:
    if crypter is None:
        raise EngineError("there is a secret but no salt, neither in the state nor in the stack file")
    return crypter


def _remove(session: Session, options: argparse.Namespace) -> None:
    stack = session.stack(options.name)
    _confirmed(options)
    with session.backend.lock(stack.name):
        if stack.latest.get("resources") and not options.force:
            raise EngineError(
                f"'{stack.name}' still has resources; removal rejected. Possible actions:\n"
                f"- Make sure that '{stack.name}' is the stack that you want to destroy\n"
                "- Run `destroy` to delete the resources, then run `stack rm`\n"
                f"- Run `stack rm {stack.name} --force` to override this error"
            )
        session.backend.remove(stack.name)
    stack.config.path.unlink(missing_ok=True)
    print(f"Stack '{stack.name}' has been removed!")


def _cancel(session: Session, options: argparse.Namespace) -> None:
    stack = session.stack(options.name)
    _confirmed(options)
    session.backend.cancel(stack.name)
    print(f"The currently running update for '{stack.name}' has been canceled!")


# -- config -------------------------------------------------------------------------------------------


def _config(session: Session, options: argparse.Namespace) -> None:
    stack = session.stack()
    rows = {}
    for key, value in sorted(stack.config.all_values().items()):
        secret = is_secret(value)
        row: dict[str, Any] = {}
        if not secret or options.show_secrets:
            crypter = stack.crypter if secret else None
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
    stack = session.stack()
    try:
        path = stack.config.key_path(options.key, structured=options.path)
        value = paths.get(path, stack.config.all_values())
    except (KeyError, ValueError):
        raise EngineError(f"configuration key '{options.key}' not found for stack '{stack.name}'") from None
    text = decrypt_text(value, stack.crypter if is_secret(value) else None)
    if options.json:
        _print_json({"value": text, "secret": is_secret(value)})
    else:
        print(text)


def _config_set(session: Session, options: argparse.Namespace) -> None:
    stack = session.stack()
    value: Any = options.value if options.value is not None else sys.stdin.read().removesuffix("\n")
    try:
        path = stack.config.key_path(options.key, structured=options.path)
        if options.secret:
            stack.config.ensure_salt()
            value = {"secure": _key(stack.crypter).encrypt(value)}
        elif len(path) > 1:
            value = typed(value)
        paths.assign(path, stack.config.values, value)
    except ValueError as error:
        raise EngineError(f"invalid config key: {error}") from error
    stack.config.save()


def _config_remove(session: Session, options: argparse.Namespace) -> None:
    config = session.stack().config
    path = config.key_path(options.key, structured=options.path)
    with contextlib.suppress(KeyError, IndexError, TypeError):  # there is nothing to remove
        del paths.get(path[:-1], config.values)[path[-1]]
    config.save()


VERBS: dict[str, Callable[[Session, argparse.Namespace], None]] = {
    "stack": _show,
    "stack init": _init,
    "stack ls": _list,
    "stack select": _select,
    "stack output": _output,
    "stack export": _export,
    "stack import": _import,
    "stack rm": _remove,
    **state_edits.VERBS,
    "cancel": _cancel,
    "config": _config,
    "config get": _config_get,
    "config set": _config_set,
    "config rm": _config_remove,
}
