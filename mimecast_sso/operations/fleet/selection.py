"""Select stacks by name, region, account or tag.

An expression is one or more comma-separated terms that all have to match: ``prod-*``, ``region=eu``,
``account=CUK*``, ``tag=ring-1``. A term that begins with ``!`` must not match. Of several
expressions, one has to match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.project import Project, misnamed
from mimecast_sso.settings import ConfigurationError, read_values
from mimecast_sso.text.foreign import quoted

_KEYS = ("region", "account", "tag")


@dataclass(frozen=True, slots=True)
class Listed:
    """A stack as described by its file, before the file is validated.

    Attributes:
        problem: Why the file cannot be read; "" if it can.
        tenant: The Entra tenant, if the file names it.
    """

    name: str
    account: str = ""
    region: str = ""
    tags: tuple[str, ...] = ()
    problem: str = ""
    tenant: str = ""

    def document(self) -> dict[str, object]:
        """As JSON."""
        document: dict[str, object] = {
            "stack": self.name, "account": self.account, "region": self.region, "tags": list(self.tags)
        }  # fmt: skip
        return document | ({"problem": self.problem} if self.problem else {})

    @classmethod
    def of(cls, document: Mapping[str, JSON]) -> Listed:
        """From JSON. Raises KeyError or TypeError for anything else."""
        return cls(
            str(document["stack"]), str(document["account"]), str(document["region"]), tuple(document["tags"])
        )


def listed(project: Project) -> tuple[Listed, ...]:
    """Every stack that has a file, by name."""
    return tuple(_read(project, name) for name in project.stacks())


def select(stacks: Iterable[Listed], expressions: Sequence[str]) -> tuple[Listed, ...]:
    """The stacks that match one of the expressions; all of them if there is none.

    A stack whose file cannot be read is excluded only by its name, so that its problem is reported.

    Raises:
        OperationError: A term is not a name, region, account or tag.
    """
    selected = [[_Term.of(term) for term in expression.split(",")] for expression in expressions]
    return tuple(
        each
        for each in stacks
        if not selected or any(all(term.holds(each) for term in terms) for terms in selected)
    )


def shard(stacks: Sequence[Listed], number: int, count: int) -> tuple[Listed, ...]:
    """Share ``number`` of ``count``, from 1: every stack is in exactly one share."""
    return tuple(stacks[number - 1 :: count])


@dataclass(frozen=True, slots=True)
class _Term:
    key: str
    pattern: str
    negated: bool

    @classmethod
    def of(cls, text: str) -> _Term:
        term = text.strip()
        positive = term.removeprefix("!")
        key, equals, value = positive.partition("=")
        if equals and key not in _KEYS:
            raise OperationError(
                f"--select {quoted(term)}: a term is a name such as prod-*, or one of region=, account= and tag=.",
                Exit.USAGE,
            )
        if not positive:
            raise OperationError(
                "--select has an empty term. Write a name such as prod-*, or tag=ring-1.", Exit.USAGE
            )
        return cls(key if equals else "", value if equals else positive, positive != term)

    def holds(self, stack: Listed) -> bool:
        if self.key and stack.problem:
            return True
        values: Mapping[str, tuple[str, ...]] = {
            "": (stack.name,), "region": (stack.region,), "account": (stack.account,), "tag": stack.tags
        }  # fmt: skip
        return any(fnmatchcase(value, self.pattern) for value in values[self.key]) is not self.negated


def tags_of(value: JSON) -> tuple[str, ...]:
    """The tags in a stack file: a list, or as `pulumi config set` writes them, separated by commas."""
    found = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(str(each).strip() for each in found)


def _read(project: Project, name: str) -> Listed:
    if not is_stack_name(name):
        return Listed(name, problem=misnamed(project.stack_file(name)))
    try:
        values = read_values(project.stack_file(name))
    except ConfigurationError as error:
        return Listed(name, problem=str(error))
    return Listed(
        name,
        str(values.get("accountCode") or ""),
        str(values.get("region") or ""),
        tags_of(values.get("tags")),
        tenant=str(values.get("tenantId") or ""),
    )
