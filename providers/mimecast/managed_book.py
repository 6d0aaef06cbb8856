"""The address book of a stack across runs: its writes, removals and messages."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mimecast_sso.facts.address_removal import Removal
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count
from providers.edge import NAMESPACE, Properties, ResourceError, select
from providers.mimecast import address_book
from providers.mimecast.process import process

_log = logging.getLogger(__name__)

CHECK_ONLY = "checkOnly"
"""The property that marks a book that is only checked."""


def inputs(props: Properties) -> Properties:
    """The inputs among a book's properties."""
    found = select(props, "addresses", "onRemoval", "adopt")
    # The flag exists only if it is set, so that books of earlier releases do not differ.
    return found | {CHECK_ONLY: True} if props.get(CHECK_ONLY) is True else found


def outputs(props: Properties, created: set[str]) -> Properties:
    """The outputs of a book; it created the addresses ``created``."""
    return inputs(props) | {"created": sorted(created & props["addresses"].keys())}


def checked(props: Properties) -> Properties:
    """The outputs of a book that is only checked. Warns about missing addresses."""
    addresses = props["addresses"]
    missing = address_book.missing_from(process.session().addresses.of(addresses), addresses)
    if missing:
        _log.warning(
            "%d of %d addresses do not exist at Mimecast, so these people cannot sign in: %s. Nothing is written, "
            "because directory synchronisation owns the addresses. Check it (Services > Directory Synchronization)",
            len(missing),
            len(addresses),
            enumerate_some(list(missing)),
        )
    return inputs(props) | {"created": [], "missing": list(missing)}


def looked_again(props: Properties) -> Properties:
    """Leave missing addresses out of the addresses until they exist again, so that drift shows them."""
    desired = props["addresses"] | {address: {"name": ""} for address in props.get("missing") or ()}
    found = checked(props | {"addresses": desired})
    missing = set(found["missing"])
    there = {address: entry for address, entry in sorted(desired.items()) if address not in missing}
    return found | {"addresses": there}


def _new_versions(olds: Mapping[str, JSON], news: Mapping[str, JSON]) -> list[str]:
    """Addresses whose password has to be set: those with a changed version."""
    return [
        address
        for address, entry in news.items()
        if entry.get("passwordVersion")
        and entry["passwordVersion"] != (olds.get(address) or {}).get("passwordVersion")
    ]


def password_problem(olds: Mapping[str, JSON], news: Mapping[str, JSON]) -> str:
    """Why the passwords of these entries cannot be set, or ""."""
    passwords = process.configuration.passwords
    changed = _new_versions(olds, news)
    missing = [address for address in changed if address not in passwords or not passwords[address].password]
    if missing:
        return (
            f"{NAMESPACE}:addressPasswords has no password for {enumerate_some(missing)}. Add it, or remove the "
            "address's passwordVersion"
        )
    unequal = [
        address for address in changed if passwords[address].password != passwords[address].confirmation
    ]
    if unequal:
        return (
            f"In {NAMESPACE}:addressPasswords, password and confirmation differ for {enumerate_some(unequal)}"
        )
    return ""


def converge(olds: Mapping[str, JSON], news: Properties) -> set[str]:
    """Write the configured addresses, and return those it created. ``olds``: the entries that the book had.

    Raises ResourceError and what `providers.mimecast.address_book.converge` raises.
    """
    problem = password_problem(olds, news["addresses"])
    if problem:
        raise ResourceError(problem)
    passwords = process.configuration.passwords
    changed = frozenset(_new_versions(olds, news["addresses"]))
    session = process.session()
    created = address_book.converge(
        session.client,
        session.addresses,
        {
            address: address_book.DesiredAddress(
                entry["name"], passwords[address].password if address in changed else None
            )
            for address, entry in news["addresses"].items()
        },
        managed=olds.keys(),
        adopt=news["adopt"],
        set_password=changed,
    )
    return set(created)


def refuse_removal(on_removal: str, removed: set[str]) -> None:
    """Raise ResourceError if addresses are removed although the configuration forbids it."""
    if removed and on_removal == Removal.REFUSE:
        raise ResourceError(
            f"{NAMESPACE}:addresses.onRemoval is refuse, but {count(len(removed), 'address')} would be removed: "
            f"{enumerate_some(sorted(removed))}. Keep them, or set onRemoval to disable or forget"
        )


def say_removal(on_removal: str, removed: set[str], ours: set[str]) -> None:
    """Log what a run does with removed addresses, which the program does not know."""
    disabled = sorted(removed & ours) if on_removal == Removal.DISABLE else []
    kept = sorted(removed - set(disabled))
    if disabled:
        _log.warning(
            "%s removed from the configuration, to be disabled, which ends sign-in: %s",
            count(len(disabled), "address"),
            enumerate_some(disabled),
        )
    if kept:
        _log.warning(
            "%s removed from the configuration, unchanged at Mimecast: %s",
            count(len(kept), "address"),
            enumerate_some(kept),
        )


def say_passwords(olds: Mapping[str, JSON], news: Mapping[str, JSON]) -> None:
    """Log the existing addresses of the book whose password a run sets."""
    changed = [address for address in _new_versions(olds, news) if address in olds]
    if changed:
        _log.warning(
            "The cloud password of these addresses will be set, which revokes the people's application tokens: %s",
            enumerate_some(changed),
        )


def let_go(on_removal: str, removed: set[str], ours: set[str]) -> None:
    """Disable the removed addresses that this book created or adopted, if so configured; forget the others."""
    disabled = removed & ours if on_removal == Removal.DISABLE else set()
    forgotten = sorted(removed - disabled)
    if disabled:
        session = process.session()
        address_book.disable(session.client, session.addresses, sorted(disabled))
        _log.warning(
            "Disabled at Mimecast: %s. To use one again, also list it under %s:addresses.adopt",
            enumerate_some(sorted(disabled)),
            NAMESPACE,
        )
    if forgotten:
        _log.warning("No longer managed, and unchanged at Mimecast: %s", enumerate_some(forgotten))
