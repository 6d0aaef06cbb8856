"""A seed document from a stack's configuration: the tenants that the stack expects to find.

The configuration is read leniently, as plain YAML: the deployment validates it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.text.yaml_errors import yaml_problem
from sandbox import credentials, texts
from sandbox.mimecast import directory_sync

_NAMESPACE = "mimecast-sso:"
_TEMPLATES = ("Mimecast Personal Portal", "Mimecast")
_VISITOR = "visitor"
_REQUIRE = "require"
_SYNCHRONISED = "synchronised"
_LDAP = "ldap"
_INTEGRATION = "directorySynchronisation"
_UNOPENED = (
    ". The sandbox does not open ESC environments ({environment}); values in the stack file override them"
)


class StackError(Exception):
    """A stack file that cannot be seeded from; the message gives the reason."""


def own_tenants(stack: str, folder: Path) -> credentials.Tenants:
    """The tenants that ``--own-tenants`` creates for a stack. Raises StackError, as `document` does."""
    settings = configured(stack, folder)
    return credentials.of_account(str(settings["accountCode"]), settings.get("tenantId"))


def document(stack: str, folder: Path, further: Iterable[str] = (), *, own: bool = False) -> dict[str, Any]:
    """The seed document for ``Pulumi.<stack>.yaml`` in ``folder``.

    Besides the people whom the stack names, and ``further`` addresses, it has one whom the stack does not name
    (``visitor@<domain>``), to show a refused sign-in. With ``own``, the stack gets its own Entra tenant and Mimecast
    account, with credentials that work for no other stack.

    Raises:
        StackError: the file does not exist, is not YAML, or lacks region or account code.
    """
    settings = configured(stack, folder)
    tenants = own_tenants(stack, folder) if own else credentials.Tenants()
    named = [_named(item) for item in _list(settings.get("domains"))]
    domains = [each for each in named if isinstance(each.get("name"), str)]
    people = _people(settings, domains, further)
    return {
        "tenant": {
            "id": tenants.tenant_id,
            "domain": tenants.tenant_domain,
            "domains": _synchronised_from(settings),
        },
        "deployer": {
            "clientId": tenants.client_id,
            "clientSecret": tenants.client_secret,
            "objectId": tenants.object_id,
        },
        "templates": _templates(_mapping(settings.get("application")).get("template")),
        "users": [_user(address, name) for address, name in people.items()],
        "groups": _groups(settings, people),
        "applications": _applications(settings),
        "mimecast": _account(settings, tenants, domains, people),
        "dns": {"zones": _zones(settings, domains)},
    }


def _account(
    settings: Mapping[str, Any],
    tenants: credentials.Tenants,
    domains: Sequence[Mapping[str, Any]],
    people: Mapping[str, str],
) -> dict[str, Any]:
    """The Mimecast account, in which only required domains exist already."""
    domain = next(iter(domains), {}).get("name") or next(iter(people)).partition("@")[2]
    return {
        "accountCode": str(settings["accountCode"]),
        "region": settings["region"],
        "clientId": tenants.mimecast_client_id,
        "clientSecret": tenants.mimecast_client_secret,
        "administrator": {
            "emailAddress": credentials.administrator_address(domain),
            "password": credentials.ADMINISTRATOR_PASSWORD,
        },
        "domains": [{"name": item["name"]} for item in domains if item.get("mode") == _REQUIRE],
        "users": _mimecast_users(settings, people),
        "directoryConnections": _connections(settings),
    }


def _connections(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The account's directory integration, if the stack expects or requires one."""
    requested = _mapping(settings.get(_INTEGRATION))
    found = []
    if requested.get("mode") == _REQUIRE and requested.get("description"):
        given = {key: value for key, value in requested.items() if key in directory_sync.WRITABLE}
        limit = {"maxUnlink": str(given["maxUnlink"])} if "maxUnlink" in given else {}
        found.append({**given, **limit, "lastSync": "now"})
    elif _mapping(settings.get("addresses")).get("source") == _SYNCHRONISED:
        found.append({"description": "Microsoft Entra ID", "lastSync": "now"})
    return found


def _synchronised_from(settings: Mapping[str, Any]) -> list[str]:
    """The domain that identifies the Entra tenant in the stack's directory integration."""
    domain = _mapping(settings.get(_INTEGRATION)).get("tenantDomain")
    return [str(domain).strip().lower()] if domain else []


class _Loader(yaml.SafeLoader):
    """Keeps times, valid or not, as text."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def summary(seeded: Mapping[str, Any]) -> str:
    """A one-line summary of a seed document."""
    account = seeded["mimecast"]
    zones = ", ".join(zone["name"] for zone in seeded["dns"]["zones"]) or "none"
    return (
        f"account {account['accountCode']} ({account['region']}); people {len(seeded['users'])}, "
        f"groups {len(seeded['groups'])}, DNS zones {zones}"
    )


def stack_file(stack: str, folder: Path) -> Path:
    """A stack's file. Raises StackError if there is none."""
    file = folder / f"Pulumi.{stack}.yaml"
    if file.is_file():
        return file
    known = sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in folder.glob("Pulumi.*.yaml")
    )
    raise StackError(f"there is no {file}; stacks here: {', '.join(known) or 'none'}")


def configured(stack: str, folder: Path) -> dict[str, Any]:
    """A stack file's configuration, by key without namespace.

    Raises:
        StackError: The file does not exist, is not YAML, or lacks region or account code.
    """
    file = stack_file(stack, folder)
    try:
        content = _mapping(yaml.load(texts.read(file), _Loader))  # noqa: S506 (a SafeLoader)
    except texts.UnreadableTextError as error:
        raise StackError(str(error)) from None
    except (ValueError, yaml.YAMLError) as error:
        raise StackError(f"{file} is not valid YAML{yaml_problem(error)}") from None
    except RecursionError:
        raise StackError(f"{file} is nested too deeply") from None
    found = {
        key.removeprefix(_NAMESPACE): value
        for key, value in _mapping(content.get("config")).items()
        if isinstance(key, str) and key.startswith(_NAMESPACE)
    }
    unopened = _UNOPENED.format(environment=content["environment"]) if content.get("environment") else ""
    region = found.get("region")
    region = region if isinstance(region, str) else None
    if region not in REGIONS:
        raise StackError(
            f"{file}: {_NAMESPACE}region is {region or 'missing'}; allowed: {', '.join(REGIONS)}."
            f" Write, for example: {_NAMESPACE}region: eu{unopened}"
        )
    if not found.get("accountCode"):
        raise StackError(
            f"{file}: write the account code, for example: {_NAMESPACE}accountCode: CUK25A118{unopened}"
        )
    return _spelled_out(found)


def _spelled_out(settings: dict[str, Any]) -> dict[str, Any]:
    """Expand short forms: a string for a list, a pilot to its assignments and roll-out."""
    short = {key: _split(settings[key]) for key in ("domains", "pilot") if key in settings}
    pilot = short.get("pilot") or []
    return {"assign": {"users": pilot}, "rollOut": {"pilot": pilot}} | settings | short


def _split(value: Any) -> Any:
    return [entry.strip() for entry in value.split(",")] if isinstance(value, str) else value


def _people(
    settings: Mapping[str, Any], domains: list[dict[str, Any]], further: Iterable[str]
) -> dict[str, str]:
    """The people whom the stack names, by address, the further ones, and the visitor."""
    people: dict[str, str] = {}
    for item in _addresses(settings):
        people.setdefault(item["address"], item.get("name") or "")
    named = [*_list(_mapping(settings.get("assign")).get("users")), *_pilot(settings), *further]
    for address in named:
        people.setdefault(str(address), "")
    domain = next((item["name"] for item in domains), None)
    domain = domain or next((address.partition("@")[2] for address in people), credentials.TENANT_DOMAIN)
    people.setdefault(f"{_VISITOR}@{domain}", "")
    return {address: name or _display_name(address) for address, name in people.items()}


def _display_name(address: str) -> str:
    return address.partition("@")[0].replace(".", " ").title()


def _addresses(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = (_mapping(item) for item in _list(_mapping(settings.get("addresses")).get("list")))
    return [entry for entry in entries if entry.get("address") and isinstance(entry["address"], str)]


def _pilot(settings: Mapping[str, Any]) -> list[str]:
    return [str(address) for address in _list(_mapping(settings.get("rollOut")).get("pilot"))]


def _user(address: str, name: str) -> dict[str, Any]:
    return {
        "mail": address,
        "userPrincipalName": address,
        "displayName": name,
        "password": credentials.USER_PASSWORD,
    }


def _groups(settings: Mapping[str, Any], people: Iterable[str]) -> list[dict[str, Any]]:
    """The assigned groups; their members are the people who are not assigned directly."""
    assign = _mapping(settings.get("assign"))
    assigned = {str(address).casefold() for address in _list(assign.get("users"))}
    members = [
        address
        for address in people
        if address.casefold() not in assigned and not address.startswith(f"{_VISITOR}@")
    ]
    return [{"displayName": str(name), "members": members} for name in _list(assign.get("groups"))]


def _applications(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """The application that the stack adopts, as if created in the portal."""
    application = _mapping(settings.get("application"))
    if not application.get("adopt"):
        return []
    region = REGIONS[settings["region"]]
    return [
        {
            "clientId": str(application["adopt"]).lower(),
            "displayName": str(application.get("displayName") or _TEMPLATES[0]),
            "identifier": str(
                application.get("identifier") or region.identifier(str(settings["accountCode"]))
            ),
            "replyUrl": str(application.get("replyUrl") or region.reply_url),
            "signOnUrl": str(application.get("signOnUrl") or region.sign_on_url),
        }
    ]


def _mimecast_users(settings: Mapping[str, Any], people: Mapping[str, str]) -> list[dict[str, Any]]:
    """Addresses that the stack expects at Mimecast but does not create."""
    created = {item["address"] for item in _addresses(settings)}
    if _mapping(settings.get("addresses")).get("source") == _SYNCHRONISED:
        found = [address for address in people if not address.startswith(f"{_VISITOR}@")]
        return [{"emailAddress": item, "name": people[item], "source": _LDAP} for item in found]
    return [
        {"emailAddress": address, "name": people[address]}
        for address in _pilot(settings)
        if address not in created
    ]


def _zones(settings: Mapping[str, Any], domains: list[dict[str, Any]]) -> list[dict[str, Any]]:
    dns = _mapping(settings.get("dns"))
    tsig = _mapping(dns.get("tsig"))
    secret = tsig.get("secret")
    key = {
        "name": tsig.get("name") or credentials.TSIG_KEY_NAME,
        "algorithm": tsig.get("algorithm") or credentials.TSIG_ALGORITHM,
        # Encrypted values cannot be read here; a rehearsal uses the sandbox's own key.
        "secret": secret if isinstance(secret, str) else credentials.TSIG_SECRET,
    }
    names = dict.fromkeys([item["name"] for item in domains] + ([dns["zone"]] if dns.get("zone") else []))
    return [{"name": name, "tsig": key} for name in names]


def _templates(requested: Any) -> list[dict[str, Any]]:
    names = [str(item) for item in _list(requested)] or list(_TEMPLATES)
    return [
        {"displayName": _TEMPLATES[0], "id": name.lower()} if _is_id(name) else {"displayName": name}
        for name in names
    ]


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _named(item: Any) -> dict[str, Any]:
    return {"name": item} if isinstance(item, str) else _mapping(item)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None or isinstance(value, dict) else [value]
