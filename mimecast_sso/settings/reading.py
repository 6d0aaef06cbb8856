"""Read the settings from the engine or from a stack file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.settings.as_typed import Loader
from mimecast_sso.settings.base import NAMESPACE, SECRET, SECRET_KEYS
from mimecast_sso.settings.errors import ConfigurationError, explain
from mimecast_sso.settings.model import Settings
from mimecast_sso.settings.written import Written
from mimecast_sso.text import characters, foreign
from mimecast_sso.text.files import UnreadableTextError, mentions, parse_json, read_text
from mimecast_sso.text.yaml_errors import yaml_problem

_MOST_VALUES = 2_000_000
"""Maximum number of values in a stack file with aliases expanded; 100,000 people take a fifth of it."""
SCALARS = frozenset({"region", "accountCode", "mimecastClientId", "mimecastClientSecret"})


def from_engine(config: Mapping[str, str], written: Written | None = None) -> Settings:
    """Settings from the engine's flat map of full keys to text (structured values are JSON text).

    Keys of other namespaces are ignored. On the sandbox, values that commands wrote override them. Raises
    ConfigurationError.
    """
    values: dict[str, JSON] = {}
    _refuse_misspelt(config)
    for full_key, text in config.items():
        namespace, _, key = full_key.partition(":")
        if namespace != NAMESPACE:
            continue
        values[key] = text if key in SCALARS else _structured(key, text)
    return from_values(written.over(values) if written else values)


def _refuse_misspelt(keys: Iterable[object]) -> None:
    """Raise ConfigurationError for keys whose namespace only resembles this project's: they would have no effect."""
    problems = []
    for key in keys:
        if not isinstance(key, str):
            continue
        namespace, _, name = key.partition(":")
        if namespace != NAMESPACE and _is_of(key):
            shown = foreign.name(key)
            problems.append(
                f"{shown} is not a key of this project; did you mean {NAMESPACE}:{foreign.name(name)}?"
            )
    if problems:
        raise ConfigurationError(problems)


def _refuse_outside(document: Mapping[JSON, JSON], path: Path) -> None:
    """Raise ConfigurationError for keys of this project beside ``config:``, where nobody reads them."""
    outside = [key for key in document if isinstance(key, str) and _is_of(key)]
    if outside:
        raise ConfigurationError(
            [
                f"The stack file {path} has {foreign.name(key)} outside config:, where it has no effect. Indent it "
                "with spaces, like the keys of config:"
                for key in outside
            ]
        )


def _is_of(key: str) -> bool:
    """Whether a key has the namespace of this project, or one that resembles it."""
    namespace, colon, _ = key.partition(":")
    return bool(colon) and re.sub(r"[\W_]", "", namespace).casefold() == NAMESPACE.replace("-", "")


def _structured(key: str, text: str) -> JSON:
    try:
        return parse_json(text)
    except ValueError:
        return text  # The model reports the problem with the key.


def from_file(path: Path) -> Settings:
    """Settings from a stack file; secrets stay encrypted and read as ``[secret]``. Raises ConfigurationError."""
    return from_values(read_values(path))


def read_values(path: Path, shown: Path | None = None) -> dict[str, JSON]:
    """The keys of this project's namespace in a stack file, secrets replaced by ``[secret]``.

    Messages name ``shown``, the file that people edit, if ``path`` is a copy. Raises ConfigurationError.
    """
    shown = shown or path
    try:
        text = read_text(path)
    except UnreadableTextError as error:
        raise ConfigurationError([f"The stack file {shown} {error.why}."]) from None
    return values_of(text, shown)


def engine_keys(path: Path) -> dict[str, str]:
    """What else a stack file sets, which the engine alone reads, as a digest by key.

    These are sections beside ``config`` (an ESC environment, a secrets provider), configuration of plugins, and values
    that are encrypted. None of them is compared by content: it may be a secret. Empty for a file that is not valid.
    """
    try:
        document = yaml.load(read_text(path), Loader)  # noqa: S506 (a SafeLoader)
    except (UnreadableTextError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        return {}
    found = {str(key): value for key, value in document.items() if key != "config"}
    for key, value in config.items():
        if not str(key).startswith(f"{NAMESPACE}:") or is_encrypted(value):
            found[str(key)] = value
    try:
        if _size(found, {}) > _MOST_VALUES:
            return dict.fromkeys(found, "")
        return {key: hashlib.sha256(repr(value).encode()).hexdigest() for key, value in found.items()}
    except RecursionError:
        return dict.fromkeys(found, "")


def is_encrypted(value: JSON) -> bool:
    """Whether a value, or one inside it, is encrypted. Aliases may repeat objects endlessly, so each is seen once."""
    seen: set[int] = set()
    left = [value]
    while left:
        each = left.pop()
        if id(each) in seen or not isinstance(each, (dict, list)):
            continue
        seen.add(id(each))
        if isinstance(each, dict) and set(each) == {"secure"}:
            return True
        left += each.values() if isinstance(each, dict) else each
    return False


def values_of(text: str, path: Path) -> dict[str, JSON]:
    """The keys of this project's namespace in the content of a stack file, secrets replaced by ``[secret]``.

    Args:
        text: The content.
        path: The file, for messages.

    Raises:
        ConfigurationError: The content is not a stack file.
    """
    try:
        document = yaml.load(text, Loader) or {}  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        why = _odd_indentation(text) or yaml_problem(error)
        raise ConfigurationError([f"The stack file {path} is not valid YAML{why}."]) from None
    except RecursionError:
        raise ConfigurationError([f"The stack file {path} is nested too deeply."]) from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        odd = _odd_indentation(text)
        why = f"is not valid YAML{odd}" if odd else "has no config: section"
        raise ConfigurationError([f"The stack file {path} {why}."])
    _refuse_outside(document, path)
    _refuse_misspelt(config)
    prefix = f"{NAMESPACE}:"
    mine = {key: value for key, value in config.items() if isinstance(key, str) and key.startswith(prefix)}
    try:
        if _size(mine, {}) > _MOST_VALUES:
            raise ConfigurationError([f"The stack file {path} repeats anchors (&, *) too often."])
        return {key.removeprefix(prefix): _without_secrets(value) for key, value in mine.items()}
    except RecursionError:
        raise ConfigurationError([f"The stack file {path} is nested too deeply."]) from None


def _size(value: JSON, sizes: dict[int, int]) -> int:
    """The number of values with all aliases expanded; ``sizes`` has those already counted, by id."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in sizes:
        children = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_size(child, sizes) for child in children)
    return sizes[id(value)]


def _odd_indentation(text: str) -> str:
    """Where a file is indented with blanks that YAML takes for text, as those of a web page; "" if it is not."""
    for number, line in enumerate(text.split("\n"), 1):
        indentation = line[: len(line) - len(line.lstrip())]
        odd = next((each for each in indentation if each not in " \t\r"), None)
        if odd is not None:
            return f", line {number}: {characters.describe(odd)} in the indentation; indent with spaces"
    return ""


def written_elsewhere(
    settings: Settings, stack: str, folder: Path, files: Iterable[Path] | None = None
) -> list[str]:
    """Domains, and the directory integration, that another stack file of the same account also names, one text each.

    Two stacks that both may register a domain, set its inbound type, or change an integration undo each other's work.
    If both only require it, nothing is written and there is no conflict. Files that cannot be read are ignored here;
    their own stacks report them.

    Args:
        settings: The stack's configuration.
        stack: Its name.
        folder: The folder of stack files.
        files: Files that may be for the same account, if known; else all files are read.
    """
    mine = _written(settings)
    problems = []
    for path in sorted(folder.glob("Pulumi.*.yaml") if files is None else files):
        if path.name == f"Pulumi.{stack}.yaml":
            continue
        theirs = _written_by(path, settings.account_code)
        for key, name in sorted(mine.keys() & theirs.keys()):
            if {mine[key, name], theirs[key, name]} != {_REQUIRE}:
                problems.append(
                    f"{NAMESPACE}:{key} names {name} in {folder.name}/Pulumi.{stack}.yaml and in "
                    f"{folder.name}/{path.name}, both for account {settings.account_code}: two stacks would write the "
                    f"same {_OBJECTS[key]}. Name it in one of them, or set its mode to require in both"
                )
    return problems


_REQUIRE = "require"
_OBJECTS = {"domains": "domain", "directorySynchronisation": "directory integration"}


def _written(settings: Settings) -> dict[tuple[str, str], str]:
    """Key and name of each object that a stack may write in the account → its mode."""
    found = {("domains", each.name): str(each.mode) for each in settings.domains}
    integration = settings.directory_synchronisation
    if integration is not None:
        found["directorySynchronisation", integration.description] = str(integration.mode)
    return found


def _written_by(path: Path, account_code: str) -> dict[tuple[str, str], str]:
    try:
        # Few of a thousand stack files are for one account, and a text search is 100 times faster than parsing YAML.
        if not mentions(path, account_code):
            return {}
        other = from_file(path)
    except (ConfigurationError, OSError):
        return {}
    return _written(other) if other.account_code == account_code else {}


def _without_secrets(value: JSON) -> JSON:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return SECRET
        return {key: _without_secrets(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_secrets(entry) for entry in value]
    return value


def from_values(values: Mapping[str, JSON]) -> Settings:
    """Settings from plain values by key. Raises ConfigurationError."""
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        problems = explain(error, Settings, namespace=NAMESPACE, secrets=SECRET_KEYS)
        raise ConfigurationError(problems) from None
