"""Writes ``mimecast_sso/operations/fidelity/expectations.json``: the sandbox's responses to the product's read calls.

    .venv/bin/python tools/fidelity.py

Deploys stack ``sandbox`` in a separate sandbox with people of many kinds, and makes the calls under each setting that
changes responses. Takes about half a minute; a test compares the file with this script's output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mimecast_sso.facts.mimecast_api import GET_ACCOUNT  # noqa: E402
from mimecast_sso.operations.fidelity.command import make_calls  # noqa: E402
from mimecast_sso.operations.fidelity.exchanges import Exchange, Recorder  # noqa: E402
from mimecast_sso.operations.fidelity.expectations import FILE, of_exchanges  # noqa: E402
from mimecast_sso.operations.stacks import open_stack  # noqa: E402
from providers.mimecast import from_environment  # noqa: E402
from providers.mimecast.domains import Mode, provide_domain  # noqa: E402
from sandbox import credentials, lifecycle  # noqa: E402
from sandbox.control_client import Control  # noqa: E402
from sandbox.entra.tokens import DEFAULT_ROLES  # noqa: E402
from sandbox.environment import environment  # noqa: E402

TARGET = ROOT / "mimecast_sso" / "operations" / "fidelity" / FILE
STACK = "sandbox"
_GRAPH = "https://graph.microsoft.com"

_OTHERS: Mapping[str, Any] = {
    "users": [
        {
            "displayName": "A guest",
            "mail": "guest@partner.example",
            "userPrincipalName": "guest_partner.example#EXT#@contoso.onmicrosoft.com",
            "userType": "Guest",
            "password": credentials.USER_PASSWORD,
        },
        {
            "displayName": "Without mail",
            "mail": None,
            "userPrincipalName": "without-mail@contoso.onmicrosoft.com",
            "password": credentials.USER_PASSWORD,
        },
        {
            "displayName": "A shared mailbox",
            "mail": "shared@example.com",
            "userPrincipalName": "shared@example.com",
            "accountEnabled": False,
            "userPurpose": "shared",
            "password": credentials.USER_PASSWORD,
        },
    ],
    "groups": [
        {"displayName": "Nested", "members": ["guest@partner.example"]},
        {
            "displayName": "Mimecast users",
            "members": [
                "Nested",
                "guest@partner.example",
                "without-mail@contoso.onmicrosoft.com",
                "shared@example.com",
            ],
        },
    ],
    "conditionalAccess": [
        {"displayName": "Strong", "grantControls": ["mfa"], "users": ["All"], "applications": ["All"]},
        {
            "displayName": "Not them",
            "grantControls": ["block"],
            "users": ["guest@partner.example"],
            "applications": ["All"],
        },
    ],
}
_ROLES = (
    "Application.ReadWrite.All",
    "AuditLog.Read.All",
    "MailboxSettings.Read",
    "Policy.Read.ConditionalAccess",
)
"""Permissions that a deployment does not need."""
_MIMECAST: Mapping[str, Any] = {
    "users": [
        {"emailAddress": "synchronised@example.com", "name": "Synchronised", "source": "ldap"},
        {"emailAddress": "nameless@example.com"},
    ],
    "directoryConnections": [{"description": "Directory"}],
}


@contextmanager
def world(home: Path) -> Iterator[Control]:
    """A sandbox in ``home`` with the stack deployed, the console work done and everybody signed in once."""
    variables = {**os.environ, "SANDBOX_HOME": str(home), "ENGINE": "embedded"}
    process, _ = lifecycle.start(home)
    try:
        control = Control(process.proxy_port, home)
        sso = (str(Path(sys.executable).with_name("mimecast-sso")), "{}", "--stack", STACK)
        _run(variables, "-m", "sandbox", "seed", "--stack", STACK)
        for words in (
            (sso[0], "up", *sso[2:], "--yes"),
            (
                sys.executable,
                "-m",
                "sandbox",
                "administrator",
                "--quiet",
                str(home / "run-sheet/sandbox.html"),
            ),
            (
                sso[0],
                "confirm",
                *sso[2:],
                "--by",
                "administrator@example.com",
                "--evidence",
                "tools/fidelity.py",
            ),
            (sso[0], "up", *sso[2:], "--yes"),
            (sys.executable, "-m", "sandbox", "login", "ada@example.com"),
        ):
            _run(variables, "-m", "sandbox", "run", "--", *words)
        yield control
    finally:
        lifecycle.stop(home)


def _run(variables: Mapping[str, str], *words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=dict(variables), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stdout}{done.stderr}")


@contextmanager
def entered(home: Path) -> Iterator[None]:
    """Within the block, this process's clients reach that sandbox."""
    before, folder = dict(os.environ), Path.cwd()
    os.environ.update(environment(home))
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)


def calls() -> Sequence[Exchange]:
    """Make the calls once in the entered sandbox."""
    recorder = Recorder()
    make_calls(open_stack(STACK), recorder)
    return recorder.exchanges


def in_all_worlds(control: Control, make: Callable[[], Sequence[Exchange]] = calls) -> list[Exchange]:
    """Make the calls in each world that changes their responses."""
    found = [*make()]
    for change, undo in _changes(control):
        change()
        found += make()
        undo()
    return found


def _changes(control: Control) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    def setting(name: str, value: Any, before: Any) -> tuple[Callable[[], object], Callable[[], object]]:
        return lambda: control.set(name, value), lambda: control.set(name, before)

    everything = [*DEFAULT_ROLES, *_ROLES]
    yield (lambda: _populate(control)), (lambda: control.set("entra.deployer_roles", everything))
    yield setting("entra.page_size", 2, 100)
    yield setting("entra.premium", False, True)
    for granted in ([], [GET_ACCOUNT.permission]):
        yield setting("mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: granted}, {})
    yield partial(_use_secret, "wrong"), partial(_use_secret, credentials.MIMECAST_CLIENT_SECRET)
    yield setting("entra.deployer_roles", ["Application.Read.All"], everything)
    yield setting("entra.deployer_roles", [], everything)


def _populate(control: Control) -> None:
    """Add people, objects and permissions that the stack does not need."""
    account = control.documents("mimecast.accounts")[0]
    mimecast = {
        "accountCode": account["accountCode"],
        "region": account["region"],
        "clientId": credentials.MIMECAST_CLIENT_ID,
        "clientSecret": credentials.MIMECAST_CLIENT_SECRET,
        "administrator": {**account["administrator"], "password": credentials.ADMINISTRATOR_PASSWORD},
        **_MIMECAST,
    }
    control.seed({**_OTHERS, "mimecast": mimecast})
    control.set("entra.deployer_roles", [*DEFAULT_ROLES, *_ROLES])
    provide_domain(from_environment(), "pending.example", Mode.REGISTER, "any")
    _delete_an_application()
    _add_to_the_application(control)


def _use_secret(secret: str) -> None:
    os.environ["MIMECAST_CLIENT_SECRET"] = secret


def _add_to_the_application(control: Control) -> None:
    """What others may add to the application: a federated credential, optional and group claims."""
    for each in control.documents("entra.applications"):
        credential = {
            "id": "6c000000-0000-4000-8000-0000000000fc",
            "name": "ci",
            "issuer": "https://ci.example",
            "subject": "repo:ours",
            "description": None,
            "audiences": ["api://AzureADTokenExchange"],
        }
        claim: dict[str, Any] = {
            "name": "groups",
            "source": None,
            "essential": False,
            "additionalProperties": [],
        }
        more = {
            "_federatedIdentityCredentials": [credential],
            "optionalClaims": {"idToken": [], "accessToken": [], "saml2Token": [claim]},
            "groupMembershipClaims": "SecurityGroup",
        }
        control.put("entra.applications", each["id"], each | more)


def _delete_an_application() -> None:
    token = requests.post(
        f"https://login.microsoftonline.com/{credentials.TENANT_ID}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": credentials.DEPLOYER_CLIENT_ID,
            "client_secret": credentials.DEPLOYER_CLIENT_SECRET,
            "scope": f"{_GRAPH}/.default",
        },
        timeout=30,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    created = requests.post(
        f"{_GRAPH}/v1.0/applications", json={"displayName": "Deleted"}, headers=headers, timeout=30
    )
    created.raise_for_status()
    path = f"{_GRAPH}/v1.0/applications/{created.json()['id']}"
    requests.delete(path, headers=headers, timeout=30).raise_for_status()


def text(exchanges: Sequence[Exchange]) -> str:
    """The file's content."""
    return json.dumps(of_exchanges(exchanges).document(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as control, entered(Path(folder)):
        TARGET.write_text(text(in_all_worlds(control)), encoding="utf-8")
    print(TARGET.relative_to(ROOT))


if __name__ == "__main__":
    main()
