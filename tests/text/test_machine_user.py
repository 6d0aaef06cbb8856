"""Users without an entry in the user database and without a home folder, as containers have them."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from mimecast_sso.text.machine_user import pulumi_home, user_name


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine knows nothing about the user."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "LNAME", "LOGNAME", "USER", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("nobody")
def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name().isdecimal()


@pytest.mark.usefixtures("nobody")
def test_a_user_without_a_home_folder_has_no_plugins_there() -> None:
    assert not pulumi_home({}).is_dir()
    assert pulumi_home({"PULUMI_HOME": "/srv/pulumi"}) == Path("/srv/pulumi")
