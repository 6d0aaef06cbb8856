"""The sandbox's throw-away certificate authority and the listener's certificate."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Iterable
from pathlib import Path

from sandbox.environment import TRUST_FILE

_AUTHORITY_FILE = "ca.pem"
_CERTIFICATE_FILE = "listener.pem"
_NAMES_FILE = "listener.json"


def server_context(home: Path, names: Iterable[str]) -> ssl.SSLContext:
    """A TLS context for ``names``, with the certificate kept in ``home`` or a new one from a new authority.

    The authority's key is never kept, so adding a name later creates a new authority in the same file. So does a file
    that is damaged.
    """
    requested = sorted(names)
    if _kept(home, requested):
        with contextlib.suppress(ssl.SSLError):
            return _context(home)
    _issue(home, requested)
    return _context(home)


def _context(home: Path) -> ssl.SSLContext:
    """The TLS context of the files in ``home``. Raises SSLError if one of them cannot be used."""
    for file in (_AUTHORITY_FILE, TRUST_FILE):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(home / file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(home / _CERTIFICATE_FILE)
    return context


def _kept(home: Path, requested: list[str]) -> bool:
    try:
        names = json.loads((home / _NAMES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    files = (_AUTHORITY_FILE, TRUST_FILE, _CERTIFICATE_FILE)
    return bool(names == requested) and all((home / file).exists() for file in files)


def _issue(home: Path, names: list[str]) -> None:
    # Only the first start loads the certificate library.
    import trustme  # noqa: PLC0415

    authority = trustme.CA(
        organization_name="Sandbox", organization_unit_name="Throw-away authority of the sandbox"
    )
    leaf = authority.issue_cert(*names, "localhost", "127.0.0.1")
    for file in (_AUTHORITY_FILE, TRUST_FILE):
        authority.cert_pem.write_to_path(str(home / file))
    certificate = home / _CERTIFICATE_FILE
    certificate.touch(mode=0o600)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    (home / _NAMES_FILE).write_text(json.dumps(names))
