"""Mimecast's bulk import of users from a file: the two calls and their documented behaviour.

Sources: the API 1.0 and 2.0 reference (header ``x-mc-arg``, columns, fields of get-import-status) and the support
article on spreadsheet imports (columns are case-sensitive, a bad password fails the import). Documented nowhere:
limits of rows and size, and the values of ``status``.
"""

from __future__ import annotations

from mimecast_sso.facts.mimecast_api import Endpoint

IMPORT_USERS = Endpoint("/api/user/import-users", "Directories | Import | Edit")
"""The body is the file itself; the arguments stand in the header `ARGUMENT_HEADER`."""

GET_IMPORT_STATUS = Endpoint("/api/user/get-import-status", "Directories | Import | Read", reads=True)

ARGUMENT_HEADER = "x-mc-arg"
COLUMNS = ("email", "name")
"""The header line. The column ``password`` is left out: one bad password fails a whole file."""

ROWS_PER_FILE = 10_000
"""A choice, because no limit is documented: about half a megabyte, and one response in a few seconds."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run as a formula by the spreadsheets in which people open such files and reports."""

ENDED = ("complet", "finish", "done", "success", "succeed", "partial", "fail", "error", "cancel", "reject")
"""Prefixes, in lower case, of status texts for a finished import (assumed)."""
