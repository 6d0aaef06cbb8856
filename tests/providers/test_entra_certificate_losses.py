"""External changes that one of our writes undid: planted between the last read and the write, found in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from mimecast_sso.provenance import How, Verdict
from providers.entra import certificate_losses, directory_audits, resources, signing_certificates
from providers.entra.certificate_losses import LogReview, Ours
from providers.entra.directory_audits import Actor, AuditEntry, LoggedCredential
from providers.entra.edge import retired_signing_certificate
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate, subject
from sandbox import credentials
from sandbox.entra.tokens import LEAST_ROLES
from tests.support.interrupted import BEFORE_ACTIVATING, BEFORE_RETIRING, Interrupted
from tests.support.sandboxes import ADA, GRACE, RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
THEIRS = "CN=Microsoft Azure Federated SSO Certificate"
SWITCHES = (
    "entra.deployer_roles",
    "entra.directory_audit_activations",
    "entra.directory_audit_delay_seconds",
    "entra.directory_audit_keys",
    "entra.page_size",
)

pytestmark = pytest.mark.usefixtures("on_the_sandbox", "switches")


@pytest.fixture
def principal(sandbox: RunningSandbox) -> str:
    """The object id of a service principal that the deployment owns."""
    return str(sandbox.instantiate("Losses")["servicePrincipal"]["id"])


@pytest.fixture
def certificates(sandbox: RunningSandbox, principal: str) -> list[str]:
    """The thumbprints of two generations, the first of which is active."""
    return [add(sandbox.graph(), principal, subject(label)) for label in ("2026", "2027")]


def add(graph: requests.Session, principal: str, name: str) -> str:
    url = f"{GRAPH}/servicePrincipals/{principal}/addTokenSigningCertificate"
    return str(graph.post(url, json={"displayName": name}, timeout=30).json()["thumbprint"])


def activate(graph: requests.Session, principal: str, thumbprint: str) -> None:
    body = {"preferredTokenSigningKeyThumbprint": thumbprint}
    graph.patch(f"{GRAPH}/servicePrincipals/{principal}", json=body, timeout=30).raise_for_status()


def judged(sandbox: RunningSandbox, principal: str, *settled: str, **retired: str) -> LogReview:
    """By the deployment, whose configuration names the removed ones: label → thumbprint."""
    client = GraphClient(sandbox.env)
    live, now = signing_certificates.read(client, principal), client.now()
    entries = directory_audits.since(client, principal, now - certificate_losses.RETENTION)
    labels = {thumbprint: label.removeprefix("_") for label, thumbprint in retired.items()}
    ours = Ours(credentials.DEPLOYER_OBJECT_ID, labels, {}, frozenset(settled))
    return certificate_losses.review(entries, live, now, ours)


@pytest.mark.parametrize("form", ["lists", "differences"])
def test_a_certificate_added_just_before_the_write_is_named_once_the_log_has_it(
    sandbox: RunningSandbox, principal: str, certificates: list[str], form: str
) -> None:
    sandbox.control.set("entra.directory_audit_keys", form)
    sandbox.control.set("entra.page_size", 2)
    portal, theirs = sandbox.portal(ADA), []
    client = Interrupted(
        sandbox.env, {BEFORE_RETIRING: lambda: theirs.append(add(portal, principal, THEIRS))}
    )
    done = signing_certificates.retire(client, principal, certificates[1])
    assert done.left.thumbprints == {certificates[0]}, "Graph's responses show nothing of it"
    assert theirs

    sandbox.control.set("entra.directory_audit_delay_seconds", 300)
    assert judged(sandbox, principal).losses == ()
    sandbox.control.set("entra.directory_audit_delay_seconds", None)
    found = judged(sandbox, principal, _2027=certificates[1])
    (loss,) = found.losses
    assert loss.what == f"certificate {THEIRS}, key {loss.reference}"
    assert loss.done.startswith(f"added by {ADA} at ")
    assert loss.undone.startswith("the write by Single sign-on deployment at ")
    assert found.gaps == ()
    assert judged(sandbox, principal, loss.reference, _2027=certificates[1]).losses == ()


def test_an_activation_that_was_overwritten_is_named(
    sandbox: RunningSandbox, principal: str, certificates: list[str]
) -> None:
    portal = sandbox.portal(GRACE)
    theirs = add(portal, principal, THEIRS)
    client = Interrupted(sandbox.env, {BEFORE_ACTIVATING: lambda: activate(portal, principal, theirs)})
    after = signing_certificates.activate(client, principal, certificates[1], replace=True)
    assert after.preferred == certificates[1], "Graph's responses show nothing of it"
    (loss,) = judged(sandbox, principal).losses
    assert str(loss).startswith(f"activation of {theirs}, done by {GRACE} at ")


def test_intended_changes_are_no_loss(
    sandbox: RunningSandbox, principal: str, certificates: list[str]
) -> None:
    """Ours is removed by name, theirs by another person in the portal, or by the one who added it."""
    portal = sandbox.portal(ADA)
    for _ in range(2):
        signing_certificates.retire(_as(portal, sandbox), principal, add(portal, principal, THEIRS))
    theirs = add(portal, principal, THEIRS)
    signing_certificates.retire(_as(sandbox.portal(GRACE), sandbox), principal, theirs)
    signing_certificates.retire(GraphClient(sandbox.env), principal, certificates[1])
    found = judged(sandbox, principal)
    assert (found.losses, found.gaps) == ((), ())


def _as(portal: requests.Session, sandbox: RunningSandbox) -> GraphClient:
    """The same client with a person's token."""
    client = GraphClient(sandbox.env)
    token = str(portal.headers["Authorization"]).removeprefix("Bearer ")
    client._token = lambda: token  # type: ignore[method-assign]
    return client


def test_without_access_to_the_log_both_permissions_are_named(
    sandbox: RunningSandbox, principal: str
) -> None:
    sandbox.control.set("entra.deployer_roles", list(LEAST_ROLES))
    with pytest.raises(GraphError) as refused:
        directory_audits.since(GraphClient(sandbox.env), principal, datetime.now(UTC))
    why = directory_audits.unavailable(refused.value)
    assert why
    assert "AuditLog.Read.All and Directory.Read.All" in why


def test_a_cloud_without_the_log_is_named(sandbox: RunningSandbox, principal: str) -> None:
    route = {"host": "graph.microsoft.com", "method": "GET", "path": ".*/auditLogs/.*"}
    sandbox.control.faults(
        route | {"status": 404, "body": {"error": {"code": "x", "message": "y"}}, "times": 1}
    )
    with pytest.raises(GraphError) as refused:
        directory_audits.since(GraphClient(sandbox.env), principal, datetime.now(UTC))
    assert "China" in (directory_audits.unavailable(refused.value) or "")


def test_removed_keys_are_kept_in_the_state(
    sandbox: RunningSandbox, principal: str, certificates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retired_signing_certificate, "shared_client", lambda: GraphClient(sandbox.env))
    provider = resources.RetiredSigningCertificateProvider()
    desired = {"servicePrincipalId": principal, "thumbprint": certificates[1], "gone": None}
    made = provider.create(desired).outs
    assert made
    assert (made["gone"], len(made["keyIds"])) == (True, 2)
    assert provider.read("id", made).outs == made
    assert provider.update("id", made, desired).outs == made, "gone already: what was recorded stays"
    older = {key: value for key, value in made.items() if key != "keyIds"}
    assert provider.read("id", older).outs == older, "a state from before shows no difference"


# What the log may say otherwise

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
US, BOB = Actor("us", "deployment", is_person=False), Actor("bob", "bob@example.com", is_person=True)
ACTIVE = SigningCertificate("A", subject("2026"), NOW - timedelta(days=300), NOW, "key-a", "a")
LIVE = PrincipalCertificates((ACTIVE,), "A", frozenset({"key-a", "sign-a"}))


def row(activity: str, *properties: tuple[str, str | None, str | None], **values: Any) -> dict[str, Any]:
    changed = [dict(zip(("displayName", "oldValue", "newValue"), each, strict=True)) for each in properties]
    return {
        "id": "1",
        "result": "success",
        "activityDisplayName": activity,
        "activityDateTime": f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.1234567Z",
        "initiatedBy": {"user": {"id": "bob", "userPrincipalName": "bob@example.com"}, "app": None},
        "targetResources": [{"id": "P", "modifiedProperties": changed}],
        **values,
    }


class Log:
    """Graph with these rows."""

    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self._rows = rows

    def list(self, _path: str, **_query: str) -> Iterator[dict[str, Any]]:
        return iter([dict(each) for each in self._rows])


def told(*rows: Mapping[str, Any]) -> LogReview:
    entries = directory_audits.since(Log(*rows), "p", NOW - timedelta(days=30))
    return certificate_losses.review(entries, LIVE, NOW, Ours("us", {}, {}))


ADDED = "Add service principal credentials"
UPDATED = "Included Updated Properties"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (row(ADDED), "shows no credentials"),
        (row(ADDED, ("KeyDescription", None, None)), "shows no credentials"),
        (row(ADDED, ("KeyDescription", "[]", '"text"')), "are not a list"),
        (row(ADDED, ("KeyDescription", "[]", '["KeyIdentifier=1"]')), "unknown form"),
        (row(ADDED, ("KeyDescription", "[]", '[{"KeyIdentifier": "1"}]')), "unknown form"),
        (row(ADDED, ("KeyDescription", "[]", "not JSON")), "Expecting value"),
        (row(ADDED, ("KeyDescription", "[]", "[]"), result="timeout"), "its result is timeout"),
        (row("Update service principal", ("PreferredTokenSigningKeyThumbprint", "1", "2")), "thumbprint"),
        (
            row("Update service principal", (UPDATED, None, '"PreferredTokenSigningKeyThumbprint"')),
            "does not show it",
        ),
    ],
)
def test_what_cannot_be_read_is_unknown(entry: dict[str, Any], why: str) -> None:
    found = told(entry)
    assert found.losses == ()
    (unknown,) = found.gaps
    assert (unknown.how, unknown.verdict) == (How.UNKNOWN, Verdict.UNKNOWN)
    assert why in str(unknown)
    assert "bob@example.com" in unknown.text


@pytest.mark.parametrize(
    "entry",
    [
        row("Update service principal", (UPDATED, None, '"AppRoles"')),
        row("Update service principal", (UPDATED, None, '""')),
        row(ADDED, ("KeyDescription", "[]", "not JSON"), result="failure"),
        row(ADDED, ("KeyDescription", "[]", "not JSON"), targetResources=[{"id": "another"}])
        | {"activityDisplayName": "Add owner to service principal"},
    ],
)
def test_unrelated_entries_are_ignored(entry: dict[str, Any]) -> None:
    found = told(entry)
    assert (found.losses, found.gaps) == ((), ())


def test_a_display_name_may_hold_anything() -> None:
    shown = '["[KeyIdentifier=AB-1,KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName=CN=a, O=[b],KeyUsage=x]"]'
    (entry,) = directory_audits.since(Log(row(ADDED, ("KeyDescription", None, shown))), "p", NOW)
    expected = LoggedCredential("ab-1", "AsymmetricX509Cert", "Verify", "CN=a, O=[b],KeyUsage=x")
    assert entry.added == {expected}
    assert entry.by == BOB


def _came_and_went(by: Actor, after: timedelta, *others: LoggedCredential) -> list[AuditEntry]:
    theirs = LoggedCredential("key-x", "AsymmetricX509Cert", "Verify", THEIRS)
    begin = NOW - timedelta(hours=2)
    return [
        AuditEntry("1", begin, BOB, added=frozenset({theirs})),
        AuditEntry("2", begin + after, by, removed=frozenset({theirs, *others})),
    ]


OURS = LoggedCredential("key-2025", "AsymmetricX509Cert", "Verify", subject("2025"))
OTHER = LoggedCredential("key-y", "AsymmetricX509Cert", "Verify", THEIRS)
SOON, LATER = timedelta(seconds=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("by", "after", "others", "lost"),
    [
        (US, SOON, [], True),
        (Actor("other", "another deployment", is_person=False), SOON, [], True),
        (US, LATER, [], False),  # It had been read, so it was meant.
        (US, LATER, [OURS], True),  # Two went, and one was named.
        (US, LATER, [OTHER], True),  # Two went, and the run that named one of them died.
        (BOB, SOON, [], False),
        (BOB, SOON, [OTHER], False),
        (BOB, SOON, [OURS], True),  # Bob deploys, and works in the portal too.
        (Actor("eve", "eve@example.com", is_person=True), SOON, [], False),
    ],
)
def test_which_removals_are_losses(
    by: Actor, after: timedelta, others: list[LoggedCredential], lost: bool
) -> None:
    ours = Ours("us", {"T": "2025"}, {})
    found = certificate_losses.review(_came_and_went(by, after, *others), LIVE, NOW, ours)
    assert bool(found.losses) == lost
    recorded = Ours("us", {"X": "taken over"}, {"X": frozenset({"key-x"})})
    assert certificate_losses.review(_came_and_went(by, after), LIVE, NOW, recorded).losses == ()


def test_a_log_without_what_is_known_to_have_happened_is_not_relied_on() -> None:
    young = SigningCertificate("B", subject("2027"), NOW - timedelta(days=2), NOW, "key-b", "b")
    live = PrincipalCertificates((ACTIVE, young), "A", frozenset({"key-a", "key-b"}))
    found = certificate_losses.review([], live, NOW, Ours("us", {}, {}))
    assert "does not show that B was added" in _open(found)[0]
    gone = certificate_losses.review(_came_and_went(BOB, SOON)[:1], LIVE, NOW, Ours("us", {}, {}))
    assert "no entry shows by whom yet" in _open(gone)[0]


def test_an_activation_replaced_later_is_reported_and_no_failure() -> None:
    def activations(after: timedelta) -> list[AuditEntry]:
        begin = NOW - timedelta(hours=2)
        return [
            AuditEntry("1", begin, BOB, activated=("A", "X")),
            AuditEntry("2", begin + after, US, activated=("X", "A")),
        ]

    ours = Ours("us", {}, {})
    soon, later, long = (
        certificate_losses.review(activations(timedelta(minutes=minutes)), LIVE, NOW, ours)
        for minutes in (0.5, 10, 60)
    )
    assert [loss.reference for loss in soon.losses] == ["1"]
    assert (later.losses, "activation of X" in _open(later)[0]) == ((), True)
    assert (long.losses, long.gaps) == ((), ())


def _open(found: LogReview) -> list[str]:
    """What may be a loss or not, in words."""
    return [each.text for each in found.gaps if each.verdict is Verdict.OPEN]
