"""Each guard refuses a whole run with exit code 4, and nothing is written on either side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.journal import may_change
from tests.support.projects import ENGINES_AT_LENGTH, Ended, Project, project

# One deployment serves all tests here, so one worker runs them.
pytestmark = pytest.mark.xdist_group("guards")

ADA, GRACE, ALAN = "ada@example.com", "grace@example.com", "alan@example.com"


@pytest.fixture(scope="module", params=ENGINES_AT_LENGTH)
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The tutorial is done for Ada alone; nothing is protected or overridden but what a test says."""
    with project(tmp_path_factory.mktemp("project"), request.param) as made:
        made.configure(guards=None, rollOut={"group": "Single sign-on", "who": "pilot", "pilot": [ADA]})
        first = made.up()
        assert first.code == 0, first.text
        made.do_the_console_work()
        second = made.up()
        assert "Guards: all passed; this run sends 1 more person to Entra: ada@example.com." in second.text
        assert second.code == 0, second.text
        yield made


@pytest.fixture
def made(deployed: Project) -> Iterator[Project]:
    """The deployment, its stack file and the sandbox's objects as they were before."""
    content = deployed.stack_file.read_text()
    collections = ("entra.servicePrincipals", "entra.users", "entra.groups")
    before = {name: deployed.control.documents(name) for name in collections}
    yield deployed
    deployed.stack_file.write_text(content)
    deployed.control.faults()
    for name, documents in before.items():
        for document in documents:
            deployed.control.put(name, document["id"], document)


def refused(made: Project, *said: str, verb: str = "up") -> Ended:
    """Runs a command that has to be refused, and shows that it only read. ``said`` is in what it prints."""
    before = made.control.journal()[-1]["number"]
    ended = made.sso(verb, *([] if verb == "preview" else ["--yes"]))
    assert ended.code == 4, ended.text
    for part in said:
        assert part in ended.text
    assert "Traceback" not in ended.text
    assert writes(made, before) == []
    return ended


def writes(made: Project, after: int) -> list[str]:
    """The calls since then that may change something, at either side."""
    return [
        f"{entry['method']} {entry['host']}{entry['path']}"
        for entry in made.control.journal(after=after)
        if may_change(entry)
    ]


def change(made: Project, collection: str, desired: dict[str, Any], **values: Any) -> None:
    """Somebody else changes an object: the only one that has these properties."""
    (document,) = (each for each in made.control.documents(collection) if desired.items() <= each.items())
    made.control.put(collection, document["id"], document | values)


def everybody_is_wanted(made: Project, **keys: Any) -> None:
    made.configure(rollOut=EVERYBODY, **keys)


EVERYBODY = {"group": "Single sign-on", "who": "all"}
PRINCIPAL = {"preferredSingleSignOnMode": "saml"}


def test_nobody_is_sent_to_a_disabled_application(made: Project) -> None:
    everybody_is_wanted(made, assign={"users": [ADA, GRACE, ALAN]})
    change(made, "entra.servicePrincipals", PRINCIPAL, accountEnabled=False)
    refused(
        made,
        "Refused by guard last-sign-in-method: 2 people would be sent to Entra and could not sign in",
        "the application is disabled in Entra (AADSTS7000112)",
        f"Affected, 2: {ALAN}, {GRACE}",
        "is disabled (read live",
        f"1 person cannot sign in now: {ADA}",
    )


def test_nobody_is_sent_to_a_certificate_that_mimecast_does_not_hold(made: Project) -> None:
    everybody_is_wanted(made, assign={"users": [ADA, GRACE, ALAN]})
    change(made, "entra.servicePrincipals", PRINCIPAL, **_another_certificate_signs(made))
    refused(
        made,
        "Refused by guard certificate-mismatch: 2 people would be sent to Entra and could not sign in",
        "Entra signs with a certificate that the person's authentication profile at Mimecast does not hold",
        f"Affected, 2: {ALAN}, {GRACE}",
        "the first profile holds certificate",
        "administrator@example.com",
    )


def _another_certificate_signs(made: Project) -> dict[str, Any]:
    """A second certificate that Entra signs with, because the configured one expired."""
    (principal,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if PRINCIPAL.items() <= each.items()
    )
    old = principal["keyCredentials"]
    other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    new = [
        key | {"customKeyIdentifier": other, "key": None, "keyId": f"{key['keyId'][:-4]}ffff"} for key in old
    ]
    return {"keyCredentials": [*(key | {"endDateTime": "2026-01-01T00:00:00Z"} for key in old), *new]}


def test_nobody_is_sent_to_entra_who_cannot_sign_in_there(made: Project) -> None:
    everybody_is_wanted(made, assign={"users": [ADA, GRACE]})
    change(made, "entra.users", {"mail": GRACE}, accountEnabled=False)
    refused(
        made,
        "Refused by guard unprepared-people: 2 people would be sent to Entra and could not sign in",
        f"{ALAN}: refused by Entra: not assigned to the application, neither directly nor as a direct member",
        f"{GRACE}: refused by Entra: the Entra account is disabled (AADSTS50057)",
        f"Affected, 2: {ALAN}, {GRACE}",
    )


def test_another_tenant_is_refused(made: Project) -> None:
    made.configure(tenantId="6c000000-0000-4000-8000-000000000002")
    ended = refused(made, "Refused by guard account: The ARM_* credentials are for Entra tenant")
    assert "Or override it" not in ended.text


def test_the_identifier_that_people_sign_in_through_is_kept(made: Project) -> None:
    made.configure(application={"identifier": "https://eu-api.mimecast.com/sso/CUK25A118/other"})
    refused(
        made,
        "Refused by guard allow-destroy: 1 person can sign in now and could not afterwards",
        "no application in Entra has the identifier that Mimecast names (AADSTS700016)",
        f"Affected, 1: {ADA}",
    )


def test_administrators_keep_a_way_in(made: Project) -> None:
    made.configure(authenticationProfile={"enforce": {"administrationConsole": True}})
    refused(
        made,
        "Refused by guard administrators: administrators among 1 person",
        "mimecast-sso:attested: [{fact: mimecast-emergency-access",
        "(unknown: not attested)",
        f"Affected, 1: {ADA}",
    )


def test_the_assignment_of_a_person_who_depends_on_it_is_not_removed(made: Project) -> None:
    """And a region that would change is refused, though Mimecast itself is in the new one."""
    (account,) = made.control.documents("mimecast.accounts")
    made.control.put("mimecast.accounts", account["accountCode"], account | {"region": "de"})
    try:
        made.configure(region="de", assign={"users": [GRACE], "groups": ["Mimecast users"]})
        refused(made, "Refused by guard account: region would change from eu to de", verb="preview")
    finally:
        made.control.put("mimecast.accounts", account["accountCode"], account)
    made.configure(region="eu")
    refused(
        made,
        "Refused by guard last-sign-in-method: 1 person can sign in now and could not afterwards",
        f"{ADA}: refused by Entra: not assigned to the application",
        "keep them in mimecast-sso:assign",
    )


def test_nothing_is_destroyed_while_somebody_depends_on_it(made: Project) -> None:
    refused(
        made,
        "Refused by guard allow-destroy",
        "sign-in through Entra would end for 1 person",
        "roll-out back",
        verb="down",
    )


def test_an_override_is_reported_with_its_reason_until_it_expires(made: Project) -> None:
    ended = {"name": "account", "reason": "change CHG-1041", "until": "2026-01-01"}
    valid = {"name": "unprepared-people", "reason": "change CHG-1042", "until": "2099-12-31"}
    made.configure(guards=[ended, valid], assign={"users": [ADA, GRACE]}, rollOut=EVERYBODY)
    run = made.sso("preview")
    assert "Guard unprepared-people is overridden until 2099-12-31: change CHG-1042" in run.text
    assert "The override for guard account expired on 2026-01-01 and is ignored" in run.text
    assert run.code == 2, run.text


def test_removing_people_is_never_refused(made: Project) -> None:
    change(made, "entra.servicePrincipals", PRINCIPAL, accountEnabled=False)
    made.control.faults({"path": "/api/user/get-internal-users", "status": 403, "times": 99})
    made.configure(rollOut={"group": "Single sign-on", "who": "none"}, assign={"users": []})
    ended = made.sso("preview")
    assert ended.code == 2, ended.text
    assert "this run sends nobody else to Entra" in ended.text
