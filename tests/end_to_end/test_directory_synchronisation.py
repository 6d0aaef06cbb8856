"""Directory synchronisation from end to end: the integration is ensured or required, and asked for a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.projects import ENGINES_AT_LENGTH, Project, project

INTEGRATION = {"description": "Contoso", "tenantDomain": "contoso.onmicrosoft.com", "maxUnlink": "100"}
CREATE = "/directory/cloud-gateway/v1/integrations/m365"
ONE = f"{CREATE}/.*"


@pytest.fixture(params=ENGINES_AT_LENGTH)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path, request.param) as made:
        yield made


def integrations(made: Project, description: str = "Contoso") -> list[dict[str, Any]]:
    documents = made.control.documents("mimecast.directoryConnections")
    return [each for each in documents if each["description"] == description]


def writes(made: Project) -> list[str]:
    return [each["method"] for each in made.control.journal(path=f"{CREATE}.*") if each["method"] != "GET"]


def test_an_integration_is_ensured(fresh: Project) -> None:
    fresh.configure(directorySynchronisation=INTEGRATION)
    fresh.control.faults({"path": CREATE, "method": "POST", "kind": "drop-after"})
    first = fresh.up()
    assert first.code == 0, first.text
    (made,) = integrations(fresh)
    assert (made["maxUnlink"], made["tenantDomain"]) == ("100", "contoso.onmicrosoft.com"), "and only once"
    assert fresh.up().code == 0
    assert writes(fresh) == ["POST"]

    fresh.configure(directorySynchronisation=INTEGRATION | {"deleteUsers": True, "description": "Entra"})
    changed = fresh.up()
    assert changed.code == 0, changed.text
    (made,) = integrations(fresh, "Entra")
    assert made["deleteUsers"] is True
    assert fresh.sso("drift").code == 0

    fresh.control.put("mimecast.directoryConnections", str(made["number"]), made | {"maxUnlink": "unlimited"})
    drifted = fresh.sso("drift")
    assert drifted.code == 2, drifted.text
    print(drifted.text)
    undone = fresh.sso("up", "--yes", "--refresh")
    assert undone.code == 0, undone.text
    assert integrations(fresh, "Entra")[0]["maxUnlink"] == "100"

    before = writes(fresh)
    fresh.configure(directorySynchronisation=None)
    left = fresh.up()
    assert left.code == 0, left.text
    print(left.text)
    assert writes(fresh) == before, "leaving management deletes nothing that people's addresses come from"
    assert integrations(fresh, "Entra")


def test_an_integration_is_required(fresh: Project) -> None:
    fresh.configure(directorySynchronisation={"description": "Contoso", "mode": "require"})
    missing = fresh.up()
    assert missing.code == 1, missing.text
    assert "no directory integration called 'Contoso', but its mode is require" in missing.text
    document = {"mimecast": {"directoryConnections": [{"description": "Contoso", "lastSync": "now"}]}}
    seed = fresh.control
    assert document
    assert seed
