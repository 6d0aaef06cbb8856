"""The signing certificate expires, by the sandbox's clock: which command reports it, when, and what fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mimecast_sso.facts.certificate_life import FAILING_DAYS, WARNING_DAYS
from tests.support.projects import Project, project

LIFE = timedelta(days=100)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    """A deployment whose certificate lives for a hundred days."""
    with project(tmp_path, "embedded") as fresh:
        end = (datetime.now(UTC) + LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
        fresh.configure(certificates={"generations": [{"label": "2026", "endDate": end}], "active": "2026"})
        first = fresh.up()
        assert first.code == 0, first.text
        assert "expires in" not in first.text
        yield fresh


def days_before_the_end(made: Project, days: float) -> None:
    """Sets the sandbox's clock, an hour past the mark."""
    moved = LIFE - timedelta(days=days) + timedelta(hours=1)
    made.control.set("clock.offset_seconds", moved.total_seconds())


def mark(made: Project) -> str:
    """The stack's output."""
    document = json.loads((made.home / "state/.pulumi/stacks/mimecast-sso/sandbox.json").read_text())
    resources = document["checkpoint"]["latest"]["resources"]
    (stack,) = [each for each in resources if each["type"] == "pulumi:pulumi:Stack"]
    return str(stack["outputs"]["certificateExpiryMark"])


def test_a_deployment_warns_and_a_check_fails_at_seven_days(made: Project) -> None:
    assert mark(made) == f"more than {max(WARNING_DAYS)} days"
    days_before_the_end(made, FAILING_DAYS)
    deployed = made.up()
    assert deployed.code == 0, deployed.text
    assert f"expires in {FAILING_DAYS} days" in deployed.text
    assert "Entra has no other certificate that is valid then" in deployed.text
    assert mark(made) == f"{FAILING_DAYS} days or less"
    drift = made.sso("drift")
    assert drift.code == 2, drift.text
    assert "No drift" in drift.text
    assert f"expires in {FAILING_DAYS} days" in drift.text
    assert "This check fails" in drift.text


@pytest.mark.soak
def test_every_threshold_and_what_follows(made: Project) -> None:
    for days in WARNING_DAYS:
        days_before_the_end(made, days)
        drift = made.sso("drift")
        assert drift.code == (2 if days <= FAILING_DAYS else 0), drift.text
        assert f"expires in {days} day" in drift.text
        preview = made.sso("preview")
        assert preview.code == 0, preview.text
        assert f"expires in {days} day" in preview.text
    days_before_the_end(made, -1)
    assert made.up().code == 0
    assert mark(made) == "expired"
    drift = made.sso("drift")
    assert drift.code == 2, drift.text
    assert "No other certificate is valid." in drift.text


@pytest.mark.soak
def test_entra_switches_automatically(made: Project) -> None:
    (principal,) = [
        each["id"] for each in made.control.documents("entra.servicePrincipals") if each["keyCredentials"]
    ]
    url = f"https://graph.microsoft.com/v1.0/servicePrincipals/{principal}/addTokenSigningCertificate"
    made.running.graph().post(url, json={"displayName": "CN=Theirs"}, timeout=30).raise_for_status()
    days_before_the_end(made, 20)
    assert "Entra switches automatically to" in made.sso("preview").text
    days_before_the_end(made, -1)
    drift = made.sso("drift")
    assert drift.code == 2, drift.text
    assert "activeThumbprint" in drift.text
    assert "Entra has switched automatically to" in drift.text
    assert "which Mimecast is not attested to trust" in drift.text
