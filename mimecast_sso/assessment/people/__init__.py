"""The people of the configuration as Entra knows them: found, sorted, counted."""

from mimecast_sso.assessment.people.directory import (
    EntraGroup,
    Person,
    assigned,
    find_by_mail,
    find_groups,
    find_users,
    ids_in_groups,
)
from mimecast_sso.assessment.people.sorting import Kind, Sorted, remarks, sort

__all__ = [
    "EntraGroup",
    "Kind",
    "Person",
    "Sorted",
    "assigned",
    "find_by_mail",
    "find_groups",
    "find_users",
    "ids_in_groups",
    "remarks",
    "sort",
]
