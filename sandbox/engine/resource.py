"""The engine's model of resources: URNs, provider references and the state of one resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sandbox.engine.values import UNKNOWN_TEXT, Properties, from_state, shared

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"
BUILTIN = "pulumi"
"""The package of the engine's own functions and resources; its provider is not a process."""

_ALWAYS = frozenset({"urn", "custom", "type"})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Resource:
    """One resource in the state. Never changed in place; compared by identity.

    Fields are in the order in which the Pulumi CLI writes them; unknown ones are kept in `extra`.
    `property_dependencies` is None if the state has none (providers, and after a refresh).
    """

    urn: str
    custom: bool
    delete: bool = False
    id: str = ""
    type: str
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    dependencies: tuple[str, ...] = ()
    init_errors: tuple[str, ...] = ()
    provider: str = ""
    property_dependencies: dict[str, list[str]] | None = None
    pending_replacement: bool = False
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    created: str = ""
    modified: str = ""
    ignore_changes: tuple[str, ...] = ()
    hide_diff: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rsplit("::", 1)[1]

    @property
    def is_provider(self) -> bool:
        """Whether it is a provider."""
        return self.type.startswith(PROVIDER_PREFIX)

    def references(self) -> Iterator[str]:
        """The URNs of everything that must outlive this resource."""
        yield from self.dependencies
        for urns in (self.property_dependencies or {}).values():
            yield from urns
        for urn in (self.parent, self.deleted_with):
            if urn:
                yield urn
        if self.provider:
            yield provider_urn(self.provider)

    def to_json(self, convert: Callable[[Properties], Any]) -> dict[str, Any]:
        """The resource with the state file's keys; `convert` converts inputs and outputs."""
        out: dict[str, Any] = {}
        for attribute, key in _FIELDS.items():
            value = getattr(self, attribute)
            if attribute in ("inputs", "outputs"):
                value = convert(value)
            elif isinstance(value, tuple):
                value = list(value)
            if value or attribute in _ALWAYS:
                out[key] = value
        return out | self.extra


def _key(attribute: str) -> str:
    """A field's key in the state file: `init_errors` is `initErrors`."""
    first, *others = attribute.split("_")
    return "importID" if attribute == "import_id" else first + "".join(map(str.capitalize, others))


_FIELDS = {item.name: _key(item.name) for item in fields(Resource) if item.name != "extra"}


def from_json(document: Mapping[str, Any], decrypt: Callable[[str], str]) -> Resource:
    """Read a resource of the state file; unknown fields are kept in `extra`."""
    known: dict[str, Any] = {}
    for attribute, key in _FIELDS.items():
        if key in document:
            value = document[key]
            if attribute in ("inputs", "outputs"):
                value = from_state(value or {}, decrypt)
            elif isinstance(value, list):
                value = tuple(value)
            known[attribute] = value
    if properties := known.get("property_dependencies"):
        known["property_dependencies"] = {key: urns or [] for key, urns in properties.items()}
    if "outputs" in known:
        known["outputs"] = shared(known["outputs"], known.get("inputs"))
    extra = {key: value for key, value in document.items() if key not in _FIELDS.values()}
    return Resource(**known, extra=extra)


def rewrite(resource: Resource, names: Mapping[str, str]) -> Resource:
    """The resource with references updated for URNs that were renamed by aliases."""

    def new(urn: str) -> str:
        return names.get(urn, urn)

    provider = resource.provider
    if provider:
        provider = provider_reference(new(provider_urn(provider)), provider_id(provider))
    properties = resource.property_dependencies
    if properties is not None:
        properties = {key: [new(urn) for urn in urns] for key, urns in properties.items()}
    return replace(
        resource,
        parent=new(resource.parent),
        provider=provider,
        dependencies=tuple(new(urn) for urn in resource.dependencies),
        property_dependencies=properties,
        deleted_with=new(resource.deleted_with),
    )


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; it contains the types of its parents, except the stack's."""
    chain = urn_types(parent) if parent else ""
    qualified = type_ if chain in ("", STACK_TYPE) else f"{chain}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def urn_types(urn: str) -> str:
    """The type chain in a URN, `parent$child`."""
    return urn.split("::", 3)[2]


def urn_type(urn: str) -> str:
    """The type in a URN."""
    return urn_types(urn).rsplit("$", 1)[-1]


def urn_name(urn: str) -> str:
    """The name in a URN."""
    return urn.split("::", 3)[3]


def tree(parents: Mapping[str, str], root_branch: str = "") -> Iterator[tuple[str, str]]:
    """URNs with their tree branches, parents before children.

    Args:
        parents: URN to the URN of its parent; a missing parent counts as none.
        root_branch: The prefix of those without a parent.
    """
    children: dict[str, list[str]] = {}
    for urn, parent in parents.items():
        children.setdefault(parent if parent in parents else "", []).append(urn)

    def visit(parent: str, indent: str) -> Iterator[tuple[str, str]]:
        urns = children.get(parent, [])
        for index, urn in enumerate(urns):
            last = index == len(urns) - 1
            yield urn, indent + ("└─ " if last else "├─ ") if parent else root_branch
            yield from visit(urn, indent + ("   " if last else "│  ") if parent else root_branch)

    yield from visit("", root_branch)


def display_type(type_: str) -> str:
    """A type as displayed: `azuread:index/application:Application` is `azuread:index:Application`."""
    package, _, rest = type_.partition(":")
    module, _, name = rest.partition(":")
    folder, slash, file = module.rpartition("/")
    return f"{package}:{folder}:{name}" if slash and name and file == name[0].lower() + name[1:] else type_


def provider_reference(urn: str, id_: str) -> str:
    """The reference by which a resource names its provider."""
    return f"{urn}::{id_ or UNKNOWN_TEXT}"


def provider_urn(reference: str) -> str:
    """The URN in a provider reference."""
    return reference.rsplit("::", 1)[0]


def provider_id(reference: str) -> str:
    """The id in a provider reference."""
    return reference.rsplit("::", 1)[1]


def package_of(type_: str) -> str:
    """The package of a type token; of a provider type, the package that it provides."""
    if type_.startswith(PROVIDER_PREFIX):
        return type_.removeprefix(PROVIDER_PREFIX)
    return type_.split(":", 1)[0]
