"""Make source distributions reproducible: `python tools/repack.py ARCHIVE…`, with the time in SOURCE_DATE_EPOCH.

setuptools writes the files' times, owners and modes as they are on the machine, and the time of packing.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path


def repack(archive: Path, time: int) -> None:
    """Replace the `.tar.gz` by one with the same files, sorted, that shows nothing of the machine it was made on."""
    packed = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=packed, mode="w") as new:
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.linkname = member.type, member.size, member.linkname
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            plain.mtime = time
            new.addfile(plain, old.extractfile(member) if member.isfile() else None)
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=time))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        repack(Path(name), int(os.environ["SOURCE_DATE_EPOCH"]))
