"""Pulumi resources that azuread lacks, under the names that are in people's state.

A provider is stored as a reference to its class in this module, so the module and the names never change. The classes
are in `providers.entra.edge`, one file each.
"""

from providers.entra.edge.account_password import AccountPassword, AccountPasswordProvider
from providers.entra.edge.active_signing_certificate import (
    ActiveSigningCertificate,
    ActiveSigningCertificateProvider,
)
from providers.entra.edge.default_reply_url import DefaultReplyUrl, DefaultReplyUrlProvider
from providers.entra.edge.retired_signing_certificate import (
    RetiredSigningCertificate,
    RetiredSigningCertificateProvider,
)

__all__ = [
    "AccountPassword",
    "AccountPasswordProvider",
    "ActiveSigningCertificate",
    "ActiveSigningCertificateProvider",
    "DefaultReplyUrl",
    "DefaultReplyUrlProvider",
    "RetiredSigningCertificate",
    "RetiredSigningCertificateProvider",
]
