"""``seed``, ``administrator`` and ``login`` on the command line: what they create, enter and print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mimecast_sso.facts.profile_form import FIELDS, TICKED, UNTICKED, Control, FormSection
from sandbox import credentials, lifecycle, run_sheets, stack_seed
from sandbox.control_client import ControlError
from sandbox.run_sheets import UnreadableError
from sandbox.stack_seed import StackError
from tests.support.sandboxes import ACCOUNT_CODE, ADA, GRACE, RunningSandbox, seed_document, started

ROOT = Path(__file__).resolve().parents[2]
GRAPH = "https://graph.microsoft.com/v1.0"
IDENTIFIER = "https://eu-api.mimecast.com/sso/CUK25A118"
REPLY_URL = "https://eu-api.mimecast.com/login/saml"
GROUP = "Pilot | first"

STACK = """
config:
  mimecast-sso:region: eu
  mimecast-sso:accountCode: CUK25A118
  mimecast-sso:application: {template: [Mimecast, 0c4b3b9b-6a3f-4a4e-9f1e-7f6f1c0e5a11]}
  mimecast-sso:assign: {users: [ada@example.com], groups: [Staff]}
  mimecast-sso:domains: [{name: example.com}, {name: example.org, mode: require}]
  mimecast-sso:addresses: {list: [{address: alan@example.com, name: Alan Turing}]}
  mimecast-sso:rollOut: {pilot: [grace@example.org]}
  mimecast-sso:dns: {zone: dns.example.com, tsig: {name: key., algorithm: hmac-sha512, secret: {secure: v1}}}
"""


def command(
    sandbox: RunningSandbox, *arguments: str, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=folder,
        env={**os.environ, "SANDBOX_HOME": str(sandbox.home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Seeding from a stack


def stacks(folder: Path, text: str, name: str = "test") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"Pulumi.{name}.yaml").write_text(text)
    return folder


def test_the_objects_that_a_stack_names_are_seeded(tmp_path: Path) -> None:
    document = stack_seed.document("test", stacks(tmp_path / "stacks", STACK))
    assert [item.get("id") for item in document["templates"]] == [
        None,
        "0c4b3b9b-6a3f-4a4e-9f1e-7f6f1c0e5a11",
    ]
    assert {item["mail"] for item in document["users"]} == {
        "ada@example.com",
        "alan@example.com",
        "grace@example.org",
        "visitor@example.com",
    }
    assert document["groups"] == [
        {"displayName": "Staff", "members": ["alan@example.com", "grace@example.org"]}
    ]
    mimecast = document["mimecast"]
    assert mimecast["administrator"]["emailAddress"] == "administrator@example.com"
    assert mimecast["domains"] == [{"name": "example.org"}], "those that must already exist"
    assert mimecast["users"] == [{"emailAddress": "grace@example.org", "name": "Grace"}]
    zones = document["dns"]["zones"]
    assert [zone["name"] for zone in zones] == ["example.com", "example.org", "dns.example.com"]
    key = {"name": "key.", "algorithm": "hmac-sha512", "secret": credentials.TSIG_SECRET}
    assert zones[0]["tsig"] == key


def test_an_integration_that_a_stack_requires_is_seeded_and_its_tenant_has_the_domain(tmp_path: Path) -> None:
    integration = """
  mimecast-sso:directorySynchronisation:
    {description: Entra, mode: MODE, tenantDomain: Contoso.example, maxUnlink: 1000, deleteUsers: true}
"""
    for mode, connections in (
        (
            "require",
            [
                {
                    "description": "Entra",
                    "tenantDomain": "Contoso.example",
                    "maxUnlink": "1000",
                    "deleteUsers": True,
                    "lastSync": "now",
                }
            ],
        ),
        ("ensure", []),
    ):
        text = STACK.rstrip() + integration.replace("MODE", mode)
        document = stack_seed.document("test", stacks(tmp_path / mode, text))
        assert document["mimecast"]["directoryConnections"] == connections
        assert document["tenant"]["domains"] == ["contoso.example"]


def test_the_shipped_stacks_can_all_be_seeded() -> None:
    names = [file.name.split(".")[1] for file in (ROOT / "stacks").glob("Pulumi.*.yaml")]
    for name in names:
        assert stack_seed.document(name, ROOT / "stacks")["mimecast"]["accountCode"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: [", "is not valid YAML, line 1"),
        ("config: {}", "mimecast-sso:region is missing; allowed: eu, de"),
        ("config: {'mimecast-sso:region': fr}", "region is fr; allowed"),
        ("config: {'mimecast-sso:region': eu}", "mimecast-sso:accountCode: CUK25A118"),
    ],
)
def test_a_stack_that_says_too_little_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StackError, match=message):
        stack_seed.document("test", stacks(tmp_path / "stacks", text))


def test_seeding_twice_changes_nothing(tmp_path: Path) -> None:
    with started(tmp_path / "home", {}) as sandbox:
        stacks(tmp_path / "stacks", STACK)
        first = command(sandbox, "seed", "--stack", "test", folder=tmp_path)
        assert (first.returncode, first.stderr) == (0, "")
        collections = ("entra.users", "entra.groups", "entra.templates", "mimecast.accounts", "dns.zones")
        before = [sandbox.control.documents(name) for name in collections]
        assert command(sandbox, "seed", "--stack", "test", folder=tmp_path).returncode == 0
        assert [sandbox.control.documents(name) for name in collections] == before
        stacks(tmp_path / "stacks", STACK.replace("CUK25A118", "CUK00A002"), "other")
        refused = command(sandbox, "seed", "--stack", "other", folder=tmp_path)
        assert refused.returncode == 1
        assert "SANDBOX_HOME" in refused.stderr
        missing = command(sandbox, "seed", "--stack", "nope", folder=tmp_path)
        assert "stacks here: other, test" in missing.stderr


# Run sheets


def values(certificate: str = "TUlJ") -> dict[str, str]:
    login = f"https://login.microsoftonline.com/{credentials.TENANT_ID}/saml2"
    ticked = {"enforcePersonalPortal", "allowSingleSignOn"}
    entered = {
        "description": "Entra | sign-on <1>",
        "provider": "Azure Active Directory",
        "issuerUrl": f"https://sts.windows.net/{credentials.TENANT_ID}/",
        "loginUrl": login,
        "logoutUrl": login,
        "certificate": certificate,
        "applicationSettings": "Entra for the pilot",
        "group": GROUP,
        "settingsProfile": "Entra | sign-on <1>",
    }
    boxes = {
        field.key: TICKED if field.key in ticked else UNTICKED
        for field in FIELDS
        if field.control is Control.CHECK_BOX
    }
    return {field.key: "" for field in FIELDS} | boxes | entered


def markdown_sheet(entered: dict[str, str]) -> str:
    lines = ["# A sheet", "", "| | |", "| --- | --- |"]
    lines += [
        f"| {name} | `{value}` |"
        for name, value in (("Stack", "s"), ("Region", "eu"), ("Account", "CUK25A118"))
    ]
    for number, section in enumerate(FormSection, start=1):
        lines += ["", f"## {number}. {section.value}", "", "Console: **Users &amp; Groups > New**", ""]
        lines += ["| Field | Value | Note |", "| --- | --- | --- |"]
        fields = [field for field in FIELDS if field.section is section]
        for field in fields:
            value = entered[field.key].replace("|", "\\|")
            if field.key == "certificate":
                cell = "the text below"
            elif value in (TICKED, UNTICKED):
                cell = value
            else:
                cell = f"`{value}`" if value else "leave empty"
            lines.append(f"| {field.label} | {cell} | a note |")
        for field in fields:
            if field.key == "certificate":
                lines += ["", f"{field.label}:", "", "```text", entered[field.key], "```"]
    return "\n".join([*lines, "", "## 3. Confirm", "", "```sh", "confirm", "```"])


def html_sheet(entered: dict[str, str]) -> str:
    from html import escape  # noqa: PLC0415

    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in (("Stack", "s"), ("Region", "eu")))
    parts = [f"<!doctype html><dl>{facts}<dt>Account</dt><dd><code>CUK25A118</code></dd></dl>"]
    for section in FormSection:
        rows = [
            f'<tr data-field="{field.key}"><th>{field.label}</th>'
            f'<td class="value"><code>{escape(entered[field.key])}</code></td><td>a note</td></tr>'
            for field in FIELDS
            if field.section is section
        ]
        parts.append(
            f'<p class="path">Console > New</p><table data-section="{section.value}">{"".join(rows)}</table>'
        )
    return "".join(parts)


def test_both_formats_of_a_sheet_have_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "sheet.md").write_text(markdown_sheet(values()))
    (tmp_path / "sheet.html").write_text(html_sheet(values()))
    in_markdown, in_html = (run_sheets.read(tmp_path / name) for name in ("sheet.md", "sheet.html"))
    for section in FormSection:
        desired = {field.label: values()[field.key] for field in FIELDS if field.section is section}
        assert in_markdown.dialogues[section].values == desired
        assert in_html.dialogues[section].values == desired
    assert (
        (in_markdown.region, in_markdown.account) == (in_html.region, in_html.account) == ("eu", "CUK25A118")
    )


@pytest.mark.parametrize("text", ["", "# Something else\n\n| a | b |\n", "<p>Nothing</p>", "<!-- -->"])
def test_a_file_that_is_not_a_run_sheet_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sheet").write_text(text)
    with pytest.raises(UnreadableError, match="sheet"):
        run_sheets.read(tmp_path / "sheet")


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        run_sheets.read(tmp_path / "nothing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableError, match="UTF-8"):
        run_sheets.read(tmp_path / "binary")


# The way from a sheet to a sign-in


@pytest.fixture(scope="module")
def certificate(sandbox: RunningSandbox) -> str:
    """Both tenants ready for the sheet: the application with Ada assigned, the people and the group."""
    graph = sandbox.graph()
    made = sandbox.instantiate("Mimecast")
    principal = f"{GRAPH}/servicePrincipals/{made['servicePrincipal']['id']}"
    graph.patch(principal, json={"preferredSingleSignOnMode": "saml"}, timeout=30)
    body = {"identifierUris": [IDENTIFIER], "web": {"redirectUris": [REPLY_URL]}}
    graph.patch(f"{GRAPH}/applications/{made['application']['id']}", json=body, timeout=30)
    key = graph.post(
        f"{principal}/addTokenSigningCertificate", json={"displayName": "CN=Test"}, timeout=30
    ).json()
    ada = graph.get(f"{GRAPH}/users/{ADA}", timeout=30).json()["id"]
    role = made["application"]["appRoles"][0]["id"]
    body = {"principalId": ada, "resourceId": made["servicePrincipal"]["id"], "appRoleId": role}
    assert graph.post(f"{principal}/appRoleAssignedTo", json=body, timeout=30).ok
    people = [{"emailAddress": address, "name": address} for address in (ADA, GRACE)]
    mimecast = {
        **seed_document()["mimecast"],
        "domains": [{"name": "example.com"}],
        "users": people,
        "groups": [{"description": GROUP, "members": [ADA, GRACE]}],
    }
    sandbox.control.seed({"mimecast": mimecast})
    return str(key["key"])


def test_the_administrator_fills_the_console_and_people_sign_in(
    sandbox: RunningSandbox, certificate: str, tmp_path: Path
) -> None:
    before = command(sandbox, "login", ADA)
    assert before.returncode == 1
    assert "asks for a password" in before.stderr
    assert "Who is in the roll-out: mimecast-sso roll-out status --stack NAME" in before.stderr
    sheet = tmp_path / "sheet.md"
    sheet.write_text(markdown_sheet(values(certificate)))
    filled = command(sandbox, "administrator", str(sheet))
    assert filled.returncode == 0, filled.stderr
    assert "administrator@example.com" in filled.stdout
    assert "  Enforce SAML Authentication for Mimecast Web Apps: ticked\n" in filled.stdout
    assert "  Use Password Protected Context: not ticked\n" in filled.stdout
    assert credentials.ADMINISTRATOR_PASSWORD not in filled.stdout
    signed_in = command(sandbox, "login", ADA)
    assert (signed_in.returncode, signed_in.stderr) == (0, "")
    assert signed_in.stdout == f"signed in to the Mimecast Personal Portal as {ADA}\n"
    unassigned = command(sandbox, "login", GRACE)
    assert unassigned.returncode == 1
    assert "AADSTS50105" in unassigned.stderr
    wrong = command(sandbox, "login", ADA, "--password", "wrong")
    assert "AADSTS50126" in wrong.stderr
    sheet.with_suffix(".html").write_text(
        html_sheet({**values(certificate), "enforcePersonalPortal": UNTICKED})
    )
    again = command(sandbox, "administrator", str(sheet.with_suffix(".html")))
    assert again.returncode == 0, again.stderr
    assert len(sandbox.control.documents("mimecast.profiles")) == 2, (
        "changed the one that was there, beside the default"
    )
    assert command(sandbox, "login", ADA).returncode == 1


def test_everybody_signs_in_once_and_repeatedly(
    sandbox: RunningSandbox, certificate: str, tmp_path: Path
) -> None:
    (tmp_path / "sheet.md").write_text(markdown_sheet(values(certificate)))
    assert command(sandbox, "administrator", str(tmp_path / "sheet.md")).returncode == 0
    once = [json.loads(line) for line in command(sandbox, "sign-ins").stdout.splitlines()]
    found = {each["address"]: each["result"] for each in once}
    assert (found[ADA], found[GRACE]) == ("entra", "refused")
    assert len(found) == len(once) > 2
    (refused,) = (each["reason"] for each in once if each["address"] == GRACE)
    assert "AADSTS50105" in refused
    stop = tmp_path / "stop"
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "sign-ins", ADA, "--until", str(stop)],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_HOME": str(sandbox.home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(5)]
        stop.touch()
        assert running.wait(60) == 0
    assert {json.loads(line)["result"] for line in lines} == {"entra"}


def test_further_people_are_seeded_from_a_list(tmp_path: Path) -> None:
    (tmp_path / "people").write_text("new@example.com\nold@example.com\n")
    folder = stacks(tmp_path / "stacks", STACK)
    found = stack_seed.document("test", folder, (tmp_path / "people").read_text().split())
    assert {"new@example.com", "old@example.com"} <= {each["mail"] for each in found["users"]}
    assert "new@example.com" in found["groups"][0]["members"], "not assigned by themselves, so by the group"
    with started(tmp_path / "home", {}) as sandbox:
        words = ("seed", "--stack", "test", "--people")
        assert command(sandbox, *words, "people", folder=tmp_path).returncode == 0
        assert "new@example.com" in {each["mail"] for each in sandbox.control.documents("entra.users")}
        missing = command(sandbox, *words, "nowhere", folder=tmp_path)
        assert missing.returncode == 1
        assert "nowhere cannot be read: No such file" in missing.stderr
        (tmp_path / "names").write_text("new@example.com\nSomebody New\n")
        names = command(sandbox, *words, "names", folder=tmp_path)
        assert names.returncode == 1
        assert "names, line 2: not a mail address" in names.stderr


def test_seeding_again_leaves_the_members_of_a_group(sandbox: RunningSandbox, tmp_path: Path) -> None:
    def members() -> list[str]:
        (group,) = (
            each for each in sandbox.control.documents("entra.groups") if each["displayName"] == "Staff"
        )
        found = sandbox.graph().get(f"{GRAPH}/groups/{group['id']}/members", timeout=30).json()["value"]
        return sorted(each["id"] for each in found)

    folder = stacks(tmp_path / "stacks", STACK.replace("CUK25A118", ACCOUNT_CODE)).parent
    assert command(sandbox, "seed", "--stack", "test", folder=folder).returncode == 0
    before = members()
    assert before
    stacks(tmp_path / "stacks", STACK.replace("users: [ada@example.com]", "users: [new@example.com]"))
    done = command(sandbox, "seed", "--stack", "test", "--keep-groups", folder=folder)
    assert done.returncode == 0, done.stderr
    assert members() == before
    people = {each["mail"] for each in sandbox.control.documents("entra.users")}
    assert "new@example.com" in people


def test_what_the_console_refuses_is_shown(sandbox: RunningSandbox, certificate: str, tmp_path: Path) -> None:
    assert certificate
    sheet = tmp_path / "sheet.md"
    for changes, message in (
        ({"certificate": "nonsense"}, "Identity Provider Certificate"),
        ({"provider": "Somebody"}, 'does not offer "Somebody"'),
        ({"allowSingleSignOn": "perhaps"}, "is a check box"),
    ):
        sheet.write_text(markdown_sheet({**values(certificate), "description": "Other", **changes}))
        response = command(sandbox, "administrator", str(sheet))
        assert response.returncode == 1
        assert message in response.stderr
        assert "Traceback" not in response.stderr


def test_without_an_account_people_commands_say_so(tmp_path: Path) -> None:
    with started(tmp_path / "home", {}) as sandbox:
        assert "seed --stack" in command(sandbox, "login", ADA).stderr
        (tmp_path / "sheet.md").write_text(markdown_sheet(values()))
        assert "seed --stack" in command(sandbox, "administrator", str(tmp_path / "sheet.md")).stderr
        lifecycle.stop(sandbox.home)
        assert "not running" in command(sandbox, "login", ADA).stderr


# How people sign in


def test_how_a_person_signs_in_is_chosen(sandbox: RunningSandbox) -> None:
    assert command(sandbox, "person", ADA).stdout == f"{ADA} signs in by multiFactor\n"
    chosen = command(sandbox, "person", ADA.upper(), "--signs-in-by", "password")
    assert chosen.stdout == f"{ADA} signs in by password\n"
    assert command(sandbox, "person", ADA).stdout == chosen.stdout
    assert command(sandbox, "person", ADA, "--signs-in-by", "magic").returncode == 64
    nobody = command(sandbox, "person", "nobody@example.com")
    assert (nobody.returncode, "no one in the sandbox" in nobody.stderr) == (1, True)
    document = {"users": [{"displayName": "B", "userPrincipalName": "b@example.com", "signInMethod": "x"}]}
    with pytest.raises(ControlError, match="unknown sign-in method"):
        sandbox.control.seed(document)
    document["users"][0]["signInMethod"] = "windowsHello"
    sandbox.control.seed(document)
    assert command(sandbox, "person", "b@example.com").stdout == "b@example.com signs in by windowsHello\n"
