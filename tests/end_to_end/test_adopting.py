"""Adopting an application created by hand, with the commands that people type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.hand_made import FLAWS, IDENTIFIER, NAME, Flaw, Tenant, clean
from tests.support.journal import may_change
from tests.support.projects import ENGINES_AT_LENGTH, Project, project

GRAPH = "graph.microsoft.com"
TOGETHER = (
    "extra certificate",
    "UPN claim",
    "other display name",
    "several reply URLs",
    "disabled",
    "foreign owner",
    "notes",
    "group not assigned",
)


def hand_made(made: Project) -> Tenant:
    """A clean application in the project's sandbox, which the stack is to adopt."""
    tenant = clean(made.running.graph(), made.control)
    adopting(made, tenant.client_id)
    return tenant


def adopting(made: Project, client_id: str) -> None:
    mails = ["identity@example.com"]
    made.configure(application={"displayName": NAME, "notificationEmails": mails, "adopt": client_id})


def written(made: Project, after: int) -> list[str]:
    return [
        f"{entry['method']} {entry['path']}"
        for entry in made.control.journal(host=GRAPH)[after:]
        if may_change(entry)
    ]


def asked(made: Project) -> int:
    return len(made.control.journal(host=GRAPH))


def plant(tenant: Tenant, *names: str) -> list[Flaw]:
    chosen = [flaw for flaw in FLAWS if flaw.name in names]
    for flaw in chosen:
        flaw.plant(tenant)
    return chosen


def applications(made: Project) -> list[dict[str, Any]]:
    return made.control.documents("entra.applications")


@pytest.mark.parametrize("engine", ENGINES_AT_LENGTH)
def test_an_application_made_by_hand_is_adopted_without_recreating_it(tmp_path: Path, engine: str) -> None:
    with project(tmp_path, engine) as made:
        tenant = hand_made(made)
        before = asked(made)
        first = made.sso("preview")
        assert first.code == 2, first.text
        assert "nothing differs from the configuration" in first.text
        assert " = 10 to import" in first.text, first.text
        assert "to update" not in first.text
        assert written(made, before) == []

        flaws = plant(tenant, *TOGETHER)
        before = asked(made)
        second = made.sso("preview")
        for word in (word for flaw in flaws for word in flaw.words):
            assert word in second.text, f"{word!r} in {second.text}"
        assert "to replace" not in second.text
        assert written(made, before) == []

        active = tenant.call("GET", f"/servicePrincipals/{tenant.principal['id']}")[
            "preferredTokenSigningKeyThumbprint"
        ]
        done = made.up()
        assert done.code == 0, done.text
        (application,) = applications(made)
        assert application["appId"] == tenant.client_id
        assert application["identifierUris"] == [IDENTIFIER]
        live = tenant.call("GET", f"/servicePrincipals/{tenant.principal['id']}")
        assert live["accountEnabled"]
        assert live["notes"] is None
        assert live["preferredTokenSigningKeyThumbprint"] == active, "nobody was told of another one"
        again = made.sso("preview")
        assert again.code == 0, again.text

        adopting(made, "6c000000-0000-4000-8000-000000000001")
        refused = made.sso("up", "--yes")
        assert refused.code == 4, refused.text
        assert "would delete that one" in refused.text


@pytest.mark.soak
@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_each_flaw_through_the_engine(tmp_path: Path, flaw: Flaw) -> None:
    with project(tmp_path, "embedded") as made:
        tenant = hand_made(made)
        flaw.plant(tenant)
        before = asked(made)
        preview = made.sso("preview")
        for word in flaw.words:
            assert word in preview.text, f"{word!r} in {preview.text}"
        assert written(made, before) == []
        if flaw.refused:
            assert preview.code == 4, preview.text
            return
        assert ("to update" in preview.text or "azuread" in _created(preview.text)) is flaw.changes, (
            preview.text
        )
        assert made.up().code == 0
        again = made.sso("preview")
        assert again.code == 0, again.text


def _created(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith(" + "))
