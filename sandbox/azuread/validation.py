"""Checks of single values, with the messages that users of the published plugin see."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

Validator: TypeAlias = Callable[[str, str], str | None]
"""Takes a value and the upstream name of its property; returns a message, or None if the value is valid."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_URI = 256
_TIME_LAYOUT = "2006-01-02T15:04:05Z07:00"
# For each part of an RFC 3339 time: the pattern that must match next, and its part of the layout.
_TIME_PARTS = (
    (r"\d{4}", "2006"), ("-", "-"), (r"\d{2}", "01"), ("-", "-"), (r"\d{2}", "02"), ("T", "T"), (r"\d{2}", "15"),
    (":", ":"), (r"\d{2}", "04"), (":", ":"), (r"\d{2}", "05"), (r"(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", "Z07:00"),
)  # fmt: skip
_MONTHS, _SHORT_MONTHS, _FEBRUARY = 12, (4, 6, 9, 11), 2


def uuid(value: str, name: str) -> str | None:
    return None if _UUID.fullmatch(value) else f'expected "{name}" to be a valid UUID, got {value}'


def not_empty(value: str, name: str) -> str | None:
    return None if value else f'expected "{name}" to not be an empty string, got {value}'


def length(longest: int) -> Validator:
    def check(value: str, name: str) -> str | None:
        if len(value.encode()) <= longest:
            return None
        return f"expected length of {name} to be in the range (0 - {longest}), got {value}"

    return check


def one_of(*allowed: str) -> Validator:
    def check(value: str, name: str) -> str | None:
        listed = " ".join(f'"{item}"' for item in allowed)
        return None if value in allowed else f"expected {name} to be one of [{listed}], got {value}"

    return check


def matches(pattern: str) -> Validator:
    """`pattern` must mean the same in Go and in Python; it is quoted in the message."""

    def check(value: str, name: str) -> str | None:
        if re.search(pattern, value):
            return None
        return f'expected value of {name} to match regular expression "{pattern}", got {value}'

    return check


def web_address(value: str, name: str) -> str | None:
    if not value:
        return f'URI must not be empty for "{name}"'
    parts = urlsplit(value)
    if not parts.netloc:
        return f'URI has no host for "{name}"'
    if parts.scheme not in ("http", "https"):
        return f'unexpected URI scheme for "{name}", expected one of: http, https'
    return None


def redirect_uri(value: str, name: str) -> str | None:
    if len(value) > _LONGEST_URI:
        return f'URI must be {_LONGEST_URI} characters or less for "{name}"'
    if not value:
        return f'URI must not be empty for "{name}"'
    if re.fullmatch(r"urn:[^:]+:.+", value) or urlsplit(value).netloc:
        return None
    return f'URI has no host for "{name}"'


def resource_id(kind: str, *segments: str) -> Validator:
    """An id in path form: `segments` are literal, except the last, which describes the user's value."""

    form = "/" + "/".join(segments)

    def check(value: str, _name: str) -> str | None:
        if not value:
            return 'parsing "": cannot parse an empty string'
        parts = value.split("/")[1:] if value.startswith("/") else []
        start = f'parsing "{value}": '
        if len(parts) != len(segments) or not all(parts):
            return f"{start}parsing the {kind} ID: the number of segments didn't match\n\nExpected {form}"
        for position, (part, literal) in enumerate(zip(parts, segments[:-1], strict=False)):
            if part != literal:
                where = f"parsing the {kind} ID: the segment at position {position} didn't match"
                return f'{start}parsing segment "{literal}": {where}\n\nExpected {form}'
        return None

    return check


application_id = resource_id("Application", "applications", "applicationId")
service_principal_id = resource_id("ServicePrincipal", "servicePrincipals", "servicePrincipalId")
policy_id = resource_id(
    "PolicyClaimsMappingPolicy", "policies", "claimsMappingPolicies", "claimsMappingPolicyId"
)


def rfc3339(value: str, name: str) -> str | None:
    problem = _time_problem(value)
    return (
        problem
        and f'expected "{name}" to be a valid RFC3339 date, got "{value}": parsing time "{value}"{problem}'
    )


def _time_problem(value: str) -> str | None:
    at = 0
    numbers: list[int] = []
    for pattern, layout in _TIME_PARTS:
        match = re.compile(pattern).match(value, at)
        if not match:
            return f' as "{_TIME_LAYOUT}": cannot parse "{value[at:]}" as "{layout}"'
        at = match.end()
        if match[0].isdecimal():
            numbers.append(int(match[0]))
    if at < len(value):
        return f': extra text: "{value[at:]}"'
    return _range_problem(numbers)


def _range_problem(numbers: list[int]) -> str | None:
    year, month, day, hour, minute, second = numbers
    if not 1 <= month <= _MONTHS:
        return ": month out of range"
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (29 if leap else 28) if month == _FEBRUARY else 30 if month in _SHORT_MONTHS else 31
    for number, limit, part in ((hour, 23, "hour"), (minute, 59, "minute"), (second, 59, "second")):
        if number > limit:
            return f": {part} out of range"
    return None if 1 <= day <= days else ": day out of range"
