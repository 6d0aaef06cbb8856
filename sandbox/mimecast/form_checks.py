"""The authentication profile form's validation (EMU: the rules are plausible, not documented)."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from cryptography import x509

from mimecast_sso.facts.profile_form import PROVIDER_NAMES
from sandbox.mimecast import policy

Errors = dict[str, str]
"""Error messages by field key."""

PROVIDERS = tuple(sorted((*PROVIDER_NAMES, "AD FS", "Google", "Okta", "OneLogin", "Other")))
"""The list's entries; the vendor's full list is not documented."""

_ENFORCE_BOXES = ("enforceAdministrationConsole", "enforcePersonalPortal", "enforceEndUserApplications")
_NEEDED_FOR_SAML = ("provider", "issuerUrl", "loginUrl", "certificate")
_LINKS = ("metadataUrl", "issuerUrl", "loginUrl", "logoutUrl")


def profile_errors(form: policy.Form) -> Errors:
    """The errors of a form's values."""
    errors: Errors = {}
    if not form["description"]:
        errors["description"] = "Enter a description."
    if any(form[box] for box in (*_ENFORCE_BOXES, "allowSingleSignOn")):
        errors |= {key: "Required for SAML." for key in _NEEDED_FOR_SAML if not form[key]}
    if form["provider"] not in ("", *PROVIDERS):
        errors["provider"] = "Choose a provider from the list."
    errors |= {key: "Must be a URL." for key in _LINKS if form[key] and not _is_url(form[key])}
    if form["monitorMetadataUrl"] and not form["metadataUrl"]:
        errors["metadataUrl"] = "Required for monitoring."
    if form["certificate"]:
        problem = _certificate_problem(form["certificate"])
        if problem:
            errors["certificate"] = problem
    return errors


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not any(char.isspace() for char in text)
    )


def _certificate_problem(body: str) -> str:
    if "-----" in body:
        return "Paste the certificate without its BEGIN and END lines."
    try:
        x509.load_der_x509_certificate(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        return "Must be a base-64 encoded X.509 certificate."
    return ""
