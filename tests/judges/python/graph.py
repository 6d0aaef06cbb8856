"""Uses the sandbox's Graph with Microsoft's own library, whose models parse each response by type.

    python graph.py < question.json

The question is ``{"tenant", "client_id", "client_secret", "owner"}``; the answer is each step's result as JSON. A
refusal is ``{"status", "code", "dated"}``: the library has to find code, date and request id where Graph puts them.
Runs in the judges' own environment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.application import Application
from msgraph.generated.models.claims_mapping_policy import ClaimsMappingPolicy
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.web_application import WebApplication
from msgraph.generated.service_principals.item.add_token_signing_certificate import (
    add_token_signing_certificate_post_request_body as certificates,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.tasks import PageIterator

GRAPH = "https://graph.microsoft.com/v1.0"
NOBODY = "nobody@example.com"
Query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters


async def refused(call: Awaitable[Any]) -> dict[str, Any]:
    """How a call was refused, as the library reads it."""
    try:
        await call
    except ODataError as error:
        inner = error.error and error.error.inner_error
        dated = bool(inner and inner.request_id and isinstance(inner.date, datetime))
        code = error.error.code if error.error else None
        return {"status": error.response_status_code, "code": code, "dated": dated}
    return {"status": 200}


def eventual(**query: Any) -> RequestConfiguration[Any]:
    """A request for advanced queries."""
    asked: RequestConfiguration[Any] = RequestConfiguration(query_parameters=Query(**query))
    asked.headers.add("ConsistencyLevel", "eventual")
    return asked


async def people(graph: GraphServiceClient) -> dict[str, Any]:
    """Users and groups: lists, pages, one of them, counts, searches."""
    first = await graph.users.get(RequestConfiguration(query_parameters=Query(top=1, select=["id", "mail"])))
    paged: list[str] = []
    await PageIterator(first, graph.request_adapter).iterate(lambda user: paged.append(user.id) or True)
    everybody = (await graph.users.get()).value
    one = await graph.users.by_user_id(everybody[0].id).get()
    group = (await graph.groups.get()).value[0]
    members = (await graph.groups.by_group_id(group.id).transitive_members.get()).value
    found = await graph.users.get(eventual(search='"displayName:Ada"'))
    return {
        "paged": paged == [user.id for user in everybody],
        "mail": one.mail,
        "count": await graph.users.count.get(eventual()) == len(everybody),
        "found": [user.mail for user in found.value],
        "members": [type(member).__name__ for member in members],
        "nobody": await refused(graph.users.by_user_id(NOBODY).get()),
        "bad filter": await refused(
            graph.users.get(RequestConfiguration(query_parameters=Query(filter="nonsense eq")))
        ),
        "search alone": await refused(
            graph.users.get(RequestConfiguration(query_parameters=Query(search='"displayName:Ada"')))
        ),
        "delta": [
            await refused(collection.delta.get())
            for collection in (graph.users, graph.groups, graph.applications)
        ],
        "cast": await refused(graph.groups.by_group_id(group.id).members.graph_user.get()),
    }


async def batch(graph: GraphServiceClient) -> dict[str, int]:
    """Status by address of a batch. For a client of its own: the library writes whole addresses into a later one."""
    asked = BatchRequestContent()
    for request in (graph.users, graph.users.by_user_id(NOBODY), graph.domains):
        asked.add_request_information(request.to_get_request_information())
    addresses = {identifier: item.url for identifier, item in asked.requests.items()}
    responded = await graph.batch.post(asked)
    return {address: responded.responses[key].status for key, address in addresses.items()}


async def life(graph: GraphServiceClient, owner: str, person: str) -> dict[str, Any]:
    """An application from its creation until it is gone for good, as a deployment makes one."""
    own = {"owners@odata.bind": [f"{GRAPH}/directoryObjects/{owner}"]}
    made = await graph.applications.post(Application(display_name="Judged", additional_data=dict(own)))
    principal = await graph.service_principals.post(
        ServicePrincipal(app_id=made.app_id, additional_data=dict(own))
    )
    application = graph.applications.by_application_id(made.id)
    service = graph.service_principals.by_service_principal_id(principal.id)
    await service.patch(ServicePrincipal(preferred_single_sign_on_mode="saml"))
    await application.patch(
        Application(
            identifier_uris=["https://eu-api.mimecast.com/sso/CJUDGED1"],
            web=WebApplication(redirect_uris=["https://eu-api.mimecast.com/login/saml"]),
        )
    )
    end = datetime(2028, 1, 1, tzinfo=UTC)
    certificate = await service.add_token_signing_certificate.post(
        certificates.AddTokenSigningCertificatePostRequestBody(display_name="CN=Judged", end_date_time=end)
    )
    await service.patch(ServicePrincipal(preferred_token_signing_key_thumbprint=certificate.thumbprint))
    read = await service.get()
    grant = AppRoleAssignment(
        principal_id=uuid.UUID(person), resource_id=uuid.UUID(principal.id), app_role_id=uuid.UUID(int=0)
    )
    assigned = await service.app_role_assigned_to.post(grant)
    policy = await graph.policies.claims_mapping_policies.post(
        ClaimsMappingPolicy(
            display_name="judged",
            definition=[
                '{"ClaimsMappingPolicy":{"Version":1,"IncludeBasicClaimSet":"true","ClaimsSchema":[]}}'
            ],
        )
    )
    reference = f"{GRAPH}/policies/claimsMappingPolicies/{policy.id}"
    await service.claims_mapping_policies.ref.post(ReferenceCreate(odata_id=reference))
    result = {
        "certificate": {
            "kind": f"{certificate.type} {certificate.usage}",
            "end": certificate.end_date_time == end,
            "der": isinstance(certificate.key, bytes),
            "active": read.preferred_token_signing_key_thumbprint == certificate.thumbprint,
        },
        "keys": sorted(f"{key.type} {key.usage}" for key in read.key_credentials),
        "mode": read.preferred_single_sign_on_mode,
        "assigned": f"{assigned.principal_type} {assigned.principal_display_name}",
        "again": await refused(service.app_role_assigned_to.post(grant)),
        "assignments": len((await service.app_role_assigned_to.get()).value),
        "policies": [each.id == policy.id for each in (await service.claims_mapping_policies.get()).value],
    }
    await service.claims_mapping_policies.by_claims_mapping_policy_id(policy.id).ref.delete()
    await graph.policies.claims_mapping_policies.by_claims_mapping_policy_id(policy.id).delete()
    await service.app_role_assigned_to.by_app_role_assignment_id(assigned.id).delete()
    return result | {"gone": await gone(graph, made.id)}


async def gone(graph: GraphServiceClient, identifier: str) -> dict[str, Any]:
    """The application deleted, restored, deleted and purged."""
    live = graph.applications.by_application_id(identifier)
    bin_ = graph.directory.deleted_items
    foreign = await refused(live.delete())
    await live.patch(Application(identifier_uris=[]))
    await live.delete()
    after = await refused(live.get())
    listed = [each.id == identifier for each in (await bin_.graph_application.get()).value]
    await bin_.by_directory_object_id(identifier).restore.post()
    restored = (await live.get()).display_name
    await live.delete()
    await bin_.by_directory_object_id(identifier).delete()
    return {
        "with a foreign identifier": foreign,
        "after": after,
        "listed": listed,
        "restored": restored,
        "purged": await refused(bin_.by_directory_object_id(identifier).get()),
        "users": await refused(bin_.graph_user.get()),
    }


async def logs(graph: GraphServiceClient) -> list[dict[str, Any]]:
    """The audit log's entries, newest first."""
    return [
        {
            "activity": entry.activity_display_name,
            "dated": isinstance(entry.activity_date_time, datetime),
            "by": entry.initiated_by.app and entry.initiated_by.app.display_name,
            "target": [(target.type, target.display_name) for target in entry.target_resources],
        }
        for entry in (await graph.audit_logs.directory_audits.get()).value
    ]


async def main() -> None:
    """Answer the question on standard input."""
    asked = json.load(sys.stdin)
    credential = ClientSecretCredential(asked["tenant"], asked["client_id"], asked["client_secret"])
    scopes = ["https://graph.microsoft.com/.default"]
    response: dict[str, Any] = {"batch": await batch(GraphServiceClient(credential, scopes))}
    graph = GraphServiceClient(credential, scopes)
    response["people"] = await people(graph)
    person = (await graph.users.get()).value[0].id
    response["life"] = await life(graph, asked["owner"], person)
    response["domains"] = [domain.id for domain in (await graph.domains.get()).value]
    response["organization"] = [each.id for each in (await graph.organization.get()).value]
    response["templates"] = [each.display_name for each in (await graph.application_templates.get()).value]
    response["logs"] = await logs(graph)
    json.dump(response, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
