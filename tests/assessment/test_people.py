"""People by kind: counts and names, and the groups that Entra does not expand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment.people import EntraGroup, Kind, Person, assigned, person_of, sort, statements
from providers.entra.people import User

ADA = Person("ada@example.com", "1", "Ada", "ada@example.com", "ada@example.com", enabled=True, guest=False)
GUEST = replace(ADA, address="guest@example.org", object_id="2", mail="guest@example.org", guest=True)
NO_MAIL = replace(
    ADA, address="kay@example.com", object_id="3", mail="", user_principal_name="kay@example.com"
)
OTHER_NAME = replace(ADA, address="grace@example.com", object_id="4", mail="Grace@example.com")
DISABLED = replace(ADA, address="alan@example.com", object_id="5", mail="alan@example.com", enabled=False)
SHARED = replace(
    DISABLED, address="info@example.com", object_id="6", mail="info@example.com", shared_mailbox=True
)
UNREADABLE = Person("hidden", "7", "", "", None, enabled=None, guest=None)
EVERYBODY = [ADA, GUEST, NO_MAIL, OTHER_NAME, DISABLED, SHARED, UNREADABLE]


def addresses(people: tuple[Person, ...]) -> list[str]:
    return [person.address for person in people]


def test_everybody_has_a_kind() -> None:
    found = sort(EVERYBODY, {"ada@example.com", "grace@example.com", "alan@example.com"})
    assert {kind: addresses(found.of(kind)) for kind in Kind if found.of(kind)} == {
        Kind.MEMBER: [person.address for person in EVERYBODY if person.guest is False],
        Kind.GUEST: ["guest@example.org"],
        Kind.NO_MAIL: ["kay@example.com"],
        Kind.OTHER_NAME: ["guest@example.org", "grace@example.com", "alan@example.com", "info@example.com"],
        Kind.DISABLED: ["alan@example.com"],
        Kind.SHARED_MAILBOX: ["info@example.com"],
        Kind.NOT_IN_MIMECAST: ["guest@example.org", "info@example.com"],
        Kind.UNREADABLE: ["hidden"],
    }


def test_the_summary_counts_and_the_rest_names() -> None:
    group = EntraGroup("Mimecast users", "8", (DISABLED,), ("Contractors", "Board"))
    found = sort(EVERYBODY, None)
    summary, *rest = statements(found, [group], mimecast_read=False)
    assert not summary.warns
    for part in (
        'mimecast-sso:assign covers 7 people (1 through "Mimecast users")',
        "1 guest",
        "1 without mail",
        "1 shared mailbox",
        "not in Mimecast unknown",
        "shared mailbox unknown of 1 disabled",
    ):
        assert part in summary.text
    texts = [statement.text for statement in rest]
    assert any(text.startswith("Disabled (1): alan@example.com: ") for text in texts)
    assert texts[-1].startswith('Group "Mimecast users" holds 2 nested groups')
    assert "Entra does not expand nested groups for app assignment" in texts[-1]


def test_the_first_twenty_are_named() -> None:
    many = [
        replace(NO_MAIL, address=f"user-{number:02}@example.com", object_id=str(number))
        for number in range(25)
    ]
    _, no_mail, *_ = statements(sort(many, set()), [], mimecast_read=True)
    assert "No mail (25): user-00@example.com" in no_mail.text
    assert "user-19@example.com and 5 more" in no_mail.text


def test_nobody_is_counted_twice() -> None:
    groups = [EntraGroup("One", "8", (ADA, GUEST)), EntraGroup("Two", "9", (GUEST, DISABLED))]
    assert [person.object_id for person in assigned([ADA], groups)] == ["1", "2", "5"]


@pytest.mark.parametrize(
    ("people", "groups", "at_mimecast"),
    [
        pytest.param([], [], set(), id="nobody"),
        pytest.param([], [], None, id="nobody, and Mimecast unknown"),
        pytest.param([ADA], [], {"ada@example.com"}, id="one member"),
        pytest.param(
            [replace(ADA, mail="ADA@example.com")], [], {"ada@example.com"}, id="case does not count"
        ),
        pytest.param(EVERYBODY, [], {"ada@example.com"}, id="every kind"),
        pytest.param(EVERYBODY, [], None, id="every kind, and Mimecast unknown"),
        pytest.param(
            [replace(DISABLED, shared_mailbox=False)], [], set(), id="a disabled account of no mailbox"
        ),
        pytest.param(
            [replace(ADA, guest=None), replace(ADA, enabled=None)], [], None, id="partly unreadable"
        ),
        pytest.param(
            [ADA, GUEST],
            [EntraGroup("One", "8", (GUEST,), ("Board",)), EntraGroup("Two", "9")],
            {"ada@example.com", "guest@example.org"},
            id="groups",
        ),
    ],
)
def test_statements_about_assigned_people(
    people: list[Person], groups: list[EntraGroup], at_mimecast: set[str] | None, snapshot: SnapshotAssertion
) -> None:
    said = statements(sort(people, at_mimecast), groups, mimecast_read=at_mimecast is not None)
    assert [f"{each.verdict}: {each}" for each in said] == snapshot


def test_a_person_goes_by_the_configured_address_else_by_what_entra_has() -> None:
    user = User("1", "Ada", "Ada@Example.com", "UPN@example.com", enabled=True, guest=False)
    assert person_of(user) == Person(
        "ada@example.com", "1", "Ada", "Ada@Example.com", "UPN@example.com", True, False
    )
    assert person_of(user, "x@example.com").address == "x@example.com"
    assert person_of(replace(user, mail="")).address == "upn@example.com"
    assert person_of(replace(user, mail="", user_principal_name=None, object_id="ID")).address == "id"
