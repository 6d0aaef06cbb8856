"""The preflight of a stack on the sandbox: what exists, what is missing, what cannot be known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest

from mimecast_sso.facts.graph_permissions import OPTIONAL, PREVIEW_ROLES, needs
from mimecast_sso.facts.mimecast_api import (
    CREATE_DOMAIN,
    FIND_GROUPS,
    GET_ACCOUNT,
    GET_GROUP_MEMBERS,
    GET_INTERNAL_DOMAIN,
)
from mimecast_sso.facts.mimecast_audit import GET_AUDIT_EVENTS
from mimecast_sso.operations.cli import main
from providers.entra.graph import GraphClient
from sandbox.credentials import MIMECAST_CLIENT_ID
from sandbox.entra.tokens import LEAST_ROLES
from tests.support.hand_made import bare, clean
from tests.support.journal import may_change
from tests.support.projects import Ended, Project, project

LEAST = ["Application.ReadWrite.OwnedBy", "Group.Read.All", "User.Read.All", "LicenseAssignment.Read.All"]
READ = {each.permission for each in (GET_ACCOUNT, GET_INTERNAL_DOMAIN, GET_GROUP_MEMBERS, GET_AUDIT_EVENTS)}
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
VERIFYING = [*LEAST, "Application.Read.All", "Policy.Read.All"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("preflight"), "embedded") as fresh:
        yield fresh


@pytest.fixture(autouse=True)
def as_shipped(made: Project) -> Iterator[None]:
    content = made.stack_file.read_text()
    yield
    made.stack_file.write_text(content)
    for name in (
        "entra.deployer_roles",
        "entra.premium",
        "entra.page_size",
        "mimecast.permissions",
        "mimecast.packages",
    ):
        made.control.set(name, None)
    made.control.faults()


@pytest.fixture
def preflight(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """The command in this process, with the sandbox's environment, changed."""
    monkeypatch.chdir(made.folder)

    def run(*words: str, **changes: str) -> Ended:
        for name, value in (made.running.env | changes).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["mimecast-sso", "preflight", "--stack", "sandbox", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), capsys.readouterr().out)

    return run


def lines(text: str, verdict: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith(f"  {verdict} "))


def test_a_sandbox_has_what_it_needs_and_nothing_is_written(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    made.control.set("entra.deployer_roles", list(LEAST_ROLES))
    before = len(made.control.journal())
    ended = preflight()
    assert ended.code == 0, ended.text
    fine, unknown = lines(ended.text, "fine"), lines(ended.text, "UNKNOWN")
    for part in ("client secret", "AppRoleAssignment.ReadWrite.All", "CUK25A118", "serves zone example.com"):
        assert part in fine
    assert "licence for groups" in unknown, "the deployer may not read subscriptions"
    assert "(to write)" in unknown
    assert "directory synchronisation: The account synchronises no directory" in lines(ended.text, "note")
    assert "[unknown]" not in fine
    assert "Directory.Read.All is not granted; without it, whether a deployment undid" in lines(
        ended.text, "note"
    )
    assert "0 missing" in ended.text
    writes = [entry["path"] for entry in made.control.journal()[before:] if may_change(entry)]
    assert writes == []


def test_the_integration_is_looked_up(made: Project, preflight: Callable[..., Ended]) -> None:
    made.configure(directorySynchronisation={"description": "Contoso", "tenantDomain": "contoso.example"})
    ended = preflight()
    assert ended.code == 0, ended.text
    assert 'the directory integration "Contoso" does not exist yet, and is created' in lines(
        ended.text, "note"
    )
    made.configure(directorySynchronisation={"description": "Contoso", "mode": "require"})
    ended = preflight()
    assert ended.code == 5, ended.text
    assert '"Contoso" does not exist, and its mode is require' in lines(ended.text, "MISSING")
    made.configure(directorySynchronisation=None)


@pytest.mark.parametrize(
    ("packages", "verdict", "said"),
    [
        (["Single Sign On [1031]"], "fine", "package Single Sign On [1031]"),
        ([{"id": 7, "name": "Single Sign-On"}], "fine", "package Single Sign-On"),
        (["Journal Services [1053]"], "UNKNOWN", "no package of the account is named after it"),
        ([], "UNKNOWN", "no package of the account is named after it"),
        ("hidden", "UNKNOWN", "does not list the account's packages"),
    ],
)
def test_single_sign_on_in_the_subscription_is_read_or_unknown(
    made: Project, preflight: Callable[..., Ended], packages: object, verdict: str, said: str
) -> None:
    made.control.set("mimecast.packages", packages)
    ended = preflight()
    found = [line for line in ended.text.splitlines() if "single sign-on in the subscription" in line]
    assert [(verdict in line, said in line) for line in found] == [(True, True)], ended.text
    assert ended.code == 0


def test_json_lists_every_statement_with_its_side(made: Project, preflight: Callable[..., Ended]) -> None:
    made.configure(accountCode="CUK00A001")
    document = json.loads(preflight("--format", "json").text)
    assert (document["command"], document["stack"], document["exit"]) == ("preflight", "sandbox", 5)
    by_subject = {each["subject"]: each for each in document["statements"]}
    assert by_subject["Mimecast: account"]["verdict"] == "MISSING"
    assert by_subject["Microsoft Entra ID: credentials"]["how"] == "read live"
    assert by_subject["DNS: key for updates"]["how"] == "unknown"


def test_objects_used_by_several_checks_are_read_once(made: Project, preflight: Callable[..., Ended]) -> None:
    before = len(made.control.journal())
    assert preflight().code == 0
    paths = [entry["path"] for entry in made.control.journal()[before:]]
    assert paths.count(FIND_GROUPS.path) == 1
    assert paths.count(GET_INTERNAL_DOMAIN.path) == 2, "alone, and along with the pending ones"


def test_whether_owners_can_be_added_is_unknown_with_the_least_permission(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    made.configure(application={"owners": ["alan@example.com"]})
    made.control.set("entra.deployer_roles", list(LEAST_ROLES))
    ended = preflight()
    assert ended.code == 0, ended.text
    assert "add owners of the application object" in lines(ended.text, "UNKNOWN")
    made.control.set("entra.deployer_roles", [*LEAST_ROLES, "Application.ReadWrite.All"])
    assert "add owners of the application object" in lines(preflight().text, "fine")


def test_missing_permissions_and_licence_are_named(made: Project, preflight: Callable[..., Ended]) -> None:
    made.control.set("entra.deployer_roles", LEAST)
    made.control.set("entra.premium", False)
    made.control.faults(
        {
            "host": "api.services.mimecast.com",
            "method": "POST",
            "path": "/api/audit/.*",
            "status": 403,
            "body": {"fail": [{"code": "app_forbidden", "message": "no product"}]},
            "times": 9,
        }
    )
    made.configure(application={"template": "No such entry"})
    ended = preflight()
    assert ended.code == 5, ended.text
    missing = lines(ended.text, "MISSING")
    for part in (
        "Policy.ReadWrite.ApplicationConfiguration",
        "AppRoleAssignment.ReadWrite.All",
        "needs Entra ID P1",
        "No such entry",
        "Account | Logs | Read",
    ):
        assert part in missing, ended.text


def test_without_a_network_everything_is_unknown_and_nothing_is_called_missing(
    preflight: Callable[..., Ended],
) -> None:
    nowhere = "http://127.0.0.1:9"  # The discard port: nobody listens.
    ended = preflight(https_proxy=nowhere, HTTPS_PROXY=nowhere)
    assert ended.code == 1, ended.text
    assert lines(ended.text, "UNKNOWN").count("UNKNOWN  connection: ") == 2
    assert lines(ended.text, "MISSING") == ""
    assert "get_token failed" not in ended.text


def test_verify_modes_need_no_permission_to_write_claims_or_assignments(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    made.control.set("entra.deployer_roles", VERIFYING)
    made.configure(
        application={"claims": "verify"}, assign={"mode": "verify", "groups": ["Mimecast users"], "users": []}
    )
    ended = preflight()
    assert ended.code == 0, ended.text
    assert "licence for groups: Entra ID P1" in lines(ended.text, "fine")


def test_an_application_to_adopt_must_exist_and_be_owned(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    nobody = "6c000000-0000-4000-8000-000000000001"
    made.configure(application={"adopt": nobody})
    assert nobody in lines(preflight().text, "MISSING")
    tenant = clean(made.running.graph(), made.control)
    made.configure(application={"adopt": tenant.client_id})
    assert preflight().code == 0
    tenant.plant("entra.servicePrincipals", tenant.principal["id"], _owners=[])
    ended = preflight()
    assert ended.code == 5
    assert "owner of the service principal" in lines(ended.text, "MISSING")
    assert "owner of the application" in lines(ended.text, "fine")
    made.configure(application={"displayName": "another"})
    assert "one to adopt" in lines(preflight().text, "note")


def test_an_identity_for_previews_needs_to_read_and_nothing_else(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    made.control.set("entra.deployer_roles", list(PREVIEW_ROLES))
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: list(READ)})
    made.configure(application={"claims": "manage"})
    before = len(made.control.journal())
    ended = preflight("--for", "preview")
    assert ended.code == 0, ended.text
    assert "reads only: Application.Read.All, AuditLog.Read.All" in lines(ended.text, "fine")
    assert "cannot register domains" in lines(ended.text, "fine")
    assert "lists Edit even to find a group" in lines(ended.text, "UNKNOWN")
    assert "whether the role can write" in lines(ended.text, "UNKNOWN")
    assert "DNS" not in ended.text
    assert not [each for each in made.control.journal()[before:] if may_change(each)]


def test_a_mimecast_role_that_finds_groups_may_be_one_that_changes_them(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    made.control.set("entra.deployer_roles", list(PREVIEW_ROLES))
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: [*READ, FIND_GROUPS.permission]})
    ended = preflight("--for", "preview")
    assert ended.code == 0, ended.text
    assert "roll-out group" in lines(ended.text, "fine")
    assert (
        f"change groups: it can find them, which Mimecast's catalogue lists under {FIND_GROUPS.permission}"
        in lines(ended.text, "UNKNOWN")
    )


@pytest.mark.parametrize(
    "role",
    [
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "Policy.ReadWrite.ApplicationConfiguration",
        "Sites.Selected",
    ],
)
def test_an_identity_for_previews_that_can_write_fails(
    made: Project, preflight: Callable[..., Ended], role: str
) -> None:
    made.control.set("entra.deployer_roles", [*PREVIEW_ROLES, role])
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: list(READ)})
    ended = preflight("--for", "preview")
    assert ended.code == 5, ended.text
    assert f"the preview identity can write: it holds {role}" in lines(ended.text, "FAILS")
    assert "1 wrong, 0 missing" in ended.text


def test_a_mimecast_role_that_registers_domains_fails_a_preview(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    made.control.set("entra.deployer_roles", list(PREVIEW_ROLES))
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: [*READ, CREATE_DOMAIN.permission]})
    ended = preflight("--for", "preview")
    assert ended.code == 5, ended.text
    assert f"can write: its role has {CREATE_DOMAIN.permission}" in lines(ended.text, "FAILS")


@pytest.mark.parametrize(
    ("subject", "code"),
    [("repo:acme/sso:environment:sso-preview", 0), ("repo:acme/sso:pull_request", 5)],
)
def test_an_identity_for_previews_that_any_pull_request_opens_fails(
    made: Project, preflight: Callable[..., Ended], subject: str, code: int
) -> None:
    made.control.set("entra.deployer_roles", list(PREVIEW_ROLES))
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: list(READ)})
    made.control.faults(
        {
            "host": "graph.microsoft.com",
            "method": "GET",
            "path": ".*/federatedIdentityCredentials",
            "status": 200,
            "body": {"value": [{"subject": subject}]},
        }
    )
    ended = preflight("--for", "preview")
    assert ended.code == code, ended.text
    assert subject in lines(ended.text, "FAILS" if code else "fine")


@pytest.mark.parametrize(
    "claims",
    [{"scp": "User.Read"}, {"roles": []}, {"roles": [*PREVIEW_ROLES], "wids": [APPLICATION_ADMINISTRATOR]}],
)
def test_what_cannot_be_proved_to_read_only_fails(
    made: Project,
    preflight: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, object],
) -> None:
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: list(READ)})
    monkeypatch.setattr(GraphClient, "claims", lambda _: claims)
    ended = preflight("--for", "preview")
    assert ended.code == 5, ended.text
    assert lines(ended.text, "FAILS").count("FAILS") == 1


def test_an_unrecorded_application_is_found_on_the_second_page(
    made: Project, preflight: Callable[..., Ended]
) -> None:
    graph = made.running.graph()
    first, second = (bare(graph, made.control, "Twice") for _ in range(2))
    of_another_account = ["https://eu-api.mimecast.com/sso/CUK00A001"]
    first.plant("entra.applications", first.application["id"], identifierUris=of_another_account)
    made.configure(application={"displayName": "Twice"})
    made.control.set("entra.page_size", 1)
    ended = preflight()
    assert second.client_id in lines(ended.text, "note")
    assert first.client_id not in ended.text


def test_credentials_that_do_not_work(made: Project, preflight: Callable[..., Ended]) -> None:
    ended = preflight(ARM_CLIENT_SECRET="wrong", MIMECAST_CLIENT_SECRET="canary-wrong")
    assert ended.code == 5
    missing = lines(ended.text, "MISSING")
    assert "AADSTS7000215" in missing
    assert missing.count("credentials") == 2
    assert "canary" not in ended.text
    assert lines(ended.text, "UNKNOWN").count("everything else at") == 2


def test_credentials_of_another_account(made: Project, preflight: Callable[..., Ended]) -> None:
    made.configure(accountCode="CUK00A001")
    ended = preflight()
    assert ended.code == 5
    assert "the Mimecast credentials are for account CUK25A118" in lines(ended.text, "MISSING").replace(
        "The", "the"
    )


def test_a_persons_token_does_not_show_permissions(
    preflight: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GraphClient, "claims", lambda _: {"tid": "t", "scp": "Application.ReadWrite.All"})
    ended = preflight()
    assert "depends on directory roles" in lines(ended.text, "UNKNOWN")
    assert "permission:" not in lines(ended.text, "fine")


def test_the_least_permissions_are_the_needed_ones_and_one_more() -> None:
    """A deployment of ``end_to_end/test_verifying.py`` runs with these, so they are enough; and each is needed."""
    desired = needs(
        manage_claims=True, manage_assignments=True, check_assignments=False, groups=True, users=True
    )
    held = frozenset(LEAST_ROLES)
    least = {need.met(held) for need in desired}
    assert "" not in least
    optional = {role for need in OPTIONAL for role in need.one_of}
    assert held - least - optional == {"Domain.Read.All"}, "azuread's get_domains, which a program may call"


def test_libraries_print_nothing_of_their_own(made: Project) -> None:
    """msal logs a traceback for a token response that is not JSON."""
    made.control.faults(
        {"host": "login.*", "path": ".*/token", "status": 200, "body": "<html>Wi-Fi</html>", "times": 9}
    )
    ended = made.sso("preflight")
    assert "gave no usable response" in ended.text
    assert "Traceback" not in ended.text
    assert "not in json format" not in ended.text
