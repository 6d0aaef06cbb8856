"""What people write for others to read: it is printed, so it controls neither a terminal nor a CI runner."""

from __future__ import annotations

from typing import Any

import pytest

from mimecast_sso.settings import ConfigurationError, Settings, from_values
from mimecast_sso.text import foreign

ODD = "moved\n::warning::x\x1b]0;title\x07 \u202e##vso[task.setvariable variable=X]y\u200b\r\nin March\n"
CLEAN = foreign.one_line(ODD)
AT = "2026-11-01T09:00:00Z"
CERTIFICATES = {"generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}], "active": "2026"}
CONFIRMED = {"fingerprint": "v1:0", "by": "ada@example.com", "at": AT, "evidence": ODD}
REQUEST = {"fingerprint": "v1:0", "at": AT, "by": ODD, "issuer": ODD, "destination": ODD, "replyUrl": ODD}


def settings(**keys: Any) -> Settings:
    return from_values({"region": "eu", "accountCode": "CUK25A118", "certificates": CERTIFICATES} | keys)


def texts(value: Any) -> set[str]:
    """All texts of a model as it is printed and written."""
    if isinstance(value, dict):
        return {text for each in value.values() for text in texts(each)}
    if isinstance(value, (list, tuple)):
        return {text for each in value for text in texts(each)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize(
    "keys",
    [
        {"guards": [{"name": "allow-destroy", "reason": ODD, "until": "2099-12-31"}]},
        {"attested": [{"fact": "mimecast-emergency-access", "by": ODD, "at": AT, "evidence": ODD}]},
        {"drift": {"expected": [{"path": "x", "reason": ODD, "until": "2099-12-31"}]}},
        {"certificates": CERTIFICATES | {"window": {"notBefore": AT, "approvedBy": ODD}}},
        {"certificates": CERTIFICATES | {"settledLosses": [ODD]}},
        {"certificates": CERTIFICATES | {"metadataObserved": {"by": ODD, "at": AT, "evidence": ODD}}},
        {"authenticationProfile": {"confirmed": CONFIRMED, "history": [CONFIRMED]}},
        {"authenticationProfile": {"second": {"confirmed": CONFIRMED}}},
        {"authenticationProfile": {"evidence": {"request": REQUEST | {"contexts": [ODD]}}}},
        {"authenticationProfile": {"evidence": {"change": {"at": AT, "event": ODD, "by": ODD}}}},
    ],
)
def test_it_is_read_as_one_harmless_line(keys: dict[str, Any]) -> None:
    found = texts(settings(**keys).model_dump(mode="json", by_alias=True))
    assert CLEAN in found
    assert {foreign.one_line(each) for each in found if each} == found - {""}
    assert CLEAN == "moved : :warning::x ## vso[task.setvariable variable=X]y in March"


def test_a_text_that_nobody_sees_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"guards\[0\].reason is .*, which has no visible characters"
    ):
        settings(guards=[{"name": "allow-destroy", "reason": "\u200b", "until": "2099-12-31"}])


@pytest.mark.parametrize(("odd", "why"), [("1\n2", "control characters"), ("1\u200b", "U\\+200B")])
def test_a_version_is_compared_so_it_is_refused_instead(odd: str, why: str) -> None:
    person = {"address": "ada@example.com", "passwordVersion": odd}
    with pytest.raises(ConfigurationError, match=why):
        settings(
            addresses={"list": [person]},
            addressPasswords={"ada@example.com": {"password": "x", "confirmation": "x"}},
        )
