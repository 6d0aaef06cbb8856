"""Attestations: whose word counts."""

from __future__ import annotations

import pytest

from mimecast_sso.console.attestation import is_placeholder


@pytest.mark.parametrize("text", ["NAME", "<text>", " ", "…", "\u202e\u200b", "\x1b[2J", "\ufeffTODO"])
def test_a_placeholder_or_nothing_to_see_is_no_attestation(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["ada@example.com", "change CHG-1042", "J\u00f6rg"])
def test_a_name_and_a_change_number_are(text: str) -> None:
    assert not is_placeholder(text)
