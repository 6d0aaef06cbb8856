"""A book of 100,000 addresses: imported from files, listed back, refreshed, and nothing to change afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.mimecast.resources import AddressBookProvider
from tests.providers.plugin import running
from tests.providers.test_mimecast_calls import BUDGET, book, counted
from tests.support.sandboxes import seed_document, started

COUNT = 100_000


def peak_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line for line in status if line.startswith("VmHWM:"))
    return int(peak.split()[1]) // 1000


@pytest.mark.soak
def test_a_hundred_thousand_addresses(tmp_path: Path, tally: Callable[[str, int, str], None]) -> None:
    document = seed_document()
    document["mimecast"]["domains"] = [{"name": "example.com"}]
    inputs = book(
        {f"person{number:06d}@example.com": f"Person {number}" for number in range(COUNT)}, "forget"
    )
    pages = math.ceil(COUNT / 100)
    with started(tmp_path, document) as world:
        calls: list[int] = []
        with counted(world, calls) as plugin:
            id_, outputs = plugin.create(AddressBookProvider, inputs)
            tally("address_book_100000_apply_mb", peak_megabytes(plugin.pid), "MB")
        assert len(outputs["created"]) == COUNT
        files = math.ceil(COUNT / BUDGET["import"]["addresses_per_file"])
        assert calls[0] <= files * BUDGET["import"]["calls_per_file"] + pages + BUDGET["import"]["plus"]
        with counted(world, calls) as plugin:
            assert plugin.read(AddressBookProvider, id_, outputs) == (id_, outputs, inputs)
            tally("address_book_100000_refresh_mb", peak_megabytes(plugin.pid), "MB")
        assert calls[1] <= pages + BUDGET["refresh"]["plus"]
        before = len(world.control.journal(path="/api/user/(import|create|update).*"))
        with running(world.env) as plugin:
            plugin.configure(region="eu", accountCode="CUK25A118")
            assert plugin.diff(AddressBookProvider, id_, outputs, inputs)[0] != "DIFF_SOME"
            plugin.update(AddressBookProvider, id_, outputs, inputs)
        assert len(world.control.journal(path="/api/user/(import|create|update).*")) == before
    tally("address_book_100000_apply_calls", calls[0], "")
    tally("address_book_100000_refresh_calls", calls[1], "")
