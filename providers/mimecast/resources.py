"""Mimecast objects as Pulumi resources, under the names that are in people's state.

A provider is stored as a reference to its class in this module, so the module and the names never change. The classes
are in `providers.mimecast.edge`, one file each.

============================= ==================================================================================
resource                      represents
============================= ==================================================================================
`Domain`                      an internal domain, registered or found, with its proof record
`DomainVerification`          the proof of a domain: published, and accepted by Mimecast
`AddressBook`                 addresses of internal domains, as one map
`Group`                       a cloud group
`GroupMembership`             the members of a group
`DirectoryIntegration`        the integration that synchronises addresses from a Microsoft 365 tenant
`AuthenticationProfile`       the console form that an administrator sets, and its attestation
============================= ==================================================================================
"""

from providers.mimecast.edge.address_book import AddressBook, AddressBookProvider
from providers.mimecast.edge.authentication_profile import (
    AuthenticationProfile,
    AuthenticationProfileProvider,
)
from providers.mimecast.edge.directory_integration import DirectoryIntegration, DirectoryIntegrationProvider
from providers.mimecast.edge.domain import Domain, DomainProvider
from providers.mimecast.edge.domain_verification import DomainVerification, DomainVerificationProvider
from providers.mimecast.edge.group import Group, GroupProvider
from providers.mimecast.edge.group_membership import GroupMembership, GroupMembershipProvider

__all__ = [
    "AddressBook",
    "AddressBookProvider",
    "AuthenticationProfile",
    "AuthenticationProfileProvider",
    "DirectoryIntegration",
    "DirectoryIntegrationProvider",
    "Domain",
    "DomainProvider",
    "DomainVerification",
    "DomainVerificationProvider",
    "Group",
    "GroupMembership",
    "GroupMembershipProvider",
    "GroupProvider",
]
