"""A cloud group as a Pulumi resource."""

from __future__ import annotations

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, ReadResult, Resource, UpdateResult

from mimecast_sso.text.times import utc_text
from providers.edge import GONE, Properties, differs, normalise, select
from providers.mimecast import groups, normal_forms
from providers.mimecast.edge.base import STORED_IN, MimecastProvider
from providers.mimecast.process import process

_CREATED_AT = "createdAt"


class GroupProvider(MimecastProvider, stored_in=STORED_IN):
    """`Group`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "description")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "description", normal_forms.text)
        return CheckResult(inputs, failures)

    def create(self, props: Properties) -> CreateResult:
        with process.session().writing() as client:
            group, created = groups.provide_group(client, props["description"])
            # A confirmation from before that is about another group of this name.
            when = {_CREATED_AT: utc_text(client.now())} if created else {}
        return CreateResult(group.name, {"description": group.name, "created": created} | when)

    def read(self, id_: str, props: Properties) -> ReadResult:
        group = process.session().groups.find(props["description"])
        if group is None:
            return ReadResult(GONE, {})
        return ReadResult(id_, _outputs(group.name, props), {"description": group.name})

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        if differs(olds, news, "description"):
            with process.session().writing() as client:
                groups.rename_group(client, olds["description"], news["description"])
        return UpdateResult(_outputs(news["description"], olds))

    def delete(self, id_: str, props: Properties) -> None:
        if self.successor(id_) is not None:
            return
        with process.session().writing() as client:
            groups.remove_group(client, props["description"], created=props["created"] is True)


def _outputs(name: str, recorded: Properties) -> Properties:
    # Releases before 0.2.0 did not record when.
    when = {_CREATED_AT: recorded[_CREATED_AT]} if _CREATED_AT in recorded else {}
    return {"description": name, "created": recorded["created"]} | when


class Group(Resource, module="mimecast", name="Group"):
    """A cloud group, created or found by its exact name; deleted only if this resource created it and it is empty."""

    description: Output[str]
    """The name. Changing it renames the group in place."""
    created: Output[bool]
    """Whether this resource created the group."""

    def __init__(
        self, resource_name: str, *, description: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        """
        Args:
            description: The name of the group in the console.
        """
        super().__init__(GroupProvider(), resource_name, {"description": description, "created": None}, opts)
