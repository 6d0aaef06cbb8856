"""The state of one sandbox: documents in collections, kept in one SQLite file.

Emulators run in one event loop and access the world synchronously: a handler that reads, changes and writes without
awaiting in between needs no lock. Every write is committed before it returns (write-ahead log), so the world survives
a killed process.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sandbox import faults
from sandbox.faults import Fault

T = TypeVar("T")

FILE_NAME = "world.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (collection, key)
);
CREATE INDEX IF NOT EXISTS documents_by_account
    ON documents (collection, json_extract(body, '$.account'), position)
    WHERE json_extract(body, '$.account') IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_by_principal_name
    ON documents (collection, casefold(json_extract(body, '$.userPrincipalName')), position)
    WHERE json_extract(body, '$.userPrincipalName') IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_by_mail
    ON documents (collection, casefold(json_extract(body, '$.mail')), position)
    WHERE json_extract(body, '$.mail') IS NOT NULL;
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    host TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT,
    batched INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS counters (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
);
"""

INDEXED = ("userPrincipalName", "mail")
"""Properties by which `World.having` finds documents."""
_OF_A_TENANT = "entra."
"""Collections that each Entra tenant has separately. Mimecast's documents name their account instead."""
_tenant: ContextVar[str] = ContextVar("tenant", default="")

_JOURNAL_LIMIT = 50_000
_JOURNAL_TRIM = 1_000


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One request that reached the listener; ``body`` is JSON or form data with the secrets removed.

    ``batched`` marks a request inside another one (Graph's ``$batch``), which has its own entry.
    """

    number: int
    time: str
    host: str
    method: str
    path: str
    query: str
    status: int
    body: Any
    batched: bool = False


class World:
    """Documents, switches, faults and the journal of one sandbox.

    ``home`` is the sandbox's folder and ``instance`` the id that the handshake reports. Documents are JSON objects;
    ``get`` and ``all`` return copies.
    """

    def __init__(self, home: Path, instance: str) -> None:
        self.home = home
        self.instance = instance
        self._depth = 0
        self._since_trim = 0
        self._writes: Counter[str] = Counter()
        self._rollbacks = 0
        self._derived: dict[tuple[str, Callable[..., Any]], tuple[tuple[int, int], Any]] = {}
        self._db = sqlite3.connect(home / FILE_NAME, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        add_functions(self._db)
        self._db.executescript(_SCHEMA)
        self._add_missing_column()

    def _add_missing_column(self) -> None:
        """Migrate the journal of a sandbox created by an earlier version."""
        columns = {row[1] for row in self._db.execute("PRAGMA table_info(journal)")}
        if "batched" not in columns:
            self._db.execute("ALTER TABLE journal ADD COLUMN batched INTEGER NOT NULL DEFAULT 0")

    def close(self) -> None:
        """Close the file; the world stays on disk."""
        self._db.close()

    # Documents

    @contextmanager
    def of_tenant(self, tenant: str) -> Iterator[None]:
        """Within the block, Entra's documents are those of this tenant: an id, or "" for the first one."""
        before = _tenant.set(tenant)
        try:
            yield
        finally:
            _tenant.reset(before)

    def get(self, collection: str, key: str) -> dict[str, Any] | None:
        """The document, or ``None``."""
        collection = _scoped(collection)
        row = self._db.execute(
            "SELECT body FROM documents WHERE collection = ? AND key = ?", (collection, key)
        ).fetchone()
        if row is None:
            return None
        document: dict[str, Any] = json.loads(row[0])
        return document

    def put(self, collection: str, key: str, document: Mapping[str, Any]) -> None:
        """Write the document; an existing one keeps its place in the order of ``all``."""
        collection = _scoped(collection)
        self._writes[collection] += 1
        self._db.execute(
            "INSERT INTO documents (collection, key, body) VALUES (?, ?, ?)"
            " ON CONFLICT (collection, key) DO UPDATE SET body = excluded.body",
            (collection, key, json.dumps(document)),
        )

    def delete(self, collection: str, key: str) -> bool:
        """Remove the document. Returns whether it existed."""
        collection = _scoped(collection)
        self._writes[collection] += 1
        cursor = self._db.execute("DELETE FROM documents WHERE collection = ? AND key = ?", (collection, key))
        return cursor.rowcount > 0

    def all(self, collection: str) -> list[dict[str, Any]]:
        """Every document of the collection, oldest first."""
        return [document for _, document in self.items(collection)]

    def items(self, collection: str) -> list[tuple[str, dict[str, Any]]]:
        """Like ``all``, each with its key."""
        rows = self._db.execute(
            "SELECT key, body FROM documents WHERE collection = ? ORDER BY position", (_scoped(collection),)
        )
        return [(key, json.loads(body)) for key, body in rows]

    def of_account(self, collection: str, account: str) -> list[dict[str, Any]]:
        """The documents of a collection whose ``account`` is this one, oldest first.

        Indexed, so that the cost does not grow with the number of other accounts.
        """
        rows = self._db.execute(
            "SELECT body FROM documents WHERE collection = ? AND json_extract(body, '$.account') = ?"
            " ORDER BY position",
            (_scoped(collection), account),
        )
        return [json.loads(body) for (body,) in rows]

    def having(self, collection: str, name: str, values: Iterable[str]) -> list[dict[str, Any]]:
        """The documents whose property ``name``, one of ``INDEXED``, is one of the texts, oldest first.

        Case-insensitive and indexed.
        """
        if name not in INDEXED:
            raise ValueError(f"no index finds documents by {name}")
        texts = {value.casefold() for value in values}
        value = f"json_extract(body, '$.{name}')"
        rows = self._db.execute(
            "SELECT body FROM documents WHERE collection = ?"  # noqa: S608  (one of INDEXED)
            f" AND casefold({value}) IN ({', '.join('?' * len(texts))}) AND {value} IS NOT NULL"
            " ORDER BY position",
            (_scoped(collection), *texts),
        )
        return [json.loads(body) for (body,) in rows]

    def keep_newest(self, collection: str, most: int) -> None:
        """Remove all documents of the collection but the newest."""
        collection = _scoped(collection)
        self._writes[collection] += 1
        self._db.execute(
            "DELETE FROM documents WHERE collection = ? AND position <= (SELECT position FROM documents"
            " WHERE collection = ? ORDER BY position DESC LIMIT 1 OFFSET ?)",
            (collection, collection, most),
        )

    def derived(self, collection: str, build: Callable[[Iterator[tuple[str, dict[str, Any]]]], T]) -> T:
        """The result of ``build`` on the collection's ``items``, recomputed only after one of them changed.

        It is shared between callers, which must not change it.
        """
        collection = _scoped(collection)
        state = (self._writes[collection], self._rollbacks)
        kept = self._derived.get((collection, build))
        if kept is None or kept[0] != state:
            rows = self._db.execute(
                "SELECT key, body FROM documents WHERE collection = ? ORDER BY position", (collection,)
            )
            kept = (state, build((key, json.loads(body)) for key, body in rows))
            self._derived[collection, build] = kept
        value: T = kept[1]
        return value

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit several writes together, or none of them if the block raises. May be nested.

        Do not ``await`` inside: another handler's writes would join the transaction.
        """
        if self._depth:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._rollbacks += 1
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    # Time and switches

    def now(self) -> datetime:
        """The world's time, aware UTC; the setting ``clock.offset_seconds`` shifts it."""
        return datetime.now(UTC) + timedelta(seconds=float(self.setting("clock.offset_seconds", 0)))

    def setting(self, name: str, default: T) -> T:
        """The value of a switch, or ``default`` if it is not set."""
        document = self.get("settings", name)
        if document is None:
            return default
        value: T = document["value"]
        return value

    def set_setting(self, name: str, value: Any) -> None:
        """Set a switch to any JSON value; ``None`` restores its default."""
        if value is None:
            self.delete("settings", name)
        else:
            self.put("settings", name, {"value": value})

    # Faults

    def set_faults(self, rules: list[dict[str, Any]]) -> None:
        """Replace the fault rules (`sandbox.faults`)."""
        self.put("settings", "faults", {"value": rules})

    def faults(self) -> list[dict[str, Any]]:
        """The fault rules, with the remaining number of times."""
        return self.setting("faults", [])

    def fault(self, method: str, host: str, path: str) -> Fault | None:
        """The fault for a request, if any. Counts it, against the rule's remaining times too."""
        rules = self.faults()
        if not rules:
            return None
        struck = faults.strike(rules, method, host, path)
        self.set_faults(rules)
        if struck is None:
            return None
        what, fault = struck
        self._count("faults", what)
        return fault

    # What happened

    def record(
        self,
        *,
        host: str,
        method: str,
        path: str,
        query: str,
        status: int,
        body: Any,
        batched: bool = False,
    ) -> None:
        """Add a request to the journal, which keeps about the newest 50,000."""
        self._db.execute(
            "INSERT INTO journal (time, host, method, path, query, status, body, batched)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.now().isoformat(), host, method, path, query, status, json.dumps(body), batched),
        )
        self._since_trim += 1
        if self._since_trim >= _JOURNAL_TRIM:
            self._since_trim = 0
            self._db.execute(
                "DELETE FROM journal WHERE number <= (SELECT max(number) FROM journal) - ?", (_JOURNAL_LIMIT,)
            )

    def journal(
        self, *, host: str | None = None, path: str | None = None, after: int = 0
    ) -> list[JournalEntry]:
        """Requests in order; ``path`` is a regular expression to search for, ``after`` an entry's number."""
        rows = self._db.execute(
            "SELECT number, time, host, method, path, query, status, body, batched FROM journal"
            " WHERE number > ? AND (? IS NULL OR host = ?) ORDER BY number",
            (after, host, host),
        )
        entries = [_entry(row) for row in rows]
        return [entry for entry in entries if path is None or re.search(path, entry.path)]

    def record_unknown(self, method: str, host: str, path: str) -> None:
        """Count a request for a route that no emulator has."""
        self._count("unknown", f"{method} https://{host}{path}")

    def record_refused(self, target: str) -> None:
        """Count a connection that the proxy refused, as ``host:port``."""
        self._count("refused", target)

    def counts(self, kind: str) -> dict[str, int]:
        """Counts by name, of kind ``unknown`` (routes), ``refused`` (connections) or ``faults`` (injected)."""
        rows = self._db.execute("SELECT name, count FROM counters WHERE kind = ? ORDER BY name", (kind,))
        return dict(rows.fetchall())

    def _count(self, kind: str, name: str) -> None:
        self._db.execute(
            "INSERT INTO counters (kind, name, count) VALUES (?, ?, 1)"
            " ON CONFLICT (kind, name) DO UPDATE SET count = count + 1",
            (kind, name),
        )


def add_functions(database: sqlite3.Connection) -> None:
    """Register the functions that a world's indexes use; without them nothing can be written."""
    database.create_function("casefold", 1, _casefold, deterministic=True)


def _casefold(value: Any) -> str | None:
    return value.casefold() if isinstance(value, str) else None


def _scoped(collection: str) -> str:
    tenant = _tenant.get()
    return f"{collection}@{tenant}" if tenant and collection.startswith(_OF_A_TENANT) else collection


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    number, time, host, method, path, query, status, body, batched = row
    return JournalEntry(
        number, time, host, method, path, query, status, json.loads(body), batched=bool(batched)
    )
