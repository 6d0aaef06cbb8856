"""Deploys the three stacks of ``tests/checkpoints`` with this release, and stores their checkpoints.

    python -m tests.checkpoints.make

Run it once per release. Checkpoints of earlier releases are never rewritten: only the originals are evidence.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from sandbox import credentials
from tests.support import checkpoints
from tests.support.hand_made import GRAPH, MAIL, NAME, Tenant, bare, set_up
from tests.support.projects import ROOT, Ended, Project, project
from tests.support.rotations import do_what_is_due_in_the_console, rotate

GRACE = "grace@example.com"
ALAN = "alan@example.com"
LASTING = {"staleAfterDays": 36500}
"""The program judges by the machine's own date how old a confirmation is: see README.md."""
ENDS = "2029-11-01T00:00:00Z"
SECOND_ENDS = "2029-11-24T00:00:00Z"
_RELEASED = (".", ":!tests", ":!docs", ":!*.md")


def sandbox(made: Project) -> None:
    """The stack that ``make up`` deploys: confirmed, and everybody signs in through Entra."""
    made.configure(authenticationProfile=LASTING)
    deploy(made)


def blue_green(made: Project) -> None:
    """Half-way through a rotation: two certificates and two profiles, both confirmed, everybody in both groups."""
    made.configure(
        authenticationProfile=LASTING,
        certificates={
            "rotation": "blue-green",
            "generations": [{"label": "2026", "endDate": ENDS}],
            "active": "2026",
            "waitMinutes": 0,
        },
    )
    deploy(made)
    names = ("--start", "--label", "2029", "--end-date", SECOND_ENDS)
    fine(rotate(made, "next", "--apply", "--yes", *names), "Step (stage)")
    do_what_is_due_in_the_console(made)
    fine(made.up())
    fine(rotate(made, "next", "--apply", "--yes"), "Step (overlap)")


def idp(made: Project) -> None:
    """The tile signs people in; the application was made by a person in the portal, and has three owners."""
    by_hand = bare(made.running.portal(GRACE), made.control)
    own(by_hand, credentials.DEPLOYER_OBJECT_ID)
    by_hand.graph = made.running.graph()
    set_up(by_hand)
    made.configure(
        application={
            "displayName": NAME,
            "adopt": by_hand.client_id,
            "signOn": "idp",
            "owners": [GRACE, ALAN],
            "notificationEmails": [MAIL],
        },
        authenticationProfile=LASTING,
    )
    deploy(made)


def deploy(made: Project) -> None:
    """First deployment, console work, confirmation, second deployment; and one that looks how both sides are now."""
    fine(made.up(), "Console work is due")
    do_what_is_due_in_the_console(made)
    fine(made.up())
    fine(made.sso("up", "--yes", "--refresh"))


def own(tenant: Tenant, principal: str) -> None:
    """As the guide to adopting asks: the deploying principal is made an owner of both objects."""
    reference = {"@odata.id": f"{GRAPH}/directoryObjects/{principal}"}
    for path in (f"/applications/{tenant.application['id']}", f"/servicePrincipals/{tenant.principal['id']}"):
        tenant.call("POST", f"{path}/owners/$ref", reference)


def fine(ended: Ended, said: str = "") -> None:
    """Stops where a command did not do what was expected of it."""
    if ended.code or said not in ended.text:
        raise SystemExit(f"ended with {ended.code}, and {said!r} was expected:\n{ended.text}")


STACKS: dict[str, Callable[[Project], None]] = {"sandbox": sandbox, "blue-green": blue_green, "idp": idp}


def main() -> None:
    """Makes what this release has not left yet; refuses where the code is not the one that was committed."""
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    target = checkpoints.FOLDER / release
    if target.exists():
        sys.exit(f"{target.relative_to(ROOT)} is there, and stays as it was made")
    if git("status", "--porcelain", "--", *_RELEASED):
        sys.exit("There are changes that are not committed: a checkpoint is kept of a release only")
    commit = git("log", "-1", "--format=%h", "--", *_RELEASED)
    with tempfile.TemporaryDirectory(dir=checkpoints.FOLDER, prefix=".") as made_here:
        for name, deployed in STACKS.items():
            with tempfile.TemporaryDirectory() as folder, project(Path(folder), "embedded") as made:
                deployed(made)
                fine(made.sso("preview"), "unchanged")
                checkpoints.keep(made, Path(made_here) / name)
                print(f"{name}: kept")
        Path(made_here).rename(target)
        Path(made_here).mkdir()  # for the one who cleans up
    print(f"{target.relative_to(ROOT)}: made by commit {commit}")


def git(*words: str) -> str:
    """What git says."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
