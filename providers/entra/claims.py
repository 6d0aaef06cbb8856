"""The claims that Mimecast needs: the mail address as NameID. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mimecast_sso.facts.entra import EMAIL_CLAIM, NAMEID_CLAIM, NAMEID_FORMAT_EMAIL
from mimecast_sso.facts.json_types import JSON

_POLICY = "ClaimsMappingPolicy"
_CLAIMS = NAMEID_CLAIM.removesuffix("nameidentifier")
_SHOWN = frozenset({"Source", "ID", "SamlClaimType"})


def claims_definition() -> str:
    """The claims mapping policy: the user's mail address is the NameID. One text for equal content."""
    schema = [
        {
            "ID": "mail",
            "SamlClaimType": NAMEID_CLAIM,
            "SamlNameIdFormat": NAMEID_FORMAT_EMAIL,
            "Source": "user",
        },
        {"ID": "mail", "SamlClaimType": EMAIL_CLAIM, "Source": "user"},
    ]
    policy = {_POLICY: {"ClaimsSchema": schema, "IncludeBasicClaimSet": "true", "Version": 1}}
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))


def same_meaning(one: str, other: str) -> bool:
    """Whether two definitions issue the same claims, ignoring order and spelling of keys."""
    return bool(_normal(one) == _normal(other))


def shown(definition: str) -> tuple[str, ...]:
    """The claims of a definition for people, one text for each; the definition itself if it is malformed.

    Definitions with different meanings are shown differently.
    """
    try:
        policy = json.loads(definition)[_POLICY]
        rest = [f"{key}: {value}" for key, value in policy.items() if key != "ClaimsSchema"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return (definition,)
    return tuple(sorted([*map(_claim, _schema(definition)), *rest]))


def _claim(entry: Mapping[str, JSON]) -> str:
    """Such as ``nameidentifier: user.mail (SamlNameIdFormat …:emailAddress)``."""
    kind = str(entry.get("SamlClaimType") or entry.get("JwtClaimType") or "a claim without a type")
    name = kind.removeprefix(_CLAIMS)
    others = ", ".join(f"{key} {value}" for key, value in sorted(entry.items()) if key not in _SHOWN)
    return f"{name}: {entry.get('Source', '')}.{entry.get('ID', '')}{f' ({others})' if others else ''}"


def name_id_source(definition: str) -> str:
    """The NameID of a definition, such as ``user.mail``; "" if it keeps Entra's default (the UPN)."""
    for entry in _schema(definition):
        if entry.get("SamlClaimType") == NAMEID_CLAIM:
            return f"{entry.get('Source', '')}.{entry.get('ID', '')}".lower()
    return ""


def name_id_problem(definition: str | None) -> str:
    """Why Mimecast, which matches by mail address, would not match; "" if it would. ``None``: no policy."""
    source = name_id_source(definition) if definition is not None else ""
    if source == "user.mail":
        return ""
    issued = source or "Entra's default, the user principal name"
    return f"the NameID is {issued}, but Mimecast matches people by mail address"


def _schema(definition: str) -> list[Mapping[str, JSON]]:
    try:
        schema = json.loads(definition)[_POLICY].get("ClaimsSchema") or []
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return [entry for entry in schema if isinstance(entry, dict)]


def _normal(definition: str) -> JSON:
    try:
        policy = json.loads(definition)[_POLICY]
        rest = {key.lower(): str(value).lower() for key, value in policy.items() if key != "ClaimsSchema"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return definition
    claims = [
        sorted((key.lower(), str(value).lower()) for key, value in entry.items())
        for entry in _schema(definition)
    ]
    return rest, sorted(claims)
