"""The Mimecast side at scale: a refresh of many addresses, and the first creation of ten thousand, both ways.

Calls are those that the gateway counted, the token's included. The quota is the sandbox's default, which is the one
seen in recordings: 800 calls in 5 seconds.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from providers.mimecast import from_environment
from providers.mimecast.address_book import DesiredAddress, Listing, converge
from providers.mimecast.resources import AddressBookProvider
from tests.bench.figures import Figure, megabytes, ratio, seconds, timed
from tests.providers.plugin import Plugin, running
from tests.support.sandboxes import ACCOUNT_CODE, RunningSandbox, seed_document, started

GATEWAY = "api.services.mimecast.com"
MANY = 10_000
QUOTA_CALLS, QUOTA_SECONDS = 800, 5.0


def measure() -> Iterator[tuple[str, Figure]]:
    """``refresh_*``, ``apply_10000_*`` and ``provider_rss_mb``, the last at the end of a refresh of 10,000."""
    for count in (1_000, MANY):
        with _tenant(count) as world, _plugin(world) as plugin:
            outputs = _book("user-{:05d}", count) | {"created": []}
            elapsed = timed(lambda: _refresh(plugin, outputs))  # noqa: B023  (called at once)
            yield f"refresh_{count}_calls", Figure(_calls(world), "")
            yield f"refresh_{count}_s", seconds(elapsed)
            if count == MANY:
                yield "provider_rss_mb", megabytes(_peak_megabytes("pulumi.dynamic"))
    with _tenant(0) as world, _plugin(world) as plugin:
        plugin.create(AddressBookProvider, _book("person{:05d}", MANY))
        yield "apply_10000_csv_calls", Figure(_calls(world), "")
    with _tenant(0) as world:
        elapsed = timed(lambda: _apply_by_calls(world))
        yield "apply_10000_ratio", ratio(elapsed / (MANY * QUOTA_SECONDS / QUOTA_CALLS))


@contextmanager
def _tenant(count: int) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"] |= {"domains": [{"name": "example.com"}]}
    if count:
        document["mimecast"]["addresses"] = [{"domain": "example.com", "count": count}]
    with tempfile.TemporaryDirectory() as folder, started(Path(folder), document) as world:
        yield world


@contextmanager
def _plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as plugin:
        plugin.configure(region="eu", accountCode=ACCOUNT_CODE)
        yield plugin


def _book(pattern: str, count: int) -> dict[str, Any]:
    addresses = {
        f"{pattern.format(number)}@example.com": {"name": f"User {number}"} for number in range(1, count + 1)
    }
    return {"addresses": addresses, "onRemoval": "forget", "adopt": []}


def _refresh(plugin: Plugin, outputs: Mapping[str, Any]) -> None:
    _, seen, _ = plugin.read(AddressBookProvider, "address-book", dict(outputs))
    if seen["addresses"] != outputs["addresses"]:
        raise SystemExit("a refresh of a tenant that nobody changed found a difference")


def _calls(world: RunningSandbox) -> int:
    return len(world.control.journal(host=GATEWAY))


def _apply_by_calls(world: RunningSandbox) -> None:
    desired = {
        address: DesiredAddress(entry["name"])
        for address, entry in _book("p{:05d}", MANY)["addresses"].items()
    }
    before = dict(os.environ)
    os.environ.update(world.env)
    try:
        client = from_environment()
        created = converge(client, Listing(client), desired, import_from=MANY + 1)
    finally:
        os.environ.clear()
        os.environ.update(before)
    if len(created) != MANY:
        raise SystemExit("not all addresses were created")


def _peak_megabytes(command: str) -> float:
    """Peak memory of the child process that runs ``command``."""
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            process = Path("/proc", pid)
            if command in (process / "cmdline").read_text():
                lines = (process / "status").read_text().splitlines()
                return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    raise SystemExit("the provider's memory cannot be read on this machine")
