"""A resource of the program with the company's staff: a placeholder for the real source of people.

For example `azuread.get_users_output`, a reference to the stack that creates the accounts, or an HR system.
"""

import csv
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class StaffProvider(ResourceProvider):
    """The provider of `Staff`. Reads the file again in every run."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=olds.get("people") != _people(news["file"]))

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("staff", props | {"people": _people(props["file"])})

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(news | {"people": _people(news["file"])})


def _people(file: str) -> dict[str, dict[str, str]]:
    with Path(file).open(encoding="utf-8", newline="") as rows:
        return {row["address"]: {"name": row["name"]} for row in csv.DictReader(rows)}


class Staff(Resource, module="staff", name="Staff"):
    """The people in a file: address → name."""

    people: pulumi.Output[dict[str, dict[str, str]]]

    def __init__(self, name: str, *, file: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(StaffProvider(), name, {"file": file, "people": None}, opts)
