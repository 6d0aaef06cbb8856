"""Writing files whole: a reader, or a death in between, meets the old content or the new one."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write_text(path: Path, content: str) -> None:
    """Writes a file at once, in a folder that is created if need be; one that holds the content is left alone."""
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(content)
    Path(file.name).replace(path)
