"""Steps: what a run does to one resource at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.engine.providers import Diff
from sandbox.engine.resource import PROVIDER_PREFIX, Resource, urn_name, urn_type


@dataclass(frozen=True)
class Alias:
    """An earlier identity of a resource: a URN, or the parts that differ from the current one."""

    urn: str = ""
    name: str = ""
    type: str = ""
    project: str = ""
    stack: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(frozen=True)
class Goal:
    """A registered resource. Options that are None were not set and come from the parent.

    Attributes:
        name: The last part of its URN.
        state: The desired state, still without a URN.
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
        old: The previous state; None for a create.
        new: The desired state; once the step is done, the resulting state.
        diff: Keys and details to show.
        logical: Counts as a change: a replacement does, its parts do not.
        keep: A delete that leaves the resource in the state, to be recreated in this run.
        result: The outcome of a refresh: same, update or delete.
        skipped: The resource is not created because something that it needs was not.
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
        """The new state, else the old one."""
        found = self.new or self.old
        if found is None:
            raise ValueError(f"a {self.op} step without a state")
        return found

    @property
    def changes_protection(self) -> bool:
        """Whether protection is added or removed; shown, but not a change of the resource."""
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
