"""What people's state holds of a provider: a short reference, the same on every run, loadable in every release."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import dill
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from providers.mimecast import resources

ROOT = Path(__file__).resolve().parents[2]

# ruff: noqa: E501
# As the first release wrote them. These stay here for good: a stack's refresh and destroy load them from state.
RELEASED = {
    "AddressBookProvider": "gASVOwAAAAAAAACMHHByb3ZpZGVycy5taW1lY2FzdC5yZXNvdXJjZXOUjBNBZGRyZXNzQm9va1Byb3ZpZGVylJOUKYGULg==",
    "AuthenticationProfileProvider": "gASVRQAAAAAAAACMHHByb3ZpZGVycy5taW1lY2FzdC5yZXNvdXJjZXOUjB1BdXRoZW50aWNhdGlvblByb2ZpbGVQcm92aWRlcpSTlCmBlC4=",
    "DomainProvider": "gASVNgAAAAAAAACMHHByb3ZpZGVycy5taW1lY2FzdC5yZXNvdXJjZXOUjA5Eb21haW5Qcm92aWRlcpSTlCmBlC4=",
    "DomainVerificationProvider": "gASVQgAAAAAAAACMHHByb3ZpZGVycy5taW1lY2FzdC5yZXNvdXJjZXOUjBpEb21haW5WZXJpZmljYXRpb25Qcm92aWRlcpSTlCmBlC4=",
    "GroupMembershipProvider": "gASVPwAAAAAAAACMHHByb3ZpZGVycy5taW1lY2FzdC5yZXNvdXJjZXOUjBdHcm91cE1lbWJlcnNoaXBQcm92aWRlcpSTlCmBlC4=",
    "GroupProvider": "gASVNQAAAAAAAACMHHByb3ZpZGVycy5taW1lY2FzdC5yZXNvdXJjZXOUjA1Hcm91cFByb3ZpZGVylJOUKYGULg==",
}

_PRINT_ALL = """
from providers.mimecast import resources
from pulumi.dynamic.dynamic import serialize_provider
for name in sorted(dir(resources)):
    if name.endswith("Provider") and not name.startswith(("_", "Readable")):
        print(name, serialize_provider(getattr(resources, name)()))
"""


def printed(seed: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", _PRINT_ALL],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_pickles_do_not_depend_on_the_hash_seed() -> None:
    assert printed("0") == printed("4711")


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_a_released_pickle_loads_and_is_still_what_is_written(name: str) -> None:
    provider = dill.loads(base64.b64decode(RELEASED[name]))  # noqa: S301  (pinned above)
    assert type(provider) is getattr(resources, name)
    assert vars(provider) == {}
    assert provider.serialize_as_secret_always is False
    assert serialize_provider(provider) == RELEASED[name]
    assert len(RELEASED[name]) <= 120


def test_every_provider_is_pinned() -> None:
    assert {line.split()[0] for line in printed("0").splitlines()} == set(RELEASED)


def test_type_tokens_are_frozen() -> None:
    classes = (
        resources.Domain,
        resources.DomainVerification,
        resources.AddressBook,
        resources.Group,
        resources.GroupMembership,
        resources.AuthenticationProfile,
    )
    assert [cls._resource_type_name for cls in classes] == [
        f"dynamic/mimecast:{cls.__name__}" for cls in classes
    ]
