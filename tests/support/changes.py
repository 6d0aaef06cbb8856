"""External changes at Entra and Mimecast, and edits of the stack file.

Each takes a world and a random source. A change that is impossible in the world raises `IMPOSSIBLE`, or does nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import yaml

from mimecast_sso.facts.regions import REGIONS
from providers.entra.claims import claims_definition
from providers.mimecast import from_environment
from providers.mimecast.groups import change_members, find_group
from sandbox.credentials import USER_PASSWORD
from sandbox.entra.objects import MEMBERS
from tests.support.hand_made import GRAPH, UPN_CLAIMS
from tests.support.sign_in_worlds import (
    ADA,
    FIRST_END,
    GROUP,
    HEDY,
    NESTED,
    OBSERVED,
    PEOPLE,
    SECOND_END,
    TONY,
    World,
)

Random = random.Random
Change = Callable[[World, Random], None]

IMPOSSIBLE = (StopIteration, LookupError, ValueError)
_EU = REGIONS["eu"]
_ELSEWHERE = "https://old.example.com/saml"
_ANOTHER_PAGE = "https://portal.example.com/"


# -- External changes: people in Entra ------------------------------------------------------------------------


def _set(world: World, collection: str, key: str, **values: Any) -> None:
    document = world.made.control.get(collection, key)
    assert document is not None
    world.made.control.put(collection, key, document | values)


def _somebody(world: World, chance: Random) -> dict[str, Any]:
    users = [each for each in world.made.control.documents("entra.users") if each["mail"] in PEOPLE]
    return chance.choice(sorted(users, key=lambda each: str(each["mail"])))


def _group(world: World, name: str) -> dict[str, Any]:
    found = world.made.control.documents("entra.groups")
    return next(each for each in found if each["displayName"] == name)


def account_disabled(world: World, chance: Random) -> None:
    _set(world, "entra.users", _somebody(world, chance)["id"], accountEnabled=False)


def shared_mailbox(world: World, chance: Random) -> None:
    user = _somebody(world, chance)["id"]
    world.made.control.put("entra.mailboxes", user, {"userPurpose": "shared"})
    _set(world, "entra.users", user, accountEnabled=False)


def other_name(world: World, chance: Random) -> None:
    user = _somebody(world, chance)
    _set(world, "entra.users", user["id"], userPrincipalName=f"other.{user['mail']}")


def no_mail(world: World, chance: Random) -> None:
    _set(world, "entra.users", _somebody(world, chance)["id"], mail=None)


def other_mail(world: World, chance: Random) -> None:
    user = _somebody(world, chance)
    _set(world, "entra.users", user["id"], mail=f"new.{user['mail']}")


def mail_of_another(world: World, chance: Random) -> None:
    """The address of Tony, who has no account himself."""
    _set(world, "entra.users", _somebody(world, chance)["id"], mail=TONY)


def account_deleted(world: World, chance: Random) -> None:
    _delete_account(world, _somebody(world, chance)["id"])


def _delete_account(world: World, gone: str) -> None:
    control = world.made.control
    for group in control.documents("entra.groups"):
        members = [each for each in group[MEMBERS] if each != gone]
        control.put("entra.groups", group["id"], group | {MEMBERS: members})
    for assignment in control.documents("entra.assignments"):
        if assignment["principalId"] == gone:
            control.delete("entra.assignments", assignment["id"])
    control.delete("entra.users", gone)


def account_recreated(world: World, chance: Random) -> None:
    """Under another object id, and in no group: the assignment went with the former account."""
    user = _somebody(world, chance)
    _delete_account(world, user["id"])
    kept = {key: user[key] for key in ("mail", "userPrincipalName", "displayName")}
    world.made.control.seed({"users": [kept | {"password": USER_PASSWORD}]})


def group_recreated(world: World, _: Random) -> None:
    """Under the same name and another object id; its assignment went with the former group."""
    group, control = _group(world, GROUP), world.made.control
    members = {each["id"]: each["userPrincipalName"] for each in control.documents("entra.users")}
    members |= {each["id"]: each["displayName"] for each in control.documents("entra.groups")}
    for assignment in control.documents("entra.assignments"):
        if assignment["principalId"] == group["id"]:
            control.delete("entra.assignments", assignment["id"])
    control.delete("entra.groups", group["id"])
    named = [members[each] for each in group[MEMBERS] if each in members]
    control.seed({"groups": [{"displayName": GROUP, "members": named}]})


def left_entra_group(world: World, chance: Random) -> None:
    group = _group(world, GROUP)
    left = chance.choice(group[MEMBERS])
    _set(world, "entra.groups", group["id"], **{MEMBERS: [each for each in group[MEMBERS] if each != left]})


def moved_to_nested_group(world: World, chance: Random) -> None:
    group, nested = _group(world, GROUP), _group(world, NESTED)
    moved = chance.choice([each for each in group[MEMBERS] if each != nested["id"]])
    _set(world, "entra.groups", group["id"], **{MEMBERS: [each for each in group[MEMBERS] if each != moved]})
    _set(world, "entra.groups", nested["id"], **{MEMBERS: [*nested[MEMBERS], moved]})


# -- External changes: the application ------------------------------------------------------------------------


def _set_principal(world: World, **values: Any) -> None:
    _set(world, "entra.servicePrincipals", world.principal["id"], **values)


def _set_reply_urls(world: World, *urls: str, default: str | None = None) -> None:
    application = world.application
    web = application["web"] | {"redirectUris": list(urls)}
    _set(world, "entra.applications", application["id"], web=web, defaultRedirectUri=default)


def unassigned(world: World, chance: Random) -> None:
    principal = world.principal["id"]
    own = [
        each for each in world.made.control.documents("entra.assignments") if each["resourceId"] == principal
    ]
    world.made.control.delete("entra.assignments", chance.choice(own)["id"])


def assigned(world: World, chance: Random) -> None:
    body = {
        "principalId": _somebody(world, chance)["id"],
        "resourceId": world.principal["id"],
        "appRoleId": next(each["id"] for each in world.application["appRoles"] if each["isEnabled"]),
    }
    path = f"{GRAPH}/servicePrincipals/{world.principal['id']}/appRoleAssignedTo"
    world.made.running.graph().post(path, json=body, timeout=30)


def application_disabled(world: World, _: Random) -> None:
    _set_principal(world, accountEnabled=False)


def assignment_not_required(world: World, _: Random) -> None:
    _set_principal(world, appRoleAssignmentRequired=False)


def not_saml(world: World, _: Random) -> None:
    _set_principal(world, preferredSingleSignOnMode="password")


def hidden(world: World, _: Random) -> None:
    _set_principal(world, tags=[*world.principal["tags"], "HideApp"])


def no_sign_on_url(world: World, _: Random) -> None:
    _set_principal(world, loginUrl=None)


def sign_on_url_elsewhere(world: World, _: Random) -> None:
    _set_principal(world, loginUrl=_ANOTHER_PAGE)


def no_reply_url(world: World, _: Random) -> None:
    _set_reply_urls(world)


def reply_url_elsewhere(world: World, _: Random) -> None:
    _set_reply_urls(world, _ELSEWHERE, _EU.reply_url)


def default_reply_url(world: World, chance: Random) -> None:
    urls = (_EU.reply_url, _EU.idp_initiated_reply_url, _ELSEWHERE)
    _set_reply_urls(world, *urls, default=chance.choice(urls))


def tile_signs_in(world: World, _: Random) -> None:
    """As with ``signOn: idp``."""
    no_sign_on_url(world, _)
    _set_reply_urls(world, _EU.reply_url, _EU.idp_initiated_reply_url, default=_EU.idp_initiated_reply_url)


def another_identifier(world: World, _: Random) -> None:
    application = world.application
    first = [f"api://{application['appId']}", *application["identifierUris"]]
    _set(world, "entra.applications", application["id"], identifierUris=first)


def no_identifier(world: World, _: Random) -> None:
    _set(world, "entra.applications", world.application["id"], identifierUris=[])


def application_deleted(world: World, _: Random) -> None:
    graph, paths = (
        world.made.running.graph(),
        (
            f"servicePrincipals/{world.principal['id']}",
            f"applications/{world.application['id']}",
        ),
    )
    for path in paths:
        graph.delete(f"{GRAPH}/{path}", timeout=30)


def no_certificate(world: World, _: Random) -> None:
    _set_principal(world, keyCredentials=[], passwordCredentials=[], preferredTokenSigningKeyThumbprint=None)


def another_certificate(world: World, _: Random) -> None:
    """A certificate is created in the portal and activated."""
    path, graph = f"{GRAPH}/servicePrincipals/{world.principal['id']}", world.made.running.graph()
    body = {"displayName": "CN=By hand", "endDateTime": SECOND_END}
    made = graph.post(f"{path}/addTokenSigningCertificate", json=body, timeout=30).json()
    graph.patch(path, json={"preferredTokenSigningKeyThumbprint": made["thumbprint"]}, timeout=30)


def _set_policy(world: World, definition: str) -> None:
    policy, *_ = world.principal["_claimsMappingPolicies"]  # The first is the deployed one.
    _set(world, "entra.policies", policy, definition=[definition])


def user_name_as_name_id(world: World, _: Random) -> None:
    _set_policy(world, UPN_CLAIMS)


def mail_as_name_id(world: World, _: Random) -> None:
    _set_policy(world, claims_definition())


def another_claims_policy(world: World, chance: Random) -> None:
    """A different policy is assigned instead."""
    graph, definition = world.made.running.graph(), chance.choice((UPN_CLAIMS, claims_definition()))
    body = {"displayName": "By hand", "definition": [definition], "isOrganizationDefault": False}
    made = graph.post(f"{GRAPH}/policies/claimsMappingPolicies", json=body, timeout=30).json()
    _set_principal(world, _claimsMappingPolicies=[made["id"]])


def no_claims_policy(world: World, _: Random) -> None:
    _set_principal(world, _claimsMappingPolicies=[])


# -- External changes: Mimecast -------------------------------------------------------------------------------


def address_gone(world: World, chance: Random) -> None:
    world.made.control.delete("mimecast.users", chance.choice(PEOPLE))


def address_disabled(world: World, chance: Random) -> None:
    _set_address(world, chance, accountDisabled=True)


def address_becomes_alias(world: World, chance: Random) -> None:
    _set_address(world, chance, aliasFor=ADA)


def address_no_alias(world: World, _: Random) -> None:
    if world.made.control.get("mimecast.users", HEDY):
        _set(world, "mimecast.users", HEDY, aliasFor=None)


def _set_address(world: World, chance: Random, **values: Any) -> None:
    present = [each["emailAddress"] for each in world.made.control.documents("mimecast.users")]
    _set(world, "mimecast.users", chance.choice([each for each in PEOPLE[1:] if each in present]), **values)


def _members(world: World, who: str, *, joins: bool) -> None:
    with world.made.running.entered():
        client = from_environment(world.made.running.env)
        group = find_group(client, world.made.configuration("rollOut")["group"])
        if group is not None:
            change_members(client, group, add=[who] if joins else [], remove=[] if joins else [who])


def joined_roll_out(world: World, chance: Random) -> None:
    _members(world, chance.choice(PEOPLE), joins=True)


def left_roll_out(world: World, chance: Random) -> None:
    _members(world, chance.choice(PEOPLE), joins=False)


# -- Time -----------------------------------------------------------------------------------------------------


def a_quarter_passes(world: World, _: Random) -> None:
    world.later()


def years_pass(world: World, _: Random) -> None:
    """Move the clock beyond the certificates' expiry."""
    world.later(timedelta(days=3 * 366))


PEOPLE_IN_ENTRA: Sequence[Change] = (
    account_disabled, shared_mailbox, other_name, no_mail, other_mail, mail_of_another, account_deleted,
    account_recreated, group_recreated,
    left_entra_group, moved_to_nested_group, unassigned, assigned,
)  # fmt: skip
APPLICATION: Sequence[Change] = (
    application_disabled, assignment_not_required, not_saml, hidden, tile_signs_in, no_sign_on_url,
    sign_on_url_elsewhere, no_reply_url, reply_url_elsewhere, default_reply_url, another_identifier, no_identifier,
    application_deleted, no_certificate, another_certificate, user_name_as_name_id, mail_as_name_id, no_claims_policy,
    another_claims_policy,
)  # fmt: skip
AT_MIMECAST: Sequence[Change] = (
    address_gone, address_disabled, address_becomes_alias, address_no_alias, joined_roll_out, left_roll_out,
)  # fmt: skip
HANDS: Sequence[Change] = (*PEOPLE_IN_ENTRA, *APPLICATION, *AT_MIMECAST, a_quarter_passes)


# -- Edits of the stack file ----------------------------------------------------------------------------------


def _some(chance: Random) -> list[str]:
    return sorted(chance.sample(PEOPLE, chance.randint(1, len(PEOPLE))))


def _fewer_or_more(listed: Sequence[str], chance: Random) -> list[str]:
    """The same list with one person changed: people edit a line or two."""
    who = chance.choice(PEOPLE)
    return sorted(set(listed) ^ {who}) or [who]


def edit_users(world: World, chance: Random) -> None:
    world.section("assign", users=_some(chance))


def edit_a_user(world: World, chance: Random) -> None:
    users = world.made.configuration("assign").get("users", [])
    world.section("assign", users=_fewer_or_more(users, chance))


def edit_groups(world: World, chance: Random) -> None:
    world.section("assign", groups=chance.choice(([], [GROUP], [GROUP, NESTED])))


def edit_assign_mode(world: World, chance: Random) -> None:
    world.section("assign", mode=chance.choice(("manage", "verify")))


def _roll_out(world: World, **values: Any) -> None:
    world.made.configure(rollOut={"group": world.made.configuration("rollOut")["group"], **values})


def edit_pilot(world: World, chance: Random) -> None:
    _roll_out(world, who="pilot", pilot=_some(chance))


def edit_a_pilot(world: World, chance: Random) -> None:
    pilot = world.made.configuration("rollOut").get("pilot", [])
    _roll_out(world, who="pilot", pilot=_fewer_or_more(pilot, chance))


def edit_share(world: World, chance: Random) -> None:
    _roll_out(world, who="share", share=chance.choice((25, 50, 75)))


def edit_everybody(world: World, _: Random) -> None:
    _roll_out(world, who="all")


def edit_nobody(world: World, _: Random) -> None:
    _roll_out(world, who="none")


def edit_group_name(world: World, chance: Random) -> None:
    world.section("rollOut", group=chance.choice(("Another name", "Personal Portal single sign-on")))


def edit_sign_on(world: World, chance: Random) -> None:
    world.section("application", signOn=chance.choice(("idp", "sp")))


def edit_sign_on_url(world: World, chance: Random) -> None:
    world.section("application", signOnUrl=chance.choice((_ANOTHER_PAGE, None)))


def edit_hide(world: World, chance: Random) -> None:
    world.section("application", hide=chance.choice((True, False)))


def edit_required(world: World, chance: Random) -> None:
    world.section("application", assignmentRequired=chance.choice((True, False)))


def edit_reply_url(world: World, chance: Random) -> None:
    urls = ("https://de-api.mimecast.com/login/saml", _ELSEWHERE, _EU.idp_initiated_reply_url, None)
    world.section("application", replyUrl=chance.choice(urls))


def edit_claims(world: World, chance: Random) -> None:
    world.section("application", claims=chance.choice(("manage", "verify")))


def edit_display_name(world: World, chance: Random) -> None:
    world.section("application", displayName=chance.choice(("Mimecast", "Mimecast Personal Portal")))


def edit_identifier(world: World, chance: Random) -> None:
    identifiers = ("https://eu-api.mimecast.com/sso/CUK25A118/other", None)
    world.section("application", identifier=chance.choice(identifiers))


def edit_addresses(world: World, chance: Random) -> None:
    """An address is removed from the list or restored, or `onRemoval` is changed."""
    book = world.made.configuration("addresses")
    who, listed = chance.choice(PEOPLE), book["list"]
    kept = [each for each in listed if each["address"] != who]
    again = [] if len(kept) < len(listed) else [{"address": who}]
    left = chance.choice(("disable", "disable", "forget"))
    world.section("addresses", list=[*kept, *again], onRemoval=left)


def edit_notifications(world: World, chance: Random) -> None:
    """No change of sign-ins, but the whole service principal is written."""
    world.section("application", notificationEmails=[chance.choice((ADA, TONY))])


def edit_second_group(world: World, chance: Random) -> None:
    out = world.made.configuration("rollOut")
    world.made.configure(rollOut=out | {"secondGroup": chance.choice(("Second", "Another second"))})


def edit_contexts(world: World, chance: Random) -> None:
    name, value = chance.choice(("passwordProtected", "integrated")), chance.choice((True, False))
    world.section("authenticationProfile", contexts={name: value})


def edit_enforce(world: World, chance: Random) -> None:
    world.section("authenticationProfile", enforce={"personalPortal": chance.choice((True, False))})


def edit_single_sign_on(world: World, chance: Random) -> None:
    world.section("authenticationProfile", allowSingleSignOn=chance.choice((False, True)))


def edit_source(world: World, chance: Random) -> None:
    world.section("authenticationProfile", source=chance.choice(("metadata", "certificate")))


def _certificates(world: World) -> dict[str, Any]:
    """The section as written by commands, which write to a copy of the stack file."""
    copy = world.made.home / "stacks" / "Pulumi.sandbox.yaml"
    file = copy if copy.exists() else world.made.stack_file
    section: dict[str, Any] = yaml.safe_load(file.read_text())["config"]["mimecast-sso:certificates"]
    return section


def edit_certificate(world: World, chance: Random) -> None:
    """A generation is staged or dropped, in the second profile or in the same one."""
    present = _certificates(world)
    known = {each["label"]: each for each in present["generations"]}
    profile = {"profile": "second"} if present.get("rotation") == "blue-green" else {}
    if "2029" in known and chance.random() < 0.5:
        generations = [known["2026"]] if present["active"] == "2026" else [known["2029"]]
    else:
        first = known.get("2026", {"label": "2026", "endDate": FIRST_END})
        generations = [first, {"label": "2029", "endDate": SECOND_END, **profile}]
    world.made.configure(certificates=present | {"generations": generations})


def edit_end_date(world: World, chance: Random) -> None:
    """The expiry of a generation is corrected: its certificate is replaced."""
    present = _certificates(world)
    edited = chance.choice(present["generations"])
    end = chance.choice((FIRST_END, SECOND_END, "2029-10-05T00:00:00Z"))
    generations = [each | ({"endDate": end} if each is edited else {}) for each in present["generations"]]
    world.made.configure(certificates=present | {"generations": generations})


def edit_active(world: World, chance: Random) -> None:
    present = _certificates(world)
    label = chance.choice([each["label"] for each in present["generations"]])
    world.made.configure(certificates=present | {"active": label})


def edit_cut_over(world: World, chance: Random) -> None:
    present = _certificates(world)
    if present.get("rotation") == "blue-green":
        world.made.configure(certificates=present | {"cutOver": chance.choice(("both", "active"))})


def edit_rotation(world: World, chance: Random) -> None:
    present = _certificates(world)
    mode = chance.choice(("single", "blue-green", "metadata"))
    kept = {key: value for key, value in present.items() if key not in ("cutOver", "metadataObserved")}
    if mode == "metadata":
        kept["metadataObserved"] = OBSERVED
    if mode != "blue-green":
        generations = [{k: v for k, v in each.items() if k != "profile"} for each in present["generations"]]
        kept["generations"] = generations
    world.made.configure(certificates=kept | {"rotation": mode})


EDITS: Sequence[Change] = (
    edit_users, edit_a_user, edit_groups, edit_assign_mode, edit_pilot, edit_a_pilot, edit_share,
    edit_everybody, edit_nobody, edit_group_name, edit_sign_on, edit_sign_on_url, edit_hide, edit_required,
    edit_reply_url, edit_claims, edit_notifications, edit_second_group, edit_end_date, edit_display_name,
    edit_identifier, edit_addresses, edit_contexts, edit_enforce, edit_single_sign_on, edit_source,
    edit_certificate, edit_active, edit_cut_over, edit_rotation,
)  # fmt: skip
