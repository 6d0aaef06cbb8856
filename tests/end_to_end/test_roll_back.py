"""The roll-back drill: with Entra down or the certificate broken, people sign in again within Mimecast's 15 minutes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from mimecast_sso.facts.regions import REGIONS
from sandbox.browser import Browser, Page
from tests.support.deployments import Deployments, claimed
from tests.support.projects import Ended, Project

ADA = "ada@example.com"
PASSWORD = "a-cloud-password-of-ada-1"
ENTRA = ("login.microsoftonline.com", "graph.microsoft.com")


@pytest.fixture
def made(deployments: Deployments, tmp_path: Path) -> Iterator[Project]:
    """The tutorial is done: Ada signs in through Entra."""
    with deployments.project(tmp_path, claimed) as fresh:
        # Changes of the console and of groups count after the vendor's time from here on.
        fresh.control.set("mimecast.propagation_seconds", PROPAGATION_MINUTES * 60)
        assert fresh.sandbox("clock", f"+{PROPAGATION_MINUTES}m").code == 0
        assert fresh.sandbox("login", ADA).code == 0
        yield fresh


def roll_back(made: Project) -> Ended:
    # An engine that cannot be had, and no Entra credentials: it must need neither.
    return made.sandbox(
        *(
            "run",
            "--",
            "env",
            "ENGINE=pulumi",
            "ARM_CLIENT_SECRET=",
            "PULUMI_BACKEND_URL=file:///nonexistent",
        ),
        *(str(made.folder / ".venv/bin/mimecast-sso"), "roll-out", "back", "--stack", "sandbox"),
    )


def break_the_certificate(made: Project) -> None:
    """Mimecast trusts another certificate than the one that Entra signs with."""
    for profile in made.control.documents("mimecast.profiles"):
        values = profile["versions"][-1]["values"]
        if values["certificate"]:
            values["certificate"] = another_certificate()
            made.control.put("mimecast.profiles", str(profile["number"]), profile)


def another_certificate() -> str:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Another")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode("ascii")


def with_password(made: Project) -> Page:
    browser = Browser(made.home)
    asked = browser.submit(browser.open(REGIONS["eu"].sign_on_url).form("login"), {"emailAddress": ADA})
    form = asked.form("password")
    assert form is not None, "Mimecast does not ask for a password"
    return browser.submit(form, {"password": PASSWORD})


def give_ada_a_password(made: Project) -> None:
    from sandbox.mimecast.passwords import hashed  # noqa: PLC0415

    user = made.control.get("mimecast.users", ADA)
    assert user is not None
    made.control.put("mimecast.users", ADA, user | {"password": hashed(PASSWORD)})


@pytest.mark.soak
def test_people_get_back_in_within_the_vendors_time(made: Project) -> None:
    give_ada_a_password(made)
    break_the_certificate(made)
    refused = made.sandbox("login", ADA)
    assert (refused.code, "could not be validated" in refused.text) == (1, True), refused.text
    made.control.faults(*({"host": host, "status": 503, "times": 100_000} for host in ENTRA))
    assert made.sandbox("login", ADA).code == 1
    down = made.up()
    assert down.code != 0, "Entra is down, and a deployment went through"

    before = made.control.journal()[-1]["number"]
    back = roll_back(made)
    assert back.code == 0, back.text
    for part in (
        ADA,
        f"{PROPAGATION_MINUTES} minutes",
        "cloud password or a directory password",
        "Undo record",
    ):
        assert part in back.text
    asked = {entry["host"] for entry in made.control.journal(after=before)}
    assert asked == {"api.services.mimecast.com"}, "the roll-back needs Mimecast alone"

    # Until the vendor's time is over they are still sent to Entra, as the command says.
    assert made.sandbox("login", ADA).code == 1
    assert made.sandbox("clock", f"+{PROPAGATION_MINUTES}m").code == 0
    assert "password" in made.sandbox("login", ADA).text
    page = with_password(made)
    assert (page.text("signed-in") or "").endswith(ADA), page.hints()

    made.control.faults()
    after = made.up()
    assert after.code == 0, after.text
    assert made.control.documents("mimecast.members") == [], "a deployment put people back"
