"""The audit log: the call that reads it, which of its events are log-ons, and which touch what decides sign-ins.

Documented: the path, the permission, and that an event has ``auditType``, ``category``, ``eventInfo``,
``eventTime`` and ``user``. Recorded (test data of Elastic's Mimecast integration): the types in `LOG_ON_EVENTS`;
no recording shows a log-on over SAML, so whether one that fails validation is logged at all, and with whose address,
is unknown. **Assumed**: everything in `SIGN_IN_EVENTS` and `SIGN_IN_CATEGORIES`. No public source
shows the event of a change of an authentication profile or of application settings; so any event is taken for one
whose type contains such words, or whose details do where the category is the account's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mimecast_sso.facts.mimecast_api import Endpoint

GET_AUDIT_EVENTS = Endpoint("/api/audit/get-audit-events", "Account | Logs | Read", reads=True, page_size=100)

LOG_ON_EVENTS: Mapping[str, bool] = {"User Logged On": True, "Logon Authentication Failed": False}
"""Types of events that are log-ons, and whether the person got in."""

GROUP_EVENT = "Folder Log Entry"
"""The type of an event of a group or its members (recorded; its details are not documented)."""

MEMBER_ADDED = re.compile(r"Action Performed - Added (?P<member>\S+) to (?P<group>.+)")
MEMBER_REMOVED = re.compile(r"Action Performed - Removed (?P<member>\S+) from (?P<group>.+)")
"""The details of an event of a group's member. Assumed: no public source shows them. A whole domain has no @."""

SIGN_IN_EVENTS: tuple[str, ...] = ("authentication profile", "application setting")
"""Words, in lower case, in the type or the details of an event. Assumed: see above."""

SIGN_IN_CATEGORIES: tuple[str, ...] = ("account_logs",)
"""Categories whose details are searched as well. Assumed: see above."""


def touches_sign_in(audit_type: str, category: str, details: str) -> bool:
    """Whether an event is taken for a change of a profile or of application settings."""
    text = f"{audit_type} {details if category in SIGN_IN_CATEGORIES else ''}".lower()
    return any(words in text for words in SIGN_IN_EVENTS)
