"""Why a sign-in to the Mimecast Personal Portal fails: one row per reason.

Sources: Microsoft's "Microsoft Entra authentication and authorization error codes" (AADSTS codes), "Single Sign-On SAML
protocol" and "Manage users and groups assignment to an application"; Mimecast's administrator guides "Authentication
Profiles" and "Configuring SAML for Microsoft Entra ID"; SAML 2.0 core and profiles for what a relying party validates.
It is assumed that a person in the groups of two profiles gets in with either certificate
(docs/certificates.md).

To add a reason: a row here, the line in `mimecast_sso.assessment.sign_in` that finds it, and a test in
``tests/assessment/test_sign_in.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Who refuses."""

    ENTRA = "Entra"
    MIMECAST = "Mimecast"


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One reason.

    Attributes:
        side: The system that refuses.
        code: Entra's error code, such as ``AADSTS50105``; "" where there is none.
        text: The problem, as a clause about one person or everybody.
        sees: What the person sees.
        fix: The administrator's remedy, in the imperative; a command in it has the stack ``STACK``.
        guard: The name under which a run that would cause it is refused, for people who sign in through Entra now.
        guard_joining: The same for people whom the run would newly send to Entra.
    """

    side: Side
    code: str
    text: str
    sees: str
    fix: str
    guard: str = "last-sign-in-method"
    guard_joining: str = "unprepared-people"

    def fix_for(self, stack: str) -> str:
        """The remedy for a stack, by its name."""
        return self.fix.replace("--stack STACK", f"--stack {stack}") if stack else self.fix

    @property
    def problem(self) -> str:
        """The problem, with Entra's code if it has one."""
        return f"{self.text} ({self.code})" if self.code else self.text


class Reason(StrEnum):
    """The reasons, by a name that is stable in reports."""

    APPLICATION_MISSING = "application-missing"
    APPLICATION_DISABLED = "application-disabled"
    NOT_SAML = "not-saml"
    REPLY_URL = "reply-url"
    NO_REPLY_URL = "no-reply-url"
    REPLY_URL_ELSEWHERE = "reply-url-elsewhere"
    SIGN_ON_URL_ELSEWHERE = "sign-on-url-elsewhere"
    NO_ACCOUNT = "no-account"
    ACCOUNT_DISABLED = "account-disabled"
    SHARED_MAILBOX = "shared-mailbox"
    NOT_ASSIGNED = "not-assigned"
    CONTEXT = "requested-context"
    NO_CERTIFICATE = "no-certificate"
    NO_NAME_ID = "no-name-id"
    CONDITIONAL_ACCESS = "conditional-access"
    SENT_ELSEWHERE = "sent-elsewhere"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    NAME_ID_UNKNOWN = "name-id-unknown"
    NAME_ID_OTHER = "name-id-other"
    NOT_AT_MIMECAST = "not-at-mimecast"
    ALIAS = "alias"
    ADDRESS_DISABLED = "address-disabled"
    UNASKED = "unasked-response"
    SINGLE_SIGN_ON_OFF = "single-sign-on-off"
    NOT_IN_GROUP = "not-in-group"


class Missing(StrEnum):
    """Inputs without which a sign-in cannot be judged, as a clause."""

    GROUP = "who is in the roll-out group"
    WHO_LEFT = "whether they left the roll-out group within Mimecast's 15 minutes (audit log)"
    CONSOLE = "what the console holds"
    APPLICATION = "the application in Entra"
    ACCOUNT = "whether the Entra account is enabled (User.Read.All)"
    ASSIGNMENTS = "who is assigned to the application"
    SIGNING = "which certificate Entra signs with"
    EXPIRED = "whether Mimecast accepts a response signed with an expired certificate"
    NAME_ID = "what Entra issues as NameID"
    ADDRESSES = "which addresses exist at Mimecast"

    @property
    def guard(self) -> str:
        """The name of the guard that refuses a run that depends on it."""
        return _GUARDS_OF_MISSING.get(self, _APPLICATION)


_APPLICATION = "last-sign-in-method"
_CERTIFICATE = "certificate-mismatch"
_DESTROY = "allow-destroy"
_ACCOUNT = "account"

_GUARDS_OF_MISSING = {
    Missing.SIGNING: _CERTIFICATE,
    Missing.ADDRESSES: "unprepared-people",
    Missing.ACCOUNT: "unprepared-people",
}

REASONS: dict[Reason, ReasonRow] = {
    Reason.APPLICATION_MISSING: ReasonRow(
        Side.ENTRA,
        "AADSTS700016",
        "no application in Entra has the identifier that Mimecast names",
        "Entra: the application was not found in the directory",
        "restore the application, its service principal or its identifier (mimecast-sso drift --stack STACK names it)",
        _DESTROY,
        _APPLICATION,
    ),
    Reason.APPLICATION_DISABLED: ReasonRow(
        Side.ENTRA,
        "AADSTS7000112",
        "the application is disabled in Entra",
        "Entra: the application is disabled",
        "enable it (Enterprise applications > Properties > Enabled for users to sign in)",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NOT_SAML: ReasonRow(
        Side.ENTRA,
        "",
        "the application does not use SAML for single sign-on",
        "My Apps: no tile that signs in",
        "set its single sign-on mode to SAML",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.REPLY_URL: ReasonRow(
        Side.ENTRA,
        "AADSTS50011",
        "the reply URL that Mimecast asks for is not registered on the application",
        "Entra: the reply URL does not match",
        "register the reply URL of the account's region (remove mimecast-sso:application.replyUrl)",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NO_REPLY_URL: ReasonRow(
        Side.ENTRA,
        "AADSTS500113",
        "no reply URL is registered on the application",
        "Entra: no reply address is registered",
        "register the reply URL of the account's region",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.REPLY_URL_ELSEWHERE: ReasonRow(
        Side.ENTRA,
        "",
        "Entra posts the response to a URL that is not Mimecast's in this region",
        "an error page, or a page that is not Mimecast's",
        "make the region's /login/sso/mpp the default reply URL",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.SIGN_ON_URL_ELSEWHERE: ReasonRow(
        Side.ENTRA,
        "",
        "the tile in My Apps opens a page that is not Mimecast's sign-in page for this region",
        "a page that is not Mimecast's",
        "remove mimecast-sso:application.signOnUrl",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NO_ACCOUNT: ReasonRow(
        Side.ENTRA,
        "AADSTS50034",
        "no account in Entra has this address, so nobody can sign in with it",
        "Entra: the account does not exist in this directory",
        "correct the address, or give the Entra account this mail address",
    ),
    Reason.ACCOUNT_DISABLED: ReasonRow(
        Side.ENTRA,
        "AADSTS50057",
        "the Entra account is disabled",
        "Entra: the user account is disabled",
        "enable the account, or leave the person out of mimecast-sso:rollOut",
    ),
    Reason.SHARED_MAILBOX: ReasonRow(
        Side.ENTRA,
        "AADSTS50057",
        "the account belongs to a shared mailbox, which nobody signs in with",
        "Entra: the user account is disabled",
        "leave it out of mimecast-sso:rollOut",
    ),
    Reason.NOT_ASSIGNED: ReasonRow(
        Side.ENTRA,
        "AADSTS50105",
        "not assigned to the application, neither directly nor as a direct member of an assigned group",
        "Entra: the signed-in user is not assigned to a role for the application",
        "assign them (mimecast-sso:assign), or leave them out of mimecast-sso:rollOut",
    ),
    Reason.CONTEXT: ReasonRow(
        Side.ENTRA,
        "AADSTS75011",
        "Mimecast requests an authentication context, and people who sign in by another method are refused "
        "(multi-factor authentication, Windows Hello, certificates)",
        "Entra: the authentication method doesn't match the requested one",
        "turn both authentication contexts off (mimecast-sso:authenticationProfile.contexts)",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NO_CERTIFICATE: ReasonRow(
        Side.ENTRA,
        "AADSTS50146",
        "the application has no valid signing certificate of its own",
        "Entra: the application is required to have a signing key",
        "create one (mimecast-sso rotate next --stack STACK)",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NO_NAME_ID: ReasonRow(
        Side.ENTRA,
        "",
        "the account has no value for the attribute that becomes the NameID",
        "Entra: the claim cannot be issued",
        "give the Entra account the mail address that it has at Mimecast",
    ),
    Reason.CONDITIONAL_ACCESS: ReasonRow(
        Side.ENTRA,
        "AADSTS53003",
        "a Conditional Access policy blocks the sign-in",
        "Entra: your sign-in was blocked by Conditional Access",
        "change the policy, or leave the person out of mimecast-sso:rollOut",
    ),
    Reason.SENT_ELSEWHERE: ReasonRow(
        Side.MIMECAST,
        "",
        "the authentication profile sends people to another identity provider or tenant",
        "the sign-in page of another tenant",
        "set the profile's Login URL from the run sheet",
        _ACCOUNT,
        _ACCOUNT,
    ),
    Reason.SIGNATURE: ReasonRow(
        Side.MIMECAST,
        "",
        "Entra signs with a certificate that the person's authentication profile at Mimecast does not hold",
        "Mimecast: the identity could not be validated",
        "make both sides use the same certificate (mimecast-sso rotate status --stack STACK shows both)",
        _CERTIFICATE,
        _CERTIFICATE,
    ),
    Reason.ISSUER: ReasonRow(
        Side.MIMECAST,
        "",
        "the authentication profile expects another issuer than this tenant",
        "Mimecast: the identity could not be validated",
        "set the profile's Issuer URL from the run sheet",
        _ACCOUNT,
        _ACCOUNT,
    ),
    Reason.AUDIENCE: ReasonRow(
        Side.MIMECAST,
        "",
        "the response is meant for another identifier than this account's",
        "Mimecast: the identity could not be validated",
        "remove the foreign identifier from the application, or make this account's the first",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NAME_ID_UNKNOWN: ReasonRow(
        Side.MIMECAST,
        "",
        "the NameID that Entra issues is not an address at Mimecast",
        "Mimecast: not provisioned",
        "have Entra issue the mail address (mimecast-sso:application.claims: manage), or correct the mail address",
    ),
    Reason.NAME_ID_OTHER: ReasonRow(
        Side.MIMECAST,
        "",
        "the NameID that Entra issues is another person's address at Mimecast",
        "the portal of another person",
        "correct the mail addresses in Entra",
    ),
    Reason.NOT_AT_MIMECAST: ReasonRow(
        Side.MIMECAST,
        "",
        "the address does not exist at Mimecast",
        "Mimecast: not provisioned",
        "add the address (mimecast-sso:addresses, or directory synchronisation), or correct it",
    ),
    Reason.ALIAS: ReasonRow(
        Side.MIMECAST,
        "",
        "the address is an alias at Mimecast",
        "Mimecast: not provisioned",
        "use the primary address",
    ),
    Reason.ADDRESS_DISABLED: ReasonRow(
        Side.MIMECAST,
        "",
        "the address is disabled or locked at Mimecast",
        "Mimecast: the account is disabled or locked",
        "enable the address at Mimecast",
    ),
    Reason.UNASKED: ReasonRow(
        Side.MIMECAST,
        "",
        "Entra posts the response to the address for sign-ins that Mimecast started, and Mimecast started none",
        "Mimecast: this response belongs to no sign-in request",
        "make the region's /login/sso/mpp the default reply URL (mimecast-sso:application.signOn: idp)",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.SINGLE_SIGN_ON_OFF: ReasonRow(
        Side.MIMECAST,
        "",
        "the authentication profile does not allow single sign-on",
        "Mimecast: single sign-on is not allowed",
        "tick Allow Single Sign On in the profile",
        _APPLICATION,
        _APPLICATION,
    ),
    Reason.NOT_IN_GROUP: ReasonRow(
        Side.MIMECAST,
        "",
        "not in a roll-out group whose profile accepts the response",
        "Mimecast: single sign-on is not set up for this address",
        "add the person to mimecast-sso:rollOut",
    ),
}
