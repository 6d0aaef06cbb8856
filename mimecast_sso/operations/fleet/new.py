"""``mimecast-sso new``: write the file of a new stack."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mimecast_sso.operations import tenant
from mimecast_sso.operations.assess.files import stack_file
from mimecast_sso.operations.assess.survey import draft
from mimecast_sso.operations.broker import with_credentials
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.project import Project, find_project
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.terminal import say
from mimecast_sso.settings import NAMESPACE, from_values
from mimecast_sso.text import foreign
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from providers.entra import credentials
from providers.entra.errors import GraphError
from providers.mimecast.accounts import require
from providers.mimecast.domains import DomainState, list_domains

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class NewStack:
    """The options of the command."""

    name: str
    region: str
    account: str
    domains: tuple[str, ...]
    pilot: tuple[str, ...]
    tenant: str | None
    tags: tuple[str, ...]


def write(requested: NewStack) -> Exit:
    """Write the file, and print the checks and the next step.

    Raises:
        OperationError: The file exists, the name is not allowed for a stack, or the tenant cannot be read.
        ConfigurationError: A value is malformed.
        MimecastError: The account cannot be read, or is another one.
    """
    project = find_project()
    file = project.stack_file(requested.name)
    if not _NAME.fullmatch(requested.name):
        raise OperationError(
            f"{quoted(requested.name)} cannot be the name of a stack: use letters, digits, dots, underscores and "
            "hyphens."
        )
    if file.exists():
        raise OperationError(f"{file} exists and was not overwritten. Choose another name, or edit the file.")
    values = _values(requested)
    from_values(values)
    opened = Stack(requested.name, project, file, with_credentials(os.environ, requested.name, project.root))
    checked = [*_account(opened, requested), *_tenant(opened, requested, values)]
    from_values(values)
    write_text(file, stack_file(values, "Nobody signs in through Entra until the console work is confirmed."))
    _say(project, requested, checked)
    return Exit.FINE


def _values(requested: NewStack) -> dict[str, object]:
    certificates = draft(requested.region, requested.account, None, None).certificates
    values: dict[str, object] = {
        "region": requested.region,
        "accountCode": requested.account,
        "tenantId": requested.tenant,
        "domains": [{"name": domain, "mode": "require"} for domain in requested.domains],
        "addresses": {"source": "synchronised"},
        "assign": {"users": list(requested.pilot)},
        "rollOut": {"who": "pilot", "pilot": list(requested.pilot)} if requested.pilot else {"who": "none"},
        "certificates": certificates.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "tags": list(requested.tags),
    }
    return {key: value for key, value in values.items() if value}


def _account(stack: Stack, requested: NewStack) -> Iterator[str]:
    """The result of the check at Mimecast. Raises MimecastError."""
    if not (stack.environment.get("MIMECAST_CLIENT_ID") and stack.environment.get("MIMECAST_CLIENT_SECRET")):
        yield "Mimecast: not checked, because there are no credentials (MIMECAST_CLIENT_ID, MIMECAST_CLIENT_SECRET)."
        return
    client = tenant.account(stack, None)
    account = require(client, requested.account, requested.region)
    yield f"Mimecast: account {account.code} ({account.name}), region {account.region}."
    found = list_domains(client, pending=False)
    internal = {name for name, status in found.items() if status.state is DomainState.INTERNAL}
    lacking = [domain for domain in requested.domains if domain not in internal]
    if lacking:
        are, them = (
            ("is not an internal domain", "it") if len(lacking) == 1 else ("are not internal domains", "them")
        )
        yield (
            f"Mimecast: {enumerate_some(lacking)} {are} of the account. Register {them} there, or set mode: register "
            f"in {NAMESPACE}:domains."
        )


def _tenant(stack: Stack, requested: NewStack, values: dict[str, object]) -> Iterator[str]:
    """The result of the check in Entra; the credentials' tenant goes into the file. Raises OperationError."""
    try:
        credentials.method(stack.environment | {"ARM_USE_CLI": "false"})
    except GraphError:
        yield "Entra: not checked, because there are no credentials (ARM_TENANT_ID, ARM_CLIENT_ID and a secret)."
        return
    try:
        live = str(tenant.graph(stack).claims().get("tid") or "")
    except GraphError as error:
        raise OperationError(f"{error}. Nothing was written.") from None
    if requested.tenant and live and requested.tenant.lower() != live.lower():
        raise OperationError(
            f"The Entra credentials are for tenant {live}, not {requested.tenant}. Nothing was written. Use the "
            "credentials of that tenant, or correct --tenant.",
            Exit.REFUSED,
        )
    if live:
        values["tenantId"] = live
        yield f"Entra: tenant {live}."


def _say(project: Project, requested: NewStack, checked: list[str]) -> None:
    file = os.path.relpath(project.stack_file(requested.name))
    say(f"Written: {file}")
    for line in checked:
        say(foreign.one_line(line))
    say(f"Next: mimecast-sso preflight --stack {requested.name}")
