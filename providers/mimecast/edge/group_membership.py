"""The members of a group, as a Pulumi resource."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import utc_text
from providers.edge import GONE, Properties, differs, normalise, select
from providers.mimecast import groups, normal_forms
from providers.mimecast.edge.base import STORED_IN, MimecastProvider
from providers.mimecast.process import process

_log = logging.getLogger(__name__)

_CHANGED_AT = "changedAt"


class GroupMembershipProvider(MimecastProvider, stored_in=STORED_IN):
    """`GroupMembership`."""

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        inputs = select(news, "group", "members", "hold")
        failures: list[CheckFailure] = []
        normalise(inputs, failures, "group", normal_forms.text)
        normalise(inputs, failures, "members", normal_forms.names(groups.member_name))
        normalise(inputs, failures, "hold", lambda value: value is True)
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        return DiffResult(replaces=["group"]) if differs(olds, news, "group") else DiffResult()

    def create(self, props: Properties) -> CreateResult:
        return CreateResult(props["group"], _change_members(set(), props))

    def read(self, id_: str, props: Properties) -> ReadResult:
        session = process.session()
        group = session.groups.find(props["group"])
        if group is None:
            return ReadResult(GONE, {})
        live = groups.list_members(session.client, group)
        # Members on hold are absent on purpose.
        members = live | set(props["members"]) if props["hold"] else live
        inputs = select(props, "group", "members", "hold") | {"members": sorted(members)}
        outputs = dict(inputs)
        if set(members) != set(props["members"]):
            # The time is unknown, but later than the last read.
            outputs[_CHANGED_AT] = utc_text(session.client.now())
        elif _CHANGED_AT in props:
            outputs[_CHANGED_AT] = props[_CHANGED_AT]
        return ReadResult(id_, outputs, inputs)

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        return UpdateResult(_change_members(set(olds["members"]), news))

    def delete(self, id_: str, props: Properties) -> None:
        client = process.session().client
        group = groups.find_group(client, props["group"])
        if group is None:
            return
        kept = set((self.successor(id_) or {}).get("members") or ())
        left = groups.change_members(client, group, add=(), remove=set(props["members"]) - kept) - kept
        if left:
            _log.warning(
                "Left in the Mimecast group %s, because they were added outside this stack: %s",
                quoted(props["group"]),
                enumerate_some(sorted(left)),
            )


def _change_members(before: set[str], props: Properties) -> Properties:
    # Only members in the state are removed, so that a preview is exact. Others are reported as drift.
    client = process.session().client
    group = groups.require_group(client, props["group"])
    desired = set(props["members"])
    present = groups.change_members(
        client, group, add=() if props["hold"] else desired, remove=before - desired
    )
    others = sorted(present - desired)
    if others:
        _log.warning(
            "The Mimecast group %s has members that are not configured; its profile applies to them, too: %s",
            quoted(props["group"]),
            enumerate_some(others),
        )
    # In a rotation, its age decides whether the change is effective at Mimecast.
    return select(props, "group", "members", "hold") | {_CHANGED_AT: utc_text(client.now())}


class GroupMembership(Resource, module="mimecast", name="GroupMembership"):
    """The members of a group, who are the people that the bound authentication profile applies to."""

    group: Output[str]
    members: Output[list[str]]
    hold: Output[bool]

    def __init__(
        self,
        resource_name: str,
        *,
        group: Input[str],
        members: Input[Sequence[Input[str]]],
        hold: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        """
        Args:
            group: The group's name. Changing it replaces the resource.
            members: Addresses, or ``@example.com`` for a whole domain.
            hold: While true, nobody is added; members stay unless they left the list.
        """
        props: Properties = {"group": group, "members": members, "hold": hold}
        super().__init__(GroupMembershipProvider(), resource_name, props, opts)
