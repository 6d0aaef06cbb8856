"""Claims mapping policies, and their assignment to service principals.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/policies` and `serviceprincipals`.
"""

from __future__ import annotations

from sandbox.azuread import validation
from sandbox.azuread.graph import Graph, naming
from sandbox.azuread.resources.base import ResourceType, known_parts, last_part, parts
from sandbox.azuread.schema import Shape, Table, required
from sandbox.azuread.wire import Properties


class ClaimsMappingPolicy(ResourceType):
    table = Table(
        "ClaimsMappingPolicy",
        (
            required("definitions", Shape.STRINGS, upstream="definition", validate=validation.not_empty),
            required("displayName", validate=validation.not_empty),
        ),
    )
    ID = "/policies/claimsMappingPolicies/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        body = {"definition": planned["definitions"] or [], "displayName": planned["displayName"]}
        with naming("Could not create Claims Mapping Policy"):
            return (
                f"/policies/claimsMappingPolicies/{graph.post('/policies/claimsMappingPolicies', body)['id']}"
            )

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        with naming(f"retrieving {self._named(resource_id)}"):
            live = graph.find(resource_id)
        return live and {
            "id": resource_id,
            "definitions": live["definition"],
            "displayName": live["displayName"],
        }

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        body = {"definition": planned["definitions"], "displayName": planned["displayName"]}
        with naming(f"Could not update {self._named(resource_id)}"):
            graph.patch(resource_id, body)

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        with naming(f"Deleting {self._named(resource_id)}"):
            graph.delete(resource_id)

    def _named(self, resource_id: str) -> str:
        (policy,) = known_parts(self.ID, resource_id)
        return f'Policy Claims Mapping Policy (Claims Mapping Policy: "{policy}")'


class ServicePrincipalClaimsMappingPolicyAssignment(ResourceType):
    table = Table(
        "ServicePrincipalClaimsMappingPolicyAssignment",
        (
            required("claimsMappingPolicyId", validate=validation.policy_id, replaces=True),
            required("servicePrincipalId", validate=validation.service_principal_id, replaces=True),
        ),
    )
    ID = "/servicePrincipals/([^/]+)/claimsMappingPolicies/([^/]+)"

    def create(self, graph: Graph, planned: Properties) -> str:
        principal, policy = (
            last_part(planned["servicePrincipalId"]),
            last_part(planned["claimsMappingPolicyId"]),
        )
        named = f'Service Principal (Service Principal: "{principal}")'
        with naming(f"Creating ClaimsMappingPolicyAssignment for {named}"):
            graph.post(f"/servicePrincipals/{principal}/claimsMappingPolicies/$ref", graph.reference(policy))
        return f"/servicePrincipals/{principal}/claimsMappingPolicies/{policy}"

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        principal, policy = found
        named = f'Service Principal (Service Principal: "{principal}")'
        with naming(f"listing Claims Mapping Policy Assignments for {named}"):
            live = graph.find(f"/servicePrincipals/{principal}/claimsMappingPolicies")
        if live is None or policy not in [assigned["id"] for assigned in live["value"]]:
            return None
        return {
            "id": resource_id,
            "claimsMappingPolicyId": f"/policies/claimsMappingPolicies/{policy}",
            "servicePrincipalId": f"/servicePrincipals/{principal}",
        }

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        principal, policy = known_parts(self.ID, resource_id)
        named = f'Service Principal: "{principal}"\nClaims Mapping Policy: "{policy}"'
        with naming(f"removing Service Principal Id Claims Mapping Policy ({named})"):
            graph.delete(f"{resource_id}/$ref")
