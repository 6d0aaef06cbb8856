"""Entra's side: credentials, permissions, licence, the gallery template, existing applications."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from mimecast_sso.assessment import clocks
from mimecast_sso.facts import graph_permissions as permissions
from mimecast_sso.facts.entra import PREMIUM_PLANS
from mimecast_sso.operations import tenant
from mimecast_sso.operations.preflight.purpose import Purpose
from mimecast_sso.operations.preflight.statements import (
    CAN_WRITE,
    fails,
    fine,
    missing,
    note,
    unknown,
    unreachable,
)
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import Ownership, Settings
from mimecast_sso.settings.values import is_guid
from mimecast_sso.text import foreign
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown
from providers.entra import applications, credentials
from providers.entra.errors import CredentialsMissing, GraphError, ObjectNotFound, Refused, Unreachable
from providers.entra.graph import GraphClient
from providers.entra.odata import literal

_ROLES = "the roles in the token"
_ANY_PULL_REQUEST = ":pull_request"
"""Suffix of the subject of GitHub's token in a pull request's job without an environment."""


def ask(stack: Stack, settings: Settings, purpose: Purpose = Purpose.DEPLOY) -> Iterator[Statement]:
    """All checks that Microsoft Graph allows the credentials' principal."""
    try:
        graph = tenant.graph(stack)
        token = graph.claims()
    except CredentialsMissing as error:
        yield missing("credentials", str(error))
        yield unknown("everything else at Entra", "not read without credentials")
        return
    except GraphError as error:
        yield unreachable(error)
        return
    way = credentials.method(stack.environment)
    yield fine("credentials", f"{way}, tenant {token.get('tid') or stack.environment.get('ARM_TENANT_ID')}")
    if way is credentials.Method.MANAGED:
        yield from _identity_of_azuread(stack.environment)
    if purpose is Purpose.PREVIEW:
        yield from _reading(token)
        yield from _trust(graph, token)
    else:
        yield from _permissions(token, settings)
    yield from _tenant(graph, settings, token, purpose)
    clock = clocks.difference(datetime.now(UTC), graph.now(), "Entra")
    if clock:
        yield clock


def _tenant(
    graph: GraphClient, settings: Settings, token: dict[str, object], purpose: Purpose
) -> Iterator[Statement]:
    """The tenant's properties that this purpose needs."""
    checks: dict[str, Callable[[GraphClient, Settings], Iterator[Statement]]] = {
        "template": _template,
        "application": _applications,
        "deleted application": _deleted,
    }
    if purpose is Purpose.DEPLOY:
        yield from _notification_addresses(settings)
        checks = {
            "licence": _licence,
            **checks,
            "owner": lambda graph, settings: _owner(graph, settings, token),
        }
    for subject, check in checks.items():
        try:
            yield from check(graph, settings)
        except Unreachable as error:
            yield unreachable(error)
            return
        except GraphError as error:
            yield unknown(subject, error)


def _notification_addresses(settings: Settings) -> Iterator[Statement]:
    if settings.application.notification_emails:
        yield note(
            "notification addresses",
            "Entra may not send expiry reminders for applications configured through Graph; open the "
            "application's single sign-on page in the portal once. Whether that was done is unknown",
            How.DOCUMENTED,
            "Microsoft",
        )


def _identity_of_azuread(environment: Mapping[str, str]) -> Iterator[Statement]:
    if environment.get("IDENTITY_ENDPOINT") and not environment.get("ARM_MSI_ENDPOINT"):
        yield unknown(
            "credentials of azuread",
            "it does not read IDENTITY_ENDPOINT, and asks 169.254.169.254, which App Service and Container Apps do not "
            "have. Use ARM_USE_OIDC=true or a secret there",
        )


def _reading(token: dict[str, object]) -> Iterator[Statement]:
    """Check that an identity for previews has what it needs and can only read."""
    roles = token.get("roles")
    if not isinstance(roles, list) or not roles:
        yield fails(
            "permissions",
            "the token has no application permissions, so what it may do cannot be proved. Sign in as the application "
            "of the previews, with a federated credential",
            How.LIVE,
            _ROLES,
        )
        return
    held = frozenset(map(str, roles))
    for need in permissions.PREVIEW:
        yield _needed(need, held)
    yield from _optional(held)
    yield _only_reads(held, token)


def _trust(graph: GraphClient, token: dict[str, object]) -> Iterator[Statement]:
    """Check which CI services' tokens the application for previews trusts."""
    me = str(token.get("appid") or token.get("azp") or "")
    try:
        rows = list(graph.list(f"/applications(appId={literal(me)})/federatedIdentityCredentials"))
    except GraphError as error:
        yield unknown("trust", error)
        return
    for subject in sorted(foreign.name(str(row.get("subject") or "")) for row in rows):
        if subject.endswith(_ANY_PULL_REQUEST):
            yield fails(
                "trust",
                f"a federated credential trusts {subject}: any pull request of the repository, unreviewed. Delete it; "
                "jobs of an environment need none",
            )
        else:
            yield fine("trust", subject)
    if not rows:
        yield note("trust", "no federated credential; anyone with the secret or certificate can sign in")


def _only_reads(held: frozenset[str], token: dict[str, object]) -> Statement:
    wids = token.get("wids")
    directory_roles = permissions.directory_roles_that_write(map(str, wids if isinstance(wids, list) else ()))
    writes = permissions.that_write(held)
    if writes or directory_roles:
        what = [*writes, *(f"the directory role {role}" for role in directory_roles)]
        return fails(
            CAN_WRITE,
            f"it holds {', '.join(what)}. Remove {'it' if len(what) == 1 else 'them'} from the previews' application, "
            "or use another application",
            How.LIVE,
            _ROLES,
        )
    return fine("reads only", ", ".join(sorted(held)), How.LIVE, _ROLES)


def _needed(need: permissions.Need, held: frozenset[str]) -> Statement:
    role = need.met(held)
    if role:
        return fine("permission", f"{need.what}: {role}", How.LIVE, _ROLES)
    return missing("permission", f"{need.what}: {' or '.join(need.one_of)}", How.LIVE, _ROLES)


def _optional(held: frozenset[str]) -> Iterator[Statement]:
    for need in permissions.OPTIONAL:
        if not need.met(held):
            text = f"{need.what}: {need.one_of[0]} is not granted; without it, {need.loses} stays unknown"
            yield note("permission", text, How.LIVE, _ROLES)


def _permissions(token: dict[str, object], settings: Settings) -> Iterator[Statement]:
    roles = token.get("roles")
    if not isinstance(roles, list):
        who = "a person's" if token.get("scp") else "one without roles"
        yield unknown("permissions", f"the token is {who}: what it allows depends on directory roles")
        return
    held = frozenset(map(str, roles))
    for need in permissions.needs(
        manage_claims=settings.application.claims is Ownership.MANAGE,
        manage_assignments=settings.assign.mode is Ownership.MANAGE,
        check_assignments=settings.assign.mode is Ownership.VERIFY,
        groups=bool(settings.assign.groups),
        users=bool(
            settings.assign.users
            or settings.assign.groups
            or settings.application.named_owners
            or settings.roll_out.who != "none"
        ),
        account=settings.account_for_tests is not None,
    ):
        yield _needed(need, held)
    if settings.application.owners:
        yield _owners(held)
    yield from _optional(held)


def _owners(held: frozenset[str]) -> Statement:
    need = permissions.ADD_OWNERS
    role = need.met(held)
    if role:
        return fine("permission", f"{need.what}: {role}", How.LIVE, _ROLES)
    return unknown(
        "permission",
        f"{need.what}: Microsoft's reference says both that {permissions.OWNED} is enough and that it is not; "
        f"{need.one_of[0]} is",
    )


def _licence(graph: GraphClient, settings: Settings) -> Iterator[Statement]:
    if not settings.assign.groups:
        return
    try:
        skus = list(graph.list("/subscribedSkus"))
    except Refused as error:
        yield unknown("licence for groups (P1)", error)
        return
    plans = {
        PREMIUM_PLANS[plan["servicePlanId"]]
        for sku in skus
        if sku.get("capabilityStatus") == "Enabled"
        for plan in sku.get("servicePlans") or ()
        if plan.get("servicePlanId") in PREMIUM_PLANS
    }
    if plans:
        yield fine("licence for groups", ", ".join(sorted(plans)))
    else:
        yield missing(
            "licence for groups", "assigning groups needs Entra ID P1; assign people, or buy it for them"
        )


def _template(graph: GraphClient, settings: Settings) -> Iterator[Statement]:
    if settings.application.adopt:
        return
    for template in settings.application.template:
        if found := _by_id(graph, template) if is_guid(template) else _by_name(graph, template):
            yield fine("template", f"{quoted(str(found['displayName']))}, id {found['id']}")
            return
    names = ", ".join(settings.application.template)
    if next(iter(applications.with_identifier(graph, settings.identifier)), None):
        yield note("template", f"the gallery has none of {names}; the existing application keeps its entry")
    elif settings.application.allow_non_gallery:
        yield note("template", f"none of {names}; a non-gallery application will be created")
    else:
        yield missing("template", f"the gallery has none of {names}. Set mimecast-sso:application.template")


def _by_name(graph: GraphClient, template: str) -> dict[str, object] | None:
    named = f"displayName eq {literal(template)}"
    return next(iter(graph.list("/applicationTemplates", filter=named, select="id,displayName")), None)


def _by_id(graph: GraphClient, template: str) -> dict[str, object] | None:
    try:
        return graph.get(f"/applicationTemplates/{template}", select="id,displayName")
    except (ObjectNotFound, Refused):
        return None


def _applications(graph: GraphClient, settings: Settings) -> Iterator[Statement]:
    adopt = settings.application.adopt
    for client_id, name in applications.with_identifier(graph, settings.identifier):
        text = f"{quoted(name)} (client id {client_id}) has identifier {settings.identifier}"
        if adopt and client_id != adopt:
            yield missing("application", f"{text}, and {adopt} is to be adopted: two cannot share it")
        elif adopt:
            yield fine("application", f"{text}, and is adopted")
        else:
            yield note(
                "application",
                f"{text}: this stack's own, or one to adopt (mimecast-sso:application.adopt)",
            )
    if not adopt:
        name = f"displayName eq {literal(settings.application.display_name)}"
        rows = graph.list("/applications", filter=name, select=applications.HOLDER)
        for found in applications.namesakes_of(rows, [settings.identifier]):
            text = (
                f"client id {found.client_id} has the configured name and template, created {found.created}"
            )
            yield note("application", f"{text}: this stack's own, or one to adopt")


def _deleted(graph: GraphClient, settings: Settings) -> Iterator[Statement]:
    """A deleted application keeps its identifier, and Entra refuses it to any other."""
    (found,) = graph.batch([applications.DELETED])
    for each in applications.deleted_of(found.rows(), [settings.identifier]):
        item = f"directory/deletedItems/{each.object_id}"
        yield missing(
            "deleted application",
            f"{quoted(each.display_name)} (client id {each.client_id}), deleted {shown(each.deleted_at)}, "
            f"keeps identifier {settings.identifier} until {each.until:%Y-%m-%d}. Restore it "
            f"({graph.cloud.graph_request('POST', f'{item}/restore')}) and adopt {each.client_id}, or delete it "
            f"permanently ({graph.cloud.graph_request('DELETE', item)})",
        )


def _owner(graph: GraphClient, settings: Settings, token: dict[str, object]) -> Iterator[Statement]:
    """A principal with only OwnedBy must own both the application and the service principal that it adopts."""
    adopt, roles = settings.application.adopt, token.get("roles") or ()
    if adopt is None:
        return
    try:
        live = applications.read(graph, adopt)
    except ObjectNotFound as error:
        yield missing("application to adopt", str(error))
        return
    yield fine("application to adopt", f"{quoted(live.display_name)}, object {live.object_id}")
    if isinstance(roles, list) and permissions.OWNED in roles and "Application.ReadWrite.All" not in roles:
        me = str(token.get("oid") or "")
        for what, owners in (("service principal", live.owners), ("application", live.registration.owners)):
            if me in {owner.object_id for owner in owners}:
                yield fine(f"owner of the {what}", "the deploying principal")
            else:
                yield missing(
                    f"owner of the {what}",
                    f"{permissions.OWNED} changes only what it owns: add {me or 'the deploying principal'} to its "
                    "owners, or grant Application.ReadWrite.All",
                )
