"""What a run does to one resource at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.engine.providers import Diff
from sandbox.engine.resource import PROVIDER_PREFIX, Resource, urn_name, urn_type


@dataclass(frozen=True)
class Alias:
    """An earlier identity of a resource: a URN, or parts that differ from the present ones."""

    urn: str = ""
    name: str = ""
    type: str = ""
    project: str = ""
    stack: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(frozen=True)
class Goal:
    """What the program asks for. Options that are None were not given and come from the parent.

    Attributes:
        name: The last part of the URN to be.
        state: The state wanted; it has no URN yet.
    """

    name: str
    state: Resource
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    aliases: tuple[Alias, ...] = ()


@dataclass(eq=False)
class Step:
    """One step. `op` is named as in the Pulumi CLI's events.

    Attributes:
        op: create, update, delete, same, replace, create-replacement, delete-replaced, import,
            import-replacement, refresh, remove-pending-replace.
        old: The state before; for a create None.
        new: The state wanted, and once the step is done the state reached.
        diff: Keys and details to show.
        logical: Counts as a change; the parts of a replacement do not, the replacement does.
        keep: A delete that leaves the resource in the state, to be recreated in this run.
        result: What a refresh found: same, update or delete.
        skipped: The resource is not made because something that it needs was not.
    """

    op: str
    old: Resource | None = None
    new: Resource | None = None
    diff: Diff | None = None
    logical: bool = True
    keep: bool = False
    result: str = ""
    skipped: bool = False

    @property
    def urn(self) -> str:
        """The URN of the resource."""
        return self.resource.urn

    @property
    def resource(self) -> Resource:
        """The state that says most about the step."""
        found = self.new or self.old
        if found is None:
            raise ValueError(f"a {self.op} step without a state")
        return found

    @property
    def changes_protection(self) -> bool:
        """Whether protection is put on or taken off, which is no change of the resource, and shown."""
        return self.old is not None and self.new is not None and self.old.protect != self.new.protect

    @property
    def shown_op(self) -> str:
        """The operation to report when the step is done."""
        return self.result or self.op

    @property
    def internal(self) -> bool:
        """Default providers and bookkeeping are neither shown nor counted."""
        return self.op == "remove-pending-replace" or is_default_provider(self.urn)


def is_default_provider(urn: str) -> bool:
    """Whether a URN is that of a default provider."""
    return urn_type(urn).startswith(PROVIDER_PREFIX) and urn_name(urn).split("_", 1)[0] == "default"
