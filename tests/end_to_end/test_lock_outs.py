"""Ordinary edits that would lock people out are refused by name, and others lock nobody out: with real sign-ins.

Ada and Grace are assigned as users, Alan and Linus through the group; all four are in the roll-out group and sign in
through Entra. Linus's user principal name differs from his mail address.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from mimecast_sso.operations import plan
from mimecast_sso.operations.deployment import deploy, open_with_engine
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.stacks import Stack
from providers.mimecast import from_environment
from providers.mimecast.groups import (
    change_members,
    list_members,
    provide_group,
    remove_group,
    rename_group,
    require_group,
)
from sandbox import sign_in
from sandbox.entra.objects import MEMBERS
from tests.support.projects import ENGINES, Ended, Project, project
from tests.support.saved import SavedProject

pytestmark = pytest.mark.xdist_group("lock-outs")

ADA, GRACE, ALAN, LINUS = PEOPLE = tuple(f"{name}@example.com" for name in ("ada", "grace", "alan", "linus"))
REFUSED = 4
QUARTER = 900


@pytest.fixture(scope="module", params=ENGINES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SavedProject]:
    """The tutorial, done; the override of allow-destroy is removed."""
    with project(tmp_path_factory.mktemp("project"), request.param) as made:
        book = made.configuration("addresses")
        book["list"].append({"address": LINUS, "name": "Linus Example"})
        made.configure(guards=None, addresses=book)
        assert made.sandbox("seed", "--stack", "sandbox").code == 0
        (linus,) = (each for each in made.control.documents("entra.users") if each["mail"] == LINUS)
        made.control.put("entra.users", linus["id"], linus | {"userPrincipalName": "linus.t@example.com"})
        for _ in range(2):
            run = made.up()
            assert run.code == 0, run.text
            if (made.home / "run-sheet/sandbox.html").exists():
                made.do_the_console_work()
        assert signing_in(made) == set(PEOPLE)
        yield SavedProject(made, tmp_path_factory.mktemp("saved"))


@pytest.fixture
def made(saved: SavedProject) -> Project:
    """The deployment as it was."""
    return saved.restore()


def signing_in(made: Project) -> set[str]:
    """Who gets into the portal now: all four try."""
    found = set()
    for address in PEOPLE:
        try:
            sign_in.sign_in(made.home, address)
        except sign_in.RefusedError:
            continue
        found.add(address)
    return found


def refused(run: Ended, *said: str) -> None:
    """The run was refused, named what it had to, and showed no outputs."""
    assert run.code == REFUSED, run.text
    for part in said:
        assert part in run.text
    assert "Traceback" not in run.text
    assert "  - " not in run.text.partition("Outputs:")[2], run.text


def section(made: Project, key: str, **changes: Any) -> None:
    """Changes keys of one section of the stack file."""
    made.configure(**{key: made.configuration(key) | changes})


def test_switching_to_manual_assignments_deletes_none(made: Project) -> None:
    section(made, "assign", mode="verify")
    run = made.up()
    assert run.code == 0, run.text
    assert "delete" not in run.text
    assert signing_in(made) == set(PEOPLE)
    assert made.sso("preview").code == 0


def test_switching_to_manual_claims_deletes_none(made: Project) -> None:
    section(made, "application", claims="verify")
    run = made.up()
    assert run.code == 0, run.text
    assert signing_in(made) == set(PEOPLE)
    assert made.sso("preview").code == 0


def test_a_reply_url_that_mimecast_does_not_ask_for(made: Project) -> None:
    section(made, "application", replyUrl="https://example.com/login/saml")
    refused(made.up(), "AADSTS50011", "Affected, 4", ADA, "the account's region")
    assert signing_in(made) == set(PEOPLE)
    drifted = made.sso("drift")
    assert drifted.code == 1, drifted.text
    assert "What only the engine's refresh shows could not be read" in " ".join(drifted.text.split())
    assert "4 people sign in through Entra" in drifted.text


def test_a_deleted_application_is_restored_and_not_written_to(made: Project) -> None:
    graph, url = made.running.graph(), "https://graph.microsoft.com/v1.0"
    (principal,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if each["preferredSingleSignOnMode"] == "saml"
    )
    (application,) = (
        each for each in made.control.documents("entra.applications") if each["appId"] == principal["appId"]
    )
    # Entra deletes no application whose service principal is in SAML mode.
    for each in (f"servicePrincipals/{principal['id']}", f"applications/{application['id']}"):
        graph.delete(f"{url}/{each}", timeout=30)
    assert signing_in(made) == set()
    refused(made.up(), "Refused by guard application-missing", f"deletedItems/{application['id']}/restore")
    for each in (application, principal):
        graph.post(f"{url}/directory/deletedItems/{each['id']}/restore", json={}, timeout=30)
    run = made.up()
    assert run.code == 0, run.text
    assert signing_in(made) >= {ADA, GRACE, ALAN}


def test_back_at_managed_assignments_with_fewer_people_deletes_none(made: Project) -> None:
    section(made, "assign", mode="verify")
    assert made.up().code == 0
    section(made, "assign", mode="manage", users=[ADA])
    for run in (made.sso("preview"), made.up()):
        assert "1 assignment that mimecast-sso:assign does not name stays in Entra" in run.text, run.text
        assert "(it stays in Entra)" in run.text, run.text
    assert run.code == 0, run.text
    assert signing_in(made) == set(PEOPLE)
    assert made.sso("preview").code == 0
    assert "is not managed by this stack" in made.sso("drift", "--fast").text


def test_assignments_that_are_managed_again_are_deleted_only_where_nobody_is_locked_out(
    made: Project,
) -> None:
    section(made, "assign", mode="verify")
    assert made.up().code == 0
    section(made, "assign", mode="manage")
    run = made.up()
    assert run.code == 0, run.text
    assert "delete" not in run.text
    section(made, "assign", users=[ADA])
    refused(made.up(), "AADSTS50105", f"Affected, 1: {GRACE}")
    assert signing_in(made) == set(PEOPLE)


@pytest.mark.parametrize("purged", [False, True])
def test_an_application_that_was_deleted_without_its_identifier_is_created_again(
    made: Project, purged: bool
) -> None:
    graph, url = made.running.graph(), "https://graph.microsoft.com/v1.0"
    (principal,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if each["preferredSingleSignOnMode"] == "saml"
    )
    (application,) = (
        each for each in made.control.documents("entra.applications") if each["appId"] == principal["appId"]
    )
    made.control.put("entra.applications", application["id"], application | {"identifierUris": []})
    for each in (f"servicePrincipals/{principal['id']}", f"applications/{application['id']}"):
        graph.delete(f"{url}/{each}", timeout=30)
        if purged:
            graph.delete(f"{url}/directory/deletedItems/{each.partition('/')[2]}", timeout=30)
    said = "no longer exists in Entra" if purged else "was deleted in Entra."
    for verb in (("preview",), ("up", "--yes")):
        refused(made.sso(*verb), "Refused by guard application-missing", said, "--stack sandbox --refresh")
    run = made.sso("up", "--yes", "--refresh")
    assert run.code == 0, run.text
    assert "The state is refreshed first" in " ".join(run.text.split())
    made.do_the_console_work()
    assert signing_in(made) == set(PEOPLE)


def test_a_component_is_not_created_again_under_another_name(made: Project) -> None:
    program = made.folder / "__main__.py"
    before = program.read_text()
    override = [{"name": "allow-destroy", "reason": "a test", "until": "2099-12-31"}]
    made.configure(guards=override)
    try:
        program.write_text(before.replace('"mimecast-personal-portal"', '"portal"'))
        run = made.up()
        refused(run, "Refused by guard component-name", 'pulumi.Alias(name="mimecast-personal-portal")')
        assert "Guards: all passed" not in run.text
        program.write_text(
            before.replace(
                '"mimecast-personal-portal", PersonalPortalSsoArgs(assessment)',
                '"portal", PersonalPortalSsoArgs(assessment), '
                'pulumi.ResourceOptions(aliases=[pulumi.Alias(name="mimecast-personal-portal")])',
            )
        )
        assert made.up().code == 0
    finally:
        program.write_text(before)
    assert signing_in(made) == set(PEOPLE)


def test_an_assigned_group_that_somebody_deleted_hides_nobody(made: Project) -> None:
    (group,) = (
        each for each in made.control.documents("entra.groups") if each["displayName"] == "Mimecast users"
    )
    for each in made.control.documents("entra.assignments"):
        if each["principalId"] == group["id"]:
            made.control.delete("entra.assignments", each["id"])
    made.control.delete("entra.groups", group["id"])
    assert signing_in(made) == {ADA, GRACE}
    run, drifted = made.up(), made.sso("drift")
    assert (run.code, drifted.code) == (1, 2), run.text + drifted.text
    assert "  - " not in run.text.partition("Outputs:")[2], run.text
    for each in (run, drifted):
        assert f"2 people cannot sign in now: {ALAN}, {LINUS}" in " ".join(each.text.split())
        assert "Entra has no security group with that name" in each.text


def test_a_claims_policy_of_somebody_else_stays_assigned(made: Project) -> None:
    section(made, "application", claims="verify")
    assert made.up().code == 0
    (principal,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if each["preferredSingleSignOnMode"] == "saml"
    )
    (own,) = principal["_claimsMappingPolicies"]
    policy = made.control.get("entra.policies", own)
    assert policy is not None
    made.control.put("entra.policies", "other", policy | {"id": "other", "displayName": "By hand"})
    made.control.put(
        "entra.servicePrincipals", principal["id"], principal | {"_claimsMappingPolicies": ["other"]}
    )
    run = made.sso("up", "--yes", "--refresh")
    assert run.code == 0, run.text
    assert signing_in(made) == set(PEOPLE)
    section(made, "application", claims="manage")
    refused(made.up(), "Refused by guard claims-policy", "Entra accepts only one")
    assert signing_in(made) == set(PEOPLE)


def test_assignment_becomes_required_again(made: Project) -> None:
    section(made, "application", assignmentRequired=False)
    assert made.up().code == 0
    section(made, "assign", groups=[])
    assert made.up().code == 0
    assert signing_in(made) == set(PEOPLE)
    section(made, "application", assignmentRequired=True)
    refused(made.up(), "AADSTS50105", f"Affected, 2: {ALAN}, {LINUS}")
    assert signing_in(made) == set(PEOPLE)


def test_an_authentication_context_is_refused_before_the_console_work(made: Project) -> None:
    made.configure(authenticationProfile={"contexts": {"passwordProtected": True}})
    refused(made.up(), "AADSTS75011", "Affected, 4", "once the console work is done")
    assert signing_in(made) == set(PEOPLE)


def test_assignment_and_roll_out_in_one_edit(made: Project) -> None:
    # Long enough after the deployment that everybody is sent to Entra.
    assert made.sandbox("clock", "+16m").code == 0
    made.control.set("mimecast.propagation_seconds", QUARTER)
    assert signing_in(made) == set(PEOPLE)
    section(made, "assign", users=[ADA])
    out = {"who": "pilot", "pilot": [ADA, ALAN, LINUS]}
    section(made, "rollOut", **out)
    refused(made.up(), f"Affected, 1: {GRACE}", "first change only mimecast-sso:rollOut")
    # In the order that the refusal names nobody is ever refused.
    section(made, "assign", users=[ADA, GRACE])
    assert made.up().code == 0
    assert GRACE in signing_in(made)
    section(made, "assign", users=[ADA])
    refused(made.up(), f"Affected, 1: {GRACE}", "left it less than 15 minutes ago")
    assert made.sandbox("clock", "+33m").code == 0
    run = made.up()
    assert run.code == 0, run.text
    assert signing_in(made) == {ADA, ALAN, LINUS}


def test_a_reverted_rotation(made: Project) -> None:
    """A single rotation is done and confirmed; then the stack file goes back to what it was."""
    before = yaml.safe_load(made.stack_file.read_text())
    attested = made.in_force()["authenticationProfile"]
    both = made.configuration("certificates")
    both["generations"].append({"label": "2029", "endDate": "2029-10-01T00:00:00Z"})
    made.configure(certificates=both)
    assert made.up().code == 0
    made.configure(certificates=both | {"active": "2029"})
    assert made.up().code == 0
    made.do_the_console_work()
    assert made.up().code == 0
    assert signing_in(made) == set(PEOPLE)

    made.configure(certificates=both | {"active": "2026"}, authenticationProfile=attested)
    refused(made.up(), "Refused by guard certificate-mismatch", "Affected, 4", "attested: confirmed by")
    assert signing_in(made) == set(PEOPLE)
    assert before["config"]["mimecast-sso:certificates"]["active"] == "2026"


def test_a_state_from_before_a_rotation_hides_nobody(made: Project) -> None:
    """A single rotation is done and confirmed; then the state is restored from a backup."""
    (file,) = (each for each in made.home.rglob("sandbox.json") if "stacks" in each.parts)
    before = file.read_text()
    both = made.configuration("certificates")
    both["generations"].append({"label": "2029", "endDate": "2029-10-01T00:00:00Z"})
    made.configure(certificates=both)
    assert made.up().code == 0
    made.configure(certificates=both | {"active": "2029"})
    assert made.up().code == 0
    made.do_the_console_work()
    assert made.up().code == 0
    file.write_text(before)
    assert "4 people sign in through Entra" in made.sso("preview").text
    section(made, "assign", users=[ADA])
    refused(made.up(), "AADSTS50105", f"Affected, 1: {GRACE}")
    assert signing_in(made) == set(PEOPLE)


def test_a_renamed_group_hides_nobody(made: Project) -> None:
    section(made, "rollOut", group="Another name")
    section(made, "assign", users=[], groups=[])
    refused(made.up(), "AADSTS50105", "Affected, 4")
    assert signing_in(made) == set(PEOPLE)


def test_a_roll_out_group_is_not_renamed_to_the_name_of_another(made: Project) -> None:
    with made.running.entered():
        provide_group(from_environment(made.running.env), "Existing")
    section(made, "rollOut", group="Existing")
    for run in (made.sso("preview"), made.up()):
        refused(
            run,
            "Refused by guard group-name",
            'to "Existing", but Mimecast already has a group with that name',
        )
    assert signing_in(made) == set(PEOPLE)


def test_a_group_that_was_renamed_in_the_console_and_created_again_hides_nobody(made: Project) -> None:
    name = made.configuration("rollOut")["group"]
    with made.running.entered():
        rename_group(from_environment(made.running.env), name, "Renamed in the console")
    assert made.sso("up", "--yes", "--refresh").code == 0
    section(made, "rollOut", who="pilot", pilot=[ADA, ALAN, LINUS])
    run = made.up()
    assert run.code == 0, run.text
    assert "for a group that no longer has this name. If that one was renamed" in " ".join(run.text.split())
    assert made.sandbox("clock", "+33m").code == 0
    section(made, "assign", users=[ADA])
    refused(made.up(), "AADSTS50105", f"Affected, 1: {GRACE}")
    assert signing_in(made) == set(PEOPLE)


def test_nobody_is_said_to_sign_in_through_a_group_that_was_created_after_the_confirmation(
    made: Project,
) -> None:
    name = made.configuration("rollOut")["group"]
    with made.running.entered():
        client = from_environment(made.running.env)
        group = require_group(client, name)
        change_members(client, group, add=(), remove=list_members(client, group))
        remove_group(client, name, created=True)
    assert made.sso("up", "--yes", "--refresh").code == 0
    for run in (made.up(), made.sso("roll-out status"), made.sso("verify"), made.sso("drift")):
        assert "4 people sign in through Entra" not in run.text, run.text
        assert "Who signs in through Entra is unknown" in run.text
    made.do_the_console_work()
    assert "4 people sign in through Entra afterwards" in made.up().text
    assert signing_in(made) == set(PEOPLE)


def test_a_stack_whose_destruction_would_disable_addresses_is_not_destroyed(made: Project) -> None:
    override = [{"name": "allow-destroy", "reason": "a test", "until": "2099-12-31"}]
    section(made, "addresses", onRemoval="disable")
    made.configure(guards=override)
    assert made.up().code == 0
    refused(
        made.sso("down", "--yes"), "4 addresses would be disabled at Mimecast", GRACE, "onRemoval: forget"
    )
    assert signing_in(made) == set(PEOPLE)


def test_a_state_that_was_copied_to_another_stack_is_refused(made: Project) -> None:
    command = ["pulumi"] if made.engine == "pulumi" else [sys.executable, "-m", "sandbox.engine"]

    def engine(*words: str) -> Ended:
        return made.sandbox("run", "--", *command, *words)

    override = [{"name": "allow-destroy", "reason": "a test", "until": "2099-12-31"}]
    made.configure(guards=override, domains=[{"name": "example.com", "mode": "require"}])
    exported = engine("stack", "export", "--stack", "sandbox").text
    (made.folder / "state.json").write_text(exported[exported.index("{") :])
    (made.folder / "stacks" / "Pulumi.copy.yaml").write_text(made.stack_file.read_text())
    assert engine("stack", "init", "copy").code == 0
    assert engine("stack", "import", "--file", "state.json", "--force", "--stack", "copy").code == 0
    for verb in (("preview",), ("up", "--yes")):
        run = made.stack("copy", *verb)
        assert run.code == REFUSED, run.text
        assert 'the state of stack copy records the resources of stack "sandbox"' in run.text
        assert "Guards: all passed" not in run.text
    assert signing_in(made) == set(PEOPLE)


def test_a_change_between_comparison_and_deployment_is_not_deployed(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    section(made, "rollOut", who="pilot", pilot=[ADA, GRACE, ALAN])
    reviewed = next(line for line in made.sso("preview").text.splitlines() if "Plan digest: " in line)
    compare = plan.require

    def compared_and_then(stack: Stack, engine: Engine, expected: str) -> None:
        compare(stack, engine, expected)
        (grace,) = (each for each in made.control.documents("entra.users") if each["mail"] == GRACE)
        made.control.put("entra.users", grace["id"], grace | {"accountEnabled": False})

    monkeypatch.setattr(plan, "require", compared_and_then)
    monkeypatch.setenv("ENGINE", made.engine)
    monkeypatch.chdir(made.folder)
    with made.running.entered():
        stack, engine = open_with_engine("sandbox", "up")
        code = deploy(stack, engine, yes=True, expect=reviewed.rpartition(" ")[2])
    assert code is Exit.REFUSED
    assert signing_in(made) == {ADA, ALAN, LINUS}, "Linus is still in the roll-out"


def test_the_console_counts_as_it_was_confirmed(made: Project) -> None:
    made.configure(authenticationProfile={"enforce": {"personalPortal": False}})
    section(made, "assign", users=[], groups=[])
    refused(made.up(), "AADSTS50105", "Affected, 4")
    assert signing_in(made) == set(PEOPLE)


def test_a_machine_clock_that_differs_is_reported_where_dates_decide(made: Project) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    made.configure(guards=[{"name": "allow-destroy", "reason": "a test", "until": tomorrow}])
    assert "This machine's clock" not in made.sso("preflight").text
    made.control.set("clock.offset_seconds", timedelta(days=3).total_seconds())
    said = "This machine's clock is 3 days behind Entra's"
    for run in (made.up(), made.sso("preview"), made.sso("drift", "--fast"), made.sso("preflight")):
        assert " ".join(run.text.split()).count(said) == 1, run.text
    assert said.replace("Entra's", "Mimecast's") in " ".join(run.text.split())
    assert "The override for guard allow-destroy expired" in made.up().text
    section(made, "application", replyUrl="https://example.com/login/saml")
    refused(made.up(), said, "AADSTS50011")


def test_whoever_cannot_sign_in_is_named_by_every_command(made: Project) -> None:
    """Alan is removed from the Entra group externally."""
    (group,) = (
        each for each in made.control.documents("entra.groups") if each["displayName"] == "Mimecast users"
    )
    (alan,) = (each for each in made.control.documents("entra.users") if each["mail"] == ALAN)
    members = [each for each in group[MEMBERS] if each != alan["id"]]
    made.control.put("entra.groups", group["id"], group | {MEMBERS: members})
    assert signing_in(made) == {ADA, GRACE, LINUS}
    for verb, code in (("up", 0), ("preview", 0), ("drift", 2), ("verify", 2), ("roll-out status", 2)):
        run = made.sso(verb, *(["--yes"] if verb == "up" else []))
        assert run.code == code, f"{verb}: {run.text}"
        assert f"1 person cannot sign in now: {ALAN}" in run.text, f"{verb}: {run.text}"
        assert "AADSTS50105" in run.text
        assert "3 people sign in through Entra" in run.text, f"{verb}: {run.text}"


def test_a_disabled_application_is_reported_first(made: Project) -> None:
    (principal,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if each["preferredSingleSignOnMode"] == "saml"
    )
    made.control.put("entra.servicePrincipals", principal["id"], principal | {"accountEnabled": False})
    run = made.up()
    assert run.code == 0, run.text
    assert "4 people cannot sign in now" in run.text
    assert "AADSTS7000112" in run.text
    assert "Nobody signs in through Entra" in run.text


def test_an_emptied_group_is_not_counted_as_signing_in(made: Project) -> None:
    """Everybody is rolled back; then the stack file is written by hand, and deployed without a refresh."""
    assert made.sso("roll-out back").code == 0
    made.forget("rollOut")
    run = made.up()
    assert run.code == 0, run.text
    assert "4 people sign in through Entra" not in run.text
    assert "Nobody signs in through Entra" in run.text


@pytest.mark.parametrize(
    ("addresses", "leave"),
    [
        ({"list": []}, PEOPLE),
        ({"list": [{"address": ADA}], "onRemoval": "forget"}, (ALAN, GRACE, LINUS)),
    ],
)
def test_people_who_return_to_a_password_are_named(
    made: Project, addresses: dict[str, Any], leave: tuple[str, ...]
) -> None:
    made.configure(addresses=addresses)
    for run in (made.sso("preview"), made.up()):
        assert "to sign in: " + ", ".join(sorted(leave)) in " ".join(run.text.split()), run.text
    assert signing_in(made) == set(PEOPLE) - set(leave)


@pytest.mark.parametrize("kind", ["ServicePrincipal::", "AuthenticationProfile::"])
def test_guards_still_see_a_resource_that_was_deleted_from_the_state(made: Project, kind: str) -> None:
    command = ["pulumi"] if made.engine == "pulumi" else [sys.executable, "-m", "sandbox.engine"]

    def engine(*words: str) -> Ended:
        return made.sandbox("run", "--", *command, *words, "--stack", "sandbox")

    exported = engine("stack", "export").text
    state = json.loads(exported[exported.index("{") :])
    (urn,) = (each["urn"] for each in state["deployment"]["resources"] if kind in f"{each['type']}::")
    flags = ("--yes", "--force", "--target-dependents")
    assert engine("state", "delete", urn, *flags).code == 0
    section(made, "application", replyUrl="https://example.com/login/saml")
    refused(made.up(), "AADSTS50011", "Affected, 4", ADA)
    assert signing_in(made) == set(PEOPLE)


def test_a_roll_out_group_that_was_recreated_by_hand_is_reported(made: Project) -> None:
    """The application settings stay bound to the deleted group, so people sign in with a password."""
    name = made.configuration("rollOut")["group"]
    with made.running.entered():
        client = from_environment(made.running.env)
        members = list_members(client, require_group(client, name))
        change_members(client, require_group(client, name), add=(), remove=members)
        remove_group(client, name, created=True)
        group, _ = provide_group(client, name)
        change_members(client, group, add=members, remove=())
    drifted = made.sso("drift")
    assert drifted.code == 2, drifted.text
    assert f"Action Performed - Deleted {name}" in " ".join(drifted.text.split())
    verified = made.sso("verify")
    assert "stale: compare the console with the run sheet" in " ".join(verified.text.split())
    run = made.up()
    assert "The authentication profile is stale: the console changed after the confirmation" in run.text


def test_neither_of_two_stacks_destroys_the_application_of_both(made: Project) -> None:
    domains = [{"name": "example.com", "mode": "require"}]
    override = [{"name": "allow-destroy", "reason": "a test", "until": "2099-12-31"}]
    made.configure(domains=domains, guards=override)
    assert made.up().code == 0
    (principal,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if each["preferredSingleSignOnMode"] == "saml"
    )
    application = made.configuration("application")
    document = yaml.safe_load(made.stack_file.read_text())
    document["config"] |= {
        f"mimecast-sso:{key}": value
        for key, value in (
            made.in_force() | {"application": application | {"adopt": principal["appId"]}}
        ).items()
        if key not in ("addresses", "addressPasswords", "dns")
    }
    (made.folder / "stacks" / "Pulumi.second.yaml").write_text(yaml.safe_dump(document))
    run = made.stack("second", "up", "--yes")
    assert run.code == 0, run.text
    for name, other in (("sandbox", "second"), ("second", "sandbox")):
        down = made.stack(name, "down", "--yes")
        assert down.code == REFUSED, down.text
        assert f"stack {other} also manages application {principal['appId']}" in down.text
    assert signing_in(made) == set(PEOPLE)


def test_a_second_stack_for_one_account_is_refused_before_anything_is_created(made: Project) -> None:
    (made.folder / "stacks" / "Pulumi.second.yaml").write_text(
        made.stack_file.read_text().replace("who: all", f"who: pilot\n    pilot: [{ADA}]")
    )
    run = made.stack("second", "up", "--yes")
    refused(run, "Refused by guard second-stack", "already has an application with identifier", "adopt:")
    assert "az ad app delete" not in run.text
    down = made.stack("second", "down", "--yes")
    assert GRACE not in down.text
    assert signing_in(made) == set(PEOPLE)
