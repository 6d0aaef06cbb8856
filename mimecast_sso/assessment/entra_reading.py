"""Entra's half of a snapshot: applications, the people and groups that concern them, the gallery entry.

Three rounds of requests, each sent at once (`ask`): which objects have the identifiers and names, their details,
    and the people concerned.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mimecast_sso.assessment import access
from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.people import EntraGroup, Person, group_problem, person_of, with_mailboxes
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Directory
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.provenance import How, Known, live, unknown
from mimecast_sso.settings import Settings
from mimecast_sso.settings.values import is_guid
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some, lower_case
from mimecast_sso.text.wording import count
from providers.entra import applications, people
from providers.entra.applications import (
    DeletedApplication,
    DeletedPrincipal,
    Holder,
    LiveApplication,
    Registration,
)
from providers.entra.batching import Read, ReadOutcome
from providers.entra.errors import GraphError, ObjectNotFound
from providers.entra.odata import literal
from providers.entra.people import ROWS_PER_PAGE, VALUES_PER_FILTER, chunks, members_of, user_of
from providers.entra.protocols import GraphReads

_FEW_LOOKUPS = 100
"""Look-ups that go with the other questions, five calls at most. With more, it is seen first what takes fewer calls."""
_MARKED = "account with the marker"
_USERS = "number of users"
_NUMBER = "number"
_LOST = "recorded service principal in the recycle bin"
Row = Mapping[str, JSON]
Found = Known[Sequence[Row]]


def ask(graph: GraphReads, questions: Mapping[str, Read]) -> dict[str, Found]:
    """The rows of each request, or why they are unknown. An object is one row, and so is a number; a missing object is
    none.

    Raises GraphError if no request succeeds.
    """
    outcomes = graph.batch(questions.values()) if questions else ()
    return {name: _found(outcome) for name, outcome in zip(questions, outcomes, strict=True)}


def _found(outcome: ReadOutcome) -> Found:
    if outcome.error is not None:
        if isinstance(outcome.error, ObjectNotFound):
            return live([])
        return unknown(applications.why_unread(outcome.read.path, outcome.error))
    if "value" not in outcome.document:
        # An object has properties. Nothing at all is a list that was lost on the way, and no empty one.
        return (
            live([outcome.document]) if outcome.document else unknown("Microsoft Graph's response is empty")
        )
    try:
        return live([{_NUMBER: outcome.count()}] if outcome.read.counted else outcome.rows())
    except GraphError as error:
        return unknown(error)


def _lookups(addresses: int) -> int:
    """How many requests look that many addresses up, as mail addresses and as user principal names."""
    return 2 * math.ceil(addresses / VALUES_PER_FILTER)


@dataclass(frozen=True, slots=True)
class _Sought:
    """Accounts to look up, by object id, and by mail address and user principal name."""

    object_ids: tuple[str, ...]
    addresses: tuple[str, ...]

    @property
    def calls(self) -> int:
        """How many requests `questions` has."""
        return math.ceil(len(self.object_ids) / VALUES_PER_FILTER) + _lookups(len(self.addresses))

    def questions(self) -> dict[str, Read]:
        """The requests."""
        by_id = {f"id {chunk[0]}": people.users("id", chunk) for chunk in chunks(self.object_ids)}
        return by_id | dict(_people_questions(self.addresses, "address"))


class EntraReader:
    """Reads one tenant. `objects` comes first, then `people`; the attributes are what was found."""

    application: Known[LiveApplication]
    own: Known[LiveApplication]
    holders: Known[tuple[Holder, ...]]
    deleted: Known[tuple[DeletedApplication, ...]]
    own_is_gone: bool
    deleted_principal: Known[DeletedPrincipal]
    namesakes: Known[tuple[Holder, ...]]
    template: str
    directory: Directory
    access: Known[AccessSample]
    _first: dict[str, Found]
    _second: dict[str, Found]
    _groups_by_name: dict[str, str]

    def __init__(self, graph: GraphReads, settings: Settings, record: Record) -> None:
        self._graph = graph
        self._settings = settings
        self._record = record
        claims = graph.claims()
        self.tenant_id = str(claims.get("tid") or "")
        self.deployer = str(claims.get("oid") or "")
        self.deployer_roles = frozenset(map(str, claims.get("roles") or ()))
        self._groups: dict[str, EntraGroup] = {}
        self._accounts: dict[str, Person] = {}
        self._problems: list[str] = []
        self._unread = ""
        self._unread_groups: dict[str, str] = {}

    # -- Objects ------------------------------------------------------------------------------------------------------

    def objects(self, expected: int = 0) -> None:
        """The applications that matter, their groups, and the gallery entry. Raises GraphError.

        With as many addresses as are ``expected`` in `people`, the tenant's users may be counted too.
        """
        self._first = ask(self._graph, dict(self._first_questions()))
        self._groups_by_name = self._configured_groups()
        counted = {_USERS: people.USERS_COUNTED} if _lookups(expected) > _FEW_LOOKUPS else {}
        self._second = ask(self._graph, dict(self._second_questions()) | counted)
        if not self.tenant_id:
            self.tenant_id = str(self._only("tenant").get("id") or "")
        self.holders = self._all_holders()
        self.namesakes = self._first["namesakes"].map(
            lambda rows: applications.namesakes_of(rows, self._identifiers)
        )
        self.deleted = self._first["deleted"].map(
            lambda rows: applications.deleted_of(rows, self._identifiers, self._recorded_client_id)
        )
        self.deleted_principal = self._deleted_principal()
        self.template = self._template()
        self._read_applications()

    def _first_questions(self) -> Iterator[tuple[str, Read]]:
        settings, application = self._settings, self._settings.application
        holder = {"select": applications.HOLDER}
        for key, application_filter, principal_filter in self._keys():
            yield f"holder {key}", Read("/applications", {**holder, "filter": application_filter})
            yield f"principal {key}", Read("/servicePrincipals", {"filter": principal_filter, "select": "id"})
        name = f"displayName eq {literal(application.display_name)}"
        yield "namesakes", Read("/applications", {**holder, "filter": name})
        yield "deleted", applications.DELETED
        if not self.tenant_id:
            yield "tenant", Read("/organization", {"select": "id"})
        for template in () if application.adopt else application.template:
            if not is_guid(template):
                named = f"displayName eq {literal(template)}"
                options = {"filter": named, "select": "id,displayName"}
                yield f"template {template}", Read("/applicationTemplates", options)
        for group in settings.assign.groups:
            yield f"group {group}", people.security_groups(group)
        yield from _people_questions(settings.assign.users, "user")
        intended = self._record.intended_account
        if intended is not None:
            marked = {"filter": f"employeeId eq {literal(intended.marker)}", "select": people.USER}
            yield _MARKED, Read("/users", marked)
        for chunk in chunks(application.named_owners):
            yield f"owners {chunk[0]}", people.users("userPrincipalName", chunk)

    def _keys(self) -> Iterator[tuple[str, str, str]]:
        """Identifiers and client ids, each with the filters that find its application and its service principal."""
        for identifier in self._identifiers:
            text = literal(identifier)
            yield (
                identifier,
                f"identifierUris/any(u:u eq {text})",
                f"servicePrincipalNames/any(n:n eq {text})",
            )
        for client_id in self._client_ids:
            named = f"appId eq {literal(client_id)}"
            yield client_id, named, named

    def _second_questions(self) -> Iterator[tuple[str, Read]]:
        """Details of the application that receives sign-ins and of this stack's; members of the configured groups."""
        for key in (self._identifiers[0], *self._client_ids):
            row, principal = self._only(f"holder {key}"), self._only(f"principal {key}")
            if not row or not principal:
                continue
            object_id, of_principal = row["id"], f"/servicePrincipals/{principal['id']}"
            yield (
                f"{object_id} application",
                Read(f"/applications/{object_id}", {"select": applications.APPLICATION}),
            )
            yield f"{object_id} principal", Read(of_principal, {"select": applications.PRINCIPAL})
            yield f"{object_id} registration", Read(f"/applications/{object_id}/owners")
            yield f"{object_id} owners", Read(f"{of_principal}/owners")
            yield f"{object_id} policies", Read(f"{of_principal}/claimsMappingPolicies")
            yield f"{object_id} federated", Read(f"/applications/{object_id}/federatedIdentityCredentials")
            yield f"{object_id} assigned", Read(f"{of_principal}/appRoleAssignedTo", {"top": ROWS_PER_PAGE})
        if self._lost_principal:
            yield _LOST, applications.deleted_principal(self._lost_principal)
        for group in self._groups_by_name.values():
            yield f"members {group}", people.members(group)

    @property
    def _lost_principal(self) -> str:
        """Object id of the recorded service principal if it does not exist; "" if it does, or that is unknown."""
        recorded = self._record.principal
        found = [rows for name, rows in self._first.items() if name.startswith("principal ")]
        if recorded is None or not all(each.is_known for each in found):
            return ""
        ids = {str(row["id"]) for rows in found for row in rows.value or ()}
        return "" if recorded.object_id in ids else recorded.object_id

    def _deleted_principal(self) -> Known[DeletedPrincipal]:
        found = self._second.get(_LOST)
        if found is None:
            return Known(None, How.LIVE)
        if not found.is_known:
            return unknown(found.source)
        row = next(iter(found.value or ()), None)
        return Known(applications.deleted_principal_of(row) if row else None, How.LIVE)

    @property
    def _identifiers(self) -> tuple[str, ...]:
        """The identifier that Mimecast sends, and the one that the configuration sets instead."""
        asked = self._settings.region_facts.identifier(self._settings.account_code)
        return tuple(dict.fromkeys((asked, self._settings.identifier)))

    @property
    def _recorded_client_id(self) -> str:
        recorded = self._record.application
        return recorded.client_id if recorded else ""

    @property
    def _client_ids(self) -> tuple[str, ...]:
        ids = (self._recorded_client_id, self._settings.application.adopt or "")
        return tuple(dict.fromkeys(each.lower() for each in ids if each))

    def _only(self, question: str) -> Row:
        return next(iter(self._first[question].value or ()), {})

    def _all_holders(self) -> Known[tuple[Holder, ...]]:
        found: dict[str, Holder] = {}
        for identifier in self._identifiers:
            rows = self._first[f"holder {identifier}"]
            if rows.value is None:
                return unknown(rows.source)
            found |= {str(row["appId"]): applications.holder_of(row) for row in rows.value}
        return live(tuple(found.values()))

    def _template(self) -> str:
        application = self._settings.application
        if application.adopt:
            return ""
        for template in application.template:
            if is_guid(template):
                return template.lower()
            found = self._first[f"template {template}"]
            if found.value is None:
                self._problems.append(
                    f"mimecast-sso:application.template: gallery entry {quoted(template)} could not be "
                    f"looked up in Entra: {found.source}"
                )
                return ""
            if found.value:
                return str(found.value[0]["id"])
        return ""

    def _read_applications(self) -> None:
        keys = (self._identifiers[0], *self._client_ids)
        rows = {key: self._first[f"holder {key}"] for key in keys}
        unread = next((rows[key] for key in self._client_ids if not rows[key].is_known), None)
        mine = next((key for key in self._client_ids if self._only(f"holder {key}")), None)
        recorded = rows.get(self._recorded_client_id.lower())
        self.own_is_gone = recorded is not None and recorded.is_known and not recorded.value
        self.application = self._whole(keys[0])
        if unread is not None:
            self.own = unknown(unread.source)
        else:
            self.own = self._whole(mine) if mine else Known(None, rows[keys[0]].how)

    def _whole(self, key: str) -> Known[LiveApplication]:
        """The application with an identifier or client id; known without a value if none exists."""
        for question in (f"holder {key}", f"principal {key}"):
            if not self._first[question].is_known:
                return unknown(self._first[question].source)
            if not self._first[question].value:
                return Known(None, self._first[question].how)
        object_id = str(self._only(f"holder {key}")["id"])
        parts = {
            part: self._second[f"{object_id} {part}"]
            for part in ("application", "principal", "registration", "owners", "assigned")
        }
        unread = next((part for part in parts.values() if not part.is_known), None)
        if unread is not None:
            return unknown(unread.source)
        if not parts["application"].value or not parts["principal"].value:
            return unknown(f"application {key} was deleted while being read; rerun")
        application, principal, registration, owners, assigned = (part.value or () for part in parts.values())
        policies, federated = (self._second[f"{object_id} {part}"] for part in ("policies", "federated"))
        return live(
            applications.assemble(
                application[0],
                principal[0],
                owners=tuple(map(applications.owner_of, owners)),
                registration=Registration(object_id, tuple(map(applications.owner_of, registration))),
                policies=policies.map(lambda rows: tuple(map(applications.policy_of, rows))).value,
                policies_unread="" if policies.is_known else policies.source,
                assigned=tuple(map(applications.assigned_of, assigned)),
                federated=federated.map(lambda rows: tuple(map(applications.federated_of, rows))).value,
                federated_unread="" if federated.is_known else federated.source,
            )
        )

    # -- People -------------------------------------------------------------------------------------------------------

    def people(self, addresses: Collection[str], members: Collection[str] = frozenset()) -> None:
        """The configured users, groups and owners, assigned people, and the accounts that sign in for the addresses.

        ``members`` are the addresses that are sent to Entra already.
        """
        users = self._configured_users()
        configured = self._groups_by_name
        for name, object_id in configured.items():
            self._take_members(object_id, name, self._second[f"members {object_id}"])
        self._third(addresses)
        self._accounts = with_mailboxes(self._graph, self._accounts.values())
        self.access = self._sample_access(addresses, members)
        groups = {object_id: self._with_accounts(group) for object_id, group in self._groups.items()}
        self.directory = Directory(
            users=tuple(replace(self._accounts[user.object_id], address=user.address) for user in users),
            groups=tuple(groups[object_id] for object_id in configured.values() if object_id in groups),
            assigned_groups={
                object_id: group
                for object_id, group in groups.items()
                if object_id not in configured.values()
            },
            accounts=self._accounts,
            owners=self._owners(),
            problems=tuple(self._problems),
            unread=self._unread,
            unread_groups=self._unread_groups,
            unrecorded_account=self._unrecorded_account(),
        )

    def _unrecorded_account(self) -> str:
        intended, found = self._record.intended_account, self._first.get(_MARKED)
        rows = (found.value or ()) if found is not None else ()
        if intended is None or len(rows) != 1:
            return ""
        live = user_of(rows[0])
        return live.object_id if (live.user_principal_name or "").lower() == intended.address else ""

    def _sample_access(self, addresses: Collection[str], members: Collection[str]) -> Known[AccessSample]:
        """Evaluate Conditional Access for the accounts that sign in for the addresses, and mark those it blocks."""
        # One that lost its identifier keeps its tile in My Apps.
        application = self.application.value or self.own.value
        if application is None:
            return Known(None, self.application.how, self.application.source)
        concerned = [
            person
            for person in self._accounts.values()
            if person.enabled and not person.names.isdisjoint(addresses)
        ]
        groups: dict[str, frozenset[str]] = {}
        for group_id, group in self._groups.items():
            for each in group.members:
                groups[each.object_id] = groups.get(each.object_id, frozenset()) | {group_id}
        found = access.sample(self._graph, application.client_id, concerned, groups, members)
        for evaluated in found.value.evaluated if found.value else ():
            blocked = found.value is not None and evaluated in found.value.blocked
            self._accounts[evaluated] = replace(self._accounts[evaluated], blocked=blocked)
        return found

    def _third(self, addresses: Collection[str]) -> None:
        """Assigned users and groups that are not configured, and accounts with one of the addresses."""
        assigned = {
            each.principal_id: each
            for known in (self.application, self.own)
            for each in (known.value.assigned if known.value else ())
        }
        groups = {
            key: each.name
            for key, each in assigned.items()
            if each.kind == "Group" and key not in self._groups
        }
        users = {key for key, each in assigned.items() if each.kind == "User"}
        if self._record.account_for_tests is not None:
            users.add(self._record.account_for_tests.object_id)
        questions = {f"members {group}": people.members(group) for group in groups}
        sought = self._unknown(users, addresses)
        few = sought.calls <= _FEW_LOOKUPS
        found = ask(self._graph, questions | (sought.questions() if few else {}))
        for group, name in groups.items():
            self._take_members(group, name, found.pop(f"members {group}"))
        self._take_found(found.values())
        if not few:
            self._find_many(users, addresses)

    def _unknown(self, object_ids: Iterable[str], addresses: Iterable[str]) -> _Sought:
        """The accounts that are not known yet."""
        mails = {lower_case(each.mail) for each in self._accounts.values()}
        return _Sought(
            tuple(sorted(set(object_ids) - self._accounts.keys())), tuple(sorted(set(addresses) - mails))
        )

    def _find_many(self, object_ids: Collection[str], addresses: Collection[str]) -> None:
        """Look the rest up, or list all users of the tenant, whichever takes fewer calls."""
        sought = self._unknown(object_ids, addresses)
        if sought.calls > _FEW_LOOKUPS:
            users = self._second.get(_USERS) or ask(self._graph, {_USERS: people.USERS_COUNTED})[_USERS]
            if users.value is None:
                self._unread = users.source
                return
            if people.is_listing_cheaper(users.value[0][_NUMBER], sought.calls):
                self._find_among_all({*object_ids, *addresses})
                return
        self._take_found(ask(self._graph, sought.questions()).values())

    def _find_among_all(self, sought: Collection[str]) -> None:
        # One row at a time: a tenant may have many more users than are of interest.
        try:
            for person in map(person_of, people.everybody(self._graph)):
                if person.object_id in sought or any(name in sought for name in person.names):
                    self._accounts.setdefault(person.object_id, person)
        except GraphError as error:
            self._unread = str(error)

    def _take_found(self, found: Iterable[Found]) -> None:
        for rows in found:
            if rows.value is None:
                self._unread = rows.source
            for row in rows.value or ():
                person = person_of(user_of(row))
                self._accounts.setdefault(person.object_id, person)

    def _take_members(self, object_id: str, name: str, found: Found) -> None:
        if found.value is None:
            self._unread_groups[object_id] = found.source
            if object_id in self._groups_by_name.values():
                self._problems.append(
                    f"mimecast-sso:assign.groups: the members of {quoted(name)} could not be read: {found.source}"
                )
            return
        members = members_of(found.value)
        people = tuple(person_of(user) for user in members.users)
        self._accounts = {person.object_id: person for person in people} | self._accounts
        self._groups[object_id] = EntraGroup(name, object_id, people, members.nested_groups, members.others)

    def _with_accounts(self, group: EntraGroup) -> EntraGroup:
        return replace(group, members=tuple(self._accounts[each.object_id] for each in group.members))

    def _configured_users(self) -> list[Person]:
        desired = self._settings.assign.users
        known = _by_address(self._first, desired, "user")
        if known.value is None:
            self._unread = known.source
            self._problems.append(
                f"The users of mimecast-sso:assign.users could not be looked up in Entra: {known.source}"
            )
            return []
        self._problems += [
            _several(address, people) for address, people in known.value.items() if len(people) > 1
        ]
        found = {address: people[0] for address, people in known.value.items() if len(people) == 1}
        missing = [address for address in desired if address not in known.value]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            self._problems.append(
                f"mimecast-sso:assign.users: {len(missing)} of {count(len(desired), 'user')} {verb} not in Entra, "
                f"neither by mail address nor by user principal name: {', '.join(missing)}. Correct the addresses, or "
                "create the users first."
            )
        people = [replace(found[address], address=address) for address in desired if address in found]
        self._accounts = {person.object_id: person for person in people}
        return people

    def _configured_groups(self) -> dict[str, str]:
        """Name → object id of the configured groups that exist exactly once in Entra."""
        groups: dict[str, str] = {}
        for name in self._settings.assign.groups:
            found = self._first[f"group {name}"]
            if found.value is None:
                self._problems.append(
                    f"mimecast-sso:assign.groups: {quoted(name)} could not be looked up in Entra: {found.source}"
                )
            elif len(found.value) == 1:
                groups[name] = str(found.value[0]["id"])
            else:
                self._problems.append(group_problem(name, len(found.value)))
        return groups

    def _owners(self) -> Mapping[str, str]:
        application = self._settings.application
        owners = {owner: owner for owner in application.owners if owner not in application.named_owners}
        found: dict[str, str] = {}
        for name, rows in self._first.items():
            if name.startswith("owners "):
                found |= {str(row["userPrincipalName"]).lower(): str(row["id"]) for row in rows.value or ()}
        for owner in application.named_owners:
            if owner in found:
                owners[found[owner]] = owner
            else:
                self._problems.append(
                    f"mimecast-sso:application.owners names {owner}, but no user in Entra has this user "
                    "principal name. Correct it, or write an object id"
                )
        return owners


def _people_questions(addresses: Sequence[str], kind: str) -> Iterator[tuple[str, Read]]:
    for chunk in chunks(addresses):
        yield f"{kind} mail {chunk[0]}", people.users("mail", chunk)
        yield f"{kind} upn {chunk[0]}", people.users("userPrincipalName", chunk)


def _by_address(
    responses: Mapping[str, Found], desired: Sequence[str], kind: str
) -> Known[Mapping[str, Sequence[Person]]]:
    """The accounts meant by each address: the one with that user principal name, else all with that mail address.

    A user principal name belongs to one account, a mail address to any number: a guest may have a colleague's address.
    """
    by_mail: dict[str, dict[str, Person]] = {}
    by_upn: dict[str, Person] = {}
    for name, found in responses.items():
        if not name.startswith((f"{kind} mail ", f"{kind} upn ")):
            continue
        if found.value is None:
            return unknown(found.source)
        for row in found.value:
            person = person_of(user_of(row))
            by_mail.setdefault(person.mail.lower(), {})[person.object_id] = person
            by_upn[(person.user_principal_name or "").lower()] = person
    meant = {
        address: (by_upn[address],) if address in by_upn else tuple(by_mail.get(address, {}).values())
        for address in desired
    }
    return live({address: people for address, people in meant.items() if people})


def _several(address: str, people: Sequence[Person]) -> str:
    names = enumerate_some(sorted(person.user_principal_name or person.object_id for person in people))
    return (
        f"mimecast-sso:assign.users names {address}, which is the mail address of {len(people)} accounts in Entra: "
        f"{names}. Use the user principal name of the intended account."
    )
