"""Provider references in people's state: short, the same on every run, loadable in every release."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import dill
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from mimecast_sso.facts.provider_references import PROVIDERS, foreign, references
from providers.edge import ReadableProvider
from providers.entra import resources as entra
from providers.mimecast import resources as mimecast
from tests.support.checkpoints import kept

ROOT = Path(__file__).resolve().parents[2]

_PRINT_ALL = """
from importlib import import_module
from mimecast_sso.facts.provider_references import PROVIDERS
from pulumi.dynamic.dynamic import serialize_provider
for type_, (module, name) in PROVIDERS.items():
    print(type_, serialize_provider(getattr(import_module(module), name)()))
"""


def printed(seed: str) -> dict[str, str]:
    """Type → pickle, as a process of its own writes it."""
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_ALL],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in done.stdout.splitlines())


def released() -> dict[str, str]:
    """Type → pickle, as the states of released versions hold it."""
    return {
        resource["type"]: resource["inputs"]["__provider"]
        for checkpoint in kept()
        for resource in checkpoint.state["checkpoint"]["latest"]["resources"]
        if "__provider" in resource.get("inputs", {})
    }


def test_pickles_do_not_depend_on_the_hash_seed() -> None:
    assert printed("0") == printed("4711")


def test_what_is_written_today_is_what_released_versions_wrote() -> None:
    """Byte for byte, whichever module holds the class today."""
    today = printed("0")
    # A checkpoint of a rotation that has retired nothing has no retired certificate; the others came later.
    assert released().keys() == today.keys() - {
        "pulumi-python:dynamic/entra:RetiredSigningCertificate",
        "pulumi-python:dynamic/entra:AccountPassword",
        "pulumi-python:dynamic/mimecast:DirectoryIntegration",
    }
    assert released().items() <= today.items()


def test_no_released_state_contains_a_foreign_provider() -> None:
    for checkpoint in kept():
        assert list(foreign(checkpoint.state["checkpoint"]["latest"]["resources"])) == []


@pytest.mark.parametrize("type_", sorted(PROVIDERS))
def test_a_reference_loads_and_is_what_the_sdk_writes(type_: str) -> None:
    module, name = PROVIDERS[type_]
    for reference in references(type_):
        provider = dill.loads(base64.b64decode(reference))  # noqa: S301  (made by this project)
        assert type(provider) is getattr(import_module(module), name)
        assert vars(provider) == {}
        assert provider.serialize_as_secret_always is False
        assert serialize_provider(provider) in references(type_)
        assert len(reference) <= 120


@pytest.mark.parametrize("module", [mimecast, entra])
def test_every_provider_is_known(module: object) -> None:
    classes = {
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, ReadableProvider)
    }
    assert {each.__name__ for each in classes} == {
        name for known, name in PROVIDERS.values() if known == module.__name__
    }
    assert {each.__module__ for each in classes} == {module.__name__}


def test_type_tokens_are_frozen() -> None:
    classes = (
        mimecast.Domain,
        mimecast.DomainVerification,
        mimecast.AddressBook,
        mimecast.Group,
        mimecast.GroupMembership,
        mimecast.AuthenticationProfile,
        mimecast.DirectoryIntegration,
    )
    assert [cls._resource_type_name for cls in classes] == [
        f"dynamic/mimecast:{cls.__name__}" for cls in classes
    ]
