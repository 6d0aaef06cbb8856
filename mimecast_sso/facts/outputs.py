"""The outputs of a stack, by name, for other programs and for the reference."""

from __future__ import annotations

from typing import Final

OUTPUTS: Final[dict[str, str]] = {
    "region": "The configured region.",
    "accountCode": "The configured Mimecast account.",
    "identifier": "Entity id that Mimecast uses towards Entra.",
    "replyUrl": "Assertion consumer service of the Personal Portal.",
    "signOnUrl": "Page that starts a sign-in at Mimecast.",
    "issuer": "Entra's entity id (issuer), which Mimecast has to trust.",
    "loginUrl": "Where Mimecast sends people to sign in.",
    "logoutUrl": "Where Mimecast sends people to sign out.",
    "federationMetadataUrl": "Entra's federation metadata of the application.",
    "applicationId": "Client id of the application.",
    "certificateThumbprint": "SHA-1 of the active generation's certificate, 40 hexadecimal digits in capitals.",
    "certificateExpiry": "When it expires, ISO 8601 in UTC.",
    "certificateExpiryMark": "The reminder threshold that was reached, in words.",
    "signingCertificateThumbprint": "SHA-1 of the certificate that Entra signs with.",
    "domains": "Domain → verified, pending or expired.",
    "proofRecords": "Domain → the DNS record that proves it.",
    "addresses": "The managed addresses.",
    "authenticationProfile": "The console profile's description, state, criticalFingerprint, cosmeticFingerprint.",
    "myAppsUrl": "The My Apps portal of the Entra cloud.",
}

OPTIONAL: Final[dict[str, str]] = {
    "testAccount": "With testAccount: address and object id of the test account.",
    "testAccountPassword": "With testAccount: its password, secret.",
}
"""Further outputs that a stack has if its configuration asks for them."""
