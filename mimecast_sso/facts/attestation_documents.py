"""The documents of an attestation and of later evidence, as stack files and states hold them.

Times are UTC as ``2026-11-01T09:00:00Z``. Whoever reads one from a file or a state may find any key missing.
"""

from __future__ import annotations

from typing import TypedDict


class Attestation(TypedDict, total=False):
    """A person's word that the console holds the values with a critical fingerprint."""

    fingerprint: str
    by: str
    at: str
    """By Mimecast's clock."""
    evidence: str


class CapturedRequestDocument(TypedDict, total=False):
    """A sign-in request that Mimecast sent, compared with the form of a fingerprint."""

    fingerprint: str
    at: str
    differs: list[str]
    """The values that differ; empty if all agree."""


class ReadBackDocument(TypedDict, total=False):
    """A copy of the console's forms that agreed with the values of a fingerprint."""

    fingerprint: str
    at: str


class ConsoleChangeDocument(TypedDict, total=False):
    """A change in the console, from Mimecast's audit log."""

    at: str


class EvidenceDocument(TypedDict, total=False):
    """What was seen since an attestation; ``expired`` is the day on which it became too old."""

    request: CapturedRequestDocument
    readBack: ReadBackDocument
    change: ConsoleChangeDocument
    expired: str
