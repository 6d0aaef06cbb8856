"""Value types of a stack configuration: each normalises its value or explains the error."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from mimecast_sso.text import foreign
from mimecast_sso.text.names import MalformedNameError, domain_name, email_address, one_line, person_name
from mimecast_sso.text.times import utc_time

_ACCOUNT_CODE = re.compile(r"[A-Z][A-Z0-9]{3,15}")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_THUMBPRINT = re.compile(r"[0-9A-F]{40}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WEB_ADDRESS = re.compile(r"(?i:https?)://[^\s/?#@\[\]\\]+(/[^\s\\]*)?")
_GENERATION_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def _natural_key(normal: Callable[[str], str]) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return normal(value)
        except MalformedNameError as error:
            raise ValueError(error.why) from None

    return AfterValidator(validate)


def _account_code(value: str) -> str:
    if not _ACCOUNT_CODE.fullmatch(value):
        raise ValueError(
            "is not an account code; the console shows it in Account > Account Settings, in capitals, such as CUK25A118"
        )
    return value


def is_guid(text: str) -> bool:
    """Whether a text is a GUID, such as an object id."""
    return _GUID.fullmatch(text) is not None


def _guid(value: str) -> str:
    if not is_guid(value):
        raise ValueError("is not an id such as 6c000000-0000-4000-8000-000000000001")
    return value.lower()


def _owner(value: str) -> str:
    try:
        return email_address(value) if "@" in value else _guid(value)
    except MalformedNameError as error:
        raise ValueError(error.why) from None


def is_label(text: str) -> bool:
    """Whether a text can be the label of a generation."""
    return _GENERATION_LABEL.fullmatch(text) is not None


def _generation_label(value: str) -> str:
    if not is_label(value):
        raise ValueError("may contain letters, digits, dots, hyphens and underscores, at most 32 in all")
    return value


def _thumbprint(value: str) -> str:
    digits = value.replace(":", "").replace(" ", "").upper()
    if not _THUMBPRINT.fullmatch(digits):
        raise ValueError("is not a certificate's thumbprint: 40 hexadecimal digits")
    return digits


def _utc_time(value: str) -> str:
    # Graph gives times as YYYY-MM-DDTHH:MM:SSZ; any other spelling of the same instant makes the azuread
    # provider replace the certificate on the next run.
    try:
        utc_time(value)
    except ValueError:
        raise ValueError("is not a time in UTC written as 2029-11-01T00:00:00Z") from None
    return value


# The Pulumi CLI passes an unquoted time of a stack file in this form.
_UNQUOTED_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) \+0000 UTC")


def as_text(value: object) -> object:
    """The text that a value in a stack file represents, if any."""
    # YAML reads 2026 as a number and 2026-11-01 as a date; these keys take the text.
    if isinstance(value, str):
        return _UNQUOTED_TIME.sub(r"\1T\2Z", value)
    if isinstance(value, datetime):
        # A time without a zone is in UTC in YAML. Of another zone it is not, and is refused as it was typed.
        in_utc = not value.utcoffset() and not value.microsecond
        return value.strftime("%Y-%m-%dT%H:%M:%SZ") if in_utc else value.isoformat()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number_as_text(value)
    return str(value) if isinstance(value, date) else value


def _number_as_text(value: float) -> str:
    """The digits as typed. Raises ValueError if YAML may have changed them (2026.10 is 2026.1)."""
    typed = getattr(value, "typed", None)
    if isinstance(value, float) or typed not in (None, str(int(value))):
        raise ValueError(f"YAML reads as the number {value}; quote it")
    return str(int(value))


def _day(value: object) -> object:
    # Pydantic would take a number for the seconds since 1970.
    text = as_text(value)
    if not isinstance(text, str):
        return text
    day = text.removesuffix("T00:00:00Z")
    if not _DAY.fullmatch(day):
        raise ValueError("is not a day written as 2026-12-31")
    return day


def _whole_number(value: object) -> object:
    # YAML reads yes, on and true as a boolean, which Pydantic would take for 1.
    if isinstance(value, bool):
        raise ValueError("is not a number")  # noqa: TRY004  (required by pydantic)
    if isinstance(value, int) and getattr(value, "typed", str(int(value))).lstrip("+") != str(int(value)):
        # To the Pulumi CLI, which reads another version of YAML, 1:30 is a text, and 010 may be ten.
        raise ValueError(f"YAML reads as the number {int(value)}; write it with the digits 0 to 9 only")
    return value


def _prose(value: str) -> str:
    # In a stack file a text may well have several lines (``|``); where it is printed, it must not.
    text = foreign.one_line(value)
    if not text:
        raise ValueError("has no visible characters")
    return text


def _web_address(value: str) -> str:
    if not _WEB_ADDRESS.fullmatch(value) or not _has_port(value):
        raise ValueError("is not a web address such as https://eu-api.mimecast.com/login/saml")
    host = urlsplit(value).hostname or ""
    if not host.isascii():  # It may look like another one, and assertions would be sent there.
        try:
            domain_name(host)
        except MalformedNameError as error:
            raise ValueError(error.why) from None
    return value


def _has_port(address: str) -> bool:
    """Whether the port, if any, is one."""
    try:
        return urlsplit(address).port != 0
    except ValueError:
        return False


DomainName = Annotated[str, _natural_key(domain_name)]
EmailAddress = Annotated[str, _natural_key(email_address)]
AccountCode = Annotated[str, AfterValidator(_account_code)]
Guid = Annotated[str, AfterValidator(_guid)]
Owner = Annotated[str, AfterValidator(_owner)]
Text = Annotated[str, BeforeValidator(as_text), Field(min_length=1)]
Name = Annotated[Text, AfterValidator(one_line)]
"""A text for forms, tables and logs: one line, without invisible characters."""
Prose = Annotated[Text, AfterValidator(_prose)]
"""What a person writes for others to read: on one line, without characters that control a terminal or a CI runner."""
PersonName = Annotated[Text, AfterValidator(person_name)]
Label = Annotated[str, BeforeValidator(as_text), AfterValidator(_generation_label)]
Thumbprint = Annotated[str, BeforeValidator(as_text), AfterValidator(_thumbprint)]
UtcTime = Annotated[str, BeforeValidator(as_text), AfterValidator(_utc_time)]
WebAddress = Annotated[Name, AfterValidator(_web_address)]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Day = Annotated[date, BeforeValidator(_day)]
