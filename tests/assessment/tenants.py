"""Both vendors as values: a directory that serves Graph's reads, and an account that serves Mimecast's. No network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.entra.batching import Read, ReadOutcome
from providers.entra.claims import claims_definition
from providers.entra.errors import GraphError, ObjectNotFound
from providers.mimecast.client import MimecastClient
from tests.assessment.worlds import ADA, CLIENT, GRACE, GROUP, IDENTIFIER, NOW, REPLY_URL, TENANT
from tests.providers import vendor
from tests.providers.vendor import Adapter, Reply

Row = dict[str, Any]
_DATE = "Sun, 22 Nov 2026 09:00:05 GMT"
DEPLOYER = "id of the deployer"
_ANY = re.compile(r"(\w+)/any\(\w:\w eq '(.+)'\)")
_EQUAL = re.compile(r"(\w+) eq (?:'(.+?)'|(true))")
_IN = re.compile(r"(\w+) in \((.+)\)")


def user(address: str, **changes: Any) -> Row:
    """A user whose mail address and user principal name are the address."""
    found = {
        "@odata.type": "#microsoft.graph.user",
        "id": f"id of {address}",
        "displayName": address.partition("@")[0].capitalize(),
        "mail": address,
        "userPrincipalName": address,
        "accountEnabled": True,
        "userType": "Member",
    }
    return found | changes


def assignment(name: str, kind: str = "User") -> Row:
    """An assignment of somebody or of a group."""
    return {
        "id": f"assignment of {name}",
        "principalId": f"id of {name}",
        "principalType": kind,
        "principalDisplayName": name,
        "appRoleId": "role",
    }


def portal(client_id: str = CLIENT, key: str = "portal", **changes: Any) -> Row:
    """An application object with the identifier."""
    found = {
        "id": f"object of {key}",
        "appId": client_id,
        "displayName": "Mimecast Personal Portal",
        "identifierUris": [IDENTIFIER],
        "web": {"redirectUris": [REPLY_URL]},
        "applicationTemplateId": "template",
        "createdDateTime": "2026-01-01T00:00:00Z",
    }
    return found | changes


def principal(client_id: str = CLIENT, key: str = "portal", **changes: Any) -> Row:
    """Its service principal."""
    found = {
        "id": f"principal of {key}",
        "appId": client_id,
        "displayName": "Mimecast Personal Portal",
        "servicePrincipalNames": [client_id, IDENTIFIER],
        "accountEnabled": True,
        "appRoleAssignmentRequired": True,
        "preferredSingleSignOnMode": "saml",
        "loginUrl": REPLY_URL,
        "appRoles": [
            {"id": "role", "displayName": "User", "isEnabled": True, "allowedMemberTypes": ["User"]}
        ],
    }
    return found | changes


@dataclass
class Entra:
    """A directory by collection. By default the application is deployed, and Ada and Grace are assigned.

    Attributes:
        faults: What fails, by a part of the path or of the filter.
        mailboxes: What the mailboxes of disabled accounts are for, by object id.
        policies: The Conditional Access policies that block somebody, by object id.
        asked: Every read, in order.
        rounds: How often something was asked at all.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    faults: dict[str, GraphError] = field(default_factory=dict)
    mailboxes: dict[str, str] = field(default_factory=dict)
    policies: dict[str, list[str]] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=lambda: {"tid": TENANT, "oid": DEPLOYER})
    asked: list[Read] = field(default_factory=list)
    rounds: int = 0

    def __post_init__(self) -> None:
        self.rows = {
            "/applications": [portal()],
            "/applications/object of portal/owners": [{"id": DEPLOYER, "displayName": "deployer"}],
            "/servicePrincipals": [principal()],
            "/servicePrincipals/principal of portal/owners": [user(ADA)],
            "/servicePrincipals/principal of portal/claimsMappingPolicies": [
                {"id": "policy", "displayName": "claims", "definition": [claims_definition()]}
            ],
            "/servicePrincipals/principal of portal/appRoleAssignedTo": [
                assignment(each) for each in (ADA, GRACE)
            ],
            "/users": [user(ADA), user(GRACE)],
            "/groups": [],
            "/applicationTemplates": [{"id": "template", "displayName": "Mimecast Personal Portal"}],
            "/organization": [{"id": TENANT}],
        } | self.rows

    def group(self, name: str = GROUP, *members: Row) -> None:
        """A security group with these members."""
        self.rows["/groups"].append({"id": f"id of {name}", "displayName": name, "securityEnabled": True})
        self.rows[f"/groups/id of {name}/members"] = list(members)

    # -- What the readers use -----------------------------------------------------------------------------------------

    def claims(self) -> dict[str, Any]:
        """Of the access token."""
        return self.token

    def now(self) -> datetime:
        """Entra's time."""
        return NOW

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """One object; only mailboxes are asked for one by one."""
        purpose = self.mailboxes.get(
            path.removeprefix("/users/").removesuffix("/mailboxSettings/userPurpose")
        )
        return self._respond(Read(path, query)) if purpose is None else {"value": purpose}

    def list(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """The rows of a collection."""
        return iter(self._respond(Read(path, query))["value"])

    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]:
        """All reads at once."""
        asked = list(reads)
        self.rounds += not any(each.question for each in asked)
        return tuple(map(self._outcome, asked))

    def _outcome(self, read: Read) -> ReadOutcome:
        try:
            return ReadOutcome(read, self._evaluated(read) if read.question else self._respond(read))
        except GraphError as error:
            return ReadOutcome(read, error=error)

    def _evaluated(self, read: Read) -> dict[str, Any]:
        """Evaluates Conditional Access for a user: the policies of `policies` that block."""
        question: Any = read.question
        user_id = question["signInIdentity"]["userId"]
        (application,) = question["signInContext"]["includeApplications"]
        self._respond(Read(read.path, {"filter": f"{application} {user_id}"}))
        blocking = {
            "policyApplies": True,
            "state": "enabled",
            "grantControls": {"builtInControls": ["block"]},
        }
        return {"value": [blocking | {"displayName": each} for each in self.policies.get(user_id, ())]}

    def _respond(self, read: Read) -> dict[str, Any]:
        self.asked.append(read)
        where = f"{read.path} {read.query.get('filter', '')}"
        for part, fault in self.faults.items():
            if part in where:
                raise fault
        if read.path in self.rows:
            found = [row for row in self.rows[read.path] if _matches(row, read.query.get("filter"))]
            number = {"@odata.count": len(found)} if read.counted else {}
            return number | {"value": [_selected(row, read.query.get("select")) for row in found]}
        collection, _, key = read.path.rpartition("/")
        for row in self.rows.get(collection, ()):
            if row["id"] == key:
                return _selected(row, read.query.get("select"))
        if read.path.count("/") == 2 and collection in self.rows:
            raise ObjectNotFound(f"{read.path} does not exist")
        return {"value": []}


def _matches(row: Row, condition: str | None) -> bool:
    if condition is None:
        return True
    if found := _ANY.fullmatch(condition):
        return found[2] in row.get(found[1], ())
    if found := _IN.fullmatch(condition):
        return str(row.get(found[1], "")).lower() in found[2].lower().replace("'", "").split(",")
    return all(row.get(name) == (True if true else text) for name, text, true in _EQUAL.findall(condition))


def _selected(row: Row, names: str | None) -> Row:
    """Without ``$select`` Graph shows few properties of a user or an application."""
    shown = {"id", "@odata.type", "displayName", *(names or "userPrincipalName,definition").split(",")}
    if names is None and row.keys() & {"principalId", "issuer"}:
        return row
    return {name: value for name, value in row.items() if name in shown or "principalId" in row}


# -- Mimecast -------------------------------------------------------------------------------------------------------


@dataclass
class Mimecast:
    """An account, by its responses. By default Ada and Grace have addresses and are in the roll-out group."""

    code: str = "CUK25A118"
    domains: list[str] = field(default_factory=lambda: ["example.com"])
    pending: list[str] = field(default_factory=list)
    users: list[Row] = field(default_factory=lambda: [{"emailAddress": each} for each in (ADA, GRACE)])
    groups: dict[str, list[str]] = field(default_factory=lambda: {"Single sign-on": [ADA, GRACE]})
    connections: list[Row] = field(default_factory=list)
    integrations: dict[str, Row] = field(default_factory=dict)
    """Microsoft 365 integrations by id."""
    log: list[str] = field(default_factory=list)
    """What the audit log says of groups, newest first."""
    pages: int = 1
    """Of the audit log, all alike."""
    oldest: datetime | None = None
    """What is before this moment cannot be read in the audit log."""
    faults: dict[str, Reply] = field(default_factory=dict)
    """What fails, by a part of the path."""
    asked: list[str] = field(default_factory=list)

    def client(self) -> MimecastClient:
        """A client of the account."""
        return vendor.client(Adapter(self._respond))

    def _respond(self, path: str, body: Any) -> Reply:
        self.asked.append(path)
        for part, fault in self.faults.items():
            if part in path:
                return fault
        item: Mapping[str, Any] = ((body or {}).get("data") or [{}])[0]
        since = item.get("startDateTime")
        if self.oldest and since and datetime.strptime(since, "%Y-%m-%dT%H:%M:%S%z") < self.oldest:
            return vendor.refused(400, "err_too_old")
        if path.startswith("/user/cloud-gateway/v1/users"):
            return Reply({"users": self.users, "meta": {}}, headers={"Date": _DATE})
        if path.startswith("/directory/cloud-gateway/v1/integrations/m365/"):
            return Reply(self.integrations[path.rpartition("/")[2]], headers={"Date": _DATE})
        rows = {
            "get-account": lambda: [{"accountCode": self.code, "region": "eu", "accountName": "Example"}],
            "get-internal-domain": lambda: [{"domain": each, "id": each} for each in self.domains],
            "get-pending-domain": lambda: [
                {"domain": each, "id": each, "expires": "2099-01-01T00:00:00+0000"} for each in self.pending
            ],
            "get-internal-users": lambda: [
                {"users": [each for each in self.users if each["emailAddress"].endswith(item["domain"])]}
            ],
            "find-groups": lambda: [{"folders": [self._folder(each) for each in self.groups]}],
            "get-group-members": lambda: [
                {"groupMembers": [_member(each) for each in self.groups[item["id"]]]}
            ],
            "get-connection": lambda: self.connections,
            "get-audit-events": lambda: [
                {"auditType": "Folder Log Entry", "eventTime": "2026-11-22T08:59:00+0000", "eventInfo": each}
                for each in self.log
            ],
        }[path.rpartition("/")[2]]()
        more = "audit" in path and self.asked.count(path) < self.pages
        response = vendor.legacy(*rows, next=str(len(self.asked)) if more else "")
        response.headers["Date"] = _DATE
        return response

    @staticmethod
    def _folder(name: str) -> Row:
        return {"id": name, "description": name, "source": "cloud"}


def _member(name: str) -> Row:
    return {"emailAddress": "", "domain": name[1:]} if name.startswith("@") else {"emailAddress": name}


def moved(action: str, member: str, group: str = "Single sign-on") -> str:
    """How the audit log words that somebody joined (``Added``) or left (``Removed``) a group."""
    way = "to" if action == "Added" else "from"
    return f"Action Performed - {action} {member} {way} {group} Date: 2026-11-22, Time: 08:59:00 +0000"
