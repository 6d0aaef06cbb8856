"""What a failed run says: object, cause and way out, and the provider's message below."""

from __future__ import annotations

from typing import Any

import pytest

from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.graph_refusals import REFUSALS
from mimecast_sso.operations.display import Concise
from mimecast_sso.operations.failures import Failures, lines

IDENTIFIER = "https://eu-api.mimecast.com/sso/CUK25A118"
PRINCIPAL = "6c000000-0000-4000-8000-00000000000a"
UP = "mimecast-sso up --stack prod-eu"
PREFLIGHT = "mimecast-sso preflight --stack prod-eu"
DENIED = (
    "unexpected status 403 (403 Forbidden) with error: Authorization_RequestDenied: Insufficient privileges to "
    "complete the operation."
)


TAKEN = "Another object with the same value for property {} already exists."
POLICY = {"displayName": "claims"}


def urn(type_: str, name: str = "portal") -> str:
    return f"urn:pulumi:prod-eu::mimecast-sso::mimecast-sso:index:PersonalPortalSso${type_}::{name}"


def framed(text: str, type_: str = "", verb: str = "") -> str:
    """A message of the plugin, as the engine passes it on."""
    inner = f"1 error occurred:\n\t* {text}\n\n"
    return f"1 error occurred:\n    * {verb} {urn(type_)}: {inner}" if verb else inner


def events(type_: str, message: str, op: str = "create", **inputs: Any) -> list[Any]:
    step = {"op": op, "urn": urn(type_), "type": type_, "old": None, "new": {"inputs": inputs}}
    error = {"urn": urn(type_), "severity": "error", "prefix": "error: ", "message": message}
    return [{"resourcePreEvent": {"metadata": step}}, {"diagnosticEvent": error}]


def explained(found: list[Any], verb: str = "up", **names: str) -> tuple[str, str]:
    failures = Failures("prod-eu", verb, lambda: {key.replace("_", "-"): name for key, name in names.items()})
    for event in found:
        failures.take(event)
    return failures.explain(found[-1]["diagnosticEvent"])


def graph(status: int, code: str, message: str) -> str:
    return f"unexpected status {status} ({status} Phrase) with error: {code}: {message}"


CASES = [
    (
        types.APPLICATION_IDENTIFIER,
        {"identifierUri": IDENTIFIER},
        graph(400, "Request_BadRequest", TAKEN.format("identifierUris")),
        (
            f"Identifier {IDENTIFIER} of the application was not created: another application has this identifier, or "
            f"a deleted one, which keeps it for 30 days. Find that application with {PREFLIGHT}; adopt, restore or "
            f"permanently delete it, then: {UP}."
        ),
    ),
    (
        types.APPLICATION_IDENTIFIER,
        {"identifierUri": IDENTIFIER},
        graph(
            400, "HostNameNotOnVerifiedDomain", "Values of identifierUris property must use a verified domain"
        ),
        "only for an application in SAML mode",
    ),
    (
        types.APPLICATION_IDENTIFIER,
        {"identifierUri": IDENTIFIER},
        graph(
            403,
            "Forbidden",
            "Failed to add identifier URI x. All newly added URIs must contain a tenant verified domain",
        ),
        "exempt this application from the tenant's policy",
    ),
    (
        types.APPLICATION_IDENTIFIER,
        {"identifierUri": IDENTIFIER},
        graph(409, "Directory_ConcurrencyViolation", "Please try again."),
        f"another change of the same object was under way. Rerun in a few minutes: {UP}",
    ),
    (
        types.APPLICATION_FROM_TEMPLATE,
        {"displayName": "Portal"},
        DENIED,
        'Application "Portal" was not created: the deploying principal lacks a permission or role',
    ),
    (
        types.APPLICATION_FROM_TEMPLATE,
        {"displayName": "Portal"},
        DENIED,
        "a role from Privileged Identity Management must be active during the whole run",
    ),
    (
        types.APPLICATION_FROM_TEMPLATE,
        {"displayName": "Portal"},
        "timed out waiting for replication of new application",
        "did not show it in time. Rerun in a few minutes",
    ),
    (
        types.APPLICATION_FROM_TEMPLATE,
        {"displayName": "Portal"},
        graph(
            403,
            "Directory_QuotaExceeded",
            "The directory object quota limit for the Principal has been exceeded.",
        ),
        "has reached its limit of objects",
    ),
    (
        types.SERVICE_PRINCIPAL,
        {},
        graph(
            400, "Request_MultipleObjectsWithSameKeyValue", "the service principal name x is already in use."
        ),
        f"If this run created it, the next one finds it: {UP} --refresh",
    ),
    (
        types.APP_ROLE_ASSIGNMENT,
        {"principalObjectId": PRINCIPAL},
        f"Could not create app role assignment: {DENIED}",
        "The assignment of ada@example.com to the application was not created",
    ),
    (
        types.APP_ROLE_ASSIGNMENT,
        {"principalObjectId": PRINCIPAL},
        f"Could not create app role assignment: {DENIED}",
        "Grant AppRoleAssignment.ReadWrite.All to the application of ARM_CLIENT_ID",
    ),
    (
        types.APP_ROLE_ASSIGNMENT,
        {"principalObjectId": PRINCIPAL},
        graph(400, "Request_BadRequest", "Permission being assigned already exists on the object"),
        f"Rerun with a refresh, which imports what exists: {UP} --refresh",
    ),
    (
        types.APP_ROLE_ASSIGNMENT,
        {"principalObjectId": PRINCIPAL},
        graph(400, "Request_BadRequest", "Not a valid reference update."),
        "created a moment ago",
    ),
    (
        types.APP_ROLE_ASSIGNMENT,
        {"principalObjectId": PRINCIPAL},
        graph(403, "Forbidden", "Tenant does not have a premium license"),
        "the tenant has no licence for this (Microsoft Entra ID P1 for groups). Buy it, or assign people",
    ),
    (types.USER, {"userPrincipalName": "t@example.com"}, DENIED, "Grant User.ReadWrite.All"),
    (
        types.USER,
        {"userPrincipalName": "t@example.com"},
        graph(400, "Request_BadRequest", TAKEN.format("userPrincipalName")),
        "Choose another address in mimecast-sso:testAccount",
    ),
    (types.CLAIMS_MAPPING_POLICY, POLICY, graph(429, "TooManyRequests", ""), "limits the number"),
    (types.CLAIMS_MAPPING_POLICY, POLICY, graph(429, "UnknownError", ""), "limits the number"),
    (types.CLAIMS_MAPPING_POLICY, POLICY, graph(503, "serviceNotAvailable", ""), "overloaded"),
    (types.CLAIMS_MAPPING_POLICY, POLICY, "unexpected status 502", "overloaded"),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        graph(400, "Request_BadRequest", "Invalid value specified for property 'displayName'."),
        "which its message names",
    ),
    (types.CLAIMS_MAPPING_POLICY, POLICY, graph(418, "New", "Something new"), "no documentation explains"),
    (types.CLAIMS_MAPPING_POLICY, POLICY, graph(404, "Request_ResourceNotFound", "gone"), f"{UP} --refresh"),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        graph(401, "InvalidAuthenticationToken", "expired"),
        "renew the credential",
    ),
    (types.CLAIMS_MAPPING_POLICY, POLICY, graph(407, "", ""), "Set user and password in HTTPS_PROXY"),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        'Post "https://graph.microsoft.com/v1.0/policies": EOF',
        "whether it applied the request is unknown",
    ),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        "proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused",
        "Check HTTPS_PROXY",
    ),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "no trusted TLS connection",
    ),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        "unmarshaling: json: cannot unmarshal string",
        "a proxy or the sign-in page of a network",
    ),
    (
        types.CLAIMS_MAPPING_POLICY,
        POLICY,
        "building client: unable to obtain access token: clientCredentialsToken: AADSTS7000215",
        "gave the azuread provider no token",
    ),
    (
        types.APPLICATION_REDIRECT_URIS,
        {},
        "A resource with the ID x already exists - to be managed via Terraform it needs to be imported",
        "it exists already, and this stack has not recorded it",
    ),
]


@pytest.mark.parametrize(("type_", "inputs", "message", "said"), CASES)
def test_object_cause_and_way_out_are_named(
    type_: str, inputs: dict[str, str], message: str, said: str
) -> None:
    found, raw = explained(
        events(type_, framed(message), **inputs), **{PRINCIPAL.replace("-", "_"): "ada@example.com"}
    )
    assert said in found
    assert raw == " ".join(message.split())


@pytest.mark.parametrize("each", REFUSALS)
def test_every_way_out_ends_in_a_command_or_an_instruction(each: Any) -> None:
    assert each.cause[0].islower() or each.cause.startswith("Entra")
    assert each.way_out[0].isupper()
    assert "{" in each.way_out


@pytest.mark.parametrize("verb", ["creating", "updating", "deleting", "refreshing"])
def test_the_frames_of_pulumi_and_terraform_are_left_out(verb: str) -> None:
    twice = f"Could not create it: {DENIED}: Could not create it: {DENIED}"
    found, raw = explained(
        events(types.SERVICE_PRINCIPAL, framed(twice, types.SERVICE_PRINCIPAL, verb), "update")
    )
    assert found.startswith("The service principal of the application was not updated: ")
    assert raw == f"Could not create it: {DENIED}"


def test_the_log_line_of_the_real_plugin_is_the_same_failure() -> None:
    once = events(types.SERVICE_PRINCIPAL, framed(DENIED))
    log = f"sdk-v2/provider2.go:572: sdk.helper_schema: {DENIED}: provider=azuread@6.11.1"
    assert len(lines([*once, *events(types.SERVICE_PRINCIPAL, log)], Failures("prod-eu"))) == 1


def test_a_refused_read_of_the_program_is_no_traceback() -> None:
    message = (
        "Program failed with an unhandled exception:\nTraceback (most recent call last):\n  File x\n"
        "Exception: invoke of azuread:index/getApplication:getApplication failed: invocation of "
        "azuread:index/getApplication:getApplication returned an error: invoking "
        f"azuread:index/getApplication:getApplication: 1 error occurred:\n\t* {DENIED}"
    )
    found, raw = explained(events(types.STACK, message))
    assert found.startswith("The application was not read: the deploying principal lacks")
    assert "Grant Application.Read.All" in found
    assert "Traceback" not in raw


def test_errors_of_this_projects_providers_are_explained_too() -> None:
    message = (
        "Microsoft Graph, PATCH /servicePrincipals/x: Insufficient privileges to complete the operation. "
        "(Authorization_RequestDenied, request 6c00)"
    )
    found, raw = explained(events(types.ACTIVE_SIGNING_CERTIFICATE, message, "update"))
    assert found.startswith("The active signing certificate was not updated: the deploying principal lacks")
    assert raw == message


@pytest.mark.parametrize(
    ("verb", "command"),
    [("up", UP), ("preview", "mimecast-sso preview --stack prod-eu"), ("destroy", "mimecast-sso down --stack prod-eu")],
)  # fmt: skip
def test_the_command_to_rerun_is_the_one_that_failed(verb: str, command: str) -> None:
    found, _ = explained(events(types.SERVICE_PRINCIPAL, graph(503, "", ""), "delete"), verb)
    assert f"Rerun in a few minutes: {command}." in found


@pytest.mark.parametrize(
    "message", ["Refused by guard account: …", "Mimecast's gateway cannot be reached (POST /api/x)"]
)
def test_messages_that_are_explained_where_they_are_raised_stay(message: str) -> None:
    assert explained(events(types.GROUP, message)) == ("", "")


def test_a_name_from_the_stack_file_or_the_directory_controls_no_terminal() -> None:
    found, raw = explained(
        events(
            types.APPLICATION_FROM_TEMPLATE, f"a\x1b[2J\n::warning::{DENIED}", displayName="x\x1b]0;y\x07z"
        )
    )
    assert found.startswith('Application "xz" was not created')
    assert "\x1b" not in found + raw
    assert "\n" not in raw
    assert "::warning" not in raw.replace(": :", "")


def test_the_display_shows_the_raw_message_below_the_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    show = Concise("Deploying prod-eu", failures=Failures("prod-eu"))
    ended = "an unhandled error occurred: program exited with non-zero exit code: 1"
    for event in [
        *events(types.SERVICE_PRINCIPAL, framed(DENIED)),
        *events(types.SERVICE_PRINCIPAL, framed(DENIED)),
        *events(types.STACK, ended),
    ]:
        show.take(event)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: The service principal of the application was not created: ")
    assert second == f"    {DENIED}"
