"""The authentication profile as a set of desired values, and whether a person confirmed exactly these.

No public Mimecast API reads or writes authentication profiles or application settings, so nothing here calls one.
Two fingerprints stand for the values: the *critical* one covers what can break a sign-in or lock people out, the
*cosmetic* one the rest. A confirmation names the critical fingerprint it was given for. Evidence is what was seen
after it: a sign-in request of Mimecast's, or a change in the console.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mimecast_sso.facts.attestation_documents import (
    Attestation,
    CapturedRequestDocument,
    EvidenceDocument,
    ReadBackDocument,
)
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.profile_form import FIELDS, Control, FormValues
from mimecast_sso.text import certificates
from mimecast_sso.text.foreign import one_line

State = Literal["due", "claimed", "read", "proved", "stale", "contradicted"]

OPENS: frozenset[str] = frozenset({"claimed", "read", "proved"})
"""The states in which people are added to the group."""

BY, EVIDENCE = "NAME", "TEXT"
"""Placeholders in printed ``confirm`` commands: who attests, and what shows it."""

_PLACEHOLDERS = frozenset({BY, EVIDENCE, "WHO", "WHAT", "TODO", "TBD"})

_VERSION = "v1"
_DIGITS = 32
_CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """``"v1:<hex>"`` each."""

    critical: str
    cosmetic: str


def fingerprints(form: FormValues, thumbprint: str) -> Fingerprints:
    """Fingerprints of the desired values; they include the certificate's thumbprint, not how its text is wrapped.

    ``form`` has every key of `mimecast_sso.facts.profile_form.FIELDS`. The same values give the same
    fingerprints in every release: what they are computed from is version 1 of a format, and pinned in tests.
    """
    critical = {field.key: form[field.key] for field in FIELDS if field.critical}
    cosmetic = {field.key: form[field.key] for field in FIELDS if not field.critical}
    critical[_CERTIFICATE] = normal_thumbprint(thumbprint)
    return Fingerprints(_digest("critical", critical), _digest("cosmetic", cosmetic))


def state(
    form: FormValues,
    thumbprint: str,
    confirmed: Attestation | None,
    evidence: EvidenceDocument | None = None,
) -> State:
    """The state of the console's profile. ``due`` unless a person confirmed exactly these critical values, then:

    ============== =============================================================================================
    contradicted   a sign-in request that Mimecast sent after the confirmation differs from the desired values
    stale          the console changed after the confirmation, or the confirmation is too old
    proved         such a request agrees with them
    read           a copy of the console's forms, taken in the administrator's browser, agrees with them
    claimed        there is only the attestation
    ============== =============================================================================================

    Evidence older than the confirmation does not count.
    """
    critical = fingerprints(form, thumbprint).critical
    if confirmed is None or confirmed.get("fingerprint") != critical:
        return "due"
    evidence = evidence or {}
    request, change, read = evidence.get("request"), evidence.get("change"), evidence.get("readBack")
    since = str(confirmed.get("at") or "")
    agrees = _is_since(request, critical, since)
    if request and agrees and request["differs"]:
        return "contradicted"
    if evidence.get("expired") or (change and str(change["at"]) > since):
        return "stale"
    if agrees:
        return "proved"
    return "read" if _is_since(read, critical, since) else "claimed"


def _is_since(seen: CapturedRequestDocument | ReadBackDocument | None, fingerprint: str, since: str) -> bool:
    """Whether something was seen of the form with this fingerprint, and not before a time."""
    return seen is not None and seen.get("fingerprint") == fingerprint and str(seen["at"]) >= since


def attested_by(confirmed: Attestation) -> str:
    """Who confirmed a profile and when, in words."""
    return f"confirmed by {confirmed['by']} at {confirmed['at']}"


def is_placeholder(text: str) -> bool:
    """Whether the text is a copied placeholder, such as ``NAME`` or ``<name>``, or has nothing that can be seen."""
    bare = one_line(text).strip(" \t<>[]{}()\"'.…-")
    return not bare or bare.upper() in _PLACEHOLDERS


def normal_thumbprint(thumbprint: str) -> str:
    """Hexadecimal digits in capitals, without separators."""
    return thumbprint.replace(":", "").replace(" ", "").upper()


def problems(form: Mapping[str, JSON], thumbprint: str) -> list[str]:
    """Problems of a form's values, in words; values that are neither string nor boolean are skipped."""
    found = [
        f"form.{field.key} must be {'true or false' if field.control is Control.CHECK_BOX else 'a string'}"
        for field in FIELDS
        if field.key in form
        and not isinstance(form[field.key], bool if field.control is Control.CHECK_BOX else str)
    ]
    missing = [field.key for field in FIELDS if field.key not in form]
    unknown = sorted(set(form) - {field.key for field in FIELDS})
    found += [f"form.{key} is missing" for key in missing] + [
        f"form.{key} is not a field of the form" for key in unknown
    ]
    if not found:
        found += _certificate_problems(str(form[_CERTIFICATE]), normal_thumbprint(thumbprint))
    return found


def _certificate_problems(certificate: str, thumbprint: str) -> list[str]:
    if not certificate:
        return []
    try:
        content = certificates.der(certificate)
    except ValueError:
        return ["form.certificate is not the base-64 body of a certificate"]
    if certificates.thumbprint(content) != thumbprint:
        return ["thumbprint is not the SHA-1 thumbprint of form.certificate"]
    return []


def _digest(kind: str, values: Mapping[str, str | bool]) -> str:
    tidy = {key: value if isinstance(value, bool) else value.strip() for key, value in values.items()}
    canonical = json.dumps([_VERSION, kind, tidy], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{_VERSION}:{hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]}"
