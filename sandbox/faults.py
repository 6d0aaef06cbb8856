"""Fault injection: which requests fail or get a different response, and how.

A *rule* is a JSON object. ``host`` and ``path`` (regular expressions that must match in full) and ``method`` select
requests; ``times`` limits how often the rule applies (default: once). The fault is either given by the fields of
`Fault`, or named: ``kind`` is one of `KINDS`. A rule with a ``seed`` applies at random: each request to a route is hit
with probability ``rate`` by one of ``kinds`` (default: all). The outcome depends only on the seed, the route and the
number of earlier requests to it, so a run can be repeated.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from typing import Any

from sandbox.hosts import ENTRA_HOSTS

ANSWERS = ("own", "truncated", "malformed", "wrong-type", "duplicated")
"""What happens to an emulator's own response: unchanged, cut off half-way, not JSON, strings instead of lists, every
row twice."""

DEFAULT_RATE = 0.1
_ALWAYS = 1_000_000
_LAST_STATUS = 599
_DELAY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Fault:
    """A response given instead of the emulator's own.

    ``after_commit`` lets the emulator apply the request first and loses only the response; ``drop`` closes the
    connection without one. ``delay`` is in seconds, before anything else. ``answer``, one of ``ANSWERS``, sends the
    emulator's own response, possibly corrupted.
    """

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    after_commit: bool = False
    drop: bool = False
    delay: float = 0.0
    answer: str | None = None


KINDS: Mapping[str, Mapping[str, Any]] = {
    "error-before": {"status": 500},
    "error-after": {"status": 500, "after_commit": True},
    "unavailable": {"status": 503},
    "delay": {"delay": _DELAY_SECONDS, "answer": "own"},
    "drop-before": {"drop": True},
    "drop-after": {"drop": True, "after_commit": True},
    "truncated": {"answer": "truncated"},
    "malformed": {"answer": "malformed"},
    "wrong-type": {"answer": "wrong-type"},
    "duplicated": {"answer": "duplicated"},
    "quota": {"status": 429},
    "quota-bare": {"status": 429},
    "token-expired": {"status": 401},
}
"""Faults by name. ``quota`` carries the vendor's headers, ``quota-bare`` none; ``duplicated`` repeats every row."""

_MIMECAST_FAILURE = {
    "fail": [
        {"errors": [{"code": "internal_server_error_1", "message": "An error occurred", "retryable": True}]}
    ]
}
_MIMECAST: Mapping[str, Mapping[str, Any]] = {
    "error-before": {"body": _MIMECAST_FAILURE},
    "error-after": {"body": _MIMECAST_FAILURE},
    "quota": {
        "headers": {"X-RateLimit-Limit": "800", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
    },
    "token-expired": {
        "body": {
            "fail": [{"code": "token_expired", "message": "Access token has expired", "retryable": True}]
        }
    },
}
_ENTRA: Mapping[str, Mapping[str, Any]] = {
    "quota": {"headers": {"Retry-After": "1"}},
    "token-expired": {
        "body": {
            "error": {
                "code": "InvalidAuthenticationToken",
                "message": "Lifetime validation failed, the token is expired.",
            }
        }
    },
}

_SELECTORS = frozenset({"host", "method", "path", "times"})
_NAMED = frozenset({"kind"})
_RANDOM = frozenset({"seed", "rate", "kinds", "counts"})
_SPELT_OUT = frozenset(each.name for each in fields(Fault))
_IDS = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|eN[\w-]{20,}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_count(value: Any) -> bool:
    return _is_number(value) and isinstance(value, int)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_expression(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return False
    return isinstance(value, str)


def _is_status(value: Any) -> bool:
    return _is_count(value) and value in range(HTTPStatus.OK, _LAST_STATUS + 1)


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) and value in KINDS


def _are_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


_EXPRESSIONS = "host and path must be regular expressions"
_KIND = f"kind must be one of {', '.join(KINDS)}"
_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "host": (_is_expression, _EXPRESSIONS),
    "path": (_is_expression, _EXPRESSIONS),
    "method": (_is_text, "method must be a string"),
    "times": (_is_count, "times must be an integer of 0 or more"),
    "kind": (_is_kind, _KIND),
    "kinds": (lambda value: isinstance(value, list) and all(map(_is_kind, value)), _KIND),
    "rate": (lambda value: _is_number(value) and value <= 1, "rate must be a number from 0 to 1"),
    "status": (_is_status, f"status must be an HTTP status, from {HTTPStatus.OK:d} to {_LAST_STATUS}"),
    "headers": (_are_headers, "headers must be an object of strings"),
    "delay": (_is_number, "delay must be a number of seconds"),
    "answer": (lambda value: value in ANSWERS, f"answer must be one of {', '.join(ANSWERS)}"),
}


def problem_of(rule: Any) -> str | None:
    """The problem with a rule, or ``None``."""
    keys = _SELECTORS | _NAMED | _RANDOM | _SPELT_OUT
    if not isinstance(rule, dict) or not rule.keys() <= keys:
        return f"a rule must be an object with keys among {', '.join(sorted(keys))}"
    wrong = (
        text for key, (fits, text) in _FORMS.items() if rule.get(key) is not None and not fits(rule[key])
    )
    return next(wrong, None)


def strike(rules: list[dict[str, Any]], method: str, host: str, path: str) -> tuple[str, Fault] | None:
    """A line that names fault and route, and the fault for a request; ``None`` if no rule applies.

    Updates ``rules``: they count their remaining times, and random ones the requests that they have seen.
    """
    route = f"{method} https://{host}{_IDS.sub('*', path)}"
    for rule in rules:
        if _left(rule) > 0 and _matches(rule, method, host, path):
            kind = _drawn(rule, route) if "seed" in rule else str(rule.get("kind") or "as set")
            if kind:
                rule["times"] = _left(rule) - 1
                return f"{kind}: {route}", _fault(rule, kind, host)
    return None


def left(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules that still apply."""
    return [rule for rule in rules if _left(rule) > 0]


def _left(rule: Mapping[str, Any]) -> int:
    return int(rule.get("times", _ALWAYS if "seed" in rule else 1))


def _matches(rule: Mapping[str, Any], method: str, host: str, path: str) -> bool:
    return (
        re.fullmatch(rule.get("host") or ".*", host) is not None
        and rule.get("method") in (None, method)
        and re.fullmatch(rule.get("path") or ".*", path) is not None
    )


def _drawn(rule: dict[str, Any], route: str) -> str:
    """The kind that a random rule selects for this request, or ""."""
    # Counted per route, because requests to different routes come in no particular order.
    counts = rule.setdefault("counts", {})
    counts[route] = counts.get(route, 0) + 1
    chance = random.Random(f"{rule['seed']} {route} {counts[route]}")  # noqa: S311  (to be repeated, not secret)
    if chance.random() >= rule.get("rate", DEFAULT_RATE):
        return ""
    return str(chance.choice(rule.get("kinds") or list(KINDS)))


def _fault(rule: Mapping[str, Any], kind: str, host: str) -> Fault:
    vendor = _ENTRA if host in ENTRA_HOSTS else _MIMECAST
    named = {**KINDS.get(kind, {}), **vendor.get(kind, {})}
    spelt = {key: rule[key] for key in _SPELT_OUT & rule.keys() if rule[key] is not None}
    if spelt.get("delay") and not {"status", "body", "drop", "answer"} & {*named, *spelt}:
        spelt["answer"] = "own"
    return Fault(**{**named, **spelt})
