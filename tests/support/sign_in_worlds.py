"""Deployed stacks with people of every kind, whose real sign-ins are held against what the product says of them.

Mimecast takes its fifteen minutes there; `World.later` lets them pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import yaml

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.sign_in import Result, Way
from mimecast_sso.operations.assessing import assess_stack
from mimecast_sso.operations.deployment import open_with_engine
from sandbox import credentials
from sandbox.entra.tokens import DEFAULT_ROLES
from sandbox.mimecast import passwords
from tests.support.deployments import Deployments
from tests.support.projects import Ended, Project
from tests.support.rotations import do_what_is_due_in_the_console
from tests.support.saved import SavedProject
from tests.support.walks import Ending, Person, walk


def _at_example(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}@example.com" for name in names)


ADA, GRACE = USERS = _at_example("ada", "grace")
"""Assigned themselves, and in the roll-out."""
ALAN, LINUS, KATHERINE = MEMBERS = _at_example("alan", "linus", "katherine")
"""Assigned through the group, and in the roll-out. Linus's user principal name is no address; Katherine is a guest."""
BARBARA, EDSGER, TONY = READY = _at_example("barbara", "edsger", "tony")
"""Addresses that are in nothing. Tony has no account in Entra."""
MARGARET, RADIA, HEDY, FRANCES = ODD = _at_example("margaret", "radia", "hedy", "frances")
"""In the group, but: Margaret by a nested group, Radia is a shared mailbox, Hedy's address is an alias, and Frances has
no address at Mimecast."""
PEOPLE = (*USERS, *MEMBERS, *READY, *ODD)

GROUP = "Mimecast users"
NESTED = "Mimecast contractors"
ROLL_OUT = "Personal Portal single sign-on"
QUARTER = timedelta(minutes=15)
A_WHILE = timedelta(minutes=20)
LASTING = {"staleAfterDays": 36500}
FIRST_END, SECOND_END = "2029-11-01T00:00:00Z", "2029-11-24T00:00:00Z"
OBSERVED = {"by": ADA, "at": "2026-11-01T09:00:00Z", "evidence": "one rotation, followed within 20 minutes"}
GUARDS = (
    "last-sign-in-method",
    "certificate-mismatch",
    "unprepared-people",
    "allow-destroy",
    "administrators",
    "account",
)
_ACCOUNT = {
    "accountCode": "CUK25A118",
    "region": "eu",
    "clientId": credentials.MIMECAST_CLIENT_ID,
}
_HASHED = passwords.hashed(credentials.USER_PASSWORD)
_LONG_SECONDS = 10
_OFFSET = "clock.offset_seconds"

Endings = Mapping[tuple[str, Way], Ending]


@dataclass(frozen=True, slots=True)
class World:
    """A project on the sandbox, and the people who sign in there."""

    made: Project

    # -- The stack file -------------------------------------------------------------------------------------

    def section(self, key: str, **changes: Any) -> None:
        """Changes keys of one section of the stack file."""
        document = yaml.safe_load(self.made.stack_file.read_text())["config"]
        self.made.configure(**{key: document.get(f"mimecast-sso:{key}", {}) | changes})

    @contextmanager
    def overridden(self) -> Iterator[None]:
        """While inside, every guard that can be is overridden."""
        until = f"{self.now + timedelta(days=300):%Y-%m-%d}"
        self.made.configure(guards=[{"name": each, "reason": "a test", "until": until} for each in GUARDS])
        yield
        self.made.configure(guards=None)

    # -- What the product says ------------------------------------------------------------------------------

    def assess(self, **environment: str) -> Assessment:
        """As commands do it."""
        with self.made.running.entered(), pytest.MonkeyPatch.context() as process:
            process.chdir(self.made.folder)
            for name, value in environment.items():
                process.setenv(name, value)
            stack, engine = open_with_engine("sandbox", "preview")
            return assess_stack(stack, stack.settings(), engine)

    def up(self) -> Ended:
        """``mimecast-sso up``."""
        return self.made.up()

    def sign_ins_to_come(self) -> Endings:
        """How people will sign in from Mimecast's page once everything counts; the clock then goes back."""
        self.later()
        try:
            return self.walk(ways=(Way.FROM_MIMECAST,))
        finally:
            self.later(-A_WHILE)

    # -- Console and clock ----------------------------------------------------------------------------------

    @property
    def sheets(self) -> list[Path]:
        """The run sheets of console work that is due."""
        return sorted((self.made.home / "run-sheet").glob("*.html"))

    def save_console(self) -> bool:
        """The administrator saves what is due, and nobody confirms it yet; whether the console took it."""
        return all(self.made.sandbox("administrator", str(sheet)).code == 0 for sheet in self.sheets)

    def confirm(self) -> bool:
        """Somebody confirms what is due; whether it could be confirmed."""
        slots = [("--profile", "second") if "second" in sheet.name else () for sheet in self.sheets]
        said = ("--by", "administrator@example.com", "--evidence", "a test")
        return all(self.made.sso("confirm", *slot, *said).code == 0 for slot in slots)

    @property
    def now(self) -> datetime:
        """Both vendors' time."""
        return datetime.now(UTC) + timedelta(seconds=self._offset)

    @property
    def _offset(self) -> float:
        setting = self.made.control.get("settings", _OFFSET)
        return float(setting["value"]) if setting else 0.0

    def later(self, by: timedelta = A_WHILE) -> None:
        """Moves both vendors' clocks; unless said otherwise beyond what Mimecast takes to notice."""
        self.made.control.set(_OFFSET, self._offset + by.total_seconds())

    # -- What takes effect when -----------------------------------------------------------------------------

    @property
    def roll_out_groups(self) -> list[int]:
        """The numbers of the groups that authentication profiles are bound to."""
        settings = self.made.control.documents("mimecast.applicationSettings")
        bound = {each["versions"][-1]["values"]["group"] for each in settings}
        return sorted(each for each in bound if each is not None)

    @contextmanager
    def acting_on(self, group: int) -> Iterator[None]:
        """While inside, Mimecast acts on what changed in one group, and on no other change of that time."""
        control, long_ago = self.made.control, (self.now - timedelta(days=1)).isoformat()
        kept = {}
        for key in (f"{group}/{who}" for who in PEOPLE):
            member = control.get("mimecast.members", key)
            former = control.get("mimecast.formerMembers", key)
            if member:
                kept["mimecast.members", key] = member
                control.put("mimecast.members", key, member | {"added": long_ago})
            if former:
                kept["mimecast.formerMembers", key] = former
                control.put("mimecast.formerMembers", key, {"periods": []})
        yield
        for (collection, key), member in kept.items():
            control.put(collection, key, member)

    @contextmanager
    def refusing_activation(self) -> Iterator[None]:
        """While inside, Entra refuses to activate a certificate, and every other change of the service principal.

        It takes its time, so that a run ends with its other writes done: a refusal stops the rest.
        """
        path = r"/v1\.0/servicePrincipals/[^/]+"
        refusal = {"method": "PATCH", "path": path, "status": 403, "delay": _LONG_SECONDS, "times": 1000}
        self.made.control.faults(refusal)
        yield
        self.made.control.faults()

    # -- People ---------------------------------------------------------------------------------------------

    @property
    def principal(self) -> dict[str, Any]:
        """The application's service principal. Raises StopIteration where there is none."""
        client_id = self.application["appId"]
        found = self.made.control.documents("entra.servicePrincipals")
        return next(each for each in found if each["appId"] == client_id)

    @property
    def application(self) -> dict[str, Any]:
        """The application. Raises StopIteration where there is none."""
        found = self.made.control.documents("entra.applications")
        return next(each for each in found if each["displayName"].startswith("Mimecast"))

    @property
    def _tile(self) -> str:
        try:
            return str(self.application["displayName"])
        except StopIteration:
            return "Mimecast Personal Portal"

    def walk(self, people: tuple[str, ...] = PEOPLE, ways: tuple[Way, ...] = tuple(Way)) -> Endings:
        """Everybody signs in, from Mimecast's page and from My Apps."""
        self._give_passwords()
        logins = self._logins()
        return {
            (address, way): self._as_any(address, logins.get(address, [address]), way)
            for address in people
            for way in ways
        }

    def _logins(self) -> Mapping[str, list[str]]:
        """The accounts with each mail address, which Entra lets several have; the likeliest first."""
        found: dict[str, list[str]] = {}
        accounts = self.made.control.documents("entra.users")
        for each in sorted(accounts, key=lambda each: (each["accountEnabled"] is False, each["id"])):
            found.setdefault((each["mail"] or "").lower(), []).append(each["userPrincipalName"])
        return found

    def _as_any(self, address: str, names: Sequence[str], way: Way) -> Ending:
        """The sign-in for an address: somebody signs in for it if Entra lets any of its accounts in."""
        endings = (walk(self.made.home, way, Person(address, name), self._tile) for name in names)
        first = next(endings)
        if first.result is not Result.REFUSED:
            return first
        return next((each for each in endings if each.result is not Result.REFUSED), first)

    def _give_passwords(self) -> None:
        """Whether somebody has a password at Mimecast no API tells; here everybody has."""
        for user in self.made.control.documents("mimecast.users"):
            if user["password"] != _HASHED:
                self.made.control.put("mimecast.users", user["emailAddress"], user | {"password": _HASHED})


# -- Worlds to begin with --------------------------------------------------------------------------------------


def tutorial(made: Project) -> None:
    """The tutorial, done and confirmed: five sign in through Entra, the others are in nothing."""
    _deploy(World(made))


def fresh(made: Project) -> None:
    """Nothing is deployed yet. Mimecast has no address before its domain is internal, so Hedy has none."""
    made.control.delete("mimecast.users", HEDY)


def from_my_apps(made: Project) -> None:
    """The tile in My Apps signs people in at once."""
    world = World(made)
    world.section("application", signOn="idp")
    _deploy(world)


def half_way(made: Project) -> None:
    """A blue/green rotation: both certificates and both profiles are there, and the second group is empty."""
    world = World(made)
    world.section(
        "certificates",
        rotation="blue-green",
        generations=[
            {"label": "2026", "endDate": FIRST_END},
            {"label": "2029", "endDate": SECOND_END, "profile": "second"},
        ],
    )
    _deploy(world)


def by_metadata(made: Project) -> None:
    """The profile follows the federation metadata."""
    world = World(made)
    world.section("authenticationProfile", source="metadata")
    world.section("certificates", rotation="metadata", metadataObserved=OBSERVED)
    _deploy(world)


WORLDS: Mapping[str, Callable[[Project], None]] = {
    each.__name__: each for each in (tutorial, from_my_apps, half_way, by_metadata, fresh)
}


def _deploy(world: World) -> None:
    for _ in range(2):
        run = world.up()
        assert run.code == 0, run.text
        if world.sheets:
            do_what_is_due_in_the_console(world.made)


@contextmanager
def prepared(
    folder: Path, begin: Callable[[Project], None], deployments: Deployments
) -> Iterator[SavedProject]:
    """A world of `WORLDS` that can be gone back to."""

    @wraps(begin)
    def with_people(made: Project) -> None:
        _people(made)
        begin(made)
        made.control.set("mimecast.propagation_seconds", QUARTER.total_seconds())
        World(made).later()

    (folder / "project").mkdir()
    with deployments.project(folder / "project", with_people) as made:
        (folder / "saved").mkdir()
        yield SavedProject(made, folder / "saved")


def _people(made: Project) -> None:
    book = made.configuration("addresses")
    book["list"] = [
        {"address": each, "name": each.partition("@")[0].title()}
        for each in (*USERS, *MEMBERS, *READY, RADIA)
    ]
    made.control.set("entra.deployer_roles", [*DEFAULT_ROLES, "MailboxSettings.Read"])
    out = {"group": ROLL_OUT, "who": "pilot", "pilot": [*USERS, *MEMBERS]}
    certificates = made.configuration("certificates") | {"waitMinutes": QUARTER // timedelta(minutes=1)}
    made.configure(
        guards=None, addresses=book, rollOut=out, authenticationProfile=LASTING, certificates=certificates
    )
    made.control.seed(
        {
            "users": [
                _user(LINUS, "linus.t@example.com"),
                _user(KATHERINE, "katherine_example.org#EXT#@contoso.onmicrosoft.com", userType="Guest"),
                *(_user(each, each) for each in (BARBARA, EDSGER, MARGARET, HEDY, FRANCES)),
                _user(RADIA, RADIA, accountEnabled=False, userPurpose="shared"),
            ],
            "groups": [
                {"displayName": NESTED, "members": [MARGARET]},
                {"displayName": GROUP, "members": [*MEMBERS, NESTED, RADIA, HEDY, FRANCES]},
            ],
            "mimecast": _ACCOUNT | {"users": [{"emailAddress": HEDY, "name": "Hedy", "aliasFor": ADA}]},
        }
    )


def _user(mail: str, name: str, **properties: Any) -> dict[str, Any]:
    display = mail.partition("@")[0].title()
    own = {"mail": mail, "userPrincipalName": name, "displayName": display}
    return own | {"password": credentials.USER_PASSWORD} | properties
