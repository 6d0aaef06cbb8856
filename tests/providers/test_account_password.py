"""The generated password of the test account."""

from __future__ import annotations

from providers.entra.edge.account_password import (
    LENGTH,
    MARKER_LENGTH,
    AccountPasswordProvider,
    generated,
    marker,
)


def test_a_password_has_every_kind_of_character_and_is_never_the_same() -> None:
    found = {generated() for _ in range(100)}
    assert len(found) == 100
    for password in found:
        assert len(password) == LENGTH
        assert any(each.islower() for each in password)
        assert any(each.isupper() for each in password)
        assert any(each.isdigit() for each in password)
        assert any(not each.isalnum() for each in password)


def test_another_address_gets_another_password_and_the_same_one_keeps_it() -> None:
    provider = AccountPasswordProvider()
    made = provider.create({"account": "a@example.com", "password": None})
    assert made.outs is not None
    assert len(made.outs["password"]) == LENGTH
    assert len(made.outs["marker"]) == MARKER_LENGTH
    assert made.outs["marker"] not in (marker(), made.outs["password"])
    assert provider.diff("", made.outs, {"account": "a@example.com", "password": None}).replaces == []
    assert provider.diff("", made.outs, {"account": "b@example.com"}).replaces == ["account"]
