"""The stack file of a rehearsal: the stack's own, with throw-away secrets.

A rehearsal has no access to the passphrase, key service or Pulumi Cloud that encrypts the stack's secrets, and needs
none: its secrets are for the sandbox. An ESC environment is not opened either.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import YAMLError

from mimecast_sso.text.yaml_errors import yaml_problem
from sandbox import credentials, stack_seed, texts
from sandbox.engine.secrets import Crypter, new_salt
from sandbox.environment import stack_files_folder
from sandbox.stack_seed import StackError

_SALT = "encryptionsalt"
_OF_THE_COMPANY = ("environment", "secretsprovider", "encryptedkey", _SALT)
_PASSWORDS = "mimecast-sso:addressPasswords"
_THROW_AWAY = {
    "mimecast-sso:dns.tsig.secret": credentials.TSIG_SECRET,
    "mimecast-sso:mimecastClientSecret": credentials.MIMECAST_CLIENT_SECRET,
}
_Place = tuple[str | int, ...]
_ADDRESS = re.compile(r"[^\s@,;\"]+@[^\s@,;\"]+")


def write(stack: str, folder: Path, home: Path) -> Path:
    """Write the rehearsal's file for ``Pulumi.<stack>.yaml`` in ``folder``, and return its path. Safe to repeat.

    Raises:
        StackError: The file does not exist, cannot be read, or lacks keys that only an ESC environment has.
    """
    file = stack_files_folder(home) / f"Pulumi.{stack}.yaml"
    document = _load(stack_seed.stack_file(stack, folder))
    if document.get("environment"):
        stack_seed.configured(
            stack, folder
        )  # Otherwise the deployment would report missing keys without the reason.
    before = _load(file) if file.is_file() else {}
    for key in _OF_THE_COMPANY:
        document.pop(key, None)
    salt = str(before.get(_SALT) or new_salt(credentials.PULUMI_PASSPHRASE))
    _replace_secrets(document, before, Crypter(credentials.PULUMI_PASSPHRASE, salt), folder.parent)
    document[_SALT] = salt
    _save(file, document)
    return file


def _replace_secrets(document: Any, before: Any, crypter: Crypter, root: Path) -> None:
    config = document.get("config") or {}
    for place in [each for each in _secrets(config) if each]:
        text, known = _throw_away(place, config, root), _at(before.get("config"), place)
        if not _is_secret(known) or crypter.decrypt(known["secure"]) != text:
            known = {"secure": crypter.encrypt(text)}
        _at(config, place[:-1])[place[-1]] = known


def _secrets(value: Any, place: _Place = ()) -> Iterator[_Place]:
    """The paths of the encrypted values."""
    if _is_secret(value):
        yield place
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _secrets(entry, (*place, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _secrets(entry, (*place, index))


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"secure"}


def _at(value: Any, place: _Place) -> Any:
    for key in place:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _throw_away(place: _Place, config: Any, root: Path) -> str:
    if place == (_PASSWORDS,):
        one = {"password": credentials.USER_PASSWORD, "confirmation": credentials.USER_PASSWORD}
        return json.dumps(dict.fromkeys(_addresses(config, root), one))
    if place[0] == _PASSWORDS:
        return credentials.USER_PASSWORD
    return _THROW_AWAY.get(".".join(map(str, place)), "throw-away")


def _addresses(config: Any, root: Path) -> list[str]:
    """All addresses that may get a password: those in the stack's secret cannot be read here."""
    section = _at(config, ("mimecast-sso:addresses",))
    entries = _at(section, ("list",))
    found = [_at(entry, ("address",)) for entry in entries] if isinstance(entries, list) else []
    listed = [address for address in found if isinstance(address, str)]
    csv = _at(section, ("csv",))
    file = Path(os.path.realpath(root / csv)) if isinstance(csv, str) and "\0" not in csv else root
    # As the deployment, only a file of the project: a device or a pipe may never end.
    if not file.is_relative_to(os.path.realpath(root)) or not file.is_file():
        return listed
    try:
        text = texts.read(file)
    except ValueError:
        return listed  # The deployment reports the problem with the file.
    return listed + _ADDRESS.findall(text)  # Whatever the delimiter and the column names.


class _Constructor(RoundTripConstructor):
    """Keeps an invalid time as text: the deployment reports it by key."""


def _timestamp(constructor: RoundTripConstructor, node: Any) -> Any:
    try:
        return constructor.construct_yaml_timestamp(node)
    except ValueError:
        return constructor.construct_scalar(node)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def _yaml() -> YAML:
    yaml = YAML()  # Round trip: everything else keeps its spelling.
    yaml.Constructor = _Constructor
    yaml.preserve_quotes = True
    yaml.width = 10_000
    return yaml


def _load(file: Path) -> Any:
    try:
        document = _yaml().load(texts.read(file))
    except texts.UnreadableTextError as error:
        raise StackError(str(error)) from None
    except (ValueError, YAMLError) as error:
        raise StackError(f"{file} is not valid YAML{yaml_problem(error)}") from None
    except RecursionError:
        raise StackError(f"{file} is nested too deeply") from None
    if not isinstance(document, dict):
        raise StackError(f"{file} has no config: section")
    return document


def _save(file: Path, document: Any) -> None:
    text = io.StringIO()
    _yaml().dump(document, text)
    if file.is_file() and file.read_text(encoding="utf-8") == text.getvalue():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".tmp")
    fresh.write_text(text.getvalue(), encoding="utf-8")
    fresh.replace(file)
