"""Normal forms of the resources' inputs.

Invalid inputs raise ValueError; its text is shown to the user next to the input's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.certificates import base64_body
from mimecast_sso.text.names import email_address, one_line
from providers.mimecast import directory_integration


def text(value: JSON) -> str:
    """One line without surrounding spaces."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a non-empty string")
    return one_line(value.strip())


def one_of(allowed: Iterable[str]) -> Callable[[JSON], str]:
    """One of the allowed values."""
    words = tuple(allowed)

    def normal(value: JSON) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return normal


def names(each: Callable[[str], str]) -> Callable[[JSON], list[str]]:
    """A sorted list of distinct names in normal form."""

    def normal(value: JSON) -> list[str]:
        if value is not None and not isinstance(value, list):
            raise ValueError("must be a list")
        return sorted({each(str(name)) for name in value or []})

    return normal


def book(value: JSON) -> dict[str, dict[str, str]]:
    """Address → ``name``, and ``passwordVersion`` if present."""
    if not isinstance(value, dict):
        raise ValueError("must be a map of addresses")  # noqa: TRY004  (the user's value)
    found: dict[str, dict[str, str]] = {}
    for spelt, entry in value.items():
        address = email_address(spelt)
        if address in found:
            raise ValueError(f"{address} is listed twice")
        values = entry if isinstance(entry, dict) else {}
        normal = {"name": _name(address, values.get("name"))}
        version = values.get("passwordVersion")
        if version not in (None, ""):
            normal["passwordVersion"] = _version(version)
        # A book may have 100,000 entries, and nearly all are in normal form already.
        found[address] = values if values == normal else normal
    return dict(sorted(found.items()))


def _name(address: str, value: JSON) -> str:
    try:
        return one_line(str(value or "").strip())
    except ValueError as error:
        raise ValueError(f"the name of {address} {error}") from None


def _version(value: JSON) -> str:
    # Numbers arrive as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def integration(value: JSON) -> dict[str, JSON]:
    """Properties of a directory integration."""
    if not isinstance(value, dict):
        raise ValueError("must be a map of the integration's properties")  # noqa: TRY004  (the user's value)
    if unknown := sorted(value.keys() - set(directory_integration.PROPERTIES)):
        raise ValueError(f"has {unknown[0]}, which is not a property of an integration")
    return directory_integration.normal(value)


def form(value: JSON) -> dict[str, JSON]:
    """A console form, its certificate on one line."""
    if not isinstance(value, dict):
        raise ValueError("must be a map of the form's fields")  # noqa: TRY004  (the user's value)
    certificate = value.get("certificate")
    if not isinstance(certificate, str):
        return value
    return value | {"certificate": base64_body(certificate)}


def confirmation(value: JSON) -> dict[str, str] | None:
    """The attestation of a form, if there is one."""
    if value is None:
        return None
    keys = ("fingerprint", "by", "at", "evidence")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in keys):
        raise ValueError(f"must be a map with the strings {', '.join(keys)}")
    return {key: value[key].strip() for key in keys}


def evidence(value: JSON) -> dict[str, JSON] | None:
    """The evidence after a confirmation, if any."""
    parts = {
        "request": ("fingerprint", "at", "differs"),
        "readBack": ("fingerprint", "at"),
        "change": ("at",),
    }
    if value is not None and not (
        isinstance(value, dict)
        and all(
            isinstance(value[part], dict) and all(key in value[part] for key in keys)
            for part, keys in parts.items()
            if part in value
        )
    ):
        raise ValueError(
            "must be a map with request (fingerprint, at, differs), readBack (fingerprint, at), change (at) or expired"
        )
    return value or None
