"""Mimecast objects as Pulumi resources, under the names that are in people's state.

A provider is stored as a reference to its class in this module, so the module and the names never change. The classes
themselves are in `providers.mimecast.edge`, a file each.

============================= ==================================================================================
resource                      what it stands for
============================= ==================================================================================
`Domain`                      an internal domain, registered or found, with the proof record that it needs
`DomainVerification`          the proof of a domain: published, and accepted by Mimecast
`AddressBook`                 addresses of internal domains, as one map
`Group`                       a cloud group
`GroupMembership`             who is in a group
`DirectoryIntegration`        what the account synchronises its addresses from, in a Microsoft 365 tenant
`AuthenticationProfile`       what an administrator sets in the console, and whether somebody confirmed it
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
