"""The formats of reports."""

from __future__ import annotations

from typing import Literal

Format = Literal["text", "json", "markdown", "html", "junit", "sarif"]
