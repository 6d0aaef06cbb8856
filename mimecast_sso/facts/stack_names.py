"""Names that Pulumi gives to stacks.

Source: "Stacks", Create a stack, in Pulumi's documentation; the CLI refuses other names.
"""

from __future__ import annotations

import re
from typing import Final

STACK_NAME_CHARACTERS: Final = "letters, digits, dots, hyphens and underscores"
_LONGEST: Final = 100
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]")


def is_stack_name(text: str) -> bool:
    """Whether a stack can have this name. Names of files can be anything, also commands of a shell."""
    return legal(text) == text != ""


def legal(text: str) -> str:
    """The text with other characters replaced, for reports about a file whose name is not that of a stack."""
    return _ILLEGAL.sub("_", text)[:_LONGEST]
