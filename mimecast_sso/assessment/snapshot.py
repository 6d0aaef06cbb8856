"""The snapshot: both tenants and the last deployment, read once at the beginning of a run. Data only.

Every part states how it is known: a part that could not be read is unknown, with the reason, and so is only what
depends on it. `mimecast_sso.assessment.reading` reads a snapshot; everything else in this package works on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.people import EntraGroup, Person
from mimecast_sso.assessment.record import Record
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.provenance import How, Known, Statement, unknown
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import lower_case
from providers.entra.applications import DeletedApplication, DeletedPrincipal, Holder, LiveApplication
from providers.mimecast.accounts import Account
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.audit import AuditLog
from providers.mimecast.directory_connection import DirectoryConnection
from providers.mimecast.directory_integration import Integration
from providers.mimecast.domains import DomainState, DomainStatus

INTEGRATION_ONLY = "Mimecast, for mimecast-sso:directorySynchronisation"
"""The source of directory connections that were read although no addresses come from them."""


@dataclass(frozen=True, slots=True)
class Directory:
    """People and groups of Entra that concern the stack.

    Attributes:
        users: The configured users, by the configured addresses.
        groups: The configured groups, with their direct members.
        assigned_groups: Further groups that are assigned to the application, by object id.
        accounts: Everybody who was read, by object id.
        problems: A text for each configured user, group or owner that Entra does not have, or has more than once.
        owners: Configured owners: object id → as configured.
        unread: Why accounts could not be looked up; "" if all were, so that a missing one does not exist.
        unread_groups: Groups whose members could not be read: object id → why.
        unrecorded_account: Object id of the test account that an earlier run of this stack created and could not
            record, by its marker; "" for none.
    """

    users: tuple[Person, ...] = ()
    groups: tuple[EntraGroup, ...] = ()
    assigned_groups: Mapping[str, EntraGroup] = field(default_factory=dict)
    accounts: Mapping[str, Person] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""
    unread_groups: Mapping[str, str] = field(default_factory=dict)
    unrecorded_account: str = ""


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """A roll-out group at Mimecast; a group that does not exist has no name and no members.

    Attributes:
        name: Its current name.
        members: Addresses, and whole domains as ``@example.com``.
        left: People who left so recently that Mimecast may still treat them as members.
        joined: People who joined so recently that Mimecast may not treat them as members yet.
        child_groups: How many groups it contains, whose members are not read.
        name_taken: Whether another group has the configured name, so that this one cannot be renamed to it.
    """

    name: str = ""
    members: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    joined: frozenset[str] = frozenset()
    child_groups: int = 0
    name_taken: bool = False

    @property
    def exists(self) -> bool:
        """Whether Mimecast has the group."""
        return bool(self.name)


_NOT_ASKED = "it was not asked"
_GONE = (
    "Mimecast has no group {}, which this stack deployed. If it was renamed, people in it are still sent to Entra: "
    "restore its name. If it was deleted, nobody is: a run with --refresh creates another, and somebody has to bind "
    "the application settings to it in the console"
)
_REPLACED = (
    "the roll-out group {} was created at {}, and its profile was confirmed before that ({}), for a group that no "
    "longer has this name. If that one was renamed, people in it are still sent to Entra: bind the application "
    "settings to the new group in the console, and confirm that"
)


@dataclass(frozen=True)
class Snapshot:
    """The snapshot.

    Attributes:
        deployer: Object id of the principal that the credentials belong to.
        deployer_roles: The application permissions in its token; empty for a person's.
        entra_now: Entra's own time; ``mimecast_now`` Mimecast's.
        clock: A warning if this machine's clock differs so much that it matters.
        application: The application that Mimecast's sign-ins reach: it has the identifier of account and region.
            Known without a value if none exists.
        own: The application that this stack recorded or adopts, if it is another one or has lost the identifier.
        own_is_gone: Whether Entra has no application object with the recorded client id.
        holders: Applications that have the configured identifier or the one of account and region.
        deleted: Deleted applications that have it, and the recorded one if it was deleted.
        deleted_principal: The recorded service principal, if it is in the recycle bin; known without a value: it is
            not there, or it exists.
        namesakes: Applications of the configured name, from a template, that have no other identifier.
        template: Id of the configured gallery entry; "" if an application is adopted.
        access: Whether Conditional Access blocks a sample of people; known without a value: there is no application.
        addresses: Those of interest that exist at Mimecast.
        groups: The roll-out groups by profile slot, found by the name that the state knows, else the configured one.
        gone_groups: The slots whose profile is bound to a group that is gone; its members are unknown.
        moved: How many memberships changed so recently that Mimecast may not act on them yet; unknown if the audit log
            cannot be read, and then nobody is known to have left or joined recently.
        log: Mimecast's audit log, for a command that wants more of it than the forecast does; None if it is not read.
        connections: The account's directory synchronisation; without a value where the configuration does not use it.
        integration: The directory integration that is managed, found by the description that the state knows, else the
            configured one. Known without a value: there is none, or none is managed.
        record: What the last deployment recorded.
    """

    cloud: Cloud
    tenant_id: str
    deployer: str
    entra_now: datetime
    mimecast_now: datetime
    clock: Statement | None = None
    application: Known[LiveApplication] = field(default_factory=lambda: unknown(_NOT_ASKED))
    own: Known[LiveApplication] = field(default_factory=lambda: unknown(_NOT_ASKED))
    own_is_gone: bool = False
    holders: Known[tuple[Holder, ...]] = field(default_factory=lambda: unknown(_NOT_ASKED))
    deleted: Known[tuple[DeletedApplication, ...]] = field(default_factory=lambda: unknown(_NOT_ASKED))
    deleted_principal: Known[DeletedPrincipal] = field(default_factory=lambda: Known(None, How.LIVE))
    namesakes: Known[tuple[Holder, ...]] = field(default_factory=lambda: unknown(_NOT_ASKED))
    deployer_roles: frozenset[str] = frozenset()
    template: str = ""
    directory: Directory = field(default_factory=Directory)
    access: Known[AccessSample] = field(default_factory=lambda: unknown(_NOT_ASKED))
    account: Known[Account] = field(default_factory=lambda: unknown(_NOT_ASKED))
    domains: Known[Mapping[str, DomainStatus]] = field(default_factory=lambda: unknown(_NOT_ASKED))
    addresses: Known[Mapping[str, LiveAddress]] = field(default_factory=lambda: unknown(_NOT_ASKED))
    groups: Mapping[ProfileSlot, Known[LiveGroup]] = field(default_factory=dict)
    gone_groups: frozenset[ProfileSlot] = frozenset()
    moved: Known[int] = field(default_factory=lambda: unknown(_NOT_ASKED))
    log: AuditLog | None = None
    connections: Known[tuple[DirectoryConnection, ...]] = field(default_factory=lambda: unknown(_NOT_ASKED))
    integration: Known[Integration] = field(default_factory=lambda: unknown(_NOT_ASKED))
    record: Known[Record] = field(default_factory=lambda: unknown(_NOT_ASKED))

    @property
    def issuer(self) -> str:
        """The tenant's SAML entity id."""
        return self.cloud.issuer(self.tenant_id)

    @property
    def login_url(self) -> str:
        """The tenant's single sign-on endpoint."""
        return self.cloud.login_url(self.tenant_id)

    @property
    def recorded(self) -> Record:
        """The record of the last deployment; empty if it is unknown, which `record` shows."""
        return self.record.value or Record()

    def members(self, slot: ProfileSlot) -> frozenset[str] | None:
        """The current members of a slot's group; ``None`` if unknown."""
        group = self.groups.get(slot)
        if group is None:
            return frozenset()
        return group.value.members if group.value is not None else None

    def with_gone_groups_unknown(self, confirmed: Mapping[ProfileSlot, str]) -> Snapshot:
        """This snapshot, with the members of roll-out groups unknown that Mimecast no longer has under their name.

        Such a group may have been renamed; it then stays bound to its profile, with everybody in it. So it is when
        another one was created in its place: until the profile is ``confirmed`` again (the times, by slot).
        """
        gone: dict[ProfileSlot, Known[LiveGroup]] = {
            slot: unknown(why)
            for slot, known in self.groups.items()
            if known.value is not None
            for why in [self._why_gone(slot, known.value, confirmed.get(slot, ""))]
            if why
        }
        return replace(self, groups={**self.groups, **gone}, gone_groups=frozenset(gone)) if gone else self

    def _why_gone(self, slot: ProfileSlot, group: LiveGroup, confirmed: str) -> str:
        """Why the members of the group that the profile is bound to are unknown; "" if they are not."""
        recorded, profile = self.recorded.groups.get(slot), self.recorded.profiles.get(slot)
        if not group.exists:
            # A refresh forgets the group, but not the profile that was attested for it.
            name = (
                recorded.name if recorded else str(profile.form["group"]) if profile and profile.opens else ""
            )
            return _GONE.format(quoted(name)) if name else ""
        # A profile that has never been attested has at most the confirmation of an earlier use of its slot.
        attested = profile is not None and (profile.state != "due" or profile.previous is not None)
        if attested and recorded and recorded.created_at > confirmed > "":
            return _REPLACED.format(quoted(group.name), recorded.created_at, confirmed)
        return ""

    @cached_property
    def everybody(self) -> frozenset[str]:
        """The known members of all roll-out groups."""
        return frozenset[str]().union(*(self.members(slot) or () for slot in self.groups))

    @property
    def groups_known(self) -> bool:
        """Whether all roll-out groups could be read."""
        return all(group.is_known for group in self.groups.values())

    def is_internal(self, domain: str) -> bool:
        """Whether Mimecast has verified the domain, so that it can have addresses."""
        status = (self.domains.value or {}).get(domain)
        return status is not None and status.state is DomainState.INTERNAL

    @cached_property
    def by_name_id(self) -> Mapping[str, Mapping[str, Person]]:
        """Accounts by mail address (``mail``) and by user principal name (``upn``), in lower case.

        Of several with one mail address, the first of `by_mail`.
        """
        accounts = self.directory.accounts.values()
        return {
            "mail": {mail: found[0] for mail, found in self.by_mail.items()},
            "upn": {
                lower_case(each.user_principal_name): each
                for each in accounts
                if each.user_principal_name is not None
            },
        }

    @cached_property
    def by_mail(self) -> Mapping[str, tuple[Person, ...]]:
        """Accounts by mail address in lower case, which is not unique: a guest may have a colleague's.

        The likeliest comes first: enabled, with the address as user principal name, a member.
        """
        found: dict[str, tuple[Person, ...]] = {}
        for each in self.directory.accounts.values():
            if each.mail:
                mail = lower_case(each.mail)
                found[mail] = (*found.get(mail, ()), each)
        return {
            mail: several if len(several) == 1 else tuple(sorted(several, key=_unlikely))
            for mail, several in found.items()
        }


def _unlikely(account: Person) -> tuple[bool, bool, bool, str]:
    named = lower_case(account.user_principal_name or "") == lower_case(account.mail)
    return account.enabled is False, not named, account.guest is True, account.object_id
