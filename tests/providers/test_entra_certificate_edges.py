"""The certificates of a service principal as Pulumi resources: when they are replaced, and when retried."""

from __future__ import annotations

from typing import Any

import pytest

from providers.entra.resources import ActiveSigningCertificateProvider, RetiredSigningCertificateProvider

WAITING = {"servicePrincipalId": "a", "thumbprint": "A", "replace": False, "activeThumbprint": "B"}
NOT_GONE = {"servicePrincipalId": "a", "thumbprint": "A", "gone": False}


@pytest.mark.parametrize(
    ("provider", "unfinished", "finished"),
    [
        (ActiveSigningCertificateProvider, WAITING, {"activeThumbprint": "A"}),
        (RetiredSigningCertificateProvider, NOT_GONE, {"gone": True}),
    ],
)
def test_an_unfinished_one_is_retried_and_replaced_with_its_principal(
    provider: Any, unfinished: dict[str, Any], finished: dict[str, Any]
) -> None:
    of_another = unfinished | {"servicePrincipalId": "b"}
    assert provider().diff("a", unfinished, unfinished).changes is True
    for olds in (unfinished, unfinished | finished):
        assert provider().diff("a", olds, of_another).replaces == ["servicePrincipalId"]
    assert not provider().diff("a", unfinished | finished, unfinished).changes
