"""The project file and the configuration of a stack."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from mimecast_sso.text.yaml_errors import yaml_problem
from sandbox import texts
from sandbox.engine import paths
from sandbox.engine.errors import EngineError, NotSupportedError
from sandbox.engine.secrets import Crypter, new_salt, passphrase
from sandbox.engine.values import Properties, Secret, mapped, number, walk


class _Loader(yaml.SafeLoader):
    """YAML as the Pulumi CLI reads it: `no` is a string, 1e3 a number. Dates stay strings."""


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


def _read(path: Path, parse: Callable[..., Any]) -> Any:
    """A YAML file, in the encodings that the Pulumi CLI reads. Raises EngineError, which quotes nothing of it."""
    try:
        return parse(texts.read(path), _Loader)
    except texts.UnreadableTextError as error:
        raise EngineError(str(error)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise EngineError(f"could not read {path}: not valid YAML{yaml_problem(error)}") from None


def _write(path: Path, text: str) -> None:
    """Write a file as a whole; an existing one keeps its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    if path.exists():
        shutil.copymode(path, temporary)
    temporary.replace(path)


def go_json(value: Any) -> str:
    """JSON as the Pulumi CLI writes structured configuration, byte for byte: it ends up in the state."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


class Project:
    """A `Pulumi.yaml` and its content."""

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        runtime = document.get("runtime")
        self.path = path.resolve()
        self.folder = self.path.parent
        self.document = document
        self.name = str(document["name"])
        self.runtime_options = dict(runtime.get("options") or {}) if isinstance(runtime, dict) else {}
        self.main = (
            self.folder / str(document.get("main") or ".")
        ).resolve()  # file or folder of the program
        self.working_folder = self.main if self.main.is_dir() else self.main.parent

    def python(self) -> str:
        """The program's interpreter: that of `virtualenv` if it has the SDK, else this one."""
        virtualenv = self.runtime_options.get("virtualenv")
        if virtualenv:
            root = (self.folder / str(virtualenv)).absolute()
            if next(root.glob("lib/python3.*/site-packages/pulumi/__init__.py"), None) is not None:
                return str(root / "bin" / "python")
        return sys.executable

    def stack_file(self, stack: str) -> Path:
        """The configuration file of a stack."""
        return self.folder / str(self.document.get("stackConfigDir") or "") / f"Pulumi.{stack}.yaml"


def find_project(start: Path) -> Project:
    """The project file in `start` or above it; EngineError if there is none, or the project is not in Python."""
    for folder in [start, *start.parents]:
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (folder / name).is_file():
                return _project(folder / name)
    raise EngineError(
        f"no Pulumi.yaml project file found (searching upwards from {start}). If you have not created a "
        "project yet, use `pulumi new` to do so"
    )


def _project(path: Path) -> Project:
    document = _read(path, yaml.load)
    if not isinstance(document, dict) or not document.get("name"):
        raise EngineError(f"could not load project {path}: project is missing a 'name' attribute")
    runtime = document.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise NotSupportedError(f"the runtime {language!r} of {path}")
    for key in ("plugins", "packages", "template-plugins"):
        if document.get(key):
            raise NotSupportedError(f"`{key}` in {path}")
    return Project(path, document)


def full_key(key: str, project: str) -> str:
    """The key with its namespace."""
    return key if ":" in key else f"{project}:{key}"


class StackConfig:
    """The configuration of one stack and its file; a missing file is an empty configuration.

    Values are text, structures, `{"secure": ciphertext}` or structures with such leaves.

    Raises:
        EngineError: The file or its `config` is not a map.
        NotSupportedError: It uses features that only the Pulumi CLI has.
    """

    def __init__(self, path: Path, project: Project) -> None:
        self.path = path
        self.project = project
        node = _read(path, yaml.compose) if path.exists() else None
        self.document = {} if node is None else _construct(node)
        if not isinstance(self.document, dict):
            raise EngineError(f"could not read {path}: not a map")
        self.values = {full_key(key, project.name): value for key, value in _config_values(node, path)}
        self._read = copy.deepcopy(self.values)
        if self.document.get("environment"):
            raise NotSupportedError(f"`environment` (Pulumi ESC) in {path}")
        provider = self.document.get("secretsprovider")
        if provider and provider != "passphrase":
            raise NotSupportedError(f"the secrets provider {provider!r} in {path}")

    @property
    def salt(self) -> str | None:
        """The salt line of the passphrase provider."""
        return self.document.get("encryptionsalt")

    def ensure_salt(self) -> None:
        """Set the stack's salt, in the file too."""
        if self.salt is None:
            self.document["encryptionsalt"] = new_salt(passphrase(os.environ))
            self.save()

    def save(self) -> None:
        """Write the changes to the file; everything else in it stays, including comments."""
        from ruamel.yaml import YAML  # noqa: PLC0415 (50 ms that most verbs do not need)

        editor = YAML()
        editor.width = 10_000
        editor.preserve_quotes = True
        editor.indent(mapping=2, sequence=4, offset=2)
        document = (editor.load(texts.read(self.path)) if self.path.exists() else None) or {}
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
        _write(Path(os.path.realpath(self.path)), text.getvalue())

    def key_path(self, key: str, *, structured: bool) -> paths.Path:
        """The path of `namespace:name`, or with `--path` of `namespace:name.rest[0]`; ValueError if it is not valid."""
        key = full_key(key, self.project.name)
        if not structured:
            return (key,)
        namespace, rest = key.split(":", 1)
        head, *tail = paths.parse(rest)
        return (f"{namespace}:{head}", *tail)

    def all_values(self) -> dict[str, Any]:
        """The stack's values, over the project file's defaults."""
        defaults: dict[str, Any] = {}
        for key, spec in (self.project.document.get("config") or {}).items():
            value = spec.get("value", spec.get("default")) if isinstance(spec, dict) else spec
            if value is not None:
                text = value if isinstance(value, str | dict | list) else go_json(value)
                defaults[full_key(key, self.project.name)] = text
        return defaults | self.values

    def masked(self) -> dict[str, str]:
        """All values as text, secrets as `[secret]`."""

        def mask(value: Any) -> Any:
            return "[secret]" if _is_ciphertext(value) else mapped(mask, value)

        return {key: _as_text(mask(value)) for key, value in self.all_values().items()}

    def decrypted(self, crypter: Crypter | None) -> dict[str, tuple[str, bool]]:
        """All values as the program receives them: text (JSON for structures), and whether it is secret."""
        return {
            key: (decrypt_text(value, crypter), is_secret(value)) for key, value in self.all_values().items()
        }


def _edited(old: Any, new: Any) -> Any:
    """`new` for a file that holds `old`, whose maps are changed in place to keep their comments."""
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
        return DoubleQuotedScalarString(new)  # text that readers would interpret as another type
    return new


def is_secret(value: Any) -> bool:
    """Whether the value or one of its leaves is secret."""
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
    return _as_text(decrypted_value(value, crypter))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else go_json(value)


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


def typed(text: str) -> Any:
    """The value that `config set --path` stores for a text inside a structure."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"0|-?[1-9][0-9]*", text) else text


def _construct(node: Any) -> Any:
    return _Loader("").construct_document(node)


def _config_values(document: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """The values under `config`. Top-level ones keep their text: `n: 042` is the string 042."""
    for key, node in document.value if document is not None else ():
        if key.value == "config" and isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                yield name.value, value.value if isinstance(value, yaml.ScalarNode) else _construct(value)
        elif key.value == "config" and node.value:
            raise EngineError(f"could not read {path}: `config` is not a map")
