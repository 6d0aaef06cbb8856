"""The project file and the configuration of a stack."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.engine import paths
from sandbox.engine.errors import EngineError, NotSupportedError
from sandbox.engine.secrets import Crypter, new_salt, passphrase
from sandbox.engine.values import Properties, Secret, mapped, number, walk


class _Loader(yaml.SafeLoader):
    """YAML as the Pulumi CLI reads it: `no` is text, 1e3 a number. Dates stay the text that they are."""


_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", "[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: number(float(node.value)))


def go_json(value: Any) -> str:
    """JSON as the Pulumi CLI writes structured configuration; it ends up in the state, so bytes matter."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


@dataclass(frozen=True)
class Project:
    """A `Pulumi.yaml`.

    Attributes:
        path: The file.
        document: Its content.
    """

    path: Path
    document: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the project."""
        return str(self.document["name"])

    @property
    def folder(self) -> Path:
        """The folder of the project file."""
        return self.path.parent

    @property
    def runtime_options(self) -> dict[str, Any]:
        """Options of the language runtime."""
        runtime = self.document.get("runtime")
        return dict(runtime.get("options") or {}) if isinstance(runtime, dict) else {}

    @property
    def main(self) -> Path:
        """The file or folder of the program."""
        return (self.folder / str(self.document.get("main") or ".")).resolve()

    @property
    def working_folder(self) -> Path:
        """Where the program and its plugins run."""
        return self.main if self.main.is_dir() else self.main.parent

    def python(self) -> str:
        """The interpreter of the program: that of `virtualenv` if it has the SDK, else this one."""
        virtualenv = self.runtime_options.get("virtualenv")
        if virtualenv:
            root = (self.folder / str(virtualenv)).absolute()
            if next(root.glob("lib/python3.*/site-packages/pulumi/__init__.py"), None) is not None:
                return str(root / "bin" / "python")
        return sys.executable

    def stack_file(self, stack: str) -> Path:
        """The configuration file of a stack."""
        folder = self.folder / str(self.document.get("stackConfigDir") or "")
        return folder / f"Pulumi.{stack}.yaml"


def find_project(start: Path) -> Project:
    """The project file in `start` or above it.

    Raises:
        EngineError: There is none, or it is not a project in Python.
    """
    for folder in [start, *start.parents]:
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (folder / name).is_file():
                return _project(folder / name)
    raise EngineError(
        f"no Pulumi.yaml project file found (searching upwards from {start}). If you have not created a "
        "project yet, use `pulumi new` to do so"
    )


def _project(path: Path) -> Project:
    document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    if not isinstance(document, dict) or not document.get("name"):
        raise EngineError(f"could not load project {path}: project is missing a 'name' attribute")
    runtime = document.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise NotSupportedError(f"the runtime {language!r} of {path}")
    for key in ("plugins", "packages", "template-plugins"):
        if document.get(key):
            raise NotSupportedError(f"`{key}` in {path}")
    return Project(path.resolve(), document)


def full_key(key: str, project: str) -> str:
    """The key with its namespace."""
    return key if ":" in key else f"{project}:{key}"


@dataclass
class StackConfig:
    """The configuration of one stack and its file.

    Values are text, structures, `{"secure": ciphertext}` or structures with such leaves.
    """

    path: Path
    project: Project
    document: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    _read: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, project: Project) -> StackConfig:
        """Read the file; a file that is not there is an empty configuration."""
        config = cls(path, project)
        if path.exists():
            node = yaml.compose(path.read_text(encoding="utf-8"), _Loader)
            config.document = _construct(node) if node is not None else {}
            if not isinstance(config.document, dict):
                raise EngineError(f"could not read {path}: not a map")
            config.values = {
                full_key(key, project.name): value for key, value in _config_values(node, path).items()
            }
            config._read = copy.deepcopy(config.values)
        if config.document.get("environment"):
            raise NotSupportedError(f"`environment` (Pulumi ESC) in {path}")
        provider = config.document.get("secretsprovider")
        if provider and provider != "passphrase":
            raise NotSupportedError(f"the secrets provider {provider!r} in {path}")
        return config

    @property
    def salt(self) -> str | None:
        """The salt line of the passphrase provider."""
        return self.document.get("encryptionsalt")

    def ensure_salt(self) -> None:
        """Give the stack a salt, in the file too."""
        if self.salt is None:
            self.document["encryptionsalt"] = new_salt(passphrase(os.environ))
            self.save()

    def save(self) -> None:
        """Write what was changed into the file, and leave everything else in it as it is, comments too."""
        from ruamel.yaml import YAML  # noqa: PLC0415 (50 ms that most verbs do not need)

        editor = YAML()
        editor.width = 10_000
        editor.preserve_quotes = True
        editor.indent(mapping=2, sequence=4, offset=2)
        before = editor.load(self.path.read_text(encoding="utf-8")) if self.path.exists() else None
        document = {} if before is None else before
        if self.salt is not None:
            document["encryptionsalt"] = self.salt
        config = document.get("config") or {}
        names = {full_key(key, self.project.name): key for key in config}
        for key in names.keys() - self.values.keys():
            del config[names[key]]
        for key, value in self.values.items():
            if key not in self._read or self._read[key] != value:
                name = names.get(key, key)
                config[name] = _edited(config.get(name), value)
        if config:
            document["config"] = config
        else:
            document.pop("config", None)
        text = io.StringIO()
        if document:
            editor.dump(document, text)
        self._read = copy.deepcopy(self.values)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text.getvalue(), encoding="utf-8")
        temporary.replace(self.path)

    def all_values(self) -> dict[str, Any]:
        """The stack's values over the defaults that the project file gives."""
        defaults: dict[str, Any] = {}
        for key, spec in (self.project.document.get("config") or {}).items():
            value = spec
            if isinstance(spec, dict):
                value = spec.get("value", spec.get("default"))
            if value is not None:
                name = full_key(key, self.project.name)
                defaults[name] = value if isinstance(value, str | dict | list) else go_json(value)
        return defaults | self.values

    def masked(self) -> dict[str, str]:
        """Every value as text, secrets as `[secret]`."""

        def mask(value: Any) -> Any:
            return "[secret]" if _is_ciphertext(value) else mapped(mask, value)

        clear = {key: mask(value) for key, value in self.all_values().items()}
        return {key: value if isinstance(value, str) else go_json(value) for key, value in clear.items()}

    def decrypted(self, crypter: Crypter | None) -> dict[str, tuple[str, bool]]:
        """Every value as the program gets it: text (JSON for structures), and whether it is secret."""
        return {
            key: (decrypt_text(value, crypter), is_secret(value)) for key, value in self.all_values().items()
        }


def _edited(old: Any, new: Any) -> Any:
    """`new` for a file that holds `old`, whose maps are changed in place so that their comments stay."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString  # noqa: PLC0415

    if isinstance(new, dict):
        kept = old if isinstance(old, dict) else {}
        for key in [key for key in kept if key not in new]:
            del kept[key]
        for key, value in new.items():
            if key not in kept or kept[key] != value:
                kept[key] = _edited(kept.get(key), value)
        return kept
    if isinstance(new, list):
        return [_edited(None, item) for item in new]
    if isinstance(new, str) and yaml.safe_load(new) != new:
        return DoubleQuotedScalarString(new)  # text that readers would take for something else
    return new


def is_secret(value: Any) -> bool:
    """Whether the value, or a leaf of it, is secret."""
    return any(map(_is_ciphertext, walk(value)))


def _is_ciphertext(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def decrypted_value(value: Any, crypter: Crypter | None) -> Any:
    """The value with its secret leaves in plain text."""
    if not _is_ciphertext(value):
        return mapped(lambda item: decrypted_value(item, crypter), value)
    if crypter is None:
        raise EngineError("the stack's configuration has a secret but no encryptionsalt")
    return crypter.decrypt(value["secure"])


def decrypt_text(value: Any, crypter: Crypter | None) -> str:
    """The value as text; structures as JSON."""
    clear = decrypted_value(value, crypter)
    return clear if isinstance(clear, str) else go_json(clear)


def package_config(values: dict[str, tuple[str, bool]], package: str) -> Properties:
    """The inputs that a default provider gets from the stack's configuration.

    Dynamic providers get everything with full keys [case configure_fails], others their own namespace.
    """
    out: Properties = {}
    for key, (text, secret) in values.items():
        namespace, name = key.split(":", 1)
        if package == "pulumi-python":
            name = key
        elif namespace != package:
            continue
        out[name] = Secret(text) if secret else text
    return out


def set_path(values: dict[str, Any], key: str, value: Any) -> None:
    """`config set --path`: `key` is `namespace:name.rest[0]`; inside a path the text is given its type."""
    namespace, rest = key.split(":", 1)
    path = paths.parse(rest)
    if len(path) > 1 and isinstance(value, str):
        value = _typed(value)
    root: dict[str, Any] = {}
    top = f"{namespace}:{path[0]}"
    if top in values:
        root[str(path[0])] = values[top]
    paths.assign(path, root, value)
    values[top] = root[str(path[0])]


def get_path(values: dict[str, Any], key: str) -> Any:
    """The value at `namespace:name.rest[0]`; KeyError if there is none."""
    namespace, rest = key.split(":", 1)
    head, *tail = paths.parse(rest)
    return paths.get(tuple(tail), values[f"{namespace}:{head}"])


def remove_path(values: dict[str, Any], key: str) -> None:
    """Remove what `get_path` finds; nothing happens if there is nothing."""
    namespace, rest = key.split(":", 1)
    head, *tail = paths.parse(rest)
    top = f"{namespace}:{head}"
    try:
        parent: Any = paths.get(tuple(tail[:-1]), values[top]) if tail else values
        del parent[tail[-1] if tail else top]
    except (KeyError, IndexError, TypeError):
        return


def _typed(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text == "0" or (
        text.lstrip("-").isascii() and text.lstrip("-").isdigit() and text.lstrip("-")[0] != "0"
    ):
        return int(text)
    return text


def _construct(node: Any) -> Any:
    return _Loader("").construct_document(node)


def _config_values(node: Any, path: Path) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    for key, value in node.value:
        if key.value == "config" and isinstance(value, yaml.MappingNode):
            return dict(_scalars(value))
        if key.value == "config" and not (isinstance(value, yaml.ScalarNode) and not value.value):
            raise EngineError(f"could not read {path}: `config` is not a map")
    return {}


def _scalars(node: Any) -> Iterator[tuple[str, Any]]:
    """Top-level values keep their text: `n: 042` is the text 042."""
    for key, value in node.value:
        yield key.value, value.value if isinstance(value, yaml.ScalarNode) else _construct(value)
