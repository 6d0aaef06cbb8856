"""The configured identity, domains, users and groups.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/{serviceprincipals,domains,users,groups}`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from sandbox.azuread import validation
from sandbox.azuread.functions.base import Function, fingerprint, ids, quoted, texts
from sandbox.azuread.graph import Document, FailedError, Graph, GraphError, naming
from sandbox.azuread.schema import Property, Shape, Table, computed, objects, optional
from sandbox.azuread.wire import Properties


class GetClientConfig(Function):
    table = Table("getClientConfig", (computed("clientId"), computed("objectId"), computed("tenantId")))

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        tenant, client, me = graph.settings.tenant_id, graph.settings.client_id, graph.object_id
        return {"id": f"{tenant}-{client}-{me}", "tenantId": tenant, "clientId": client, "objectId": me}


class GetDomains(Function):
    table = Table(
        "getDomains",
        (
            optional("adminManaged", Shape.BOOLEAN),
            objects(
                "domains",
                computed("adminManaged", Shape.BOOLEAN), computed("authenticationType"),
                computed("default", Shape.BOOLEAN), computed("domainName"), computed("initial", Shape.BOOLEAN),
                computed("root", Shape.BOOLEAN), computed("supportedServices", Shape.STRINGS),
                computed("verified", Shape.BOOLEAN),
            ),
            optional("includeUnverified", Shape.BOOLEAN, conflicts=("onlyDefault", "onlyInitial")),
            optional("onlyDefault", Shape.BOOLEAN, conflicts=("onlyInitial", "onlyRoot")),
            optional("onlyInitial", Shape.BOOLEAN, conflicts=("onlyDefault", "onlyRoot")),
            optional("onlyRoot", Shape.BOOLEAN, conflicts=("onlyDefault", "onlyInitial")),
            optional("supportsServices", Shape.STRINGS),
        ),
    )  # fmt: skip
    repeats_errors = True
    # Result name: Graph's name, and the argument that keeps only domains with this property.
    FLAGS: ClassVar[dict[str, tuple[str, str]]] = {
        "adminManaged": ("isAdminManaged", "adminManaged"), "default": ("isDefault", "onlyDefault"),
        "initial": ("isInitial", "onlyInitial"), "root": ("isRoot", "onlyRoot"), "verified": ("isVerified", ""),
    }  # fmt: skip

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        with naming("listing domains"):
            live = graph.list("/domains")
        found = [domain for domain in live if self._wanted(domain, arguments)]
        if not found:
            raise FailedError("no domains found for the provided filters")
        names = [domain["id"] for domain in found]
        return {
            "id": f"domains#{graph.settings.tenant_id}#{fingerprint(names)}",
            "domains": [self._described(domain) for domain in found],
            **{row.name: arguments[row.name] for row in self.table.inputs},
        }

    def _wanted(self, domain: Document, arguments: Properties) -> bool:
        required = [key for key, argument in self.FLAGS.values() if argument and arguments[argument]]
        if not arguments["includeUnverified"]:
            required.append("isVerified")
        services = set(arguments["supportsServices"])
        return all(domain.get(key) for key in required) and services <= set(
            domain.get("supportedServices") or ()
        )

    def _described(self, domain: Document) -> Properties:
        return {
            "domainName": domain["id"],
            "authenticationType": domain.get("authenticationType") or "",
            "supportedServices": domain.get("supportedServices") or [],
            **{name: bool(domain.get(key)) for name, (key, _) in self.FLAGS.items()},
        }


# A user's result names: Graph's names.
_USER_TEXTS = {
    "ageGroup": "ageGroup", "city": "city", "companyName": "companyName",
    "consentProvidedForMinor": "consentProvidedForMinor", "country": "country", "creationType": "creationType",
    "department": "department", "displayName": "displayName", "employeeHireDate": "employeeHireDate",
    "employeeId": "employeeId", "employeeType": "employeeType", "externalUserState": "externalUserState",
    "faxNumber": "faxNumber", "givenName": "givenName", "jobTitle": "jobTitle", "mail": "mail",
    "mailNickname": "mailNickname", "mobilePhone": "mobilePhone", "officeLocation": "officeLocation",
    "onpremisesDistinguishedName": "onPremisesDistinguishedName", "onpremisesDomainName": "onPremisesDomainName",
    "onpremisesImmutableId": "onPremisesImmutableId", "onpremisesSamAccountName": "onPremisesSamAccountName",
    "onpremisesSecurityIdentifier": "onPremisesSecurityIdentifier",
    "onpremisesUserPrincipalName": "onPremisesUserPrincipalName", "postalCode": "postalCode",
    "preferredLanguage": "preferredLanguage", "state": "state", "streetAddress": "streetAddress",
    "surname": "surname", "usageLocation": "usageLocation", "userPrincipalName": "userPrincipalName",
    "userType": "userType",
}  # fmt: skip
_USER_LISTS = ("businessPhones", "imAddresses", "otherMails", "proxyAddresses")
_USER_FLAGS = {
    "accountEnabled": "accountEnabled", "onpremisesSyncEnabled": "onPremisesSyncEnabled",
    "showInAddressList": "showInAddressList",
}  # fmt: skip
_ORGANISATION_TEXTS = {"costCenter": "costCenter", "division": "division"}
_USER_KEYS = ("employeeId", "mail", "mailNickname", "objectId", "userPrincipalName")
_USER_SELECT = ",".join(
    sorted(
        (*_USER_TEXTS.values(), *_USER_LISTS, *_USER_FLAGS.values(), "employeeOrgData", "id"), key=str.lower
    )
)


class GetUser(Function):
    table = Table(
        "getUser",
        (
            *(
                Property(
                    name, optional=True, computed=True,
                    validate=validation.uuid if name == "objectId" else validation.not_empty,
                )
                for name in _USER_KEYS
            ),
            *(computed(name) for name in (*_USER_TEXTS, *_ORGANISATION_TEXTS, "managerId") if name not in _USER_KEYS),
            *(computed(name, Shape.STRINGS) for name in _USER_LISTS),
            *(computed(name, Shape.BOOLEAN) for name in _USER_FLAGS),
        ),
        exactly_one_of=_USER_KEYS,
    )  # fmt: skip
    # Argument, the property it looks for, upstream name, and the words for it.
    LOOKUPS: ClassVar[tuple[tuple[str, str, str, str], ...]] = (
        ("userPrincipalName", "userPrincipalName", "user_principal_name", "UPN"),
        ("mail", "mail", "mail", "mail"),
        ("mailNickname", "mailNickname", "mail_nickname", "email alias"),
        ("employeeId", "employeeId", "employee_id", "employee ID"),
    )

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        object_id = self._find(graph, arguments)
        with naming(f'Retrieving User (User: "{object_id}")'):
            live = graph.get(f"/users/{object_id}", select=_USER_SELECT)
        with naming(f'Could not retrieve manager for User (User: "{object_id}")'):
            manager = graph.find(f"/users/{object_id}/manager")
        return {
            "id": f"/users/{object_id}",
            "objectId": object_id,
            "managerId": manager["id"] if manager else "",
            **texts(live, _USER_TEXTS),
            **(texts(live["employeeOrgData"], _ORGANISATION_TEXTS) if live.get("employeeOrgData") else {}),
            **{name: live.get(name) or [] for name in _USER_LISTS},
            **{name: bool(live.get(key)) for name, key in _USER_FLAGS.items()},
        }

    def _find(self, graph: Graph, arguments: Properties) -> str:
        if arguments["objectId"]:
            return self._by_id(graph, arguments["objectId"])
        for argument, key, upstream, words in self.LOOKUPS:
            value = arguments[argument]
            if not value:
                continue
            with naming(f'Finding user with {words}: "{value}"'):
                found = graph.list("/users", filter=f"{key} eq {quoted(value)}")
            # The published plugin puts the (empty) UPN into its message about a mail address.
            shown = arguments["userPrincipalName"] if argument == "mail" else value
            if len(found) > 1:
                raise FailedError(f'[{upstream}] More than one user found with {words}: "{shown}"')
            if not found:
                missing = f'User with UPN "{value}" was not found'
                missing = missing if words == "UPN" else f'User not found with {words}: "{shown}"'
                raise FailedError(f"[{upstream}] {missing}")
            return str(found[0]["id"])
        raise FailedError(
            "One of `object_id`, `user_principal_name`, `mail_nickname` or `employee_id` must be supplied"
        )

    def _by_id(self, graph: Graph, object_id: str) -> str:
        with naming(f'Retrieving user with object ID: "{object_id}"'):
            live = graph.find(f"/users/{object_id}")
        if live is None:
            raise FailedError(f'[object_id] User not found with object ID: "{object_id}"')
        return str(live["id"])


_USERS_TEXTS = {
    name: _USER_TEXTS[name]
    for name in (
        "displayName", "employeeId", "mail", "mailNickname", "onpremisesImmutableId", "onpremisesSamAccountName",
        "onpremisesUserPrincipalName", "usageLocation", "userPrincipalName",
    )
}  # fmt: skip
_USERS_SELECT = (
    "accountEnabled,displayName,employeeId,id,mail,mailNickname,onPremisesImmutableId,onPremisesSamAccountName,"
    "onPremisesUserPrincipalName,usageLocation,userPrincipalName,userType"
)
# Argument, the property it looks for, upstream name, and the words for it.
_USERS_LOOKUPS = (
    ("userPrincipalNames", "userPrincipalName", "user_principal_names", "UPN"),
    ("mailNicknames", "mailNickname", "mail_nicknames", "email alias"),
    ("mails", "mail", "mails", "mail address"),
    ("employeeIds", "employeeId", "employee_ids", "employee ID"),
)


class GetUsers(Function):
    table = Table(
        "getUsers",
        (
            *(
                Property(name, Shape.STRINGS, optional=True, computed=True, validate=validation.not_empty)
                for name, _, _, _ in _USERS_LOOKUPS
            ),
            Property("objectIds", Shape.STRINGS, optional=True, computed=True, validate=validation.uuid),
            optional("ignoreMissing", Shape.BOOLEAN, default=False, conflicts=("returnAll",)),
            optional("returnAll", Shape.BOOLEAN, default=False, conflicts=("ignoreMissing",)),
            objects(
                "users",
                computed("accountEnabled", Shape.BOOLEAN), computed("objectId"),
                *(computed(name) for name in _USERS_TEXTS),
            ),
        ),
        exactly_one_of=("employeeIds", "mailNicknames", "mails", "objectIds", "returnAll", "userPrincipalNames"),
    )  # fmt: skip

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        users = self._find(graph, arguments)
        names = [user["userPrincipalName"] for user in users]
        lists = {
            argument: [user.get(key) or "" for user in users if key in user]
            for argument, key, _, _ in _USERS_LOOKUPS
        }
        return {
            "id": f"users#{fingerprint(names)}",
            "objectIds": ids(users),
            **lists,
            "users": [
                {
                    "accountEnabled": bool(user.get("accountEnabled")),
                    "objectId": user["id"],
                    **texts(user, _USERS_TEXTS),
                }
                for user in users
            ],
        }

    def _find(self, graph: Graph, arguments: Properties) -> list[Document]:
        if arguments["returnAll"]:
            with naming("Could not retrieve users"):
                return graph.list("/users", select=_USERS_SELECT)
        ignored = bool(arguments["ignoreMissing"])
        users: list[Document] = []
        for object_id in arguments["objectIds"]:
            with naming(f'Retrieving user with object ID: "{object_id}"'):
                live = graph.find(f"/users/{object_id}", select=_USERS_SELECT)
            if live is None and not ignored:
                raise FailedError(f'[object_id] User not found with object ID: "{object_id}"')
            users += [live] if live else []
        for argument, key, upstream, words in _USERS_LOOKUPS:
            for value in arguments[argument]:
                with naming(f'Finding user with {words}: "{value}"'):
                    found = graph.list("/users", filter=f"{key} eq {quoted(value)}", select=_USERS_SELECT)
                if not found and not ignored:
                    raise FailedError(f"[{upstream}] {_missing(words, value)}")
                if len(found) > 1 and key != "mailNickname":
                    raise FailedError(f'[{upstream}] More than one user found with {words}: "{value}"')
                users += found
        return users


def _missing(words: str, value: str) -> str:
    if words == "UPN":
        return f'User with UPN "{value}" was not found'
    return f'{"no user(s)" if words == "email alias" else "User not"} found with {words}: "{value}"'


_GROUP_TEXTS = {
    "description": "description", "displayName": "displayName", "mail": "mail", "mailNickname": "mailNickname",
    "onpremisesDomainName": "onPremisesDomainName", "onpremisesNetbiosName": "onPremisesNetBiosName",
    "onpremisesSamAccountName": "onPremisesSamAccountName",
    "onpremisesSecurityIdentifier": "onPremisesSecurityIdentifier", "preferredLanguage": "preferredLanguage",
    "theme": "theme", "visibility": "visibility",
}  # fmt: skip
_GROUP_LISTS = {
    "behaviors": "resourceBehaviorOptions", "provisioningOptions": "resourceProvisioningOptions",
    "proxyAddresses": "proxyAddresses", "types": "groupTypes",
}  # fmt: skip
_GROUP_FLAGS = {
    "assignableToRole": "isAssignableToRole", "mailEnabled": "mailEnabled",
    "onpremisesSyncEnabled": "onPremisesSyncEnabled", "securityEnabled": "securityEnabled",
}  # fmt: skip
# Only Microsoft 365 groups have these, and only when they are selected.
_UNIFIED_FLAGS = {
    "autoSubscribeNewMembers": "autoSubscribeNewMembers", "externalSendersAllowed": "allowExternalSenders",
    "hideFromAddressLists": "hideFromAddressLists", "hideFromOutlookClients": "hideFromOutlookClients",
}  # fmt: skip
_GROUP_KEYS = ("displayName", "mailNickname", "objectId")
_GROUP_SWITCHES = ("mailEnabled", "securityEnabled")


class GetGroup(Function):
    table = Table(
        "getGroup",
        (
            Property("displayName", optional=True, computed=True, validate=validation.not_empty),
            Property("mailNickname", optional=True, computed=True),
            Property("objectId", optional=True, computed=True, validate=validation.uuid),
            *(Property(name, Shape.BOOLEAN, optional=True, computed=True) for name in _GROUP_SWITCHES),
            optional("includeTransitiveMembers", Shape.BOOLEAN, default=False),
            objects("dynamicMemberships", computed("enabled", Shape.BOOLEAN), computed("rule")),
            computed("members", Shape.STRINGS),
            computed("owners", Shape.STRINGS),
            computed("onpremisesGroupType"),
            computed("writebackEnabled", Shape.BOOLEAN),
            *(computed(name) for name in _GROUP_TEXTS if name not in _GROUP_KEYS),
            *(computed(name, Shape.STRINGS) for name in _GROUP_LISTS),
            *(
                computed(name, Shape.BOOLEAN)
                for name in (*_GROUP_FLAGS, *_UNIFIED_FLAGS)
                if name not in _GROUP_SWITCHES
            ),
        ),
        exactly_one_of=_GROUP_KEYS,
    )

    def invoke(self, graph: Graph, arguments: Properties) -> Properties:
        # An unset switch does not filter, a false one does.
        return super().invoke(graph, {**dict.fromkeys(_GROUP_SWITCHES), **arguments})

    def read(self, graph: Graph, arguments: Properties) -> Properties:
        stated = {name: arguments[name] for name in _GROUP_SWITCHES if arguments[name] is not None}
        live = self._find(graph, arguments, stated)
        object_id = live["id"]
        kind = "transitiveMembers" if arguments["includeTransitiveMembers"] else "members"
        words = "transitive group members" if arguments["includeTransitiveMembers"] else "group members"
        path = f"/groups/{object_id}"
        with naming(f'Could not retrieve {words} for group with object ID: "{path}"'):
            members = ids(graph.list(f"{path}/{kind}", beta=True))
        with naming(f'Could not retrieve group owners for group with object ID: "{path}"'):
            owners = ids(graph.list(f"{path}/owners", beta=True))
        return {
            "id": f"/groups/{object_id}",
            "objectId": object_id,
            "members": members,
            "owners": owners,
            "dynamicMemberships": _dynamic(live),
            **_writeback(live.get("writebackConfiguration")),
            **texts(live, _GROUP_TEXTS),
            **{name: live.get(key) or [] for name, key in _GROUP_LISTS.items()},
            **{name: bool(live.get(key)) for name, key in _GROUP_FLAGS.items()},
            **self._unified(graph, live),
        }

    def _find(self, graph: Graph, arguments: Properties, stated: Properties) -> Document:
        if not arguments["displayName"] and not arguments["mailNickname"]:
            return self._by_id(graph, arguments["objectId"], stated)
        key = "displayName" if arguments["displayName"] else "mailNickname"
        # As the published plugin does: a quote inside the name is not doubled.
        query = f"{key} eq '{arguments[key]}'"
        for name, value in stated.items():
            query += f" and {name} eq {str(value).lower()}"
        with naming(f"Retrieving groups for filter ({query})"):
            found = graph.list("/groups", beta=True, filter=query)
        if len(found) != 1:
            how_many = "More than one" if found else "No"
            upstream = self.table.by_name[key].upstream_name
            raise FailedError(f"[{upstream}] {how_many} group found matching specified filter ({query})")
        return found[0]

    def _by_id(self, graph: Graph, object_id: str, stated: Properties) -> Document:
        try:
            live = graph.get(f"/groups/{object_id}", beta=True)
        except GraphError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise FailedError(f'[object_id] No group found with object ID: "{object_id}"') from error
            raise FailedError(f'Retrieving group with object ID: "{object_id}": {error}') from error
        for name, value in stated.items():
            if bool(live.get(name)) != value:
                upstream = self.table.by_name[name].upstream_name
                seen = f"expected: {str(value).lower()}, actual: {str(bool(live.get(name))).lower()}"
                lacks = f"does not have the specified {upstream} setting ({seen})"
                raise FailedError(f'[{upstream}] Group with object ID "{object_id}" {lacks}')
        return live

    def _unified(self, graph: Graph, live: Document) -> Properties:
        if "Unified" not in (live.get("groupTypes") or ()):
            return dict.fromkeys(_UNIFIED_FLAGS, False)
        with naming(f'Could not retrieve group with object ID "/groups/{live["id"]}"'):
            extra = graph.get(
                f"/groups/{live['id']}", beta=True, select=",".join(sorted(_UNIFIED_FLAGS.values()))
            )
        return {name: bool(extra.get(key)) for name, key in _UNIFIED_FLAGS.items()}


def _writeback(configuration: Document | None) -> Properties:
    if configuration is None:
        return {}
    return {
        "writebackEnabled": bool(configuration.get("isEnabled")),
        "onpremisesGroupType": configuration.get("onPremisesGroupType") or "",
    }


def _dynamic(live: Document) -> list[Properties]:
    # The published plugin returns a rule even if the group has none, as long as the property exists.
    if "membershipRule" not in live:
        return []
    paused = live.get("membershipRuleProcessingState") == "Paused"
    return [{"enabled": not paused, "rule": live["membershipRule"] or ""}]
