"""The administration console: authentication profiles, application settings, and read-only lists.

The form's fields, labels and order are those of ``mimecast_sso.facts.profile_form``. EMU: the pages'
addresses, the wording of errors, that descriptions are unique, and that an incomplete profile is
refused. Every save creates an audit event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from mimecast_sso.facts.profile_form import CONSOLE_PATHS, Control, FormField, FormSection
from mimecast_sso.facts.regions import REGIONS
from sandbox.mimecast import (
    accounts,
    audit,
    clock,
    domains,
    form_checks,
    groups,
    metadata_import,
    pages,
    passwords,
    policy,
    users,
)
from sandbox.mimecast.audit import Event
from sandbox.mimecast.form_checks import Errors
from sandbox.world import World

_COOKIE = "administration"
_BASE = "/administration"
_PROFILES = f"{_BASE}/authentication-profiles"
_SETTINGS = f"{_BASE}/application-settings"

_IMPORT = "import"
_INVALID = 422
_ROWS_SHOWN = 500


@dataclass(frozen=True, slots=True)
class _Administrator:
    account: str
    address: str


_Handler = Callable[[Request, _Administrator], Response]


class Console:
    """The console of one region's administrators."""

    def __init__(self, world: World, region: str) -> None:
        self._world = world
        self._region = region

    def app(self) -> Starlette:
        """The pages of the host."""
        routes = [
            Route("/", self._home, methods=["GET"]),
            Route("/login", self._sign_in, methods=["POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            self._page("/authentication-profiles", self._list_profiles),
            self._page("/authentication-profiles/new", self._show_profile),
            self._page("/authentication-profiles/{number:int}", self._show_profile),
            self._form("/authentication-profiles/new", self._save_profile),
            self._form("/authentication-profiles/{number:int}", self._save_profile),
            self._page("/application-settings", self._list_settings),
            self._page("/application-settings/new", self._show_settings),
            self._page("/application-settings/{number:int}", self._show_settings),
            self._form("/application-settings/new", self._save_settings),
            self._form("/application-settings/{number:int}", self._save_settings),
            self._page("/domains", self._list_domains),
            self._page("/addresses", self._list_addresses),
            self._page("/groups", self._list_groups),
            self._page("/groups/{number:int}", self._show_group),
            self._page("/audit-log", self._list_events),
        ]
        return Starlette(
            routes=[
                Route("/", _to_console, methods=["GET"]),
                Route(_BASE, _to_console, methods=["GET"]),
                Mount(_BASE, routes=routes),
            ],
            exception_handlers={404: pages.unknown(self._world)},
        )

    # Signing in

    def _page(self, path: str, handler: _Handler) -> Route:
        async def show(request: Request) -> Response:
            administrator = self._administrator(request)
            return handler(request, administrator) if administrator else pages.see_other(f"{_BASE}/")

        return Route(path, show, methods=["GET"])

    def _form(
        self, path: str, handler: Callable[[Request, _Administrator, Mapping[str, str]], Response]
    ) -> Route:
        async def save(request: Request) -> Response:
            administrator = self._administrator(request)
            if administrator is None:
                return pages.see_other(f"{_BASE}/")
            form = await pages.form_of(request)
            if form.get("action") == _IMPORT:
                return await self._import(request, administrator, form)
            with self._world.transaction():
                return handler(request, administrator, form)

        return Route(path, save, methods=["POST"])

    def _administrator(self, request: Request) -> _Administrator | None:
        session = pages.session_of(self._world, request, _COOKIE)
        return _Administrator(session["account"], session["emailAddress"]) if session else None

    async def _home(self, request: Request) -> Response:
        administrator = self._administrator(request)
        if administrator is None:
            return pages.page("console_login.html", region=REGIONS[self._region], problem="")
        account = self._world.get(accounts.ACCOUNTS, administrator.account) or {}
        return self._show(administrator, "console_home.html", account=account, region=REGIONS[self._region])

    async def _sign_in(self, request: Request) -> Response:
        form = await pages.form_of(request)
        address = form.get("emailAddress", "").strip().lower()
        account = accounts.of_administrator(self._world, address)
        if (
            account is None
            or account["region"] != self._region
            or not passwords.matches(form.get("password", ""), account["administrator"]["password"])
        ):
            problem = "Address or password is wrong."
            return pages.page("console_login.html", 401, region=REGIONS[self._region], problem=problem)
        response = pages.see_other(f"{_BASE}/")
        code = account["accountCode"]
        pages.sign_in(self._world, response, _COOKIE, code, address)
        info, after = (
            f"Successful authentication for {address}",
            ", Application: Administration Console, Method: Cloud",
        )
        audit.record(self._world, code, Event.LOGGED_ON, address, info, after=after)
        return response

    async def _sign_out(self, request: Request) -> Response:
        response = pages.see_other(f"{_BASE}/")
        pages.sign_out(self._world, request, response, _COOKIE)
        return response

    def _show(
        self, administrator: _Administrator, template: str, status: int = 200, **values: Any
    ) -> Response:
        return pages.page(template, status, administrator=administrator.address, **values)

    # Authentication profiles

    def _list_profiles(self, _: Request, who: _Administrator) -> Response:
        saved = policy.saved(self._world, policy.PROFILES, who.account)
        rows = [
            (f"{_PROFILES}/{number}", form["description"], form["provider"], form["loginUrl"])
            for number, form in saved
        ]
        return self._show(
            who,
            "console_list.html",
            title="Authentication Profiles",
            path=CONSOLE_PATHS[FormSection.PROFILE].rpartition(" > ")[0],
            columns=("Description", "Provider", "Login URL"),
            rows=rows,
            new=(f"{_PROFILES}/new", "New Authentication Profile"),
        )

    def _show_profile(self, request: Request, who: _Administrator) -> Response:
        number = request.path_params.get("number")
        form = self._saved(policy.PROFILES, who, number) if number is not None else policy.blank_form()
        return self._gone(who) if form is None else self._profile_page(who, number, form, {})

    def _save_profile(self, request: Request, who: _Administrator, sent: Mapping[str, str]) -> Response:
        number = request.path_params.get("number")
        if number is not None and self._saved(policy.PROFILES, who, number) is None:
            return self._gone(who)
        form = _profile_form(sent)
        errors = form_checks.profile_errors(form)
        if self._is_taken(policy.PROFILES, who, number, "description", form["description"]):
            errors["description"] = "A profile with this description already exists."
        if errors:
            return self._profile_page(who, number, form, errors)
        saved = policy.save_profile(self._world, who.account, number, form)
        event = Event.PROFILE_CREATED if number is None else Event.PROFILE_CHANGED
        self._audit(who, event, f"Authentication profile {form['description']}")
        return pages.see_other(f"{_PROFILES}/{saved}")

    async def _import(self, request: Request, who: _Administrator, sent: Mapping[str, str]) -> Response:
        """The form, filled in from the metadata but not saved."""
        form, errors = _profile_form(sent), Errors()
        try:
            form |= await metadata_import.imported_fields(self._world, form["metadataUrl"])
        except metadata_import.MetadataUnavailableError as error:
            errors["metadataUrl"] = str(error)
        return self._profile_page(who, request.path_params.get("number"), form, errors)

    def _profile_page(
        self, who: _Administrator, number: int | None, form: policy.Form, errors: Errors
    ) -> Response:
        providers = [("", "")] + [(name, name) for name in form_checks.PROVIDERS]
        return self._form_page(
            who,
            form_id="authentication-profile",
            title="New Authentication Profile" if number is None else form["description"],
            path=_path(FormSection.PROFILE, number, form["description"]),
            fields=policy.PROFILE_FIELDS,
            form=form,
            choices={"provider": providers},
            errors=errors,
            back=(_PROFILES, "Authentication Profiles"),
        )

    # Application settings

    def _list_settings(self, _: Request, who: _Administrator) -> Response:
        rows = [
            (
                f"{_SETTINGS}/{number}",
                values["applicationSettings"],
                self._group_name(values["group"]) or "everyone else",
                self._profile_name(who, values["settingsProfile"]),
            )
            for number, values in policy.saved(self._world, policy.SETTINGS, who.account)
        ]
        return self._show(
            who,
            "console_list.html",
            title="Application Settings",
            path=CONSOLE_PATHS[FormSection.SETTINGS].rpartition(" > ")[0],
            columns=("Description", "Group", "Authentication Profile"),
            rows=rows,
            new=(f"{_SETTINGS}/new", "New Application Settings"),
        )

    def _show_settings(self, request: Request, who: _Administrator) -> Response:
        number = request.path_params.get("number")
        if number is None:
            form: policy.Form = {"applicationSettings": "", "group": "", "settingsProfile": ""}
            return self._settings_page(who, None, form, {})
        values = self._saved(policy.SETTINGS, who, number)
        if values is None:
            return self._gone(who)
        shown = {**values, "group": self._group_name(values["group"])}
        return self._settings_page(who, number, shown, {})

    def _save_settings(self, request: Request, who: _Administrator, sent: Mapping[str, str]) -> Response:
        number = request.path_params.get("number")
        before = self._saved(policy.SETTINGS, who, number) if number is not None else None
        if number is not None and before is None:
            return self._gone(who)
        form = {field.key: sent.get(field.key, "").strip() for field in policy.SETTINGS_FIELDS}
        is_default = before is not None and before["group"] is None
        values, errors = self._settings_values(who, form, is_default=is_default)
        if self._is_taken(policy.SETTINGS, who, number, "applicationSettings", form["applicationSettings"]):
            errors["applicationSettings"] = "Application settings with this description already exist."
        if errors:
            return self._settings_page(who, number, form, errors)
        saved = policy.save_settings(self._world, who.account, number, values)
        event = Event.SETTINGS_CREATED if number is None else Event.SETTINGS_CHANGED
        profile = self._profile_name(who, values["settingsProfile"])
        bound = form["group"] or "everyone else"
        self._audit(who, event, f"Application settings {form['applicationSettings']}: {profile} for {bound}")
        return pages.see_other(f"{_SETTINGS}/{saved}")

    def _settings_values(
        self, who: _Administrator, form: Mapping[str, str], *, is_default: bool
    ) -> tuple[policy.Form, Errors]:
        """The values to save, and the form's errors."""
        errors: Errors = {}
        found = groups.named(self._world, who.account, form["group"])
        if is_default and form["group"]:
            errors["group"] = "The default definition applies to everyone else; leave this empty."
        elif not is_default and len(found) != 1:
            several = "Several groups have this name." if found else "There is no such group."
            errors["group"] = several if form["group"] else "Choose a group."
        profiles = {str(number) for number, _ in policy.saved(self._world, policy.PROFILES, who.account)}
        if form["settingsProfile"] not in profiles:
            errors["settingsProfile"] = "Choose an authentication profile."
        if not form["applicationSettings"]:
            errors["applicationSettings"] = "Enter a description."
        if errors:
            return {}, errors
        return {
            "applicationSettings": form["applicationSettings"],
            "group": None if is_default else found[0]["number"],
            "settingsProfile": int(form["settingsProfile"]),
        }, {}

    def _settings_page(
        self, who: _Administrator, number: int | None, form: policy.Form, errors: Errors
    ) -> Response:
        saved = policy.saved(self._world, policy.PROFILES, who.account)
        profiles = [("", "")] + [(str(each), values["description"]) for each, values in saved]
        return self._form_page(
            who,
            form_id="application-settings",
            title="New Application Settings" if number is None else form["applicationSettings"],
            path=_path(FormSection.SETTINGS, number, form["applicationSettings"]),
            fields=policy.SETTINGS_FIELDS,
            form={**form, "settingsProfile": str(form["settingsProfile"])},
            choices={"settingsProfile": profiles},
            errors=errors,
            back=(_SETTINGS, "Application Settings"),
        )

    # Read-only lists

    def _list_domains(self, _: Request, who: _Administrator) -> Response:
        mine = self._world.of_account(domains.DOMAINS, who.account)
        rows = [("", each["domain"], each["state"], each["inboundType"]) for each in mine]
        return self._table(who, "Internal Directories", ("Domain", "State", "Inbound checks"), rows)

    def _list_addresses(self, _: Request, who: _Administrator) -> Response:
        rows = [
            ("", user["emailAddress"], user["name"], "disabled" if user["accountDisabled"] else "enabled")
            for user in users.of_account(self._world, who.account)
        ]
        return self._table(who, "Internal Addresses", ("Email Address", "Global Name", "State"), rows)

    def _list_groups(self, _: Request, who: _Administrator) -> Response:
        rows = [
            (
                f"{_BASE}/groups/{group['number']}",
                group["description"],
                group["source"],
                str(len(groups.members_of(self._world, group["number"]))),
            )
            for group in groups.of_account(self._world, who.account)
        ]
        return self._table(who, "Profile Groups", ("Group", "Source", "Members"), rows)

    def _show_group(self, request: Request, who: _Administrator) -> Response:
        number = request.path_params["number"]
        group = self._world.get(groups.GROUPS, str(number))
        if group is None or group["account"] != who.account:
            return self._gone(who)
        members = groups.members_of(self._world, number)
        rows = [
            ("", member["who"].removeprefix("@"), member["notes"], member["added"][:19]) for member in members
        ]
        return self._table(who, group["description"], ("Member", "Notes", "Added"), rows)

    def _list_events(self, _: Request, who: _Administrator) -> Response:
        rows = [
            ("", clock.on_the_wire(event["eventTime"]), event["auditType"], event["user"], event["eventInfo"])
            for event in audit.of_account(self._world, who.account)
        ]
        return self._table(who, "Audit Log", ("Time", "Type", "User", "Details"), rows)

    def _table(
        self, who: _Administrator, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]
    ) -> Response:
        shown = rows[:_ROWS_SHOWN]
        path = "" if len(shown) == len(rows) else f"The first {len(shown)} of {len(rows)}"
        return self._show(
            who, "console_list.html", title=title, path=path, columns=columns, rows=shown, new=None
        )

    # Shared

    def _form_page(
        self,
        who: _Administrator,
        *,
        form_id: str,
        title: str,
        path: str,
        fields: tuple[FormField, ...],
        form: policy.Form,
        choices: dict[str, list[tuple[str, str]]],
        errors: Errors,
        back: tuple[str, str],
    ) -> Response:
        return self._show(
            who,
            "console_form.html",
            _INVALID if errors else 200,
            form_id=form_id,
            title=title,
            path=path,
            fields=fields,
            form=form,
            choices=choices,
            errors=errors,
            back=back,
            check_box=Control.CHECK_BOX,
            text_area=Control.TEXT_AREA,
            select=Control.SELECT,
        )

    def _saved(self, collection: str, who: _Administrator, number: int) -> policy.Form | None:
        return dict(policy.saved(self._world, collection, who.account)).get(number)

    def _is_taken(
        self, collection: str, who: _Administrator, number: int | None, key: str, value: str
    ) -> bool:
        saved = policy.saved(self._world, collection, who.account)
        return any(values[key] == value and each != number for each, values in saved)

    def _group_name(self, number: int | None) -> str:
        group = self._world.get(groups.GROUPS, str(number)) if number is not None else None
        return group["description"] if group else ""

    def _profile_name(self, who: _Administrator, number: int) -> str:
        form = self._saved(policy.PROFILES, who, number)
        return form["description"] if form else ""

    def _gone(self, who: _Administrator) -> Response:
        return self._show(
            who, "console_list.html", 404, title="Not found", path="", columns=(), rows=[], new=None
        )

    def _audit(self, who: _Administrator, event: Event, what: str) -> None:
        info = f"Action Performed - {what} by {who.address}, Application: Administration Console"
        audit.record(self._world, who.account, event, who.address, info)


def _path(section: FormSection, number: int | None, description: str) -> str:
    """The menu path of a form: for a new object, or an existing one."""
    path = CONSOLE_PATHS[section]
    return path if number is None else f"{path.rpartition(' > ')[0]} > {description}"


def _profile_form(sent: Mapping[str, str]) -> policy.Form:
    form: policy.Form = {
        field.key: field.key in sent
        if field.control is Control.CHECK_BOX
        else sent.get(field.key, "").strip()
        for field in policy.PROFILE_FIELDS
    }
    form["certificate"] = "".join(form["certificate"].split())
    return form


async def _to_console(_: Request) -> Response:
    return pages.see_other(f"{_BASE}/")


def create_app(world: World, region: str) -> Starlette:
    """The console of a region's administrators."""
    return Console(world, region).app()
