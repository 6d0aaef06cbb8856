"""Read text and JSON files that people edit and export, in the encodings of their programs."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

from mimecast_sso.facts.json_types import JSON

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableTextError(ValueError):
    """A file that cannot be read as text; ``why`` completes a sentence and quotes nothing from it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark, as Excel saves it.

    Raises:
        UnreadableTextError: The file is missing, not readable, or in another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableTextError(f"cannot be read: {error.strerror}") from None
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableTextError(f"is not text in UTF-8 (line {line}); save it as UTF-8") from None
    if "\0" in text:
        raise UnreadableTextError("is not a text file; save it as UTF-8")
    return text


def mentions(path: Path, word: str) -> bool:
    """Whether a file has a word, in any encoding that `read_text` reads, without parsing it. Raises OSError."""
    content = path.read_bytes()
    return any(word.encode(encoding) in content for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def parse_json(text: str | bytes, each_object: Callable[[dict[str, JSON]], JSON] | None = None) -> JSON:
    """Parse an untrusted JSON document; what ``each_object`` returns stands for an object.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, object_hook=each_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None
