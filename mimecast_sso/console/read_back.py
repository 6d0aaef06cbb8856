"""Reading the console's forms back: a copy of their labels and values, taken in the administrator's own browser.

No public Mimecast API shows these forms. So the run sheet offers a bookmarklet that runs in the administrator's own
session, on the page that shows the saved form, and copies its values into a file. It holds no credentials and
sends nothing anywhere. The fingerprint is then recomputed from values that were read, not from an attestation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from mimecast_sso.console.attestation import normal_thumbprint
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.profile_form import (
    FIELDS,
    PROVIDER_NAMES,
    TICKED,
    UNTICKED,
    Control,
    FormField,
    FormValues,
)
from mimecast_sso.text import foreign
from mimecast_sso.text.certificates import thumbprint_of
from mimecast_sso.text.files import parse_json

FORMAT: Final = "mimecast-sso read-back 1"

_SCRIPT = Path(__file__).parent / "templates" / "read_back.js"
_CERTIFICATE = "certificate"
_CONSOLE_HOSTS = (".mimecast.com", ".mimecast-pscom-us.com", ".mimecast-offshore.com")
_MOST_CHARACTERS = 1_000_000


class UnusableReadBackError(ValueError):
    """A file is not a copy of the console's forms. The text completes a sentence and quotes nothing from the file."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The values read in the console.

    Attributes:
        at: When, by the browser's clock.
        host: The host of the pages.
        values: By key of `mimecast_sso.facts.profile_form.FIELDS`; a field that was not seen is absent.
    """

    at: datetime
    host: str
    values: FormValues


@dataclass(frozen=True, slots=True)
class FormDifference:
    """A field whose value in the console differs from the desired one; ``read`` is "" for a field that was not seen."""

    field: FormField
    read: str
    desired: str

    def __str__(self) -> str:
        seen = f"the console has {self.read}" if self.read else "not in the forms that were read"
        return f"{self.field.label}: {seen}, desired is {self.desired}"


def parse(text: str) -> ReadBack:
    """Read what the bookmarklet copied. Raises UnusableReadBackError."""
    document = _document(text)
    values: dict[str, str | bool] = {}
    hosts = {_host(form) for form in document["forms"]}
    if len(hosts) > 1:
        raise UnusableReadBackError("holds forms of several consoles; read one account only")
    for form in document["forms"]:
        values |= dict(_values(form["values"]))
    try:
        at = datetime.fromisoformat(str(document.get("readAt")))
    except ValueError:
        raise UnusableReadBackError("does not say when it was read") from None
    if at.tzinfo is None:
        raise UnusableReadBackError("does not say when it was read")
    return ReadBack(at, hosts.pop(), values)


def _document(text: str) -> dict[str, JSON]:
    if len(text) > _MOST_CHARACTERS:
        raise UnusableReadBackError("is too long to be a copy of the console's forms")
    try:
        document = parse_json(text)
    except ValueError:
        raise UnusableReadBackError("is not what the bookmark of the run sheet copies: not JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UnusableReadBackError(f"is not what the bookmark of the run sheet copies ({FORMAT})")
    forms = document.get("forms")
    if not isinstance(forms, list) or not forms or not all(map(_is_form, forms)):
        raise UnusableReadBackError("holds no form")
    return document


def _is_form(form: object) -> bool:
    return (
        isinstance(form, dict) and isinstance(form.get("url"), str) and isinstance(form.get("values"), dict)
    )


def _host(form: Mapping[str, JSON]) -> str:
    host = urlsplit(form["url"]).hostname or ""
    if not host.endswith(_CONSOLE_HOSTS):
        raise UnusableReadBackError("was not read in the Mimecast console; click the bookmark there")
    return host


def _values(read: Mapping[str, JSON]) -> Iterator[tuple[str, str | bool]]:
    by_label = {_label(label): value for label, value in read.items()}
    for each in FIELDS:
        labels = (each.label, each.former_label or each.label)
        value = next((by_label[_label(name)] for name in labels if _label(name) in by_label), None)
        if isinstance(value, bool if each.control is Control.CHECK_BOX else str):
            yield each.key, value


def _label(text: str) -> str:
    return re.sub(r"[\s:*]+", " ", text).strip().lower()


def differences(
    read: ReadBack, form: FormValues, thumbprint: str
) -> tuple[tuple[FormDifference, ...], tuple[FormDifference, ...]]:
    """Differences between console and desired form: those that decide about sign-ins, and cosmetic ones."""
    found = [
        FormDifference(each, _shown(each, read.values.get(each.key)), _shown(each, form[each.key]))
        for each in FIELDS
        if not _agrees(each, read.values.get(each.key), form[each.key], thumbprint)
    ]
    critical = tuple(each for each in found if each.field.critical)
    return critical, tuple(each for each in found if not each.field.critical)


def _agrees(field: FormField, read: str | bool | None, desired: str | bool, thumbprint: str) -> bool:
    if read is None:
        return False
    if field.key == _CERTIFICATE:
        # With metadata the form has no certificate to enter, and the console shows the imported one.
        return not desired or thumbprint_of(str(read)) == normal_thumbprint(thumbprint)
    if field.key == "provider":
        return read == desired or {read, desired} <= set(PROVIDER_NAMES)
    return read.strip() == str(desired).strip() if isinstance(read, str) else read == desired


def _shown(field: FormField, value: str | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return TICKED if value else UNTICKED
    if field.key == _CERTIFICATE and value:
        return f"the certificate {thumbprint_of(value) or 'that is none'}"
    return foreign.name(value) or "nothing"


@cache
def bookmarklet() -> str:
    """The address of the bookmark that copies the forms: ``javascript:…``, the labels in it from `FIELDS`."""
    labels = [label for each in FIELDS for label in (each.label, each.former_label) if label]
    script = _SCRIPT.read_text(encoding="utf-8")
    lines = (line.strip() for line in script.splitlines() if not line.strip().startswith("//"))
    filled = " ".join(lines).replace("LABELS", json.dumps(labels)).replace("FORMAT", json.dumps(FORMAT))
    return f"javascript:{quote(filled, safe='()[]{};,.=!?:+*-_~')}"
