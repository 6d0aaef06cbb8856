"""Directory synchronisation from end to end: the integration is ensured or required, and runs on request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import credentials
from tests.support.projects import ENGINES_AT_LENGTH, Project, project

ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.com"
INTEGRATION = {"description": "Contoso", "tenantDomain": "contoso.onmicrosoft.com", "maxUnlink": "100"}
CREATE = "/directory/cloud-gateway/v1/integrations/m365"


@pytest.fixture(params=ENGINES_AT_LENGTH)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path, request.param) as made:
        yield made


def integrations(made: Project, description: str) -> list[dict[str, Any]]:
    documents = made.control.documents("mimecast.directoryConnections")
    return [each for each in documents if each["description"] == description]


def writes(made: Project) -> list[str]:
    return [each["method"] for each in made.control.journal(path=f"{CREATE}.*") if each["method"] != "GET"]


def test_an_integration_is_ensured(fresh: Project) -> None:
    fresh.configure(directorySynchronisation=INTEGRATION)
    fresh.control.faults({"path": CREATE, "method": "POST", "kind": "drop-after"})
    first = fresh.up()
    assert first.code == 0, first.text
    assert '"Contoso" is created at Mimecast: people of contoso.onmicrosoft.com get addresses' in first.text
    (made,) = integrations(fresh, "Contoso")
    assert (made["maxUnlink"], made["tenantDomain"]) == ("100", "contoso.onmicrosoft.com")

    fresh.configure(directorySynchronisation=INTEGRATION | {"deleteUsers": True, "description": "Entra"})
    changed = fresh.up()
    assert changed.code == 0, changed.text
    assert writes(fresh) == ["POST", "PATCH"], (
        "created once, though the response was lost, and renamed in place"
    )
    (made,) = integrations(fresh, "Entra")
    assert (made["deleteUsers"], integrations(fresh, "Contoso")) == (True, [])
    quiet = fresh.sso("preview")
    assert quiet.code == 0, quiet.text

    fresh.control.put("mimecast.directoryConnections", str(made["number"]), made | {"maxUnlink": "unlimited"})
    for words in ((), ("--fast",)):
        drifted = fresh.sso("drift", *words)
        assert drifted.code == 2, drifted.text
        assert "Directory integration maxUnlink Entra changed" in drifted.text
    undone = fresh.sso("up", "--yes", "--refresh")
    assert undone.code == 0, undone.text
    assert integrations(fresh, "Entra")[0]["maxUnlink"] == "100"

    before = writes(fresh)
    fresh.configure(directorySynchronisation=None)
    left = fresh.up()
    assert left.code == 0, left.text
    assert '"Entra" is no longer managed. It stays at Mimecast, unchanged' in left.text
    assert writes(fresh) == before, "leaving management deletes nothing that people's addresses come from"
    assert integrations(fresh, "Entra")


def test_an_integration_is_required(fresh: Project) -> None:
    desired = {"description": "Theirs", "mode": "require", "enabled": True}
    fresh.configure(directorySynchronisation=desired)
    missing = fresh.up()
    assert missing.code != 0, missing.text
    assert 'no directory integration called "Theirs", but its mode is require' in missing.text
    fresh.control.seed({"mimecast": seed("Theirs")})
    found = fresh.up()
    assert found.code == 0, found.text
    (made,) = integrations(fresh, "Theirs")
    fresh.control.put("mimecast.directoryConnections", str(made["number"]), made | {"enabled": False})
    drifted = fresh.sso("drift", "--fast")
    assert drifted.code == 2, drifted.text
    assert "Directory integration enabled Theirs changed" in drifted.text
    assert '"Theirs": disabled, so no addresses are added or changed' in drifted.text
    assert writes(fresh) == [], "what is required is never written"


def test_people_are_added_once_the_synchronisation_has_created_their_addresses(fresh: Project) -> None:
    roll_out = fresh.configuration("rollOut") | {"who": "pilot", "pilot": [ADA]}
    fresh.configure(addresses={"source": "synchronised"}, addressPasswords=None, rollOut=roll_out)
    assert fresh.sandbox("seed", "--stack", "sandbox").code == 0
    assert fresh.up().code == 0
    fresh.do_the_console_work()
    assert fresh.up().code == 0
    fresh.control.delete("mimecast.users", GRACE)
    expected = fresh.sso("preview")
    assert (
        f"2 people have no address at Mimecast ({ALAN}, {GRACE}); the next run of directory" in expected.text
    )

    widened = fresh.sso("roll-out widen", "--pilot", GRACE, "--synchronise", "--apply", "--yes")
    assert widened.code == 0, widened.text
    assert "has run, at " in widened.text
    user = fresh.control.get("mimecast.users", GRACE)
    assert user is not None
    assert user["source"] == "ldap"
    assert GRACE in {each["who"] for each in fresh.control.documents("mimecast.members")}
    quiet = fresh.sso("drift", "--fast")
    assert "no address at Mimecast" not in quiet.text


def seed(description: str) -> dict[str, Any]:
    """A connection in the account that the stack's own seed made."""
    return {
        "accountCode": "CUK25A118",
        "region": "eu",
        "clientId": credentials.MIMECAST_CLIENT_ID,
        "clientSecret": credentials.MIMECAST_CLIENT_SECRET,
        "directoryConnections": [{"description": description, "lastSync": "now"}],
    }
