"""The people of the configuration in Entra: found, sorted, counted."""

from mimecast_sso.assessment.people.directory import (
    EntraGroup,
    Person,
    assigned,
    group_problem,
    person_of,
    with_mailboxes,
)
from mimecast_sso.assessment.people.sorting import Kind, Sorted, sort, statements

__all__ = [
    "EntraGroup",
    "Kind",
    "Person",
    "Sorted",
    "assigned",
    "group_problem",
    "person_of",
    "sort",
    "statements",
    "with_mailboxes",
]
