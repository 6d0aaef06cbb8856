"""The common base of the edge files of this package."""

from __future__ import annotations

from pulumi.dynamic import ConfigureRequest

from providers.edge import ReadableProvider
from providers.mimecast.errors import MimecastError
from providers.mimecast.process import process, read_configuration

STORED_IN = "providers.mimecast.resources"
"""The module name under which existing state refers to the providers of this package."""


class MimecastProvider(ReadableProvider):
    """A provider that works on the account of the process."""

    expected = (MimecastError,)

    def take_configuration(self, req: ConfigureRequest) -> None:
        process.configure(read_configuration(req.config))
